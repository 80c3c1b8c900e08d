//! The main server and its virtual hosts: on which addresses, by which names. Knows no request.

use super::proxy::Proxies;
use super::url::after_scheme;
use super::{Config, names};
use crate::effective::BlockId;
use crate::syntax::{Directive, Word};
use crate::tree::{NodeRef, Tree};

/// A server of the configuration; 0 is the main server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u32);

impl ServerId {
    pub const MAIN: Self = Self(0);
}

/// The main server or a virtual host.
#[derive(Debug)]
pub struct Server {
    pub block: BlockId,
    /// `<VirtualHost ...>`; none for the main server.
    pub node: Option<NodeRef>,
    /// What its section names; empty for the main server, which takes what no virtual host does.
    pub addresses: Vec<Address>,
    /// The port it goes by: that of `ServerName`, which may name none, or else that of its first address.
    pub port: Option<u16>,
    /// `ServerName` without scheme and port, in lower case.
    pub name: Option<Vec<u8>>,
    /// `ServerAlias`, in lower case; `*` and `?` stand for anything.
    pub aliases: Vec<Vec<u8>>,
    /// A name that a template puts in.
    pub unknown_names: bool,
    /// A template fills in for which address and port it is.
    pub unknown_address: bool,
    pub proxies: Proxies,
    /// Its own `Timeout` and `ProxyTimeout`.
    pub timeout: Option<Time>,
    pub proxy_timeout: Option<Time>,
}

/// A time as a server's own line says it.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// None where a template or a variable stands for it.
    pub seconds: Option<u64>,
    pub at: NodeRef,
}

/// `host:port` of a section's argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: Host,
    /// None for every port: `*`, also as the whole of the argument, or none written where the main server has none.
    pub port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `*` and `_default_`.
    Any,
    Ip(std::net::IpAddr),
    /// A name, whose address is not known here.
    Name(String),
}

/// A socket that the server listens on.
#[derive(Clone, Debug)]
pub struct Listen {
    pub at: NodeRef,
    /// None for all addresses.
    pub host: Option<Host>,
    /// None where it is a template's.
    pub port: Option<u16>,
    /// The protocol behind it, or what the port stands for.
    pub https: bool,
}

impl Address {
    /// None for what is no address. `unwritten`: the main server's port, as far as it has one where the section stands.
    pub fn parse(word: &[u8], unwritten: Option<u16>) -> Option<Self> {
        let text = std::str::from_utf8(word).ok()?;
        let (host, port) = split(text)?;
        let host = match host {
            "*" | "_default_" => Host::Any,
            host => host_of(host),
        };
        match port {
            None if text == "*" => Some(Self { host, port: None }),
            None => Some(Self { host, port: unwritten }),
            Some("*") => Some(Self { host, port: None }),
            Some(port) => Some(Self { host, port: Some(port.parse().ok()?) }),
        }
    }
}

fn host_of(host: &str) -> Host {
    if host.eq_ignore_ascii_case("localhost") {
        return Host::Ip(std::net::IpAddr::from([127, 0, 0, 1]));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().map_or_else(|_| Host::Name(host.to_ascii_lowercase()), Host::Ip)
}

/// Host and port; a port alone is none.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => Some((host, Some(port))),
        _ => Some((text, None)),
    }
}

impl Listen {
    pub fn new(directive: Directive, at: NodeRef) -> Option<Self> {
        let word = directive.arg(0)?;
        if word.is_hole() {
            return Some(Self { at, host: None, port: None, https: false });
        }
        let text = word.show();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (Some(host), port),
            None => (None, text.as_str()),
        };
        let port: u16 = port.parse().ok()?;
        let protocol = directive.arg(1).map(|word| word.value().to_ascii_lowercase());
        let https = protocol.map_or(port == 443, |protocol| protocol == b"https");
        let host = host.filter(|&host| host != "*" && host != "0.0.0.0").map(host_of);
        Some(Self { at, host, port: Some(port), https })
    }
}

/// The sockets of the configuration, which only the main server has.
pub fn listens(tree: &Tree, config: &Config) -> Vec<Listen> {
    let lines = config.own(config.main().block, names::LISTEN);
    lines.filter_map(|node| Listen::new(tree.directive(node), node)).collect()
}

impl Server {
    /// `name`: the main server's `ServerName` line above the section.
    pub(super) fn new(block: BlockId, node: Option<NodeRef>, name: Option<NodeRef>, tree: &Tree) -> Self {
        let unwritten = name.and_then(|node| bare_name(&tree.directive(node).arg(0)?.value()).1);
        let words = || node.into_iter().flat_map(|node| tree.directive(node).args());
        let mut addresses: Vec<Address> =
            words().filter_map(|word| Address::parse(&word.value(), unwritten)).collect();
        addresses.shrink_to_fit();
        Self {
            block,
            node,
            port: addresses.first().and_then(|address| address.port),
            addresses,
            name: None,
            aliases: Vec::new(),
            unknown_names: words().any(|word| word.is_hole()),
            unknown_address: node.is_some_and(|node| tree.is_template(node))
                && words().any(|word| word.is_hole()),
            proxies: Proxies::default(),
            timeout: None,
            proxy_timeout: None,
        }
    }

    pub(super) fn read_names(
        &mut self,
        tree: &Tree,
        name: Option<NodeRef>,
        aliases: impl Iterator<Item = NodeRef>,
    ) {
        if let Some(word) = name.and_then(|node| tree.directive(node).arg(0)) {
            self.unknown_names |= word.is_hole();
            let value = word.value();
            let (name, port) = bare_name(&value);
            self.name = Some(name.to_ascii_lowercase());
            self.port = port;
        }
        for node in aliases {
            let words = tree.directive(node).args();
            self.aliases.reserve_exact(words.len());
            for word in words {
                self.unknown_names |= word.is_hole();
                self.aliases.push(word.value().to_ascii_lowercase());
            }
        }
    }

    /// The hosts of `addresses` as they are written, in lower case.
    pub fn written_hosts(&self, tree: &Tree) -> Vec<Vec<u8>> {
        let words = self.node.into_iter().flat_map(|node| tree.directive(node).args());
        let host = |word: Word| {
            let word = word.show();
            split(&word).map(|(host, _)| host.as_bytes().to_ascii_lowercase())
        };
        words.filter_map(host).collect()
    }

    /// The name for a reader: the first it goes by, and where it listens.
    pub fn shown(&self) -> String {
        let name = self.name.as_ref().or(self.aliases.first());
        let name = name.map(|name| String::from_utf8_lossy(name).into_owned());
        let port = self.addresses.first().and_then(|address| address.port);
        match (name, port, self.node) {
            (Some(name), Some(port), _) => format!("{name}:{port}"),
            (Some(name), None, _) => name,
            (None, Some(port), _) => format!("*:{port}"),
            (None, None, Some(_)) => "*".to_string(),
            (None, None, None) => "main server".to_string(),
        }
    }
}

/// `ServerName` may hold a scheme and a port.
fn bare_name(name: &[u8]) -> (&[u8], Option<u16>) {
    let after = after_scheme(name).map_or(name, |at| &name[at..]);
    let end = match after.first() {
        Some(b'[') => after.iter().position(|&byte| byte == b']').map_or(after.len(), |at| at + 1),
        _ => after.iter().position(|&byte| byte == b':').unwrap_or(after.len()),
    };
    let port = after[end..].strip_prefix(b":").and_then(|digits| std::str::from_utf8(digits).ok());
    (&after[..end], port.and_then(|digits| digits.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_is_for_the_main_servers() {
        let port = |word: &str| Address::parse(word.as_bytes(), Some(8080)).map(|address| address.port);
        assert_eq!(port("10.0.0.1"), Some(Some(8080)));
        assert_eq!(port("_default_"), Some(Some(8080)));
        assert_eq!(port("*:80"), Some(Some(80)));
        assert_eq!([port("*"), port("10.0.0.1:*")], [Some(None), Some(None)]);
        assert_eq!(port("*:http"), None);
    }

    #[test]
    fn a_name_may_bring_a_port() {
        assert_eq!(bare_name(b"https://Chat.test:8443"), (&b"Chat.test"[..], Some(8443)));
        assert_eq!(bare_name(b"[::1]"), (&b"[::1]"[..], None));
    }
}
