//! From a word as it is written to the value nginx stores. Knows nothing of directives.

use std::borrow::Cow;

/// The value of a word (`ngx_conf_read_token`): the quotes around it removed, `\"`, `\'` and `\\` replaced by
/// the character, `\t`, `\r` and `\n` by the control character; any other backslash stays.
pub fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    let inner = match raw {
        [quote @ (b'"' | b'\''), inner @ ..] => inner.strip_suffix(&[*quote]).unwrap_or(inner),
        _ => raw,
    };
    let Some(first) = inner.iter().position(|&byte| byte == b'\\') else { return Cow::Borrowed(inner) };
    let mut value = inner[..first].to_vec();
    let mut rest = &inner[first..];
    loop {
        rest = match rest {
            [b'\\', escaped @ (b'"' | b'\'' | b'\\'), rest @ ..] => {
                value.push(*escaped);
                rest
            }
            [b'\\', b't', rest @ ..] => {
                value.push(b'\t');
                rest
            }
            [b'\\', b'r', rest @ ..] => {
                value.push(b'\r');
                rest
            }
            [b'\\', b'n', rest @ ..] => {
                value.push(b'\n');
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_values_that_nginx_stores() {
        for (raw, value) in [
            ("a\\;b", "a\\;b"),
            ("\"a'b\"", "a'b"),
            ("a'b", "a'b"),
            ("\"\\$host\"", "\\$host"),
            ("\\#a", "\\#a"),
            ("\\\"a", "\"a"),
            ("a\\{b", "a\\{b"),
            ("'a\\'b'", "a'b"),
            ("a\\tb", "a\tb"),
            ("\"a\\\\\"", "a\\"),
            ("'#x'", "#x"),
            ("\"\"", ""),
        ] {
            assert_eq!(unescape(raw.as_bytes()), value.as_bytes(), "{raw}");
        }
    }
}
