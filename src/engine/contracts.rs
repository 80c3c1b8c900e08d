//! What is promised of single URLs: that a WebSocket opens there, and how it is used. Knows how a promise is kept, no
//! server.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use crate::finding::Label;
use crate::handshake::{Hop, Trace, Url, Verdict};
use crate::routes::{Intent, Route};
use crate::source::{FileId, Span};

/// A URL at which a WebSocket must open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub url: Url,
    /// Where the configuration sees its requests, where that is not where clients send them.
    pub via: Option<Via>,
    /// Milliseconds after which the application breaks its silence.
    pub ping_interval: Option<u64>,
    /// Clients have to meet the same backend again.
    pub sticky: bool,
    /// The main configuration it is for; by default those that name its host.
    pub config: Option<PathBuf>,
    /// Where it is written in the settings.
    pub at: Option<Range<u32>>,
    /// Some configuration of the run has to be the one that is meant.
    pub is_expected: bool,
}

/// The socket on which something in front hands requests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    pub tls: bool,
    /// By default the URL's.
    pub host: Option<String>,
    pub port: u16,
}

impl FromStr for Via {
    type Err = String;

    /// Reads `http://:8080` or `https://10.0.0.1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: String| format!("`{text}`: {what}");
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| wrong("write http://:PORT or http://HOST:PORT".to_string()))?;
        let has_host = !rest.starts_with(':');
        // A URL needs a host; the port alone says where.
        let whole = if has_host { text.to_string() } else { format!("{scheme}://localhost{rest}") };
        let url: Url = whole.parse().map_err(|error: String| error.replace(&whole, text))?;
        if url.target != b"/" {
            return Err(wrong("a socket has no path".to_string()));
        }
        Ok(Self { tls: url.tls, host: has_host.then_some(url.host), port: url.port })
    }
}

impl Endpoint {
    pub fn new(url: Url) -> Self {
        Self { url, via: None, ping_interval: None, sticky: false, config: None, at: None, is_expected: true }
    }

    /// What the configuration sees: where the request is sent, and the headers that it then has. What stands in front
    /// tells which scheme the client used, as such proxies do.
    pub fn request(&self) -> (Url, Vec<(String, String)>) {
        let Some(via) = &self.via else { return (self.url.clone(), Vec::new()) };
        let url = Url {
            tls: via.tls,
            host: via.host.clone().unwrap_or_else(|| self.url.host.clone()),
            port: via.port,
            ..self.url.clone()
        };
        let scheme = if self.url.tls { "https" } else { "http" };
        let authority = self.url.authority();
        let headers = [
            ("Host", authority.clone()),
            ("Origin", format!("{scheme}://{authority}")),
            ("X-Forwarded-Proto", scheme.to_string()),
        ];
        (url, headers.map(|(name, value)| (name.to_string(), value)).into())
    }
}

/// An endpoint as one configuration keeps it.
#[derive(Clone, Debug)]
pub struct Contract {
    pub endpoint: Endpoint,
    pub trace: Trace,
    /// The configuration names the endpoint's host, or is named by it.
    pub is_addressed: bool,
    /// Where it is written, as a place of the tree; none where it comes from the command line.
    pub at: Option<Span>,
}

impl Contract {
    /// The contract as part of a story.
    pub fn label(&self, words: &str) -> Option<Label> {
        self.at.map(|span| Label { span, message: words.to_string() })
    }

    /// The places of the handshake's way with what is decided there, the last one last.
    pub fn story(&self) -> Vec<Label> {
        let mut story: Vec<Label> = Vec::new();
        for hop in &self.trace.hops {
            let server = hop.server.iter().map(|server| (server.at, format!("this server: {}", server.why)));
            let route = hop.route.iter().map(|route| (route.at, format!("taken: {}", route.why)));
            let steps = hop.steps.iter().map(|step| (step.at, step.text.clone()));
            for (at, message) in server.chain(route).chain(steps) {
                let Some(span) = at else { continue };
                match story.iter_mut().find(|known| known.span == span) {
                    Some(known) if known.message.contains(&message) => {}
                    Some(known) => known.message += &format!("; {message}"),
                    None => story.push(Label { span, message }),
                }
            }
        }
        story
    }

    /// Where the handshake's fate is decided, as far as a line does.
    pub fn decided_at(&self) -> Option<Span> {
        self.story().pop().map(|label| label.span)
    }

    pub fn is_kept(&self) -> bool {
        self.trace.verdict == Verdict::Upgraded
    }
}

/// Follows the handshake for a URL with headers of the client's.
type Follow<'a> = dyn Fn(&Url, &[(String, String)]) -> Trace + 'a;

/// How one server's configuration is asked about endpoints.
pub struct Asking<'a> {
    pub trace: &'a Follow<'a>,
    /// Whether some virtual server goes by the URL's host.
    pub names: &'a dyn Fn(&Url) -> bool,
    /// Whether a hop of a handshake's way takes this route.
    pub takes: &'a dyn Fn(&Hop, &Route) -> bool,
}

/// Follows every endpoint, and gives the routes on its way their intent where the configuration is the one meant.
/// `settings` is the file that the endpoints are written in.
pub fn enter(
    endpoints: &[Endpoint],
    settings: Option<FileId>,
    routes: &mut [Route],
    asking: &Asking,
) -> Vec<Contract> {
    let mut contracts: Vec<Contract> = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let (url, headers) = endpoint.request();
        let trace = (asking.trace)(&url, &headers);
        let is_addressed = endpoint.config.is_some() || (asking.names)(&endpoint.url);
        let at = settings.zip(endpoint.at.clone());
        let at = at.map(|(file, at)| Span { file, start: at.start, end: at.end });
        if is_addressed {
            for route in &mut *routes {
                if trace.hops.iter().any(|hop| hop.upstream.is_some() && (asking.takes)(hop, route)) {
                    route.intent = Intent::Declared;
                    route.contracts.push(contracts.len() as u32);
                }
            }
        }
        contracts.push(Contract { endpoint: endpoint.clone(), trace, is_addressed, at });
    }
    contracts
}
