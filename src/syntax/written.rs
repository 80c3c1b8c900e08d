//! Where a word stands, and what of its bytes is worth knowing without looking again. Knows neither grammar.

use super::Bytes;

/// A word's place. The highest bits of `end` say whether the server stores it as it is written, as it does almost
/// every word, whether it holds a placeholder, and whose grammar unescapes it: asking that once spares looking each
/// time. Files are far smaller than those bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) start: u32,
    end: u32,
}

/// What of a byte matters to a word that holds it.
const BACKSLASH: u8 = 1;
/// A placeholder may begin with it.
const MARK: u8 = 2;
const CAPITAL: u8 = 4;
/// It ends an unquoted word of nginx's, or needs a second look inside one.
pub(super) const STOP: u8 = 8;

pub(super) const TRAITS: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = match i as u8 {
            b'\\' => BACKSLASH | STOP,
            b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => STOP,
            b'$' | b'_' | b'@' | b'%' | b'<' => MARK,
            b'A'..=b'Z' => CAPITAL,
            _ => 0,
        };
        i += 1;
    }
    table
};

/// All that the bytes of a word are.
fn traits(raw: &[u8]) -> u8 {
    raw.iter().fold(0, |seen, &byte| seen | TRAITS[byte as usize])
}

impl Written {
    const PLAIN: u32 = 1 << 31;
    const PLACEHOLDER: u32 = 1 << 30;
    const APACHE: u32 = 1 << 29;

    /// `raw` is the word as it is written; whether it is quoted is for the parser to say.
    pub(super) fn new(bytes: Bytes, raw: &[u8], quoted: bool) -> Self {
        match quoted {
            true => Self::with(bytes, raw, traits(raw) | BACKSLASH),
            false => Self::bare(bytes, raw, traits(raw)),
        }
    }

    /// A word without quotes, whose bytes have these traits; bytes behind a backslash need not have been looked at.
    pub(super) fn bare(bytes: Bytes, raw: &[u8], seen: u8) -> Self {
        let seen = if seen & BACKSLASH == 0 { seen } else { traits(raw) };
        Self::with(bytes, raw, seen)
    }

    #[inline]
    pub(super) fn with(bytes: Bytes, raw: &[u8], seen: u8) -> Self {
        let plain = seen & BACKSLASH == 0;
        // Hardly any word has both.
        let perhaps = seen & (MARK | CAPITAL) == MARK | CAPITAL;
        let flags = if plain { Self::PLAIN } else { 0 }
            | if perhaps && has_placeholder(raw) { Self::PLACEHOLDER } else { 0 };
        Self { start: bytes.start, end: bytes.end | flags }
    }

    pub(super) fn bytes(self) -> Bytes {
        Bytes { start: self.start, end: self.end & !(Self::PLAIN | Self::PLACEHOLDER | Self::APACHE) }
    }

    /// The same word, read by httpd's grammar.
    pub(super) fn of_apache(self) -> Self {
        Self { end: self.end | Self::APACHE, ..self }
    }

    pub(super) fn is_apache(self) -> bool {
        self.end & Self::APACHE != 0
    }

    pub(super) fn is_plain(self) -> bool {
        self.end & Self::PLAIN != 0
    }

    pub(super) fn has_placeholder(self) -> bool {
        self.end & Self::PLACEHOLDER != 0
    }
}

/// Pairs around a name in capitals that a tool replaces before the server reads it: envsubst's `${NAME}`, and
/// what scripts with `sed` use.
const PLACEHOLDERS: [(&[u8], &[u8]); 5] =
    [(b"${", b"}"), (b"__", b"__"), (b"@", b"@"), (b"%", b"%"), (b"<", b">")];

/// Whether a name to be replaced stands in the word. Nobody writes nginx's own variables in capitals and braces.
fn has_placeholder(word: &[u8]) -> bool {
    PLACEHOLDERS.iter().any(|(open, close)| {
        memchr::memmem::find_iter(word, open).any(|at| {
            // `(?<NAME>...)` is a group of a regular expression.
            if *open == b"<" && at > 0 && matches!(word[at - 1], b'?' | b'P') {
                return false;
            }
            let name = &word[at + open.len()..];
            let len = memchr::memmem::find(name, close).unwrap_or(0);
            len > 1
                && name[0].is_ascii_uppercase()
                && name[..len]
                    .iter()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::has_placeholder;

    #[test]
    fn placeholders_are_names_in_capitals_between_marks() {
        for word in [
            "${WS_TIMEOUT}s",
            "\"${PORT}\"",
            "__PATH__/",
            "http://@HOST@:80",
            "%TIMEOUT%",
            "http://<HOST>:<PORT>",
        ] {
            assert!(has_placeholder(word.as_bytes()), "{word}");
        }
        for word in [
            "${http_upgrade}",
            "$HTTP_UPGRADE",
            "@BACKEND",
            "__init__",
            "/A_B",
            "%Y%m",
            "${}",
            "__",
            "(?<ID>a)",
            "<Location>",
        ] {
            assert!(!has_placeholder(word.as_bytes()), "{word}");
        }
    }
}
