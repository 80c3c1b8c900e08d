//! A file that includes itself. Knows the chain of includes, not what the files hold.

use crate::engine::{Check, Ground, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::tree::IncludeProblemKind;

pub static RULE: Rule = Rule {
    id: "include-loop",
    level: Level::Error,
    card: include_str!("../../rules/include-loop.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Files(check),
};

fn check(ground: &Ground, findings: &mut Vec<Finding>) {
    let loops = ground.tree.problems.iter().filter(|problem| problem.kind == IncludeProblemKind::Loop);
    findings.extend(loops.map(|problem| {
        let message = format!("`{}` includes \"{}\" inside itself, without end", ground.text(problem.at), ground.path(&problem.path));
        ground
            .refused(&RULE, problem.at, message)
            .here(match ground.server {
                "nginx" => "nginx goes round until it has too many open files",
                _ => "httpd goes round until it has gone 128 files deep",
            })
            .labels(ground.included_from(problem.at.graft))
            .help("remove one include of the circle; a pattern in its own directory must not match the file it stands in")
    }));
}
