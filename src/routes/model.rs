//! The requests that rules reason with: a browser's handshake, a plain request, and one that asks for another protocol
//! than WebSocket. Knows no configuration.

use crate::effective::Value;
use crate::effective::nginx::Request;

/// A handshake as any browser sends it, to a host and path that are not known.
pub struct Handshake;

/// A request that asks for no upgrade.
pub struct Plain;

/// A request that asks for HTTP/2 in plain text (RFC 7540, 3.2), as somebody sends it who wants past the proxy.
pub struct Smuggled;

impl Request for Handshake {
    fn variable(&self, name: &[u8]) -> Value {
        match name {
            b"http_upgrade" => Value::Known(b"websocket".to_vec()),
            b"http_connection" => Value::Known(b"Upgrade".to_vec()),
            b"http_sec_websocket_version" => Value::Known(b"13".to_vec()),
            b"http_sec_websocket_key" => Value::Known(b"dGhlIHNhbXBsZSBub25jZQ==".to_vec()),
            name => common(name),
        }
    }
}

impl Request for Plain {
    fn variable(&self, name: &[u8]) -> Value {
        match name {
            b"http_upgrade" => Value::empty(),
            b"http_connection" => Value::Known(b"keep-alive".to_vec()),
            name if name.starts_with(b"http_sec_websocket_") => Value::empty(),
            name => common(name),
        }
    }
}

impl Request for Smuggled {
    fn variable(&self, name: &[u8]) -> Value {
        match name {
            b"http_upgrade" => Value::Known(b"h2c".to_vec()),
            b"http_connection" => Value::Known(b"Upgrade, HTTP2-Settings".to_vec()),
            name if name.starts_with(b"http_sec_websocket_") => Value::empty(),
            name => common(name),
        }
    }
}

fn common(name: &[u8]) -> Value {
    match name {
        b"request_method" => Value::Known(b"GET".to_vec()),
        b"server_protocol" => Value::Known(b"HTTP/1.1".to_vec()),
        // The answer's headers: there are none while the request is being put together.
        name if [&b"sent_http_"[..], b"sent_trailer_", b"upstream_http_", b"upstream_trailer_"]
            .iter()
            .any(|prefix| name.starts_with(prefix)) =>
        {
            Value::empty()
        }
        name => Value::Unknown(format!("${}", String::from_utf8_lossy(name))),
    }
}
