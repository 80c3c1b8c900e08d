//! When a route is meant to carry WebSockets: the kinds of evidence, and the names that give it away. Knows no
//! server.

use std::borrow::Cow;

/// The evidence that a route is meant for WebSockets, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Intent {
    /// A plain HTTP proxy.
    None,
    /// Only its path or its backend is called like a WebSocket.
    Named,
    /// Settings for WebSockets stand further out and are thrown away here.
    Lost,
    /// Settings for WebSockets are in force here.
    Written,
    /// Somebody says so, in a comment for wslint.
    Declared,
}

impl Intent {
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Named => "named",
            Self::Lost => "lost",
            Self::Written => "written",
            Self::Declared => "declared",
        }
    }
}

/// Path segments under which WebSockets are commonly served.
const SEGMENTS: [&str; 15] = [
    "cable",
    "engine.io",
    "graphql-ws",
    "hubs",
    "signalr",
    "socket.io",
    "sockjs",
    "sockjs-node",
    "stomp",
    "web-socket",
    "websocket",
    "websockets",
    "websockify",
    "ws",
    "wss",
];

/// Segments that say so only where the path ends with them: `/live/socket`, but not `/socket/shop`.
const LAST_SEGMENTS: [&str; 2] = ["socket", "sockets"];

/// Segments under which plain requests are served too: the negotiation, and a fallback for clients that cannot open a
/// WebSocket.
const POLLING_SEGMENTS: [&str; 6] = ["engine.io", "hubs", "signalr", "socket.io", "sockjs", "sockjs-node"];

/// Parts of a backend's name that say the same.
const BACKEND_PARTS: [&str; 8] =
    ["signalr", "socketio", "sockjs", "websocket", "websockets", "websockify", "ws", "wss"];

/// Whether a path or a regular expression for paths names a WebSocket.
pub fn is_websocket_path(path: &[u8]) -> bool {
    let path = unescaped(path);
    let words = || path.split(|byte| !byte.is_ascii_alphanumeric() && !b"._-".contains(byte));
    if words().rfind(|word| !word.is_empty()).is_some_and(|last| is_one_of(last, &LAST_SEGMENTS)) {
        return true;
    }
    words().any(|word| {
        let last = word.rsplit(|byte| b"-_".contains(byte)).next().unwrap_or_default();
        is_one_of(word, &SEGMENTS)
            || [&b"ws"[..], b"websocket"].iter().any(|end| last.eq_ignore_ascii_case(end))
    })
}

/// Whether plain requests are part of what is served under a path that names a WebSocket.
pub fn is_polling_path(path: &[u8]) -> bool {
    let path = unescaped(path);
    let words = || path.split(|byte| !byte.is_ascii_alphanumeric() && !b"._-".contains(byte));
    let last = words().rfind(|word| !word.is_empty());
    let only = last.is_some_and(|last| is_one_of(last, &["websocket", "ws"]));
    !only && words().any(|word| is_one_of(word, &POLLING_SEGMENTS))
}

/// A path without the backslashes of a regular expression.
fn unescaped(path: &[u8]) -> Cow<'_, [u8]> {
    match path.contains(&b'\\') {
        true => Cow::Owned(path.iter().copied().filter(|&byte| byte != b'\\').collect()),
        false => Cow::Borrowed(path),
    }
}

/// Whether a backend's host or upstream name names a WebSocket.
pub fn is_websocket_backend(host: &str) -> bool {
    host.split(['-', '_', '.']).any(|part| is_one_of(part.as_bytes(), &BACKEND_PARTS))
}

/// Whether a virtual server's name names a WebSocket.
pub fn is_websocket_host(host: &str) -> bool {
    let parts = || host.split(['-', '_', '.']);
    is_websocket_backend(host) || parts().any(|part| is_one_of(part.as_bytes(), &LAST_SEGMENTS))
}

fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|known| word.len() == known.len() && word.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known_by_whole_words() {
        for path in [
            "/ws",
            "/ws/",
            "/api/WebSocket",
            "/socket.io/",
            "^/(ws|chat)/",
            "/live/websocket",
            "/live/socket/",
            "^/socket\\.io/",
            "/chat-ws",
        ] {
            assert!(is_websocket_path(path.as_bytes()), "{path}");
        }
        for path in ["/", "/news/", "/wsdl", "/sockets.js", "/socket/shop/", "/api", "~ \\.php$", "/aws/"] {
            assert!(!is_websocket_path(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn a_fallback_without_websockets_is_known_by_its_path() {
        for path in ["/socket.io/", "/hubs/chat", "^/sockjs-node", "^/socket\\.io/"] {
            assert!(is_polling_path(path.as_bytes()), "{path}");
        }
        for path in ["/ws", "/sockjs/.*/websocket$", "/"] {
            assert!(!is_polling_path(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn backends_are_known_by_parts_of_their_names() {
        assert!(is_websocket_backend("chat_ws") && is_websocket_backend("ws.internal"));
        assert!(!is_websocket_backend("news") && !is_websocket_backend("10.0.0.1"));
        assert!(is_websocket_host("sockets.example.com") && !is_websocket_host("app.example.com"));
    }
}
