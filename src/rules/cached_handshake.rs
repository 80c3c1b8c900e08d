//! A cache may answer a handshake with the page it keeps for the same URL. Knows what lets a handshake past the cache,
//! not what is in it.

use crate::effective::Value;
use crate::effective::nginx::names::{PROXY_CACHE, PROXY_CACHE_BYPASS, PROXY_CACHE_KEY, PROXY_NO_CACHE};
use crate::effective::nginx::values::variables;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::nginx::mentions_upgrade;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "cached-handshake",
    level: Level::Warning,
    card: include_str!("../../rules/cached-handshake.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let cache = facts.config.nearest(route.block, PROXY_CACHE).written_at()?;
    let zone = facts.directive(cache).arg(0).filter(|word| !word.is_hole())?.value();
    if route.broken
        || *zone == *b"off"
        || zone.contains(&b'$')
        || is_passed_by(facts, route)
        || has_own_key(facts, route)
    {
        return None;
    }
    let message =
        format!("`{}` may answer a handshake with a page it keeps for the same URL", facts.text(cache));
    let finding = RULE.finding(facts.head(cache), message).here("nothing leads a handshake past the cache");
    let bypass = facts.config.inherited(route.block, PROXY_CACHE_BYPASS).level;
    let bypass = bypass.and_then(|level| facts.config.own(level, PROXY_CACHE_BYPASS).next());
    let finding = match bypass {
        Some(node) => finding.label(facts.head(node), "empty or 0 for a handshake"),
        None => finding,
    };
    let lines = "proxy_cache_bypass $http_upgrade;\nproxy_no_cache $http_upgrade;";
    let block = facts.settings_place(route.block);
    let mut repair = facts.repair();
    let mut missing = Vec::new();
    for (name, line) in [PROXY_CACHE_BYPASS, PROXY_NO_CACHE].into_iter().zip(lines.lines()) {
        let level = facts.config.inherited(route.block, name).level;
        let written = level.and_then(|level| facts.config.own(level, name).next().map(|node| (level, node)));
        match written {
            Some((level, node)) if level == block => repair = repair.append(node, "$http_upgrade"),
            Some((_, node)) => missing.push(format!("{} $http_upgrade;", facts.text(node))),
            None => missing.push(line.to_string()),
        }
    }
    let fix = facts.in_block(repair, block, route, &missing).safe("lead handshakes past the cache");
    let finding = finding.fix(fix);
    let place = facts.block_name(block);
    Some(facts.with_route(finding, route).help(format!("write in `{place}`\n{lines}")))
}

/// Whether a handshake is led past the cache, or may be: one value that is neither empty nor 0 is enough
/// (`ngx_http_test_predicates`).
fn is_passed_by(facts: &Facts, route: &Route) -> bool {
    let inherited = facts.config.inherited(route.block, PROXY_CACHE_BYPASS);
    let lines = inherited.level.into_iter().flat_map(|level| facts.config.own(level, PROXY_CACHE_BYPASS));
    inherited.opaque
        || lines.flat_map(|node| facts.directive(node).args()).any(|word| {
            word.is_hole()
                || match facts.handshake.evaluate(route.block, &word.value()) {
                    Value::Known(value) => !value.is_empty() && value != b"0",
                    // A cookie or an argument leads none past it that does not have it.
                    Value::Unknown(_) => mentions(facts, &word.value()),
                }
        })
}

/// Whether handshakes are kept under a key of their own.
fn has_own_key(facts: &Facts, route: &Route) -> bool {
    let inherited = facts.config.inherited(route.block, PROXY_CACHE_KEY);
    let mut lines = inherited.level.into_iter().flat_map(|level| facts.config.own(level, PROXY_CACHE_KEY));
    inherited.opaque
        || lines.any(|node| {
            facts.directive(node).args().any(|word| word.is_hole() || mentions(facts, &word.value()))
        })
}

/// Whether a value may hang on the client's Upgrade header: it names it, or a variable that the files define.
fn mentions(facts: &Facts, value: &[u8]) -> bool {
    variables(value).any(|name| {
        mentions_upgrade(facts.config, facts.tree, name)
            || facts.config.defines(name)
            || name == b"http_connection"
    })
}
