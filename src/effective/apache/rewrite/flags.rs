//! Flags in brackets, as `RewriteRule` and `RewriteCond` write them. Knows no flag.

pub(super) struct Flag<'a> {
    pub(super) name: &'a [u8],
    /// Empty where none is given.
    pub(super) value: &'a [u8],
}

/// The flags of a field.
///
/// # Errors
/// In the server's words, without the directive's name.
pub(super) fn flags(field: &[u8]) -> Result<Vec<Flag<'_>>, String> {
    let inner = match field {
        [b'[', inner @ .., b']'] => inner,
        _ => return Err("bad flag delimiters".to_string()),
    };
    let flag = |part| {
        let part: &[u8] = <[u8]>::trim_ascii(part);
        match memchr::memchr(b'=', part) {
            Some(at) => Flag { name: &part[..at], value: &part[at + 1..] },
            None => Flag { name: part, value: b"" },
        }
    };
    Ok(inner.split(|&byte| byte == b',').map(flag).collect())
}

pub(super) fn unknown(flag: &[u8]) -> String {
    format!("unknown flag '{}'", String::from_utf8_lossy(flag))
}
