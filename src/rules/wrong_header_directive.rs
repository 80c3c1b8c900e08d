//! Upgrade or Connection is given to a directive that speaks to the client. Knows which directives do, not the values
//! a backend needs.

use crate::effective::Value;
use crate::effective::nginx::names::{ADD_HEADER, PROXY_PASS_HEADER, PROXY_SET_HEADER};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::nginx::is_header;
use crate::routes::{Intent, Route, has_token};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "wrong-header-directive",
    level: Level::Error,
    card: include_str!("../../rules/wrong-header-directive.md"),
    cause: Some(4),
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

/// The headers of a handshake, what they must say, and what makes them say it.
const HEADERS: [(&str, &str, &str); 2] =
    [("Upgrade", "websocket", "$http_upgrade"), ("Connection", "upgrade", "\"upgrade\"")];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    misdirected(facts, route).or_else(|| sent_twice(facts, route))
}

/// The header is set for the client and not for the backend.
fn misdirected(facts: &Facts, route: &Route) -> Option<Finding> {
    let missing = |(name, token, _): &(&str, &str, &str)| {
        route.headers.carries(name, token) == Some(false) && route.headers.named(name).next().is_none()
    };
    let missing: Vec<_> = HEADERS.into_iter().filter(missing).collect();
    let wrong: Vec<NodeRef> =
        missing.iter().filter_map(|(name, token, _)| misplaced(facts, route, name, token)).collect();
    let &at = wrong.iter().min_by_key(|&&node| facts.head(node))?;
    let (directive, name) = (facts.directive(at).name_word().show(), facts.directive(at).arg(0)?.show());
    let what = match facts.directive(at).name_id() {
        ADD_HEADER => format!("puts {name} into the answer to the client"),
        _ => format!("lets {name} of the backend's answer through"),
    };
    let message = format!("`{directive}` {what}; the backend receives none");
    let mut finding = RULE.finding(facts.head(at), message);
    for &other in wrong.iter().filter(|&&other| other != at) {
        finding = finding.label(facts.head(other), "and so does this");
    }
    if let Some(level) = route.headers.level.filter(|&level| level != route.block)
        && let Some(first) = facts.config.own(level, PROXY_SET_HEADER).next()
    {
        let block = facts.block_name(route.block);
        let message =
            format!("`{block}` inherits this until it has a proxy_set_header of its own: repeat it there");
        finding = finding.label(facts.head(first), message);
    }
    let lines: Vec<String> = missing
        .iter()
        .map(|(name, token, usual)| {
            let value = written(facts, route, name, token).unwrap_or_else(|| usual.to_string());
            format!("proxy_set_header {name} {value};")
        })
        .collect();
    let place = facts.settings_place(route.block);
    let kept = facts.kept_headers(route, place, &["Upgrade"]);
    let is_own = |&&node: &&NodeRef| facts.holds(place, node);
    let own = wrong.iter().filter(is_own);
    let fix =
        facts.forward(route, place, &kept).with(|repair| own.fold(repair, |repair, &at| repair.remove(at)));
    let says =
        |&node: &NodeRef| facts.directive(node).arg(1).is_some_and(|word| !word.value().contains(&b'$'));
    let fix = if wrong.iter().any(says) { fix.changing("answers no longer have the header") } else { fix };
    let finding = finding.fix(fix.fix());
    Some(facts.with_route(finding.help(format!("write instead\n{}", lines.join("\n"))), route))
}

/// The value of such a line, where it is right for the backend.
fn written(facts: &Facts, route: &Route, name: &str, token: &str) -> Option<String> {
    let word = facts.directive(misplaced(facts, route, name, token)?).arg(1)?;
    let value = facts.handshake.evaluate(route.block, &word.value());
    let right = value.known().is_some_and(|value| has_token(value, token)) && word.value().contains(&b'$');
    right.then(|| String::from_utf8_lossy(word.raw()).into_owned())
}

/// The line in force that names the header and asks for an upgrade with it.
fn misplaced(facts: &Facts, route: &Route, name: &str, token: &str) -> Option<NodeRef> {
    let asks = |node: NodeRef| match facts.directive(node).arg(1) {
        None => true,
        Some(word) if word.is_hole() => false,
        Some(word) => match facts.handshake.evaluate(route.block, &word.value()) {
            Value::Known(value) => has_token(&value, token) || has_token(&value, "upgrade"),
            Value::Unknown(_) => false,
        },
    };
    [ADD_HEADER, PROXY_PASS_HEADER].into_iter().find_map(|directive| {
        let level = facts.config.inherited(route.block, directive).level?;
        facts.config.own(level, directive).find(|&node| {
            let word = facts.directive(node).arg(0);
            word.is_some_and(|word| is_header(&word.value(), name)) && asks(node)
        })
    })
}

/// `add_header Upgrade ... always` on a route that upgrades: the client gets the header from the backend too.
fn sent_twice(facts: &Facts, route: &Route) -> Option<Finding> {
    let at = facts.config.always_adds(facts.tree, route.block, "Upgrade")?;
    let word = facts.directive(at).arg(1).filter(|word| !word.is_hole())?;
    let Value::Known(value) = facts.handshake.evaluate(route.block, &word.value()) else { return None };
    let upgrades = HEADERS.iter().all(|(name, token, _)| route.headers.carries(name, token) == Some(true));
    if value.is_empty() || !upgrades || facts.config.hides(facts.tree, route.block, "Upgrade").is_some() {
        return None;
    }
    let message =
        "`add_header Upgrade` with `always` puts a second Upgrade into the 101, and clients reject it";
    let fix = facts.repair().remove(at);
    let fix = match word.value().contains(&b'$') {
        true => fix.safe("remove the line"),
        false => fix.risky("remove the line; no answer has the header any more"),
    };
    let finding = RULE
        .finding(facts.head(at), message)
        .fix(fix)
        .help("remove this line; nginx passes the backend's Upgrade on");
    Some(facts.with_route(finding, route))
}
