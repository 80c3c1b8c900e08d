//! The URLs that ProxyPass and its like name, as httpd's `apr_uri_parse` and `ap_proxy_de_socketfy` take them apart.
//! Knows no directive.

use std::borrow::Cow;

/// A target's URL in its parts, kept as one text without what may be left out: a worker for it is called so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    name: Vec<u8>,
    scheme_len: u32,
    /// Where the host ends; the port and the path follow.
    host_end: u32,
    path_start: u32,
    /// None where it is the scheme's own, or not written.
    pub port: Option<u16>,
    /// The file of a socket that is connected to instead of the host.
    pub socket: Option<Box<str>>,
}

impl Url {
    /// Errors are the server's words behind the directive's name.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let shown = || String::from_utf8_lossy(text).into_owned();
        let (socket, rest) = match split_socket(text) {
            Some((socket, rest)) => (Some(Box::from(String::from_utf8_lossy(socket))), rest),
            None => (None, text),
        };
        let absolute = || format!("URL must be absolute!: {}", shown());
        let unparsable = || format!("Unable to parse URL: {}", shown());
        let Some(colon) = rest.iter().position(|&byte| !is_scheme_byte(byte)) else {
            return Err(absolute());
        };
        let scheme = &rest[..colon];
        let Some(after) = rest[colon..].strip_prefix(b"://") else {
            // `host:port` is taken for a scheme or for nothing at all, and neither is a URL.
            let is_host = rest[colon] == b':' && rest[0].is_ascii_alphanumeric() && has_port(&rest[colon..]);
            let is_odd = rest.first().is_some_and(|byte| !byte.is_ascii());
            return Err(if is_host || is_odd { unparsable() } else { absolute() });
        };
        let end = memchr::memchr3(b'/', b'?', b'#', after).unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        let authority = memchr::memrchr(b'@', authority).map_or(authority, |at| &authority[at + 1..]);
        let (host, port) = split_port(authority).ok_or_else(unparsable)?;
        if (host.is_empty() && socket.is_none()) || scheme.is_empty() {
            return Err(absolute());
        }
        let host = if host.is_empty() { b"localhost" } else { host };
        Ok(Self::new(scheme, host, port, path, socket))
    }

    /// Puts one together; a port that is the scheme's own is left out.
    pub fn new(scheme: &[u8], host: &[u8], port: Option<u16>, path: &[u8], socket: Option<Box<str>>) -> Self {
        let mut name = Vec::with_capacity(scheme.len() + host.len() + path.len() + 9);
        name.extend_from_slice(scheme);
        name.make_ascii_lowercase();
        let scheme_len = name.len() as u32;
        let port = port.filter(|&port| Some(port) != default_port(text(&name)));
        name.extend_from_slice(b"://");
        name.extend_from_slice(host);
        name[scheme_len as usize..].make_ascii_lowercase();
        let host_end = name.len() as u32;
        if let Some(port) = port {
            push_port(&mut name, port);
        }
        let path_start = name.len() as u32;
        name.extend_from_slice(path);
        Self { name, scheme_len, host_end, path_start, port, socket }
    }

    /// How a worker for it is called: the URL without what may be left out.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// In lower case.
    pub fn scheme(&self) -> &str {
        text(&self.name[..self.scheme_len as usize])
    }

    /// In lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        text(&self.name[self.scheme_len as usize + 3..self.host_end as usize])
    }

    /// From the first `/` on, query included.
    pub fn path(&self) -> &[u8] {
        &self.name[self.path_start as usize..]
    }

    /// The same with another path.
    pub fn with_path(mut self, path: &[u8]) -> Self {
        self.name.truncate(self.path_start as usize);
        self.name.extend_from_slice(path);
        self
    }

    /// Host, with the port unless it is the scheme's own.
    pub fn authority(&self) -> &str {
        text(&self.name[self.scheme_len as usize + 3..self.path_start as usize])
    }

    /// The port that is connected to.
    pub fn port(&self) -> u16 {
        self.port.or(default_port(self.scheme())).unwrap_or(80)
    }

    /// The host without an IPv6 address's brackets.
    pub fn bare_host(&self) -> &str {
        self.host().trim_start_matches('[').trim_end_matches(']')
    }
}

/// `:` and the number: formatting would take longer than all the rest.
fn push_port(name: &mut Vec<u8>, port: u16) {
    name.push(b':');
    let digits = [10_000, 1000, 100, 10, 1].map(|unit| b'0' + (port / unit % 10) as u8);
    let first = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len() - 1);
    name.extend_from_slice(&digits[first..]);
}

/// Hosts and schemes are text; one that is not is nobody's.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Where the host begins: behind the first `://`.
pub fn after_scheme(url: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b':', url).find(|&colon| url[colon..].starts_with(b"://")).map(|colon| colon + 3)
}

/// The port of a scheme (`ap_proxy_port_of_scheme`).
pub fn default_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" | "ws" | "h2c" | "connect" => 80,
        "https" | "wss" | "h2" => 443,
        "ajp" => 8009,
        "fcgi" => 8000,
        "scgi" => 4000,
        "uwsgi" => 3031,
        "ftp" => 21,
        _ => return None,
    })
}

/// `unix:/path|URL`: the socket's file and the URL.
pub fn split_socket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = text.get(..5).filter(|head| head.eq_ignore_ascii_case(b"unix:")).map(|_| &text[5..])?;
    let bar = rest.iter().position(|&byte| byte == b'|')?;
    Some((&rest[..bar], &rest[bar + 1..]))
}

/// The URL behind a socket's file, as requests are mapped to it; the text itself where it names no socket.
pub fn without_socket(text: &[u8]) -> Cow<'_, [u8]> {
    match split_socket(text) {
        Some((_, url)) if url.ends_with(b":") => Cow::Owned([url, b"//localhost"].concat()),
        Some((_, url)) => Cow::Borrowed(url),
        None => Cow::Borrowed(text),
    }
}

fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

fn has_port(rest: &[u8]) -> bool {
    rest.get(1).is_some_and(u8::is_ascii_digit)
}

/// Host and port of an authority; None for a port that is none.
fn split_port(authority: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let from = authority.iter().rposition(|&byte| byte == b']').map_or(0, |at| at + 1);
    let Some(colon) = authority[from..].iter().position(|&byte| byte == b':').map(|at| from + at) else {
        return Some((authority, None));
    };
    let digits = &authority[colon + 1..];
    if digits.is_empty() {
        return Some((&authority[..colon], None));
    }
    let port = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((&authority[..colon], Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_named_without_what_may_be_left_out() {
        for (text, name) in [
            ("WS://Chat.Internal:80/ws", "ws://chat.internal/ws"),
            ("http://b:3000", "http://b:3000"),
            ("http://b:0/", "http://b:0/"),
            ("http://b:65535", "http://b:65535"),
            ("https://[::1]:443/x?y", "https://[::1]/x?y"),
            ("unix:/run/a.sock|ws://localhost/ws", "ws://localhost/ws"),
            ("unix:/run/a.sock|http://", "http://localhost"),
            ("websocket://b/", "websocket://b/"),
        ] {
            assert_eq!(Url::parse(text.as_bytes()).map(|url| url.name().to_vec()), Ok(name.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_in_the_servers_words() {
        for (text, words) in [
            ("127.0.0.1:9001/ws", "Unable to parse URL: 127.0.0.1:9001/ws"),
            ("unix:/run/a.sock", "URL must be absolute!: unix:/run/a.sock"),
            ("/ws", "URL must be absolute!: /ws"),
            ("http://", "URL must be absolute!: http://"),
            ("\\", "URL must be absolute!: \\"),
            ("http://b:x/", "Unable to parse URL: http://b:x/"),
        ] {
            assert_eq!(Url::parse(text.as_bytes()), Err(words.to_string()), "{text}");
        }
    }
}
