//! That a file was read as a template. Knows which engine's tags it has, not what they will make.

use crate::engine::{Check, Ground, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::source::Span;

pub static RULE: Rule = Rule {
    id: "template-not-expanded",
    level: Level::Note,
    card: include_str!("../../rules/template-not-expanded.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Files(check),
};

fn check(ground: &Ground, findings: &mut Vec<Finding>) {
    for file in ground.tree.files() {
        let Some(cut) = ground.tree.sources.get(file).text.as_cut() else { continue };
        let (Some(engine), Some(first)) = (cut.engine, cut.first_tag.clone()) else { continue };
        let at = Span { file, start: first.start, end: first.end };
        let kind = match engine {
            "" => "a template".to_string(),
            "shell" => "a here-document of the shell".to_string(),
            "EJS" | "EPP" | "ERB" => format!("an {engine} template"),
            engine => format!("a {engine} template"),
        };
        findings.push(
            RULE.finding(at, format!("read as {kind}: what its expressions make is not known"))
                .here("its first tag")
                .help("judge what it makes, too: run wslint on the files that are deployed"),
        );
    }
}
