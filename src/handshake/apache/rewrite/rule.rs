//! One rule run on a request: its pattern, its conditions, its substitution. Knows no other rule.

use std::cmp::Ordering;

use super::expand::{expand, expand_substitution};
use super::state::{Applied, Settled, State, Target};
use super::{Change, Context, Look, url};
use crate::effective::Value;
use crate::effective::apache::expr::{Groups, Order, number};
use crate::effective::apache::request::Request;
use crate::effective::apache::rewrite::{Condition, ConditionTest, Pattern, Rule, RuleLine};

/// `apply_rewrite_rule`
///
/// # Errors
/// What it depends on, where that is not known and matters.
pub(super) fn apply<'a>(state: &mut State<'a>, line: &'a RuleLine) -> Result<Applied, String> {
    let held = holds(state, line);
    state.looks.push(Look { at: line.at, held: held.as_ref().ok().copied() });
    match held {
        Ok(false) => Ok(Applied::No),
        Ok(true) => substitute(state, &line.rule),
        Err(why) if only_sets(&line.rule) => {
            state.rule_groups = Groups::Unknown(why.clone());
            state.condition_groups = Groups::Unknown(why.clone());
            for text in &line.rule.environment {
                let (name, _) = named(expand(state, text, None));
                state.changes.push(Change { name, value: Some(Value::Unknown(why.clone())) });
            }
            Ok(Applied::No)
        }
        Err(why) => Err(why),
    }
}

/// Whether all that the rule can do is to set variables.
fn only_sets(rule: &Rule) -> bool {
    let goes_on = !(rule.last || rule.end || rule.proxy || rule.pass_through || rule.chain);
    rule.keeps && goes_on && !rule.answers && rule.skip == 0 && rule.next.is_none() && rule.handler.is_none()
}

/// Whether pattern and conditions hold.
fn holds(state: &mut State, line: &RuleLine) -> Result<bool, String> {
    let rule = &line.rule;
    let (matched, groups) = match_pattern(&rule.pattern, subject(state));
    if matched? == rule.negated {
        return Ok(false);
    }
    state.rule_groups = if rule.negated { Groups::None } else { groups };
    state.condition_groups = Groups::None;
    let mut unknown = None;
    let mut conditions = line.conditions.iter();
    while let Some(first) = conditions.next() {
        // One condition, or several of which one must hold: all but the last say `[OR]`.
        let mut next = first;
        let mut open = None;
        let held = loop {
            let before = state.condition_groups.clone();
            let held = holds_condition(state, &next.condition);
            state.looks.push(Look { at: next.at, held: held.as_ref().ok().copied() });
            // Behind one that is not known it is open whether the server looks here at all.
            if let Some(why) = open.as_ref().or(unknown.as_ref())
                && state.condition_groups != before
            {
                state.condition_groups = Groups::Unknown(String::clone(why));
            }
            match held {
                Ok(true) => {
                    while next.condition.or_next {
                        match conditions.next() {
                            Some(left_out) => next = left_out,
                            None => break,
                        }
                    }
                    break Ok(true);
                }
                Ok(false) => {}
                Err(why) => open = open.or(Some(why)),
            }
            if !next.condition.or_next {
                break open.map_or(Ok(false), Err);
            }
            match conditions.next() {
                Some(following) => next = following,
                // The last one says `[OR]`: the server goes on as if it had held.
                None => break Ok(true),
            }
        };
        match held {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(why) => unknown = unknown.or(Some(why)),
        }
    }
    unknown.map_or(Ok(true), Err)
}

/// What the rule's pattern is matched with.
fn subject(state: &State) -> Result<Vec<u8>, String> {
    let filename = state.filename()?;
    let Context::Directory(directory) = state.input.context else { return Ok(filename.to_vec()) };
    let uri = [filename, state.path_info].concat();
    match uri.strip_prefix(directory.path) {
        Some(below) if !url::is_proxied(filename) => Ok(below.to_vec()),
        _ => Ok(uri),
    }
}

fn match_pattern(pattern: &Pattern, subject: Result<Vec<u8>, String>) -> (Result<bool, String>, Groups) {
    let subject = match subject {
        Ok(subject) => subject,
        Err(why) if pattern.is_certain() => return (Ok(true), Groups::Unknown(why)),
        Err(why) => return (Err(why.clone()), Groups::Unknown(why)),
    };
    match pattern.compiled.as_ref().and_then(|compiled| compiled.captures(&subject)) {
        Some(Some(captures)) => (Ok(true), Groups::Known(captures)),
        Some(None) => (Ok(false), Groups::None),
        None => {
            let why = "a regular expression that was not evaluated".to_string();
            (Err(why.clone()), Groups::Unknown(why))
        }
    }
}

/// `apply_rewrite_cond`
pub(super) fn holds_condition(state: &mut State, condition: &Condition) -> Result<bool, String> {
    if let ConditionTest::Expr(expr) = &condition.test {
        // What the server takes for groups where none of the expression's patterns has any is anything at all.
        let mut groups = Groups::Unknown("groups of an expression without groups".to_string());
        let held = expr.holds_keeping(state, &mut groups);
        match &held {
            Ok(true) if !condition.negated => state.condition_groups = groups,
            Ok(_) => {}
            Err(why) => state.condition_groups = Groups::Unknown(why.clone()),
        }
        return held.map(|held| held != condition.negated);
    }
    let input = expand(state, &condition.input, None);
    let held = match &condition.test {
        ConditionTest::Pattern(pattern) => {
            let (matched, groups) = match_pattern(pattern, input);
            match matched {
                Ok(true) if !condition.negated => state.condition_groups = groups,
                Ok(_) => {}
                Err(_) => state.condition_groups = groups,
            }
            matched?
        }
        ConditionTest::File(test) => {
            let path = input?;
            let inside = matches!(test, b'U' | b'F') && path.is_empty();
            let shown = String::from_utf8_lossy(&path).into_owned();
            !inside && state.file_test(*test, &path).ok_or_else(|| format!("the file `{shown}`"))?
        }
        ConditionTest::Text(order, operand) => {
            let input = input?;
            order.holds(match (condition.caseless, order) {
                (true, _) => input.to_ascii_lowercase().cmp(&operand.to_ascii_lowercase()),
                (false, Order::Equal | Order::NotEqual) => input.cmp(operand),
                (false, _) => by_length(&input, operand),
            })
        }
        ConditionTest::Number(order, operand) => order.holds(number(&input?).cmp(&number(operand))),
        ConditionTest::Expr(_) => unreachable!("internal: expressions have no input"),
    };
    Ok(held != condition.negated)
}

/// `compare_lexicography`
fn by_length(left: &[u8], right: &[u8]) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

fn substitute(state: &mut State, rule: &Rule) -> Result<Applied, String> {
    let escape = rule.escape.as_ref();
    let expanded = match rule.keeps {
        true => None,
        false => Some(expand_substitution(state, &rule.substitution, escape, rule.queries.last)),
    };
    if matches!(expanded, Some(Ok((_, Some(true))))) && !rule.allows_question_mark {
        let why = "a `?` of the request would begin the query; `[UnsafeAllow3F]` allows it".to_string();
        return Ok(Applied::Refused { status: 403, why });
    }
    for text in &rule.environment {
        let change = changed(expand(state, text, None));
        state.changes.push(change);
    }
    let Some(expanded) = expanded else {
        force_handler(state, rule);
        return Ok(Applied::Kept);
    };
    let (filename, added) = match expanded {
        Ok((filename, _)) => with_prefix(state, rule, filename),
        Err(why) => return Ok(settle(state, rule, why)),
    };
    if rule.discard_path_info && matches!(state.input.context, Context::Directory(_)) {
        state.path_info = b"";
    }
    let query = state.target.as_ref().ok().and_then(|target| target.query.clone());
    let open_query = state.target.as_ref().err().cloned();
    let mut target = Target { filename, query };
    let keeps_old = url::split_query(&mut target, rule.queries);
    if let Some(why) = open_query.filter(|_| keeps_old) {
        return Ok(settle(state, rule, why));
    }
    if rule.proxy {
        return match url::qualify(state.input.request, &mut target.filename) {
            Ok(()) => {
                target.filename.splice(..0, *b"proxy:");
                state.target = Ok(target);
                Ok(Applied::Substituted)
            }
            Err(why) => Ok(settle(state, rule, why)),
        };
    }
    if rule.redirect {
        state.status = Some(rule.status);
        if let Err(why) = url::qualify(state.input.request, &mut target.filename) {
            return Ok(settle(state, rule, why));
        }
        state.target = Ok(target);
        return Ok(Applied::Substituted);
    }
    match url::reduce(state.input.request, &mut target.filename) {
        Ok(reduced) => state.reduced |= reduced,
        Err(why) => return Ok(settle(state, rule, why)),
    }
    if url::scheme(&target.filename).is_some() {
        state.status = Some(rule.status);
        state.target = Ok(target);
        return Ok(Applied::Substituted);
    }
    if !rule.keeps_slashes && !added && !rule.substitution.starts_with(b"//") {
        while target.filename.starts_with(b"//") {
            target.filename.remove(0);
        }
    }
    force_handler(state, rule);
    state.target = Ok(target);
    Ok(Applied::Substituted)
}

/// The substitution, with what the server writes before it unless it is a path or a whole URL, and whether it did.
fn with_prefix(state: &State, rule: &Rule, filename: Vec<u8>) -> (Vec<u8>, bool) {
    let proxied = state.filename().is_ok_and(url::is_proxied);
    if filename.starts_with(b"/") || url::scheme(&filename).is_some() {
        return (filename, false);
    }
    match state.input.context {
        Context::Directory(directory) if !proxied => ([directory.path, &filename].concat(), true),
        Context::Server(_) if !(rule.proxy || rule.redirect) => ([&b"/"[..], &filename].concat(), true),
        _ => (filename, false),
    }
}

/// The target is not known from here on, though what is done with it may be.
fn settle(state: &mut State, rule: &Rule, why: String) -> Applied {
    state.target = Err(why);
    state.settled = match () {
        () if rule.proxy => Settled::Proxied { verbatim: rule.no_escape },
        () if rule.redirect => Settled::Redirected { status: rule.status },
        () => Settled::Nothing,
    };
    Applied::Substituted
}

fn force_handler(state: &mut State, rule: &Rule) {
    if let Some(handler) = &rule.handler {
        match expand(state, handler, rule.escape.as_ref()) {
            Ok(handler) if handler.is_empty() => {}
            Ok(handler) => state.handler = Some(Value::Known(handler.to_ascii_lowercase())),
            Err(why) => state.handler = Some(Value::Unknown(why)),
        }
    }
}

/// What `[E]` with an expanded text does.
fn changed(text: Result<Vec<u8>, String>) -> Change {
    let (name, value) = named(text);
    Change { name, value }
}

fn named(text: Result<Vec<u8>, String>) -> (Value, Option<Value>) {
    match text {
        Err(why) => (Value::Unknown(why.clone()), Some(Value::Unknown(why))),
        Ok(text) => match (text.strip_prefix(b"!"), memchr::memchr(b':', &text)) {
            (Some(name), _) => (Value::Known(name.to_vec()), None),
            (None, Some(colon)) => {
                (Value::Known(text[..colon].to_vec()), Some(Value::Known(text[colon + 1..].to_vec())))
            }
            (None, None) => (Value::Known(text), Some(Value::empty())),
        },
    }
}
