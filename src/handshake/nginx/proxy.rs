//! The request that a backend receives: address, request line, headers. Knows nginx's proxy module by version, no
//! other phase.

use super::{Arrival, End, Flow, Followed, Passage, Unknown, location, uri};
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::{names, values, versions};
use crate::effective::{BlockId, Setting, Value};
use crate::handshake::{Request, Sent, Upstream, Verdict};
use crate::routes::address::Address;
use crate::syntax::NameId;
use crate::tree::NodeRef;

/// A request on its way to a backend.
pub(super) struct Proxied {
    /// The directive that sends it.
    pub(super) by: Option<NodeRef>,
    pub(super) upstream: Upstream,
    pub(super) request: Request,
    pub(super) idle_timeout_ms: Option<u64>,
    /// The backend cannot read it as a request at all.
    pub(super) ends: Option<(Verdict, Option<u16>, String)>,
    /// The status that the client sees where the backend refuses.
    pub(super) masked: Option<u16>,
    /// The status that the client sees where the backend accepts.
    pub(super) overwritten: Option<u16>,
}

/// Headers that nginx sends only where they are set, or manages itself.
const NOT_PASSED: [&str; 8] =
    ["connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// A `proxy_pass` value taken apart.
struct Target {
    tls: bool,
    /// Host or upstream name, or `unix:/path`.
    host: String,
    port: Option<u16>,
    /// What stands after host and port.
    uri: Vec<u8>,
    variable: bool,
}

impl Passage<'_, '_> {
    pub(super) fn proxy(&mut self, node: NodeRef) -> Followed<Flow> {
        let target = match self.target(node)? {
            Ok(target) => target,
            Err(flow) => return Ok(flow),
        };
        let default_port = if target.tls { 443 } else { 80 };
        let port = target.port.unwrap_or(default_port);
        let host_header = match () {
            () if target.host.starts_with("unix:") => "localhost".to_string(),
            () if port == default_port => target.host.clone(),
            () => format!("{}:{port}", target.host),
        };
        *self.session.proxy.borrow_mut() = Some((host_header.clone(), port));
        if let Some(flow) = self.all_down(&target) {
            return Ok(flow);
        }
        let Some((address_host, address_port)) = self.address(&target, port) else {
            let host = &target.host;
            let why = format!("`{host}` comes from a variable, and no `resolver` is defined to look it up");
            return Ok(Flow::Fail { status: 502, why });
        };
        let version = self.http_version()?;
        let request = Request {
            tls: target.tls,
            host: address_host.clone(),
            port: address_port,
            method: self.method()?,
            target: self.request_target(&target),
            version,
            proxy_line: false,
            headers: Vec::new(),
        };
        let headers = self.headers(&host_header)?;
        let sent =
            headers.iter().map(|header| (header.name.clone().into_bytes(), header.value.clone())).collect();
        let request = Request { headers: sent, ..request };
        let address = match address_host.starts_with("unix:") {
            true => address_host,
            false if address_host.contains(':') => format!("[{address_host}]:{address_port}"),
            false => format!("{address_host}:{address_port}"),
        };
        let http2 = version == 20;
        let request_line = if http2 { "PRI * HTTP/2.0".to_string() } else { request.request_line() };
        let upstream = Upstream { address, request_line, headers };
        if let Some(flow) = self.times_out(&upstream) {
            return Ok(flow);
        }
        if self.is_doubled(&upstream) {
            return Err(Unknown(
                "whether the mirrored request is answered first, which closes the tunnel".to_string(),
            ));
        }
        let ends = http2.then(|| {
            let why = "the backend is spoken to in HTTP/2, over which nginx upgrades nothing".to_string();
            (Verdict::Refused, None, why)
        });
        Ok(Flow::End(End::Proxied(Box::new(Proxied {
            by: Some(node),
            upstream,
            request,
            idle_timeout_ms: self.milliseconds(names::PROXY_READ_TIMEOUT),
            ends,
            masked: self.masked(),
            overwritten: self.err_status,
        }))))
    }

    pub(super) fn grpc(&mut self, node: NodeRef) -> Flow {
        let address = self.tracer.tree.directive(node).arg(0).map(|word| word.show()).unwrap_or_default();
        let upstream = Upstream { address, request_line: "PRI * HTTP/2.0".to_string(), headers: Vec::new() };
        let why = "gRPC is HTTP/2, over which nginx upgrades nothing".to_string();
        let request = self.session.request.clone();
        let ends = Some((Verdict::Refused, None, why));
        let idle_timeout_ms = None;
        Flow::End(End::Proxied(Box::new(Proxied {
            by: Some(node),
            upstream,
            request,
            idle_timeout_ms,
            ends,
            masked: None,
            overwritten: None,
        })))
    }

    /// Whether `mirror` sends a handshake of its own to the same backend: its 101 closes the connection, before or after
    /// the client's own.
    fn is_doubled(&self, upstream: &Upstream) -> bool {
        let config = self.tracer.config;
        if self.entrance.internal {
            return false;
        }
        let level = config.inherited(self.block, names::MIRROR).level;
        let mut lines = level.into_iter().flat_map(|level| config.own(level, names::MIRROR));
        lines.any(|node| {
            let Some(uri) = self.tracer.tree.directive(node).arg(0).map(|word| word.value().into_owned())
            else {
                return false;
            };
            let host = self.session.host().unwrap_or_default();
            match self.tracer.subrequest(self.server, &String::from_utf8_lossy(&host), &uri) {
                Arrival::Sent { hop, .. } => hop.upstream.is_some_and(|mirrored| {
                    let asks = |name: &str| {
                        mirrored.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name))
                    };
                    mirrored.address == upstream.address && asks("upgrade")
                }),
                Arrival::Answered { .. } | Arrival::Unknown(_) => false,
            }
        })
    }

    /// A timeout of 0 is over before the backend can answer.
    fn times_out(&mut self, upstream: &Upstream) -> Option<Flow> {
        let zero = [names::PROXY_READ_TIMEOUT, names::PROXY_CONNECT_TIMEOUT]
            .into_iter()
            .find(|&name| self.milliseconds(name) == Some(0))?;
        let node = self.in_force(zero)?;
        // A connection that is given up is never sent anything; a request is, before its answer is given up.
        if zero == names::PROXY_READ_TIMEOUT {
            self.hop.upstream = Some(upstream.clone());
        }
        let name = self.tracer.tree.directive(node).name_word().show();
        self.step(node, format!("`{name} 0` is over at once"));
        Some(Flow::Fail { status: 504, why: format!("`{name} 0` gives the backend no time to answer") })
    }

    fn milliseconds(&self, name: NameId) -> Option<u64> {
        match self.tracer.config.time(self.tracer.tree, self.block, name) {
            Setting::Written { value, .. } | Setting::Default { value, .. } => Some(value),
            Setting::Absent | Setting::Opaque => None,
        }
    }

    /// The value of `proxy_pass`; `Err` where nginx answers by itself.
    fn target(&mut self, node: NodeRef) -> Followed<Result<Target, Flow>> {
        let directive = self.tracer.tree.directive(node);
        let word = directive.arg(0).filter(|word| !word.is_hole());
        let word = word.ok_or_else(|| Unknown("a backend that a template fills in".to_string()))?;
        let written = word.value();
        let variable = memchr::memchr(b'$', &written).is_some();
        let value = match variable {
            true => self.known(self.evaluator.evaluate(self.block, &written))?,
            false => written.into_owned(),
        };
        let text = String::from_utf8_lossy(&value).into_owned();
        let lower = text.to_ascii_lowercase();
        let (tls, rest) = match () {
            () if lower.starts_with("http://") => (false, &text[7..]),
            () if lower.starts_with("https://") => (true, &text[8..]),
            () => {
                let why = format!("`{text}` begins with neither http:// nor https://");
                return Ok(Err(Flow::Fail { status: 500, why }));
            }
        };
        let (authority, uri) = match rest.strip_prefix("unix:") {
            Some(path) => {
                let (path, uri) = path.split_once(':').unwrap_or((path, ""));
                (format!("unix:{path}"), uri.as_bytes().to_vec())
            }
            None => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                (rest[..end].to_string(), rest.as_bytes()[end..].to_vec())
            }
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.starts_with("unix:") && !authority.ends_with(']') => {
                (host.to_string(), port.parse().ok())
            }
            _ => (authority, None),
        };
        Ok(Ok(Target { tls, host, port, uri, variable }))
    }

    /// Where the connection goes: the first server of an upstream block, else the host itself. None where a host
    /// from a variable cannot be looked up.
    fn address(&self, target: &Target, port: u16) -> Option<(String, u16)> {
        let config = self.tracer.config;
        let lower = target.host.to_ascii_lowercase();
        // With a port a variable's value is never the name of an upstream block.
        let named = target.port.is_none() || !target.variable;
        if let Some(&block) = config.upstreams.get(lower.as_bytes()).filter(|_| named) {
            return Some(self.first_server(block).unwrap_or((target.host.clone(), port)));
        }
        let bare = target.host.trim_start_matches('[').trim_end_matches(']').to_string();
        let scheme = if target.tls { "https" } else { "http" }.to_string();
        let address = Address { scheme, host: lower, port: target.port };
        if target.variable
            && self.in_force(names::RESOLVER).is_none()
            && !self.tracer.is_known_at_start(&address)
        {
            return None;
        }
        Some((bare, port))
    }

    /// Where no server of the upstream may be asked, nobody is.
    fn all_down(&mut self, target: &Target) -> Option<Flow> {
        let config = self.tracer.config;
        let block = *config.upstreams.get(target.host.to_ascii_lowercase().as_bytes())?;
        let is_down = |node| self.tracer.tree.directive(node).args().skip(1).any(|word| word.is("down"));
        let all = config.own(block, names::SERVER).all(is_down);
        if config.block(block).opaque || config.block(block).broken || !all {
            return None;
        }
        let first = config.own(block, names::SERVER).next()?;
        self.step(first, "no server of this upstream may be asked");
        let why = format!("every server of upstream `{}` is `down`", target.host);
        Some(Flow::Fail { status: 502, why })
    }

    fn first_server(&self, upstream: BlockId) -> Option<(String, u16)> {
        let config = self.tracer.config;
        let servers = || config.own(upstream, names::SERVER);
        let is = |node: NodeRef, flag: &str| {
            self.tracer.tree.directive(node).args().skip(1).any(|word| word.is(flag))
        };
        let node = servers()
            .find(|&node| !is(node, "down") && !is(node, "backup"))
            .or_else(|| servers().find(|&node| !is(node, "down")))?;
        let text = self.tracer.tree.directive(node).arg(0)?.show();
        if text.starts_with("unix:") {
            return Some((text, 0));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host.to_string(), port.parse().ok()?),
            _ => (text, 80),
        };
        Some((host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase(), port))
    }

    fn http_version(&self) -> Followed<u8> {
        match self.tracer.config.proxy_http_version(self.tracer.tree, self.block) {
            Setting::Written { value, .. } => Ok(value),
            Setting::Default { value, older } => Ok(match older {
                Some((older, since)) if self.tracer.version < since => older,
                _ => value,
            }),
            Setting::Absent | Setting::Opaque => Err(self.tracer.unseen(self.block)),
        }
    }

    fn method(&self) -> Followed<Vec<u8>> {
        match self.in_force(names::PROXY_METHOD).and_then(|node| self.tracer.tree.directive(node).arg(0)) {
            Some(word) => self.known(self.evaluator.evaluate(self.block, &word.value())),
            None => Ok(self.session.request.method.clone()),
        }
    }

    /// Path and query as `ngx_http_proxy_create_request` puts them together.
    fn request_target(&self, target: &Target) -> Vec<u8> {
        let session = self.session;
        if target.variable && !target.uri.is_empty() {
            let slash: &[u8] = if target.uri.starts_with(b"?") { b"/" } else { b"" };
            return [slash, &target.uri].concat();
        }
        if target.uri.is_empty() && session.valid_unparsed_uri.get() {
            return session.request.target.clone();
        }
        let location = self.tracer.config.enclosing(self.block, LOCATION);
        let prefix = location.and_then(|block| location::prefix_len(self.tracer, block));
        let replaced = match prefix {
            Some(len) if session.valid_location.get() && !target.uri.is_empty() => len,
            _ => 0,
        };
        let path = session.uri.borrow();
        let rest = path.get(replaced..).unwrap_or_default();
        let rest = if session.quoted || session.internal.get() { uri::escaped(rest) } else { rest.to_vec() };
        let args = session.args.borrow();
        let query: &[u8] = if args.is_empty() { b"" } else { b"?" };
        // After `rewrite ... break` the URI is the whole new path: what proxy_pass adds is left out.
        let added: &[u8] = if session.valid_location.get() { &target.uri } else { b"" };
        [added, &rest, query, &args].concat()
    }

    /// Written headers, then nginx's own, then the client's, as the backend receives them.
    fn headers(&mut self, host: &str) -> Followed<Vec<Sent>> {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let inherited = config.inherited(self.block, names::PROXY_SET_HEADER);
        if inherited.opaque {
            return Err(self.tracer.unseen(self.block));
        }
        let mut sent: Vec<Sent> = Vec::new();
        let mut set: Vec<String> = Vec::new();
        for node in inherited.level.into_iter().flat_map(|level| config.own(level, names::PROXY_SET_HEADER)) {
            let directive = tree.directive(node);
            let (Some(name), Some(word)) = (directive.arg(0), directive.arg(1)) else { continue };
            let value = match word.is_hole() {
                true => Value::Unknown("a template's expression".to_string()),
                false => self.evaluator.evaluate(self.block, &word.value()),
            };
            let name = name.show();
            set.push(name.to_ascii_lowercase());
            if value.known().is_some_and(<[u8]>::is_empty) {
                continue;
            }
            // On the wire a name ends at its first colon, wherever the configuration has it.
            let (name, value) = match name.split_once(':') {
                Some((name, rest)) => (name.to_string(), prefixed(rest, value)),
                None => (name, value),
            };
            let shown = value
                .known()
                .map_or_else(|| word.show(), |value| String::from_utf8_lossy(value).into_owned());
            sent.push(Sent { name, value, shown, at: Some(self.tracer.span(node)), origin: "set here" });
        }
        self.one_host(&mut sent, &mut set);
        if !set.iter().any(|name| name == "host") {
            sent.push(own("Host", host, "nginx's default, $proxy_host"));
        }
        if !set.iter().any(|name| name == "connection") && self.tracer.version < versions::NEW_PROXY_DEFAULTS
        {
            sent.push(own("Connection", "close", "nginx's default before 1.29.7"));
        }
        let passes =
            self.in_force(names::PROXY_PASS_REQUEST_HEADERS).is_none_or(|node| !self.says(node, "off"));
        let client = self.session.request.headers.iter().filter(|_| passes);
        for (name, value) in client {
            let name = String::from_utf8_lossy(name).into_owned();
            let lower = name.to_ascii_lowercase();
            if set.contains(&lower) || NOT_PASSED.contains(&lower.as_str()) {
                continue;
            }
            let shown = value
                .known()
                .map_or_else(|| "?".to_string(), |value| String::from_utf8_lossy(value).into_owned());
            sent.push(Sent { name, value: value.clone(), shown, at: None, origin: "the client's" });
        }
        Ok(sent)
    }

    /// From 1.31.4 on only the last Host that is set is sent, and an empty one counts as none.
    fn one_host(&self, sent: &mut Vec<Sent>, set: &mut Vec<String>) {
        if self.tracer.version < versions::ONE_HOST {
            return;
        }
        let hosts = sent.iter().filter(|header| header.name.eq_ignore_ascii_case("host")).count();
        let mut before_last = hosts.saturating_sub(1);
        sent.retain(|header| {
            let drop = header.name.eq_ignore_ascii_case("host") && before_last > 0;
            before_last -= usize::from(drop);
            !drop
        });
        if hosts == 0 {
            set.retain(|name| name != "host");
        }
    }

    /// The status that stands in for a refusal, by `proxy_intercept_errors` and an `error_page` for 426.
    fn masked(&self) -> Option<u16> {
        let intercepts =
            self.in_force(names::PROXY_INTERCEPT_ERRORS).is_some_and(|node| self.says(node, "on"));
        if !intercepts {
            return None;
        }
        let config = self.tracer.config;
        let level = config.inherited(self.block, names::ERROR_PAGE).level?;
        config.own(level, names::ERROR_PAGE).find_map(|node| {
            let words: Vec<Vec<u8>> =
                self.tracer.tree.directive(node).args().map(|word| word.value().into_owned()).collect();
            let overwrite = words.iter().find_map(|word| word.strip_prefix(b"="))?;
            let masks = words.iter().any(|word| word == b"426");
            masks.then(|| values::number(overwrite).and_then(|code| u16::try_from(code).ok())).flatten()
        })
    }
}

fn prefixed(rest: &str, value: Value) -> Value {
    match value {
        Value::Known(value) => Value::Known([rest.as_bytes(), b": ", &value].concat()),
        unknown => unknown,
    }
}

fn own(name: &str, value: &str, origin: &'static str) -> Sent {
    Sent {
        name: name.to_string(),
        value: Value::Known(value.as_bytes().to_vec()),
        shown: value.to_string(),
        at: None,
        origin,
    }
}
