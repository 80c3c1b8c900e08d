//! One handshake followed through a configuration: which server, which location, what the backend receives, and
//! what comes of it. Knows no rule.

pub mod apache;
pub mod nginx;
mod url;

use std::path::PathBuf;

use crate::effective::{BlockId, Value};
use crate::source::Span;
use crate::tree::{NodeRef, PathMap};

pub use url::Url;

/// What comes of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 101, and data flows.
    Upgraded,
    /// The request reaches the backend in a form that an RFC 6455 backend must refuse.
    Refused,
    /// No acceptable request or answer passes the proxy.
    Intercepted,
    /// The server would not load the configuration.
    ConfigError,
    /// It depends on something that is not in the files.
    Unknown,
}

impl Verdict {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upgraded => "upgraded",
            Self::Refused => "refused",
            Self::Intercepted => "intercepted",
            Self::ConfigError => "config-error",
            Self::Unknown => "unknown",
        }
    }
}

/// A handshake's way through a configuration.
#[derive(Clone, Debug)]
pub struct Trace {
    pub verdict: Verdict,
    /// What the client is answered, where the proxy decides it; none where it gets no HTTP answer.
    pub status: Option<u16>,
    /// Why the verdict is what it is, without a full stop.
    pub why: String,
    /// One for each time the request passes through this configuration.
    pub hops: Vec<Hop>,
    /// Milliseconds of silence after which the tunnel is cut: the least of all hops.
    pub idle_timeout_ms: Option<u64>,
}

impl Trace {
    /// A verdict before anything could be followed, and the place that gives it.
    pub fn stopped(verdict: Verdict, why: String, at: Span) -> Self {
        let step = Step { at: Some(at), by: None, text: why.clone() };
        let hops = vec![Hop { steps: vec![step], ..Hop::default() }];
        Self { verdict, status: None, why, hops, idle_timeout_ms: None }
    }
}

/// One passage through a server.
#[derive(Clone, Debug, Default)]
pub struct Hop {
    /// What this server receives: `GET /ws HTTP/1.1`.
    pub request_line: String,
    pub server: Option<Chosen>,
    pub route: Option<Chosen>,
    pub steps: Vec<Step>,
    pub upstream: Option<Upstream>,
    /// The locations that were chosen one after the other; the last one decides.
    pub locations: Vec<BlockId>,
    /// The conditions that were looked at, whether they held or not.
    pub conditions: Vec<NodeRef>,
    /// Where a redirect sends the client, as far as that is known.
    pub redirect: Option<Vec<u8>>,
}

/// A server or location that was chosen.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub name: String,
    pub at: Option<Span>,
    pub why: String,
}

/// Something that happened on the way.
#[derive(Clone, Debug)]
pub struct Step {
    pub at: Option<Span>,
    /// The directive that makes it happen.
    pub by: Option<NodeRef>,
    pub text: String,
}

/// What is sent on.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    pub address: String,
    pub request_line: String,
    pub headers: Vec<Sent>,
}

/// A header that is sent on, and who wrote it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub name: String,
    pub value: Value,
    /// The value for a reader: as written where it is not known.
    pub shown: String,
    pub at: Option<Span>,
    /// Where it comes from if no line writes it.
    pub origin: &'static str,
}

/// Where the files of the target machine lie here, for questions about their existence.
#[derive(Clone, Debug)]
pub struct Roots {
    /// The linted root: outside it nothing is looked up, unless a path map leads there.
    pub root: PathBuf,
    /// What a relative `root` is relative to.
    pub prefix: PathBuf,
    pub maps: Vec<PathMap>,
}

/// A request as a server receives it.
#[derive(Clone, Debug)]
pub struct Request {
    pub tls: bool,
    /// The address it is sent to: a host name, an IP address without brackets, or `unix:/path`.
    pub host: String,
    pub port: u16,
    pub method: Vec<u8>,
    /// Path and query, as in the request line.
    pub target: Vec<u8>,
    /// 10 or 11.
    pub version: u8,
    /// A line of the PROXY protocol comes first.
    pub proxy_line: bool,
    pub headers: Vec<(Vec<u8>, Value)>,
}

impl Request {
    /// The handshake that a browser sends to a URL; each of `headers` (`Name: value`) replaces the header of that
    /// name, and removes it where the value is empty.
    pub fn handshake(url: &Url, headers: &[(String, String)]) -> Self {
        let origin = format!("{}://{}", if url.tls { "https" } else { "http" }, url.authority());
        let mut all: Vec<(Vec<u8>, Value)> = [
            ("Host", url.authority().as_str()),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
            ("Origin", origin.as_str()),
        ]
        .map(|(name, value)| (name.into(), Value::Known(value.into())))
        .into();
        for (name, value) in headers {
            let place = all.iter().position(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
            let header = (name.clone().into_bytes(), Value::Known(value.clone().into_bytes()));
            match place {
                Some(place) if value.is_empty() => drop(all.remove(place)),
                Some(place) => all[place] = header,
                None if value.is_empty() => {}
                None => all.push(header),
            }
        }
        Self {
            tls: url.tls,
            host: url.host.clone(),
            port: url.port,
            method: b"GET".into(),
            target: url.target.clone(),
            version: 11,
            proxy_line: false,
            headers: all,
        }
    }

    /// The header's value, several joined as one list; None where it is not sent.
    pub fn header(&self, name: &[u8]) -> Option<Value> {
        header(&self.headers, name)
    }

    pub fn request_line(&self) -> String {
        let (method, target) = (String::from_utf8_lossy(&self.method), String::from_utf8_lossy(&self.target));
        format!("{method} {target} HTTP/{}.{}", self.version / 10, self.version % 10)
    }
}

/// The value of a header among others, several joined as one list.
fn header(headers: &[(Vec<u8>, Value)], name: &[u8]) -> Option<Value> {
    let mut joined: Option<Vec<u8>> = None;
    for (_, value) in headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)) {
        match value {
            Value::Known(value) => match &mut joined {
                Some(list) => list.extend([&b", "[..], value].concat()),
                None => joined = Some(value.clone()),
            },
            unknown => return Some(unknown.clone()),
        }
    }
    joined.map(Value::Known)
}

/// What an RFC 6455 backend (section 4.2.1) says to a request: None if it must accept it, `Err` where that depends on
/// a value that is not known.
pub fn refusal(request: &Request) -> Result<Option<String>, String> {
    let known = |name: &str| match request.header(name.as_bytes()) {
        None => Ok(None),
        Some(Value::Known(value)) => Ok(Some(value)),
        Some(Value::Unknown(why)) => Err(why),
    };
    let list_has = |value: &Option<Vec<u8>>, token: &str| {
        value.as_ref().is_some_and(|value| crate::routes::has_token(value, token))
    };
    if request.method != b"GET" {
        return Ok(Some(format!("the backend receives {}", String::from_utf8_lossy(&request.method))));
    }
    if !list_has(&known("upgrade")?, "websocket") {
        return Ok(Some("the backend sees no `Upgrade: websocket`".to_string()));
    }
    if !list_has(&known("connection")?, "upgrade") {
        return Ok(Some("the backend sees no `Connection: upgrade`".to_string()));
    }
    if request.version < 11 {
        return Ok(Some("the backend sees HTTP/1.0, and RFC 6455 asks for 1.1".to_string()));
    }
    match known("sec-websocket-key")? {
        Some(key) if key.contains(&b',') => {
            return Ok(Some("the backend sees Sec-WebSocket-Key more than once".to_string()));
        }
        Some(key) if !key.is_empty() => {}
        _ => return Ok(Some("the backend sees no Sec-WebSocket-Key".to_string())),
    }
    if known("sec-websocket-version")?.is_none_or(|version| version != b"13") {
        return Ok(Some("the backend sees no `Sec-WebSocket-Version: 13`".to_string()));
    }
    Ok(None)
}
