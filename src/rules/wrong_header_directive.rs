//! To be written.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "wrong-header-directive",
    level: Level::Error,
    card: include_str!("../../rules/wrong-header-directive.md"),
    cause: Some(4),
    intent: Intent::Lost,
    check: Check::Route(check),
};

fn check(_facts: &Facts, _route: &Route) -> Option<Finding> {
    None
}
