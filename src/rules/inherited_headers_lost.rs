//! A level's own headers throw away the upgrade headers of the level around it. Knows nginx's law of
//! inheritance, not the headers' values.

use crate::effective::nginx::names::PROXY_SET_HEADER;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::nginx::is_header;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "inherited-headers-lost",
    level: Level::Error,
    card: include_str!("../../rules/inherited-headers-lost.md"),
    cause: Some(0),
    intent: Intent::Lost,
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let (level, outer) = (route.headers.level?, route.headers.lost?);
    let lost = lost_headers(facts, route, outer);
    let names: Vec<&str> = lost.iter().map(|(name, _)| *name).collect();
    let first = facts.config.own(level, PROXY_SET_HEADER).next()?;
    let edit = facts.site_in(level, first);
    let message = format!(
        "`{}` throws away the {} header{} of its {}",
        facts.block_name(level),
        names.join(" and "),
        if names.len() == 1 { "" } else { "s" },
        facts.block_kind(outer),
    );
    let mut finding = RULE.finding(facts.head(edit), message);
    for (_, node) in &lost {
        finding = finding.label(facts.head(*node), format!("set for the whole {}", facts.block_kind(outer)));
    }
    finding = match edit == first {
        true => finding.here("one proxy_set_header of its own, and none is inherited"),
        false => finding
            .here("brings in a proxy_set_header, and none is inherited")
            .label(facts.head(first), "this one"),
    };
    let lines: Vec<String> = lost.iter().map(|(_, node)| format!("{};", facts.text(*node))).collect();
    Some(finding.help(format!("write {} here too\n{}", if lines.len() == 1 { "it" } else { "them" }, lines.join("\n"))))
}

/// The upgrade headers of the outer level that the route's own level does not set.
fn lost_headers(facts: &Facts, route: &Route, outer: crate::effective::BlockId) -> Vec<(&'static str, NodeRef)> {
    let own = |name: &str| route.headers.named(name).next().is_some();
    let set_outside = |name: &'static str| {
        facts.config.own(outer, PROXY_SET_HEADER).filter_map(move |node| {
            let word = facts.directive(node).arg(0)?;
            is_header(&word.value(), name).then_some((name, node))
        })
    };
    ["Upgrade", "Connection"].into_iter().filter(|name| !own(name)).flat_map(set_outside).collect()
}
