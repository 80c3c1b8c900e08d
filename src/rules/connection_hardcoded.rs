//! Connection says `upgrade` in every request, plain ones too, which most backends ignore. Knows which routes take
//! plain requests, not what a handshake needs.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::plain::{Plain, plain_requests};
use crate::routes::{Intent, Route, has_token};

pub static RULE: Rule = Rule {
    id: "connection-hardcoded",
    level: Level::Note,
    card: include_str!("../../rules/connection-hardcoded.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let header = route.headers.named("connection").find(|header| {
        facts.is_constant(header) && header.value.known().is_some_and(|value| has_token(value, "upgrade"))
    })?;
    // With a constant Upgrade beside it, that is the mistake to speak of.
    let follows = route.headers.named("upgrade").all(|upgrade| !facts.is_constant(upgrade));
    let sound = follows && route.headers.carries("upgrade", "websocket") == Some(true);
    if !sound || plain_requests(facts.tree, facts.config, route)? != Plain::EveryPath {
        return None;
    }
    let place = facts.config.block(route.block).node?;
    let message = "plain requests are sent on with `Connection: upgrade` too";
    let finding = RULE
        .finding(facts.head(header.at), message)
        .label(facts.head(place), "takes every other request too");
    let connection = facts.connection(route);
    let repair = connection.defined(facts.repair().word(header.at, 1, &connection.value));
    let fix = repair.unless(!connection.follows).risky("let Connection follow the client");
    Some(finding.fix(fix).help(format!("write\n{}", connection.text())))
}
