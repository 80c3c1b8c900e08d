//! The arguments of `RewriteRule` and `RewriteCond`, which mod_rewrite cuts by rules of its own. Knows no directive.

/// At most three raw words of a line, with their quotes; what follows the third is ignored by the server too. A
/// backslash keeps a space inside a word and stays there itself, and does nothing else (`parseargline`).
pub fn split_line(line: &[u8]) -> Vec<&[u8]> {
    let mut words = Vec::new();
    let mut rest = trim(line);
    while !rest.is_empty() && words.len() < 3 {
        let end = word_end(rest);
        words.push(&rest[..end]);
        rest = trim(&rest[end..]);
    }
    words
}

/// A raw word without the quotes around it.
pub fn unquoted(word: &[u8]) -> &[u8] {
    match word {
        [quote @ (b'"' | b'\''), inner @ ..] => inner.strip_suffix(&[*quote]).unwrap_or(inner),
        _ => word,
    }
}

/// The words of a directive, without their quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words<'a> {
    pub(super) first: &'a [u8],
    pub(super) second: &'a [u8],
    pub(super) flags: Option<&'a [u8]>,
}

/// None where the server refuses the line.
pub(super) fn words<'a>(raw: &[&'a [u8]]) -> Option<Words<'a>> {
    let words = |first, second, flags| Words { first: unquoted(first), second: unquoted(second), flags };
    match *raw {
        [] => None,
        // The server finds an empty second word behind a closing quote, and nothing behind a word without.
        [only] => is_closed(only).then(|| words(only, b"", None)),
        [first, second] => Some(words(first, second, None)),
        [first, second, third, ..] => Some(words(first, second, Some(unquoted(third)))),
    }
}

fn is_closed(word: &[u8]) -> bool {
    matches!(word, [quote @ (b'"' | b'\''), .., last] if quote == last)
}

fn word_end(text: &[u8]) -> usize {
    let quote = text.first().copied().filter(|first| matches!(first, b'"' | b'\''));
    let mut at = usize::from(quote.is_some());
    while let Some(&byte) = text.get(at) {
        match quote {
            Some(quote) if byte == quote => return at + 1,
            None if is_space(byte) => return at,
            _ => {}
        }
        at += if byte == b'\\' && text.get(at + 1).is_some_and(|&next| is_space(next)) { 2 } else { 1 };
    }
    text.len()
}

fn trim(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|&&byte| is_space(byte)).count();
    &text[spaces..]
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_as_the_module_cuts_them() {
        let split = |line: &str| -> Vec<String> {
            split_line(line.as_bytes())
                .iter()
                .map(|word| String::from_utf8_lossy(unquoted(word)).into_owned())
                .collect()
        };
        assert_eq!(split("^/ws  ws://b/ws [P]"), ["^/ws", "ws://b/ws", "[P]"]);
        assert_eq!(split(r"^/a\ b '/c d' [L,R=301] more"), [r"^/a\ b", "/c d", "[L,R=301]"]);
        assert_eq!(split(r#""a\"b" c"#), [r"a\", r#"b""#, "c"]);
        assert_eq!(split(r#"a "open end"#), ["a", "open end"]);
    }

    #[test]
    fn one_word_is_too_few_unless_it_is_quoted() {
        assert_eq!(words(&[b"^/ws"]), None);
        assert_eq!(words(&[b"\"^/ws"]), None);
        assert_eq!(words(&[b"\"^/ws\""]), Some(Words { first: b"^/ws", second: b"", flags: None }));
        assert_eq!(words(&[]), None);
    }
}
