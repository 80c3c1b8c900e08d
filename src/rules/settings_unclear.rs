//! What does not work in wslint's own settings. Knows how it is told, not what may be set.

use crate::engine::settings::Problem;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::source::Span;

pub static RULE: Rule = Rule {
    id: "settings-unclear",
    level: Level::Warning,
    card: include_str!("../../rules/settings-unclear.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Settings(check),
};

pub(super) fn check(problem: &Problem, at: Span) -> Finding {
    let mut finding = RULE.finding(at, problem.message.clone()).severity(problem.severity);
    finding.primary_label.clone_from(&problem.here);
    finding.help.clone_from(&problem.help);
    finding
}
