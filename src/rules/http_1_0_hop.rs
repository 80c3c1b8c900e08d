//! To be written.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "http-1-0-hop",
    level: Level::Warning,
    card: include_str!("../../rules/http-1-0-hop.md"),
    cause: Some(9),
    intent: Intent::Named,
    check: Check::Route(check),
};

fn check(_facts: &Facts, _route: &Route) -> Option<Finding> {
    None
}
