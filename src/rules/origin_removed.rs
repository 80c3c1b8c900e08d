//! The backend is not told which site opens the WebSocket. Knows the header, not whether a backend looks at it.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "origin-removed",
    level: Level::Note,
    card: include_str!("../../rules/origin-removed.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let header = route.headers.named("origin").next()?;
    if !route.headers.named("origin").all(|header| header.value.known() == Some(b"")) {
        return None;
    }
    let message = "the backend cannot tell which site opens the WebSocket: its Origin header is removed";
    let finding = RULE.finding(facts.head(header.at), message);
    Some(finding.help("remove the line, and allow the site's own origin in the backend"))
}
