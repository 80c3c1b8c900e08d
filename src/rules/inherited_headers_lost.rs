//! A level's own headers throw away the upgrade headers of the level around it. Knows nginx's law of
//! inheritance, not where a map went wrong.

use crate::effective::nginx::names::PROXY_SET_HEADER;
use crate::effective::{BlockId, Value};
use crate::engine::remedy::UPGRADE_LINE;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::nginx::is_header;
use crate::routes::plain::plain_requests;
use crate::routes::{Intent, Route, has_token};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "inherited-headers-lost",
    level: Level::Error,
    card: include_str!("../../rules/inherited-headers-lost.md"),
    cause: Some(0),
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let (level, outer) = (route.headers.level?, route.headers.lost?);
    if route.headers.opaque {
        return None;
    }
    let upgrade = lost(facts, route, outer, "Upgrade");
    let connection = lost(facts, route, outer, "Connection");
    let (names, headers) = match (upgrade.is_empty(), connection.is_empty()) {
        (false, false) => ("Upgrade and Connection", "headers"),
        (false, true) => ("Upgrade", "header"),
        (true, _) => ("Connection", "header"),
    };
    let first = facts.config.own(level, PROXY_SET_HEADER).next()?;
    let edit = facts.site_in(level, first);
    let message = format!(
        "`{}` throws away the {names} {headers} of {}",
        facts.block_name(level),
        facts.block_around(outer)
    );
    let mut finding = RULE.finding(facts.head(edit), message);
    finding = match edit == first {
        true => finding.here("with this header of its own it inherits none"),
        false => finding
            .here("brings in headers of its own, so none is inherited")
            .label(facts.head(first), "this one"),
    };
    for &node in upgrade.iter().chain(&connection) {
        finding = finding.label(facts.head(node), "set here, and lost further in");
    }
    // A level between the two throws them away as well, for what else is in it.
    let between = facts.config.chain(level).skip(1).take_while(|&between| between != outer);
    for node in between.filter_map(|between| facts.config.own(between, PROXY_SET_HEADER).next()) {
        finding = finding.label(facts.head(node), "already thrown away by this one");
    }
    let mut lines = Vec::from_iter(facts.missing_version(route, level));
    lines.extend(again(facts, route, &upgrade, "Upgrade", "websocket", UPGRADE_LINE));
    lines.extend(again(facts, route, &connection, "Connection", "upgrade", &facts.connection(route).text()));
    let fix = facts.repeat(route, level, &lines);
    Some(finding.fix(fix).help(format!("write in `{}` too\n{}", facts.block_name(level), lines.join("\n"))))
}

/// The outer level's headers of this name where the route's own level sets none.
fn lost(facts: &Facts, route: &Route, outer: BlockId, name: &str) -> Vec<NodeRef> {
    if route.headers.written.iter().any(|header| is_header(&header.name, name)) {
        return Vec::new();
    }
    let same =
        |&node: &NodeRef| facts.directive(node).arg(0).is_some_and(|word| is_header(&word.value(), name));
    facts.config.own(outer, PROXY_SET_HEADER).filter(same).collect()
}

/// What to write for a header that the backend must receive: the outer level's line if it serves, else `line`;
/// nothing where the route's own level sees to it.
fn again(
    facts: &Facts,
    route: &Route,
    lost: &[NodeRef],
    name: &str,
    token: &str,
    line: &str,
) -> Option<String> {
    let alone = plain_requests(facts.tree, facts.config, route).is_none();
    let serves = |&&node: &&NodeRef| {
        let directive = facts.directive(node);
        let (Some(written), Some(value)) = (directive.arg(0), directive.arg(1)) else { return false };
        written.value().eq_ignore_ascii_case(name.as_bytes())
            && match facts.handshake.evaluate(route.block, &value.value()) {
                _ if value.is_hole() => true,
                // A constant is sent with plain requests too.
                Value::Known(known) => has_token(&known, token) && (value.value().contains(&b'$') || alone),
                Value::Unknown(_) => true,
            }
    };
    if route.headers.carries(name, token) != Some(false) {
        return None;
    }
    match lost.iter().find(serves) {
        Some(&node) => Some(format!("{};", facts.text(node))),
        None => Some(line.to_string()),
    }
}
