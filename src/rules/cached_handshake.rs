//! To be written.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "cached-handshake",
    level: Level::Warning,
    card: include_str!("../../rules/cached-handshake.md"),
    cause: None,
    intent: Intent::Lost,
    check: Check::Route(check),
};

fn check(_facts: &Facts, _route: &Route) -> Option<Finding> {
    None
}
