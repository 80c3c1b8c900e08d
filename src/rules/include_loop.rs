//! A file that includes itself. Knows the chain of includes, not what the files hold.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::tree::IncludeProblemKind;

pub static RULE: Rule = Rule {
    id: "include-loop",
    level: Level::Error,
    card: include_str!("../../rules/include-loop.md"),
    cause: None,
    intent: Intent::None,
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let loops = facts.tree.problems.iter().filter(|problem| problem.kind == IncludeProblemKind::Loop);
    findings.extend(loops.map(|problem| {
        let message = format!("`{}` includes \"{}\" inside itself, without end", facts.text(problem.at), facts.path(&problem.path));
        facts
            .refused(&RULE, problem.at, message)
            .here("nginx goes round until it has too many open files")
            .labels(facts.included_from(problem.at.graft))
            .help("remove one include of the circle; a pattern in its own directory must not match the file it stands in")
    }));
}
