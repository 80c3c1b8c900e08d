//! A WebSocket is served without TLS only, while its site is served with it. Knows both servers of a name, not which
//! pages open the WebSocket.

mod apache;

use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names::{LISTEN, SSL};
use crate::engine::{Check, Facts, Level, Rule, Way};
use crate::finding::Finding;
use crate::handshake::nginx::Arrival;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "wss-not-served",
    level: Level::Warning,
    card: include_str!("../../../rules/wss-not-served.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(apache::check)),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let plain = route.server?;
    if route.broken || !is_plain(facts, plain) {
        return None;
    }
    let location = facts.config.enclosing(route.block, LOCATION)?;
    let path = facts.path_of(location)?;
    let host = facts.tracer.hosts(plain).0.into_iter().next()?;
    let same = facts.tracer.servers_named(&host.to_ascii_lowercase()).iter().copied();
    let secure: Vec<BlockId> = same.filter(|&server| server != plain && is_secure(facts, server)).collect();
    let &[server] = &secure[..] else { return None };
    let arrives = |way: &Way| matches!(way.arrival, Arrival::Sent { by, .. } if by == route.node);
    if !facts.goes_straight(location, plain) && !facts.ways(location, plain)?.iter().all(arrives) {
        return None;
    }
    let (Arrival::Sent { hop, .. } | Arrival::Answered { status: None | Some(200 | 404), hop, .. }) =
        facts.tracer.arrive_as(server, &host, &path)
    else {
        return None;
    };
    let proxied = hop.upstream.is_some();
    let by = hop.locations.last().and_then(|&block| facts.routes.iter().find(|other| other.block == block));
    // A route that is meant for WebSockets has a finding of its own.
    if proxied && (facts.asks(&hop) != Some(false) || by.is_none_or(|by| by.intent > Intent::None)) {
        return None;
    }
    let name = facts.block_name(location);
    let message = format!("`{name}` is served without TLS only, while `{host}` is served with it");
    let finding = RULE.finding(facts.head(facts.config.block(location).node?), message);
    let finding =
        finding.here(format!("reached by ws://{host}, which a page of https://{host} may not open"));
    let listen = facts.config.own(server, LISTEN).find(|&node| is_tls(facts, node));
    let finding = match listen {
        Some(listen) => {
            finding.label(facts.head(listen), "pages come from here, and this server has no such location")
        }
        None => finding,
    };
    Some(finding.help(format!("write `{name}` in the server with TLS too, with all its settings")))
}

/// Whether all its sockets are plain, the usual one among them.
fn is_plain(facts: &Facts, server: BlockId) -> bool {
    let mut listens = facts.config.own(server, LISTEN);
    let port = |node| facts.directive(node).arg(0).map(|word| word.show()).unwrap_or_default();
    let usual = |port: &str| {
        port == "80" || port.ends_with(":80") || !port.contains(':') && port.parse::<u16>().is_err()
    };
    let on_80 = listens.len() == 0 || facts.config.own(server, LISTEN).any(|node| usual(&port(node)));
    on_80
        && !facts.config.block(server).opaque
        && !listens.any(|node| is_tls(facts, node))
        && facts.config.nearest(server, SSL).written_at().is_none()
}

fn is_secure(facts: &Facts, server: BlockId) -> bool {
    facts.config.own(server, LISTEN).any(|node| is_tls(facts, node))
}

fn is_tls(facts: &Facts, listen: NodeRef) -> bool {
    facts.directive(listen).args().skip(1).any(|word| word.is("ssl") || word.is("quic") || word.is_hole())
}
