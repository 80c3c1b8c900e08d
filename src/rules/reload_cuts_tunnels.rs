//! A limit on how long old workers live, which ends their WebSockets at every reload. Knows the directive, not how
//! often anybody reloads.

use crate::effective::nginx::directives::MAIN;
use crate::effective::nginx::names::WORKER_SHUTDOWN_TIMEOUT;
use crate::effective::nginx::values::{milliseconds, spoken_time};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;

pub static RULE: Rule = Rule {
    id: "reload-cuts-tunnels",
    level: Level::Note,
    card: include_str!("../../rules/reload-cuts-tunnels.md"),
    cause: None,
    intent: Intent::None,
    check: Check::Tree(check),
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
