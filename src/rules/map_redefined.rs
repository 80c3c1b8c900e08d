//! A variable with two maps, of which nginx silently takes the last. Knows that they differ, not which one is right.

use hashbrown::HashSet;

use crate::effective::nginx::{Map, values};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;

pub static RULE: Rule = Rule {
    id: "map-redefined",
    level: Level::Warning,
    card: include_str!("../../rules/map-redefined.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let overridden = facts.config.maps.iter().filter_map(|map| {
        let winner = facts.config.map(&map.name)?;
        (winner.node != map.node && differ(facts, map, winner)).then_some((map, winner))
    });
    let overridden: Vec<(&Map, &Map)> = overridden.collect();
    if overridden.is_empty() {
        return;
    }
    let used = used_in_handshakes(facts);
    for (map, winner) in overridden {
        if !used.contains(&map.name)
            && !is_keyed_on_upgrade(facts, map)
            && !is_keyed_on_upgrade(facts, winner)
        {
            continue;
        }
        let name = String::from_utf8_lossy(&map.name);
        let message =
            format!("this map of `${name}` is never used: another one follows, and nginx takes the last");
        findings.push(
            RULE.finding(facts.head(map.node), message)
                .label(facts.head(winner.node), "this one counts")
                .help("remove the one that is not meant, or give it a name of its own"),
        );
    }
}

/// Variables in an Upgrade or Connection header.
fn used_in_handshakes(facts: &Facts) -> HashSet<Vec<u8>> {
    let names = |node| {
        let value = facts.directive(node).arg(1).map(|word| word.value()).unwrap_or_default();
        values::variables(&value).map(<[u8]>::to_ascii_lowercase).collect::<Vec<_>>()
    };
    facts.variable_handshake_headers().flat_map(|(_, node)| names(node)).collect()
}

fn is_keyed_on_upgrade(facts: &Facts, map: &Map) -> bool {
    values::variables(&map.source(facts.tree).value()).any(|name| name.eq_ignore_ascii_case(b"http_upgrade"))
}

/// Whether it matters which of the two counts, as far as can be seen.
fn differ(facts: &Facts, one: &Map, other: &Map) -> bool {
    match (lines(facts, one), lines(facts, other)) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    }
}

/// What a map looks up and answers; None where some of it was not seen.
fn lines(facts: &Facts, map: &Map) -> Option<Vec<Vec<Vec<u8>>>> {
    let mut lines = vec![vec![map.source(facts.tree).value().into_owned()]];
    for node in facts.tree.children(map.node) {
        let line = facts.directive(node);
        let words = || std::iter::once(line.name_word()).chain(line.args());
        if facts.config.is_unseen(facts.tree, node) || words().any(|word| word.is_hole()) {
            return None;
        }
        lines.push(words().map(|word| word.value().into_owned()).collect());
    }
    lines[1..].sort();
    Some(lines)
}
