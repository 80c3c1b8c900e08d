//! An include that is not there, or was not seen. Knows where it was looked for, not what it would have brought.

use crate::engine::{Check, Ground, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::Intent;
use crate::tree::{IncludeProblem, IncludeProblemKind};

pub static RULE: Rule = Rule {
    id: "include-not-found",
    level: Level::Error,
    card: include_str!("../../rules/include-not-found.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Files(check),
};

fn check(ground: &Ground, findings: &mut Vec<Finding>) {
    for problem in &ground.tree.problems {
        if ground.directive(problem.at).args().any(|word| word.is_hole()) {
            continue;
        }
        match problem.kind {
            IncludeProblemKind::Missing | IncludeProblemKind::NoMatch if ground.server == "httpd" => {
                findings.push(missing_in_apache(ground, problem));
            }
            IncludeProblemKind::Missing if ground.fragment => findings.push(beside_fragment(ground, problem)),
            IncludeProblemKind::Missing => findings.push(missing(ground, problem)),
            IncludeProblemKind::Unseen => findings.push(unseen(ground, problem)),
            IncludeProblemKind::Outside => findings.push(outside(ground, problem)),
            _ => {}
        }
    }
}

fn missing(ground: &Ground, problem: &IncludeProblem) -> Finding {
    let message = format!("open() \"{}\" failed (2: No such file or directory)", ground.path(&problem.path));
    let written = ground.directive(problem.at).arg(0).map(|word| word.show()).unwrap_or_default();
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
    ground
        .refused(&RULE, problem.at, message)
        .here(here)
        .labels(ground.included_from(problem.at.graft))
        .help(help)
}

/// httpd names a file, or a pattern and the directory in which nothing matches it.
fn missing_in_apache(ground: &Ground, problem: &IncludeProblem) -> Finding {
    let directory = ground.path(problem.path.parent().unwrap_or(&problem.path));
    let message = match problem.kind {
        IncludeProblemKind::NoMatch => {
            let pattern = problem.path.file_name().unwrap_or_default().to_string_lossy();
            format!(
                "Include/IncludeOptional: No matches for the wildcard '{pattern}' in '{directory}', failing"
            )
        }
        _ => {
            format!(
                "Could not open configuration file {}: No such file or directory",
                ground.path(&problem.path)
            )
        }
    };
    let written =
        ground.directive(problem.at).arg(0).map(|word| String::from_utf8_lossy(word.raw()).into_owned());
    let finding = ground.refused(&RULE, problem.at, message).here("included here");
    let finding = finding.labels(ground.included_from(problem.at.graft)).help(format!(
        "write the path of a file that exists, or, where it may be missing\nIncludeOptional {}",
        written.unwrap_or_default()
    ));
    match ground.fragment {
        true => Finding { refused: false, ..finding }
            .severity(Severity::Note)
            .help("say what relative paths are relative to: --server-root DIRECTORY"),
        false => finding,
    }
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
fn beside_fragment(ground: &Ground, problem: &IncludeProblem) -> Finding {
    let finding = RULE.finding(
        ground.head(problem.at),
        format!("`{}` was not found beside this file", ground.text(problem.at)),
    );
    finding.severity(Severity::Note).help("give the directory of the main configuration: --prefix DIRECTORY")
}

fn unseen(ground: &Ground, problem: &IncludeProblem) -> Finding {
    let directory = problem.path.parent().unwrap_or(&problem.path).display();
    RULE.finding(
        ground.head(problem.at),
        format!("`{}` was not seen, so what it sets is not known", ground.text(problem.at)),
    )
    .severity(Severity::Note)
    .labels(ground.included_from(problem.at.graft))
    .help(format!("say where the directory is checked out: --path-map {directory}=DIRECTORY"))
}

/// The same whether something is there or not: that is not looked up either.
fn outside(ground: &Ground, problem: &IncludeProblem) -> Finding {
    RULE.finding(
        ground.head(problem.at),
        format!("\"{}\" leads outside the given roots, so it was not read", ground.path(&problem.path)),
    )
    .severity(Severity::Note)
    .labels(ground.included_from(problem.at.graft))
    .help("with --restrict-includes only what lies below the paths given is read; nothing is concluded from the rest")
}
