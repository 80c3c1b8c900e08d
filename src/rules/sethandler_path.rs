//! `SetHandler "proxy:ws://..."` sends the path of a file, where ProxyPass would send the client's. Knows handlers, not
//! what the backend serves.

use crate::engine::apache::Facts;
use crate::engine::apache::fate::Fate;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::handshake::apache::Outcome;
use crate::routes::{By, Intent, Route};

pub static RULE: Rule = Rule {
    id: "sethandler-path",
    level: Level::Warning,
    card: include_str!("../../rules/sethandler-path.md"),
    cause: Some(6),
    intent: Intent::Written,
    options: &[],
    check: Check::ApacheRoute(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if route.by != By::Handler {
        return None;
    }
    let message = match &*facts.fate(route) {
        Fate::Elsewhere(Some(passage)) => {
            let Outcome::Forwarded(sent) = &passage.outcome else { return None };
            let line = facts.text(sent.by);
            let message = "a handler gets only what no ProxyPass and no rewrite rule takes before";
            let finding = RULE.finding(facts.head(route.node), message);
            return Some(finding.label(facts.head(sent.by), "this takes the handshake").help(format!(
                "write in place of the handler a line above `{line}`\n{}",
                replacement(route)
            )));
        }
        Fate::Straight | Fate::Elsewhere(None) => return None,
        Fate::Upgraded(passage) | Fate::Taken(passage) if passage.taken_by != Some(route.node) => {
            return None;
        }
        Fate::Upgraded(_) | Fate::Taken(_) => {
            "a handler sends the backend the path of a file, as in `GET /var/www/html/ws`"
        }
    };
    let finding = RULE.finding(facts.head(route.node), message).here("not the path that the client asks for");
    let help = format!("write in place of the handler, outside the section\n{}", replacement(route));
    Some(finding.help(help))
}

fn replacement(route: &Route) -> String {
    let target = &route.backend.text;
    let path = Some(route.name.matcher.as_str()).filter(|path| path.starts_with('/')).unwrap_or("/");
    format!("ProxyPass \"{path}\" \"{target}{path}\"")
}
