//! Words of httpd's lines: where they end, and what the server makes of them (`ap_getword_conf`). Knows no directive.

use std::borrow::Cow;
use std::cell::Cell;

use nom::bytes::complete::take_till;
use nom::{IResult, Parser};

use crate::syntax::TRAITS;

/// The value of a word (`ap_getword_conf`): continuations joined, the quotes around it removed, `\\` and the quote
/// after a backslash replaced by the character; any other backslash stays.
pub fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'\\', b'\n', raw).is_none() {
        return Cow::Borrowed(unquoted(raw).1);
    }
    let joined = join(raw);
    let (quote, inner) = unquoted(&joined);
    let mut value = Vec::with_capacity(inner.len());
    let mut rest = inner;
    loop {
        rest = match rest {
            [b'\\', escaped, rest @ ..] if *escaped == b'\\' || Some(*escaped) == quote => {
                value.push(*escaped);
                rest
            }
            [byte, rest @ ..] => {
                value.push(*byte);
                rest
            }
            [] => return Cow::Owned(value),
        }
    }
}

/// The quote that a word begins with, and what stands between it and its like.
fn unquoted(word: &[u8]) -> (Option<u8>, &[u8]) {
    match word {
        [quote @ (b'"' | b'\''), inner @ ..] => {
            (Some(*quote), inner.strip_suffix(&[*quote]).unwrap_or(inner))
        }
        inner => (None, inner),
    }
}

/// The bytes without their continuations.
pub fn join(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\n') {
        return Cow::Borrowed(raw);
    }
    let mut joined = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        joined.extend_from_slice(continued(line).unwrap_or(line));
    }
    Cow::Owned(joined)
}

const SPACE: u8 = 1 << 7;

/// What of a byte matters to a word that holds it, and whether it ends one: C's `isspace`.
static CLASS: [u8; 256] = {
    let mut table = TRAITS;
    table[b' ' as usize] |= SPACE;
    let mut byte = b'\t';
    while byte <= b'\r' {
        table[byte as usize] |= SPACE;
        byte += 1;
    }
    table
};

pub(super) fn is_space(byte: u8) -> bool {
    CLASS[byte as usize] & SPACE != 0
}

/// What is left behind the bytes before one that ends them.
#[inline]
fn till(input: &[u8], ends: impl Fn(u8) -> bool) -> &[u8] {
    let taken: IResult<&[u8], &[u8], ()> = take_till(ends).parse_complete(input);
    taken.map_or(&[], |(rest, _)| rest)
}

/// Where the white space at `at` ends.
pub(super) fn gap(line: &[u8], at: usize) -> usize {
    line.len() - till(&line[at..], |byte| !is_space(byte)).len()
}

/// Where an unquoted word ends, and what matters of its bytes: up to white space.
pub(super) fn bare(line: &[u8], at: usize) -> (usize, u8) {
    let seen = Cell::new(0);
    let rest = till(&line[at..], |byte| {
        let class = CLASS[byte as usize];
        let ends = class & SPACE != 0;
        if !ends {
            seen.set(seen.get() | class);
        }
        ends
    });
    (line.len() - rest.len(), seen.get())
}

/// Where a quoted word ends: behind its quote, or with the line where it is never closed.
pub(super) fn quoted(line: &[u8], start: usize) -> usize {
    let quote = line[start];
    let mut rest = &line[start + 1..];
    loop {
        rest = match till(rest, |byte| byte == quote || byte == b'\\') {
            [b'\\', next, after @ ..] if *next == quote || *next == b'\\' => after,
            [b'\\', after @ ..] => after,
            [_, after @ ..] => return line.len() - after.len(),
            [] => return line.len(),
        };
    }
}

/// Where a word of mod_rewrite's ends: a blank behind a backslash belongs to it, and nothing is unescaped.
pub(super) fn rewrite_word(line: &[u8], start: usize) -> usize {
    let quote = line.get(start).copied().filter(|byte| b"\"'".contains(byte));
    let ends = |byte: u8| match quote {
        Some(quote) => byte == quote,
        None => is_space(byte),
    };
    let mut rest = &line[start + usize::from(quote.is_some())..];
    loop {
        rest = match till(rest, |byte| byte == b'\\' || ends(byte)) {
            [b'\\', next, after @ ..] if is_space(*next) || Some(*next) == quote => after,
            [b'\\', after @ ..] => after,
            [_, after @ ..] if quote.is_some() => return line.len() - after.len(),
            stopped => return line.len() - stopped.len(),
        };
    }
}

/// A physical line without the backslash and line end that join it to the next; None where it ends the directive.
pub(super) fn continued(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"\\")
}
