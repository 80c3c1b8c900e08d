//! To be written.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "malformed-handshake-header",
    level: Level::Error,
    card: include_str!("../../rules/malformed-handshake-header.md"),
    cause: Some(1),
    intent: Intent::Lost,
    check: Check::Route(check),
};

fn check(_facts: &Facts, _route: &Route) -> Option<Finding> {
    None
}
