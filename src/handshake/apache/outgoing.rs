//! The request as the backend receives it (`ap_proxy_create_hdrbrgd`, `proxy_http_handler`, `proxy_wstunnel_request`).
//! Knows not what chose the backend.

use super::proxy::{Handler, Route};
use super::{Request, Session};
use crate::effective::Value;
use crate::effective::apache::{Worker, names};
use crate::handshake::Sent;
use crate::tree::NodeRef;

impl Session<'_> {
    pub(super) fn next_request(
        &self,
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
        let own_host = Value::Known(url.authority().into());
        let host = match preserves {
            _ if config.is_opaque(tree, preserve) => {
                Value::Unknown("what a template makes of ProxyPreserveHost".to_string())
            }
            true => asked.clone(),
            false => own_host,
        };
        headers.push((b"Host".to_vec(), host));
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
                    Handler::Wstunnel => wstunnel_token(route.worker),
                    Handler::Http => upgrade.clone(),
                };
                headers.push((b"Upgrade".to_vec(), Value::Known(token)));
                headers.push((b"Connection".to_vec(), Value::Known(b"Upgrade".to_vec())));
            }
            None if old_protocol => {}
            None => {
                let kept = route.worker.is_some_and(keeps_connections)
                    && !self.environment.iter().any(|(name, _)| name == b"proxy-nokeepalive");
                let value: &[u8] = if kept { b"Keep-Alive" } else { b"close" };
                headers.push((b"Connection".to_vec(), Value::Known(value.to_vec())));
            }
        }
        let path = if url.path().is_empty() { b"/".to_vec() } else { url.path().to_vec() };
        Request {
            tls: matches!(url.scheme(), "https" | "wss"),
            host: url.bare_host().to_string(),
            port: url.port(),
            method: self.request.method.clone(),
            target: path,
            version: if old_protocol { 10 } else { 11 },
            proxy_line: false,
            headers,
        }
    }

    /// A header that is sent on, and who wrote it. `by` is the line that sends the request on.
    pub(super) fn sent(
        &self,
        route: &Route,
        by: NodeRef,
        upgrades: bool,
        name: &[u8],
        value: &Value,
    ) -> Sent {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let lower = name.to_ascii_lowercase();
        let (line, origin) = match &lower[..] {
            b"host" => {
                let preserve = config.in_sections(&self.sections, self.server, names::PROXY_PRESERVE_HOST);
                (preserve.filter(|_| config.flag(tree, preserve) == Some(true)), "the target's")
            }
            b"upgrade" | b"connection" if upgrades => {
                let param = route.worker.and_then(|worker| worker.params.get("upgrade"));
                (Some(param.map_or(by, |param| param.at)), "")
            }
            b"connection" => (None, "httpd's own"),
            lower if lower.starts_with(b"x-forwarded-") && self.request.header(name).is_none() => {
                (None, "mod_proxy's own")
            }
            _ if self.request.header(name).as_ref() == Some(value) => (None, "the client's"),
            _ => (self.header_line(&lower), "the client's"),
        };
        let shown = match value {
            Value::Known(value) => String::from_utf8_lossy(value).into_owned(),
            Value::Unknown(why) => format!("({why})"),
        };
        Sent {
            name: String::from_utf8_lossy(name).into_owned(),
            value: value.clone(),
            shown,
            at: line.map(|line| tree.head(line)),
            origin,
        }
    }

    /// The last line of `RequestHeader` about a header, its name in lower case.
    fn header_line(&self, name: &[u8]) -> Option<NodeRef> {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let levels = self.levels().into_iter().chain(self.sections.iter().copied());
        let lines = levels.flat_map(|level| config.own(level, names::REQUEST_HEADER).collect::<Vec<_>>());
        let is_about = |line: &NodeRef| {
            tree.directive(*line).arg(1).is_some_and(|word| word.value().eq_ignore_ascii_case(name))
        };
        lines.rev().find(is_about)
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

/// What mod_proxy_wstunnel asks its backend for: what the worker allows, as the server keeps it, whatever the client asks.
fn wstunnel_token(worker: Option<&Worker>) -> Vec<u8> {
    match worker.and_then(|worker| worker.params.get("upgrade")).map(|param| param.value()) {
        None | Some(b"") => b"WebSocket".to_vec(),
        Some(value) if value.eq_ignore_ascii_case(b"any") => b"*".to_vec(),
        Some(value) => value.to_vec(),
    }
}

/// Whether connections to the backend stay open.
fn keeps_connections(worker: &Worker) -> bool {
    let is_on = |key: &str| worker.params.get(key).map(|param| param.value().eq_ignore_ascii_case(b"on"));
    let disabled = match (is_on("disablereuse"), is_on("enablereuse")) {
        (Some(disabled), _) => disabled,
        (None, Some(enabled)) => !enabled,
        // Where `$1` stands for part of the target, there is a connection for each.
        (None, None) => worker.is_match && worker.name().contains(&b'$'),
    };
    !disabled
}
