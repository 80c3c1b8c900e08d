//! To be written.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "route-shadowed",
    level: Level::Error,
    card: include_str!("../../rules/route-shadowed.md"),
    cause: None,
    intent: Intent::Named,
    check: Check::Route(check),
};

fn check(_facts: &Facts, _route: &Route) -> Option<Finding> {
    None
}
