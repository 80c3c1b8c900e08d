//! Both servers' regular expressions: PCRE over bytes, with limits. Knows nothing of where they stand.

use pcre2::bytes::{Regex, RegexBuilder};

/// Steps a match may take before its outcome counts as unknown. nginx itself sets no limit beyond PCRE's own.
const LIMITS: &str = "(*LIMIT_MATCH=100000)(*LIMIT_DEPTH=10000)(*LIMIT_HEAP=20000)";

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// The groups of a match, the whole first; a group that took no part is empty.
pub type Captures = Vec<Vec<u8>>;

impl Pattern {
    /// None where the pattern is not valid, or not UTF-8, which this engine's front door insists on.
    pub fn new(pattern: &[u8], caseless: bool) -> Option<Self> {
        let pattern = std::str::from_utf8(pattern).ok()?;
        RegexBuilder::new().caseless(caseless).build(&format!("{LIMITS}{pattern}")).ok().map(Self)
    }

    /// None where the limits were reached.
    pub fn is_match(&self, subject: &[u8]) -> Option<bool> {
        self.0.is_match(subject).ok()
    }

    /// The outer None where the limits were reached, the inner where nothing matches.
    pub fn captures(&self, subject: &[u8]) -> Option<Option<Captures>> {
        let found = self.0.captures(subject).ok()?;
        let group = |captures: &pcre2::bytes::Captures, index| {
            captures.get(index).map_or_else(Vec::new, |group| group.as_bytes().to_vec())
        };
        Some(found.map(|captures| (0..captures.len()).map(|index| group(&captures, index)).collect()))
    }

    /// The names of named groups, by group.
    pub fn names(&self) -> &[Option<String>] {
        self.0.capture_names()
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
    fn bytes_that_are_not_utf8_can_be_matched() {
        let pattern = Pattern::new(b"^/(?<rest>.*)$", true).expect("valid");
        let captures = pattern.captures(b"/\xFFx").flatten().expect("matches");
        assert_eq!(captures, [b"/\xFFx".to_vec(), b"\xFFx".to_vec()]);
        assert_eq!(pattern.names()[1].as_deref(), Some("rest"));
    }
}
