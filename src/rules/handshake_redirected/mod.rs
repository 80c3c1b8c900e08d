//! A handshake for the route's own path is answered with a redirect. Knows where it leads, not what a browser's page
//! makes of it.

mod apache;

use crate::effective::BlockId;
use crate::effective::nginx::directives::{LOCATION, SERVER};
use crate::effective::nginx::names::{ERROR_PAGE, RETURN, REWRITE};
use crate::engine::{Check, Facts, Level, Rule, Way};
use crate::finding::{Finding, Severity};
use crate::handshake::nginx::Arrival;
use crate::handshake::{Hop, Url, Verdict};
use crate::routes::intent::{is_polling_path, is_websocket_path};
use crate::routes::{Intent, Route};
use crate::rules::route_shadowed::NO_REGEX;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "handshake-redirected",
    level: Level::Warning,
    card: include_str!("../../../rules/handshake-redirected.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(apache::check)),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let location = facts.config.enclosing(route.block, LOCATION)?;
    let server = route.server?;
    if route.broken {
        return None;
    }
    if facts.goes_straight(location, server) {
        return without_slash(facts, route, location, server);
    }
    let ways = facts.ways(location, server)?;
    match ways.iter().all(|way| redirected(way).is_some()) {
        true if ways.iter().any(|way| leads_on(facts, server, way)) => None,
        true => always(facts, route, location, ways.first()?),
        false => without_slash(facts, route, location, server),
    }
}

/// The answer to the handshake, where it is a redirect.
fn redirected(way: &Way) -> Option<(u16, &Hop)> {
    match &way.arrival {
        Arrival::Answered { status: Some(status), hop, .. } if (300..400).contains(status) => {
            Some((*status, hop))
        }
        _ => None,
    }
}

/// The directive that redirects.
fn line(facts: &Facts, hop: &Hop) -> Option<NodeRef> {
    let node = hop.steps.last()?.by?;
    matches!(facts.directive(node).name_id(), RETURN | REWRITE | ERROR_PAGE).then_some(node)
}

/// Whether the redirect leads to the same path over TLS, where the handshake succeeds, or may do so: a page that was
/// redirected there too asks there. For another host that holds where the whole server is redirected.
fn leads_on(facts: &Facts, server: BlockId, way: &Way) -> bool {
    let Some((_, hop)) = redirected(way) else { return false };
    let Some(target) = &hop.redirect else { return true };
    let Some(url) = String::from_utf8_lossy(target).parse::<Url>().ok().filter(|url| url.tls) else {
        return false;
    };
    let whole = line(facts, hop).is_some_and(|node| facts.holds(server, node));
    let hosts = facts.tracer.hosts(server).0;
    if url.target != way.path || !(whole || hosts.is_empty() || hosts.contains(&url.host)) {
        return false;
    }
    match facts.tracer.trace(&url, &[]).verdict {
        Verdict::Upgraded | Verdict::Unknown | Verdict::ConfigError => true,
        Verdict::Refused | Verdict::Intercepted => !facts.config.complete,
    }
}

fn always(facts: &Facts, route: &Route, location: BlockId, way: &Way) -> Option<Finding> {
    let (status, hop) = redirected(way)?;
    let line = line(facts, hop)?;
    let (text, name) = (facts.text(line), facts.block_name(location));
    let message =
        format!("`{text}` answers every handshake for `{name}`, and browsers do not follow redirects");
    let finding = RULE.finding(facts.head(line), message).here(format!("a handshake gets this {status}"));
    let mut finding = finding.label(facts.head(route.node), "never reached");
    let whole = facts.config.enclosing(location, SERVER).is_some_and(|server| facts.holds(server, line));
    let everything = facts.path_of(location).is_some_and(|path| path == b"/");
    let help = match hop.locations.last() {
        _ if whole && everything => {
            format!("move `{name}` to the server that the redirect leads to, or take the redirect out")
        }
        _ if whole => {
            format!(
                "write the redirect in a location, so that `{name}` keeps its handshakes\nlocation / {{\n    {text};\n}}"
            )
        }
        Some(&taker) if taker != location => match facts.without_regex(location, taker) {
            Some((edit, head)) => {
                finding = finding.fix(facts.rewrite_but(edit, &head, NO_REGEX));
                format!("write `^~`, which keeps regular expressions away\n{head}")
            }
            None => format!("take the redirect out for the paths of `{name}`"),
        },
        _ => format!("take it out of `{name}`, or let clients open the URL it leads to"),
    };
    Some(finding.help(help))
}

/// nginx itself redirects the path to the location's, which has a slash more.
fn without_slash(facts: &Facts, route: &Route, location: BlockId, server: BlockId) -> Option<Finding> {
    let path = facts.path_of(location)?;
    let short = path.strip_suffix(b"/").filter(|short| !short.is_empty())?;
    if route.intent < Intent::Written || is_polling_path(&path) || !is_websocket_path(&path) {
        return None;
    }
    if facts.tracer.found(server, short)? != (Some(location), true) {
        return None;
    }
    let Arrival::Answered { hop, .. } = facts.tracer.arrive(server, short) else { return None };
    if hop.redirect.as_ref() != Some(&path) || hop.locations != [location] || !hop.steps.is_empty() {
        return None;
    }
    let (short, path) = (String::from_utf8_lossy(short), String::from_utf8_lossy(&path));
    let message =
        format!("a handshake for `{short}` is redirected to `{path}`, and browsers do not follow redirects");
    let finding = RULE.finding(facts.head(facts.config.block(location).node?), message);
    let help = format!("open the WebSocket with the slash at its end\nnew WebSocket(\"wss://...{path}\")");
    Some(finding.help(help).severity(Severity::Note))
}
