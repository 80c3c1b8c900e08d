//! httpd: another line of ProxyPass, a section, or a rewrite rule gets the handshakes of a route. Knows in which order
//! httpd asks them.

use super::RULE;
use crate::effective::apache::names;
use crate::effective::apache::server::ServerId;
use crate::engine::apache::remedy::unless_path;
use crate::engine::apache::{Facts, Way};
use crate::finding::Finding;
use crate::routes::{By, Route};
use crate::tree::NodeRef;

/// Who gets the handshake instead.
#[derive(Clone, Copy)]
enum Taker {
    /// It is sent on by this line, and not upgraded.
    Sends(NodeRef),
    /// The server keeps it, because of this line.
    Keeps(NodeRef),
}

pub(super) fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    // What becomes of a handler is another rule's to tell.
    if route.by == By::Handler {
        return None;
    }
    if facts.goes_straight(route) {
        return None;
    }
    let ways = facts.ways(route);
    let takers: Option<Vec<Taker>> = ways.iter().map(|way| taker(facts, route, way)).collect();
    let taker = *takers?.first()?;
    let way = ways.first()?;
    Some(match taker {
        Taker::Sends(by) | Taker::Keeps(by) if is_rewrite(facts, by) => rewritten(facts, route, way, taker),
        Taker::Sends(by) => passed(facts, route, way, by),
        Taker::Keeps(by) => excluded(facts, route, way, by),
    })
}

fn taker(facts: &Facts, route: &Route, way: &Way) -> Option<Taker> {
    let taker = match (way.sent_by(), way.passage.kept) {
        (Some((by, upgrades)), _) if by != route.node && !upgrades => Taker::Sends(by),
        (None, Some(by)) if by != route.node => Taker::Keeps(by),
        _ => return None,
    };
    // Rules are asked in their order: one that was asked and did not match is not shadowed.
    let (Taker::Sends(by) | Taker::Keeps(by)) = taker;
    match route.by {
        By::Rewrite { .. } if way.looked_at(route.node) || !is_rewrite(facts, by) => None,
        _ => Some(taker),
    }
}

fn is_rewrite(facts: &Facts, line: NodeRef) -> bool {
    facts.directive(line).name_id() == names::REWRITE_RULE
}

/// A rewrite rule of the server, which comes before everything else.
fn rewritten(facts: &Facts, route: &Route, way: &Way, taker: Taker) -> Finding {
    let (line, does) = match taker {
        Taker::Sends(line) => (line, "sends it elsewhere"),
        Taker::Keeps(line) => (line, "makes it a file's"),
    };
    let path = path(way);
    let message = format!("`{}` takes `{path}` away and {does}", facts.text(line));
    let finding = RULE.finding(facts.head(line), message);
    let label = match route.by {
        By::Rewrite { .. } => "never asked, for it comes later",
        _ => "never asked: rewrite rules come first",
    };
    let finding = finding.label(facts.head(route.node), label);
    let finding = finding.fix(facts.guarded(route, line, &path));
    finding.help(match route.by {
        By::Rewrite { .. } => "write the rule for WebSockets above it, with its conditions".to_string(),
        _ => format!("write before it, above conditions that it has\n{}", unless_path(&path)),
    })
}

/// Another line of ProxyPass.
fn passed(facts: &Facts, route: &Route, way: &Way, by: NodeRef) -> Finding {
    let (config, path) = (facts.config, path(way));
    let owner = facts.routes.iter().find(|other| other.node == by);
    let section = owner.filter(|other| matches!(other.by, By::Section { .. })).map(|other| other.block);
    let own = match route.by {
        By::Section { .. } => facts.block_name(route.block),
        _ => format!("`{}`", facts.short(route.node)),
    };
    let name = match section {
        Some(block) => facts.block_name(block),
        None => format!("`{}`", facts.short(by)),
    };
    let message = format!("{name} takes every handshake for {own}");
    let place = match (route.by, config.block(route.block).node) {
        (By::Section { .. }, Some(node)) => node,
        _ => route.node,
    };
    let finding = RULE.finding(facts.head(place), message).here("never gets its own path");
    let taken_at = section.and_then(|block| config.block(block).node).unwrap_or(by);
    let is_main = owner.is_some_and(|other| facts.server_of(other) == ServerId::MAIN);
    let is_others = is_main && facts.server_of(route) != ServerId::MAIN;
    let (label, help) = match (route.by, section) {
        (By::Section { .. }, Some(_)) => {
            ("of the sections that match, the last one counts", format!("write {own} below {name}"))
        }
        (_, Some(_)) => (
            "a ProxyPass in a section is asked before those outside",
            format!("write below that section\n{}", as_section(facts, route, &path)),
        ),
        (_, None) if is_others => (
            "the main server's lines are asked before those of a virtual host",
            format!("write it as a section, which is asked before both\n{}", as_section(facts, route, &path)),
        ),
        (_, None) => (
            "of the lines that match, the first one counts",
            format!("write it above that line\n{}\n{}", facts.text(route.node), facts.text(by)),
        ),
    };
    // Lines of one list change their places; anything else is more than one edit can tell.
    let beside = matches!(route.by, By::Pass { .. }) && section.is_none() && !is_others;
    let moved = facts.repair().unless(!beside).remove(route.node).above(by, &[facts.text(route.node)]);
    let fix = moved
        .risky(format!("write it above `{}`; it takes other requests for `{path}` too", facts.short(by)));
    finding.fix(fix).label(facts.head(taken_at), label).help(help)
}

/// `!`, or what sets `no-proxy`.
fn excluded(facts: &Facts, route: &Route, way: &Way, by: NodeRef) -> Finding {
    let message = format!("`{}` keeps `{}` from being proxied", facts.text(by), path(way));
    let finding = RULE.finding(facts.head(by), message);
    let finding = finding.label(facts.head(route.node), "never gets its own path");
    finding.help(match facts.directive(by).name_id() {
        names::PROXY_PASS | names::PROXY_PASS_MATCH => "take it out, or let it name other paths",
        _ => "let it match other requests only",
    })
}

/// Without the query that was asked for.
fn path(way: &Way) -> String {
    let shown = way.shown();
    shown.split('?').next().unwrap_or_default().to_string()
}

/// The arguments behind the path, as written.
fn target(facts: &Facts, route: &Route) -> String {
    let skipped = usize::from(matches!(route.by, By::Pass { .. }));
    let words = facts.directive(route.node).args().skip(skipped);
    words.map(|word| String::from_utf8_lossy(word.raw()).into_owned()).collect::<Vec<_>>().join(" ")
}

fn as_section(facts: &Facts, route: &Route, path: &str) -> String {
    let directive = facts.directive(route.node);
    let is_match = directive.name_id() == names::PROXY_PASS_MATCH;
    let (section, shown) = match (is_match, directive.arg(0)) {
        (true, Some(pattern)) => ("LocationMatch", pattern.show()),
        _ => ("Location", path.to_string()),
    };
    let name = directive.name_word().show();
    format!("<{section} \"{shown}\">\n    {name} {}\n</{section}>", target(facts, route))
}
