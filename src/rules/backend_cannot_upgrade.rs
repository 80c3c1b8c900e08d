//! To be written.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;

pub static RULE: Rule = Rule {
    id: "backend-cannot-upgrade",
    level: Level::Error,
    card: include_str!("../../rules/backend-cannot-upgrade.md"),
    cause: None,
    intent: Intent::None,
    check: Check::Tree(check),
};

fn check(_facts: &Facts, _findings: &mut Vec<Finding>) {}
