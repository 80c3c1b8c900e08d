//! Remarks in comments that do not work. Knows how they are written, not what they are about.

use crate::engine::remarks::{ProblemKind, Unclear, WORDS, Why};
use crate::engine::{Check, Ground, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;

pub static RULE: Rule = Rule {
    id: "remark-unclear",
    level: Level::Warning,
    card: include_str!("../../rules/remark-unclear.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Unclear(check),
};

/// Words of other linters, and ours for them.
const MEANT: [(&str, &str); 8] = [
    ("disable", "allow"),
    ("disable-file", "allow-file"),
    ("expect", "allow"),
    ("ignore", "allow"),
    ("ignore-file", "allow-file"),
    ("no-websocket", "not-websocket"),
    ("suppress", "allow"),
    ("ws", "websocket"),
];

const ALLOW: &str = "write\n# wslint: allow(rule-id) why it is meant so";

fn check(_: &Ground, unclear: &Unclear) -> Finding {
    let finding = |message: String| RULE.finding(unclear.at, message);
    match &unclear.why {
        Why::Form(ProblemKind::NoColon) => {
            finding("a remark for wslint without its colon".to_string()).here("`:` is missing after this")
        }
        Why::Form(ProblemKind::NoWord) => finding("a remark for wslint that says nothing".to_string())
            .help(format!("write one of `{}` behind it, or remove it", WORDS.join("`, `"))),
        Why::Form(ProblemKind::UnknownWord(word)) => {
            let finding = finding(format!("`{word}` is nothing that wslint can be told"));
            match meant(&word.to_ascii_lowercase()) {
                Some(known) => finding.here(format!("did you mean `{known}`?")),
                None => finding.help(format!("it knows `{}`", WORDS.join("`, `"))),
            }
        }
        Why::Form(ProblemKind::NoRule) => {
            finding("an allow that names no rule".to_string()).here("which rule?").help(ALLOW)
        }
        Why::Form(ProblemKind::NotClosed) => {
            finding("an allow whose list of rules has no `)`".to_string()).help(ALLOW)
        }
        Why::Form(ProblemKind::NoReason) => finding("an allow without a reason silences nothing".to_string())
            .here("say after this why it is meant so")
            .help(ALLOW),
        Why::Form(ProblemKind::TakesNoRule(word)) => {
            finding(format!("`{word}` speaks of all rules, and takes none in brackets"))
                .help(format!("write\n# wslint: {word}"))
        }
        Why::UnknownRule(id) => {
            let finding = finding(format!("no rule `{id}`"));
            match super::nearest(id) {
                Some(known) => finding.here(format!("did you mean `{known}`?")),
                None => finding.help("`wslint rules` lists them"),
            }
        }
        Why::NotAllowable(id) => finding(format!("`{id}` cannot be allowed"))
            .here("it tells what was not read, so that silence would look like a clean bill")
            .help("remove it"),
        Why::NothingFollows => finding("nothing follows that this remark could be about".to_string())
            .here("it speaks of the directive below it in the same block")
            .help("write it above the line it is about"),
        Why::Contradicts(first) => finding("two remarks say the opposite of the same directive".to_string())
            .label(*first, "this one counts")
            .help("remove one of them"),
    }
}

fn meant(word: &str) -> Option<&'static str> {
    let elsewhere = MEANT.iter().find(|(other, _)| *other == word).map(|(_, known)| *known);
    elsewhere.or_else(|| {
        let near = WORDS.iter().map(|known| (strsim::damerau_levenshtein(word, known), *known)).min()?;
        (near.0 <= word.len() / 3).then_some(near.1)
    })
}
