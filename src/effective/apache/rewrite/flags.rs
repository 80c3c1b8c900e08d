//! Flags in brackets, as `RewriteRule` and `RewriteCond` write them. Knows no flag.

/// The flags of a field, each with its value, which is empty where none is given.
///
/// # Errors
/// In the server's words, without the directive's name.
pub(super) fn flags(field: &[u8]) -> Result<Vec<(&[u8], &[u8])>, String> {
    let inner = match field {
        [b'[', inner @ .., b']'] => inner,
        _ => return Err("bad flag delimiters".to_string()),
    };
    let flag = |part| {
        let part: &[u8] = <[u8]>::trim_ascii(part);
        match memchr::memchr(b'=', part) {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, &b""[..]),
        }
    };
    Ok(inner.split(|&byte| byte == b',').map(flag).collect())
}

pub(super) fn unknown(flag: &[u8]) -> String {
    format!("unknown flag '{}'", String::from_utf8_lossy(flag))
}
