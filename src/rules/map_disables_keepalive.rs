//! A map's `close` for plain requests ends the connections that the upstream would keep. Knows the upstream's
//! keepalive, not WebSockets: a tunnel's connection is never kept.

use crate::effective::BlockId;
use crate::effective::nginx::names::KEEPALIVE;
use crate::effective::nginx::values;
use crate::effective::nginx::versions::NEW_PROXY_DEFAULTS;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Label};
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "map-disables-keepalive",
    level: Level::Note,
    card: include_str!("../../rules/map-disables-keepalive.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let keepalive = keepalive(facts, route.backend.upstream?)?;
    if !route.headers.carries("connection", "upgrade")?
        || route.http_version.value(facts.config.target.nginx)? != 11
    {
        return None;
    }
    let header = route.headers.named("connection").next_back()?;
    let plain = facts.plain.evaluate(route.block, &facts.directive(header.at).arg(1)?.value());
    if !plain.known()?.eq_ignore_ascii_case(b"close") {
        return None;
    }
    let (_, line) = facts.plain.deciding(route.block, facts.map_in(header)?);
    let line = line?.node;
    let key = String::from_utf8_lossy(facts.directive(line).name_word().raw()).into_owned();
    let message =
        format!("`{key} close` closes every connection that the upstream would keep for plain requests");
    let finding = RULE.finding(facts.head(line), message).labels([keepalive]);
    let finding = finding.label(facts.head(header.at), "used for Connection here");
    let fix =
        facts.repair().word(line, 0, "''").risky("keep connections alive; plain requests send no Connection");
    Some(finding.fix(fix).help(format!("write an empty value, which sends no Connection header\n{key} '';")))
}

/// What keeps the upstream's connections alive, if every version of the target does.
fn keepalive(facts: &Facts, upstream: BlockId) -> Option<Label> {
    let config = facts.config;
    if let Some(written) = config.own(upstream, KEEPALIVE).next() {
        let kept = facts.directive(written).arg(0).filter(|word| !word.is_hole())?;
        let label = Label { span: facts.head(written), message: "kept alive by this".to_string() };
        return values::number(&kept.value()).filter(|&number| number > 0).map(|_| label);
    }
    let by_default = config.always_since(NEW_PROXY_DEFAULTS) && !config.block(upstream).opaque;
    let head = facts.head(config.block(upstream).node?);
    let message = format!("keeps 32 connections alive by default since nginx {NEW_PROXY_DEFAULTS}");
    by_default.then_some(Label { span: head, message })
}
