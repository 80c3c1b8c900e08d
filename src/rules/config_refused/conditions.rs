//! Conditions of `if` that nginx refuses (`ngx_http_rewrite_if_condition`). Knows their shape, not what they ask.

use super::RULE;
use crate::effective::nginx::directives::{IF_LOCATION, IF_SERVER};
use crate::engine::Facts;
use crate::finding::Finding;
use crate::syntax::Directive;
use crate::tree::NodeRef;

/// What compares a variable with a value.
const OPERATORS: [&[u8]; 6] = [b"!=", b"!~", b"!~*", b"=", b"~", b"~*"];

/// What asks about a file.
const FILE_TESTS: [&[u8]; 8] = [b"!-d", b"!-e", b"!-f", b"!-x", b"-d", b"-e", b"-f", b"-x"];

/// What nginx says of a condition.
pub(super) enum Refused {
    Invalid(Vec<u8>),
    Unexpected(Vec<u8>),
}

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for (_, block) in
        facts.config.blocks().filter(|(_, block)| block.context & (IF_SERVER | IF_LOCATION) != 0)
    {
        let Some(node) = block.node.filter(|&node| !facts.config.is_derailed(facts.tree, node)) else {
            continue;
        };
        let directive = facts.directive(node);
        if directive.args().any(|word| word.is_hole()) {
            continue;
        }
        if let Err(refused) = words(&directive) {
            findings.push(finding(facts, node, &refused));
        }
    }
}

/// The words between the parentheses of an `if` that nginx accepts.
pub(super) fn words(directive: &Directive) -> Result<Vec<Vec<u8>>, Refused> {
    let mut words: Vec<Vec<u8>> = directive.args().map(|word| word.value().into_owned()).collect();
    let Some(b'(') = words.first().and_then(|word| word.first()) else {
        return Err(Refused::Invalid(words.swap_remove(0)));
    };
    words[0].remove(0);
    if words[0].is_empty() {
        words.remove(0);
    }
    let Some(b')') = words.last().and_then(|word| word.last()) else {
        return Err(Refused::Invalid(words.pop().unwrap_or_default()));
    };
    if words.len() == 1 && words[0].len() == 1 {
        return Err(Refused::Invalid(b")".to_vec()));
    }
    let last = words.len() - 1;
    words[last].pop();
    if words[last].is_empty() {
        words.pop();
    }
    shape(words)
}

fn shape(words: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Refused> {
    let accepted = match (&words[0][..], &words[1..]) {
        ([b'$', _, ..], []) => true,
        ([b'$', _, ..], [operator, _]) if OPERATORS.contains(&&operator[..]) => true,
        ([b'$', _, ..], [operator, _]) => return Err(Refused::Unexpected(operator.clone())),
        (test, [_]) => FILE_TESTS.contains(&test),
        _ => false,
    };
    if accepted { Ok(words) } else { Err(Refused::Invalid(words.into_iter().next().unwrap_or_default())) }
}

fn finding(facts: &Facts, node: NodeRef, refused: &Refused) -> Finding {
    let (message, help) = match refused {
        Refused::Unexpected(word) => {
            let shown = String::from_utf8_lossy(word);
            let help = match &word[..] {
                b"==" | b"===" | b"eq" => "write `=`",
                b"=~" => "write `~`, or `~*` to ignore case",
                b"<>" | b"ne" | b"!==" => "write `!=`",
                b"&&" | b"||" | b"and" | b"or" => {
                    "ask one question: nginx has no `and` and no `or`, a `map` of both values does it"
                }
                _ => "write one of `=`, `!=`, `~`, `~*`, `!~`, `!~*`",
            };
            (format!("unexpected \"{shown}\" in condition"), help)
        }
        Refused::Invalid(word) => {
            let help = match &word[..] {
                [b'"' | b'\'', ..] => {
                    "write the variable without quotes\nif ($http_upgrade = \"websocket\") {"
                }
                b"!" => "write `!` and the test in one word\nif (!-f $request_filename) {",
                [b'!', b'$', ..] => "compare with an empty value\nif ($http_upgrade = \"\") {",
                _ => {
                    "write a variable, or a variable, an operator and one value, in parentheses\nif ($http_upgrade = \"websocket\") {"
                }
            };
            (format!("invalid condition \"{}\"", String::from_utf8_lossy(word)), help)
        }
    };
    facts.refused(&RULE, node, message).help(help)
}
