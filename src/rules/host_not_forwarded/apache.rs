//! httpd: without ProxyPreserveHost the backend's own address is its Host. Knows that X-Forwarded-Host is sent, and
//! not who reads it.

use super::RULE;
use crate::effective::apache::names;
use crate::effective::apache::url::Url;
use crate::effective::{Setting, Value};
use crate::engine::apache::Facts;
use crate::finding::Finding;
use crate::handshake::apache::Outcome;
use crate::routes::Route;

pub(super) fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if !facts.is_complete() {
        return None;
    }
    let server = facts.server_of(route);
    let written = facts.config.in_sections(&[route.block], server, names::PROXY_PRESERVE_HOST);
    if facts.config.is_opaque(facts.tree, written) {
        return None;
    }
    if facts.goes_straight(route) && facts.config.flag(facts.tree, written) == Some(true) {
        return None;
    }
    let url = Url::parse(route.backend.text.as_bytes()).ok()?;
    if is_elsewhere(&url) || !(is_plainly_lost(facts, route, &url) || is_lost(facts, route)) {
        return None;
    }
    let message = "the backend sees its own address as Host, not the name that the browser asked for";
    let finding = RULE.finding(facts.head(route.node), message).here("the address it sees");
    Some(finding.help("write beside it, where the backend compares Host with Origin\nProxyPreserveHost On"))
}

/// Whether a route's own line sends handshakes on with the backend's name, as was plain to see.
fn is_plainly_lost(facts: &Facts, route: &Route, url: &Url) -> bool {
    let server = facts.server_of(route);
    // Without time for the backend nothing is sent on.
    let has_time = !matches!(facts.config.timeout(server), Setting::Written { value: 0, .. });
    has_time && facts.is_only_line(route) && {
        let asked = facts.tracer.handshake(server, b"/").header(b"host");
        asked != Some(Value::Known(url.authority().into()))
    }
}

/// The same, found out by following one.
fn is_lost(facts: &Facts, route: &Route) -> bool {
    let ways = facts.ways(route);
    let Some(way) = ways.first() else { return false };
    let Outcome::Forwarded(forwarded) = &way.passage.outcome else { return false };
    let end = way.path.iter().position(|&byte| byte == b'?').unwrap_or(way.path.len());
    let asked = facts.tracer.handshake(facts.server_of(route), &way.path[..end]);
    let is_open = |value: &Option<Value>| matches!(value, Some(Value::Unknown(_)));
    let changed = |name: &[u8]| {
        let sent = forwarded.next.header(name);
        !is_open(&sent) && sent != asked.header(name)
    };
    forwarded.by == route.node && forwarded.upgrades && changed(b"host") && !changed(b"origin")
}

/// Whether the backend is another site, which wants a Host of its own.
fn is_elsewhere(url: &Url) -> bool {
    let is_address = url.bare_host().parse::<std::net::IpAddr>().is_ok() || url.host() == "localhost";
    matches!(url.scheme(), "https" | "wss") && !is_address && url.socket.is_none()
}
