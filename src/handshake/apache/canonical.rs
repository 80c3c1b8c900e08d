//! A target's URL taken apart as the proxy does it for a request (`fixup_uds_filename`, `proxy_http_canon`,
//! `ap_proxy_canon_netloc`). Knows neither workers nor what is sent.

use std::net::IpAddr;

use super::mapping::Target;
use super::path::EncodedSlashes;
use super::{Go, Outcome, Session};
use crate::effective::apache::directives::{self, Section};
use crate::effective::apache::escape::escape_for_backend;
use crate::effective::apache::url::{Url, split_socket};
use crate::tree::NodeRef;

impl Session<'_> {
    /// The target in its parts, its path as it is sent; None for a scheme that nobody here takes apart.
    pub(super) fn canonical(&self, target: &Target) -> Go<Option<Url>> {
        let Some(url) = &target.url else {
            return Err(Outcome::unknown("where the request is sent", Some(target.by)));
        };
        self.canonical_url(url, target)
    }

    /// The same for another URL that takes the target's place.
    pub(super) fn canonical_url(&self, url: &[u8], target: &Target) -> Go<Option<Url>> {
        let by = target.by;
        let (socket, url) = match split_socket(url) {
            Some((socket, url)) => (Some(socket), with_host(url)),
            None => (None, url.to_vec()),
        };
        let refuse = |why: &str| Err(Outcome::answered(400, why, Some(by)));
        let Some(colon) = memchr::memchr(b':', &url) else { return refuse("the target is no URL") };
        let scheme = String::from_utf8_lossy(&url[..colon]).to_ascii_lowercase();
        if !self.takes_apart(&scheme) {
            return Ok(None);
        }
        let Some(rest) = url[colon + 1..].strip_prefix(b"//") else { return refuse("the target is no URL") };
        let slash = memchr::memchr(b'/', rest).unwrap_or(rest.len());
        let authority = rest[..slash].rsplit(|&byte| byte == b'@').next().unwrap_or_default();
        let Some((host, port)) = host_and_port(authority) else {
            return refuse("the target has no host, or no port, that is one");
        };
        let path = rest.get(slash + 1..).unwrap_or_default();
        let path = self.sendable(path, target.verbatim, by)?;
        let query = self.sendable_query(target)?;
        let path = [b"/", &path[..], &query].concat();
        let socket = socket.map(|socket| Box::from(String::from_utf8_lossy(socket)));
        Ok(Some(Url::new(scheme.as_bytes(), host.as_bytes(), port, &path, socket)))
    }

    /// Whether a module that is loaded makes URLs of a scheme canonical.
    fn takes_apart(&self, scheme: &str) -> bool {
        let modules = self.tracer.config.modules(self.tracer.tree);
        let is_ws = matches!(scheme, "ws" | "wss");
        (is_ws || matches!(scheme, "http" | "https")) && !modules.is_missing("mod_proxy_http.c")
            || is_ws && self.has_real_wstunnel()
    }

    /// Whether a section is for the request that takes `AllowEncodedSlashes` back, as every one does that holds something
    /// of the core's (`merge_core_dir_configs`); `<Proxy>` need not.
    fn has_core_section(&self) -> bool {
        let config = self.tracer.config;
        let is_core = |name| directives::form(name).is_some_and(|form| form.modules.contains(&"core.c"));
        self.sections.iter().any(|&block| match config.block(block).section {
            Section::Proxy | Section::ProxyMatch => config.all(block).iter().any(|entry| is_core(entry.name)),
            _ => true,
        })
    }

    fn sendable(&self, path: &[u8], verbatim: bool, by: NodeRef) -> Go<Vec<u8>> {
        if !verbatim {
            let keeps_slashes = self.encoded_slashes().0 == EncodedSlashes::Kept && !self.has_core_section();
            let refused = || Outcome::answered(400, "a `%` in the path begins no escape", Some(by));
            return escape_for_backend(path, keeps_slashes).ok_or_else(refused);
        }
        match path.iter().any(|&byte| is_control(byte)) {
            true => {
                let why = "a path that is sent on as it is holds spaces or control characters";
                Err(Outcome::answered(403, why, Some(by)))
            }
            false => Ok(path.to_vec()),
        }
    }

    fn sendable_query(&self, target: &Target) -> Go<Vec<u8>> {
        let Some(query) = &target.query else { return Ok(Vec::new()) };
        match query.iter().any(|&byte| is_control(byte)) {
            true => {
                let why = "a query that is sent on holds spaces or control characters";
                Err(Outcome::answered(403, why, Some(target.by)))
            }
            false => Ok([b"?", &query[..]].concat()),
        }
    }
}

/// What `ap_scan_vchar_obstext` stops at.
fn is_control(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

/// The URL behind a socket's file, to which a host need not be written.
fn with_host(url: &[u8]) -> Vec<u8> {
    let colon = memchr::memchr(b':', url).unwrap_or(url.len());
    let (scheme, rest) = url.split_at(colon);
    match rest {
        b":" | b"://" => [scheme, b"://localhost"].concat(),
        [b':', b'/', b'/', b'/', ..] => [scheme, b"://localhost", &rest[3..]].concat(),
        [b':', b'/', b'/', ..] => url.to_vec(),
        [b':', b'/', ..] => [scheme, b"://localhost", &rest[1..]].concat(),
        _ => url.to_vec(),
    }
}

/// A port is what digits stand behind the last colon; whatever else it is belongs to the host, which then is none that
/// is ever found (`apr_parse_addr_port`).
fn host_and_port(authority: &[u8]) -> Option<(String, Option<u16>)> {
    let digits = authority.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, digits) = authority.split_at(authority.len() - digits);
    let (host, port) = match before {
        [] => return None,
        [host @ .., b':'] if !digits.is_empty() => {
            let port: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
            (host, Some(port).filter(|&port| port > 0)?.into())
        }
        _ => (authority, None),
    };
    let text = String::from_utf8_lossy(host).to_ascii_lowercase();
    match text.strip_prefix('[') {
        Some(bracketed) => {
            let address = bracketed.strip_suffix(']')?;
            address.parse::<IpAddr>().ok()?;
            Some((text, port))
        }
        None if text.is_empty() => None,
        None => Some((text, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_port_belongs_to_the_host() {
        let parsed = |text: &str| host_and_port(text.as_bytes());
        assert_eq!(parsed("B:80"), Some(("b".into(), Some(80))));
        assert_eq!(parsed("b:80ws"), Some(("b:80ws".into(), None)));
        assert_eq!(parsed("[::1]:80"), Some(("[::1]".into(), Some(80))));
        assert_eq!(
            [parsed(""), parsed(":80"), parsed("b:70000"), parsed("[::1"), parsed("80")],
            [const { None }; 5]
        );
    }

    #[test]
    fn a_socket_needs_no_host() {
        for (url, with) in [
            ("ws:", "ws://localhost"),
            ("ws:///a", "ws://localhost/a"),
            ("ws:/a", "ws://localhost/a"),
            ("ws://b/a", "ws://b/a"),
        ] {
            assert_eq!(with_host(url.as_bytes()), with.as_bytes(), "{url}");
        }
    }
}
