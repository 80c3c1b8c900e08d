//! httpd: Redirect in a section, or a rewrite rule, answers the handshakes of a route. Knows where the redirect leads.

use super::RULE;
use crate::effective::apache::names;
use crate::effective::apache::server::ServerId;
use crate::engine::apache::remedy::unless_path;
use crate::engine::apache::{Facts, Way};
use crate::finding::Finding;
use crate::handshake::apache::Outcome;
use crate::handshake::{Url, Verdict};
use crate::routes::{By, Route};
use crate::tree::NodeRef;

/// A redirect that answers a handshake.
struct Answer {
    status: u16,
    line: NodeRef,
    location: Option<Vec<u8>>,
}

pub(super) fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if facts.goes_straight(route) {
        return None;
    }
    let ways = facts.ways(route);
    let answers: Option<Vec<Answer>> = ways.iter().map(|way| answer(route, way)).collect();
    let answers = answers?;
    let (way, first) = (ways.first()?, answers.first()?);
    let server = facts.server_of(route);
    if ways.iter().zip(&answers).any(|(way, answer)| leads_on(facts, server, way, answer)) {
        return None;
    }
    Some(always(facts, route, way, first))
}

fn answer(route: &Route, way: &Way) -> Option<Answer> {
    let Outcome::Answered { status: Some(status), at: Some(line), location, .. } = &way.passage.outcome
    else {
        return None;
    };
    let is_own = *line == route.node || matches!(route.by, By::Rewrite { .. }) && way.looked_at(route.node);
    let answer = Answer { status: *status, line: *line, location: location.clone() };
    ((300..400).contains(status) && !is_own).then_some(answer)
}

/// Whether the redirect leads to the same path over TLS, where the handshake succeeds, or may do so; another rule tells
/// of one that leads to `ws:`.
fn leads_on(facts: &Facts, server: ServerId, way: &Way, answer: &Answer) -> bool {
    let Some(location) = &answer.location else { return true };
    let location = String::from_utf8_lossy(location);
    if location.starts_with("ws:") || location.starts_with("wss:") {
        return true;
    }
    let Some(url) = location.parse::<Url>().ok().filter(|url| url.tls && url.target == way.path) else {
        return false;
    };
    let found = facts.config.server(server);
    let goes_by = |name: &Vec<u8>| name == url.host.as_bytes();
    let whole = facts.config.all(found.block).iter().any(|entry| entry.node == answer.line);
    let own = found.name.iter().chain(&found.aliases).any(goes_by) || found.name.is_none();
    if !(whole || own) {
        return false;
    }
    match facts.tracer.trace(&url, &[]).verdict {
        Verdict::Upgraded | Verdict::Unknown | Verdict::ConfigError => true,
        Verdict::Refused | Verdict::Intercepted => !facts.is_complete(),
    }
}

fn always(facts: &Facts, route: &Route, way: &Way, answer: &Answer) -> Finding {
    let (line, status) = (answer.line, answer.status);
    let text = facts.text(line);
    let shown = way.shown();
    let path = shown.split('?').next().unwrap_or_default();
    let message =
        format!("`{text}` answers every handshake for `{path}`, and browsers do not follow redirects");
    let finding = RULE.finding(facts.head(line), message).here(format!("a handshake gets this {status}"));
    let finding = finding.label(facts.head(route.node), "never reached");
    let finding = match facts.directive(line).name_id() {
        names::REWRITE_RULE => finding.fix(facts.guarded(route, line, path)),
        _ => finding,
    };
    finding.help(match (facts.directive(line).name_id(), route.by) {
        (names::REWRITE_RULE, By::Rewrite { .. }) => {
            "write the rule for WebSockets above it, with its conditions".to_string()
        }
        (names::REWRITE_RULE, _) => {
            format!("write before it, above conditions that it has\n{}", unless_path(path))
        }
        _ => {
            let words: Vec<_> = facts.directive(line).args().collect();
            let last = words.last().map(|word| String::from_utf8_lossy(word.raw()).into_owned());
            let name = facts.directive(line).name_word().show();
            let status = if words.len() > 1 && !words[0].value().starts_with(b"/") {
                format!(" {}", words[0].show())
            } else {
                String::new()
            };
            format!(
                "write it outside all sections, where ProxyPass comes before it\n{name}{status} \"/\" {}",
                last.unwrap_or_default()
            )
        }
    })
}
