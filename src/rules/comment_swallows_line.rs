//! A comment that ends in a backslash takes the next line with it. Knows how lines are joined, not what the lost one would
//! have done.

use crate::effective::apache::directives::name_id;
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::source::{FileId, Span};
use crate::syntax::{NameId, to_span};

pub static RULE: Rule = Rule {
    id: "comment-swallows-line",
    level: Level::Warning,
    card: include_str!("../../rules/comment-swallows-line.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::ApacheTree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for file in facts.tree.files() {
        let text = &facts.tree.sources.get(file).text;
        for comment in &facts.tree.document(file).comments {
            findings.extend(of_comment(facts, file, to_span(file, text, *comment)));
        }
    }
}

fn of_comment(facts: &Facts, file: FileId, comment: Span) -> Option<Finding> {
    let bytes = facts.tree.sources.slice(comment);
    let mut start = memchr::memchr(b'\n', bytes)? + 1;
    for line in bytes[start..].split_inclusive(|&byte| byte == b'\n') {
        let from = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let swallowed = line[from..].trim_ascii_end();
        if is_directive(swallowed) {
            let at = |from: usize, len: usize| Span {
                file,
                start: comment.start + from as u32,
                end: comment.start + (from + len) as u32,
            };
            let end = bytes[..start].iter().rposition(|&byte| byte == b'\\').unwrap_or(0);
            let name = swallowed.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            let message =
                format!("this comment goes on below, so `{}` is lost", String::from_utf8_lossy(name));
            let fix =
                facts.repair().erase(at(end, 1)).risky("end the comment there; the line below counts then");
            return Some(
                RULE.finding(at(end, 1), message)
                    .fix(fix)
                    .here("a backslash at the end of a line joins the next one, in comments too")
                    .label(at(start + from, swallowed.len()), "part of the comment")
                    .help("end the comment without the backslash"),
            );
        }
        start += line.len();
    }
    None
}

/// Whether a line would be one of httpd's directives or sections.
fn is_directive(line: &[u8]) -> bool {
    let name = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let name = name.strip_suffix(b">").unwrap_or(name);
    let opening = name.strip_prefix(b"</").map(|rest| [b"<", rest].concat());
    let known = name_id(opening.as_deref().unwrap_or(name)) != NameId::UNKNOWN;
    // Words of prose may be called like a directive; what is meant as one says something.
    let more = line.iter().any(u8::is_ascii_whitespace) || name.starts_with(b"<");
    known && more && name.first().is_some_and(|&byte| byte == b'<' || byte.is_ascii_uppercase())
}
