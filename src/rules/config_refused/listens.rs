//! Addresses on which two servers cannot both listen so (`ngx_http_add_addresses`). Knows how an address is written,
//! resolves no name.

use hashbrown::HashMap;

use super::RULE;
use crate::effective::nginx::directives::SERVER;
use crate::effective::nginx::{Block, names};
use crate::effective::{BlockId, Setting};
use crate::engine::Facts;
use crate::finding::Finding;
use crate::tree::NodeRef;

/// Words behind the address that some version takes, and the beginnings of those with a value.
const PARAMETERS: [&str; 11] = [
    "bind",
    "default",
    "default_server",
    "deferred",
    "http2",
    "http3",
    "multipath",
    "proxy_protocol",
    "quic",
    "reuseport",
    "ssl",
];
const WITH_VALUE: [&str; 8] =
    ["accept_filter", "backlog", "fastopen", "ipv6only", "rcvbuf", "setfib", "sndbuf", "so_keepalive"];

/// A `listen` of a server.
struct Listen {
    server: BlockId,
    node: NodeRef,
    /// As nginx prints it; None for one that would have to be resolved, or that a template fills in.
    address: Option<String>,
    ssl: bool,
    default: bool,
    /// A socket for QUIC is another one on the same address.
    quic: bool,
}

impl Listen {
    fn new(facts: &Facts, server: BlockId, node: NodeRef) -> Self {
        let directive = facts.directive(node);
        let mut listen = Self { server, node, address: None, ssl: false, default: false, quic: false };
        let mut hole = directive.arg(0).is_none_or(|word| word.is_hole());
        for word in directive.args().skip(1) {
            hole |= word.is_hole();
            match &*word.value() {
                b"ssl" => listen.ssl = true,
                b"default" | b"default_server" => listen.default = true,
                b"quic" => listen.quic = true,
                _ => {}
            }
        }
        if !hole {
            listen.address = directive.arg(0).and_then(|word| normal(&word.show()));
        }
        listen
    }
}

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let in_http = |block: BlockId| facts.config.block(block).context == SERVER;
    let lines = facts.config.everywhere(names::LISTEN).iter().filter(|&&(server, _)| in_http(server));
    let listens: Vec<Listen> = lines.map(|&(server, node)| Listen::new(facts, server, node)).collect();
    twice(facts, &listens, findings);
    without_certificate(facts, &listens, findings);
    findings.extend(listens.iter().filter_map(|listen| refused(facts, listen.node)));
}

/// A port or a parameter that nginx does not take.
fn refused(facts: &Facts, node: NodeRef) -> Option<Finding> {
    let directive = facts.directive(node);
    if directive.args().any(|word| word.is_hole()) || facts.config.is_derailed(facts.tree, node) {
        return None;
    }
    let text = directive.arg(0)?.show();
    if !is_address(&text) {
        let message = format!("invalid port in \"{text}\" of the \"listen\" directive");
        return Some(facts.refused(&RULE, node, message).here("a port is a number from 1 to 65535"));
    }
    let is_known = |text: &str| match text.split_once('=') {
        Some((name, _)) => WITH_VALUE.contains(&name),
        None => PARAMETERS.contains(&text),
    };
    let word = directive.args().skip(1).find(|word| !is_known(&word.show()))?;
    let finding = RULE.refusal(word.span(), format!("invalid parameter \"{}\"", word.show()));
    let finding = facts.with_server_line(finding, node);
    Some(match facts.missing_semicolon(node) {
        Some((before, _)) => finding.label(before, "a `;` is missing here"),
        None => finding.here("`listen` knows no such word").help("remove it"),
    })
}

/// Whether the port is one, where there is one.
fn is_address(text: &str) -> bool {
    let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    let are_ports = |text: &str| match text.split_once('-') {
        Some((first, last)) => is_port(first) && is_port(last),
        None => is_port(text),
    };
    if text.starts_with("unix:") || text.contains('$') {
        return true;
    }
    match text.rsplit_once(':') {
        Some((_, port)) if !text.ends_with(']') => are_ports(port),
        _ => !text.bytes().all(|byte| byte.is_ascii_digit()) || are_ports(text),
    }
}

/// `listen ... ssl` where the default server of the address has no certificate (`ngx_http_ssl_init`).
fn without_certificate(facts: &Facts, listens: &[Listen], findings: &mut Vec<Finding>) {
    let unclear = |(_, block): (BlockId, &Block)| block.context == SERVER && (block.opaque || block.broken);
    if !listens.iter().any(|listen| listen.ssl) || facts.config.blocks().any(unclear) {
        return;
    }
    let mut sockets: HashMap<&str, (Option<NodeRef>, BlockId, bool)> = HashMap::new();
    let mut order: Vec<&str> = Vec::new();
    for listen in listens.iter().filter(|listen| !listen.quic) {
        let Some(address) = listen.address.as_deref() else { continue };
        let socket = sockets.entry(address).or_insert_with(|| {
            order.push(address);
            (None, listen.server, false)
        });
        if listen.ssl && socket.0.is_none() {
            socket.0 = Some(listen.node);
        }
        if listen.default && !socket.2 {
            (socket.1, socket.2) = (listen.server, true);
        }
    }
    for address in order {
        let (Some(ssl), server, _) = sockets[address] else { continue };
        let absent = |name| matches!(facts.config.nearest(server, name), Setting::Absent);
        if !absent(names::SSL_CERTIFICATE)
            || !absent(names::SSL_REJECT_HANDSHAKE)
            || facts.config.is_derailed(facts.tree, ssl)
        {
            continue;
        }
        let message = "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive";
        let own = facts.config.own(server, names::LISTEN).any(|node| node == ssl);
        let place = facts.config.block(server).node;
        let finding = RULE.refusal(facts.head(ssl), message);
        let finding = match place.filter(|_| !own) {
            Some(place) => finding.label(facts.head(place), "the default server of this address"),
            None => finding,
        };
        let finding = match place {
            Some(place) if own => facts
                .with_server_line(finding, ssl)
                .label(facts.head(place), "nginx complains about this line"),
            _ => finding,
        };
        findings.push(finding.help(
            "write in that server\nssl_certificate /etc/nginx/cert.pem;\nssl_certificate_key /etc/nginx/key.pem;",
        ));
    }
}

fn twice(facts: &Facts, listens: &[Listen], findings: &mut Vec<Finding>) {
    let mut defaults: HashMap<&str, NodeRef> = HashMap::new();
    let mut listened: HashMap<(BlockId, &str), NodeRef> = HashMap::new();
    for &Listen { server, node, ref address, default, quic, .. } in listens {
        let Some(address) = address.as_deref().filter(|_| !quic) else { continue };
        if facts.config.is_derailed(facts.tree, node) {
            continue;
        }
        if let Some(&first) = listened.get(&(server, address)) {
            let finding = facts.refused(&RULE, node, format!("a duplicate listen {address}"));
            findings.push(told(facts, finding, first, node).help("remove one of the two"));
            continue;
        }
        listened.insert((server, address), node);
        if !default {
            continue;
        }
        if let Some(&first) = defaults.get(address) {
            let finding = facts.refused(&RULE, node, format!("a duplicate default server for {address}"));
            let help = "remove `default_server` from one of the two";
            findings.push(told(facts, finding, first, node).help(help));
        } else {
            defaults.insert(address, node);
        }
    }
}

fn told(facts: &Facts, finding: Finding, first: NodeRef, second: NodeRef) -> Finding {
    let finding = match facts.head(first) == facts.head(second) {
        true => finding.here("brought in twice"),
        false => finding.label(facts.head(first), "written here already"),
    };
    finding.labels(facts.included_from(second.graft))
}

/// The address as nginx prints it; None for one that would have to be resolved.
fn normal(text: &str) -> Option<String> {
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_port(text) {
        return Some(format!("0.0.0.0:{text}"));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if is_port(port) => (host, port),
        _ => (text, "80"),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match (host, bracketed) {
        ("*", _) => Some(format!("0.0.0.0:{port}")),
        (_, Some(address)) => Some(format!("[{}]:{port}", address.parse::<std::net::Ipv6Addr>().ok()?)),
        _ => Some(format!("{}:{port}", host.parse::<std::net::Ipv4Addr>().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn one_address_has_one_name() {
        for (text, expected) in [
            ("80", Some("0.0.0.0:80")),
            ("*:80", Some("0.0.0.0:80")),
            ("127.0.0.1", Some("127.0.0.1:80")),
            ("[::]:443", Some("[::]:443")),
            ("[0:0::0]:443", Some("[::]:443")),
            ("localhost:80", None),
            ("unix:/run/x.sock", None),
        ] {
            assert_eq!(normal(text).as_deref(), expected, "{text}");
        }
    }
}
