//! Sending a request on: the worker, the module that speaks its scheme, and what the backend then receives
//! (`proxy_handler`, `ap_proxy_create_hdrbrgd`, `proxy_http_handler`, `proxy_wstunnel_handler`).

use super::mapping::{Target, TargetKind};
use super::{Go, Outcome, Request, Session, Upstream, upstream};
use crate::effective::apache::params::allows;
use crate::effective::apache::proxy::{Want, is_balancer};
use crate::effective::apache::url::Url;
use crate::effective::apache::{Worker, names, versions};
use crate::effective::{Setting, Value};
use crate::handshake::Sent;
use crate::tree::NodeRef;

/// The module that speaks to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    Http,
    /// mod_proxy_wstunnel itself, without mod_proxy_http's help.
    Wstunnel,
}

/// A request that is sent on.
#[derive(Clone, Debug)]
pub struct Forwarded {
    pub by: NodeRef,
    pub why: String,
    pub handler: Handler,
    /// The line whose worker is used; none for one that no line names.
    pub worker: Option<NodeRef>,
    /// The request as the backend receives it.
    pub next: Request,
    pub upstream: Upstream,
    /// The socket's file that is connected to.
    pub socket: Option<String>,
    /// The worker lets a WebSocket through.
    pub upgrades: bool,
    /// Why the backend sees no upgrade, where a line is to blame.
    pub because: Option<String>,
    /// What comes of it though it was sent on.
    pub failure: Option<Outcome>,
    pub is_tls_mismatch: bool,
    /// Milliseconds; none where nothing cuts the tunnel.
    pub idle_timeout_ms: Option<u64>,
}

/// How a target's URL is served.
struct Route<'w> {
    url: Url,
    worker: Option<&'w Worker>,
}

impl Session<'_> {
    /// Whether mod_proxy_wstunnel itself serves `ws://` here: without mod_proxy_http, or told to.
    pub(super) fn has_real_wstunnel(&self) -> bool {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let modules = config.modules(tree);
        if !modules.is_loaded("mod_proxy_wstunnel.c") {
            return false;
        }
        let node = config.in_sections(&self.sections, self.server, names::PROXY_WEBSOCKET_FALLBACK);
        let fallback = config.flag(tree, node).unwrap_or(true);
        modules.is_missing("mod_proxy_http.c") || !fallback || self.tracer.version < versions::HTTP_UPGRADES
    }

    /// mod_proxy_wstunnel leaves a request without Upgrade to the next line.
    pub(super) fn wstunnel_declines(&self, url: &[u8]) -> Option<String> {
        let lower = url.to_ascii_lowercase();
        let is_ws = lower.starts_with(b"ws:") || lower.starts_with(b"wss:");
        let plain = self.header(b"upgrade").is_none();
        (is_ws && plain && self.has_real_wstunnel())
            .then(|| "no Upgrade, so mod_proxy_wstunnel leaves it to the next line".to_string())
    }

    pub(super) fn forward(&mut self, target: Target) -> Go<Outcome> {
        let by = target.by;
        let modules = self.tracer.config.modules(self.tracer.tree);
        if modules.is_missing("mod_proxy.c") {
            let why = "a rewrite rule sends it on, and mod_proxy is not loaded";
            return Err(Outcome::answered(403, why, Some(by)));
        }
        let Some(written) = target.url.clone() else {
            return Err(Outcome::unknown("where the request is sent", Some(by)));
        };
        if is_balancer(&written) {
            return self.forward_to_balancer(&target, &written);
        }
        let Some(mut url) = self.canonical(&target)? else {
            // Whoever might speak this scheme has its own way to take URLs apart.
            let url = Url::parse(&written).map_err(|_| no_handler(&written, by))?;
            return self.send(&target, Route { url, worker: None });
        };
        let worker = self.find_worker(&url.name());
        if let Some(worker) = worker {
            url.socket = url.socket.or_else(|| worker.url.socket.clone());
        }
        self.send(&target, Route { url, worker })
    }

    /// The longest of the main server's and the virtual host's; the main server's of equals.
    fn find_worker(&self, url: &[u8]) -> Option<&Worker> {
        let config = self.tracer.config;
        let own = &config.server(self.server).proxies.workers;
        let own = own.find(url, Want::Either).map(|index| own.get(index));
        if !config.inherits_workers(self.tracer.tree, self.server) {
            return own;
        }
        let main = &config.main().proxies.workers;
        let main = main.find(url, Want::Either).map(|index| main.get(index));
        match (main, own) {
            (Some(main), Some(own)) if own.name.len() > main.name.len() => Some(own),
            (main, own) => main.or(own),
        }
    }

    fn forward_to_balancer(&mut self, target: &Target, url: &[u8]) -> Go<Outcome> {
        let config = self.tracer.config;
        let by = target.by;
        let modules = config.modules(self.tracer.tree);
        if modules.is_missing("mod_proxy_balancer.c") {
            let why = "no protocol handler for `balancer:`: mod_proxy_balancer is not loaded";
            return Err(Outcome::answered(500, why, Some(by)));
        }
        let own = config.server(self.server).proxies.balancer(url);
        let main = config.main().proxies.balancer(url);
        // Where both have one of this name, the virtual host's members are lost (`merge_balancers`).
        let found = main.filter(|_| config.inherits_workers(self.tracer.tree, self.server)).or(own);
        let Some(balancer) = found else {
            let why = "no protocol handler for `balancer:`: nobody defines a balancer of this name";
            return Err(Outcome::answered(500, why, Some(by)));
        };
        let usable = |member: &&Worker| {
            let status = member.params.get("status").map(|param| param.value.to_ascii_uppercase());
            !status.is_some_and(|status| takes_out(&status))
        };
        let Some(member) = balancer.members.iter().find(usable) else {
            return Err(Outcome::answered(503, "no workers in the balancer", Some(by)));
        };
        let after = memchr::memmem::find(url, b"://").map_or(url.len(), |at| at + 3);
        let path = memchr::memchr(b'/', &url[after..]).map_or(&b"/"[..], |at| &url[after + at..]);
        let whole = [&member.name[..], path].concat();
        let Some(mut url) = self.canonical_url(&whole, target)? else {
            let why = "no module that is loaded speaks to the balancer's members";
            return Err(Outcome::answered(503, why, Some(by)));
        };
        url.socket.clone_from(&member.url.socket);
        self.send(target, Route { url, worker: Some(member) })
    }

    /// Speaks the target's scheme, or says why nobody does.
    fn send(&self, target: &Target, route: Route) -> Go<Outcome> {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let modules = config.modules(tree);
        let by = target.by;
        let scheme = route.url.scheme.as_str();
        let nobody = || {
            let why = format!("no protocol handler for `{scheme}:` is loaded");
            Outcome::answered(500, why, Some(by))
        };
        let is_ws = matches!(scheme, "ws" | "wss");
        let handler = match scheme {
            "ws" | "wss" if self.has_real_wstunnel() => Handler::Wstunnel,
            "ws" | "wss" if self.tracer.version < versions::HTTP_UPGRADES => return Err(nobody()),
            "http" | "https" | "ws" | "wss" if modules.is_missing("mod_proxy_http.c") => return Err(nobody()),
            "http" | "https" | "ws" | "wss" => Handler::Http,
            "h2" | "h2c" if modules.is_missing("mod_proxy_http2.c") => return Err(nobody()),
            "h2" | "h2c" => return Ok(self.over_http2(target, &route)),
            "ajp" | "fcgi" | "scgi" | "uwsgi" | "ftp" => {
                let module = format!("mod_proxy_{scheme}.c");
                if modules.is_missing(&module) {
                    return Err(nobody());
                }
                let why = format!("`{scheme}:` carries no WebSocket");
                return Err(Outcome::Answered { status: None, why, at: Some(by), location: None });
            }
            _ => return Err(nobody()),
        };
        check_name(&route.url, by)?;
        self.check_blocked(&route.url, by)?;
        if matches!(scheme, "https" | "wss") {
            self.check_proxy_tls(&route, by, &nobody)?;
        }
        let upgrade = match self.header(b"upgrade") {
            Some(Value::Unknown(why)) => return Err(Outcome::unknown(why, Some(by))),
            Some(Value::Known(value)) => Some(value),
            None => None,
        };
        let allowed = upgrade.as_ref().filter(|upgrade| can_upgrade(route.worker, upgrade, is_ws));
        if handler == Handler::Wstunnel && allowed.is_none() {
            let why = "mod_proxy_wstunnel asks for an Upgrade that this worker allows";
            return Err(Outcome::answered(426, why, Some(by)));
        }
        let old_protocol = self.environment.iter().rfind(|(name, _)| name == b"force-proxy-request-1.0");
        let old_protocol = match old_protocol.map(|(_, value)| value) {
            Some(Value::Unknown(why)) => return Err(Outcome::unknown(why.clone(), Some(by))),
            Some(_) if handler == Handler::Http => true,
            _ => false,
        };
        let upgrades = allowed.is_some() && !old_protocol;
        let next = self.next_request(target, &route, handler, allowed.filter(|_| upgrades), old_protocol);
        let because = (!upgrades).then(|| self.because(&route, is_ws, old_protocol)).flatten();
        let mut forwarded = Forwarded {
            by,
            why: target.why.clone(),
            handler,
            worker: route.worker.map(|worker| worker.at),
            upstream: upstream(address(&route.url), &next),
            socket: route.url.socket.clone(),
            upgrades,
            because,
            failure: self.failure(&route, by),
            is_tls_mismatch: false,
            idle_timeout_ms: self.idle_limit(route.worker, handler),
            next,
        };
        forwarded.upstream.headers =
            forwarded.next.headers.iter().map(|(name, value)| sent(name, value)).collect();
        Ok(Outcome::Forwarded(Box::new(forwarded)))
    }

    /// Why the line does not let a WebSocket through.
    fn because(&self, route: &Route, is_ws: bool, old_protocol: bool) -> Option<String> {
        if old_protocol {
            return Some("force-proxy-request-1.0 is set".to_string());
        }
        match route.worker.and_then(|worker| worker.params.get("upgrade")) {
            Some(param) => {
                Some(format!("`upgrade={}` does not allow it", String::from_utf8_lossy(&param.value)))
            }
            None if is_ws => None,
            None => Some(format!("`{}:` without upgrade=websocket forwards no Upgrade", route.url.scheme)),
        }
    }

    /// No mod_proxy_http2 sends an Upgrade.
    fn over_http2(&self, target: &Target, route: &Route) -> Outcome {
        let mut next = self.next_request(target, route, Handler::Http, None, false);
        next.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(b"connection"));
        let upstream = Upstream {
            address: address(&route.url),
            request_line: "PRI * HTTP/2.0".to_string(),
            headers: Vec::new(),
        };
        Outcome::Forwarded(Box::new(Forwarded {
            by: target.by,
            why: target.why.clone(),
            handler: Handler::Http,
            worker: route.worker.map(|worker| worker.at),
            next,
            upstream,
            socket: route.url.socket.clone(),
            upgrades: false,
            because: Some("HTTP/2 to a backend carries no Upgrade".to_string()),
            failure: None,
            is_tls_mismatch: false,
            idle_timeout_ms: None,
        }))
    }

    /// `ProxyBlock`
    fn check_blocked(&self, url: &Url, by: NodeRef) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        for level in self.levels() {
            for node in config.own(level, names::PROXY_BLOCK) {
                let hit = tree.directive(node).args().any(|word| {
                    let word = word.value().to_ascii_lowercase();
                    word == b"*" || memchr::memmem::find(url.host.as_bytes(), &word).is_some()
                });
                if hit {
                    return Err(Outcome::answered(403, "ProxyBlock names the backend", Some(node)));
                }
            }
            let remote = config.own(level, names::PROXY_REMOTE).next();
            if let Some(node) = remote {
                let scheme = tree.directive(node).arg(0).map(|word| word.show()).unwrap_or_default();
                if scheme == "*"
                    || scheme.eq_ignore_ascii_case(&url.scheme)
                    || url_text(url).starts_with(&scheme)
                {
                    return Err(Outcome::unknown("the proxy that ProxyRemote sends it to", Some(by)));
                }
            }
        }
        Ok(())
    }

    fn check_proxy_tls(&self, route: &Route, by: NodeRef, nobody: &dyn Fn() -> Outcome) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let modules = config.modules(tree);
        if modules.is_missing("mod_ssl.c") {
            return Err(nobody());
        }
        let flag = |name, default| {
            config.flag(tree, config.in_sections(&self.sections, self.server, name)).unwrap_or(default)
        };
        let engine = config.in_sections(&self.sections, self.server, names::SSL_PROXY_ENGINE);
        match engine {
            None if !config.complete => {
                return Err(Outcome::unknown(
                    "whether SSLProxyEngine is on in a file that was not seen",
                    Some(by),
                ));
            }
            engine if config.flag(tree, engine) != Some(true) => {
                let why = "TLS to the backend, and SSLProxyEngine is not on";
                return Err(Outcome::answered(500, why, engine.or(Some(by))));
            }
            _ => {}
        }
        let verify = config.in_sections(&self.sections, self.server, names::SSL_PROXY_VERIFY);
        let requires = verify.and_then(|node| tree.directive(node).arg(0));
        let requires = requires.is_some_and(|word| word.value().eq_ignore_ascii_case(b"require"));
        let authorities = [names::SSL_PROXY_CA_CERTIFICATE_FILE, names::SSL_PROXY_CA_CERTIFICATE_PATH];
        let knows_any = |name| config.in_sections(&self.sections, self.server, name).is_some();
        if requires && !authorities.into_iter().any(knows_any) {
            let why = "SSLProxyVerify require, and no authority's certificate to verify with";
            return Err(Outcome::answered(500, why, verify));
        }
        let checks_names =
            flag(names::SSL_PROXY_CHECK_PEER_NAME, true) && flag(names::SSL_PROXY_CHECK_PEER_CN, true);
        let is_address = route.url.bare_host().parse::<std::net::IpAddr>().is_ok();
        if checks_names && is_address {
            let why =
                "the backend's certificate is checked against its name, and an IP address never matches";
            return Err(Outcome::answered(500, why, Some(by)));
        }
        Ok(())
    }

    /// `Timeout 0` waits for no connection.
    fn failure(&self, route: &Route, by: NodeRef) -> Option<Outcome> {
        let has_time = route.worker.is_some_and(|worker| worker.params.timeout().is_some())
            || self.tracer.config.in_force(self.server, names::PROXY_TIMEOUT).is_some();
        let at = self.no_time.filter(|_| !has_time)?;
        let _ = by;
        Some(Outcome::answered(503, "`Timeout 0` waits for no connection to a backend", Some(at)))
    }

    fn idle_limit(&self, worker: Option<&Worker>, handler: Handler) -> Option<u64> {
        if handler == Handler::Wstunnel {
            return None;
        }
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let value = |setting: Setting<u64>| match setting {
            Setting::Written { value, .. } | Setting::Default { value, .. } => Some(value),
            Setting::Absent | Setting::Opaque => None,
        };
        let client = value(config.timeout(tree, self.server))?;
        let backend = value(config.backend_timeout(tree, self.server, worker))?;
        Some(match self.tracer.version < versions::LONGER_IDLE_LIMIT {
            true => client.min(backend),
            false => client.max(backend),
        })
    }

    fn next_request(
        &self,
        target: &Target,
        route: &Route,
        handler: Handler,
        upgrade: Option<&Vec<u8>>,
        old_protocol: bool,
    ) -> Request {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let url = &route.url;
        let mut headers: Vec<(Vec<u8>, Value)> = Vec::new();
        let preserve = config.in_sections(&self.sections, self.server, names::PROXY_PRESERVE_HOST);
        let preserves = config.flag(tree, preserve).unwrap_or(false);
        let asked = self.header(b"host").unwrap_or_else(Value::empty);
        let own_host = Value::Known(url.authority().into_bytes());
        headers.push((b"Host".to_vec(), if preserves { asked.clone() } else { own_host }));
        let hop_by_hop = self.hop_by_hop();
        for (name, value) in &self.headers {
            let lower = name.to_ascii_lowercase();
            if lower != b"host" && !hop_by_hop.contains(&lower) {
                headers.push((name.clone(), value.clone()));
            }
        }
        let adds = config.in_sections(&self.sections, self.server, names::PROXY_ADD_HEADERS);
        if config.flag(tree, adds).unwrap_or(true) {
            let client = Value::Unknown("the client's address".to_string());
            let name = Value::Known(self.tracer.host_of(self.server).into_bytes());
            headers.push((b"X-Forwarded-For".to_vec(), client));
            headers.push((b"X-Forwarded-Host".to_vec(), asked));
            headers.push((b"X-Forwarded-Server".to_vec(), name));
        }
        match upgrade {
            Some(upgrade) => {
                let token = match handler {
                    Handler::Wstunnel => wstunnel_token(route.worker, upgrade),
                    Handler::Http => upgrade.clone(),
                };
                headers.push((b"Upgrade".to_vec(), Value::Known(token)));
                headers.push((b"Connection".to_vec(), Value::Known(b"Upgrade".to_vec())));
            }
            None if old_protocol => {}
            None => {
                let kept = route.worker.is_some_and(keeps_connections)
                    && target.kind != TargetKind::Handler
                    && !self.environment.iter().any(|(name, _)| name == b"proxy-nokeepalive");
                let value: &[u8] = if kept { b"Keep-Alive" } else { b"close" };
                headers.push((b"Connection".to_vec(), Value::Known(value.to_vec())));
            }
        }
        let path = if url.path.is_empty() { b"/".to_vec() } else { url.path.clone() };
        Request {
            tls: matches!(url.scheme.as_str(), "https" | "wss"),
            host: url.bare_host().to_string(),
            port: url.port(),
            method: self.request.method.clone(),
            target: path,
            version: if old_protocol { 10 } else { 11 },
            proxy_line: false,
            headers,
        }
    }

    /// Headers that are for this hop alone, those that Connection names too.
    fn hop_by_hop(&self) -> Vec<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = [
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "trailers",
            "upgrade",
            "proxy-authorization",
            "proxy-connection",
            "transfer-encoding",
        ]
        .map(|name| name.as_bytes().to_vec())
        .into();
        if let Some(Value::Known(list)) = self.header(b"connection") {
            names.extend(list.split(|&byte| byte == b',').map(|name| name.trim_ascii().to_ascii_lowercase()));
        }
        names
    }
}

fn no_handler(url: &[u8], by: NodeRef) -> Outcome {
    let scheme = url.split(|&byte| byte == b':').next().unwrap_or_default();
    let why = format!("no protocol handler for `{}:` is loaded", String::from_utf8_lossy(scheme));
    Outcome::answered(500, why, Some(by))
}

/// A name that no name server knows.
fn check_name(url: &Url, by: NodeRef) -> Go {
    let why = match url.host.as_str() {
        host if host.contains("${") => {
            "a variable that nothing defines stands for the host, and no name is looked up like that"
        }
        host if host.contains(':') && !host.starts_with('[') => {
            "the host is none that could be looked up: what stands behind its colon is no port"
        }
        _ => return Ok(()),
    };
    match url.socket {
        Some(_) => Ok(()),
        None => Err(Outcome::answered(500, why, Some(by))),
    }
}

/// Whether a worker lets this Upgrade through (`ap_proxy_worker_can_upgrade`).
fn can_upgrade(worker: Option<&Worker>, upgrade: &[u8], is_ws: bool) -> bool {
    match worker.and_then(|worker| worker.params.get("upgrade")) {
        Some(param) if !param.value.is_empty() => allows(&param.value, upgrade),
        _ => is_ws && upgrade.eq_ignore_ascii_case(b"websocket"),
    }
}

/// What mod_proxy_wstunnel asks its backend for: what the worker allows, whatever the client's spelling.
fn wstunnel_token(worker: Option<&Worker>, asked: &[u8]) -> Vec<u8> {
    match worker.and_then(|worker| worker.params.get("upgrade")).map(|param| &param.value[..]) {
        None | Some(b"") => b"WebSocket".to_vec(),
        Some(b"*") => asked.to_vec(),
        Some(value) if value.eq_ignore_ascii_case(b"any") => asked.to_vec(),
        Some(value) => value.to_vec(),
    }
}

/// Whether connections to the backend stay open.
fn keeps_connections(worker: &Worker) -> bool {
    let is_on = |key: &str| worker.params.get(key).map(|param| param.value.eq_ignore_ascii_case(b"on"));
    let disabled = match (is_on("disablereuse"), is_on("enablereuse")) {
        (Some(disabled), _) => disabled,
        (None, Some(enabled)) => !enabled,
        // Where `$1` stands for part of the target, there is a connection for each.
        (None, None) => worker.is_match && worker.name.contains(&b'$'),
    };
    !disabled
}

/// `status=` with a letter that takes a member out: D, S, E, N without `-` before it.
fn takes_out(status: &[u8]) -> bool {
    let mut on = true;
    let mut out = false;
    for byte in status {
        match byte {
            b'+' => on = true,
            b'-' => on = false,
            b'D' | b'S' | b'E' | b'H' | b'R' => out = on,
            _ => {}
        }
    }
    out
}

fn address(url: &Url) -> String {
    match &url.socket {
        Some(socket) => format!("unix:{socket}"),
        None => format!("{}:{}", url.host, url.port()),
    }
}

fn url_text(url: &Url) -> String {
    format!("{}://{}", url.scheme, url.authority())
}

fn sent(name: &[u8], value: &Value) -> Sent {
    let shown = match value {
        Value::Known(value) => String::from_utf8_lossy(value).into_owned(),
        Value::Unknown(why) => format!("({why})"),
    };
    Sent {
        name: String::from_utf8_lossy(name).into_owned(),
        value: value.clone(),
        shown,
        at: None,
        origin: "",
    }
}
