//! What a `RewriteRule` says. Knows no request.

use super::{Pattern, flags, line};

/// What a substitution does to the query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queries {
    /// `[QSA]`: the old one follows the new one.
    pub append: bool,
    /// `[QSD]`: the old one is dropped.
    pub discard: bool,
    /// `[QSL]`: it begins at the last question mark, not at the first.
    pub last: bool,
    /// A question mark at the substitution's end: no query whatever is written.
    pub none: bool,
}

/// One `RewriteRule`.
#[derive(Clone, Debug)]
pub struct Rule {
    pub pattern: Pattern,
    /// The pattern must not match.
    pub negated: bool,
    /// Not yet expanded; a question mark at its end is gone.
    pub substitution: Vec<u8>,
    /// Nothing is substituted: `-`, or a flag that answers.
    pub keeps: bool,
    pub queries: Queries,
    /// `[P]`
    pub proxy: bool,
    /// `[R]`
    pub redirect: bool,
    /// `[F]`, `[G]`, `[R=404]`: the answer.
    pub answers: bool,
    /// The status of a redirect or an answer; zero where `[R=...]` gives none that is known.
    pub status: u16,
    /// `[PT]`
    pub pass_through: bool,
    /// `[L]`
    pub last: bool,
    /// `[END]`
    pub end: bool,
    /// `[C]`
    pub chain: bool,
    /// `[S]`: rules to leave out.
    pub skip: usize,
    /// `[N]`: begin again, up to so many rounds.
    pub next: Option<i64>,
    /// `[NE]`
    pub no_escape: bool,
    /// `[DPI]`
    pub discard_path_info: bool,
    /// `[NS]`
    pub not_inside: bool,
    /// `[UNC]`
    pub keeps_slashes: bool,
    /// `[UnsafePrefixStat]`
    pub any_prefix: bool,
    /// `[UnsafeAllow3F]`
    pub allows_question_mark: bool,
    pub escape: Option<Escape>,
    /// `[E]`, not yet expanded.
    pub environment: Vec<Vec<u8>>,
    /// `[H]`, not yet expanded.
    pub handler: Option<Vec<u8>>,
    /// `[T]`, not yet expanded.
    pub content_type: Option<Vec<u8>>,
}

/// How `[B]` and its like escape what a group holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escape {
    /// These only, where given.
    pub only: Option<Vec<u8>>,
    /// Never these.
    pub except: Vec<u8>,
    /// A space becomes `%20`, not `+`.
    pub no_plus: bool,
    /// Control characters and spaces, too.
    pub controls: bool,
}

impl Rule {
    /// What the raw words say (`cmd_rewriterule`).
    ///
    /// # Errors
    /// In the server's words.
    pub fn parse(words: &[&[u8]]) -> Result<Self, String> {
        let Some(line::Words { first: pattern, second: substitution, flags: field }) = line::words(words)
        else {
            let shown = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
            return Err(format!("RewriteRule: bad argument line '{shown}'"));
        };
        let mut rule = Self::bare();
        let mut caseless = false;
        let mut escape = Flagged::default();
        for flag in
            field.map_or(Ok(Vec::new()), flags::flags).map_err(|what| format!("RewriteRule: {what}"))?
        {
            rule.set(flag.name, flag.value, &mut caseless, &mut escape)
                .map_err(|what| format!("RewriteRule: {what}"))?;
        }
        rule.escape = escape.on.then_some(escape.how);
        let pattern = match pattern {
            [b'!', pattern @ ..] => {
                rule.negated = true;
                pattern
            }
            pattern => pattern,
        };
        rule.pattern = Pattern::compile("RewriteRule", pattern, caseless)?;
        rule.keeps |= substitution == b"-";
        rule.substitution = match substitution.strip_suffix(b"?") {
            Some(_) if rule.queries.append => {
                rule.queries.last = true;
                substitution.to_vec()
            }
            Some(bare) => {
                rule.queries.none = true;
                bare.to_vec()
            }
            None => {
                rule.queries.none = rule.queries.discard && !substitution.contains(&b'?');
                substitution.to_vec()
            }
        };
        Ok(rule)
    }

    fn bare() -> Self {
        Self {
            pattern: Pattern { text: Vec::new(), compiled: None },
            negated: false,
            substitution: Vec::new(),
            keeps: false,
            queries: Queries::default(),
            proxy: false,
            redirect: false,
            answers: false,
            status: 302,
            pass_through: false,
            last: false,
            end: false,
            chain: false,
            skip: 0,
            next: None,
            no_escape: false,
            discard_path_info: false,
            not_inside: false,
            keeps_slashes: false,
            any_prefix: false,
            allows_question_mark: false,
            escape: None,
            environment: Vec::new(),
            handler: None,
            content_type: None,
        }
    }

    fn set(
        &mut self,
        flag: &[u8],
        value: &[u8],
        caseless: &mut bool,
        escape: &mut Flagged,
    ) -> Result<(), String> {
        match flag.to_ascii_lowercase().as_slice() {
            b"b" | b"backrefescaping" => {
                escape.on = true;
                if !value.is_empty() {
                    escape.how.only = Some(value.to_vec());
                }
            }
            b"bne" if value.is_empty() => {
                return Err("flag 'BNE' wants a list of characters (i.e. [BNE=...])".to_string());
            }
            b"bne" => escape.how.except = value.to_vec(),
            b"bnp" | b"backrefernoplus" => escape.how.no_plus = true,
            b"bctls" => {
                escape.on = true;
                escape.how.controls = true;
            }
            b"c" | b"chain" => self.chain = true,
            b"co" | b"cookie" => {}
            b"e" | b"env" => self.environment.push(value.to_vec()),
            b"end" => self.end = true,
            b"f" | b"forbidden" => self.answer(403),
            b"g" | b"gone" => self.answer(410),
            b"h" | b"handler" => self.handler = Some(value.to_vec()),
            b"l" | b"last" => self.last = true,
            b"n" | b"next" => {
                let before = self.next.unwrap_or(MAX_ROUNDS);
                self.next = Some(if value.is_empty() { before } else { leading_number(value) });
            }
            b"nc" | b"nocase" => *caseless = true,
            b"ne" | b"noescape" => self.no_escape = true,
            b"ns" | b"nosubreq" => self.not_inside = true,
            b"p" | b"proxy" => self.proxy = true,
            b"pt" | b"passthrough" => self.pass_through = true,
            b"qsa" | b"qsappend" => self.queries.append = true,
            b"qsd" | b"qsdiscard" => self.queries.discard = true,
            b"qsl" | b"qslast" => self.queries.last = true,
            b"r" | b"redirect" => self.set_redirect(value)?,
            b"s" | b"skip" => self.skip = usize::try_from(leading_number(value)).unwrap_or(0),
            b"t" | b"type" => self.content_type = Some(value.to_vec()),
            b"unc" => self.keeps_slashes = true,
            b"unsafeallow3f" => self.allows_question_mark = true,
            b"unsafeprefixstat" => self.any_prefix = true,
            b"d" | b"dpi" | b"discardpath" => self.discard_path_info = true,
            // The server takes whatever else begins with this letter for nothing at all.
            [b'd', ..] => {}
            _ => return Err(flags::unknown(flag)),
        }
        Ok(())
    }

    fn answer(&mut self, status: u16) {
        self.answers = true;
        self.keeps = true;
        self.status = status;
    }

    fn set_redirect(&mut self, value: &[u8]) -> Result<(), String> {
        self.redirect = true;
        match value.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"permanent" => self.status = 301,
            b"temp" => self.status = 302,
            b"seeother" => self.status = 303,
            [b'0'..=b'9', ..] => {
                let status = u16::try_from(leading_number(value)).unwrap_or(0);
                if !is_status(status) {
                    let shown = String::from_utf8_lossy(value);
                    return Err(format!("invalid HTTP response code '{shown}' for flag 'R'"));
                }
                self.status = status;
                if !(300..400).contains(&status) {
                    self.answer(status);
                }
            }
            _ => self.status = 0,
        }
        Ok(())
    }
}

/// Rounds of `[N]` without a number (`REWRITE_MAX_ROUNDS`).
const MAX_ROUNDS: i64 = 32_000;

/// `[B]` and its like while they are read: the ones that only say how escape nothing.
#[derive(Default)]
struct Flagged {
    on: bool,
    how: Escape,
}

fn leading_number(value: &[u8]) -> i64 {
    crate::effective::apache::expr::number(value)
}

/// Whether the server has a line for this status (`status_lines`).
fn is_status(status: u16) -> bool {
    matches!(
        status,
        100..=102
            | 200..=208
            | 226
            | 300..=305
            | 307..=308
            | 400..=417
            | 421..=424
            | 426
            | 428..=429
            | 431
            | 451
            | 500..=508
            | 510..=511
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Rule, String> {
        Rule::parse(&super::super::split_line(line.as_bytes()))
    }

    #[test]
    fn flags_are_taken_by_either_name_in_any_case() {
        let rule = parse("^/ws(.*) ws://b/$1 '[p,Last, QSA ,NC,E=a:1,Env=b,B= ?,BNP]'").expect("sound");
        assert!(rule.proxy && rule.last && rule.queries.append && !rule.keeps);
        assert_eq!(rule.environment, [b"a:1".to_vec(), b"b".to_vec()]);
        let escape = Escape { only: Some(b" ?".to_vec()), no_plus: true, ..Escape::default() };
        assert_eq!(rule.escape, Some(escape));
    }

    #[test]
    fn a_question_mark_at_the_end_drops_the_query() {
        let rule = parse("^/a /b?").expect("sound");
        assert!(rule.queries.none && rule.substitution == b"/b");
        let rule = parse("^/a /b? [QSA]").expect("sound");
        assert!(rule.queries.last && !rule.queries.none && rule.substitution == b"/b?");
        assert!(parse("^/a /b [QSD]").is_ok_and(|rule| rule.queries.none));
        assert!(parse("^/a /b?c [QSD]").is_ok_and(|rule| !rule.queries.none));
    }

    #[test]
    fn redirects_that_are_none_answer() {
        let status = |line: &str| parse(line).map(|rule| (rule.status, rule.answers));
        assert_eq!(status("^/a /b [R]"), Ok((302, false)));
        assert_eq!(status("^/a /b [R=permanent]"), Ok((301, false)));
        assert_eq!(status("^/a /b [R=404]"), Ok((404, true)));
        assert_eq!(status("^/a - [F]"), Ok((403, true)));
        assert_eq!(
            status("^/a - [R=999]"),
            Err("RewriteRule: invalid HTTP response code '999' for flag 'R'".to_string())
        );
    }

    #[test]
    fn what_is_wrong_is_said_in_the_servers_words() {
        for (line, expected) in [
            ("^/a", "RewriteRule: bad argument line '^/a'"),
            ("^/a /b [P, L]", "RewriteRule: bad flag delimiters"),
            ("^/a /b P", "RewriteRule: bad flag delimiters"),
            ("^/a /b [P,Q]", "RewriteRule: unknown flag 'Q'"),
            ("^/a /b []", "RewriteRule: unknown flag ''"),
            ("^/a /b [OR]", "RewriteRule: unknown flag 'OR'"),
            ("^/a /b [BNE]", "RewriteRule: flag 'BNE' wants a list of characters (i.e. [BNE=...])"),
            ("^/(a /b", "RewriteRule: cannot compile regular expression '^/(a'"),
            ("!^/(a /b", "RewriteRule: cannot compile regular expression '^/(a'"),
        ] {
            assert_eq!(parse(line).err().as_deref(), Some(expected), "{line}");
        }
        assert!(parse("^/a /b '[P, L]'").is_ok() && parse("^/a /b [DX]").is_ok());
    }
}
