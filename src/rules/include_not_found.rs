//! An include that is not there, or was not seen. Knows where it was looked for, not what it would have brought.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::Intent;
use crate::tree::{IncludeProblem, IncludeProblemKind};

pub static RULE: Rule = Rule {
    id: "include-not-found",
    level: Level::Error,
    card: include_str!("../../rules/include-not-found.md"),
    cause: None,
    intent: Intent::None,
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for problem in &facts.tree.problems {
        if facts.directive(problem.at).args().any(|word| word.is_hole()) {
            continue;
        }
        match problem.kind {
            IncludeProblemKind::Missing if facts.config.fragment => {
                findings.push(beside_fragment(facts, problem))
            }
            IncludeProblemKind::Missing => findings.push(missing(facts, problem)),
            IncludeProblemKind::Unseen => findings.push(unseen(facts, problem)),
            _ => {}
        }
    }
}

fn missing(facts: &Facts, problem: &IncludeProblem) -> Finding {
    let message = format!("open() \"{}\" failed (2: No such file or directory)", facts.path(&problem.path));
    let written = facts.directive(problem.at).arg(0).map(|word| word.show()).unwrap_or_default();
    let (here, help) = match written.contains('$') {
        true => (
            "no variable is replaced in the path of an include",
            "write the path without a variable".to_string(),
        ),
        false => (
            "included here",
            format!(
                "write the path of a file that exists, or, where it may be missing, a pattern\ninclude {};",
                pattern(&written)
            ),
        ),
    };
    facts
        .refused(&RULE, problem.at, message)
        .here(here)
        .labels(facts.included_from(problem.at.graft))
        .help(help)
}

/// A pattern that matches this file alone, and nothing where there is none.
fn pattern(path: &str) -> String {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let at = path[name..].rfind('.').map(|dot| name + dot);
    match at.or_else(|| path.char_indices().next_back().map(|(last, _)| last)) {
        Some(at) => {
            let len = path[at..].chars().next().map_or(0, char::len_utf8);
            format!("{}[{}]{}", &path[..at], &path[at..at + len], &path[at + len..])
        }
        None => path.to_string(),
    }
}

/// nginx resolves against the main file's directory, and which that is a fragment does not tell.
fn beside_fragment(facts: &Facts, problem: &IncludeProblem) -> Finding {
    let finding = RULE.finding(
        facts.head(problem.at),
        format!("`{}` was not found beside this file", facts.text(problem.at)),
    );
    finding.severity(Severity::Note).help("give the directory of the main configuration: --prefix DIRECTORY")
}

fn unseen(facts: &Facts, problem: &IncludeProblem) -> Finding {
    let directory = problem.path.parent().unwrap_or(&problem.path).display();
    RULE.finding(
        facts.head(problem.at),
        format!("`{}` was not seen, so what it sets is not known", facts.text(problem.at)),
    )
    .severity(Severity::Note)
    .labels(facts.included_from(problem.at.graft))
    .help(format!("say where the directory is checked out: --path-map {directory}=DIRECTORY"))
}
