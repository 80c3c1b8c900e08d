//! Who accepts a connection: listening sockets, and the choice of the server by its name. Knows no location.

use hashbrown::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use super::start::{ByServer, Socket};
use super::{Followed, Hop, Tracer, Unknown};
use crate::effective::nginx::directives::{SERVER, STREAM_SERVER};
use crate::effective::nginx::{Config, names, versions};
use crate::effective::regex::{Captures, Pattern};
use crate::effective::{BlockId, Value};
use crate::handshake::{Chosen, Request};
use crate::syntax::Word;
use crate::tree::{NodeRef, Tree};

/// Who takes a connection.
pub(super) enum Listener {
    Nobody(String),
    /// The connection is taken, but nothing in it is read as the request it is.
    Refuses {
        status: Option<u16>,
        why: String,
    },
    Http(BlockId),
    /// A request without TLS came to a port for TLS; this server says so.
    PlainToTls(BlockId),
    Stream(BlockId),
}

/// Where a socket is bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Address {
    AnyV4,
    AnyV6,
    /// A name or an address, in lower case, an IPv6 one without brackets.
    Host(String),
    Unix(String),
}

#[derive(Clone, Debug)]
struct Listen {
    server: BlockId,
    stream: bool,
    address: Address,
    ports: (u16, u16),
    default: bool,
    ssl: bool,
    http2: bool,
    /// For datagrams, as QUIC is: no TCP connection comes here.
    udp: bool,
    proxy_protocol: bool,
    at: Option<NodeRef>,
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
    /// The servers that others than this host itself may come to.
    reachable: HashSet<BlockId>,
}

impl Sockets {
    pub(super) fn new(tree: &Tree, config: &Config) -> Self {
        let mut listens = Vec::new();
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
                let Some((address, ports)) = directive.arg(0).as_ref().and_then(address) else { continue };
                let has = |word: &str| directive.args().skip(1).any(|arg| arg.is(word));
                listens.push(Listen {
                    default: has("default_server") || has("default"),
                    ssl: ssl || has("ssl"),
                    http2: has("http2"),
                    udp: has("quic") || (stream && has("udp")),
                    proxy_protocol: has("proxy_protocol"),
                    ..Listen::bare(server, stream, address, ports, Some(at))
                });
            }
        }
        Self::of(listens)
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
    fn at_port(&self, port: u16) -> impl Iterator<Item = &Listen> {
        let one = self.by_port.get(&port).map_or(&[][..], Vec::as_slice);
        let several = self.ranges.iter().filter(|&&index| self.listens[index].takes(port));
        let mut found: Vec<usize> = one.iter().chain(several).copied().collect();
        found.sort_unstable();
        found.into_iter().map(|index| &self.listens[index])
    }

    fn at_unix(&self, path: &str) -> impl Iterator<Item = &Listen> {
        let all = self.unix.iter().map(|&index| &self.listens[index]);
        all.filter(move |listen| matches!(&listen.address, Address::Unix(own) if own == path))
    }

    /// Whether a backend of this name, and at this port where it is known, may be this same configuration: asked before
    /// a request is put together.
    pub(super) fn may_be_own(&self, host: &str, port: Option<u16>) -> bool {
        let taken = |port| {
            self.by_port.contains_key(&port) || self.ranges.iter().any(|&at| self.listens[at].takes(port))
        };
        if host.starts_with("unix") {
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

    /// Who takes a request; what was chosen is noted in the hop.
    pub(super) fn accept(&self, tracer: &Tracer, request: &Request, hop: &mut Hop) -> Followed<Listener> {
        let mut answers: Vec<(Listener, Option<Chosen>)> = Vec::new();
        for address in self.addresses(request) {
            let socket: Vec<&Listen> = match &address {
                Address::Unix(path) => self.at_unix(path).collect(),
                _ => self.at_port(request.port).filter(|listen| listen.address == address).collect(),
            };
            answers.push(accept_at(tracer, &socket, request)?);
        }
        let Some((listener, chosen)) = answers.pop() else {
            return Ok(Listener::Nobody(format!("nobody listens on port {}", request.port)));
        };
        let same = |other: &(Listener, Option<Chosen>)| match (&other.0, &listener) {
            (Listener::Http(a), Listener::Http(b))
            | (Listener::PlainToTls(a), Listener::PlainToTls(b))
            | (Listener::Stream(a), Listener::Stream(b)) => a == b,
            (Listener::Refuses { status: a, .. }, Listener::Refuses { status: b, .. }) => a == b,
            (Listener::Nobody(_), Listener::Nobody(_)) => true,
            _ => false,
        };
        if !answers.iter().all(same) {
            return Err(Unknown(format!("which of this server's addresses `{}` is", request.host)));
        }
        hop.server = chosen;
        Ok(listener)
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
    fn addresses(&self, request: &Request) -> Vec<Address> {
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

/// Who takes a request at one socket.
fn accept_at(tracer: &Tracer, socket: &[&Listen], request: &Request) -> Followed<(Listener, Option<Chosen>)> {
    let tcp: Vec<&Listen> = socket.iter().filter(|listen| !listen.udp).copied().collect();
    let Some(first) = tcp.first() else {
        return Ok((Listener::Nobody(format!("nobody listens on port {}", request.port)), None));
    };
    let default = tcp.iter().find(|listen| listen.default).unwrap_or(first);
    let any = |flag: fn(&Listen) -> bool| tcp.iter().any(|listen| flag(listen));
    if first.stream {
        let chosen = chosen(tracer, first.server, "the stream server on this port");
        if first.proxy_protocol && !request.proxy_line {
            let why = "this port expects the PROXY protocol, and the client does not speak it".to_string();
            return Ok((Listener::Refuses { status: None, why }, Some(chosen)));
        }
        return Ok((Listener::Stream(first.server), Some(chosen)));
    }
    let at_default = |status, why: &str| {
        let refuses = Listener::Refuses { status, why: why.to_string() };
        Ok((refuses, Some(chosen(tracer, default.server, "the default server on this port"))))
    };
    let proxy_protocol = any(|listen| listen.proxy_protocol);
    if request.proxy_line && !proxy_protocol {
        return at_default(Some(400), "a PROXY line comes first, which this port takes for a broken request");
    }
    if proxy_protocol && !request.proxy_line {
        return at_default(None, "this port expects the PROXY protocol, and the client does not speak it");
    }
    let ssl = any(|listen| listen.ssl);
    if request.tls && !ssl {
        return at_default(None, "this port does not speak TLS");
    }
    if !ssl && any(|listen| listen.http2) && tracer.version < versions::HTTP2_BESIDE_HTTP1 {
        return at_default(
            None,
            "`http2` on a port without TLS refuses every HTTP/1.1 request before nginx 1.25.1",
        );
    }
    if request.tls {
        let (server, why) = by_name(tracer, &tcp, default, &name_in_tls(request))?;
        let reject = tracer.config.nearest(server, names::SSL_REJECT_HANDSHAKE).written_at();
        if reject.is_some_and(|node| tracer.tree.directive(node).arg(0).is_some_and(|word| word.is("on"))) {
            let refuses = "`ssl_reject_handshake` ends the TLS handshake for this name".to_string();
            return Ok((Listener::Refuses { status: None, why: refuses }, Some(chosen(tracer, server, why))));
        }
    }
    let host = match request.header(b"host") {
        None => Vec::new(),
        Some(Value::Known(host)) => super::uri::without_port(&host.to_ascii_lowercase()).to_vec(),
        Some(Value::Unknown(why)) => return Err(Unknown(why)),
    };
    let (server, why) = by_name(tracer, &tcp, default, &host)?;
    if !request.tls && ssl {
        return Ok((Listener::PlainToTls(server), Some(chosen(tracer, server, why))));
    }
    Ok((Listener::Http(server), Some(chosen(tracer, server, why))))
}

/// The name that a client asks for in TLS: none for an address (RFC 6066).
fn name_in_tls(request: &Request) -> Vec<u8> {
    match request.host.parse::<IpAddr>() {
        Ok(_) => Vec::new(),
        Err(_) => request.host.to_ascii_lowercase().into_bytes(),
    }
}

fn chosen(tracer: &Tracer, server: BlockId, why: &str) -> Chosen {
    let node = tracer.config.block(server).node;
    Chosen { name: tracer.server_name(server), at: node.map(|node| tracer.span(node)), why: why.to_string() }
}

/// The server of a socket whose name a host matches best: exact, `*.name` (longest), `name.*` (longest),
/// the first regular expression, else the default.
fn by_name(
    tracer: &Tracer,
    socket: &[&Listen],
    default: &Listen,
    host: &[u8],
) -> Followed<(BlockId, &'static str)> {
    let mut exact = None;
    let mut leading: Option<(usize, BlockId)> = None;
    let mut trailing: Option<(usize, BlockId)> = None;
    let mut regexes = Vec::new();
    let longer = |best: Option<(usize, BlockId)>, len| best.is_none_or(|(known, _)| len > known);
    for listen in socket {
        let server = listen.server;
        let written: Vec<_> = tracer.config.own(server, names::SERVER_NAME).collect();
        if written.is_empty() && host.is_empty() {
            exact.get_or_insert(server);
        }
        for word in written.iter().flat_map(|&node| tracer.tree.directive(node).args()) {
            if word.is_hole() {
                return Err(Unknown("a server_name that a template fills in".to_string()));
            }
            let value = word.value();
            let name = value.to_ascii_lowercase();
            if let Some(pattern) = value.strip_prefix(b"~") {
                regexes.push((server, pattern.to_vec()));
            } else if let Some(suffix) = name.strip_prefix(b"*.").or_else(|| name.strip_prefix(b".")) {
                let dotted = [b".", suffix].concat();
                if host.ends_with(&dotted) && longer(leading, suffix.len()) {
                    leading = Some((suffix.len(), server));
                }
                if name.starts_with(b".") && host == suffix {
                    exact.get_or_insert(server);
                }
            } else if let Some(prefix) = name.strip_suffix(b".*") {
                let dotted = [prefix, b"."].concat();
                if host.starts_with(&dotted) && longer(trailing, prefix.len()) {
                    trailing = Some((prefix.len(), server));
                }
            } else if name == host || (name == b"$hostname" && host.is_empty()) {
                exact.get_or_insert(server);
            }
        }
    }
    if let Some(server) = exact {
        return Ok((server, "exact server_name"));
    }
    if let Some((_, server)) = leading {
        return Ok((server, "longest wildcard server_name that begins with *"));
    }
    if let Some((_, server)) = trailing {
        return Ok((server, "longest wildcard server_name that ends with *"));
    }
    for (server, pattern) in regexes {
        match Pattern::new(&pattern, true).and_then(|pattern| pattern.is_match(host)) {
            Some(true) => return Ok((server, "first regular expression among the server_names")),
            Some(false) => {}
            None => return Err(Unknown("a regular expression that was not evaluated".to_string())),
        }
    }
    Ok((
        default.server,
        if default.at.is_some() && default.default {
            "default_server"
        } else {
            "first server on this port, as no server_name matches"
        },
    ))
}

/// What the regular expression that chose a server caught in the host's name; None where another name chose it.
pub(super) fn name_groups(
    tracer: &Tracer,
    server: BlockId,
    request: &Request,
) -> Option<(Captures, Rc<Pattern>)> {
    let host = request.header(b"host")?.known()?.to_ascii_lowercase();
    let host = super::uri::without_port(&host);
    let mut caught = None;
    for word in
        tracer.config.own(server, names::SERVER_NAME).flat_map(|node| tracer.tree.directive(node).args())
    {
        let value = word.value();
        match value.strip_prefix(b"~") {
            Some(pattern) if caught.is_none() => {
                let pattern = tracer.pattern(pattern, true)?;
                caught = pattern.captures(host)?.map(|groups| (groups, pattern));
            }
            Some(_) => {}
            None if fits(&value.to_ascii_lowercase(), host) => return None,
            None => {}
        }
    }
    caught
}

/// Whether a name without a regular expression is the host's, or a wildcard over it.
fn fits(name: &[u8], host: &[u8]) -> bool {
    let suffix = name.strip_prefix(b"*").unwrap_or(name);
    let prefix = name.strip_suffix(b"*").unwrap_or_default();
    name == host
        || name.strip_prefix(b".") == Some(host)
        || (suffix.starts_with(b".") && host.ends_with(suffix))
        || (prefix.ends_with(b".") && host.starts_with(prefix))
}
