//! URLs as mod_rewrite takes them apart and puts them together. Knows no rule.

use super::expand::known;
use super::state::Target;
use super::{Change, Context, Input};
use crate::effective::Value;
use crate::effective::apache::escape::escape_uri;
use crate::effective::apache::expr::number;
use crate::effective::apache::request::Request;
use crate::effective::apache::rewrite::Queries;

/// Beginnings of whole URLs, and whether a query may follow.
const SCHEMES: &[(&str, bool)] = &[
    ("ajp://", true),
    ("balancer://", true),
    ("fcgi://", true),
    ("ftp://", false),
    ("gopher://", false),
    ("h2://", true),
    ("h2c://", true),
    ("http://", true),
    ("https://", true),
    ("ldap://", false),
    ("mailto:", true),
    ("news:", false),
    ("nntp://", false),
    ("scgi://", true),
    ("unix:", true),
    ("ws://", true),
    ("wss://", true),
];

/// How many bytes of a whole URL its beginning takes, and whether a query may follow; None where it is none
/// (`is_absolute_uri`).
pub(super) fn scheme(uri: &[u8]) -> Option<(usize, bool)> {
    if uri.len() <= 5 {
        return None;
    }
    let &(scheme, query) = SCHEMES.iter().find(|(scheme, _)| {
        uri.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme.as_bytes()))
    })?;
    let slashes = if scheme == "unix:" && uri[5..].starts_with(b"//") { 2 } else { 0 };
    Some((scheme.len() + slashes, query))
}

pub(super) fn is_proxied(filename: &[u8]) -> bool {
    filename.starts_with(b"proxy:")
}

/// A whole URL as it is sent to a client (`escape_absolute_uri`).
pub(super) fn escaped(uri: &[u8], scheme: usize) -> Vec<u8> {
    let mut verbatim = scheme;
    if uri[scheme - 1] == b'/' {
        match memchr::memchr(b'/', &uri[scheme..]) {
            Some(slash) => verbatim = scheme + slash + 1,
            None => return uri.to_vec(),
        }
    }
    // The parts of an LDAP URL are parted by question marks.
    if uri[..4].eq_ignore_ascii_case(b"ldap") {
        let parts: Vec<Vec<u8>> = uri[verbatim..].splitn(5, |&byte| byte == b'?').map(escape_uri).collect();
        return [&uri[..verbatim], &parts.join(&b'?')].concat();
    }
    [&uri[..verbatim], &escape_uri(&uri[verbatim..])].concat()
}

/// Takes the query out of the path, and says whether the old one has a say in the new one (`splitout_queryargs`).
pub(super) fn split_query(target: &mut Target, queries: Queries) -> bool {
    if queries.none {
        target.query = None;
        return false;
    }
    let skip = match scheme(&target.filename) {
        Some((_, false)) => {
            target.query = None;
            return false;
        }
        Some((skip, true)) => skip,
        None => 0,
    };
    if queries.discard {
        target.query = None;
    }
    let path = &target.filename[skip..];
    let mark = if queries.last { memchr::memrchr(b'?', path) } else { memchr::memchr(b'?', path) };
    let Some(mark) = mark.map(|mark| mark + skip) else { return !queries.discard };
    let new = target.filename[mark + 1..].to_vec();
    target.filename.truncate(mark);
    if !queries.append {
        target.query = Some(new);
    } else if !new.is_empty() {
        let old = target.query.take().unwrap_or_default();
        target.query = Some([&new[..], b"&", &old].concat());
    }
    target.query.take_if(|query| query.is_empty());
    if let Some(query) = &mut target.query
        && query.ends_with(b"&")
    {
        query.pop();
    }
    queries.append && !queries.discard
}

/// Makes a path a whole URL of this server (`fully_qualify_uri`).
pub(super) fn qualify(request: &dyn Request, filename: &mut Vec<u8>) -> Result<(), String> {
    if scheme(filename).is_none() {
        let slash: &[u8] = if filename.starts_with(b"/") { b"" } else { b"/" };
        let here = origin(request)?;
        filename.splice(..0, [&here[..], slash].concat());
    }
    Ok(())
}

/// Scheme, name and port of this server.
fn origin(request: &dyn Request) -> Result<Vec<u8>, String> {
    let scheme = known(request.variable("REQUEST_SCHEME"))?;
    let name = known(request.variable("SERVER_NAME"))?;
    let port = known(request.variable("SERVER_PORT"))?;
    let port = if port == default_port(&scheme) { Vec::new() } else { [b":", &port[..]].concat() };
    Ok([&scheme[..], b"://", &name, &port].concat())
}

fn default_port(scheme: &[u8]) -> &'static [u8] {
    if scheme == b"https" { b"443" } else { b"80" }
}

/// Cuts scheme and name off a whole URL of this very server, and says whether it was one (`reduce_uri`).
pub(super) fn reduce(request: &dyn Request, filename: &mut Vec<u8>) -> Result<bool, String> {
    if scheme(filename).is_none() {
        return Ok(false);
    }
    let own = known(request.variable("REQUEST_SCHEME"))?;
    let Some((head, rest)) = filename.split_at_checked(own.len()) else { return Ok(false) };
    let Some(rest) = rest.strip_prefix(b"://").filter(|rest| !rest.is_empty()) else { return Ok(false) };
    if !head.eq_ignore_ascii_case(&own) {
        return Ok(false);
    }
    let end = memchr::memchr2(b'/', b':', rest).unwrap_or(rest.len());
    let slash = memchr::memchr(b'/', rest).unwrap_or(rest.len());
    let port = match rest.get(end) {
        Some(b':') => number(&rest[end + 1..slash]),
        _ => number(default_port(&own)),
    };
    // The server keeps the lower half of a number that is no port.
    let served = request.is_served_as(&rest[..end], port as u16);
    if served
        .ok_or_else(|| format!("whether this server is `{}`", String::from_utf8_lossy(&rest[..slash])))?
    {
        let path = if slash == rest.len() { b"/".to_vec() } else { rest[slash..].to_vec() };
        *filename = path;
        return Ok(true);
    }
    Ok(false)
}

/// `input` with `prefix` replaced, where it stands before a slash (`subst_prefix_path`); None where it doesn't.
pub(super) fn replaced(input: &[u8], prefix: &[u8], substitute: &[u8]) -> Option<Vec<u8>> {
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    let rest = input.strip_prefix(prefix)?.strip_prefix(b"/")?;
    let slash: &[u8] = if substitute.is_empty() || substitute.ends_with(b"/") { b"" } else { b"/" };
    Some([substitute, slash, rest].concat())
}

/// What the module tells the environment before it runs a server's rules.
pub(super) fn script_variables(input: &Input) -> Vec<Change> {
    let Context::Server(_) = input.context else { return Vec::new() };
    let uri = match origin(input.request) {
        Ok(origin) => Value::Known([&origin[..], input.filename].concat()),
        Err(why) => Value::Unknown(why),
    };
    let change = |name: &str, value| Change { name: Value::Known(name.into()), value: Some(value) };
    vec![change("SCRIPT_URL", Value::Known(input.filename.to_vec())), change("SCRIPT_URI", uri)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_urls_are_told_from_paths() {
        for (uri, expected) in [
            ("ws://b/ws", Some((5, true))),
            ("WSS://b", Some((6, true))),
            ("unix:/s|ws://b/", Some((5, true))),
            ("unix:///s|ws://b/", Some((7, true))),
            ("ftp://b/", Some((6, false))),
            ("websocket://b", None),
            ("/ws://b", None),
            ("ws://", None),
        ] {
            assert_eq!(scheme(uri.as_bytes()), expected, "{uri}");
        }
    }

    #[test]
    fn whole_urls_are_escaped_behind_their_host() {
        let escaped = |uri: &str| {
            let (skip, _) = scheme(uri.as_bytes()).expect("a whole URL");
            String::from_utf8(super::escaped(uri.as_bytes(), skip)).expect("ASCII")
        };
        assert_eq!(escaped("http://a b/c d?e#f"), "http://a b/c%20d%3fe%23f");
        assert_eq!(escaped("http://a%b"), "http://a%b");
        assert_eq!(escaped("ldap://a/b c?d e"), "ldap://a/b%20c?d%20e");
        assert_eq!(escaped("mailto:a b"), "mailto:a%20b");
    }

    #[test]
    fn prefixes_are_replaced_at_a_slash() {
        let replaced = |input: &str, prefix: &str, by: &str| {
            replaced(input.as_bytes(), prefix.as_bytes(), by.as_bytes())
                .map(|out| String::from_utf8(out).expect("ASCII"))
        };
        assert_eq!(replaced("/srv/a/b", "/srv/a/", "/app").as_deref(), Some("/app/b"));
        assert_eq!(replaced("/srv/ab", "/srv/a/", "/app"), None);
        assert_eq!(replaced("/srv/a/b", "/srv/a", "").as_deref(), Some("b"));
    }
}
