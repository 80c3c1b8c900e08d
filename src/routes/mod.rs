//! Proxied routes, alike for both servers: what is matched, where it is proxied to, and what the backend then
//! receives of a WebSocket handshake. Knows no rule.

pub mod address;
pub mod apache;
pub mod intent;
pub mod model;
pub mod nginx;
pub mod plain;

use crate::effective::apache::server::ServerId;
use crate::effective::{BlockId, Setting, Value};
use crate::finding::RouteName;
use crate::tree::NodeRef;

pub use intent::Intent;

/// A request that matches this is proxied to that.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: RouteName,
    /// The virtual server; none in a fragment that begins inside one.
    pub server: Option<BlockId>,
    /// The block that holds the proxying directive, whose settings are in force.
    pub block: BlockId,
    /// The proxying directive.
    pub node: NodeRef,
    pub by: By,
    pub backend: Backend,
    pub headers: Headers,
    /// The HTTP version spoken to the backend: 10, 11 or 20.
    pub http_version: Setting<u8>,
    pub timeouts: Timeouts,
    pub intent: Intent,
    /// The server refuses something in the blocks around the route, so nothing is known of what was meant.
    pub broken: bool,
    /// The promises, by number, that a WebSocket opens at a URL whose handshakes come here.
    pub contracts: Vec<u32>,
}

/// What kind of line proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// nginx: the block's own directive.
    Block,
    /// httpd: a line of a server's list of ProxyPass lines.
    Pass { server: ServerId, index: usize },
    /// httpd: a ProxyPass in the section that is the route's block.
    Section { server: ServerId },
    /// httpd: a rewrite rule, with `[P]` or without.
    Rewrite { proxies: bool },
    /// httpd: `SetHandler "proxy:..."`.
    Handler,
}

/// What a route is proxied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// As written: `http://chat`.
    pub text: String,
    /// In lower case, without `://`; empty where a variable or a template stands for it.
    pub scheme: String,
    /// Host without port; empty where it holds a variable or a template's expression.
    pub host: String,
    /// The block that lists the backend's servers.
    pub upstream: Option<BlockId>,
}

/// Headers of the request that the backend receives.
#[derive(Clone, Debug)]
pub struct Headers {
    /// The block whose header directives are in force; none where nothing is written.
    pub level: Option<BlockId>,
    /// The nearest block further out whose upgrade headers `level` throws away.
    pub lost: Option<BlockId>,
    /// Something that was not seen may set headers too.
    pub opaque: bool,
    /// The written headers that have to do with the handshake.
    pub written: Vec<Header>,
}

/// A header as a directive sets it.
#[derive(Clone, Debug)]
pub struct Header {
    /// As written.
    pub name: Vec<u8>,
    /// What a browser's handshake makes of it.
    pub value: Value,
    pub at: NodeRef,
}

impl Headers {
    /// The directives that set this header, in order.
    pub fn named<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a Header> {
        self.written.iter().filter(move |header| header.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether the header carries a token for a handshake; None where that is not known.
    pub fn carries(&self, name: &str, token: &str) -> Option<bool> {
        let mut known = !self.opaque;
        for header in self.named(name) {
            match &header.value {
                Value::Known(value) if has_token(value, token) => return Some(true),
                Value::Known(_) => {}
                Value::Unknown(_) => known = false,
            }
        }
        known.then_some(false)
    }
}

/// Whether a comma-separated list holds a token, in any case (RFC 9110, 5.6.1).
pub fn has_token(list: &[u8], token: &str) -> bool {
    list.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// How long a tunnel may be silent, in milliseconds.
#[derive(Clone, Debug)]
pub struct Timeouts {
    pub read: Setting<u64>,
    /// For a backend that does not read.
    pub backend_send: Setting<u64>,
    /// For a client that does not read.
    pub client_send: Setting<u64>,
}
