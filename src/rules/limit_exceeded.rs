//! What wslint does not follow any further. Knows the limits that were reached, not what lies behind them.

use crate::engine::{Check, Ground, Level, Rule};
use crate::finding::{Finding, Label};
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
    options: &[],
    check: Check::Files(check),
};

/// More includes inside one another than a reader wants to see drawn.
const LONG_CHAIN: usize = 10;

fn check(ground: &Ground, findings: &mut Vec<Finding>) {
    for problem in &ground.tree.problems {
        let IncludeProblemKind::Limit(words) = &problem.kind else { continue };
        let message = format!("`{}` leads to {words}: it was not read", ground.text(problem.at));
        // Both servers name the line that the chain of includes begins with.
        let chain: Vec<Label> = ground.included_from(problem.at.graft).collect();
        let finding = match chain.last() {
            Some(first) if chain.len() > LONG_CHAIN => RULE
                .finding(first.span, message)
                .here("the chain of includes begins here")
                .label(ground.head(problem.at), "and ends here"),
            _ => RULE.finding(ground.head(problem.at), message).labels(chain),
        };
        findings.push(finding.help("include less here; what was not read was not judged"));
    }
    let blocks = if ground.server == "nginx" { "blocks" } else { "sections" };
    for file in ground.tree.files() {
        let problems = &ground.tree.document(file).problems;
        let deep = problems.iter().filter(|problem| problem.kind == ProblemKind::TooDeep);
        findings.extend(deep.map(|problem| {
            let at = to_span(file, &ground.tree.sources.get(file).text, problem.at);
            RULE.finding(
                at,
                format!("{blocks} nested more than {MAX_DEPTH} deep: what lies deeper was not read"),
            )
            .here("this one was skipped")
            .help(format!("write fewer {blocks} into one another; what was not read was not judged"))
        }));
    }
}
