//! Listening sockets: where each `listen` is bound, and whether a request comes to one of them. Chooses no server.

use hashbrown::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use super::start::{ByServer, Socket};
use crate::effective::BlockId;
use crate::effective::nginx::directives::{SERVER, STREAM_SERVER};
use crate::effective::nginx::{Config, names};
use crate::handshake::Request;
use crate::syntax::Word;
use crate::tree::{NodeRef, Tree};

/// Where a socket is bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Address {
    AnyV4,
    AnyV6,
    /// A name or an address, in lower case, an IPv6 one without brackets.
    Host(String),
    Unix(String),
}

#[derive(Clone, Debug)]
pub(super) struct Listen {
    pub(super) server: BlockId,
    pub(super) stream: bool,
    pub(super) address: Address,
    pub(super) ports: (u16, u16),
    pub(super) default: bool,
    pub(super) ssl: bool,
    pub(super) http2: bool,
    /// For datagrams, as QUIC is: no TCP connection comes here.
    pub(super) udp: bool,
    pub(super) proxy_protocol: bool,
    /// A template completes the line.
    pub(super) has_holes: bool,
    pub(super) at: Option<NodeRef>,
}

/// Whether TLS is on, and the line that turns HTTP/2 on.
type Options = (bool, Option<NodeRef>);

/// Every `listen` of a configuration.
#[derive(Default)]
pub(super) struct Sockets {
    listens: Vec<Listen>,
    /// The hosts they name, in lower case.
    hosts: HashSet<String>,
    /// Those that take one port, by that.
    by_port: HashMap<u16, Vec<usize>>,
    /// Those that take several.
    ranges: Vec<usize>,
    unix: Vec<usize>,
    /// A template fills in where some server listens.
    pub(super) has_holes: bool,
    /// The servers that others than this host itself may come to.
    reachable: HashSet<BlockId>,
}

impl Sockets {
    pub(super) fn new(tree: &Tree, config: &Config) -> Self {
        let mut listens = Vec::new();
        let mut has_holes = false;
        for (server, block) in
            config.blocks().filter(|(_, block)| block.context & (SERVER | STREAM_SERVER) != 0)
        {
            let stream = block.context == STREAM_SERVER;
            let written = config.own(server, names::LISTEN);
            // `ssl on;` makes every socket of its server one for TLS (up to 1.25.0).
            let ssl = config.nearest(server, names::SSL).written_at();
            let ssl = ssl.is_some_and(|node| tree.directive(node).arg(0).is_some_and(|word| word.is("on")));
            if written.len() == 0 && !stream {
                let address = Address::AnyV4;
                listens.push(Listen { ssl, ..Listen::bare(server, stream, address, (80, 80), None) });
            }
            for at in written {
                let directive = tree.directive(at);
                has_holes |= tree.is_template(at) && directive.arg(0).is_some_and(|word| word.is_hole());
                let Some((address, ports)) = directive.arg(0).as_ref().and_then(address) else { continue };
                let has = |word: &str| directive.args().skip(1).any(|arg| arg.is(word));
                listens.push(Listen {
                    default: has("default_server") || has("default"),
                    ssl: ssl || has("ssl"),
                    http2: has("http2"),
                    udp: has("quic") || (stream && has("udp")),
                    proxy_protocol: has("proxy_protocol"),
                    has_holes: tree.is_template(at) && directive.args().any(|word| word.is_hole()),
                    ..Listen::bare(server, stream, address, ports, Some(at))
                });
            }
        }
        Self { has_holes, ..Self::of(listens) }
    }

    fn of(listens: Vec<Listen>) -> Self {
        let mut sockets = Self::default();
        for (index, listen) in listens.iter().enumerate() {
            match listen.ports {
                _ if matches!(listen.address, Address::Unix(_)) => sockets.unix.push(index),
                (first, last) if first == last => sockets.by_port.entry(first).or_default().push(index),
                _ => sockets.ranges.push(index),
            }
            if let Address::Host(host) = &listen.address {
                sockets.hosts.insert(host.clone());
            }
            if !listen.address.is_local() {
                sockets.reachable.insert(listen.server);
            }
        }
        Self { listens, ..sockets }
    }

    /// What takes connections to a port, as it was written.
    pub(super) fn at_port(&self, port: u16) -> impl Iterator<Item = &Listen> {
        let one = self.by_port.get(&port).map_or(&[][..], Vec::as_slice);
        let several = self.ranges.iter().filter(|&&index| self.listens[index].takes(port));
        let mut found: Vec<usize> = one.iter().chain(several).copied().collect();
        found.sort_unstable();
        found.into_iter().map(|index| &self.listens[index])
    }

    pub(super) fn at_unix(&self, path: &str) -> impl Iterator<Item = &Listen> {
        let all = self.unix.iter().map(|&index| &self.listens[index]);
        all.filter(move |listen| matches!(&listen.address, Address::Unix(own) if own == path))
    }

    /// Whether a backend of this name, and at this port where it is known, may be this same configuration: asked before
    /// a request is put together.
    pub(super) fn may_be_own(&self, host: &str, port: Option<u16>) -> bool {
        let taken = |port| {
            self.by_port.contains_key(&port) || self.ranges.iter().any(|&at| self.listens[at].takes(port))
        };
        if host.starts_with("unix:") {
            return !self.unix.is_empty();
        }
        let here = host == "localhost"
            || host.starts_with("127.")
            || host.starts_with('[')
            || self.hosts.contains(host);
        here && port.is_none_or(taken)
    }

    /// The sockets of each HTTP server, with the options that its neighbours on them give (`ngx_http_add_addresses`).
    pub(super) fn by_server(&self) -> ByServer {
        let mut shared: HashMap<(&Address, (u16, u16)), Options> = HashMap::new();
        let tcp = |listen: &&Listen| !listen.stream && !listen.udp;
        for listen in self.listens.iter().filter(tcp) {
            let (ssl, http2) = shared.entry((&listen.address, listen.ports)).or_default();
            *ssl |= listen.ssl;
            *http2 = http2.or(listen.at.filter(|_| listen.http2));
        }
        let mut servers = ByServer::new();
        for listen in self.listens.iter().filter(|listen| !listen.stream) {
            let options = shared.get(&(&listen.address, listen.ports)).filter(|_| !listen.udp);
            let (ssl, http2) = options.copied().unwrap_or_default();
            let socket = Socket { at: listen.at, ssl, http2, quic: listen.udp };
            servers.entry(listen.server).or_default().push(socket);
        }
        servers
    }

    /// Whether a request that is sent on arrives at this same configuration: at a loopback address or a socket it
    /// listens on, or at an address it names.
    pub(super) fn is_own(&self, request: &Request) -> bool {
        if let Some(path) = request.host.strip_prefix("unix:") {
            return self.at_unix(path).next().is_some();
        }
        self.at_port(request.port).any(|listen| match &listen.address {
            Address::Host(host) => same_host(host, &request.host),
            Address::AnyV4 => request.host == "localhost" || request.host.starts_with("127."),
            Address::AnyV6 => request.host == "localhost" || request.host == "::1",
            Address::Unix(_) => false,
        })
    }

    /// Whether only this host itself comes to a server.
    pub(super) fn is_local(&self, server: BlockId) -> bool {
        !self.reachable.contains(&server)
    }

    /// The address that a client has at the socket where its request arrives, which is known where only this host
    /// itself comes there.
    pub(super) fn client(&self, request: &Request) -> Option<IpAddr> {
        let addresses = self.addresses(request);
        let is_v4 = |address: &Address| match address {
            Address::Host(host) => host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4() && ip.is_loopback()),
            _ => false,
        };
        (!addresses.is_empty() && addresses.iter().all(is_v4)).then_some(Ipv4Addr::LOCALHOST.into())
    }

    /// The sockets that a connection to the request's host and port may arrive at.
    pub(super) fn addresses(&self, request: &Request) -> Vec<Address> {
        if let Some(path) = request.host.strip_prefix("unix:") {
            return vec![Address::Unix(path.to_string())];
        }
        let mut seen = HashSet::new();
        let tcp = self.at_port(request.port).filter(|listen| !listen.udp).map(|listen| &listen.address);
        let mut all: Vec<Address> = tcp.filter(|address| seen.insert(*address)).cloned().collect();
        let named =
            |address: &Address| matches!(address, Address::Host(host) if same_host(host, &request.host));
        if let Some(address) = all.iter().find(|address| named(address)) {
            return vec![address.clone()];
        }
        match request.host.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => all.retain(|address| *address == Address::AnyV4),
            Ok(IpAddr::V6(_)) => all.retain(|address| *address == Address::AnyV6),
            Err(_) => {}
        }
        all
    }
}

impl Address {
    /// Whether only this host itself comes to it.
    fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Host(host) => host == "localhost" || host == "::1" || host.starts_with("127."),
            Self::AnyV4 | Self::AnyV6 => false,
        }
    }
}

impl Listen {
    fn bare(server: BlockId, stream: bool, address: Address, ports: (u16, u16), at: Option<NodeRef>) -> Self {
        Self {
            server,
            stream,
            address,
            ports,
            default: false,
            ssl: false,
            http2: false,
            udp: false,
            proxy_protocol: false,
            has_holes: false,
            at,
        }
    }

    fn takes(&self, port: u16) -> bool {
        !matches!(self.address, Address::Unix(_)) && self.ports.0 <= port && port <= self.ports.1
    }
}

fn same_host(a: &str, b: &str) -> bool {
    let loopback = |host: &str| host == "localhost" || host == "127.0.0.1" || host == "::1";
    a == b || (a == "localhost" && loopback(b)) || (b == "localhost" && loopback(a))
}

/// The (first) port of a `listen`'s first word.
pub(super) fn port(word: &Word) -> Option<u16> {
    address(word).map(|(_, (first, _))| first).filter(|&port| port > 0)
}

/// The first word of a `listen`; None where it is not one nginx takes, or holds a template's expression.
fn address(word: &Word) -> Option<(Address, (u16, u16))> {
    if word.is_hole() {
        return None;
    }
    let text = word.show().to_ascii_lowercase();
    if let Some(path) = word.show().strip_prefix("unix:") {
        return Some((Address::Unix(path.to_string()), (0, 0)));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => ("*", Some(text.as_str())),
        _ => (text.as_str(), None),
    };
    let ports = match port {
        None => (80, 80),
        Some(range) => match range.split_once('-') {
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None => {
                let port = range.parse().ok()?;
                (port, port)
            }
        },
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = match host {
        "*" | "0.0.0.0" => Address::AnyV4,
        "::" | "::0" => Address::AnyV6,
        host => Address::Host(host.to_string()),
    };
    Some((address, ports))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listened_on_may_be_this_configuration() {
        let listen = |address, ports| Listen::bare(BlockId(0), false, address, ports, None);
        let sockets = Sockets::of(vec![
            listen(Address::Host("unixhost".into()), (8080, 8080)),
            listen(Address::AnyV4, (9000, 9010)),
        ]);
        for (host, port) in [
            ("unixhost", Some(8080)),
            ("127.0.0.1", Some(8080)),
            ("localhost", Some(9005)),
            ("[::1]", Some(9010)),
            ("127.0.0.1", None),
        ] {
            assert!(sockets.may_be_own(host, port), "{host} {port:?}");
        }
        for (host, port) in [
            ("unixhost", Some(80)),
            ("127.0.0.1", Some(3000)),
            ("10.0.0.1", Some(8080)),
            ("unix:/run/x", None),
        ] {
            assert!(!sockets.may_be_own(host, port), "{host} {port:?}");
        }
    }
}
