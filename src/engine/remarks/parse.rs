//! What a comment says to wslint: `# wslint: allow(rule-id) reason` and its kin. Knows the form alone, no rule by name, nor
//! what the remark is about.

use std::collections::HashSet;
use std::ops::Range;

/// What somebody says to wslint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// These rules are silent, for what follows or for the whole file.
    Allow { rules: Vec<Named>, whole_file: bool, reason: String },
    /// Whether the routes here are meant for WebSockets.
    Meant { for_websockets: bool },
}

/// A rule as it is named, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub id: String,
    /// Bytes of the comment.
    pub at: Range<usize>,
}

/// Why a remark is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// Bytes of the comment.
    pub at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// `# wslint allow(…)`
    NoColon,
    /// Nothing follows the colon.
    NoWord,
    /// None of `WORDS` follows it.
    UnknownWord(String),
    /// An allow without `(…)`, or one whose list has a gap.
    NoRule,
    /// The list has no `)`.
    NotClosed,
    NoReason,
    /// `websocket(…)`
    TakesNoRule(&'static str),
}

/// What may follow `wslint:`.
pub const WORDS: [&str; 4] = ["allow", "allow-file", "not-websocket", "websocket"];

const NAME: &[u8] = b"wslint";

/// Reads a comment, from its `#` on; None where it is not for wslint. Case does not matter, nor do blanks; a remark ends with
/// its line.
pub fn parse(comment: &[u8]) -> Option<Result<Remark, Problem>> {
    let hashes = comment.iter().take_while(|&&byte| byte == b'#').count();
    let start = hashes + blanks(&comment[hashes..]);
    // Of nearly every comment this is all that is looked at.
    if hashes == 0 || !comment.get(start..start + NAME.len())?.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let end = memchr::memchr2(b'\n', b'\r', comment).unwrap_or(comment.len());
    let end = end.max(start + NAME.len());
    let line = Line { bytes: comment[..end].trim_ascii_end(), start };
    let at = start + NAME.len();
    let at = at + blanks(&line.bytes[at..]);
    match line.bytes.get(at) {
        Some(b':') => Some(line.remark(at + 1)),
        // Prose may speak of wslint.
        _ => line.is_almost_remark(at).then(|| Err(line.problem(ProblemKind::NoColon, start..at))),
    }
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count()
}

/// The line of a comment, without white space at its end.
struct Line<'a> {
    bytes: &'a [u8],
    /// Where `wslint` stands.
    start: usize,
}

impl Line<'_> {
    fn remark(&self, after_colon: usize) -> Result<Remark, Problem> {
        let word = self.word(after_colon);
        let rest = word.end + blanks(&self.bytes[word.end..]);
        let has_list = self.bytes.get(rest) == Some(&b'(');
        let name = self.bytes[word.clone()].to_ascii_lowercase();
        match WORDS.into_iter().find(|known| known.as_bytes() == name) {
            Some("allow") => self.allow(word, rest, false),
            Some("allow-file") => self.allow(word, rest, true),
            Some(known) if has_list => Err(self.problem(ProblemKind::TakesNoRule(known), word)),
            Some(known) => Ok(Remark::Meant { for_websockets: known == "websocket" }),
            None if word.is_empty() && rest >= self.bytes.len() => {
                Err(self.problem(ProblemKind::NoWord, self.start..self.bytes.len()))
            }
            None => {
                let word = if word.is_empty() { word.start..self.bytes.len() } else { word };
                let written = String::from_utf8_lossy(&self.bytes[word.clone()]).into_owned();
                Err(self.problem(ProblemKind::UnknownWord(written), word))
            }
        }
    }

    fn allow(&self, word: Range<usize>, list: usize, whole_file: bool) -> Result<Remark, Problem> {
        if self.bytes.get(list) != Some(&b'(') {
            return Err(self.problem(ProblemKind::NoRule, word));
        }
        let Some(len) = memchr::memchr(b')', &self.bytes[list..]) else {
            return Err(self.problem(ProblemKind::NotClosed, word.start..self.bytes.len()));
        };
        let close = list + len;
        let mut rules: Vec<Named> = Vec::new();
        let mut seen = HashSet::new();
        let mut from = list + 1;
        for part in self.bytes[from..close].split(|&byte| byte == b',') {
            let name = part.trim_ascii();
            if name.is_empty() {
                return Err(self.problem(ProblemKind::NoRule, list..close + 1));
            }
            let start = from + part.len() - part.trim_ascii_start().len();
            let id = String::from_utf8_lossy(name).to_ascii_lowercase();
            if seen.insert(id.clone()) {
                rules.push(Named { id, at: start..start + name.len() });
            }
            from += part.len() + 1;
        }
        let reason = String::from_utf8_lossy(&self.bytes[close + 1..]);
        let reason = reason.trim_start_matches([' ', '\t', ':', '-', '–', '—']).trim();
        if !reason.chars().any(char::is_alphanumeric) {
            return Err(self.problem(ProblemKind::NoReason, word.start..close + 1));
        }
        Ok(Remark::Allow { rules, whole_file, reason: reason.to_string() })
    }

    /// The letters and dashes of the next word.
    fn word(&self, from: usize) -> Range<usize> {
        let start = from + blanks(&self.bytes[from..]);
        let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        start..start + self.bytes[start..].iter().take_while(is_letter).count()
    }

    /// Whether all that is missing of a remark is its colon.
    fn is_almost_remark(&self, from: usize) -> bool {
        let word = self.word(from);
        let rest = &self.bytes[word.end + blanks(&self.bytes[word.end..])..];
        let is = |known: &[u8]| self.bytes[word.clone()].eq_ignore_ascii_case(known);
        let is_separate =
            self.bytes[self.start + NAME.len()..].first().is_some_and(|byte| b" \t".contains(byte));
        let allows = (is(b"allow") || is(b"allow-file")) && rest.first() == Some(&b'(');
        is_separate && (allows || (rest.is_empty() && (is(b"websocket") || is(b"not-websocket"))))
    }

    fn problem(&self, kind: ProblemKind, at: Range<usize>) -> Problem {
        Problem { kind, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(comment: &str) -> (Vec<String>, bool, String) {
        match parse(comment.as_bytes()) {
            Some(Ok(Remark::Allow { rules, whole_file, reason })) => {
                for rule in &rules {
                    assert!(comment[rule.at.clone()].eq_ignore_ascii_case(&rule.id), "{comment}");
                }
                (rules.into_iter().map(|rule| rule.id).collect(), whole_file, reason)
            }
            other => panic!("{comment}: {other:?}"),
        }
    }

    #[test]
    fn an_allow_is_read_whatever_its_case_and_blanks() {
        for comment in [
            "# wslint: allow(syntax) old client",
            "#wslint:allow(syntax) old client",
            "##  WSLint :\tAllow ( Syntax )  old client \t",
            "# wslint: allow(syntax): old client",
            "# wslint: allow(syntax) -- old client\r",
            "# wslint: allow(syntax) — old client\nProxyPass",
            "# wslint: allow(syntax)old client",
        ] {
            assert_eq!(allowed(comment), (vec!["syntax".into()], false, "old client".into()), "{comment}");
        }
    }

    #[test]
    fn several_rules_and_whole_files_are_allowed() {
        let (rules, whole_file, reason) = allowed("# wslint: allow-file( a-b ,c, A-B) why (not)");
        assert_eq!(rules, ["a-b", "c"]);
        assert_eq!((whole_file, reason.as_str()), (true, "why (not)"));
    }

    #[test]
    fn routes_are_declared() {
        let meant = |for_websockets| Some(Ok(Remark::Meant { for_websockets }));
        for comment in ["# wslint: websocket", "#WSLINT:WebSocket", "# wslint: websocket the chat"] {
            assert_eq!(parse(comment.as_bytes()), meant(true), "{comment}");
        }
        assert_eq!(parse(b"# wslint: not-websocket\r"), meant(false));
    }

    #[test]
    fn other_comments_are_none_of_our_business() {
        for comment in [
            "",
            "#",
            "# wsli",
            "# wslint",
            "# wslint\n: allow(syntax) x",
            "# checked by wslint: yes",
            "# wslint is run in CI",
            "# wslint allow lists are in the manual",
            "# wslint websocket checks",
            "# wslinter: allow(syntax) x",
            "# wslint-allow(syntax) x",
            "wslint: allow(syntax) x",
        ] {
            assert_eq!(parse(comment.as_bytes()), None, "{comment}");
        }
    }

    #[test]
    fn what_is_meant_as_a_remark_and_is_none_is_told_where_it_goes_wrong() {
        use ProblemKind::*;
        for (comment, kind, at) in [
            ("# wslint allow(a) b", NoColon, "wslint "),
            ("# wslint not-websocket", NoColon, "wslint "),
            ("# wslint:  ", NoWord, "wslint:"),
            ("# wslint: alow(a) b", UnknownWord("alow".into()), "alow"),
            ("# wslint: (a) b", UnknownWord("(a) b".into()), "(a) b"),
            ("# wslint: websockets", UnknownWord("websockets".into()), "websockets"),
            ("# wslint: websocket(a)", TakesNoRule("websocket"), "websocket"),
            ("# wslint: allow a", NoRule, "allow"),
            ("# wslint: allow() a", NoRule, "()"),
            ("# wslint: allow(a,) b", NoRule, "(a,)"),
            ("# wslint: allow(a b", NotClosed, "allow(a b"),
            ("# wslint: allow(a\n) b", NotClosed, "allow(a"),
            ("# wslint: allow(a)", NoReason, "allow(a)"),
            ("# wslint: allow(a) -- \\\nb", NoReason, "allow(a)"),
        ] {
            let Some(Err(problem)) = parse(comment.as_bytes()) else { panic!("{comment}") };
            assert_eq!((problem.kind, &comment[problem.at]), (kind, at), "{comment}");
        }
    }
}
