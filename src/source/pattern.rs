//! Include patterns, as glob(3) expands them for a server: `*`, `?` and `[...]`, byte by byte, in byte order.
//! Knows nothing of which directive asks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::files::{Files, Found, ReadError};

/// Whether nginx treats this as a pattern rather than the name of one file.
pub fn is_pattern(path: &[u8]) -> bool {
    memchr::memchr3(b'*', b'?', b'[', path).is_some()
}

/// A file that a pattern matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub path: PathBuf,
    /// Known not to be a symbolic link, nor reached through a pattern above its directory.
    pub plain: bool,
}

/// Everything an absolute pattern matches, sorted bytewise as in the C locale; `Err` is the number of matches
/// when there are more than `limit`. Names that begin with a dot match only a pattern that does. A directory that may not
/// be listed stays in with the rest of the pattern, so that reading it tells why: the server's user may be one who may.
/// A symbolic link that leads nowhere matches, and it is for the server to fail on it.
pub fn expand(files: &dyn Files, pattern: &Path, limit: usize) -> Result<Vec<Match>, usize> {
    let mut found = vec![Match { path: PathBuf::from("/"), plain: true }];
    let mut components = pattern.components().skip(1).peekable();
    while let Some(component) = components.next() {
        let component = component.as_os_str().as_bytes();
        let last = components.peek().is_none();
        if !is_pattern(component) {
            for place in &mut found {
                place.path.push(OsStr::from_bytes(component));
            }
            if last && found.len() > 1 {
                found.retain(|place| files.look(&place.path) != Found::Nothing);
            }
            continue;
        }
        let mut next = Vec::new();
        for place in &found {
            let entries = match files.list(&place.path) {
                Ok(entries) => entries,
                Err(ReadError::NotFound) => continue,
                Err(_) => {
                    next.push(Match { path: place.path.join(OsStr::from_bytes(component)), plain: false });
                    continue;
                }
            };
            let mut matching: Vec<_> =
                entries.into_iter().filter(|entry| matches(component, entry.name.as_bytes())).collect();
            matching.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            next.extend(matching.into_iter().map(|entry| Match {
                path: place.path.join(&entry.name),
                plain: last && found.len() == 1 && !entry.symlink,
            }));
            if next.len() > limit {
                return Err(next.len());
            }
        }
        found = next;
    }
    Ok(found)
}

/// Whether one path component matches, by glob(3)'s rules without flags.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    // The last `*` and how much of the name it has eaten: where to go back to, never further than once per byte.
    let mut star: Option<(usize, usize)> = None;
    let (mut p, mut n) = (0, 0);
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, n));
            p += 1;
        } else if let Some(used) = one(&pattern[p..], name[n]) {
            p += used;
            n += 1;
        } else if let Some((after, eaten)) = star {
            star = Some((after, eaten + 1));
            (p, n) = (after, eaten + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// How many pattern bytes match `byte`, if the pattern's first element does.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => match class(rest, byte) {
            Some((true, used)) => Some(used + 1),
            Some((false, _)) => None,
            None => (byte == b'[').then_some(1),
        },
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// A bracket expression after its `[`: whether it holds the byte, and its length; None where it never closes.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let first = at;
    let mut held = false;
    loop {
        match pattern.get(at)? {
            b']' if at > first => return Some((held != negated, at + 1)),
            &low => {
                let range = (pattern.get(at + 1) == Some(&b'-')).then(|| pattern.get(at + 2)).flatten();
                match range {
                    Some(&high) if high != b']' => {
                        held |= (low..=high).contains(&byte);
                        at += 3;
                    }
                    _ => {
                        held |= low == byte;
                        at += 1;
                    }
                }
            }
        }
    }
}

/// Bytes of a pattern that somebody else's matcher may be given, and its braces: those go as deep as they are nested.
const MAX_PATTERN: usize = 4096;
const MAX_BRACES: usize = 64;

/// Whether a glob pattern is one that a person would write.
pub fn is_moderate(pattern: &str) -> bool {
    pattern.len() <= MAX_PATTERN && memchr::memchr_iter(b'{', pattern.as_bytes()).count() <= MAX_BRACES
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    #[test]
    fn components_match_as_glob_does() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            (".*", ".a", true),
            ("*", "b.conf~", true),
            ("[ab].conf", "b.conf", true),
            ("[!a]", "a", false),
            ("[a-c]x", "bx", true),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("a*b*c", "a123b4c", true),
            ("a?c", "ac", false),
            ("{a,b}", "a", false),
            ("\\*", "*", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn matches_come_in_byte_order() {
        let files = Memory::default().with("/e/a.conf", "").with("/e/B.conf", "").with("/e/10.conf", "");
        let found = expand(&files, Path::new("/e/*.conf"), 10).expect("few");
        let paths: Vec<_> = found.iter().map(|m| m.path.to_str().unwrap_or_default()).collect();
        assert_eq!(paths, ["/e/10.conf", "/e/B.conf", "/e/a.conf"]);
        assert_eq!(expand(&files, Path::new("/e/*.conf"), 2), Err(3));
    }
}
