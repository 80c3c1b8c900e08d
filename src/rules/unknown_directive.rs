//! Names that nginx does not know. Knows nginx's own directives and how they are mistyped, not other modules'.

use crate::effective::nginx::unknown::{Meant, meant};
use crate::effective::nginx::{RefusalKind, versions};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::Intent;
use crate::source::Span;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "unknown-directive",
    level: Level::Warning,
    card: include_str!("../../rules/unknown-directive.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for &(_, node) in &facts.config.unknown {
        findings.extend(unknown(facts, node));
    }
    let refused = facts.config.refusals.iter().filter(|refusal| refusal.kind == RefusalKind::UnknownInTarget);
    findings.extend(refused.map(|refusal| unknown_in_target(facts, refusal.node)));
}

fn unknown(facts: &Facts, node: NodeRef) -> Option<Finding> {
    let directive = facts.directive(node);
    let word = directive.name_word();
    if word.is_hole() || facts.config.is_derailed(facts.tree, node) {
        return None;
    }
    let name = word.show();
    let meant = meant(&word.value())?;
    let severity = if matches!(meant, Meant::Near(_)) { Severity::Warning } else { Severity::Error };
    let finding = RULE.refusal(word.span(), format!("unknown directive \"{name}\"")).severity(severity);
    let write = |corrected: &str| {
        let end = if directive.is_block() { " {" } else { ";" };
        let rest = Span { start: word.span().end, ..directive.head() };
        format!("write\n{corrected}{}{end}", String::from_utf8_lossy(facts.tree.sources.slice(rest)))
    };
    let rename = |corrected: &str| facts.repair().name(node, corrected).safe(format!("write `{corrected}`"));
    let finding = match meant {
        Meant::Invented(advice) => finding.here("no version of nginx has it").help(advice),
        Meant::Placeholder => {
            let fix = facts.repair().remove(node).safe("remove the line");
            finding.here("no module has it").fix(fix).help("remove it")
        }
        Meant::Cased(known) => {
            finding.here("names of directives are in lower case").fix(rename(known)).help(write(known))
        }
        Meant::Near(known) => {
            finding.here(format!("did you mean `{known}`?")).fix(rename(known)).help(write(known))
        }
        Meant::Glued(len) => {
            let (known, rest) = name.split_at(len);
            let rest = rest.trim_start_matches([':', '=', ',']);
            finding
                .here(format!("a blank is missing after `{known}`"))
                .fix(rename(&format!("{known} {rest}")))
                .help(write(&format!("{known} {rest}")))
        }
        Meant::Foreign(at, len) => {
            let value = word.value();
            let byte = String::from_utf8_lossy(&value[at..at + len]).into_owned();
            let finding = finding.here(says_of(&byte));
            match word.raw().len() == value.len() {
                true => {
                    let start = word.span().start + at as u32;
                    finding.label(Span { start, end: start + len as u32, ..word.span() }, "this one")
                }
                false => finding,
            }
            .fix(rename(&plain(&name)))
            .help(write(&plain(&name)))
        }
    };
    Some(facts.with_server_line(finding, node))
}

/// What a character that no directive's name has does there.
fn says_of(character: &str) -> String {
    match character {
        "\u{a0}" | "\u{202f}" | "\u{2007}" => {
            "the blank in it is a no-break space, which nginx takes for a letter".to_string()
        }
        "\u{feff}" | "\u{200b}" | "\u{200c}" | "\u{200d}" | "\u{2060}" => {
            "it holds a character without width, which nginx takes for a letter".to_string()
        }
        "\u{2018}" | "\u{2019}" | "\u{201c}" | "\u{201d}" | "\u{ab}" | "\u{bb}" => {
            format!("`{character}` is a typographic quote, which nginx takes for a letter")
        }
        _ => format!("no directive has `{character}` in its name"),
    }
}

/// The name with what word processors put into it taken back.
fn plain(name: &str) -> String {
    name.chars()
        .filter_map(|character| match character {
            '\u{a0}' | '\u{202f}' | '\u{2007}' => Some(' '),
            character if character.is_ascii() => Some(character),
            _ => None,
        })
        .collect()
}

fn unknown_in_target(facts: &Facts, node: NodeRef) -> Finding {
    let directive = facts.directive(node);
    let name = String::from_utf8_lossy(&directive.name()).into_owned();
    let target = facts.config.target.nginx;
    let finding = RULE
        .refusal(directive.name_word().span(), format!("unknown directive \"{name}\""))
        .severity(Severity::Error);
    let finding = match versions::changed(directive.name_id()) {
        Some(since) if target.all_before(since) => finding
            .here(format!("nginx has it since {since}, and the target is {}", target.first))
            .help(format!("remove it, or use nginx {since} or newer")),
        Some(until) => finding.here(format!("nginx {until} removed it")).help("remove it"),
        None => finding
            .here(format!("nginx {} does not have it", target.first))
            .help("remove it, or use another version of nginx"),
    };
    facts.with_server_line(finding, node)
}
