//! URIs as nginx takes them apart and puts them together. Knows no request.

/// Path and query.
pub(super) fn split(target: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'?', target) {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, b""),
    }
}

/// The path decoded, `//` merged, `.` and `..` resolved (`ngx_http_parse_complex_uri` with `merge_slashes on`).
pub(super) fn normalized(path: &[u8]) -> Vec<u8> {
    let decoded = decoded(path);
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut parts = decoded.split(|&byte| byte == b'/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            b"" | b"." if !last => {}
            b"." => segments.push(b""),
            b".." => {
                segments.pop();
                if last {
                    segments.push(b"");
                }
            }
            part => segments.push(part),
        }
    }
    let mut out = Vec::with_capacity(decoded.len());
    for segment in segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if out.is_empty() { b"/".to_vec() } else { out }
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                out.push((hex(high).unwrap_or(0) * 16 + hex(low).unwrap_or(0)) as u8);
                after
            }
            _ => {
                out.push(*byte);
                after
            }
        };
    }
    out
}

/// Percent-encoded for a request line (`NGX_ESCAPE_URI`: space, `#`, `%`, `?`, control characters, bytes from 0x7f).
pub(super) fn escaped(path: &[u8]) -> Vec<u8> {
    encode(path, |byte| matches!(byte, 0..=b' ' | b'#' | b'%' | b'?' | 0x7f..))
}

/// The same for the argument part, where more has a meaning (`NGX_ESCAPE_ARGS`).
pub(super) fn escaped_args(args: &[u8]) -> Vec<u8> {
    encode(args, |byte| matches!(byte, 0..=b' ' | b'#' | b'%' | b'&' | b'+' | b';' | b'?' | 0x7f..))
}

fn encode(bytes: &[u8], is_special: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if is_special(byte) {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            out.push(byte);
        }
    }
    out
}

/// A host without the port behind it.
pub(super) fn without_port(authority: &[u8]) -> &[u8] {
    let end = match memchr::memrchr(b']', authority) {
        Some(bracket) => bracket + 1,
        None => memchr::memchr(b':', authority).unwrap_or(authority.len()),
    };
    let host = &authority[..end];
    host.strip_suffix(b".").unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized_as_nginx_does() {
        for (path, expected) in [
            ("/ws", "/ws"),
            ("/", "/"),
            ("//a///b/", "/a/b/"),
            ("/a/./b/../c", "/a/c"),
            ("/a/..", "/"),
            ("/a/b/.", "/a/b/"),
            ("/a%20b%2Fc", "/a b/c"),
            ("/a%zz", "/a%zz"),
        ] {
            assert_eq!(String::from_utf8_lossy(&normalized(path.as_bytes())), expected, "{path}");
        }
    }

    #[test]
    fn hosts_lose_their_port_and_final_dot() {
        assert_eq!(without_port(b"a.test:80"), b"a.test");
        assert_eq!(without_port(b"[::1]:80"), b"[::1]");
        assert_eq!(without_port(b"a.test."), b"a.test");
    }
}
