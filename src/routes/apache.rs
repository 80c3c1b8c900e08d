//! Routes of an httpd configuration: every line that sends requests on, and what becomes of an Upgrade there. Knows no
//! rule, and of a request only that it is a handshake for the line's own path.

use hashbrown::HashSet;
use std::borrow::Cow;
use std::sync::Arc;

use super::intent::{is_websocket_backend, is_websocket_path};
use super::{Backend, By, Header, Headers, Intent, Route, Timeouts};
use crate::effective::apache::proxy::is_balancer;
use crate::effective::apache::rewrite::{ConditionTest, HOLE};
use crate::effective::apache::section::Matcher;
use crate::effective::apache::server::ServerId;
use crate::effective::apache::url::Url;
use crate::effective::apache::{Config, Pass, Worker, names, versions};
use crate::effective::{BlockId, Setting, Value};
use crate::finding::RouteName;
use crate::tree::{NodeRef, Tree};

/// Every route, servers in order, in each those of its list, its sections, its rewrite rules, its handlers.
pub fn routes(tree: &Tree, config: &Config) -> Vec<Route> {
    let broken = config.refusals.iter().map(|refusal| refusal.node).collect();
    let mut builder = Builder { tree, config, broken, shown: Arc::from(""), routes: Vec::new() };
    for server in config.server_ids() {
        builder.server(server);
    }
    builder.routes
}

struct Builder<'a> {
    tree: &'a Tree,
    config: &'a Config,
    /// Lines that the server refuses.
    broken: HashSet<NodeRef>,
    /// The server whose lines are looked at, for a reader.
    shown: Arc<str>,
    routes: Vec<Route>,
}

/// What a line sends on, and how sure it is that it is for WebSockets.
struct Line<'a> {
    server: ServerId,
    block: BlockId,
    node: NodeRef,
    by: By,
    /// How the line is named: a path, a pattern.
    matcher: String,
    target: &'a [u8],
    /// Evidence beside the target's scheme.
    intent: Intent,
    /// The worker of its own server that the line has, where that is known already.
    worker: Option<u32>,
}

impl<'a> Builder<'a> {
    fn server(&mut self, server: ServerId) {
        self.shown = Arc::from(self.config.server(server).shown());
        let proxies = &self.config.server(server).proxies;
        for (index, pass) in proxies.passes.iter().enumerate() {
            self.pass(server, By::Pass { server, index }, pass);
        }
        for pass in &proxies.in_sections {
            self.pass(server, By::Section { server }, pass);
        }
        let block = self.config.server(server).block;
        self.rewrites(server, block);
        for inner in self.config.inside(block).filter(|&inner| self.config.block(inner).server == server) {
            self.rewrites(server, inner);
            self.handlers(server, inner);
        }
        self.handlers(server, block);
    }

    fn pass(&mut self, server: ServerId, by: By, pass: &'a Pass) {
        let Some(target) = pass.target.as_deref() else { return };
        let matcher = shown(&pass.path);
        let is_named = is_websocket_path(&pass.path);
        let directive = self.tree.directive(pass.at);
        let asks = directive.args().any(|word| {
            let value = word.value();
            value.first_chunk().is_some_and(|head: &[u8; 8]| head.eq_ignore_ascii_case(b"upgrade="))
        });
        let intent = match () {
            () if asks => Intent::Written,
            () if is_named => Intent::Named,
            () => Intent::None,
        };
        self.line(Line {
            server,
            block: pass.block,
            node: pass.at,
            by,
            matcher,
            target,
            intent,
            worker: pass.worker,
        });
    }

    fn rewrites(&mut self, server: ServerId, block: BlockId) {
        let config = self.config;
        let Some(rewriting) = config.rewriting(block) else { return };
        for line in &rewriting.rules {
            let target = &line.rule.substitution;
            let is_websocket = is_websocket(&scheme_of(target));
            if !(line.rule.proxy || is_websocket) {
                continue;
            }
            let asks = line
                .conditions
                .iter()
                .any(|condition| asks_for_upgrade(&condition.condition.input, &condition.condition.test));
            let pattern = &line.rule.pattern.text;
            let intent = match () {
                () if asks => Intent::Written,
                () if is_websocket_path(pattern) => Intent::Named,
                () => Intent::None,
            };
            self.line(Line {
                server,
                block,
                node: line.at,
                by: By::Rewrite { proxies: line.rule.proxy },
                matcher: shown(pattern),
                target,
                intent,
                worker: None,
            });
        }
    }

    fn handlers(&mut self, server: ServerId, block: BlockId) {
        let nodes: Vec<NodeRef> = self.config.own(block, names::SET_HANDLER).collect();
        for node in nodes {
            let Some(word) = self.tree.directive(node).arg(0) else { continue };
            let value = word.value();
            let Some(target) = value.strip_prefix(b"proxy:") else { continue };
            let around = self.config.block(block).node;
            let path =
                around.and_then(|node| Matcher::words(self.tree.directive(node))).map(|(_, path)| path);
            let is_named = path.as_ref().is_some_and(|path| is_websocket_path(path));
            self.line(Line {
                server,
                block,
                node,
                by: By::Handler,
                matcher: path.map_or_else(|| "*".to_string(), |path| shown(&path)),
                target,
                intent: if is_named { Intent::Named } else { Intent::None },
                worker: None,
            });
        }
    }

    fn line(&mut self, line: Line) {
        let known = line.worker.map(|index| self.config.server(line.server).proxies.workers.get(index));
        // The line's own worker has its URL taken apart already.
        let url = match known.filter(|worker| worker.at == line.node) {
            Some(worker) => Some(Cow::Borrowed(&worker.url)),
            None => Url::parse(line.target).ok().map(Cow::Owned),
        };
        let is_open = memchr::memmem::find(line.target, HOLE).is_some();
        let scheme = match &url {
            Some(url) => url.scheme().to_string(),
            None => scheme_of(line.target),
        };
        let host = url.as_ref().map(|url| url.authority().to_string()).unwrap_or_default();
        let alone = line.server == ServerId::MAIN || self.config.main().proxies.workers.is_empty();
        let worker = match known {
            Some(worker) if alone => Some(worker),
            _ => {
                let url = url.as_ref();
                url.and_then(|url| self.config.worker(self.tree, line.server, url.name()))
            }
        };
        let is_ws = is_websocket(&scheme);
        let members = self.members(line.server, line.target);
        let upgrade = match &members {
            Some(members) if members.is_empty() => Some(None),
            Some(members) => {
                let all: Vec<_> = members
                    .iter()
                    .map(|member| upgrade_of(Some(member), is_websocket(member.url.scheme()), line.node))
                    .collect();
                all.into_iter()
                    .find(|upgrade| !matches!(upgrade, Some(Some(_))))
                    .unwrap_or(Some(Some((b"websocket".to_vec(), line.node))))
            }
            // Whose worker it is, a template decides.
            None if is_open && !is_ws => None,
            None => upgrade_of(worker, is_ws, line.node),
        };
        let member_asks = members
            .iter()
            .flatten()
            .any(|member| is_websocket(member.url.scheme()) || member.params.get("upgrade").is_some());
        let worker_asks =
            worker.is_some_and(|worker| worker.params.get("upgrade").is_some() && worker.at != line.node);
        let named_backend = url.as_ref().is_some_and(|url| is_websocket_backend(url.host()));
        let intent = match () {
            () if is_ws || member_asks => Intent::Written,
            () if worker_asks && line.intent >= Intent::Named => Intent::Written,
            () if named_backend => line.intent.max(Intent::Named),
            () => line.intent,
        };
        let opaque = upgrade.is_none();
        let header = |name: &[u8], value, at| Header { name: name.to_vec(), value: Value::Known(value), at };
        let written = match upgrade.flatten() {
            Some((value, at)) => {
                vec![header(b"Upgrade", value, at), header(b"Connection", b"Upgrade".to_vec(), at)]
            }
            None => Vec::new(),
        };
        let headers = Headers { level: Some(line.block), lost: None, opaque, written };
        let member = members.as_ref().and_then(|members| members.first().copied());
        let read = self.idle(line.server, member.or(worker));
        self.routes.push(Route {
            name: RouteName { server: self.shown.clone(), matcher: line.matcher },
            server: Some(self.config.server(line.server).block),
            block: line.block,
            node: line.node,
            by: line.by,
            backend: Backend { text: self.written(line.node, line.target), scheme, host, upstream: None },
            headers,
            http_version: Setting::Default { value: 11, older: None },
            timeouts: Timeouts { read, backend_send: Setting::Absent, client_send: Setting::Absent },
            intent,
            broken: !self.broken.is_empty() && self.broken.contains(&line.node),
            contracts: Vec::new(),
        });
    }

    /// The target for a reader: as it is written, where a template completes it.
    fn written(&self, node: NodeRef, target: &[u8]) -> String {
        match self.tree.directive(node).arg(1) {
            Some(word) if memchr::memmem::find(target, HOLE).is_some() => {
                word.show().trim_matches(['"', '\'']).to_string()
            }
            _ => shown(target),
        }
    }

    fn members(&self, server: ServerId, target: &[u8]) -> Option<Vec<&Worker>> {
        if !is_balancer(target) {
            return None;
        }
        let balancer = self.config.balancer(self.tree, server, target);
        Some(balancer.map(|balancer| balancer.members.iter().collect()).unwrap_or_default())
    }

    /// The longer of what the server waits for its client and for the backend; the shorter in old versions.
    fn idle(&self, server: ServerId, worker: Option<&Worker>) -> Setting<u64> {
        let client = self.config.timeout(server);
        let backend = self.config.backend_timeout(server, worker);
        let of = |setting: &Setting<u64>| match setting {
            Setting::Written { value, .. } | Setting::Default { value, .. } => Some(*value),
            Setting::Absent | Setting::Opaque => None,
        };
        let old = self.config.target.apache.all_before(versions::LONGER_IDLE_LIMIT);
        match (of(&client), of(&backend)) {
            (Some(one), Some(other)) if (one > other) != old => client,
            (Some(_), Some(_)) => backend,
            _ => Setting::Opaque,
        }
    }
}

/// The scheme of a URL, in lower case; of one that a template completes it is known where it stands before that.
fn scheme_of(target: &[u8]) -> String {
    match Url::parse(target) {
        Ok(url) => url.scheme().to_string(),
        Err(_) => {
            let end = memchr::memmem::find(target, HOLE).and_then(|_| memchr::memmem::find(target, b"://"));
            let scheme =
                end.map(|end| &target[..end]).filter(|scheme| scheme.iter().all(u8::is_ascii_alphabetic));
            scheme.map(|scheme| shown(&scheme.to_ascii_lowercase())).unwrap_or_default()
        }
    }
}

/// For a reader. Nearly all is UTF-8, and asking only that takes a fraction of the time.
fn shown(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(text).into_owned(),
    }
}

fn is_websocket(scheme: &str) -> bool {
    matches!(scheme, "ws" | "wss")
}

/// What a worker makes of a browser's Upgrade, and the line that says so; the outer None where that is not known.
fn upgrade_of(worker: Option<&Worker>, is_ws: bool, node: NodeRef) -> Option<Option<(Vec<u8>, NodeRef)>> {
    let token = || b"websocket".to_vec();
    match worker.and_then(|worker| worker.params.get("upgrade")) {
        Some(param) if !param.value().is_empty() => {
            let allowed = crate::effective::apache::params::allows(param.value(), b"websocket");
            Some(allowed.then(|| (token(), param.at)))
        }
        _ => Some(is_ws.then(|| (token(), node))),
    }
}

/// Whether a condition asks whether the client wants a WebSocket.
fn asks_for_upgrade(input: &[u8], test: &ConditionTest) -> bool {
    let lower = input.to_ascii_lowercase();
    let mentions = memchr::memmem::find(&lower, b"upgrade").is_some();
    match test {
        ConditionTest::Expr(_) => mentions || lower == b"expr",
        _ => mentions,
    }
}

/// A path that a route is for: what its line or section names, where that is a path rather than a pattern.
pub fn own_path(tree: &Tree, config: &Config, route: &Route) -> Option<Vec<u8>> {
    let pass = match route.by {
        By::Pass { server, index } => config.server(server).proxies.passes.get(index),
        By::Section { server } => config.server(server).proxies.in_section(route.block),
        By::Handler => {
            let node = config.block(route.block).node?;
            return match Matcher::new(tree.directive(node)) {
                Matcher::Prefix(path) if path.starts_with(b"/") => Some(path),
                _ => None,
            };
        }
        _ => None,
    }?;
    (!pass.is_match && pass.path.starts_with(b"/")).then(|| pass.path.clone())
}
