//! The address that a proxying directive names: scheme, host and port. Knows how it is spelled, not what answers
//! there.

/// `scheme://host:port`, what follows left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// In lower case, without `://`.
    pub scheme: String,
    /// In lower case, an IPv6 address in brackets; `unix:/path` for a socket.
    pub host: String,
    pub port: Option<u16>,
}

impl Address {
    /// Reads an address; None where it has no scheme, no host, or a port that is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        if let Some(path) = rest.strip_prefix("unix:") {
            let path = path.split(':').next().unwrap_or_default();
            return Some(Self { scheme, host: format!("unix:{path}"), port: None });
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (authority, None),
        };
        (!host.is_empty()).then(|| Self { scheme, host: host.to_ascii_lowercase(), port })
    }

    /// The port that is connected to: the one written, else the scheme's.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == "https" { 443 } else { 80 })
    }

    /// Whether the host is a name that must be looked up: neither an IP address nor a socket.
    pub fn is_name(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<std::net::IpAddr>().is_err() && !self.host.starts_with("unix:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_where_its_uri_begins() {
        for (text, scheme, host, port) in [
            ("http://Chat", "http", "chat", None),
            ("HTTPS://chat:3000/x?y:z", "https", "chat", Some(3000)),
            ("http://[::1]:80?x", "http", "[::1]", Some(80)),
            ("http://[::1]", "http", "[::1]", None),
            ("http://unix:/run/chat.sock:/uri", "http", "unix:/run/chat.sock", None),
            ("ws://10.0.0.1", "ws", "10.0.0.1", None),
        ] {
            let expected = Address { scheme: scheme.into(), host: host.into(), port };
            assert_eq!(Address::parse(text), Some(expected), "{text}");
        }
        for text in ["chat:3000", "http://", "http:///x", "http://chat:port"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_told_from_addresses() {
        let is_name = |text: &str| Address::parse(text).is_some_and(|address| address.is_name());
        assert!(is_name("http://chat") && is_name("http://localhost:80") && is_name("http://1.2.3.internal"));
        assert!(!is_name("http://10.0.0.1:80") && !is_name("http://[::1]") && !is_name("http://unix:/s"));
    }
}
