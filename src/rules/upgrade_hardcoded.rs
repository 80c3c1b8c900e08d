//! Every request is told to become a WebSocket, plain ones too. Knows which routes take plain requests, not what a
//! handshake needs.

use crate::effective::Value;
use crate::engine::remedy::UPGRADE_LINE;
use crate::engine::{Check, Facts, Level, Rule, apache};
use crate::finding::{Finding, Severity};
use crate::routes::intent::is_polling_path;
use crate::routes::plain::{Plain, plain_requests};
use crate::routes::{By, Intent, Route, has_token};

pub static RULE: Rule = Rule {
    id: "upgrade-hardcoded",
    level: Level::Warning,
    card: include_str!("../../rules/upgrade-hardcoded.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(of_apache)),
};

const MESSAGE: &str = "`Upgrade: websocket` is sent with every request, also where the client asks for none";

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
    let mut lines = UPGRADE_LINE.to_string();
    let mut repair = facts.repair().word(header.at, 1, "$http_upgrade");
    if announced {
        let connection = facts.connection(route);
        lines = format!("{lines}\n{}", connection.text());
        let constants = route.headers.named("connection").filter(|header| facts.is_constant(header));
        for header in constants {
            repair = repair.word(header.at, 1, &connection.value).unless(!connection.follows);
        }
        repair = connection.defined(repair);
    }
    let fix = repair.risky("let Upgrade follow the client: plain requests are no longer sent with it");
    let finding = RULE.finding(facts.head(header.at), MESSAGE).fix(fix).help(format!("write\n{lines}"));
    let place =
        facts.config.block(route.block).node.map_or_else(|| facts.head(route.node), |node| facts.head(node));
    let severity = if surely && announced { Severity::Warning } else { Severity::Note };
    Some(finding.severity(severity).label(place, why))
}

/// httpd sends on what a request says, and a line may say it for all of them.
fn of_apache(facts: &apache::Facts, route: &Route) -> Option<Finding> {
    let takes_all = matches!(route.by, By::Pass { .. } | By::Section { .. });
    if !takes_all
        || route.headers.carries("upgrade", "websocket") != Some(true)
        || facts.has_real_wstunnel(route)
    {
        return None;
    }
    let lines = facts.request_headers(route);
    let line = lines.iter().rfind(|line| line.name == "upgrade" && !line.is_conditional)?;
    let sets = matches!(line.action.as_str(), "add" | "append" | "merge" | "set" | "setifempty");
    let asks = line.value.as_ref().is_some_and(|value| has_token(value, "websocket"));
    if !(sets && asks) {
        return None;
    }
    let path = route.name.matcher.as_bytes();
    let (why, surely) = match path {
        b"/" => ("takes every other request too", true),
        path if is_polling_path(path) => {
            ("takes plain requests too, before a WebSocket or instead of one", true)
        }
        _ => ("may take plain requests too", false),
    };
    let fix = facts.repair().remove(line.at);
    let fix = fix.risky("remove the line; plain requests are no longer sent with it");
    let finding = RULE.finding(facts.head(line.at), MESSAGE).fix(fix).label(facts.head(route.node), why);
    let severity = if surely { Severity::Warning } else { Severity::Note };
    Some(
        finding
            .severity(severity)
            .help("remove this line: httpd sends the client's own Upgrade on by itself"),
    )
}
