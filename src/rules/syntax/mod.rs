//! What the server's parser refuses, in its words and on its line; where that is the end of the file, what is not closed
//! comes first. Knows the problems that reading a file and the table of directives give, not what any directive means.

mod apache;

use hashbrown::HashSet;

use crate::effective::nginx::{Refusal, RefusalKind};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Fix};
use crate::routes::Intent;
use crate::source::{FileId, Span};
use crate::syntax::{DirectiveId, Problem, ProblemKind, Shape, to_span};

pub static RULE: Rule = Rule {
    id: "syntax",
    level: Level::Error,
    card: include_str!("../../../rules/syntax.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Both(&Check::Tree(check), &Check::ApacheTree(apache::check)),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    // A `{` that was not meant to begin a block has taken a `}` from another.
    let unpaired = facts.config.refusals.iter().filter(|refusal| refusal.kind == RefusalKind::NotTerminated);
    let unpaired: HashSet<FileId> = unpaired.map(|refusal| facts.tree.file(refusal.node.graft)).collect();
    for file in facts.tree.files() {
        let problems = facts.tree.document(file).problems.iter();
        let told =
            problems.filter(|problem| problem.kind != ProblemKind::EndInBlock || !unpaired.contains(&file));
        findings.extend(told.filter_map(|problem| of_problem(facts, file, problem)));
    }
    findings.extend(facts.config.refusals.iter().filter_map(|refusal| of_refusal(facts, refusal)));
}

const NOTICED: &str = "nginx notices it here";

const NO_END: &str = "unexpected end of file, expecting";

fn of_problem(facts: &Facts, file: FileId, problem: &Problem) -> Option<Finding> {
    let text = &facts.tree.sources.get(file).text;
    let at = to_span(file, text, problem.at);
    let near = problem.near.map(|near| to_span(file, text, near));
    let finding = |message: String| RULE.refusal(at, message);
    Some(match (problem.kind, near) {
        (ProblemKind::Unexpected(byte), near) => unexpected(facts, byte, at, near),
        (ProblemKind::EndInDirective, near) => {
            let message = format!("{NO_END} \";\" or \"}}\"");
            let Some(near) = near else { return Some(finding(message)) };
            let line = first_line(facts, near);
            if is_quote(facts, near) {
                let quote = lossy(facts, near);
                RULE.refusal(near, message)
                    .here("this quote is never closed")
                    .help(format!("write\n{line}{quote};"))
            } else {
                RULE.refusal(near, message)
                    .here("`;` is missing after this")
                    .fix(semicolon(facts, near))
                    .help(format!("write\n{line};"))
            }
            .label(at, "the file ends here")
        }
        (ProblemKind::EndInBlock, near) => {
            let message = format!("{NO_END} \"}}\"");
            let Some(near) = near else { return Some(finding(message)) };
            match closed_too_far_out(facts, file) {
                Some((block, end)) => RULE
                    .refusal(block, message)
                    .here("this block is not closed where it was meant to be")
                    .label(end, "but here, where the block around it was to end"),
                None => RULE.refusal(near, message).here("this block is never closed"),
            }
            .label(at, "the file ends here")
            .help("write the `}` that is missing: a block ends in the file in which it begins\n}")
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
            let word: Vec<u8> =
                bytes.iter().copied().take_while(|byte| !b" \t\r\n;{".contains(byte)).take(40).collect();
            finding(format!("unknown directive \"\\xEF\\xBB\\xBF{}\"", String::from_utf8_lossy(&word)))
                .here("the file begins with a byte order mark, which nginx takes for letters")
                .help("save the file as UTF-8 without a byte order mark")
        }
        // Those of httpd's sections, and what another rule tells.
        (ProblemKind::WrongClose | ProblemKind::StrayClose | ProblemKind::MissingBracket, _) => return None,
        (ProblemKind::TooDeep, _) => return None,
    })
}

fn unexpected(facts: &Facts, byte: u8, at: Span, near: Option<Span>) -> Finding {
    let shown = if byte.is_ascii() { char::from(byte).to_string() } else { format!("\\x{byte:02X}") };
    let finding = RULE.refusal(at, format!("unexpected \"{shown}\""));
    match (byte, near) {
        (b'}', Some(word)) => {
            let finding = finding.here(NOTICED).label(end_of(facts, word), "`;` is missing after this");
            finding.fix(semicolon(facts, word)).help(format!("write\n{};", first_line(facts, word)))
        }
        (b'}', None) => finding
            .here("no block is open here")
            .help("remove it, or look above for a `{` that is missing or a `}` too many"),
        (b';', None) => finding.here("there is no directive for it to end").help("remove it"),
        (b'{', None) => finding
            .here("a block without a name")
            .help("write what the block is before the `{`, or remove it"),
        (_, Some(word)) => {
            let lines = facts.tree.sources.slice(word).contains(&b'\n');
            let quote = Span { end: word.start + 1, ..word };
            let says = if lines {
                "the quoted word begins here, lines above: is its closing quote missing?"
            } else {
                "the quoted word begins here and is closed already"
            };
            finding
                .here("this follows a closing quote")
                .label(quote, says)
                .help("write a blank or `;` after a closing quote, and the quotes around the whole word")
        }
        (_, None) => finding,
    }
}

fn of_refusal(facts: &Facts, refusal: &Refusal) -> Option<Finding> {
    let directive = facts.directive(refusal.node);
    let name = String::from_utf8_lossy(&directive.name()).into_owned();
    Some(match refusal.kind {
        RefusalKind::NotTerminated => {
            let finding = RULE
                .refusal(directive.terminator(), format!("directive \"{name}\" is not terminated by \";\""));
            match facts.missing_semicolon(refusal.node) {
                Some((before, swallowed)) => finding
                    .here(NOTICED)
                    .label(end_of(facts, before), "`;` is missing after this")
                    .label(swallowed, "so this is read as one of its words")
                    .fix(semicolon(facts, before))
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
            .refusal(directive.terminator(), "unexpected \"{\"")
            .here("only lines of two words may stand here")
            .label(
                facts.head(facts.config.block(refusal.block).node.unwrap_or(refusal.node)),
                "in this block",
            )
            .help("write `key value;`"),
        _ => return None,
    })
}

/// The innermost block that ends with a `}` further left than it begins: where one was left out, by the looks of it.
fn closed_too_far_out(facts: &Facts, file: FileId) -> Option<(Span, Span)> {
    let source = facts.tree.sources.get(file);
    let document = facts.tree.document(file);
    let indentation = |place: Span| {
        let line = source.line_range(source.line(place.start));
        let before = facts.tree.sources.slice(Span { start: line.start, end: place.start, file });
        before.iter().all(u8::is_ascii_whitespace).then_some(before.len())
    };
    let blocks = (0..document.len() as u32).map(|id| document.directive(file, &source.text, DirectiveId(id)));
    let further_out = blocks.filter(|block| block.shape() == Shape::Block).filter_map(|block| {
        let end = block.last_byte();
        let ends = facts.tree.sources.slice(end) == b"}" && indentation(end)? < indentation(block.head())?;
        ends.then(|| (block.head(), end))
    });
    further_out.last()
}

/// The fix that writes a `;` behind a word.
fn semicolon(facts: &Facts, word: Span) -> Option<Fix> {
    facts.repair().behind(word, ";").safe("write the `;` that is missing")
}

/// The last character of a word.
fn end_of(facts: &Facts, word: Span) -> Span {
    let bytes = facts.tree.sources.slice(word);
    let continues = |byte: &&u8| (**byte & 0xC0) == 0x80;
    let last = 1 + bytes.iter().rev().take(3).take_while(continues).count() as u32;
    Span { start: word.end.saturating_sub(last).max(word.start), ..word }
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

fn lossy(facts: &Facts, span: Span) -> String {
    String::from_utf8_lossy(facts.tree.sources.slice(span)).into_owned()
}
