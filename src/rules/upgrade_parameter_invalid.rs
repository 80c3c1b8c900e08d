//! `upgrade=` with a value that lets no WebSocket through. Knows values, not whether a line lacks the parameter.

use crate::effective::apache::params::{Param, allows};
use crate::effective::apache::{RefusalKind, Worker};
use crate::engine::apache::Facts;
use crate::engine::apache::fate::{Fate, Serving};
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Fix};
use crate::routes::intent::is_websocket_path;
use crate::routes::{Intent, Route};
use crate::syntax::Word;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "upgrade-parameter-invalid",
    level: Level::Error,
    card: include_str!("../../rules/upgrade-parameter-invalid.md"),
    cause: Some(6),
    intent: Intent::Named,
    options: &[],
    check: Check::Both(&Check::ApacheRoute(check), &Check::ApacheTree(too_long)),
};

/// Protocols that somebody may want to let through instead.
const OTHERS: [&[u8]; 4] = [b"h2c", b"h2", b"tls/1.0", b"irc/6.9"];

/// What httpd says of a value that it has no room for.
const TOO_LONG: &str = "upgrade protocol length";

/// Whether httpd's refusal is about this parameter.
pub fn tells(message: &str) -> bool {
    message.contains(TOO_LONG)
}

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    match &*facts.fate(route) {
        Fate::Upgraded(passage) if passage.taken_by != Some(route.node) => return None,
        Fate::Straight | Fate::Elsewhere(_) => return None,
        _ => {}
    }
    let workers: Vec<&Worker> = match facts.serving(route) {
        Serving::Worker(worker) => vec![worker],
        Serving::Members(members) => members,
        Serving::Nothing => Vec::new(),
    };
    let is_wrong = |param: &&Param| {
        let other = OTHERS.iter().any(|other| param.value().eq_ignore_ascii_case(other));
        let is_meant = !other || is_websocket_path(route.name.matcher.as_bytes());
        !param.value().is_empty() && !allows(param.value(), b"websocket") && is_meant
    };
    let param = workers.into_iter().filter_map(|worker| worker.params.get("upgrade")).find(is_wrong)?;
    let place = facts.word(param.at, "upgrade=");
    let value = String::from_utf8_lossy(param.value());
    let message = match param.value().eq_ignore_ascii_case(b"none") {
        true => format!("`upgrade={value}` lets nothing through, whatever httpd's manual says of it"),
        false => format!(
            "`upgrade={value}` lets through a protocol of that name, and a browser asks for `websocket`"
        ),
    };
    let mut finding = RULE.finding(place, message);
    if param.at != route.node {
        finding = finding.label(facts.head(route.node), "handshakes are sent on here");
    }
    let fix = corrected(facts, param.at);
    Some(finding.fix(fix).help("write\nupgrade=websocket"))
}

fn too_long(facts: &Facts, findings: &mut Vec<Finding>) {
    for refusal in &facts.config.refusals {
        if refusal.kind == RefusalKind::Worker && tells(&refusal.message) {
            let finding = RULE.refusal(facts.word(refusal.node, "upgrade="), refusal.message.clone());
            let fix = corrected(facts, refusal.node);
            let finding = finding.fix(fix).help("write\nupgrade=websocket");
            let finding = finding.labels(facts.included_from(refusal.node.graft));
            findings.push(facts.with_server_line(finding, refusal.node));
        }
    }
}

fn corrected(facts: &Facts, node: NodeRef) -> Option<Fix> {
    let is_it =
        |word: Word| word.value().get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"upgrade="));
    let index = facts.directive(node).args().position(is_it)?;
    facts.repair().word(node, index, "upgrade=websocket").safe("write `upgrade=websocket`")
}
