//! Both servers' regular expressions: PCRE over bytes, with limits. Knows nothing of where they stand.

use hashbrown::HashMap;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};

use crate::parallel;
use pcre2::bytes::{Regex, RegexBuilder};

/// Steps that most matches don't take by far, and those that a match may take before its outcome counts as unknown.
/// nginx itself sets no limit beyond PCRE's own.
const FEW: &str = "(*LIMIT_MATCH=1000)(*LIMIT_DEPTH=1000)(*LIMIT_HEAP=20000)";
const MANY: &str = "(*LIMIT_MATCH=100000)(*LIMIT_DEPTH=10000)(*LIMIT_HEAP=20000)";

/// Matches of many steps in one run: thousands of patterns may meet thousands of paths.
const MAX_LONG: u32 = 500;

/// Bytes of a pattern, and of what it is matched with: neither server takes a longer line, or request.
const MAX_PATTERN: usize = 64 << 10;
const MAX_SUBJECT: usize = 16 << 10;

/// Patterns that are kept: virtual hosts repeat one another's rules, and compiling takes longer than matching.
const MAX_KEPT: usize = 1000;

type Compiled = Result<Pattern, NotCompiled>;

thread_local! {
    static HTTPD: RefCell<HashMap<(Vec<u8>, bool), Compiled>> = RefCell::default();
    static LONG: Cell<u32> = const { Cell::new(0) };
}

/// Forgets how long matching took so far, so that a run's answers depend on its input alone.
pub fn begin_run() {
    LONG.set(0);
}

/// Tasks on several threads, as `parallel::run`, which together may take as many long matches as one thread may. Where
/// they take more, one thread does all anew: which match is given up must not hang on who came first.
pub fn run<S, T: Send>(
    threads: usize,
    count: usize,
    state: impl Fn() -> S + Sync,
    task: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let ask = |threads| {
        begin_run();
        parallel::run(threads, count, &state, |state, index| {
            let before = LONG.get();
            let result = task(state, index);
            (result, LONG.get() - before)
        })
    };
    let mut done = ask(threads);
    if threads > 1 && done.iter().map(|(_, long)| long).sum::<u32>() > MAX_LONG {
        done = ask(1);
    }
    // What comes next begins anew, too, wherever this was asked.
    begin_run();
    done.into_iter().map(|(result, _)| result).collect()
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Gives up after a few steps. Shared by all places that it is written at.
    regex: Arc<Regex>,
    /// The same with more patience, and how it is made: few patterns ever need it.
    patient: Arc<(OnceLock<Option<Regex>>, RegexBuilder, String)>,
    /// `$` is meant to match at the very end only, which the engine's front door cannot be told.
    end_only: bool,
}

/// Why there is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCompiled {
    Invalid,
    /// Not UTF-8, or very long, so that only the server can tell.
    Unreadable,
}

/// The groups of a match, the whole first; a group that took no part is empty.
pub type Captures = Vec<Vec<u8>>;

impl Pattern {
    /// None where the pattern is not valid, or very long, or not UTF-8, which this engine's front door insists on.
    pub fn new(pattern: &[u8], caseless: bool) -> Option<Self> {
        let mut builder = RegexBuilder::new();
        builder.caseless(caseless);
        Self::build(readable(pattern).ok()?, &builder).ok()
    }

    fn build(pattern: &str, builder: &RegexBuilder) -> Result<Self, NotCompiled> {
        let regex = builder.build(&format!("{FEW}{pattern}")).map_err(|_| NotCompiled::Invalid)?;
        let patient = Arc::new((OnceLock::new(), builder.clone(), format!("{MANY}{pattern}")));
        Ok(Self { regex: Arc::new(regex), patient, end_only: false })
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
        let pattern = readable(pattern)?;
        let mut builder = RegexBuilder::new();
        builder.caseless(caseless).dotall(true);
        let built = Self::build(pattern, &builder);
        let built = built.or_else(|_| Self::build(&format!("(?J){pattern}"), &builder))?;
        Ok(Self { end_only: pattern.contains('$'), ..built })
    }

    /// Groups that the pattern has, the whole not counted.
    pub fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// None where the limits were reached.
    pub fn is_match(&self, subject: &[u8]) -> Option<bool> {
        self.ask(subject, |regex| regex.is_match(subject).ok())
    }

    /// The outer None where the limits were reached, the inner where nothing matches.
    pub fn captures(&self, subject: &[u8]) -> Option<Option<Captures>> {
        let group = |captures: &pcre2::bytes::Captures, index| {
            captures.get(index).map_or_else(Vec::new, |group| group.as_bytes().to_vec())
        };
        self.ask(subject, |regex| {
            let found = regex.captures(subject).ok()?;
            Some(found.map(|captures| (0..captures.len()).map(|index| group(&captures, index)).collect()))
        })
    }

    /// What `matched` says within the limits.
    fn ask<T>(&self, subject: &[u8], matched: impl Fn(&Regex) -> Option<T>) -> Option<T> {
        if self.is_beyond(subject) {
            return None;
        }
        matched(&self.regex).or_else(|| {
            LONG.set(LONG.get() + 1);
            if LONG.get() > MAX_LONG {
                return None;
            }
            let (patient, builder, pattern) = &*self.patient;
            patient.get_or_init(|| builder.build(pattern).ok()).as_ref().and_then(matched)
        })
    }

    /// The names of named groups, by group.
    pub fn names(&self) -> &[Option<String>] {
        self.regex.capture_names()
    }

    fn is_beyond(&self, subject: &[u8]) -> bool {
        subject.len() > MAX_SUBJECT || (self.end_only && subject.ends_with(b"\n"))
    }
}

fn readable(pattern: &[u8]) -> Result<&str, NotCompiled> {
    let pattern = std::str::from_utf8(pattern).map_err(|_| NotCompiled::Unreadable)?;
    if pattern.len() <= MAX_PATTERN { Ok(pattern) } else { Err(NotCompiled::Unreadable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_blows_up_is_given_up() {
        let pattern = Pattern::new(b"^(a+)+$", false).expect("valid");
        assert_eq!(pattern.is_match(b"aaaa"), Some(true));
        let long = [&[b'a'; 60][..], b"b"].concat();
        for pattern in [pattern, Pattern::httpd(b"^(a+)+$", false).expect("valid")] {
            assert_eq!(pattern.is_match(&long), None);
            assert_eq!(pattern.captures(&long), None);
        }
    }

    #[test]
    fn only_so_many_matches_of_a_run_may_take_long() {
        let pattern = Pattern::new(b"^(a+)+$", false).expect("valid");
        let rather_long = b"aaaaaaaaaaaab";
        begin_run();
        let answers: Vec<_> = (0..=MAX_LONG).map(|_| pattern.is_match(rather_long)).collect();
        assert_eq!((answers[0], answers[MAX_LONG as usize]), (Some(false), None));
        assert_eq!(pattern.is_match(b"aaa"), Some(true));
        begin_run();
        assert_eq!(pattern.is_match(rather_long), Some(false));
    }

    #[test]
    fn what_would_take_much_room_is_not_compiled_and_not_matched() {
        let large = b"((x{1000}){1000}){100}";
        assert!(Pattern::new(large, false).is_none());
        assert_eq!(Pattern::httpd(large, false).err(), Some(NotCompiled::Invalid));
        let long = [&b"(?#"[..], &[b'x'; MAX_PATTERN], b")a"].concat();
        assert!(Pattern::new(&long, false).is_none());
        assert_eq!(Pattern::httpd(&long, false).err(), Some(NotCompiled::Unreadable));
        let anything = Pattern::new(b"a*[bc]", false).expect("valid");
        assert_eq!(anything.is_match(&[b'a'; MAX_SUBJECT + 1]), None);
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

    #[test]
    fn which_match_is_given_up_does_not_hang_on_the_threads() {
        let pattern = Pattern::new(b"^/ws(a+)+[bc]", false).expect("valid");
        let ask = |threads, count| {
            run(threads, count, || (), |(), _| pattern.is_match(b"/wsaaaaaaaaaaaa"))
                .into_iter()
                .flatten()
                .count()
        };
        for count in [100, MAX_LONG as usize + 200] {
            let known = ask(1, count);
            assert_eq!((known, ask(3, count)), (count.min(MAX_LONG as usize), known));
        }
    }
}
