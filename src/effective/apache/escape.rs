//! How httpd percent-encodes and decodes. Knows no request.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `%xx`, in httpd's lower case.
pub fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// A path, or a query, as it may stand in a URL (`ap_escape_uri`).
pub fn escape_uri(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte.is_ascii_alphanumeric() || b"$-_.+!*'(),:;@&=/~".contains(&byte) {
            true => out.push(byte),
            false => push_escaped(&mut out, byte),
        }
    }
    out
}

/// A path as mod_proxy sends it on (`ap_proxy_canonenc_ex`). `keeps_slashes`: an escaped slash stays as it is; then a
/// `%` that begins no escape is refused.
pub fn escape_for_backend(path: &[u8], keeps_slashes: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, behind @ ..]) if keeps_slashes => {
                let value = hex(*high)? << 4 | hex(*low)?;
                match value {
                    b'/' => {
                        out.extend([b'%', *high, *low]);
                        rest = behind;
                    }
                    _ => out.extend(*b"%25"),
                }
            }
            (b'%', _) if keeps_slashes => return None,
            (byte, _) if byte.is_ascii_alphanumeric() || b"/~$-_.+!*'(),;:@&=".contains(byte) => {
                out.push(*byte);
            }
            (byte, _) => out.extend(format!("%{byte:02X}").into_bytes()),
        }
    }
    Some(out)
}

/// Decoded, with whether every escape was sound and stood for a byte other than zero and those of `forbidden`
/// (`unescape_url`); those of `reserved` stay encoded. A zero byte ends the text.
pub fn unescape(text: &[u8], forbidden: &[u8], reserved: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len());
    let mut sound = true;
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        let decoded = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match decoded {
            Some(decoded) if decoded != 0 && reserved.contains(&decoded) => {
                out.extend_from_slice(&[b'%', after[0], after[1]]);
                rest = &after[2..];
            }
            Some(decoded) => {
                sound &= decoded != 0 && !forbidden.contains(&decoded);
                out.push(decoded);
                rest = &after[2..];
            }
            None => {
                sound &= *byte != b'%';
                out.push(*byte);
            }
        }
    }
    if let Some(end) = memchr::memchr(0, &out) {
        out.truncate(end);
    }
    (out, sound)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_escaped_in_lower_case() {
        assert_eq!(escape_uri(b"/a b?c=\xC3%"), b"/a%20b%3fc=%c3%25");
    }

    #[test]
    fn paths_are_escaped_for_a_backend_in_upper_case() {
        assert_eq!(escape_for_backend(b"/a b?%2F", false), Some(b"/a%20b%3F%252F".to_vec()));
        assert_eq!(escape_for_backend(b"/a%2f%20b", true), Some(b"/a%2f%2520b".to_vec()));
        assert_eq!(escape_for_backend(b"/a%", true), None);
    }

    #[test]
    fn broken_and_forbidden_escapes_are_told() {
        assert_eq!(unescape(b"/a%20b", b"/", b""), (b"/a b".to_vec(), true));
        assert_eq!(unescape(b"/a%2Fb", b"/", b""), (b"/a/b".to_vec(), false));
        assert_eq!(unescape(b"/a%2Fb", b"", b"/"), (b"/a%2Fb".to_vec(), true));
        assert_eq!(unescape(b"%zz%4", b"", b""), (b"%zz%4".to_vec(), false));
        assert_eq!(unescape(b"a%00b", b"", b""), (b"a".to_vec(), false));
    }
}
