//! A directive in a block where nginx does not take it. Knows the table of directives, not what was meant.

use crate::effective::nginx::directives::{self, Contexts};
use crate::effective::nginx::{Refusal, RefusalKind};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;

pub static RULE: Rule = Rule {
    id: "directive-not-allowed-here",
    level: Level::Error,
    card: include_str!("../../rules/directive-not-allowed-here.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

/// Contexts as nginx's manual names them.
const CONTEXTS: [(Contexts, &str); 14] = [
    (directives::MAIN, "the top of the main file"),
    (directives::EVENTS, "`events`"),
    (directives::HTTP, "`http`"),
    (directives::SERVER, "`server`"),
    (directives::LOCATION, "`location`"),
    (directives::UPSTREAM, "`upstream`"),
    (directives::IF_SERVER, "`if` in `server`"),
    (directives::IF_LOCATION, "`if` in `location`"),
    (directives::LIMIT_EXCEPT, "`limit_except`"),
    (directives::STREAM, "`stream`"),
    (directives::STREAM_SERVER, "`server` of `stream`"),
    (directives::STREAM_UPSTREAM, "`upstream` of `stream`"),
    (directives::MAIL, "`mail`"),
    (directives::MAIL_SERVER, "`server` of `mail`"),
];

const OUTSIDE_HTTP: Contexts = directives::STREAM
    | directives::STREAM_SERVER
    | directives::STREAM_UPSTREAM
    | directives::MAIL
    | directives::MAIL_SERVER;

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let refused = facts.config.refusals.iter().filter(|refusal| refusal.kind == RefusalKind::NotAllowedHere);
    findings.extend(refused.filter_map(|refusal| finding(facts, refusal)));
}

fn finding(facts: &Facts, refusal: &Refusal) -> Option<Finding> {
    let block = facts.config.block(refusal.block);
    // What surrounds a fragment is only inferred.
    if block.node.is_none() && facts.config.fragment {
        return None;
    }
    let directive = facts.directive(refusal.node);
    let name = String::from_utf8_lossy(&directive.name()).into_owned();
    let finding = facts.refused(&RULE, refusal.node, format!("\"{name}\" directive is not allowed here"));
    let finding = match block.node {
        Some(node) => {
            finding.label(facts.head(node), format!("it stands in this {}", facts.block_kind(refusal.block)))
        }
        None => finding.here("it stands in no block"),
    };
    let finding = finding.labels(facts.included_from(refusal.node.graft));
    Some(finding.help(format!("write it in {}", places(directive.name_id(), block.context)?)))
}

/// Where the directive may stand, the other protocols' blocks left out inside `http`.
fn places(name: crate::syntax::NameId, context: Contexts) -> Option<String> {
    let all = directives::forms(name).iter().fold(0, |all, form| all | form.contexts);
    let near = match context & (OUTSIDE_HTTP | directives::MAIN) {
        0 if all & !OUTSIDE_HTTP != 0 => all & !OUTSIDE_HTTP,
        _ => all,
    };
    let names: Vec<&str> =
        CONTEXTS.iter().filter(|(context, _)| near & context != 0).map(|&(_, name)| name).collect();
    match names.split_last()? {
        (last, []) => Some((*last).to_string()),
        (last, others) => Some(format!("{} or {last}", others.join(", "))),
    }
}
