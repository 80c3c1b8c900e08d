//! The backend sees `Upgrade`, but `Connection` does not say so. Knows the header's tokens, not where a map went
//! wrong.

use crate::effective::nginx::versions::NEW_PROXY_DEFAULTS;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "connection-not-upgrade",
    level: Level::Error,
    card: include_str!("../../rules/connection-not-upgrade.md"),
    cause: Some(8),
    intent: Intent::Named,
    check: Check::Route(check),
};

const HELP: &str = "write\nproxy_set_header Connection \"upgrade\";";

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if route.headers.carries("connection", "upgrade")? {
        return None;
    }
    if let Some(header) = route.headers.named("connection").next_back() {
        let written = facts.directive(header.at).arg(1)?.show();
        let message = match header.value.known()? {
            [] => "no Connection header is sent, so the backend ignores Upgrade".to_string(),
            value if value == written.as_bytes() => format!("`Connection: {written}` does not say `upgrade`, so the backend ignores Upgrade"),
            value => format!("`{written}` makes `Connection: {}`, which does not say `upgrade`", String::from_utf8_lossy(value)),
        };
        let finding = RULE.finding(facts.head(header.at), message).help(HELP);
        return Some(finding.label(facts.head(route.node), "handshakes are proxied here"));
    }
    let upgrade = route.headers.named("upgrade").next_back()?;
    let message = format!("`{}` forwards Upgrade without `Connection: upgrade`, so the backend ignores it", facts.block_name(route.block));
    let default = match facts.config.always_since(NEW_PROXY_DEFAULTS) {
        true => "nginx sends no Connection header unless it is set",
        false => "nginx sends `Connection: close`, since 1.29.7 none, unless it is set",
    };
    Some(RULE.finding(facts.head(upgrade.at), message).label(facts.head(route.node), default).help(format!("{HELP}").replacen("write", "write beside it", 1)))
}
