//! `ws://` or `wss://` where nginx wants `http://` or `https://`. Knows the scheme, not what answers there.

use crate::effective::nginx::values;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "ws-scheme-in-proxy-pass",
    level: Level::Error,
    card: include_str!("../../rules/ws-scheme-in-proxy-pass.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    findings.extend(facts.routes.iter().filter_map(|route| finding(facts, route)));
}

fn finding(facts: &Facts, route: &Route) -> Option<Finding> {
    let scheme = facts.scheme(route).filter(|scheme| matches!(scheme.as_str(), "ws" | "wss"))?;
    if facts.config.is_derailed(facts.tree, route.node) {
        return None;
    }
    let at = if corrected(&facts.text(route.node)).is_some() { route.node } else { origin(facts, route)? };
    let finding = match route.backend.text.contains('$') {
        true => {
            let message = format!("nginx knows no `{scheme}://`, so it answers every request with 500");
            RULE.finding(facts.head(at), message)
        }
        false => {
            let message = format!("nginx knows no `{scheme}://`, so it does not start");
            facts.refused(&RULE, at, message)
        }
    };
    let finding = finding.here("a WebSocket begins as an HTTP request");
    let finding = if at == route.node { finding } else { finding.label(facts.head(route.node), "used here") };
    let http = if scheme == "ws" { "http://" } else { "https://" };
    Some(match corrected(&facts.text(at)) {
        Some(line) if route.backend.text.contains('$') => finding
            .fix(facts.rewrite_but(at, &line, "other requests no longer get 500 either"))
            .help(format!("write\n{line}")),
        Some(line) => finding.fix(facts.rewrite(at, &line)).help(format!("write\n{line}")),
        None => finding.help(format!("write `{http}`")),
    })
}

/// The line that gives the variable its scheme.
fn origin(facts: &Facts, route: &Route) -> Option<NodeRef> {
    let written = facts.directive(route.node).arg(0)?.value();
    let name = values::variables(&written).next()?;
    let is_origin = |node: &NodeRef| corrected(&facts.text(*node)).is_some();
    let set = || facts.config.sets(name).iter().map(|&(_, node)| node).find(is_origin);
    let entry = || facts.handshake.deciding(route.block, facts.config.map(name)?).1.map(|entry| entry.node);
    Some(set().or_else(|| entry().filter(is_origin)).unwrap_or(route.node))
}

/// The line with the scheme that nginx knows.
fn corrected(line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    let at = lower.find("://")?;
    let (start, http) = match &lower[..at] {
        before if before.ends_with("wss") => (at - 3, "https"),
        before if before.ends_with("ws") => (at - 2, "http"),
        _ => return None,
    };
    Some(format!("{}{http}{};", &line[..start], &line[at..]))
}
