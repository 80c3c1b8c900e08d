//! To be written.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "misspelled-variable",
    level: Level::Error,
    card: include_str!("../../rules/misspelled-variable.md"),
    cause: Some(2),
    intent: Intent::Lost,
    check: Check::Route(check),
};

fn check(_facts: &Facts, _route: &Route) -> Option<Finding> {
    None
}
