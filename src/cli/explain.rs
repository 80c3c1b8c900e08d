//! `wslint explain RULE` and `wslint rules`.

use serde::Serialize;

use super::CLEAN;
use super::args::ListFormat;
use super::output::Output;
use crate::engine::card::Card;
use crate::report::json;
use crate::rules;

pub fn explain(id: &str, output: &mut Output) -> Result<i32, String> {
    let rule = rules::find(id).ok_or_else(|| no_such_rule(id))?;
    let card = Card::parse(rule.card).map_err(|error| format!("internal: card of {id}: {error}"))?;
    output.print(|out| {
        writeln!(out, "{id} ({}): {}\n\n{}", rule.level.name(), card.title, card.text.trim())?;
        for reference in &card.references {
            writeln!(out, "\n{reference}")?;
        }
        Ok(())
    })?;
    Ok(CLEAN)
}

#[derive(Serialize)]
struct Listed {
    rule: &'static str,
    severity: &'static str,
    title: String,
}

pub fn rules(format: ListFormat, output: &mut Output) -> Result<i32, String> {
    let listed = |rule: &&crate::engine::Rule| {
        let card =
            Card::parse(rule.card).map_err(|error| format!("internal: card of {}: {error}", rule.id))?;
        Ok(Listed { rule: rule.id, severity: rule.level.name(), title: card.title })
    };
    let all = rules::ALL.iter().map(listed).collect::<Result<Vec<_>, String>>()?;
    let width = all.iter().map(|rule| rule.rule.len()).max().unwrap_or_default();
    output.print(|out| match format {
        ListFormat::Human => all
            .iter()
            .try_for_each(|rule| writeln!(out, "{:width$}  {:7}  {}", rule.rule, rule.severity, rule.title)),
        ListFormat::Json => json::print(&all, out),
    })?;
    Ok(CLEAN)
}

/// With the rule that was probably meant.
pub fn no_such_rule(id: &str) -> String {
    match rules::nearest(id) {
        Some(meant) => format!("no rule `{id}`; did you mean `{meant}`?"),
        None => format!("no rule `{id}`; `wslint rules` lists them"),
    }
}
