//! The backend sees `Upgrade`, but `Connection` does not say so. Knows the header's tokens, not where a map went
//! wrong.

use crate::effective::nginx::versions::NEW_PROXY_DEFAULTS;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Header, Intent, Route};

pub static RULE: Rule = Rule {
    id: "connection-not-upgrade",
    level: Level::Error,
    card: include_str!("../../rules/connection-not-upgrade.md"),
    cause: Some(8),
    intent: Intent::Named,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if route.headers.carries("connection", "upgrade")? {
        return None;
    }
    let is_sent = |header: &&Header| header.value.known() != Some(b"");
    let last = || route.headers.named("connection").next_back();
    match route.headers.named("connection").rfind(is_sent).or_else(last) {
        Some(header) => wrong(facts, route, header),
        None => missing(facts, route),
    }
}

fn wrong(facts: &Facts, route: &Route, header: &Header) -> Option<Finding> {
    let written = facts.directive(header.at).arg(1)?.show();
    let message = match header.value.known()? {
        [] if written.is_empty() => {
            "`Connection \"\"` sends no Connection header, so the backend ignores Upgrade".to_string()
        }
        [] => format!("`{written}` is empty in a handshake, so the backend ignores Upgrade"),
        value if value == written.as_bytes() => {
            format!("`Connection: {written}` does not say `upgrade`, so the backend ignores Upgrade")
        }
        value => format!(
            "`{written}` makes `Connection: {}`, which does not say `upgrade`",
            String::from_utf8_lossy(value)
        ),
    };
    let finding = RULE.finding(facts.head(header.at), message).help(help(facts, route, "write instead"));
    let fix = facts.forward(route, route.headers.level?, &[]).fix();
    Some(facts.with_route(finding.fix(fix), route))
}

fn missing(facts: &Facts, route: &Route) -> Option<Finding> {
    let upgrade = route.headers.named("upgrade").next_back()?;
    let name = facts.block_name(route.headers.level?);
    let message = format!("`{name}` sets Upgrade without `Connection: upgrade`, so the backend ignores it");
    let default = match facts.config.target.nginx {
        versions if !versions.any_before(NEW_PROXY_DEFAULTS) => {
            "nginx sends no Connection header unless it is set".to_string()
        }
        versions if versions.all_before(NEW_PROXY_DEFAULTS) => {
            "nginx sends `Connection: close` unless it is set".to_string()
        }
        _ => format!("nginx sends `Connection: close` unless it is set (none from {NEW_PROXY_DEFAULTS} on)"),
    };
    let finding = RULE.finding(facts.head(upgrade.at), message).here("no Connection goes with it");
    let finding = finding.help(help(facts, route, "write beside it"));
    let finding = finding.fix(facts.forward(route, route.headers.level?, &[]).fix());
    Some(finding.label(facts.head(route.node), default))
}

fn help(facts: &Facts, route: &Route, intro: &str) -> String {
    let version = route.headers.level.and_then(|level| facts.missing_version(route, level));
    let lines = version.into_iter().chain([facts.connection(route).text()]);
    std::iter::once(intro.to_string()).chain(lines).collect::<Vec<_>>().join("\n")
}
