//! To be written.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "path-mangled",
    level: Level::Warning,
    card: include_str!("../../rules/path-mangled.md"),
    cause: None,
    intent: Intent::Lost,
    check: Check::Route(check),
};

fn check(_facts: &Facts, _route: &Route) -> Option<Finding> {
    None
}
