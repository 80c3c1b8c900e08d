//! More or fewer words than a directive takes. Knows the table of directives and where a `;` may be missing, not what
//! the words mean.

use crate::effective::nginx::RefusalKind;
use crate::effective::nginx::directives::{self, Form, Setter};
use crate::effective::nginx::names::{INCLUDE, PROXY_SET_HEADER};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::source::Span;
use crate::syntax::{Directive, NameId};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "wrong-argument-count",
    level: Level::Error,
    card: include_str!("../../rules/wrong-argument-count.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let refused = facts.config.refusals.iter().filter(|refusal| refusal.kind == RefusalKind::ArgumentCount);
    findings.extend(refused.map(|refusal| finding(facts, refusal.node)));
}

fn finding(facts: &Facts, node: NodeRef) -> Finding {
    let directive = facts.directive(node);
    let name = String::from_utf8_lossy(&directive.name()).into_owned();
    let message = format!("invalid number of arguments in \"{name}\" directive");
    if let Some((before, swallowed)) = facts.missing_semicolon(node) {
        let line = Span { end: before.end, ..directive.head() };
        let finding = RULE
            .refusal(line, message)
            .here("`;` is missing at the end")
            .label(swallowed, "so this is read as one of its arguments")
            .help(format!("write\n{};", String::from_utf8_lossy(facts.tree.sources.slice(line))));
        let end = Span { start: before.end, ..before };
        let fix = facts.repair().text(node, end, ";").safe("write the `;` that is missing");
        return facts.with_server_line(finding.fix(fix), node);
    }
    let finding = facts.refused(&RULE, node, message);
    let finding = match counts(directive.name_id()) {
        Some(takes) => finding.here(format!("{} given, and it takes {takes}", directive.arg_count())),
        None => finding,
    };
    match correction(&directive) {
        Some(line) => finding.fix(facts.rewrite(node, &line)).help(format!("write\n{line}")),
        None => finding,
    }
}

/// The line as it was probably meant.
fn correction(directive: &Directive) -> Option<String> {
    let words: Vec<String> =
        directive.args().map(|word| String::from_utf8_lossy(word.raw()).into_owned()).collect();
    let name = directive.name();
    let name = String::from_utf8_lossy(&name);
    let is_time = directives::forms(directive.name_id())
        .iter()
        .any(|form| matches!(form.setter, Setter::Msec | Setter::Sec));
    match &words[..] {
        [_, _, ..] if directive.name_id() == INCLUDE => {
            Some(words.iter().map(|path| format!("{name} {path};")).collect::<Vec<_>>().join("\n"))
        }
        [time, unit] if is_time => Some(format!("{name} {time}{unit};")),
        [header, equals, value] if directive.name_id() == PROXY_SET_HEADER && equals == "=" => {
            Some(format!("{name} {header} {value};"))
        }
        [header, value @ ..] if directive.name_id() == PROXY_SET_HEADER && value.len() > 1 => {
            let quoted = value.iter().any(|word| word.contains('"'));
            (!quoted).then(|| format!("{name} {header} \"{}\";", value.join(" ")))
        }
        [header] if directive.name_id() == PROXY_SET_HEADER => match header.to_ascii_lowercase().as_str() {
            "upgrade" => Some(format!("{name} {header} $http_upgrade;")),
            "connection" => Some(format!("{name} {header} \"upgrade\";")),
            "host" => Some(format!("{name} {header} $host;")),
            _ => Some(format!("{name} {header} \"\";")),
        },
        _ => None,
    }
}

/// How many arguments it takes, in words.
fn counts(name: NameId) -> Option<String> {
    let forms = directives::forms(name);
    let takes = |count: usize| forms.iter().any(|form: &Form| form.takes(count));
    let words = |count: usize| ["none", "one", "two", "three", "four"][count];
    let exact: Vec<usize> = (0..=4).filter(|&count| takes(count)).collect();
    match exact[..] {
        [first, ..] if takes(9) => Some(format!("{} or more", words(first))),
        [only] => Some(words(only).to_string()),
        [first, .., last] => Some(format!("{} to {}", words(first), words(last))),
        [] => None,
    }
}
