//! Which location takes a URI. Knows no phase.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use super::session::Session;
use super::{Followed, Tracer, Unknown};
use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names;
use crate::effective::regex::Pattern;
use crate::tree::NodeRef;

/// What a search finds.
pub(super) struct Found {
    /// None: the server itself handles the request.
    pub(super) block: Option<BlockId>,
    /// The URI lacks only the slash at the end of this location's name, and it proxies.
    pub(super) redirect: bool,
    pub(super) why: &'static str,
}

/// How a location is written.
enum Matcher<'t> {
    Exact(Cow<'t, [u8]>),
    Prefix { path: Cow<'t, [u8]>, no_regex: bool },
    Regex { pattern: Cow<'t, [u8]>, caseless: bool },
    Named(Cow<'t, [u8]>),
}

/// How deep locations may lie in one another; the grammar follows no more blocks than this.
const MAX_DEPTH: usize = 1000;

/// A regular expression that matched: its groups, and their names.
pub(super) type Match = (Vec<Vec<u8>>, Vec<Option<String>>);

/// The location for the session's URI; what its regular expression matched is kept in the session.
pub(super) fn find(tracer: &Tracer, session: &Session, server: BlockId) -> Followed<Found> {
    let uri = session.uri.borrow().clone();
    let mut matched = None;
    let found = search(tracer, &uri, server, &mut matched)?;
    if let Some((groups, names)) = matched {
        session.matched(groups, &names);
    }
    Ok(found)
}

/// The location for a URI (`ngx_http_core_find_location`): an exact one, else the longest prefix and inside it the same
/// again, else regular expressions in order, the innermost level first.
pub(super) fn search(
    tracer: &Tracer,
    uri: &[u8],
    server: BlockId,
    matched: &mut Option<Match>,
) -> Followed<Found> {
    let found = |block, redirect, why| Ok(Found { block, redirect, why });
    let mut level = server;
    // The levels passed through whose regular expressions may still be asked.
    let mut levels = Vec::new();
    let mut longest = None;
    let with_slash = [uri, b"/"].concat();
    for _ in 0..MAX_DEPTH {
        let Some(inside) = tracer.level_inside(level) else { break };
        let step = prefix(tracer, &inside, uri, &with_slash)?;
        if !matches!(step, Step::Prefix { no_regex: true, .. }) && !inside.regexes.is_empty() {
            levels.push(inside);
        }
        match step {
            Step::Exact(block) => return found(Some(block), false, "exact match"),
            Step::Redirect(block) => return found(Some(block), true, "the path without its slash"),
            Step::Prefix { block, no_regex } => {
                longest = Some((block, no_regex));
                level = block;
            }
            Step::None => break,
        }
    }
    let unknown = || Unknown("a location's regular expression that was not evaluated".to_string());
    let mut asked = false;
    for level in levels.iter().rev() {
        for (block, regex) in &level.regexes {
            asked = true;
            if regex.is_out_of_question(uri) {
                continue;
            }
            let pattern = regex.compiled(tracer).ok_or_else(unknown)?;
            // Few match, and asking for the groups costs more than asking whether.
            if pattern.is_match(uri).ok_or_else(unknown)? {
                let groups = pattern.captures(uri).ok_or_else(unknown)?.unwrap_or_default();
                *matched = Some((groups, pattern.names().to_vec()));
                let nested = search(tracer, uri, *block, matched)?;
                return match nested.block {
                    Some(_) => Ok(nested),
                    None => found(Some(*block), false, "first regular expression that matches"),
                };
            }
        }
    }
    match longest {
        None => found(None, false, ""),
        Some((block, _)) if asked => {
            found(Some(block), false, "longest prefix, and no regular expression matches")
        }
        Some((block, true)) => found(Some(block), false, "longest prefix, `^~` forbids regular expressions"),
        Some((block, false)) => found(Some(block), false, "longest prefix"),
    }
}

enum Step {
    Exact(BlockId),
    Prefix { block: BlockId, no_regex: bool },
    Redirect(BlockId),
    None,
}

/// The locations directly in one block, indexed by how they are found. Sorted lists rather than hash tables: most
/// levels have a handful.
#[derive(Default)]
pub(super) struct Level<'t> {
    exact: Index<'t, BlockId>,
    /// With whether regular expressions are forbidden.
    prefixes: Index<'t, (BlockId, bool)>,
    regexes: Vec<(BlockId, Regex<'t>)>,
    named: Index<'t, BlockId>,
    /// A template fills in some of them.
    holes: bool,
}

/// A location's regular expression, compiled when a URI comes that it may match.
struct Regex<'t> {
    pattern: Cow<'t, [u8]>,
    caseless: bool,
    /// How many letters and digits every match ends with.
    end: usize,
    compiled: OnceCell<Option<Rc<Pattern>>>,
}

impl<'t> Regex<'t> {
    fn new(pattern: Cow<'t, [u8]>, caseless: bool) -> Self {
        let end = required_end(&pattern).len();
        Self { pattern, caseless, end, compiled: OnceCell::new() }
    }

    /// Whether it cannot match, by the byte alone that it begins with, or by its end: `\.php$` needs a dot, and `php`
    /// behind it.
    fn is_out_of_question(&self, uri: &[u8]) -> bool {
        let end = self.pattern.len().saturating_sub(1);
        let end = &self.pattern[end - self.end..end];
        // A `$` matches before a last line feed, too.
        let tail = uri.strip_suffix(b"\n").unwrap_or(uri);
        if tail.len() < end.len() || !tail[tail.len() - end.len()..].eq_ignore_ascii_case(end) {
            return true;
        }
        let [b'\\', byte @ (b'.' | b'/' | b'-' | b'_'), rest @ ..] = &*self.pattern else { return false };
        let optional = matches!(rest.first(), Some(b'?' | b'*' | b'{'));
        // Another branch may need something else.
        !optional && !has_branches(rest) && !uri.contains(byte)
    }

    fn compiled(&self, tracer: &Tracer) -> Option<&Pattern> {
        self.compiled.get_or_init(|| tracer.pattern(&self.pattern, self.caseless)).as_deref()
    }
}

/// What every match ends with, in one case or another: the letters and digits before the last `$`.
fn required_end(pattern: &[u8]) -> &[u8] {
    let Some(body) = pattern.strip_suffix(b"$") else { return b"" };
    let len = body.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let (before, end) = body.split_at(body.len() - len);
    // Behind a backslash letters mean something else, and `(?` may change what all the others mean.
    let changes = |pair: &[u8]| matches!(pair, b"\\Q" | b"(*");
    let options = memchr::memchr_iter(b'?', before)
        .any(|at| at > 0 && before[at - 1] == b'(' && before.get(at + 1) != Some(&b':'));
    match before.ends_with(b"\\") || options || before.windows(2).any(changes) || has_branches(pattern) {
        true => b"",
        false => end,
    }
}

/// Whether a `|` may stand outside all groups: where parentheses may be mere characters, any `|` counts.
fn has_branches(pattern: &[u8]) -> bool {
    let escaped = |pair: &[u8]| pair[0] == b'\\' && matches!(pair[1], b'(' | b')' | b'Q');
    if pattern.contains(&b'[') || pattern.windows(2).any(escaped) {
        return pattern.contains(&b'|');
    }
    let mut depth = 0_i32;
    pattern.iter().any(|byte| {
        depth += i32::from(*byte == b'(') - i32::from(*byte == b')');
        *byte == b'|' && depth <= 0
    })
}

/// Sorted by name; of equal ones the first that was written.
struct Index<'t, T>(Vec<(Cow<'t, [u8]>, T)>);

impl<T> Default for Index<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> Index<'_, T> {
    fn sort(&mut self) {
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|(b, _), (a, _)| a == b);
    }

    fn get(&self, name: &[u8]) -> Option<T> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok().map(|index| self.0[index].1)
    }
}

impl<'t> Level<'t> {
    fn new(tracer: &Tracer<'t>, block: BlockId) -> Self {
        let mut level = Self::default();
        let config = tracer.config;
        for block in config.children(block).filter(|&block| config.block(block).context == LOCATION) {
            let Some(node) = config.block(block).node else { continue };
            level.holes |= tracer.tree.directive(node).args().any(|word| word.is_hole());
            level.holes |= config.is_conditional(node);
            match matcher(tracer, node) {
                Some(Matcher::Exact(path)) => level.exact.0.push((path, block)),
                Some(Matcher::Prefix { path, no_regex }) => {
                    level.prefixes.0.push((path, (block, no_regex)));
                }
                Some(Matcher::Regex { pattern, caseless }) => {
                    level.regexes.push((block, Regex::new(pattern, caseless)));
                }
                Some(Matcher::Named(name)) => level.named.0.push((name, block)),
                None => {}
            }
        }
        level.exact.sort();
        level.prefixes.sort();
        level.named.sort();
        level
    }

    /// The longest prefix of a URI: what sorts before it and is none can only share a shorter one with it.
    fn longest(&self, uri: &[u8]) -> Option<(usize, BlockId, bool)> {
        let mut shared = uri;
        loop {
            let before = self.prefixes.0.partition_point(|(path, _)| **path <= *shared);
            let (path, (block, closed)) = self.prefixes.0.get(before.checked_sub(1)?)?;
            if uri.starts_with(path) {
                return Some((path.len(), *block, *closed));
            }
            let same = path.iter().zip(shared).take_while(|(a, b)| a == b).count();
            shared = &shared[..same];
        }
    }
}

impl<'t> Tracer<'t> {
    /// None where no location lies in the block, as in most.
    fn level_inside(&self, block: BlockId) -> Option<Rc<Level<'t>>> {
        self.config.children(block).next().map(|_| self.level(block))
    }

    fn level(&self, block: BlockId) -> Rc<Level<'t>> {
        if let Some(known) = self.levels.borrow().get(&block) {
            return known.clone();
        }
        let level = Rc::new(Level::new(self, block));
        self.levels.borrow_mut().insert(block, level.clone());
        level
    }
}

/// The static locations of one level (`ngx_http_core_find_static_location`).
fn prefix(tracer: &Tracer, level: &Level, uri: &[u8], with_slash: &[u8]) -> Followed<Step> {
    if level.holes {
        return Err(Unknown("a location that a template fills in".to_string()));
    }
    if let Some(block) = level.exact.get(uri) {
        return Ok(Step::Exact(block));
    }
    let best = level.longest(uri);
    let candidates = [level.exact.get(with_slash), level.prefixes.get(with_slash).map(|(block, _)| block)];
    let redirect = candidates.into_iter().flatten().find(|&block| redirects(tracer, block));
    Ok(match (best, redirect) {
        (Some((len, block, no_regex)), _) if len == uri.len() => Step::Prefix { block, no_regex },
        (_, Some(block)) => Step::Redirect(block),
        (Some((_, block, no_regex)), None) => Step::Prefix { block, no_regex },
        (None, None) => Step::None,
    })
}

/// Whether nginx answers the path without its slash by a redirect: only where a location ends with one and passes
/// requests on (`auto_redirect`).
fn redirects(tracer: &Tracer, block: BlockId) -> bool {
    [
        names::PROXY_PASS,
        names::FASTCGI_PASS,
        names::UWSGI_PASS,
        names::SCGI_PASS,
        names::GRPC_PASS,
        names::MEMCACHED_PASS,
    ]
    .into_iter()
    .any(|name| tracer.config.own(block, name).len() > 0)
}

/// The location of a server with this `@name`.
pub(super) fn named(tracer: &Tracer, server: BlockId, name: &[u8]) -> Option<BlockId> {
    tracer.level(server).named.get(name)
}

/// How a location is written (`ngx_http_core_location`): a modifier as a word of its own, or glued to the path.
fn matcher<'t>(tracer: &Tracer<'t>, node: NodeRef) -> Option<Matcher<'t>> {
    let directive = tracer.tree.directive(node);
    let first = directive.arg(0)?.value();
    let (modifier, path) = match directive.arg(1) {
        Some(path) => (first, path.value()),
        None => {
            let glued = [&b"~*"[..], b"^~", b"~", b"="].into_iter().find(|glued| first.starts_with(glued));
            match glued {
                Some(glued) => (Cow::Borrowed(glued), Cow::Owned(first[glued.len()..].to_vec())),
                None => (Cow::Borrowed(&b""[..]), first),
            }
        }
    };
    match &*modifier {
        b"=" => Some(Matcher::Exact(path)),
        b"^~" => Some(Matcher::Prefix { path, no_regex: true }),
        b"~" => Some(Matcher::Regex { pattern: path, caseless: false }),
        b"~*" => Some(Matcher::Regex { pattern: path, caseless: true }),
        b"" if path.starts_with(b"@") => Some(Matcher::Named(path)),
        b"" => Some(Matcher::Prefix { path, no_regex: false }),
        _ => None,
    }
}

/// The part of the URI that a location's `proxy_pass` replaces; None for a regular expression or a name.
pub(super) fn prefix_len(tracer: &Tracer, block: BlockId) -> Option<usize> {
    match matcher(tracer, tracer.config.block(block).node?)? {
        Matcher::Exact(path) | Matcher::Prefix { path, .. } => Some(path.len()),
        Matcher::Regex { .. } | Matcher::Named(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out_of_question(pattern: &str, uri: &str) -> bool {
        let regex = Regex::new(Cow::Borrowed(pattern.as_bytes()), false);
        regex.is_out_of_question(uri.as_bytes())
    }

    #[test]
    fn a_regular_expression_is_ruled_out_only_by_a_byte_it_needs() {
        assert!(out_of_question("\\.(css|js)$", "/ws/room"));
        assert!(!out_of_question("\\.(css|js)$", "/ws/app.js"));
        assert!(out_of_question("^/(a|b)/.*\\.(?:x)php$", "/a/b.ph"));
        assert!(!out_of_question("^/(a|b)/.*\\.php$", "/a/b.PHP") && !out_of_question("\\.php$", "/b.php\n"));
        for pattern in ["/a$|b$", "(?x)a #b$", "\\Qab$", "a\\w$", "a\\$", "(*UTF)b$", "[ab]|b$", "^/ws"] {
            assert_eq!(required_end(pattern.as_bytes()), b"", "{pattern}");
        }
        assert_eq!(required_end(b"\\.(a|b)php$"), b"php");
        for pattern in
            ["\\.css$|ws", "\\.?ws", "\\.*ws", "\\.{0,1}ws", "^/ws", ".php", "\\d", "\\.a[(]|ws", "\\.\\(|ws"]
        {
            assert!(!out_of_question(pattern, "/ws/room"), "{pattern}");
        }
    }
}
