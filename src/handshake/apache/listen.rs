//! Which socket takes a request, and which server: addresses first, then names (`ap_update_vhost_given_ip`,
//! `update_vhost_from_headers`). Knows no directive in a server but those of TLS.

use std::net::IpAddr;

use super::{Go, Outcome, Request, Tracer, Url};
use crate::effective::Value;
use crate::effective::apache::names;
use crate::effective::apache::server::{Address, Host, Listen, ServerId};

/// Where a request arrives.
pub(super) struct Arrived {
    pub server: ServerId,
    /// The server that reads the headers, by which another may be chosen: the first of the address.
    pub read_by: ServerId,
    pub why: &'static str,
}

/// Whether a written host is the one that a request goes to.
pub(super) fn is_same_host(host: &Host, asked: &str) -> bool {
    match host {
        Host::Any => true,
        Host::Ip(address) => ip_of(asked) == Some(*address),
        Host::Name(name) => name == asked,
    }
}

/// The address behind a host, where it needs no looking up.
pub(super) fn ip_of(host: &str) -> Option<IpAddr> {
    match host {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        host => host.parse().ok(),
    }
}

impl Tracer<'_> {
    pub(super) fn arrive(&self, request: &Request) -> Result<Arrived, Outcome> {
        self.check_listening(request)?;
        let (chain, why) = self.chain(request)?;
        let arrived = self.by_name(request, chain, why)?;
        self.check_tls(request, &arrived)?;
        Ok(arrived)
    }

    /// Somebody must listen there.
    fn check_listening(&self, request: &Request) -> Go {
        if self.listens.is_empty() || self.listens.iter().any(|listen| listen.port.is_none()) {
            return Ok(());
        }
        let reached = self.listens.iter().any(|listen| {
            let host = listen.host.as_ref();
            // A name may lead to any address.
            listen.port == Some(request.port)
                && host.is_none_or(|host| ip_of(&request.host).is_none() || is_same_host(host, &request.host))
        });
        match reached || !self.config.complete {
            true => Ok(()),
            false => Err(Outcome::dropped(format!("nothing listens on port {}", request.port))),
        }
    }

    /// The virtual hosts of the address that fits best, in order; empty for the main server.
    fn chain(&self, request: &Request) -> Result<(Vec<ServerId>, &'static str), Outcome> {
        let arrival = self.arrival(request);
        let asked = arrival.unwrap_or_else(|| request.host.clone());
        let is_known = ip_of(&asked).is_some();
        if self.config.servers.iter().any(|server| server.unknown_address) {
            return Err(Outcome::unknown("a virtual host's address that a template fills in", None));
        }
        let port_fits = |address: &Address| address.port.is_none_or(|port| port == request.port);
        let mut best: Option<(u8, Vec<ServerId>)> = None;
        let mut doubtful: Vec<ServerId> = Vec::new();
        for id in self.config.server_ids().skip(1) {
            let addresses = self.config.server(id).addresses.iter().filter(|address| port_fits(address));
            let ranks = addresses.filter_map(|address| {
                let exact_port = u8::from(address.port.is_some());
                match &address.host {
                    Host::Any => Some(exact_port),
                    host if is_same_host(host, &request.host) || is_same_host(host, &asked) => {
                        Some(2 + exact_port)
                    }
                    // Where a name leads is not known, on either side.
                    Host::Ip(_) | Host::Name(_) if !is_known || matches!(address.host, Host::Name(_)) => {
                        doubtful.push(id);
                        None
                    }
                    _ => None,
                }
            });
            let Some(rank) = ranks.collect::<Vec<_>>().into_iter().max() else { continue };
            match &mut best {
                Some((known, servers)) if *known == rank => servers.push(id),
                Some((known, _)) if *known > rank => {}
                _ => best = Some((rank, vec![id])),
            }
        }
        match best {
            // Where a name leads is not known; a server that has the name on that port was made for it.
            _ if !doubtful.is_empty() => {
                let named: Vec<ServerId> =
                    doubtful.iter().copied().filter(|&id| self.goes_by(id, request) == Some(true)).collect();
                match best {
                    _ if !named.is_empty() => Ok((named, "the address of a virtual host by this name")),
                    Some((_, servers))
                        if servers.iter().any(|&id| self.goes_by(id, request) == Some(true)) =>
                    {
                        Ok((servers, "a virtual host for any address"))
                    }
                    None if doubtful.len() == self.config.servers.len() - 1 => {
                        Ok((doubtful, "the only virtual hosts on this port"))
                    }
                    _ => Err(Outcome::unknown("the address that the name leads to", None)),
                }
            }
            Some((2.., servers)) => Ok((servers, "the virtual hosts of this address")),
            Some((_, servers)) => Ok((servers, "the virtual hosts of every address")),
            None => Ok((Vec::new(), "no virtual host is for this address and port")),
        }
    }

    /// The address at which a request arrives, where the host that is asked for is none: the only one listened on.
    pub(super) fn arrival(&self, request: &Request) -> Option<String> {
        let mut of_port = self.listens.iter().filter(|listen| listen.port == Some(request.port));
        let Some(Host::Ip(address)) = of_port.next()?.host else { return None };
        let is_same = |listen: &Listen| matches!(listen.host, Some(Host::Ip(other)) if other == address);
        (ip_of(&request.host).is_none() && of_port.all(is_same)).then(|| address.to_string())
    }

    /// The first that goes by the name that is asked for, else the first.
    fn by_name(
        &self,
        request: &Request,
        chain: Vec<ServerId>,
        why: &'static str,
    ) -> Result<Arrived, Outcome> {
        let Some(&first) = chain.first() else {
            let main = ServerId::MAIN;
            return Ok(Arrived { server: main, read_by: main, why });
        };
        for &id in &chain {
            match self.goes_by(id, request) {
                Some(true) => {
                    let why = "the first that goes by this name";
                    return Ok(Arrived { server: id, read_by: first, why });
                }
                Some(false) => {}
                None => {
                    let node = self.config.server(id).node;
                    return Err(Outcome::unknown("the names of a virtual host", node));
                }
            }
        }
        let host = request.header(b"host");
        let host = host.as_ref().and_then(Value::known).map(asked_name).unwrap_or_default();
        let is_written = |id: &ServerId| self.written_hosts(*id).contains(&host);
        if let Some(&server) = chain.iter().find(|&id| is_written(id)) {
            let why = "the first whose section is for this host, as no other goes by this name";
            return Ok(Arrived { server, read_by: first, why });
        }
        let why = "the first, as no other goes by this name";
        Ok(Arrived { server: first, read_by: first, why })
    }

    /// Whether some server goes by the host of a URL; the one of a template may.
    pub fn names(&self, url: &Url) -> bool {
        let request = Request::handshake(url, &[]);
        (0..self.config.servers.len() as u32).any(|id| self.goes_by(ServerId(id), &request) != Some(false))
    }

    /// Whether the server goes by the name in the request's Host; None where a template puts names in.
    fn goes_by(&self, id: ServerId, request: &Request) -> Option<bool> {
        let host = match request.header(b"host") {
            Some(Value::Known(host)) => host,
            Some(Value::Unknown(_)) => return None,
            None => return Some(false),
        };
        self.has_name(id, &asked_name(&host))
    }

    /// Whether a name is one of the server's; None where a template puts names in.
    pub(super) fn has_name(&self, id: ServerId, host: &[u8]) -> Option<bool> {
        let server = self.config.server(id);
        let is_any = |address: &Address| address.host == Host::Any;
        // Without a name of its own, a virtual host for any address goes by the main server's.
        let inherits = server.name.is_none() && server.addresses.iter().any(is_any);
        let name = if inherits { &self.config.main().name } else { &server.name };
        let named = name.as_ref().is_some_and(|name| *name == host)
            || server.aliases.iter().any(|alias| alias_matches(alias, host));
        match named {
            true => Some(true),
            false if server.unknown_names => None,
            false => Some(false),
        }
    }

    fn check_tls(&self, request: &Request, arrived: &Arrived) -> Go {
        let tls = self.is_tls(arrived.server, request.port);
        match (request.tls, tls) {
            (true, false) if self.config.complete || self.has_ssl_lines(arrived.server) => {
                Err(Outcome::dropped(format!("port {} speaks no TLS", request.port)))
            }
            (false, true) => Err(Outcome::answered(400, "a plain request to a port that speaks TLS", None)),
            _ => Ok(()),
        }
    }

    fn has_ssl_lines(&self, server: ServerId) -> bool {
        self.config.in_force(server, names::SSL_ENGINE).is_some()
    }

    /// Whether a server speaks TLS on a port: by `SSLEngine`, or because its socket is meant for it.
    pub fn is_tls(&self, server: ServerId, port: u16) -> bool {
        let engine = self.config.in_force(server, names::SSL_ENGINE);
        if let Some(written) = self.config.flag(self.tree, engine) {
            return written;
        }
        let listen = self.listens.iter().find(|listen| listen.port == Some(port));
        listen.is_some_and(|listen| listen.https) && !self.config.modules(self.tree).is_missing("mod_ssl.c")
    }

    /// A name that a server goes by.
    pub(super) fn host_of(&self, server: ServerId) -> String {
        let server = self.config.server(server);
        let plain = |name: &&Vec<u8>| !name.contains(&b'*') && !name.contains(&b'?');
        let name = server.name.as_ref().or_else(|| server.aliases.iter().find(plain));
        name.map_or_else(|| "localhost".to_string(), |name| String::from_utf8_lossy(name).into_owned())
    }
}

/// The name in a Host header, as names are compared with it.
pub(super) fn asked_name(host: &[u8]) -> Vec<u8> {
    let host = bare_host(host).to_ascii_lowercase();
    host.strip_suffix(b".").map(<[u8]>::to_vec).unwrap_or(host)
}

/// Host without its port.
fn bare_host(host: &[u8]) -> &[u8] {
    match host.first() {
        Some(b'[') => host.iter().position(|&byte| byte == b']').map_or(host, |at| &host[..=at]),
        _ => host.iter().position(|&byte| byte == b':').map_or(host, |at| &host[..at]),
    }
}

/// `*` stands for anything, `?` for one byte.
fn alias_matches(alias: &[u8], host: &[u8]) -> bool {
    let (mut a, mut h) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while h < host.len() {
        match alias.get(a) {
            Some(b'*') => {
                star = Some((a + 1, h));
                a += 1;
            }
            Some(b'?') => (a, h) = (a + 1, h + 1),
            Some(byte) if *byte == host[h] => (a, h) = (a + 1, h + 1),
            _ => match star {
                Some((after, eaten)) => {
                    star = Some((after, eaten + 1));
                    (a, h) = (after, eaten + 1);
                }
                None => return false,
            },
        }
    }
    alias[a..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_match_by_stars() {
        assert!(alias_matches(b"*.example.com", b"a.b.example.com") && alias_matches(b"w?s", b"wxs"));
        assert!(!alias_matches(b"*.example.com", b"example.com"));
    }
}
