//! What the server's own test refuses and no other rule names. Knows the parts that look, one a kind of block, not the
//! table of directives.

mod apache;
mod conditions;
mod listens;
mod locations;
mod passes;
mod streams;
mod upstreams;
mod values;
mod variables;
mod zones;

use crate::effective::nginx::directives;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::Intent;
use crate::source::Span;

pub static RULE: Rule = Rule {
    id: "config-refused",
    level: Level::Error,
    card: include_str!("../../../rules/config-refused.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Both(&Check::Tree(check), &Check::ApacheTree(apache::check)),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    events(facts, findings);
    locations::check(facts, findings);
    passes::check(facts, findings);
    upstreams::check(facts, findings);
    listens::check(facts, findings);
    streams::check(facts, findings);
    zones::check(facts, findings);
    conditions::check(facts, findings);
    values::check(facts, findings);
    variables::check(facts, findings);
}

/// `ngx_event_init_conf`: whatever the main file holds, it holds `events`.
fn events(facts: &Facts, findings: &mut Vec<Finding>) {
    let config = facts.config;
    if !config.complete
        || config.fragment
        || config.blocks().any(|(_, block)| block.context == directives::EVENTS)
    {
        return;
    }
    let file = facts.tree.file(facts.tree.root());
    if facts.tree.document(file).is_empty() {
        // Somebody's fragment may well be empty, or hold nothing but comments; a main file hardly.
        let is_main = facts.tree.sources.path(file).ends_with("nginx.conf");
        let severity = if is_main { Severity::Warning } else { Severity::Note };
        let start = Span { file, start: 0, end: 0 };
        let finding = RULE.refusal(start, "no \"events\" section in configuration").severity(severity);
        findings.push(finding.here("this file holds no directive at all"));
        return;
    }
    let Some(main) = config.blocks().find(|(_, block)| block.context == directives::HTTP) else { return };
    let Some(node) = main.1.node else { return };
    let finding = RULE.refusal(facts.head(node), "no \"events\" section in configuration");
    findings.push(finding.here("this makes it a main file").help("write before it\nevents {}"));
}
