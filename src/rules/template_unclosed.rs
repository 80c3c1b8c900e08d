//! A template's tag that never closes. Knows where it begins, not what its engine says of it.

use crate::engine::{Check, Ground, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::source::Span;

pub static RULE: Rule = Rule {
    id: "template-unclosed",
    level: Level::Error,
    card: include_str!("../../rules/template-unclosed.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Files(check),
};

fn check(ground: &Ground, findings: &mut Vec<Finding>) {
    for file in ground.tree.files() {
        let text = &ground.tree.sources.get(file).text;
        let Some(unclosed) = text.as_cut().and_then(|cut| cut.unclosed.clone()) else { continue };
        let at = Span { file, start: unclosed.start, end: unclosed.end };
        let opening = String::from_utf8_lossy(ground.tree.sources.slice(at)).into_owned();
        let closing = match &opening[..] {
            "{{" => "}}",
            "{{{" => "}}}",
            "{%" => "%}",
            "<%" => "%>",
            _ => "}",
        };
        findings.push(
            RULE.finding(at, format!("`{opening}` is never closed"))
                .here("the template's tag begins here, and another one or the end of the file comes before its end")
                .help(format!("write `{closing}` where it ends; what stands behind it was not judged")),
        );
    }
}
