//! The backend never sees `Upgrade`. Knows the header, not why an outer level's was lost.

use crate::effective::nginx::versions::NEW_PROXY_DEFAULTS;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "upgrade-not-forwarded",
    level: Level::Error,
    card: include_str!("../../rules/upgrade-not-forwarded.md"),
    cause: Some(7),
    intent: Intent::Named,
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if route.headers.carries("upgrade", "websocket")? {
        return None;
    }
    let connection = route.headers.carries("connection", "upgrade") == Some(true);
    let mut lines = vec!["proxy_set_header Upgrade $http_upgrade;"];
    if !connection {
        lines.push("proxy_set_header Connection \"upgrade\";");
    }
    if route.http_version.value(facts.config.target.nginx) != Some(11) && !facts.config.always_since(NEW_PROXY_DEFAULTS) {
        lines.insert(0, "proxy_http_version 1.1;");
    }
    let help = |intro: &str| format!("{intro}\n{}", lines.join("\n"));
    if let Some(header) = route.headers.named("upgrade").next_back() {
        let written = facts.directive(header.at).arg(1)?.show();
        let message = match header.value.known()? {
            [] if written.is_empty() => "the client's Upgrade header is removed here".to_string(),
            [] => format!("`{written}` is empty, so the backend receives no Upgrade header"),
            value => format!("the backend receives `Upgrade: {}`, which asks for no WebSocket", String::from_utf8_lossy(value)),
        };
        let finding = RULE.finding(facts.head(header.at), message).help(help("write"));
        return Some(finding.label(facts.head(route.node), "handshakes are proxied here"));
    }
    let message = format!("`{}` does not forward the Upgrade header, so the backend sees a plain request", facts.block_name(route.block));
    let mut finding = RULE
        .finding(facts.head(route.node), message)
        .here("nginx removes Upgrade unless it is set")
        .help(help("write beside it"));
    if let Some(level) = route.headers.level
        && let Some(header) = facts.config.own(level, crate::effective::nginx::names::PROXY_SET_HEADER).next()
    {
        finding = finding.label(facts.head(header), "the headers that are sent are set here");
    }
    Some(finding)
}
