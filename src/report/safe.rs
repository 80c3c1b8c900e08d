//! Text from a configuration, made fit for a terminal. Knows no format.

use std::borrow::Cow;

/// Control characters (escape sequences above all), and the characters that turn the direction of text, replaced
/// by U+FFFD; tabs and line feeds stay.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        text.chars()
            .map(|c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c })
            .collect::<String>()
            .into()
    } else {
        text.into()
    }
}

fn is_unsafe(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_get_through() {
        assert_eq!(safe("a\x1b[31mb\tc\u{9b}d\u{202e}"), "a\u{fffd}[31mb\tc\u{fffd}d\u{fffd}");
        assert!(matches!(safe("plain"), Cow::Borrowed(_)));
    }
}
