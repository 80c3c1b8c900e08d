//! What expressions come to for a request: true, false or not known. Knows no grammar.

use std::net::IpAddr;

use super::{Comparison, Groups, List, Test, Word};
use crate::effective::Value;
use crate::effective::apache::escape;
use crate::effective::apache::fnmatch::{Style, fnmatch};
use crate::effective::apache::request::{Asker, Request, variable};

/// Bytes an expanded value may have; more is unknown.
const MAX_VALUE: usize = 64 << 10;

type Truth = Result<bool, String>;

pub(super) fn holds(test: &Test, request: &dyn Request, groups: &mut Groups) -> Truth {
    let value = |word: &Word, groups: &Groups| known(value(word, request, groups));
    match test {
        Test::Constant(truth) => Ok(*truth),
        Test::Not(inner) => holds(inner, request, groups).map(|truth| !truth),
        Test::All(tests) => decided(tests, false, request, groups),
        Test::Any(tests) => decided(tests, true, request, groups),
        Test::Compare { left, comparison, right } => {
            let (left, right) = (value(left, groups)?, value(right, groups)?);
            Ok(compare(*comparison, &left, &right))
        }
        Test::In { word, list: List::Words(words) } => {
            let word = value(word, groups)?;
            let mut unknown = None;
            for candidate in words {
                match value(candidate, groups) {
                    Ok(candidate) if candidate == word => return Ok(true),
                    Ok(_) => {}
                    Err(why) => unknown = Some(why),
                }
            }
            unknown.map_or(Ok(false), Err)
        }
        Test::In { list: List::Function(name), .. } => Err(format!("the list of `{name}`")),
        Test::Match { word, pattern, negated } => {
            let unknown = || "a regular expression that was not evaluated".to_string();
            let found = value(word, groups).and_then(|subject| {
                pattern.0.as_ref().and_then(|pattern| pattern.captures(&subject)).ok_or_else(unknown)
            });
            // Groups are kept unless the pattern has some: then they are replaced, or lost.
            if pattern.0.as_ref().is_none_or(|pattern| pattern.groups() > 0) {
                *groups = match &found {
                    Ok(Some(captures)) => Groups::Known(captures.clone()),
                    Ok(None) => Groups::None,
                    Err(why) => Groups::Unknown(why.clone()),
                };
            }
            found.map(|found| found.is_some() != *negated)
        }
        Test::Unary { operator, word, subnet } => match operator {
            b'n' => Ok(!value(word, groups)?.is_empty()),
            b'z' => Ok(value(word, groups)?.is_empty()),
            b'T' => Ok(is_true(&value(word, groups)?)),
            b'R' => {
                let client = known(request.variable("REMOTE_ADDR"))?;
                let client = address(&client).ok_or("the address of the client")?;
                Ok(subnet.is_some_and(|subnet| subnet.holds(client)))
            }
            operator => {
                let path = value(word, groups)?;
                let operator = if *operator == b'h' { b'L' } else { *operator };
                let shown = String::from_utf8_lossy(&path).into_owned();
                request.file_test(operator, &path).ok_or_else(|| format!("the file `{shown}`"))
            }
        },
        Test::Binary { operator, left, right, subnet } => {
            let left = value(left, groups)?;
            if let Some(subnet) = subnet {
                // A name would have to be resolved.
                let address = address(&left).ok_or_else(|| String::from_utf8_lossy(&left).into_owned())?;
                return Ok(subnet.holds(address));
            }
            let style = Style { pathname: operator == "fnmatch", caseless: operator == "strcmatch" };
            Ok(fnmatch(&value(right, groups)?, &left, style))
        }
    }
}

/// Whether one test decides all of them by coming to `deciding`, whatever the unknown ones come to.
fn decided(tests: &[Test], deciding: bool, request: &dyn Request, groups: &mut Groups) -> Truth {
    let mut unknown = None;
    for test in tests {
        let before = groups.clone();
        let truth = holds(test, request, groups);
        // Behind an unknown test it is open whether the server comes here at all.
        if let Some(why) = &unknown
            && *groups != before
        {
            *groups = Groups::Unknown(String::clone(why));
        }
        match truth {
            Ok(truth) if truth == deciding => return Ok(deciding),
            Ok(_) => {}
            Err(why) => unknown = unknown.or(Some(why)),
        }
    }
    unknown.map_or(Ok(!deciding), Err)
}

fn compare(comparison: Comparison, left: &[u8], right: &[u8]) -> bool {
    let found = match comparison.numeric {
        true => number(left).cmp(&number(right)),
        false => left.cmp(right),
    };
    comparison.order.holds(found)
}

/// A number as C reads it: what leads the text, zero where nothing does.
pub fn number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let value = digits
        .iter()
        .take_while(|digit| digit.is_ascii_digit())
        .fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -value } else { value }
}

fn is_true(text: &[u8]) -> bool {
    !(text.is_empty()
        || text == b"0"
        || [&b"off"[..], b"no", b"false"].iter().any(|no| text.eq_ignore_ascii_case(no)))
}

fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn known(value: Value) -> Result<Vec<u8>, String> {
    match value {
        Value::Known(bytes) => Ok(bytes),
        Value::Unknown(why) => Err(why),
    }
}

pub(super) fn value(word: &Word, request: &dyn Request, groups: &Groups) -> Value {
    match word {
        Word::Digits(text) | Word::Text(text) => Value::Known(text.clone()),
        Word::Group(number) => groups.get(*number),
        Word::Variable(name) if name.starts_with("SSL_") => request.variable(&format!("SSL:{name}")),
        Word::Variable(name) if name.starts_with("HC_") => Value::Unknown(format!("%{{{name}}}")),
        Word::Variable(name) => variable(request, name, Asker::Expression),
        Word::Call { function, argument } => match value(argument, request, groups) {
            Value::Known(argument) => call(function, &argument, request),
            unknown => unknown,
        },
        Word::Joined(words) => {
            let mut joined = Vec::new();
            for word in words {
                match value(word, request, groups) {
                    Value::Known(text) => joined.extend(text),
                    unknown => return unknown,
                }
                if joined.len() > MAX_VALUE {
                    return Value::Unknown(format!("a value of more than {MAX_VALUE} bytes"));
                }
            }
            Value::Known(joined)
        }
    }
}

fn call(function: &str, argument: &[u8], request: &dyn Request) -> Value {
    match function {
        "req" | "http" | "req_novary" => request.header(argument),
        "env" | "reqenv" => request.environment(argument),
        "tolower" => Value::Known(argument.to_ascii_lowercase()),
        "toupper" => Value::Known(argument.to_ascii_uppercase()),
        "escape" => Value::Known(escape::escape_uri(argument)),
        "unescape" => match escape::unescape(argument, b"", b"/") {
            (text, true) => Value::Known(text),
            (_, false) => Value::empty(),
        },
        "ssl" => request.variable(&format!("SSL:{}", String::from_utf8_lossy(argument))),
        _ => Value::Unknown(format!("`{function}({})`", String::from_utf8_lossy(argument))),
    }
}
