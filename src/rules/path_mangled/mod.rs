//! The path that a client asks for does not arrive as it was meant: glued, doubled, or lost. Knows how `proxy_pass`
//! puts it together, not which paths the backend has.

mod apache;

use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::nginx::Arrival;
use crate::routes::intent::{is_polling_path, is_websocket_path};
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "path-mangled",
    level: Level::Warning,
    card: include_str!("../../../rules/path-mangled.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(apache::check)),
};

/// What such a fix changes beside.
const PATHS: &str = "other requests reach the backend by another path too";

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let location = facts.config.enclosing(route.block, LOCATION)?;
    let word = facts.directive(route.node).arg(0).filter(|word| !word.is_hole())?;
    if route.broken || route.block != location {
        return None;
    }
    let text = word.show();
    let rest = text.split_once("://")?.1;
    let rest = match rest.strip_prefix("unix:") {
        Some(socket) => socket.split_once(':')?.1,
        None => rest,
    };
    let (host, uri) = rest.split_at(rest.find(['/', '?'])?);
    match host.contains('$') {
        true if uri.contains('$') => None,
        true => lost(facts, route, uri),
        false if uri.contains(['$', '?']) => None,
        false => glued(facts, route, uri),
    }
}

/// A `proxy_pass` with a variable replaces path and query by what it says after the host.
fn lost(facts: &Facts, route: &Route, uri: &str) -> Option<Finding> {
    let location = facts.config.enclosing(route.block, LOCATION)?;
    if is_exact(facts, location) {
        return None;
    }
    let own = facts.path_of(location);
    let endpoint = is_endpoint(uri, own.as_deref());
    let text = facts.directive(route.node).arg(0)?.show();
    let bare = text.strip_suffix(uri)?;
    let message = format!("`proxy_pass {text}` sends every request to `{uri}`, without its path and query");
    let finding =
        RULE.finding(facts.head(route.node), message).here("where a variable stands, the URI replaces all");
    let line = format!("proxy_pass {bare};");
    let finding = finding.fix(facts.rewrite_but(route.node, &line, PATHS));
    let finding = finding.help(format!("write no URI, so that path and query stay\n{line}"));
    Some(if endpoint { finding.severity(Severity::Note) } else { finding })
}

/// A `proxy_pass` without variables replaces the part that the location matches.
fn glued(facts: &Facts, route: &Route, uri: &str) -> Option<Finding> {
    let location = facts.config.enclosing(route.block, LOCATION)?;
    let own = facts.path_of(location)?;
    let glues = own.ends_with(b"/");
    if glues == uri.ends_with('/') || is_exact(facts, location) {
        return None;
    }
    let below: &str = if glues { "room" } else { "/room" };
    let asked = [&own, below.as_bytes()].concat();
    let Arrival::Sent { by, hop } = facts.tracer.arrive(route.server?, &asked) else { return None };
    let line = &hop.upstream.as_ref()?.request_line;
    let sent = line.split(' ').nth(1)?;
    if by != route.node || sent != format!("{uri}{below}") {
        return None;
    }
    let message = format!("`{}` reaches the backend as `{sent}`", String::from_utf8_lossy(&asked));
    let finding = RULE.finding(facts.head(route.node), message);
    if glues {
        let text = facts.directive(route.node).arg(0)?.show();
        let finding = finding.here("stands for the path up to its slash, and ends with none");
        let line = format!("proxy_pass {text}/;");
        let finding = finding.fix(facts.rewrite_but(route.node, &line, PATHS));
        let finding = finding.help(format!("write the slash here too\n{line}"));
        let endpoint = is_endpoint(uri, Some(&own));
        return Some(if endpoint { finding.severity(Severity::Note) } else { finding });
    }
    let help =
        format!("write the slash in both places or in none\nlocation {}/ {{", String::from_utf8_lossy(&own));
    let finding = finding.here("stands for the path up to the next slash, and brings one of its own");
    Some(finding.help(help).severity(Severity::Note))
}

fn is_exact(facts: &Facts, location: BlockId) -> bool {
    let first = facts.config.block(location).node.and_then(|node| facts.directive(node).arg(0));
    first.is_some_and(|word| word.value().starts_with(b"="))
}

/// Whether a URI reads like the one address of a WebSocket, below which clients ask for nothing.
fn is_endpoint(uri: &str, own: Option<&[u8]>) -> bool {
    let same = own.is_some_and(|own| own.strip_suffix(b"/").unwrap_or(own) == uri.as_bytes());
    (same || is_websocket_path(uri.as_bytes())) && !is_polling_path(uri.as_bytes())
}
