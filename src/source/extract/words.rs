//! What stands for a tag in a word, and lines that are one placeholder. Knows bytes only.

/// A tag as it stands in a word: what could end the word is an ellipsis.
pub fn shown(tag: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(tag.len() + 6);
    let mut gap = false;
    for &byte in tag {
        let is_kept = byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if is_kept {
            shown.push(byte);
        } else if !gap {
            shown.extend_from_slice("…".as_bytes());
        }
        gap = !is_kept;
    }
    shown
}

/// An expression that is one string: how templates write braces.
pub fn literal(content: &[u8]) -> Option<&[u8]> {
    let (&quote, rest) = content.split_first()?;
    let inner = rest.strip_suffix(&[quote])?;
    let plain = matches!(quote, b'"' | b'\'' | b'`') && !inner.contains(&quote) && !inner.contains(&b'\\');
    plain.then_some(inner)
}

/// `...`: something is left out.
pub fn is_gap(line: &[u8]) -> bool {
    matches!(line, b"..." | b"[...]" | b"...;") || line == "…".as_bytes()
}

/// `${NAME}`, `__NAME__`, `@NAME@`, `%NAME%`, `<NAME>` and nothing else.
pub fn is_placeholder(line: &[u8]) -> bool {
    if is_gap(line) {
        return true;
    }
    const MARKS: [(&[u8], &[u8]); 6] =
        [(b"${", b"}"), (b"__", b"__"), (b"@", b"@"), (b"%%", b"%%"), (b"%", b"%"), (b"<", b">")];
    MARKS.iter().any(|(open, close)| {
        let name = line.strip_prefix(*open).and_then(|rest| rest.strip_suffix(*close));
        name.is_some_and(|name| {
            name.len() > 1
                && name[0].is_ascii_uppercase()
                && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
        })
    })
}

/// Whether some line is one placeholder and no more.
pub fn has_placeholder_line(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').any(|line| is_placeholder(line.trim_ascii()))
}
