//! `Redirect` and its like: of a server before its files are looked for, of a section then and once more behind the
//! access checks (`try_redirect`, `try_alias_list`). Knows nothing of what maps a path otherwise.

use super::mapping::{prefix_match, substitute};
use super::{Go, Outcome, Session};
use crate::effective::BlockId;
use crate::effective::apache::names;
use crate::effective::regex::Pattern;
use crate::syntax::{Directive, NameId};
use crate::tree::NodeRef;

const REDIRECTS: [NameId; 4] =
    [names::REDIRECT, names::REDIRECT_MATCH, names::REDIRECT_PERMANENT, names::REDIRECT_TEMP];

/// A line that redirects, or answers with another status.
struct Redirect {
    status: u16,
    /// A path, or a regular expression; none for a line that redirects all that its section is for.
    from: Option<Vec<u8>>,
    is_match: bool,
    to: Option<Vec<u8>>,
}

impl Redirect {
    /// None for another directive, and for a line that only the server's test refuses (`add_redirect_internal`).
    fn new(name: NameId, directive: Directive, in_section: bool) -> Option<Self> {
        let (is_match, unwritten) = match name {
            names::REDIRECT | names::REDIRECT_TEMP => (false, 302),
            names::REDIRECT_PERMANENT => (false, 301),
            names::REDIRECT_MATCH => (true, 302),
            _ => return None,
        };
        let mut words: Vec<Vec<u8>> = directive.args().map(|word| word.value().into_owned()).collect();
        let written = match words.first()?.to_ascii_lowercase().as_slice() {
            b"permanent" => Some(301),
            b"temp" => Some(302),
            b"seeother" => Some(303),
            b"gone" => Some(410),
            word if word[0].is_ascii_digit() => {
                u16::try_from(crate::effective::apache::values::leading_number(word)).ok()
            }
            _ => None,
        };
        if written.is_some() {
            words.remove(0);
        }
        let status = written.unwrap_or(unwritten);
        let leads_on = (300..400).contains(&status);
        let (from, to) = match (&mut words[..], leads_on) {
            ([from, to], _) => (Some(std::mem::take(from)), Some(std::mem::take(to))),
            ([to], true) if in_section => (None, Some(std::mem::take(to))),
            ([from], false) => (Some(std::mem::take(from)), None),
            ([], false) if in_section => (None, None),
            _ => return None,
        };
        Some(Self { status, from, is_match, to })
    }
}

impl Session<'_> {
    /// A section's line for all it is for, then the lines of the virtual host and of the main server.
    pub(super) fn redirect_before_mapping(&self, levels: &[BlockId]) -> Go {
        self.redirect_all()?;
        levels.iter().try_for_each(|&level| self.redirect_paths(level, false))
    }

    /// The same for sections, behind the access checks.
    pub(super) fn redirect_in_sections(&self) -> Go {
        self.redirect_all()?;
        self.sections.iter().rev().try_for_each(|&block| self.redirect_paths(block, true))
    }

    /// What the last section with such a line redirects as a whole.
    fn redirect_all(&self) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let lines =
            self.sections.iter().rev().flat_map(|&block| config.any_of(block, &REDIRECTS).into_iter().rev());
        for entry in lines {
            let directive = tree.directive(entry.node);
            let Some(redirect) = Redirect::new(entry.name, directive, true) else { continue };
            if directive.args().any(|word| word.is_hole()) {
                return Err(Outcome::unknown("a redirect that a template completes", Some(entry.node)));
            }
            if redirect.from.is_none() {
                return Err(self.answered(redirect.status, entry.node, redirect.to));
            }
        }
        Ok(())
    }

    /// The first line whose path takes this one.
    fn redirect_paths(&self, level: BlockId, in_section: bool) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        for entry in config.any_of(level, &REDIRECTS) {
            let directive = tree.directive(entry.node);
            let Some(redirect) = Redirect::new(entry.name, directive, in_section) else { continue };
            if directive.args().any(|word| word.is_hole()) {
                return Err(Outcome::unknown("a redirect that a template completes", Some(entry.node)));
            }
            let Some(from) = redirect.from else { continue };
            let location = match redirect.is_match {
                true => {
                    let groups =
                        Pattern::httpd(&from, false).ok().and_then(|pattern| pattern.captures(&self.path));
                    match groups {
                        None => {
                            return Err(Outcome::unknown(
                                "a regular expression that was not evaluated",
                                Some(entry.node),
                            ));
                        }
                        Some(None) => continue,
                        Some(Some(groups)) => redirect.to.map(|to| substitute(&to, &groups)),
                    }
                }
                false => match prefix_match(&self.path, &from) {
                    None => continue,
                    Some(len) => redirect.to.map(|to| [&to[..], &self.path[len..]].concat()),
                },
            };
            return Err(self.answered(redirect.status, entry.node, location));
        }
        Ok(())
    }

    fn answered(&self, status: u16, at: NodeRef, location: Option<Vec<u8>>) -> Outcome {
        let is_target = |to: &[u8]| to.starts_with(b"/") || is_url(to);
        if (300..400).contains(&status) && !location.as_deref().is_some_and(is_target) {
            return Outcome::answered(500, "the server redirects to what is no URL", Some(at));
        }
        let query = self.query.as_ref().map(|query| [b"?", &query[..]].concat()).unwrap_or_default();
        let location = location.map(|location| match location.contains(&b'?') {
            true => location,
            false => [location, query].concat(),
        });
        Outcome::Answered {
            status: Some(status),
            why: format!("the server answers {status}"),
            at: Some(at),
            location,
        }
    }
}

/// `ap_is_url`
pub(super) fn is_url(text: &[u8]) -> bool {
    let scheme = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    scheme > 0 && text.get(scheme) == Some(&b':')
}
