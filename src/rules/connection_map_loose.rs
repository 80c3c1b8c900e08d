//! A map that asks for an upgrade also where the client asked for none. Knows what the map answers a plain request,
//! not whether the handshake works.

use crate::effective::nginx::values;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route, has_token};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "connection-map-loose",
    level: Level::Warning,
    card: include_str!("../../rules/connection-map-loose.md"),
    // It explains no failure of the handshake, so it silences none that does.
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

const TITLE: &str = "ask for an upgrade only where the client does; plain requests no longer say so";

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if !(route.headers.carries("upgrade", "websocket")? && route.headers.carries("connection", "upgrade")?) {
        return None;
    }
    let header = route.headers.named("connection").next_back()?;
    let map = facts.map_in(header)?;
    let name = format!("${}", String::from_utf8_lossy(&map.name));
    let plain = facts.plain.evaluate(route.block, name.as_bytes());
    if !plain.known().is_some_and(|value| has_token(value, "upgrade")) {
        return None;
    }
    let source = map.source(facts.tree);
    let has_empty = |map: NodeRef| {
        facts.tree.children(map).any(|node| facts.directive(node).name_word().value().is_empty())
    };
    let (decider, line) = facts.plain.deciding(route.block, map);
    let is_connection = |name: &[u8]| name.eq_ignore_ascii_case(b"http_connection");
    let rekeyed = format!("write\nmap $http_upgrade {name} {{");
    let idle = facts.repair().word(map.node, 0, "$http_upgrade");
    let idle = match has_empty(map.node) || facts.tree.children(map.node).next().is_none() {
        true => idle,
        false => idle.below(facts.tree.children(map.node).last()?, &["''      close;"]),
    };
    let rekey = idle.risky(TITLE);
    let finding = if !source.value().contains(&b'$') {
        let source = source.show();
        let message = format!(
            "the map looks up the text `{source}`, not the client's header, so `{name}` is always `upgrade`"
        );
        RULE.finding(facts.head(map.node), message).here("a `$` is missing").fix(rekey).help(rekeyed)
    } else if values::variables(&source.value()).any(is_connection) {
        let message =
            format!("plain requests send a Connection header too, so `{name}` asks for an upgrade for them");
        RULE.finding(facts.head(map.node), message).here("looks at the wrong header").fix(rekey).help(rekeyed)
    } else {
        let message = format!("`{name}` is `upgrade` also for a request that asks for no upgrade");
        let line = line?;
        let empty = |node: &NodeRef| facts.directive(*node).name_word().value().is_empty();
        let own = facts.tree.children(decider.node).find(empty);
        let fix = match own {
            Some(own) => facts.repair().word(own, 0, "close"),
            None => facts.repair().below(line.node, &["''      close;"]),
        };
        let help = match own.is_some() {
            true => "write\n''      close;",
            false => "write beside it\n''      close;",
        };
        RULE.finding(facts.head(line.node), message)
            .here("decides for plain requests too")
            .fix(fix.risky(TITLE))
            .help(help)
    };
    Some(finding.label(facts.head(header.at), "used for Connection here"))
}
