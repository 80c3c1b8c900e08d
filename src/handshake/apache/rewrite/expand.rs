//! Test strings and substitutions filled in: variables, maps, groups. Knows no rule's effect.

use super::state::State;
use crate::effective::Value;
use crate::effective::apache::escape;
use crate::effective::apache::expr::Groups;
use crate::effective::apache::request::{Asker, Request, variable};
use crate::effective::apache::rewrite::{Escape, MapKind, Piece, pieces};

/// Bytes an expanded text may have; more is unknown.
const MAX_TEXT: usize = 64 << 10;

/// Maps inside one another that are followed.
const MAX_DEPTH: usize = 16;

type Expanded = Result<Vec<u8>, String>;

/// A text filled in.
pub(super) fn expand(state: &State, text: &[u8], escape: Option<&Escape>) -> Expanded {
    let mut out = Vec::new();
    expand_into(state, text, escape, 0, &mut out, &mut |_, _| {})?;
    Ok(out)
}

/// A substitution, and whether the question mark where its query begins (the first one, or the last) came from
/// what was filled in; None where it has none.
pub(super) fn expand_substitution(
    state: &State,
    text: &[u8],
    escape: Option<&Escape>,
    last: bool,
) -> Result<(Vec<u8>, Option<bool>), String> {
    let mut out = Vec::new();
    let mut filled = None;
    expand_into(state, text, escape, 0, &mut out, &mut |part, is_filled| {
        if part.contains(&b'?') && (last || filled.is_none()) {
            filled = Some(is_filled);
        }
    })?;
    Ok((out, filled))
}

fn expand_into(
    state: &State,
    text: &[u8],
    escape: Option<&Escape>,
    depth: usize,
    out: &mut Vec<u8>,
    seen: &mut dyn FnMut(&[u8], bool),
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("maps inside one another, deeper than is followed".to_string());
    }
    for piece in pieces(text) {
        let filled = match piece {
            Piece::Literal(literal) => {
                out.extend_from_slice(literal);
                seen(literal, false);
                continue;
            }
            // A question mark behind a backslash does not count.
            Piece::Escaped(byte) => {
                out.push(byte);
                continue;
            }
            Piece::Hole => return Err("what a template fills in".to_string()),
            Piece::Variable(name) => known(lookup(state, name))?,
            Piece::Map { name, key, default } => {
                let mut inner = Vec::new();
                expand_into(state, key, escape, depth + 1, &mut inner, &mut |_, _| {})?;
                match mapped(state, name, inner)? {
                    Some(value) => value,
                    None => {
                        let mut inner = Vec::new();
                        expand_into(state, default, escape, depth + 1, &mut inner, &mut |_, _| {})?;
                        inner
                    }
                }
            }
            Piece::RuleGroup(number) => group(&state.rule_groups, number, escape)?,
            Piece::ConditionGroup(number) => group(&state.condition_groups, number, escape)?,
        };
        seen(&filled, true);
        out.extend(filled);
        if out.len() > MAX_TEXT {
            return Err(format!("a value of more than {MAX_TEXT} bytes"));
        }
    }
    Ok(())
}

fn group(groups: &Groups, number: u8, escape: Option<&Escape>) -> Expanded {
    let text = known(groups.get(number))?;
    Ok(match escape {
        Some(how) => escaped(&text, how),
        None => text,
    })
}

/// `escape_backref`
fn escaped(text: &[u8], how: &Escape) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        let listed = how.only.as_ref().is_some_and(|only| only.contains(&byte));
        let meant = if how.controls { byte <= b' ' || byte == 0x7f } else { how.only.is_none() };
        let plain = byte.is_ascii_alphanumeric() || byte == b'_';
        if plain || !(listed || meant) || how.except.contains(&byte) {
            out.push(byte);
        } else if byte == b' ' && !how.no_plus {
            out.push(b'+');
        } else {
            escape::push_escaped(&mut out, byte);
        }
    }
    out
}

/// `lookup_map`; None where the map has nothing for the key.
fn mapped(state: &State, name: &[u8], key: Vec<u8>) -> Result<Option<Vec<u8>>, String> {
    let Some(map) = state.input.maps.iter().rfind(|map| map.name == name) else { return Ok(None) };
    let value = match map.kind {
        MapKind::ToLower => key.to_ascii_lowercase(),
        MapKind::ToUpper => key.to_ascii_uppercase(),
        MapKind::Escape => escape::escape_uri(&key),
        MapKind::Unescape => escape::unescape(&key, b"", b"").0,
        MapKind::Elsewhere(_) => {
            return Err(format!("what the map `{}` holds", String::from_utf8_lossy(name)));
        }
    };
    Ok(Some(value))
}

/// `lookup_variable`
fn lookup(state: &State, name: &[u8]) -> Value {
    let behind = |prefix: &str| {
        let (head, argument) = name.split_at_checked(prefix.len())?;
        (head.eq_ignore_ascii_case(prefix.as_bytes()) && !argument.is_empty()).then_some(argument)
    };
    if let Some(name) = behind("ENV:") {
        return state.environment(name);
    }
    if let Some(name) = behind("SSL:") {
        return state.variable(&format!("SSL:{}", String::from_utf8_lossy(name)));
    }
    if let Some(name) = behind("HTTP:") {
        return state.header(name);
    }
    if behind("LA-U:").or_else(|| behind("LA-F:")).is_some() {
        return Value::Unknown(format!("%{{{}}}", String::from_utf8_lossy(name)));
    }
    match std::str::from_utf8(name) {
        Ok(name) => variable(state, name, Asker::Rewrite),
        Err(_) => Value::empty(),
    }
}

pub(super) fn known(value: Value) -> Expanded {
    match value {
        Value::Known(bytes) => Ok(bytes),
        Value::Unknown(why) => Err(why),
    }
}
