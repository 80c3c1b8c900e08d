//! What httpd's parser refuses: sections that do not pair, lines too long. Its words, on its lines.

use super::RULE;
use crate::engine::apache::Facts;
use crate::finding::{Finding, Label};
use crate::source::{FileId, Span};
use crate::syntax::{Problem, ProblemKind, to_span};
use crate::tree::NodeRef;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for file in facts.tree.files() {
        let problems = facts.tree.document(file).problems.iter();
        findings.extend(problems.filter_map(|problem| of_problem(facts, file, problem)));
    }
}

fn of_problem(facts: &Facts, file: FileId, problem: &Problem) -> Option<Finding> {
    let text = &facts.tree.sources.get(file).text;
    let at = to_span(file, text, problem.at);
    let near = problem.near.map(|near| to_span(file, text, near));
    let shown = |span: Span| String::from_utf8_lossy(facts.tree.sources.slice(span)).into_owned();
    let name = |span: Span| shown(span).trim_start_matches('<').to_string();
    let finding = |message: String| RULE.refusal(at, message);
    Some(match (problem.kind, near) {
        (ProblemKind::WrongClose, Some(opened)) => {
            let opened_name = name(opened);
            finding(format!("Expected </{opened_name}> but saw {}", shown(at)))
                .here("this closes another section")
                .label(opened, "the section that is open here begins there")
                .help(format!("close the inner section first\n</{opened_name}>"))
        }
        (ProblemKind::StrayClose, _) => {
            let closed = shown(at).trim_start_matches("</").trim_end_matches('>').to_string();
            finding(format!("</{closed}> without matching <{closed}> section"))
                .here("no section is open here: each file closes what it opens")
                .help("remove it, or write the line that opens the section")
        }
        (ProblemKind::MissingBracket, _) => {
            let written = shown(at);
            finding(format!("{written}> directive missing closing '>'"))
                .here("the `>` must stand right behind the name")
                .fix(facts.repair().behind(at, ">").safe("write the `>` that is missing"))
                .help(format!("write\n{written}>"))
        }
        (ProblemKind::EndInBlock, _) => finding(format!("{}> was not closed.", shown(at)))
            .here("this section is still open where the file ends")
            .labels(closed_elsewhere(facts, file, &name(at)))
            .help(format!("write at its end\n</{}>", name(at))),
        (ProblemKind::TooLong, _) => finding("Line too long".to_string())
            .here("httpd reads lines of at most 16 MiB, continuations and comments included")
            .help("write it in shorter lines"),
        (ProblemKind::ByteOrderMark, _) => {
            let bytes = &text.original()[at.end as usize..];
            let word: Vec<u8> =
                bytes.iter().copied().take_while(|byte| !byte.is_ascii_whitespace()).take(40).collect();
            finding(format!("Invalid command '\\xef\\xbb\\xbf{}'", String::from_utf8_lossy(&word)))
                .here("the file begins with a byte order mark, which httpd takes for letters")
                .help("save the file as UTF-8 without a byte order mark")
        }
        _ => return None,
    })
}

/// Includes whose files close a section of this name, which they cannot: each file closes what it opens.
fn closed_elsewhere(facts: &Facts, file: FileId, name: &str) -> Vec<Label> {
    let closing = format!("</{name}>");
    let closes = |node: &NodeRef| {
        facts.tree.grafts_at(*node).iter().any(|&graft| {
            let included = facts.tree.file(graft);
            let source = facts.tree.sources.get(included);
            let problems = facts.tree.document(included).problems.iter();
            problems.filter(|problem| problem.kind == ProblemKind::StrayClose).any(|problem| {
                let at = to_span(included, &source.text, problem.at);
                facts.tree.sources.slice(at).eq_ignore_ascii_case(closing.as_bytes())
            })
        })
    };
    let root = facts.tree.root();
    if facts.tree.file(root) != file {
        return Vec::new();
    }
    let includes = facts.tree.document(file).includes.iter().map(|&id| NodeRef { graft: root, id });
    let label = |node| Label {
        span: facts.head(node),
        message: format!("the `{closing}` in this file cannot close it: each file closes what it opens"),
    };
    includes.filter(closes).map(label).collect()
}
