//! Sending a request on: the worker and the module that speaks its scheme (`proxy_handler`, `proxy_http_handler`,
//! `proxy_wstunnel_handler`). Knows not what the backend then receives.

use super::mapping::{Target, TargetKind};
use super::reach::check_name;
use super::{Go, Outcome, Request, Session, Upstream, upstream};
use crate::effective::Value;
use crate::effective::apache::params::allows;
use crate::effective::apache::proxy::is_balancer;
use crate::effective::apache::url::{Url, after_scheme};
use crate::effective::apache::{Worker, names, versions};
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
    pub socket: Option<Box<str>>,
    /// The worker lets a WebSocket through.
    pub upgrades: bool,
    /// Why the backend sees no upgrade, where a line is to blame.
    pub because: Option<String>,
    /// What comes of it though it was sent on.
    pub failure: Option<Outcome>,
    /// Milliseconds; none where nothing cuts the tunnel.
    pub idle_timeout_ms: Option<u64>,
}

/// How a target's URL is served.
pub(super) struct Route<'w> {
    pub url: Url,
    pub worker: Option<&'w Worker>,
}

impl Session<'_> {
    /// Whether mod_proxy_wstunnel itself serves `ws://` here: without mod_proxy_http, or told to.
    pub(super) fn has_real_wstunnel(&self) -> bool {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let modules = config.modules(tree);
        let node = config.in_sections(&self.sections, self.server, names::PROXY_WEBSOCKET_FALLBACK);
        if config.flag(tree, node) == Some(false) {
            // Only the module itself has this directive.
            return !modules.is_missing("mod_proxy_wstunnel.c");
        }
        let alone = modules.is_missing("mod_proxy_http.c") || self.tracer.version < versions::HTTP_UPGRADES;
        alone && modules.is_loaded("mod_proxy_wstunnel.c")
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
        self.taken_by = Some(by);
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
        let canonical = self.canonical(&target)?;
        if canonical.is_none() && target.kind == TargetKind::Handler {
            // No module takes the URL for its own, and so the file is served.
            return Ok(self.serve_file());
        }
        let Some(mut url) = canonical else {
            // Whoever might speak this scheme has its own way to take URLs apart.
            let url = Url::parse(&written).map_err(|_| no_handler(&written, by))?;
            return self.send(&target, Route { url, worker: None });
        };
        let worker = self.tracer.config.worker(self.tracer.tree, self.server, url.name());
        if let Some(worker) = worker {
            url.socket = url.socket.or_else(|| worker.url.socket.clone());
        }
        self.send(&target, Route { url, worker })
    }

    fn forward_to_balancer(&mut self, target: &Target, url: &[u8]) -> Go<Outcome> {
        let config = self.tracer.config;
        let by = target.by;
        let modules = config.modules(self.tracer.tree);
        if modules.is_missing("mod_proxy_balancer.c") {
            let why = "no protocol handler for `balancer:`: mod_proxy_balancer is not loaded";
            return Err(Outcome::answered(500, why, Some(by)));
        }
        let found = config.balancer(self.tracer.tree, self.server, url);
        let Some(balancer) = found else {
            let why = "no protocol handler for `balancer:`: nobody defines a balancer of this name";
            return Err(Outcome::answered(500, why, Some(by)));
        };
        let usable = |member: &&Worker| {
            let status = member.params.get("status").map(|param| param.value().to_ascii_uppercase());
            !status.is_some_and(|status| takes_out(&status))
        };
        let Some(member) = balancer.members.iter().find(usable) else {
            return Err(Outcome::answered(503, "no workers in the balancer", Some(by)));
        };
        let after = after_scheme(url).unwrap_or(url.len());
        let path = memchr::memchr(b'/', &url[after..]).map_or(&b"/"[..], |at| &url[after + at..]);
        let whole = [member.name(), path].concat();
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
        let scheme = route.url.scheme();
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
        let upgrade = match self.header(b"upgrade") {
            Some(Value::Unknown(why)) => return Err(Outcome::unknown(why, Some(by))),
            Some(Value::Known(value)) => Some(value),
            None => None,
        };
        let allowed = upgrade.as_ref().filter(|upgrade| can_upgrade(route.worker, upgrade, is_ws));
        let allowed = allowed.filter(|_| is_ws || self.tracer.version >= versions::HTTP_UPGRADES);
        if handler == Handler::Wstunnel && allowed.is_none() {
            let why = "mod_proxy_wstunnel asks for an Upgrade that this worker allows";
            return Err(Outcome::answered(426, why, Some(by)));
        }
        check_name(&route.url, by)?;
        self.check_blocked(&route.url, by)?;
        if matches!(scheme, "https" | "wss") {
            self.check_proxy_tls(&route, by, &nobody)?;
        }
        let old_protocol = self.environment.iter().rfind(|(name, _)| name == b"force-proxy-request-1.0");
        let old_protocol = match old_protocol.map(|(_, value)| value) {
            Some(Value::Unknown(why)) => return Err(Outcome::unknown(why.clone(), Some(by))),
            Some(_) if handler == Handler::Http => true,
            _ => false,
        };
        let upgrades = allowed.is_some() && !old_protocol;
        let next = self.next_request(&route, handler, allowed.filter(|_| upgrades), old_protocol);
        let because = (!upgrades).then(|| self.because(&route, by, is_ws, old_protocol)).flatten();
        let mut forwarded = Forwarded {
            by,
            why: target.why.clone(),
            handler,
            worker: route.worker.map(|worker| worker.at),
            upstream: upstream(address(&route.url), &next),
            socket: route.url.socket.clone(),
            upgrades,
            because,
            failure: self.failure(&route),
            idle_timeout_ms: self.idle_limit(route.worker, handler),
            next,
        };
        forwarded.upstream.headers = forwarded
            .next
            .headers
            .iter()
            .map(|(name, value)| self.sent(&route, by, upgrades, name, value))
            .collect();
        Ok(Outcome::Forwarded(Box::new(forwarded)))
    }

    /// Why the line does not let a WebSocket through.
    fn because(&self, route: &Route, by: NodeRef, is_ws: bool, old_protocol: bool) -> Option<String> {
        if old_protocol {
            return Some("force-proxy-request-1.0 is set".to_string());
        }
        match route.worker.and_then(|worker| worker.params.get("upgrade")) {
            Some(param) => {
                Some(format!("`upgrade={}` does not allow it", String::from_utf8_lossy(param.value())))
            }
            None if is_ws => None,
            None if self.is_other_pass(route.worker, by) => {
                let name = route.worker.map(|worker| String::from_utf8_lossy(worker.name()).into_owned());
                Some(format!(
                    "the worker of `{}`, another line's, has no `upgrade=`",
                    name.unwrap_or_default()
                ))
            }
            None => Some(format!("`{}:` without upgrade=websocket forwards no Upgrade", route.url.scheme())),
        }
    }

    /// Whether a line of ProxyPass shares the worker of another.
    fn is_other_pass(&self, worker: Option<&Worker>, by: NodeRef) -> bool {
        let name = self.tracer.tree.directive(by).name_id();
        let is_pass = matches!(name, names::PROXY_PASS | names::PROXY_PASS_MATCH);
        is_pass && worker.is_some_and(|worker| worker.at != by)
    }

    /// No mod_proxy_http2 sends an Upgrade.
    fn over_http2(&self, target: &Target, route: &Route) -> Outcome {
        let mut next = self.next_request(route, Handler::Http, None, false);
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
            idle_timeout_ms: None,
        }))
    }
}

fn no_handler(url: &[u8], by: NodeRef) -> Outcome {
    let scheme = url.split(|&byte| byte == b':').next().unwrap_or_default();
    let why = format!("no protocol handler for `{}:` is loaded", String::from_utf8_lossy(scheme));
    Outcome::answered(500, why, Some(by))
}

/// Whether a worker lets this Upgrade through (`ap_proxy_worker_can_upgrade`).
fn can_upgrade(worker: Option<&Worker>, upgrade: &[u8], is_ws: bool) -> bool {
    match worker.and_then(|worker| worker.params.get("upgrade")) {
        Some(param) if !param.value().is_empty() => allows(param.value(), upgrade),
        _ => is_ws && upgrade.eq_ignore_ascii_case(b"websocket"),
    }
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
        None => format!("{}:{}", url.host(), url.port()),
    }
}
