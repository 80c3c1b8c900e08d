//! `stream` servers: bytes passed on unread. Knows no HTTP.

use super::proxy::Proxied;
use super::{End, Followed, Hop, Request, Tracer, Unknown};
use crate::effective::nginx::{Evaluator, names};
use crate::effective::{BlockId, Setting, Value};
use crate::handshake::{Sent, Step, Upstream, Verdict};
use crate::tree::NodeRef;

/// Milliseconds of silence after which a stream is cut where nothing is written (`ngx_stream_proxy_merge_srv_conf`).
const DEFAULT_TIMEOUT: u64 = 600_000;

/// What `stream` knows of a connection.
struct Connection<'a> {
    request: &'a Request,
}

impl crate::effective::nginx::Request for Connection<'_> {
    fn variable(&self, name: &[u8]) -> Value {
        match name {
            b"ssl_preread_server_name" | b"ssl_server_name" if self.request.tls => {
                Value::Known(self.request.host.clone().into_bytes())
            }
            b"ssl_preread_server_name" | b"ssl_preread_protocol" | b"ssl_preread_alpn_protocols"
                if !self.request.tls =>
            {
                Value::empty()
            }
            b"ssl_preread_alpn_protocols" => Value::Known(b"http/1.1".to_vec()),
            b"server_port" => Value::Known(self.request.port.to_string().into_bytes()),
            b"protocol" => Value::Known(b"TCP".to_vec()),
            name => Value::Unknown(format!("${}", String::from_utf8_lossy(name))),
        }
    }
}

impl Tracer<'_> {
    pub(super) fn stream(&self, server: BlockId, request: &Request, hop: &mut Hop) -> Followed<End> {
        let (tree, config) = (self.tree, self.config);
        let flag = |name, text: &str| {
            let written = config.nearest(server, name).written_at();
            written.is_some_and(|node| tree.directive(node).arg(0).is_some_and(|word| word.is(text)))
        };
        let answer = |why: &str| Ok(End::Answer { status: None, why: why.to_string() });
        if config.own(server, names::RETURN).next().is_some() {
            return answer("`return` in a stream server answers with text that is no HTTP");
        }
        let terminates = config
            .own(server, names::LISTEN)
            .any(|node| tree.directive(node).args().any(|word| word.is("ssl")));
        if terminates && !request.tls {
            return answer("this port speaks TLS only");
        }
        if terminates && let Some(node) = config.nearest(server, names::SSL_ALPN).written_at() {
            let offers = tree.directive(node).args().any(|word| word.is("http/1.1"));
            if !offers {
                let text = "the client offers http/1.1 only".to_string();
                hop.steps.push(Step { at: Some(self.span(node)), by: Some(node), text });
                return answer("`ssl_alpn` does not name http/1.1, so the TLS handshake fails");
            }
        }
        let denies =
            config.own(server, names::DENY).next().filter(|_| config.own(server, names::ALLOW).len() == 0);
        if denies.is_some_and(|node| tree.directive(node).arg(0).is_some_and(|word| word.is("all"))) {
            return answer("`deny all` closes every connection");
        }
        let Some(node) = config.own(server, names::PROXY_PASS).next() else {
            return answer("the stream server passes nothing on");
        };
        let (host, port) = self.stream_backend(server, node, request)?;
        let timeout = match config.nearest(server, names::PROXY_TIMEOUT) {
            Setting::Written { at, .. } => tree
                .directive(at)
                .arg(0)
                .and_then(|word| crate::effective::nginx::values::milliseconds(&word.value())),
            _ => Some(DEFAULT_TIMEOUT),
        };
        if timeout == Some(0) {
            return answer("`proxy_timeout 0` closes every stream at once");
        }
        let tls = (request.tls && !terminates) || flag(names::PROXY_SSL, "on");
        // A PROXY line that came and was not asked for is passed on like any other byte.
        let through = request.proxy_line
            && !config
                .own(server, names::LISTEN)
                .any(|node| tree.directive(node).args().any(|word| word.is("proxy_protocol")));
        let proxy_protocol = flag(names::PROXY_PROTOCOL, "on") || through;
        let passed = Request { host: host.clone(), port, tls, proxy_line: proxy_protocol, ..request.clone() };
        let sent = |(name, value): &(Vec<u8>, Value)| Sent {
            name: String::from_utf8_lossy(name).into_owned(),
            shown: value
                .known()
                .map_or_else(|| "?".to_string(), |value| String::from_utf8_lossy(value).into_owned()),
            value: value.clone(),
            at: None,
            origin: "the client's",
        };
        let request_line = match proxy_protocol {
            true => "PROXY TCP4".to_string(),
            false => passed.request_line(),
        };
        let headers = passed.headers.iter().map(sent).collect();
        let address = if host.starts_with("unix:") { host } else { format!("{host}:{port}") };
        let ends = proxy_protocol.then(|| {
            let why = "the backend receives a PROXY line first, which is no HTTP request".to_string();
            (Verdict::Refused, None, why)
        });
        Ok(End::Proxied(Box::new(Proxied {
            by: Some(node),
            upstream: Upstream { address, request_line, headers },
            request: passed,
            idle_timeout_ms: timeout,
            ends,
            masked: None,
            overwritten: None,
        })))
    }

    fn stream_backend(&self, server: BlockId, node: NodeRef, request: &Request) -> Followed<(String, u16)> {
        let word = self.tree.directive(node).arg(0).filter(|word| !word.is_hole());
        let word = word.ok_or_else(|| Unknown("a backend that a template fills in".to_string()))?;
        let connection = Connection { request };
        let evaluator = Evaluator::new(self.tree, self.config, &connection);
        let text = match evaluator.evaluate(server, &word.value()) {
            Value::Known(value) => String::from_utf8_lossy(&value).into_owned(),
            Value::Unknown(why) => return Err(Unknown(why)),
        };
        let listed = self.config.stream_upstreams.get(text.to_ascii_lowercase().as_bytes());
        let address = match listed {
            Some(&block) => {
                let first = self.config.own(block, names::SERVER).next();
                first
                    .and_then(|node| self.tree.directive(node).arg(0))
                    .map(|word| word.show())
                    .unwrap_or(text)
            }
            None => text,
        };
        if address.starts_with("unix:") {
            return Ok((address, 0));
        }
        let (host, port) =
            address.rsplit_once(':').ok_or_else(|| Unknown("a backend without a port".to_string()))?;
        let port = port.parse().map_err(|_| Unknown("a backend without a port".to_string()))?;
        Ok((host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase(), port))
    }
}
