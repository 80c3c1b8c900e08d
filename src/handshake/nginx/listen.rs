//! Who accepts a connection: the choice of the server, by its socket and its name. Knows no location.

use std::net::IpAddr;
use std::rc::Rc;

use super::sockets::{Address, Listen, Sockets};
use super::{Followed, Hop, Tracer, Unknown};
use crate::effective::nginx::{names, versions};
use crate::effective::regex::{Captures, Pattern};
use crate::effective::{BlockId, Value};
use crate::handshake::{Chosen, Request};

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

impl Sockets {
    /// Who takes a request; what was chosen is noted in the hop.
    pub(super) fn accept(&self, tracer: &Tracer, request: &Request, hop: &mut Hop) -> Followed<Listener> {
        if self.has_holes {
            return Err(Unknown("a `listen` that a template fills in".to_string()));
        }
        let mut answers: Vec<(Listener, Option<Chosen>)> = Vec::new();
        for address in self.addresses(request) {
            let socket: Vec<&Listen> = match &address {
                Address::Unix(path) => self.at_unix(path).collect(),
                _ => self.at_port(request.port).filter(|listen| listen.address == address).collect(),
            };
            answers.push(accept_at(tracer, &socket, request)?);
        }
        let Some((listener, chosen)) = answers.pop() else {
            if tracer.tree.has_open_templates {
                return Err(Unknown("what the template writes".to_string()));
            }
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
}

/// Who takes a request at one socket.
fn accept_at(tracer: &Tracer, socket: &[&Listen], request: &Request) -> Followed<(Listener, Option<Chosen>)> {
    let tcp: Vec<&Listen> = socket.iter().filter(|listen| !listen.udp).copied().collect();
    let Some(first) = tcp.first() else {
        return Ok((Listener::Nobody(format!("nobody listens on port {}", request.port)), None));
    };
    if tcp.iter().any(|listen| listen.has_holes) {
        return Err(Unknown("a `listen` that a template completes".to_string()));
    }
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

/// Whether some server goes by a host's name; the one of a template may.
pub(super) fn is_named(tracer: &Tracer, host: &[u8]) -> bool {
    let lines = tracer.config.everywhere(names::SERVER_NAME).iter();
    let mut words = lines.flat_map(|&(_, node)| tracer.tree.directive(node).args());
    words.any(|word| {
        if word.is_hole() {
            return true;
        }
        let value = word.value();
        let name = value.to_ascii_lowercase();
        if let Some(pattern) = value.strip_prefix(b"~") {
            return Pattern::new(pattern, true).and_then(|pattern| pattern.is_match(host)) == Some(true);
        }
        match (name.strip_prefix(b"*").or_else(|| name.strip_prefix(b".")), name.strip_suffix(b"*")) {
            (Some(_), _) if name[0] == b'.' => host.ends_with(&name) || host == &name[1..],
            (Some(suffix), _) => suffix.len() > 1 && host.ends_with(suffix),
            (None, Some(prefix)) => prefix.len() > 1 && host.starts_with(prefix),
            (None, None) => name == host,
        }
    })
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
    let config = tracer.config;
    let is_perhaps = |server: BlockId| {
        let lines = || config.own(server, names::SERVER_NAME).chain(config.own(server, names::LISTEN));
        socket.len() > 1
            && (config.block(server).node.is_some_and(|node| config.is_conditional(node))
                || lines().any(|node| config.is_conditional(node)))
    };
    let longer = |best: Option<(usize, BlockId)>, len| best.is_none_or(|(known, _)| len > known);
    for listen in socket {
        let server = listen.server;
        let written: Vec<_> = tracer.config.own(server, names::SERVER_NAME).collect();
        if written.is_empty() && host.is_empty() {
            exact.get_or_insert(server);
        }
        for word in written.iter().flat_map(|&node| tracer.tree.directive(node).args()) {
            if word.is_hole() || is_perhaps(server) {
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
