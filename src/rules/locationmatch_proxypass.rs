//! ProxyPass in a section whose argument is a regular expression: the expression is compared letter by letter. Knows
//! the section, not what the backend serves.

use crate::effective::apache::section::Matcher;
use crate::engine::apache::Facts;
use crate::engine::apache::fate::Fate;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::handshake::apache::Outcome;
use crate::routes::{By, Intent, Route};

pub static RULE: Rule = Rule {
    id: "locationmatch-proxypass",
    level: Level::Error,
    card: include_str!("../../rules/locationmatch-proxypass.md"),
    cause: Some(3),
    intent: Intent::Named,
    options: &[],
    check: Check::ApacheRoute(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let By::Section { .. } = route.by else { return None };
    // Where a wildcard of shells stands in the argument, httpd takes it for an expression after all.
    let pass = facts.pass(route).filter(|pass| !pass.is_match && !pass.unknown)?;
    let section = facts.config.block(route.block).node?;
    let (is_regex, pattern) = Matcher::words(facts.directive(section))?;
    if !is_regex {
        return None;
    }
    match &*facts.fate(route) {
        Fate::Elsewhere(Some(passage)) if !matches!(passage.outcome, Outcome::Unknown { .. }) => {}
        _ => return None,
    }
    let pattern = String::from_utf8_lossy(&pattern);
    let message = format!("ProxyPass takes only paths that begin with `{pattern}` letter by letter");
    let target = String::from_utf8_lossy(pass.target.as_deref()?).into_owned();
    // `$1` is what the expression's first group holds; without one the whole path is appended.
    let origin = memchr::memmem::find(target.as_bytes(), b"://").map_or(0, |at| at + 3);
    let end = target[origin..].find('/').map_or(target.len(), |at| origin + at);
    let line = facts.text(route.node);
    let line = match line.find(char::is_whitespace) {
        Some(at) => format!("ProxyPassMatch{}", line[at..].replacen(&target, &target[..end], 1)),
        None => line,
    };
    let finding = RULE.finding(facts.head(route.node), message).here("here an expression is no expression");
    let finding = finding.label(facts.head(section), "these requests are not proxied by it");
    let fix = facts.rewrite_but(route.node, &line, "other requests that match are proxied too");
    Some(finding.fix(fix).help(format!("write instead, which sends the client's own path\n{line}")))
}
