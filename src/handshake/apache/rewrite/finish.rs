//! What the end of a list of rules means for the request. Knows no rule but the last.

use super::expand::known;
use super::state::{Settled, State, Target};
use super::{Context, Directory, Listed, Outcome, url};
use crate::effective::Value;
use crate::effective::apache::escape::escape_uri;
use crate::effective::apache::request::Request;
use crate::effective::apache::rewrite::Options;
use crate::tree::NodeRef;

/// `hook_uri2file` and `hook_fixup`, behind the list.
pub(super) fn outcome(state: &mut State, listed: Listed) -> Outcome {
    match listed {
        Listed::Same => Outcome::Unchanged,
        Listed::Unknown { why, at } => Outcome::Unknown { why, at },
        Listed::Answered { at, .. } if has_raw_query(state, true) => raw_query(at),
        Listed::Answered { status: 0, at, .. } => {
            Outcome::Unknown { why: "what an answer without a status comes to".to_string(), at }
        }
        Listed::Answered { status, why, at } => Outcome::Answered { status, why, at },
        Listed::Changed { at, escapes } => match state.target.clone() {
            Ok(target) => changed(state, target, at, escapes),
            Err(why) if state.passed_through => Outcome::Unknown { why, at },
            Err(why) => match state.settled {
                Settled::Nothing => Outcome::Unknown { why, at },
                Settled::Proxied { verbatim } => Outcome::Proxied { url: Value::Unknown(why), verbatim, at },
                Settled::Redirected { status } => Outcome::Redirected {
                    status: redirect_status(Some(status)),
                    location: Value::Unknown(why),
                    at,
                },
            },
        },
    }
}

fn changed(state: &mut State, target: Target, at: NodeRef, escapes: bool) -> Outcome {
    let scheme = if state.passed_through { None } else { url::scheme(&target.filename) };
    if has_raw_query(state, escapes) {
        return raw_query(at);
    }
    if !state.passed_through
        && let Some(url) = target.filename.strip_prefix(b"proxy:")
    {
        return proxied(state, url, &target, at, escapes);
    }
    if let Some((skip, _)) = scheme {
        return redirected(state, target, skip, at, escapes);
    }
    if state.status.is_some() {
        let why = "the status of a redirect that a later rule takes back".to_string();
        return Outcome::Unknown { why, at };
    }
    match state.input.context {
        Context::Server(_) if state.passed_through => Outcome::PassedThrough { path: target.filename, at },
        Context::Server(options) => local(state, target.filename, options, at),
        Context::Directory(directory) => restarted(state, target.filename, &directory, at),
    }
}

/// Whether the query holds what no request may hold, and is not about to be escaped.
fn has_raw_query(state: &State, escapes: bool) -> bool {
    state.target.as_ref().is_ok_and(|target| {
        let will_escape = escapes && !state.passed_through && url::scheme(&target.filename).is_some();
        let raw = |query: &Vec<u8>| query.iter().any(|&byte| byte <= b' ' || byte == 0x7f);
        !will_escape && target.query.as_ref().is_some_and(raw)
    })
}

fn raw_query(at: NodeRef) -> Outcome {
    let why = "the rewritten query holds a space or a control character".to_string();
    Outcome::Answered { status: 403, why, at }
}

fn proxied(state: &State, url: &[u8], target: &Target, at: NodeRef, escapes: bool) -> Outcome {
    let mut url = url.to_vec();
    if let Context::Server(_) = state.input.context {
        url.extend_from_slice(state.path_info);
    }
    if let Some(query) = target.query.as_ref().filter(|_| !escapes) {
        url.extend([b"?", &query[..]].concat());
    }
    Outcome::Proxied { url: Value::Known(url), verbatim: !escapes, at }
}

fn redirected(state: &State, target: Target, skip: usize, at: NodeRef, escapes: bool) -> Outcome {
    let Target { filename: mut url, query } = target;
    if let Context::Directory(Directory { path, base: Some(base), .. }) = state.input.context
        && let Some(slash) = memchr::memchr(b'/', &url[skip..])
        && let Some(path) =
            url::replaced(&url[skip + slash + 1..], path.strip_prefix(b"/").unwrap_or(path), &base[1..])
    {
        url.truncate(skip + slash + 1);
        url.extend(path);
    }
    if escapes {
        url = url::escaped(&url, skip);
    }
    if let Some(query) = query {
        let same = state.input.query == Some(&query[..]);
        let query = if same || !escapes { query } else { escape_uri(&query) };
        url.extend([b"?", &query[..]].concat());
    }
    Outcome::Redirected { status: redirect_status(state.status), location: Value::Known(url), at }
}

fn redirect_status(status: Option<u16>) -> u16 {
    status.filter(|status| (300..400).contains(status)).unwrap_or(302)
}

fn local(state: &State, path: Vec<u8>, options: Options, at: NodeRef) -> Outcome {
    if path.starts_with(b"/~") && path.get(2).is_some_and(|&byte| byte != b'/') {
        let why = "whose home directory a path with `~` names".to_string();
        return Outcome::Unknown { why, at };
    }
    if !path.starts_with(b"/") {
        return Outcome::Answered {
            status: 400,
            why: "the rewritten path does not begin with `/`".to_string(),
            at,
        };
    }
    let below_root = is_below_root(state, &path, options);
    Outcome::Local { path, below_root, at }
}

/// Whether the server looks for a path below its document root. It does not where the first directory is there on
/// the disk and the rule names it on purpose (`prefix_stat`).
fn is_below_root(state: &State, path: &[u8], options: Options) -> Option<bool> {
    if state.reduced && !options.legacy_prefix_docroot {
        return Some(true);
    }
    // However many slashes lead it.
    let name = path.split(|&byte| byte == b'/').find(|segment| !segment.is_empty()).unwrap_or_default();
    let first = &[b"/", name].concat()[..];
    let meant = options.unsafe_prefix_stat
        || state.last.is_some_and(|line| line.rule.any_prefix || line.rule.substitution.starts_with(first));
    let below = |name| match state.variable(name) {
        Value::Known(root) => Some(!root.is_empty() && path.starts_with(&root)),
        Value::Unknown(_) => None,
    };
    match (meant, below("DOCUMENT_ROOT"), below("CONTEXT_DOCUMENT_ROOT")) {
        (true, _, _) | (_, Some(true), _) | (_, _, Some(true)) => {
            if first == b"/" {
                Some(false)
            } else {
                // Nobody keeps pages in the root directory of a disk.
                let is_page = || name.contains(&b'.').then_some(true);
                state.file_test(b'e', first).map(|there| !there).or_else(is_page)
            }
        }
        (false, Some(false), Some(false)) => Some(true),
        _ => None,
    }
}

fn restarted(state: &State, path: Vec<u8>, directory: &Directory, at: NodeRef) -> Outcome {
    if !path.starts_with(b"/") {
        return Outcome::Answered {
            status: 400,
            why: "the rewritten path does not begin with `/`".to_string(),
            at,
        };
    }
    if path == state.input.filename {
        return Outcome::Unchanged;
    }
    match restart_path(state, &path, directory) {
        Ok(path) => Outcome::Restarted { path, at },
        Err(why) => Outcome::Unknown { why, at },
    }
}

/// The path of the URL that a file's path stands for: by `RewriteBase`, or below the document root.
fn restart_path(state: &State, path: &[u8], directory: &Directory) -> Result<Vec<u8>, String> {
    let replaced = match directory.base {
        Some(base) => url::replaced(path, directory.path, base),
        None => {
            let root = known(state.variable("DOCUMENT_ROOT"))?;
            let root = root.strip_suffix(b"/").unwrap_or(&root);
            path.strip_prefix(root).filter(|rest| rest.starts_with(b"/")).map(<[u8]>::to_vec)
        }
    };
    if let Some(replaced) = replaced {
        return Ok(replaced);
    }
    if directory.options.ignore_context_info {
        return Ok(path.to_vec());
    }
    let root = known(state.variable("CONTEXT_DOCUMENT_ROOT"))?;
    let prefix = known(state.variable("CONTEXT_PREFIX"))?;
    Ok(url::replaced(path, &root, &prefix).unwrap_or_else(|| path.to_vec()))
}
