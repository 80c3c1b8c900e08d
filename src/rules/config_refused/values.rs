//! Values whose variables nginx cannot read (`ngx_http_script_compile`), and lines of maps it does not take. Knows
//! how a variable is written, not which exist.

use hashbrown::HashSet;

use super::RULE;
use crate::effective::BlockId;
use crate::effective::nginx::directives::{HTTP, SERVER, STREAM};
use crate::effective::nginx::names;
use crate::effective::nginx::values::{ValueError, pieces};
use crate::engine::Facts;
use crate::finding::Finding;
use crate::syntax::{NameId, Word};
use crate::tree::NodeRef;

/// Directives whose values are put together from variables, and the arguments that are, counted from 0.
const VALUES: [(NameId, &[usize]); 6] = [
    (names::ADD_HEADER, &[1]),
    (names::PROXY_PASS, &[0]),
    (names::PROXY_SET_HEADER, &[1]),
    (names::RETURN, &[0, 1]),
    (names::REWRITE, &[1]),
    (names::SET, &[1]),
];

/// Every value in `http` that holds a `$` where it is put together from variables, with its directive and the block
/// that holds it.
pub(super) fn each<'a>(facts: &'a Facts, mut act: impl FnMut(BlockId, NodeRef, Word<'a>)) {
    for (name, arguments) in VALUES {
        for &(block, node) in facts.config.everywhere(name) {
            let directive = facts.directive(node);
            let words = arguments.iter().filter_map(|&index| directive.arg(index));
            for word in words.filter(|word| word.raw().contains(&b'$') && !word.is_hole()) {
                if facts.config.enclosing(block, HTTP | SERVER).is_some() {
                    act(block, node, word);
                }
            }
        }
    }
}

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    // Hundreds of lines hold the same few values.
    let mut sound = HashSet::new();
    each(facts, |block, node, word| {
        if sound.contains(word.raw()) {
            return;
        }
        let error = pieces(&word.value()).find_map(|piece| piece.err().map(|error| message(&error)));
        if error.is_none() {
            sound.insert(word.raw());
        }
        if let Some(message) = error.filter(|_| !facts.config.is_derailed(facts.tree, node)) {
            let finding = finding(facts, node, message);
            findings.push(
                match facts.config.enclosing(block, HTTP).and_then(|http| facts.config.block(http).node) {
                    // Headers are put together when the whole of `http` has been read.
                    Some(http) if facts.directive(node).name_id() == names::PROXY_SET_HEADER => finding
                        .label(
                            facts.directive(http).last_byte(),
                            "nginx complains about this line, where `http` ends",
                        ),
                    _ => finding,
                },
            );
        }
    });
    for map in &facts.config.maps {
        let source = map.source(facts.tree);
        let values = map.entries(facts.tree).map(|entry| (entry.node, entry.value));
        for (node, word) in std::iter::once((map.node, source)).chain(values) {
            let error = pieces(&word.value()).find_map(|piece| piece.err().map(|error| message(&error)));
            if let Some(message) = error.filter(|_| !word.is_hole()) {
                findings.push(finding(facts, node, message));
            }
        }
        findings.extend(map.refused(facts.tree).into_iter().map(|(node, words)| {
            facts
                .refused(&RULE, node, words)
                .label(facts.head(map.node), "in this map")
                .help(help_for_line(facts, node))
        }));
    }
    for &(block, node) in facts.config.everywhere(names::MAP) {
        if facts.config.block(block).context & (HTTP | STREAM) != 0 {
            findings.extend(target(facts, node, 1));
        }
    }
    findings
        .extend(facts.config.everywhere(names::SET).iter().filter_map(|&(_, node)| target(facts, node, 0)));
}

fn message(error: &ValueError) -> String {
    match error {
        ValueError::InvalidName => "invalid variable name".to_string(),
        ValueError::MissingBracket(name) => {
            format!("the closing bracket in \"{}\" variable is missing", String::from_utf8_lossy(name))
        }
    }
}

fn finding(facts: &Facts, node: NodeRef, message: String) -> Finding {
    let finding = facts.refused(&RULE, node, message).here("a `$` with no name behind it");
    finding.help("write the variable's name in letters, digits and `_`: `$name` or `${name}`; no `$` can stand for itself")
}

/// `map … name` and `set name …` without the `$`.
fn target(facts: &Facts, node: NodeRef, index: usize) -> Option<Finding> {
    let word = facts.directive(node).arg(index).filter(|word| !word.is_hole())?;
    if word.value().starts_with(b"$") || facts.config.is_derailed(facts.tree, node) {
        return None;
    }
    let name = word.show();
    let finding = RULE
        .refusal(word.span(), format!("invalid variable name \"{name}\""))
        .here("a variable begins with `$`");
    Some(facts.with_server_line(finding.help(format!("write\n${name}")), node))
}

fn help_for_line(facts: &Facts, node: NodeRef) -> &'static str {
    match facts.directive(node).arg_count() {
        1 => "remove one of the two lines; keys are compared without regard to case",
        _ => "write one key and one value, in quotes where they hold a blank\nwebsocket upgrade;",
    }
}
