//! The subrequest of `mirror` or `auth_request` asks its own backend for a WebSocket. Knows what that does to the
//! handshake it belongs to, not what such a backend answers.

use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names::{AUTH_REQUEST, MIRROR, PROXY_SET_HEADER};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::nginx::Arrival;
use crate::routes::nginx::is_header;
use crate::routes::{Intent, Route};
use crate::syntax::NameId;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "subrequest-upgrades",
    level: Level::Error,
    card: include_str!("../../rules/subrequest-upgrades.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if route.broken || route.headers.carries("upgrade", "websocket") != Some(true) {
        return None;
    }
    let mirrored =
        subrequests(facts, route, MIRROR).into_iter().find_map(|line| told(facts, route, line, true));
    mirrored.or_else(|| {
        subrequests(facts, route, AUTH_REQUEST).into_iter().find_map(|line| told(facts, route, line, false))
    })
}

/// The directives in force that send one.
fn subrequests(facts: &Facts, route: &Route, name: NameId) -> Vec<NodeRef> {
    let inherited = facts.config.inherited(route.block, name);
    match inherited.level {
        Some(level) if !inherited.opaque => facts.config.own(level, name).collect(),
        _ => Vec::new(),
    }
}

fn told(facts: &Facts, route: &Route, line: NodeRef, mirror: bool) -> Option<Finding> {
    let word = facts.directive(line).arg(0).filter(|word| !word.is_hole())?.value();
    if !word.starts_with(b"/") || word.contains(&b'$') {
        return None;
    }
    let server = route.server?;
    let hosts = facts.tracer.hosts(server).0;
    let host = hosts.first().map_or("localhost", String::as_str);
    let Arrival::Sent { by, hop } = facts.tracer.subrequest(server, host, &word) else { return None };
    if facts.asks(&hop) != Some(true) {
        return None;
    }
    let location = *hop.locations.last()?;
    let copy = facts.routes.iter().find(|other| other.node == by)?;
    // The same backend answers the one as it answers the other; of another nothing is known.
    let same = authority(&copy.backend.text) == authority(&route.backend.text);
    let severity = match (mirror, same) {
        (true, true) => Severity::Error,
        (true, false) | (false, true) => Severity::Warning,
        (false, false) => Severity::Note,
    };
    let name = facts.block_name(location);
    let does = if mirror { "the mirrored request" } else { "the `auth_request`" };
    let message = format!("`{name}` asks for a WebSocket of its own in {does}");
    let own = facts
        .config
        .own(location, PROXY_SET_HEADER)
        .find(|&node| facts.directive(node).arg(0).is_some_and(|name| is_header(&name.value(), "upgrade")));
    let after = match mirror {
        true => "if its backend answers 101, nginx closes the tunnel beside it",
        false => "if its backend answers 101, nginx closes the connection without an answer",
    };
    let mut finding = RULE.finding(facts.head(own.unwrap_or(by)), message).here(after).severity(severity);
    if own.is_none() {
        finding = inherited_from(finding, facts, location);
    }
    let fix = match own {
        Some(_) => {
            let is_it = |node: &NodeRef| {
                let name = facts.directive(*node).arg(0);
                name.is_some_and(|name| {
                    ["upgrade", "connection"].iter().any(|header| is_header(&name.value(), header))
                })
            };
            let lines = facts.config.own(location, PROXY_SET_HEADER).filter(is_it);
            lines.fold(facts.repair(), |repair, node| repair.word(node, 1, "\"\""))
        }
        None => {
            let text = repeated(facts, location);
            let lines: Vec<String> = text.lines().skip(1).map(str::to_string).collect();
            facts.in_block(facts.repair(), location, copy, &lines)
        }
    };
    let finding = finding.fix(fix.safe(format!("ask for no upgrade in `{name}`")));
    let help = match own {
        Some(_) => format!("write instead in `{name}`\n{EMPTY}"),
        None => format!("write in `{name}`{}", repeated(facts, location)),
    };
    Some(finding.label(facts.head(line), "sent beside every handshake").help(help))
}

/// Host and port as `proxy_pass` names them.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let end = rest.char_indices().find(|&(at, letter)| letter == '/' || (letter == '$' && at > 0));
    end.map_or(rest, |(at, _)| &rest[..at])
}

const EMPTY: &str = "proxy_set_header Upgrade \"\";\nproxy_set_header Connection \"\";";

fn inherited_from(finding: Finding, facts: &Facts, location: BlockId) -> Finding {
    let level = facts.config.inherited(location, PROXY_SET_HEADER).level;
    let mut lines = level.into_iter().flat_map(|level| facts.config.own(level, PROXY_SET_HEADER));
    let upgrade = lines
        .find(|&node| facts.directive(node).arg(0).is_some_and(|name| is_header(&name.value(), "upgrade")));
    match upgrade {
        Some(node) => finding.label(facts.head(node), "inherited from here"),
        None => finding,
    }
}

/// What to write where headers of its own replace the inherited ones.
fn repeated(facts: &Facts, location: BlockId) -> String {
    let level = facts.config.inherited(location, PROXY_SET_HEADER).level;
    let is_upgrade = |node: NodeRef| {
        let name = facts.directive(node).arg(0);
        name.is_some_and(|name| {
            ["upgrade", "connection"].iter().any(|header| is_header(&name.value(), header))
        })
    };
    let lines = level.into_iter().flat_map(|level| facts.config.own(level, PROXY_SET_HEADER));
    let others: Vec<String> =
        lines.filter(|&node| !is_upgrade(node)).map(|node| facts.text(node) + ";").collect();
    match others.is_empty() || facts.config.block(location).context != LOCATION {
        true => format!("\n{EMPTY}"),
        false => format!(
            " (headers of its own replace the inherited ones, so these are repeated)\n{}\n{EMPTY}",
            others.join("\n")
        ),
    }
}
