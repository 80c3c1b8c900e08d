//! A route's own path is taken away by another location, or rewritten to one. Knows who gets the handshake, not what
//! the route itself would do with it.

mod apache;

use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names::{ERROR_PAGE, REWRITE};
use crate::engine::{Check, Facts, Level, Rule, Way};
use crate::finding::{Finding, Severity};
use crate::handshake::Hop;
use crate::handshake::nginx::Arrival;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "route-shadowed",
    level: Level::Error,
    card: include_str!("../../../rules/route-shadowed.md"),
    cause: None,
    intent: Intent::Named,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(apache::check)),
};

/// What `^~` changes beside.
pub const NO_REGEX: &str = "regular expressions no longer get other requests below it";

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let location = facts.config.enclosing(route.block, LOCATION)?;
    if route.broken {
        return None;
    }
    let server = route.server?;
    if facts.goes_straight(location, server) {
        return None;
    }
    let ways = facts.ways(location, server)?;
    let away: Vec<&Way> = ways.iter().filter(|way| is_away(facts, location, way)).collect();
    let way = *away.first()?;
    let all = away.len() == ways.len();
    let hop = hop(way);
    let reached = hop.locations.contains(&location);
    let line = hop.steps.iter().rev().filter_map(|step| step.by).find(|&node| {
        let name = facts.directive(node).name_id();
        (name == REWRITE || name == ERROR_PAGE) && (reached == facts.holds(location, node))
    });
    let finding = match (line, reached) {
        (Some(line), true) => sent_on(facts, location, way, line),
        (Some(line), false) if all => rewritten(facts, location, way, line),
        (None, false) if all => taken(facts, location, way)?,
        _ => return None,
    };
    let severity = if all { Severity::Error } else { Severity::Warning };
    Some(told_by(finding, facts, way).severity(severity))
}

/// Whether the handshake ends somewhere else, where it is not upgraded. A redirect is told by another rule.
fn is_away(facts: &Facts, location: BlockId, way: &Way) -> bool {
    let hop = hop(way);
    let Some(&decider) = hop.locations.last() else { return false };
    let elsewhere = !facts.is_within(decider, location);
    match &way.arrival {
        Arrival::Sent { .. } => elsewhere && facts.asks(hop) == Some(false),
        Arrival::Answered { status, .. } => {
            let redirected = status.is_some_and(|status| (300..400).contains(&status));
            elsewhere && !redirected && !hop.locations.contains(&location)
        }
        Arrival::Unknown(_) => false,
    }
}

fn hop(way: &Way) -> &Hop {
    match &way.arrival {
        Arrival::Sent { hop, .. } | Arrival::Answered { hop, .. } => hop,
        Arrival::Unknown(_) => unreachable!("internal: a way that is known"),
    }
}

/// The location gets the handshake and gives it away.
fn sent_on(facts: &Facts, location: BlockId, way: &Way, line: NodeRef) -> Finding {
    let message = format!(
        "`{}` sends {} on to `{}`, which does not upgrade",
        facts.text(line),
        path(way),
        decider(facts, way)
    );
    let lines = "proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection \"upgrade\";";
    let help = match facts.directive(line).name_id() {
        REWRITE => format!(
            "write `break` for `last`, so that `{}` keeps the request, or write the headers in `{}`\n{lines}",
            facts.block_name(location),
            decider(facts, way)
        ),
        _ => format!("write in `{}` too, for no settings go along\n{lines}", decider(facts, way)),
    };
    RULE.finding(facts.head(line), message)
        .here("a request that is sent on leaves its settings behind")
        .fix(match &way.arrival {
            Arrival::Sent { by, .. } => facts.forward_by(*by),
            _ => None,
        })
        .help(help)
}

/// The server rewrites the path before any location is chosen.
fn rewritten(facts: &Facts, location: BlockId, way: &Way, line: NodeRef) -> Finding {
    let message = format!("`{}` takes {} away from its own location", facts.text(line), path(way));
    let finding = RULE.finding(facts.head(line), message).here("runs before any location is chosen");
    let finding = match facts.config.block(location).node {
        Some(node) => finding.label(facts.head(node), "never gets its own path"),
        None => finding,
    };
    finding.help(format!(
        "write the rewrite in the location whose paths it is for, so that `{}` keeps its own",
        facts.block_name(location)
    ))
}

/// Another location is chosen for the path.
fn taken(facts: &Facts, location: BlockId, way: &Way) -> Option<Finding> {
    let taker = *hop(way).locations.first()?;
    let (edit, line) = facts.without_regex(location, taker)?;
    let message =
        format!("`{}` takes every handshake for `{}`", facts.block_name(taker), facts.block_name(location));
    let finding = RULE
        .finding(facts.head(edit), message)
        .here("a regular expression that matches wins over this prefix");
    let finding =
        finding.label(facts.head(facts.config.block(taker).node?), format!("matches {}", path(way)));
    let fix = facts.rewrite_but(edit, &line, NO_REGEX);
    Some(finding.fix(fix).help(format!("write `^~`, which keeps regular expressions away\n{line}")))
}

/// The finding with the line that decides over the handshake in the end.
fn told_by(finding: Finding, facts: &Facts, way: &Way) -> Finding {
    match &way.arrival {
        Arrival::Sent { by, .. } => {
            finding.label(facts.head(*by), "handshakes arrive here, and are not upgraded")
        }
        _ => finding,
    }
}

fn path(way: &Way) -> String {
    format!("`{}`", String::from_utf8_lossy(&way.path))
}

fn decider(facts: &Facts, way: &Way) -> String {
    hop(way).locations.last().map(|&block| facts.block_name(block)).unwrap_or_default()
}
