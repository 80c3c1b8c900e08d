//! A limit on how long old workers live, which ends their WebSockets. Knows the directives, not how often anybody reloads
//! or stops the server.

use crate::effective::apache::names::GRACEFUL_SHUTDOWN_TIMEOUT;
use crate::effective::apache::values::leading_number;
use crate::effective::nginx::directives::MAIN;
use crate::effective::nginx::names::WORKER_SHUTDOWN_TIMEOUT;
use crate::effective::nginx::values::{milliseconds, spoken_time};
use crate::engine::{Check, Facts, Level, Rule, apache};
use crate::finding::Finding;
use crate::routes::Intent;

pub static RULE: Rule = Rule {
    id: "reload-cuts-tunnels",
    level: Level::Note,
    card: include_str!("../../rules/reload-cuts-tunnels.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Both(&Check::Tree(check), &Check::ApacheTree(of_apache)),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(route) = facts.routes.iter().find(|route| route.intent >= Intent::Lost) else { return };
    let main = facts.config.blocks().filter(|(_, block)| block.context & MAIN != 0);
    let written = main.flat_map(|(block, _)| facts.config.own(block, WORKER_SHUTDOWN_TIMEOUT));
    for at in written {
        let Some(word) = facts.directive(at).arg(0).filter(|word| !word.is_hole()) else { continue };
        // 0 is the default: no limit.
        let Some(time) = milliseconds(&word.value()).filter(|&time| time > 0) else { continue };
        let message = format!("every reload cuts the open WebSockets after {}", spoken_time(time));
        findings.push(
            RULE.finding(facts.head(at), message)
                .label(facts.head(route.node), "WebSockets are proxied here")
                .help("remove the line: without it an old worker stays until its last WebSocket has closed"),
        );
    }
}

/// httpd limits a graceful stop alone; a graceful restart waits for its tunnels without an end.
fn of_apache(facts: &apache::Facts, findings: &mut Vec<Finding>) {
    let Some(route) = facts.routes.iter().find(|route| route.intent >= Intent::Lost) else { return };
    let Some(at) = facts.config.last(facts.config.main().block, GRACEFUL_SHUTDOWN_TIMEOUT) else { return };
    let Some(word) = facts.directive(at).arg(0).filter(|word| !word.is_hole()) else { return };
    // 0 is the default: no limit.
    let Ok(seconds @ 1..) = u64::try_from(leading_number(&word.value())) else { return };
    let message = format!("a graceful stop cuts the open WebSockets after {}", spoken_time(seconds * 1000));
    findings.push(
        RULE.finding(facts.head(at), message)
            .label(facts.head(route.node), "WebSockets are proxied here")
            .help("remove the line: without it a graceful stop waits until the last WebSocket has closed"),
    );
}
