//! Which location takes a URI. Knows no phase.

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
    pub(super) why: String,
}

/// How a location is written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Matcher {
    Exact(Vec<u8>),
    Prefix { path: Vec<u8>, no_regex: bool },
    Regex { pattern: Vec<u8>, caseless: bool },
    Named(Vec<u8>),
}

/// How deep locations may lie in one another; the grammar follows no more blocks than this.
const MAX_DEPTH: usize = 1000;

/// The location for the session's URI (`ngx_http_core_find_location`): an exact one, else the longest prefix and
/// inside it the same again, else regular expressions in order, the innermost level first.
pub(super) fn find(tracer: &Tracer, session: &Session, server: BlockId) -> Followed<Found> {
    let uri = session.uri.borrow().clone();
    let mut level = server;
    // The levels passed through, each with whether its regular expressions may still be asked.
    let mut levels: Vec<(BlockId, bool)> = Vec::new();
    let mut found = Found { block: None, redirect: false, why: String::new() };
    for _ in 0..MAX_DEPTH {
        let step = prefix(tracer, level, &uri)?;
        match step {
            Step::Exact(block) => return Ok(Found { block: Some(block), redirect: false, why: "exact match".to_string() }),
            Step::Redirect(block) => {
                return Ok(Found { block: Some(block), redirect: true, why: "the path without its slash".to_string() });
            }
            Step::Prefix { block, no_regex } => {
                levels.push((level, !no_regex));
                found = Found { block: Some(block), redirect: false, why: "longest prefix".to_string() };
                if no_regex {
                    found.why += ", `^~` forbids regular expressions";
                }
                level = block;
            }
            Step::None => {
                levels.push((level, true));
                break;
            }
        }
    }
    let mut asked = 0;
    while let Some((level, open)) = levels.pop() {
        if !open {
            continue;
        }
        for (block, pattern, caseless) in regexes(tracer, level) {
            asked += 1;
            let Some(pattern) = Pattern::new(&pattern, caseless) else {
                return Err(Unknown("a location's regular expression that was not evaluated".to_string()));
            };
            match pattern.captures(&uri) {
                Some(Some(groups)) => {
                    session.matched(groups, pattern.names());
                    let why = "first regular expression that matches".to_string();
                    return inside_regex(tracer, session, block, why);
                }
                Some(None) => {}
                None => return Err(Unknown("a location's regular expression that was not evaluated".to_string())),
            }
        }
    }
    if asked > 0 && found.block.is_some() {
        found.why += ", and no regular expression matches";
    }
    Ok(found)
}

/// Locations nested in one that a regular expression chose.
fn inside_regex(tracer: &Tracer, session: &Session, block: BlockId, why: String) -> Followed<Found> {
    let nested = find_nested(tracer, session, block)?;
    match nested.block {
        Some(_) => Ok(nested),
        None => Ok(Found { block: Some(block), redirect: false, why }),
    }
}

fn find_nested(tracer: &Tracer, session: &Session, block: BlockId) -> Followed<Found> {
    if locations(tracer, block).next().is_none() {
        return Ok(Found { block: None, redirect: false, why: String::new() });
    }
    find(tracer, session, block)
}

enum Step {
    Exact(BlockId),
    Prefix { block: BlockId, no_regex: bool },
    Redirect(BlockId),
    None,
}

/// The static locations of one level.
fn prefix(tracer: &Tracer, level: BlockId, uri: &[u8]) -> Followed<Step> {
    let mut best: Option<(usize, BlockId, bool)> = None;
    let mut redirect = None;
    for (block, node) in locations(tracer, level) {
        let directive = tracer.tree.directive(node);
        if directive.args().any(|word| word.is_hole()) {
            return Err(Unknown("a location that a template fills in".to_string()));
        }
        match matcher(tracer, node) {
            Some(Matcher::Exact(path)) if path == uri => return Ok(Step::Exact(block)),
            Some(Matcher::Exact(path)) if is_without_slash(uri, &path) && redirects(tracer, block) => {
                redirect.get_or_insert(block);
            }
            Some(Matcher::Prefix { path, no_regex }) => {
                if uri.starts_with(&path) {
                    if best.is_none_or(|(len, ..)| path.len() > len) {
                        best = Some((path.len(), block, no_regex));
                    }
                } else if is_without_slash(uri, &path) && redirects(tracer, block) {
                    redirect.get_or_insert(block);
                }
            }
            _ => {}
        }
    }
    Ok(match (best, redirect) {
        (Some((len, block, no_regex)), _) if len == uri.len() => Step::Prefix { block, no_regex },
        (_, Some(block)) => Step::Redirect(block),
        (Some((_, block, no_regex)), None) => Step::Prefix { block, no_regex },
        (None, None) => Step::None,
    })
}

fn is_without_slash(uri: &[u8], path: &[u8]) -> bool {
    path.len() == uri.len() + 1 && path.ends_with(b"/") && path.starts_with(uri)
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

/// The locations directly in a block, in order.
fn locations<'t>(tracer: &'t Tracer, level: BlockId) -> impl Iterator<Item = (BlockId, NodeRef)> + 't {
    let config = tracer.config;
    config
        .children(level)
        .filter(move |&block| config.block(block).context == LOCATION)
        .filter_map(move |block| Some((block, config.block(block).node?)))
}

fn regexes(tracer: &Tracer, level: BlockId) -> Vec<(BlockId, Vec<u8>, bool)> {
    locations(tracer, level)
        .filter_map(|(block, node)| match matcher(tracer, node) {
            Some(Matcher::Regex { pattern, caseless }) => Some((block, pattern, caseless)),
            _ => None,
        })
        .collect()
}

/// The location of a server with this `@name`.
pub(super) fn named(tracer: &Tracer, server: BlockId, name: &[u8]) -> Option<BlockId> {
    let is_named = |node| matches!(matcher(tracer, node), Some(Matcher::Named(known)) if known == name);
    locations(tracer, server).find(|&(_, node)| is_named(node)).map(|(block, _)| block)
}

/// How a location is written (`ngx_http_core_location`): a modifier as a word of its own, or glued to the path.
fn matcher(tracer: &Tracer, node: NodeRef) -> Option<Matcher> {
    let directive = tracer.tree.directive(node);
    let first = directive.arg(0)?.value().into_owned();
    let second = directive.arg(1).map(|word| word.value().into_owned());
    let (modifier, path): (&[u8], Vec<u8>) = match second {
        Some(path) => (&first, path),
        None => {
            let len = [&b"~*"[..], b"^~", b"~", b"="].iter().find(|glued| first.starts_with(glued)).map_or(0, |glued| glued.len());
            (&first[..len], first[len..].to_vec())
        }
    };
    match modifier {
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
