//! Which requests a section is for: `<Location>`, `<Directory>`, `<Files>` and their like (`ap_location_walk`,
//! `ap_directory_walk`). Knows no directive inside.

use std::borrow::Cow;

use crate::effective::regex::Pattern;
use crate::syntax::Directive;

/// What a section's argument asks of a path.
#[derive(Debug)]
pub enum Matcher {
    /// The path, and what lies below it.
    Prefix(Vec<u8>),
    /// A shell pattern, whose `*` matches no `/`.
    Wildcard(Vec<u8>),
    Regex(Pattern),
    /// A template's, or a regular expression that cannot be compiled here.
    Unknown,
}

impl Matcher {
    /// Whether the argument is a regular expression, and the argument: `~` is a word before it.
    pub fn words(directive: Directive) -> Option<(bool, Cow<[u8]>)> {
        let name = directive.name();
        let named = name.last_chunk().is_some_and(|end: &[u8; 5]| end.eq_ignore_ascii_case(b"match"));
        let first = directive.arg(0)?.value();
        match directive.arg(1) {
            Some(second) if *first == *b"~" => Some((true, second.value())),
            _ => Some((named, first)),
        }
    }

    pub fn new(directive: Directive) -> Self {
        if directive.args().any(|word| word.is_hole()) {
            return Self::Unknown;
        }
        match Self::words(directive) {
            None => Self::Unknown,
            Some((true, pattern)) => Pattern::httpd(&pattern, false).map_or(Self::Unknown, Self::Regex),
            Some((false, path)) if path.iter().any(|byte| b"*?[".contains(byte)) => {
                Self::Wildcard(path.into_owned())
            }
            Some((false, path)) => Self::Prefix(path.into_owned()),
        }
    }

    /// Whether it is for a path; None where that is not known.
    pub fn matches(&self, path: &[u8]) -> Option<bool> {
        Some(match self {
            Self::Prefix(prefix) => is_below(path, prefix),
            Self::Wildcard(pattern) => wildcard_matches(pattern, path),
            Self::Regex(pattern) => pattern.is_match(path)?,
            Self::Unknown => return None,
        })
    }

    /// How many directories deep what it names lies; none for a regular expression.
    pub fn depth(&self) -> Option<usize> {
        match self {
            Self::Prefix(path) | Self::Wildcard(path) => {
                Some(path.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty()).count())
            }
            Self::Regex(_) | Self::Unknown => None,
        }
    }

    /// Whether it names exactly this directory, whose path ends in a slash.
    pub fn is_directory(&self, directory: &[u8]) -> bool {
        let slashed = |path: &[u8]| [path.strip_suffix(b"/").unwrap_or(path), b"/"].concat();
        match self {
            Self::Prefix(path) => slashed(path) == directory,
            Self::Wildcard(pattern) => wildcard_matches(&slashed(pattern), directory),
            Self::Regex(_) | Self::Unknown => false,
        }
    }
}

/// What `<If>` is given: all its words, as one quoted word or not.
pub fn expression(directive: Directive) -> Vec<u8> {
    match directive.arg_count() {
        1 => directive.arg(0).map(|word| word.value().into_owned()).unwrap_or_default(),
        _ => directive.args().map(|word| word.raw().to_vec()).collect::<Vec<_>>().join(&b' '),
    }
}

/// A prefix ends where a segment does.
fn is_below(path: &[u8], prefix: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(prefix) else { return false };
    prefix.last() == Some(&b'/') || rest.first().is_none_or(|&byte| byte == b'/')
}

/// `apr_fnmatch` with APR_FNM_PATHNAME: segment by segment, so that as many must be there.
fn wildcard_matches(pattern: &[u8], path: &[u8]) -> bool {
    let mut patterns = pattern.split(|&byte| byte == b'/');
    let mut segments = path.split(|&byte| byte == b'/');
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) if glob(pattern, segment) => {}
            _ => return false,
        }
    }
}

/// One segment; a leading dot is nothing special.
fn glob(pattern: &[u8], segment: &[u8]) -> bool {
    let hidden = segment.first() == Some(&b'.');
    match hidden && pattern.first() != Some(&b'.') {
        // The shared matcher keeps hidden names for patterns that ask for them; here they are names like others.
        true => crate::source::pattern::matches(&[b".", pattern].concat(), &[b".", segment].concat()),
        false => crate::source::pattern::matches(pattern, segment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_at_segments() {
        assert!(is_below(b"/ws", b"/ws") && is_below(b"/ws/a", b"/ws") && is_below(b"/ws/", b"/ws/"));
        assert!(!is_below(b"/wsx", b"/ws") && !is_below(b"/ws", b"/ws/") && is_below(b"/x", b"/"));
    }

    #[test]
    fn wildcards_stay_in_their_segment() {
        assert!(wildcard_matches(b"/w*", b"/ws") && wildcard_matches(b"/*/ws", b"/.a/ws"));
        assert!(!wildcard_matches(b"/w*", b"/ws/a"));
    }
}
