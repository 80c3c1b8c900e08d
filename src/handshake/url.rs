//! `ws://` and `wss://` URLs. Knows nothing of servers.

use std::str::FromStr;

/// Where a client opens a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// As given.
    pub text: String,
    pub tls: bool,
    /// In lower case; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
    /// Path and query: what the request line asks for.
    pub target: Vec<u8>,
}

impl Url {
    /// Host, with the port unless it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let default = if self.tls { 443 } else { 80 };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

impl FromStr for Url {
    type Err = String;

    /// Errors where it is not a URL at which a browser could open a WebSocket (RFC 6455, section 3).
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{text}`: {what}");
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| wrong("write ws://HOST/PATH or wss://HOST/PATH"))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(wrong("the scheme must be ws or wss")),
        };
        if text.contains('#') {
            return Err(wrong("a WebSocket's URL has no fragment"));
        }
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(wrong("a URL holds no spaces and no control characters; write %20 for a space"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong("a WebSocket's URL has no user name"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) =
                    rest.split_once(']').ok_or_else(|| wrong("the `[` of the address never closes"))?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong("not an IPv6 address"))?;
                (host, port)
            }
            None => {
                let colon = authority.find(':').unwrap_or(authority.len());
                authority.split_at(colon)
            }
        };
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some("") => None,
            Some(digits) => Some(digits.parse().map_err(|_| wrong("the port must be a number up to 65535"))?),
            None => return Err(wrong("only a port may follow the host")),
        };
        let target = if target.starts_with('/') { target.to_string() } else { format!("/{target}") };
        Ok(Self {
            text: text.to_string(),
            tls,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            target: target.into_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(bool, String, u16, String)> {
        let url: Url = text.parse().ok()?;
        Some((url.tls, url.authority(), url.port, String::from_utf8(url.target).ok()?))
    }

    #[test]
    fn urls_have_defaults() {
        let part = |tls, authority: &str, port, target: &str| {
            Some((tls, authority.to_string(), port, target.to_string()))
        };
        assert_eq!(parts("ws://a.test"), part(false, "a.test", 80, "/"));
        assert_eq!(parts("wss://A.test:443/x?y=1"), part(true, "a.test", 443, "/x?y=1"));
        assert_eq!(parts("ws://[::1]:8080/a%20b"), part(false, "[::1]:8080", 8080, "/a%20b"));
        assert_eq!(parts("wss://a.test?q"), part(true, "a.test", 443, "/?q"));
    }

    #[test]
    fn what_is_no_url_of_a_websocket_is_refused() {
        for text in [
            "",
            "a.test",
            "ws://",
            "ws:///x",
            "ftp://a",
            "ws://a:x/",
            "ws://a:70000/",
            "ws://a/#f",
            "ws://[::1",
            "ws://a b/",
            "ws://u@a/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
