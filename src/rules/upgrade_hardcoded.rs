//! Every request is told to become a WebSocket, plain ones too. Knows which routes take plain requests, not what a
//! handshake needs.

use crate::effective::Value;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::plain::{Plain, plain_requests};
use crate::routes::{Intent, Route, has_token};

pub static RULE: Rule = Rule {
    id: "upgrade-hardcoded",
    level: Level::Warning,
    card: include_str!("../../rules/upgrade-hardcoded.md"),
    cause: None,
    intent: Intent::Lost,
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let header = route.headers.named("upgrade").find(|header| {
        facts.is_constant(header) && header.value.known().is_some_and(|value| has_token(value, "websocket"))
    })?;
    let (why, surely) = match plain_requests(facts.tree, facts.config, route)? {
        Plain::EveryPath => ("takes every other request too", true),
        Plain::Polling => ("takes plain requests too, before a WebSocket or instead of one", true),
        Plain::Perhaps => ("may take plain requests too", false),
    };
    // A backend looks at Upgrade only where Connection names it (RFC 9110, 7.8).
    let announced = route.headers.named("connection").any(|connection| {
        let word = facts.directive(connection.at).arg(1).filter(|word| !word.is_hole());
        let plain = word.map(|word| facts.plain.evaluate(route.block, &word.value()));
        matches!(plain, Some(Value::Known(value)) if has_token(&value, "upgrade"))
    });
    let message = "`Upgrade: websocket` is sent with every request, also where the client asks for none";
    let mut lines = "proxy_set_header Upgrade $http_upgrade;".to_string();
    if announced {
        lines = format!("{lines}\n{}", facts.connection_lines(route));
    }
    let finding = RULE.finding(facts.head(header.at), message).help(format!("write\n{lines}"));
    let place =
        facts.config.block(route.block).node.map_or_else(|| facts.head(route.node), |node| facts.head(node));
    let severity = if surely && announced { Severity::Warning } else { Severity::Note };
    Some(finding.severity(severity).label(place, why))
}
