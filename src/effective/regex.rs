//! Both servers' regular expressions: PCRE over bytes, with limits. Knows nothing of where they stand.

use hashbrown::HashMap;
use std::cell::RefCell;
use std::sync::Arc;

use pcre2::bytes::{Regex, RegexBuilder};

/// Steps a match may take before its outcome counts as unknown. nginx itself sets no limit beyond PCRE's own.
const LIMITS: &str = "(*LIMIT_MATCH=100000)(*LIMIT_DEPTH=10000)(*LIMIT_HEAP=20000)";

/// Patterns that are kept: virtual hosts repeat one another's rules, and compiling takes longer than matching.
const MAX_KEPT: usize = 1000;

type Compiled = Result<Pattern, NotCompiled>;

thread_local! {
    static HTTPD: RefCell<HashMap<(Vec<u8>, bool), Compiled>> = RefCell::default();
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Shared by all places that it is written at.
    regex: Arc<Regex>,
    /// `$` is meant to match at the very end only, which the engine's front door cannot be told.
    end_only: bool,
}

/// Why there is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCompiled {
    Invalid,
    /// Not UTF-8, so that only the server can tell.
    Unreadable,
}

/// The groups of a match, the whole first; a group that took no part is empty.
pub type Captures = Vec<Vec<u8>>;

impl Pattern {
    /// None where the pattern is not valid, or not UTF-8, which this engine's front door insists on.
    pub fn new(pattern: &[u8], caseless: bool) -> Option<Self> {
        let pattern = std::str::from_utf8(pattern).ok()?;
        let regex = RegexBuilder::new().caseless(caseless).build(&format!("{LIMITS}{pattern}")).ok()?;
        Some(Self { regex: Arc::new(regex), end_only: false })
    }

    /// As httpd compiles it (`ap_regcomp`): a dot matches a line's end too, `$` only the very end, and groups may
    /// share a name.
    pub fn httpd(pattern: &[u8], caseless: bool) -> Result<Self, NotCompiled> {
        let key = (pattern.to_vec(), caseless);
        if let Some(known) = HTTPD.with_borrow(|known| known.get(&key).cloned()) {
            return known;
        }
        let compiled = Self::compile_httpd(pattern, caseless);
        HTTPD.with_borrow_mut(|known| {
            if known.len() < MAX_KEPT {
                known.insert(key, compiled.clone());
            }
        });
        compiled
    }

    fn compile_httpd(pattern: &[u8], caseless: bool) -> Result<Self, NotCompiled> {
        let pattern = std::str::from_utf8(pattern).map_err(|_| NotCompiled::Unreadable)?;
        let mut builder = RegexBuilder::new();
        builder.caseless(caseless).dotall(true);
        let regex = builder
            .build(&format!("{LIMITS}{pattern}"))
            .or_else(|_| builder.build(&format!("{LIMITS}(?J){pattern}")))
            .map_err(|_| NotCompiled::Invalid)?;
        Ok(Self { regex: Arc::new(regex), end_only: pattern.contains('$') })
    }

    /// Groups that the pattern has, the whole not counted.
    pub fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// None where the limits were reached.
    pub fn is_match(&self, subject: &[u8]) -> Option<bool> {
        if self.is_beyond(subject) {
            return None;
        }
        self.regex.is_match(subject).ok()
    }

    /// The outer None where the limits were reached, the inner where nothing matches.
    pub fn captures(&self, subject: &[u8]) -> Option<Option<Captures>> {
        if self.is_beyond(subject) {
            return None;
        }
        let found = self.regex.captures(subject).ok()?;
        let group = |captures: &pcre2::bytes::Captures, index| {
            captures.get(index).map_or_else(Vec::new, |group| group.as_bytes().to_vec())
        };
        Some(found.map(|captures| (0..captures.len()).map(|index| group(&captures, index)).collect()))
    }

    /// The names of named groups, by group.
    pub fn names(&self) -> &[Option<String>] {
        self.regex.capture_names()
    }

    fn is_beyond(&self, subject: &[u8]) -> bool {
        self.end_only && subject.ends_with(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_blows_up_is_given_up() {
        let pattern = Pattern::new(b"^(a+)+$", false).expect("valid");
        assert_eq!(pattern.is_match(b"aaaa"), Some(true));
        assert_eq!(pattern.is_match(&[&[b'a'; 60][..], b"b"].concat()), None);
    }

    #[test]
    fn httpd_lets_a_dot_match_everything_and_groups_share_names() {
        let matches =
            |pattern: &[u8], subject: &[u8]| Pattern::httpd(pattern, false).expect("valid").is_match(subject);
        assert_eq!(matches(b"^a.b$", b"a\nb"), Some(true));
        assert_eq!(matches(b"^a$", b"a\n"), None);
        assert_eq!(matches(b"(?<x>a)|(?<x>b)", b"b"), Some(true));
        assert_eq!(Pattern::httpd(b"(", false).err(), Some(NotCompiled::Invalid));
        assert_eq!(Pattern::httpd(b"\xFF", false).err(), Some(NotCompiled::Unreadable));
    }

    #[test]
    fn bytes_that_are_not_utf8_can_be_matched() {
        let pattern = Pattern::new(b"^/(?<rest>.*)$", true).expect("valid");
        let captures = pattern.captures(b"/\xFFx").flatten().expect("matches");
        assert_eq!(captures, [b"/\xFFx".to_vec(), b"\xFFx".to_vec()]);
        assert_eq!(pattern.names()[1].as_deref(), Some("rest"));
    }
}
