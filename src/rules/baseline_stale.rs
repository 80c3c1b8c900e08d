//! Entries of a baseline that nothing is found for any more. Knows nothing of what they were about.

use crate::engine::baseline::Entry;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::source::Span;

pub static RULE: Rule = Rule {
    id: "baseline-stale",
    level: Level::Note,
    card: include_str!("../../rules/baseline-stale.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Stale(check),
};

pub(super) fn check(entry: &Entry, at: Span) -> Finding {
    let Entry { path, rule, .. } = entry;
    let finding = RULE.finding(at, format!("`{rule}` is known of `{path}`, and no longer found there"));
    finding.help("remove the line, or write the file anew with --write-baseline")
}
