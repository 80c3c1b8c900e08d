//! What wslint does not follow any further. Knows the limits that were reached, not what lies behind them.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::syntax::nginx::MAX_DEPTH;
use crate::syntax::{ProblemKind, to_span};
use crate::tree::IncludeProblemKind;

pub static RULE: Rule = Rule {
    id: "limit-exceeded",
    level: Level::Error,
    card: include_str!("../../rules/limit-exceeded.md"),
    cause: None,
    intent: Intent::None,
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for problem in &facts.tree.problems {
        let IncludeProblemKind::Limit(words) = &problem.kind else { continue };
        let message = format!("`{}` leads to {words}: it was not read", facts.text(problem.at));
        let finding =
            RULE.finding(facts.head(problem.at), message).labels(facts.included_from(problem.at.graft));
        findings.push(finding.help("include less here; what was not read was not judged"));
    }
    for file in facts.tree.files() {
        let problems = &facts.tree.document(file).problems;
        let deep = problems.iter().filter(|problem| problem.kind == ProblemKind::TooDeep);
        findings.extend(deep.map(|problem| {
            let at = to_span(file, &facts.tree.sources.get(file).text, problem.at);
            RULE.finding(
                at,
                format!("blocks nested more than {MAX_DEPTH} deep: what lies deeper was not read"),
            )
            .here("this one was skipped")
            .help("write fewer blocks into one another; what was not read was not judged")
        }));
    }
}
