//! The words of `Header`, `RequestHeader` and of the `SetEnvIf` family. Knows their grammar, not what they do.

use std::borrow::Cow;

use super::{is, show};
use crate::effective::apache::directives::form;
use crate::effective::apache::names;
use crate::syntax::NameId;

const ACTIONS: [&str; 10] =
    ["add", "set", "setifempty", "append", "merge", "unset", "echo", "note", "edit", "edit*"];

/// Letters that `%` may stand before in a value.
const FORMATS: &[u8] = b"Dteslib";

pub(super) fn refused(name: NameId, words: &[Cow<[u8]>]) -> Option<String> {
    let response = name == names::HEADER;
    let words = match words {
        [when, rest @ ..] if response && (is(when, "always") || is(when, "onsuccess")) => rest,
        words => words,
    };
    let word = |index: usize| words.get(index).map(|word| &**word);
    if words.len() > 5 {
        return Some(format!("{} has too many arguments", form(name)?.name));
    }
    let action = word(0).unwrap_or_default();
    let say = |message: &str| Some(message.to_string());
    if !ACTIONS.iter().any(|known| is(action, known)) {
        return say("first argument must be 'add', 'set', 'setifempty', 'append', 'merge', \
                    'unset', 'echo', 'note', 'edit', or 'edit*'.");
    }
    if is(action, "note") && !response {
        return say("RequestHeader does not support the 'note' action");
    }
    let mut condition;
    let mut value = word(2);
    if is(action, "edit") || is(action, "edit*") {
        value = word(3);
        condition = word(4);
        if value.is_none() {
            return say("Header edit requires a match and a substitution");
        }
    } else {
        condition = word(3);
        if word(4).is_some() {
            return say("Too many arguments to directive");
        }
        if is(action, "unset") || is(action, "echo") {
            if condition.is_some() {
                let unset = is(action, "unset");
                return say(if unset {
                    "header unset takes two arguments"
                } else {
                    "Header echo takes two arguments"
                });
            }
            condition = value.take();
            if is(action, "echo") && !response {
                return say("Header echo only valid on Header directives");
            }
        } else if value.is_none() {
            return say("Header requires three arguments");
        }
    }
    condition.and_then(wrong_condition).or_else(|| value.and_then(wrong_format))
}

/// `early`, `env=...` or `expr=...`; expressions are not looked at.
fn wrong_condition(word: &[u8]) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    match &lower[..] {
        b"early" => None,
        b"env=" | b"env=!" => Some(
            "error: missing environment variable name. envclause should be in the form env=envar "
                .to_string(),
        ),
        [b'e', b'n', b'v', b'=', ..] | [b'e', b'x', b'p', b'r', b'=', ..] => None,
        _ => Some(format!("Unknown parameter: {}", show(word))),
    }
}

/// A `%` of a value with a letter behind it, or with `{name}` and a letter.
fn wrong_format(value: &[u8]) -> Option<String> {
    if value.starts_with(b"expr=") {
        return None;
    }
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'%', rest) {
        rest = &rest[at + 1..];
        match rest {
            [] => return None,
            [b'%', after @ ..] => {
                rest = after;
                continue;
            }
            [b'{', inside @ ..] => {
                let end = memchr::memchr(b'}', inside).map_or(inside.len(), |end| end + 1);
                rest = &inside[end..];
            }
            _ => {}
        }
        match rest.split_first() {
            Some((letter, after)) if FORMATS.contains(letter) => rest = after,
            letter => {
                let letter = letter.map_or(Cow::Borrowed(""), |_| show(&rest[..1]));
                return Some(format!("Unrecognized header format %{letter}"));
            }
        }
    }
    None
}

/// `SetEnvIf header regex variables`; `BrowserMatch` and `SetEnvIfExpr` have no header.
pub(super) fn set_env_if(name: NameId, words: &[Cow<[u8]>]) -> Option<String> {
    let wanted: &[&str] = match name {
        names::SET_ENV_IF | names::SET_ENV_IF_NO_CASE => {
            &["header-field name", "regular expression", "envariable expression"]
        }
        names::SET_ENV_IF_EXPR => &["expression", "envariable expression"],
        _ => &["regular expression", "envariable expression"],
    };
    let is_missing = |index: &usize| words.get(*index).is_none_or(|word| word.is_empty());
    let missing = (0..wanted.len()).find(is_missing)?;
    Some(format!("Missing {} for {}", wanted[missing], form(name)?.name))
}
