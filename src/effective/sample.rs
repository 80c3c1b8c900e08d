//! Texts that a regular expression matches, made up from the expression itself. Knows no request; whoever asks holds
//! them against the compiled expression, for what is made up here may be wrong.

use super::regex::Pattern;

/// Bytes of an expression that is looked at.
const MAX_LEN: usize = 2000;

/// One text in which what may be left out is left out, and one in which it is there, unless they are equal. Empty for
/// an expression with parts that only a matcher understands.
pub fn samples(pattern: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> =
        [false, true].into_iter().filter_map(|full| sample(pattern, full)).collect();
    found.dedup();
    found
}

/// An open group: where its text begins, and whether its first alternative is over.
struct Group {
    start: usize,
    over: bool,
}

fn sample(pattern: &[u8], full: bool) -> Option<Vec<u8>> {
    if pattern.len() > MAX_LEN {
        return None;
    }
    let mut out: Vec<u8> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut rest = pattern;
    while let Some((&byte, after)) = rest.split_first() {
        // Where the text of what a quantifier would repeat begins.
        let mut start = out.len();
        rest = after;
        match byte {
            b'^' | b'$' => continue,
            b'|' => match groups.last_mut() {
                Some(group) => group.over = true,
                None => return Some(out),
            },
            b'(' => {
                rest = group_head(rest)?;
                let over = is_over(&groups);
                groups.push(Group { start, over });
            }
            b')' => start = groups.pop()?.start,
            b'[' => {
                let len = class_len(rest)?;
                out.push(member(&pattern[pattern.len() - rest.len() - 1..][..len + 1])?);
                rest = &rest[len..];
            }
            b'\\' => {
                let (&escaped, after) = rest.split_first()?;
                rest = after;
                match escaped {
                    b'A' | b'b' | b'z' | b'Z' => continue,
                    b'd' => out.push(b'1'),
                    b's' => out.push(b' '),
                    b'D' | b'S' | b'w' => out.push(b'x'),
                    b'W' => out.push(b'-'),
                    escaped if escaped.is_ascii_alphanumeric() => return None,
                    escaped => out.push(escaped),
                }
            }
            b'.' => out.push(b'x'),
            byte => out.push(byte),
        }
        if byte == b'(' || byte == b'|' {
            continue;
        }
        let (keeps, after) = quantified(rest, full)?;
        rest = after;
        if !keeps || is_over(&groups) {
            out.truncate(start);
        }
    }
    groups.is_empty().then_some(out)
}

fn is_over(groups: &[Group]) -> bool {
    groups.last().is_some_and(|group| group.over)
}

/// What follows `(`, behind what says which kind of group it is; None for one that is not part of the text.
fn group_head(rest: &[u8]) -> Option<&[u8]> {
    let Some(kind) = rest.strip_prefix(b"?") else { return Some(rest) };
    match kind {
        [b':', rest @ ..] => Some(rest),
        [b'P', b'<', ..] | [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => {
            memchr::memchr(b'>', kind).map(|end| &kind[end + 1..])
        }
        _ => None,
    }
}

/// Bytes of a class behind its `[`, the `]` included.
fn class_len(rest: &[u8]) -> Option<usize> {
    let mut at = usize::from(rest.first() == Some(&b'^'));
    at += usize::from(rest.get(at) == Some(&b']'));
    loop {
        match rest.get(at)? {
            b'\\' => at += 2,
            b']' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// A byte of a class.
fn member(class: &[u8]) -> Option<u8> {
    let pattern = Pattern::new(class, false)?;
    let first = class.get(1).copied().filter(u8::is_ascii_alphanumeric);
    let candidates = first.into_iter().chain(*b"x1X-_.~/");
    candidates.into_iter().find(|&byte| pattern.is_match(&[byte]) == Some(true))
}

/// Whether the text before a quantifier stays, and what follows the quantifier.
fn quantified(rest: &[u8], full: bool) -> Option<(bool, &[u8])> {
    let (keeps, rest) = match rest {
        [b'*' | b'?', rest @ ..] => (full, rest),
        [b'+', rest @ ..] => (true, rest),
        [b'{', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => {
            let end = memchr::memchr(b'}', digits)?;
            match &digits[..end] {
                b"0" => (false, &digits[end + 1..]),
                b"1" | [b'1', b',', ..] => (true, &digits[end + 1..]),
                [b'0', b',', ..] => (full, &digits[end + 1..]),
                _ => return None,
            }
        }
        _ => return Some((true, rest)),
    };
    Some((keeps, rest.strip_prefix(b"?").or_else(|| rest.strip_prefix(b"+")).unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_up_is_matched() {
        for (pattern, expected) in [
            ("^/ws$", &["/ws"][..]),
            ("^/(ws|chat)(/.*)?$", &["/ws", "/ws/x"]),
            ("^/?(.*)", &["", "/x"]),
            (r"^\/socket\.io\/[a-z]+/\d", &["/socket.io/a/1"]),
            ("^/(?:a|b(c|d))/[^/]*", &["/a/", "/a/x"]),
            ("/ws.*|/chat", &["/ws", "/wsx"]),
            ("^/(?<room>[0-9]{1,3})$", &["/0"]),
        ] {
            let found = samples(pattern.as_bytes());
            let shown: Vec<String> =
                found.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
            assert_eq!(shown, expected, "{pattern}");
            let compiled = Pattern::new(pattern.as_bytes(), false).expect("valid");
            assert!(found.iter().all(|text| compiled.is_match(text) == Some(true)), "{pattern}");
        }
        for pattern in ["^/(?!api)", "(a)\\1", "^/a{3}", "^(/ws", "[a", "a)"] {
            assert!(samples(pattern.as_bytes()).is_empty(), "{pattern}");
        }
    }
}
