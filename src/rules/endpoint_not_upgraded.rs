//! A URL at which a WebSocket must open, and does not. Knows the way of its handshake, not what is wrong with it: where a
//! rule does, that one speaks.

use crate::engine::contracts::Contract;
use crate::engine::{Check, Ground, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::Verdict;
use crate::routes::Intent;
use crate::source::{FileId, Span};

pub static RULE: Rule = Rule {
    id: "endpoint-not-upgraded",
    level: Level::Error,
    card: include_str!("../../rules/endpoint-not-upgraded.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Contract(check),
};

/// Where nothing else can be underlined.
const MAIN: Span = Span { file: FileId(0), start: 0, end: 0 };

fn check(ground: &Ground, contract: &Contract) -> Option<Finding> {
    if !contract.is_addressed {
        // What was not seen may go by that name.
        return (contract.endpoint.is_expected && ground.tree.complete).then(|| nowhere(contract));
    }
    if contract.is_kept() {
        return None;
    }
    let (url, why) = (&contract.endpoint.url.text, &contract.trace.why);
    let mut story = contract.story();
    let decisive = story.pop();
    let primary = decisive.as_ref().map(|label| label.span).or(contract.at);
    let message = match contract.trace.verdict {
        Verdict::Unknown => format!("whether `{url}` upgrades is not known: {why}"),
        _ => format!("`{url}` does not upgrade: {why}"),
    };
    let mut finding = RULE.finding(primary.unwrap_or(MAIN), message).labels(story);
    finding.primary_label =
        decisive.map(|label| label.message).filter(|label| !finding.message.contains(label));
    if contract.trace.verdict == Verdict::Unknown {
        finding = finding.severity(Severity::Note);
    }
    if contract.at != primary {
        finding = finding.labels(contract.label("a WebSocket must open here"));
    }
    let never_arrives = contract.trace.hops.iter().all(|hop| hop.server.is_none());
    Some(match (&contract.endpoint.via, never_arrives) {
        (None, true) if !ground.fragment => finding.help(format!(
            "if something in front of {} hands it on, write for the endpoint where it arrives\nvia = \"http://:8080\"",
            ground.server
        )),
        _ => finding,
    })
}

/// No configuration goes by the endpoint's host.
fn nowhere(contract: &Contract) -> Finding {
    let url = &contract.endpoint.url;
    let message = format!("no configuration goes by the name `{}` of `{}`", url.host, url.text);
    let finding = RULE.finding(contract.at.unwrap_or(MAIN), message).severity(Severity::Warning);
    finding.help("write for the endpoint whose it is\nconfig = \"deploy/nginx/nginx.conf\"")
}
