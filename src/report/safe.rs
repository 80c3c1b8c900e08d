//! Text from a configuration, made fit for a terminal. Knows no format.

use std::borrow::Cow;

/// Control characters (escape sequences above all), characters that turn the direction of text, those that end a line
/// without being a line feed, and invisible ones, as escapes such as `\u{1b}`; tabs and line feeds stay.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out.into()
}

/// The same on one line, so that nothing looks like a line of ours.
pub fn line(text: &str) -> Cow<'_, str> {
    match safe(text) {
        text if text.contains(['\n', '\t']) => text.replace(['\n', '\t'], " ").into(),
        text => text,
    }
}

pub(super) fn is_unsafe(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control() && c != '\n' && c != '\t';
    }
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_get_through() {
        let hostile = "a\x1b[31mb\tc\u{9b}d\u{202e}\u{2028}\r\u{7f}\0\n";
        assert_eq!(safe(hostile), "a\\u{1b}[31mb\tc\\u{9b}d\\u{202e}\\u{2028}\\r\\u{7f}\\u{0}\n");
        assert_eq!(line("a\n\tb\r"), "a  b\\r");
        for plain in ["plain", "grüße\u{200d} 日本 \u{fffd}"] {
            assert!(matches!(safe(plain), Cow::Borrowed(_)), "{plain}");
        }
    }
}
