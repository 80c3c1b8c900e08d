//! What nginx's parser refuses, in its words and on its line. Knows the problems that reading a file and the table
//! of directives give, not what any directive means.

use crate::effective::nginx::{Refusal, RefusalKind};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::source::{FileId, Span};
use crate::syntax::{Problem, ProblemKind, to_span};

pub static RULE: Rule = Rule {
    id: "syntax",
    level: Level::Error,
    card: include_str!("../../rules/syntax.md"),
    cause: None,
    intent: Intent::None,
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for file in facts.tree.files() {
        let problems = &facts.tree.document(file).problems;
        findings.extend(problems.iter().filter_map(|problem| of_problem(facts, file, problem)));
    }
    findings.extend(facts.config.refusals.iter().filter_map(|refusal| of_refusal(facts, refusal)));
}

const NO_END: &str = "unexpected end of file, expecting";

fn of_problem(facts: &Facts, file: FileId, problem: &Problem) -> Option<Finding> {
    let text = &facts.tree.sources.get(file).text;
    let at = to_span(file, text, problem.at);
    let near = problem.near.map(|near| to_span(file, text, near));
    let finding = |message: String| RULE.refusal(at, message);
    Some(match (problem.kind, near) {
        (ProblemKind::Unexpected(byte), near) => unexpected(facts, byte, at, near),
        (ProblemKind::EndInDirective, near) => {
            let finding = finding(format!("{NO_END} \";\" or \"}}\""));
            let Some(near) = near else { return Some(finding) };
            if is_quote(facts, near) {
                let quote = lossy(facts, near);
                finding
                    .label(near, "this quote is never closed")
                    .help(format!("write the closing quote\n{}{quote};", first_line(facts, near)))
            } else {
                finding.label(end_of(near), "`;` is missing after this").help(format!("write\n{};", first_line(facts, near)))
            }
        }
        (ProblemKind::EndInBlock, near) => {
            let finding = finding(format!("{NO_END} \"}}\"")).help("write the `}` that is missing: a block ends in the file in which it begins\n}");
            near.into_iter().fold(finding, |finding, near| finding.label(near, "this block is never closed"))
        }
        (ProblemKind::TooLong, _) => {
            let bytes = facts.tree.sources.get(file).text.original();
            let begin: Vec<u8> = bytes[at.start as usize..].iter().copied().take(10).collect();
            finding(format!("too long parameter \"{}...\" started", String::from_utf8_lossy(&begin)))
                .here("nginx reads words and comments of at most 4,095 bytes")
                .help("write it in shorter words, or look for a quote or `;` that is missing")
        }
        (ProblemKind::TooLongQuoted(quote), _) => {
            let quote = char::from(quote);
            finding(format!("too long parameter, probably missing terminating \"{quote}\" character"))
                .here("the quoted word that begins here goes on for more than 4,095 bytes")
                .help(format!("write the closing `{quote}`"))
        }
        (ProblemKind::ByteOrderMark, _) => {
            let bytes = &facts.tree.sources.get(file).text.original()[at.end as usize..];
            let word: Vec<u8> = bytes.iter().copied().take_while(|byte| !b" \t\r\n;{".contains(byte)).take(40).collect();
            finding(format!("unknown directive \"\\xEF\\xBB\\xBF{}\"", String::from_utf8_lossy(&word)))
                .here("the file begins with a byte order mark, which nginx takes for letters")
                .help("save the file as UTF-8 without a byte order mark")
        }
        (ProblemKind::TooDeep, _) => return None,
    })
}

fn unexpected(facts: &Facts, byte: u8, at: Span, near: Option<Span>) -> Finding {
    let shown = if byte.is_ascii() { char::from(byte).to_string() } else { format!("\\x{byte:02X}") };
    let finding = RULE.refusal(at, format!("unexpected \"{shown}\""));
    match (byte, near) {
        (b'}', Some(word)) if !is_quoted(facts, word) => {
            let finding = finding.label(end_of(word), "`;` is missing after this");
            finding.help(format!("write\n{};", first_line(facts, word)))
        }
        (b'}', None) => finding.here("no block is open here").help("remove it, or look above for a `{` that is missing or a `}` too many"),
        (b';', None) => finding.here("there is no directive for it to end").help("remove it"),
        (b'{', None) => finding.here("a block without a name").help("write what the block is before the `{`, or remove it"),
        (_, Some(word)) => {
            let lines = facts.tree.sources.slice(word).contains(&b'\n');
            let quote = Span { end: word.start + 1, ..word };
            let says = if lines { "the quoted word begins here, lines above: is its closing quote missing?" } else { "the quoted word begins here and is closed already" };
            finding.label(quote, says).help("write a blank or `;` after a closing quote, and the quotes around the whole word")
        }
        (_, None) => finding,
    }
}

fn of_refusal(facts: &Facts, refusal: &Refusal) -> Option<Finding> {
    let directive = facts.directive(refusal.node);
    let name = String::from_utf8_lossy(&directive.name()).into_owned();
    Some(match refusal.kind {
        RefusalKind::NotTerminated => {
            let finding = RULE.refusal(directive.terminator(), format!("directive \"{name}\" is not terminated by \";\""));
            match facts.missing_semicolon(refusal.node) {
                Some((before, swallowed)) => finding
                    .label(end_of(before), "`;` is missing after this")
                    .label(swallowed, "so this is read as one of its words")
                    .help(format!("write\n{};", first_line(facts, before))),
                None => finding
                    .here("nginx takes this for the beginning of a block")
                    .label(directive.name_word().span(), "which this cannot have")
                    .help("write `;` before the `{`, or quotes around a value that holds one"),
            }
        }
        RefusalKind::NoOpening => facts
            .refused(&RULE, refusal.node, format!("directive \"{name}\" has no opening \"{{\""))
            .here("a block must follow")
            .help("write `{` after it; a regular expression that holds `;` or `{` needs quotes"),
        RefusalKind::BlockInTable => RULE
            .finding(directive.terminator(), "unexpected \"{\"")
            .here("only lines of two words may stand here")
            .label(facts.head(facts.config.block(refusal.block).node.unwrap_or(refusal.node)), "in this block")
            .help("write `key value;`"),
        _ => return None,
    })
}

/// The last byte of a word.
fn end_of(word: Span) -> Span {
    Span { start: word.end.saturating_sub(1).max(word.start), ..word }
}

/// What stands on the word's line up to its end, or to the end of the line where the word goes on.
fn first_line(facts: &Facts, word: Span) -> String {
    let source = facts.tree.sources.get(word.file);
    let line = source.line_range(source.line(word.start));
    let end = if is_quote(facts, word) { line.end } else { word.end };
    let bytes = facts.tree.sources.slice(Span { start: line.start, end: end.max(line.start), ..word });
    let text = String::from_utf8_lossy(bytes);
    text.trim().trim_end_matches(';').to_string()
}

fn is_quote(facts: &Facts, span: Span) -> bool {
    matches!(facts.tree.sources.slice(span), b"\"" | b"'")
}

fn is_quoted(facts: &Facts, word: Span) -> bool {
    matches!(facts.tree.sources.slice(word), [b'"' | b'\'', ..])
}

fn lossy(facts: &Facts, span: Span) -> String {
    String::from_utf8_lossy(facts.tree.sources.slice(span)).into_owned()
}
