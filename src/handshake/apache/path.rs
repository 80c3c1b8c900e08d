//! The path of a request as the server stores it: decoded, without `.` and `..` (`ap_normalize_path`,
//! `ap_unescape_url_ex`). Knows not what it stands for.

use super::{Go, Outcome, Session};
use crate::effective::apache::names;
use crate::tree::NodeRef;

/// What becomes of `%2F` in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EncodedSlashes {
    Forbidden,
    Decoded,
    Kept,
}

impl Session<'_> {
    /// What the request line asks for, as the server stores it.
    pub(super) fn read_target(&mut self) -> Go {
        self.read_path()?;
        self.decode_path()
    }

    /// The path without what needs no escape, and without `.` and `..`.
    pub(super) fn read_path(&mut self) -> Go {
        let (path, query) = match self.written.iter().position(|&byte| byte == b'?') {
            Some(at) => (&self.written[..at], Some(self.written[at + 1..].to_vec())),
            None => (&self.written[..], None),
        };
        let Some(path) = without_needless_escapes(path) else {
            return Err(Outcome::answered(400, "the path holds a `%` that begins no escape", None));
        };
        self.query = query;
        self.normalize(&path)
    }

    fn normalize(&mut self, path: &[u8]) -> Go {
        if !path.starts_with(b"/") {
            return Err(Outcome::answered(400, "the path does not begin with a slash", None));
        }
        let merge = self.tracer.config.in_force(self.server, names::MERGE_SLASHES);
        let merges = self.tracer.config.flag(self.tracer.tree, merge).unwrap_or(true);
        let normal = normal_path(path, merges);
        self.path = normal.ok_or_else(|| Outcome::answered(400, "the path leads above the root", None))?;
        Ok(())
    }

    pub(super) fn decode_path(&mut self) -> Go {
        let (setting, encoded) = self.encoded_slashes();
        let mut decoded = Vec::with_capacity(self.path.len());
        let mut rest = &self.path[..];
        while let [byte, after @ ..] = rest {
            let escape = rest.get(..3);
            rest = after;
            if *byte != b'%' {
                decoded.push(*byte);
                continue;
            }
            let digits = escape.and_then(|escape| std::str::from_utf8(&escape[1..]).ok());
            let Some(value) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                return Err(Outcome::answered(400, "the path holds a `%` that begins no escape", None));
            };
            rest = &after[2..];
            match value {
                0 => return Err(Outcome::answered(404, "the path holds an escaped NUL", None)),
                b'/' if setting == EncodedSlashes::Kept => decoded.extend(escape.unwrap_or_default()),
                b'/' if setting == EncodedSlashes::Decoded => decoded.push(b'/'),
                b'/' => {
                    let why = "`%2F` in the path: AllowEncodedSlashes is off";
                    return Err(Outcome::answered(404, why, encoded));
                }
                value => decoded.push(value),
            }
        }
        match setting {
            EncodedSlashes::Decoded => self.normalize(&decoded),
            _ => {
                self.path = decoded;
                Ok(())
            }
        }
    }

    /// `AllowEncodedSlashes`, and where it is written: a virtual host does not inherit it.
    pub(super) fn encoded_slashes(&self) -> (EncodedSlashes, Option<NodeRef>) {
        let config = self.tracer.config;
        let node = config.last(config.server(self.server).block, names::ALLOW_ENCODED_SLASHES);
        let word = node.and_then(|node| self.tracer.tree.directive(node).arg(0));
        let setting = match word.map(|word| word.value().to_ascii_lowercase()).as_deref() {
            Some(b"nodecode") => EncodedSlashes::Kept,
            Some(b"on") => EncodedSlashes::Decoded,
            _ => EncodedSlashes::Forbidden,
        };
        (setting, node)
    }
}

/// Letters, digits and `-._~` need no escape; None where a `%` begins none.
fn without_needless_escapes(path: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        let value = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
            out.push(value);
            rest = &after[2..];
        } else {
            out.push(b'%');
        }
    }
    Some(out)
}

/// Without `.` and `..` segments, and with one slash for several if they are merged; None where it leads above the
/// root (`ap_normalize_path`).
fn normal_path(path: &[u8], merge: bool) -> Option<Vec<u8>> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let parts: Vec<&[u8]> = path.strip_prefix(b"/").unwrap_or(path).split(|&byte| byte == b'/').collect();
    let last = parts.len() - 1;
    for (index, part) in parts.into_iter().enumerate() {
        match part {
            b"" if index < last && merge => {}
            b"." if index == last => segments.push(b""),
            b"." => {}
            b".." => {
                segments.pop()?;
                if index == last {
                    segments.push(b"");
                }
            }
            part => segments.push(part),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_normal() {
        let normal = |path: &str| {
            normal_path(path.as_bytes(), true).map(|path| String::from_utf8(path).expect("text"))
        };
        assert_eq!(normal("/a//b/./c/../d").as_deref(), Some("/a/b/d"));
        assert_eq!(normal("/a/b/..").as_deref(), Some("/a/"));
        assert_eq!(normal("/ws/").as_deref(), Some("/ws/"));
        assert_eq!(normal("/../x"), None);
    }

    #[test]
    fn needless_escapes_are_taken_away() {
        assert_eq!(without_needless_escapes(b"/%77s%2F%20"), Some(b"/ws%2F%20".to_vec()));
        assert_eq!(without_needless_escapes(b"/%zz"), None);
        assert_eq!(without_needless_escapes(b"/%7"), None);
    }
}
