//! Single settings of a server or section, their defaults and what httpd makes of their values. Knows no request.

use super::proxy::Want;
use super::server::{Server, ServerId, Time};
use super::values::leading_number;
use super::{Balancer, Config, Worker, names};
use crate::effective::{BlockId, Setting};
use crate::syntax::NameId;
use crate::tree::{NodeRef, Tree};

/// Milliseconds of `Timeout` where nothing is written (`DEFAULT_TIMEOUT`).
pub const DEFAULT_TIMEOUT: u64 = 60_000;

impl Config {
    /// Whether a flag is `On`; None where it is written nowhere, or as a template.
    pub fn flag(&self, tree: &Tree, node: Option<NodeRef>) -> Option<bool> {
        let word = tree.directive(node?).arg(0)?;
        (!word.is_hole()).then(|| word.value().eq_ignore_ascii_case(b"on"))
    }

    /// Whether a line is there whose words a template completes, so that nobody knows what it says.
    pub fn is_opaque(&self, tree: &Tree, node: Option<NodeRef>) -> bool {
        node.is_some_and(|node| tree.directive(node).args().any(|word| word.is_hole()))
    }

    /// A server's flag, the main server's where it has none, `default` where that has none either.
    pub fn server_flag(&self, tree: &Tree, server: ServerId, name: NameId, default: bool) -> bool {
        self.flag(tree, self.in_force(server, name)).unwrap_or(default)
    }

    /// Whether a virtual host has the main server's workers and balancers beside its own: unless it wants neither
    /// (`merge_proxy_config`).
    pub fn inherits_workers(&self, tree: &Tree, server: ServerId) -> bool {
        let wants = |name| self.server_flag(tree, server, name, true);
        server != ServerId::MAIN && (wants(names::PROXY_PASS_INHERIT) || wants(names::BALANCER_INHERIT))
    }

    /// The worker that a URL is given to in a server: the longest of its own and those it inherits, the main server's
    /// of equals.
    pub fn worker(&self, tree: &Tree, server: ServerId, url: &[u8]) -> Option<&Worker> {
        let find = |server: ServerId| {
            let workers = &self.server(server).proxies.workers;
            workers.find(url, Want::Either).map(|index| workers.get(index))
        };
        let own = find(server);
        if !self.inherits_workers(tree, server) {
            return own;
        }
        match (find(ServerId::MAIN), own) {
            (Some(main), Some(own)) if own.name().len() > main.name().len() => Some(own),
            (main, own) => main.or(own),
        }
    }

    /// The balancer that a URL names in a server. Where the main server has one of this name, too, a virtual host's
    /// members are lost (`merge_balancers`).
    pub fn balancer(&self, tree: &Tree, server: ServerId, url: &[u8]) -> Option<&Balancer> {
        let of = |server: ServerId| self.server(server).proxies.balancer(url);
        let inherited = of(ServerId::MAIN).filter(|_| self.inherits_workers(tree, server));
        inherited.or_else(|| of(server))
    }

    /// Seconds as httpd reads most of them: leading digits, whatever unit follows (`atoi`).
    fn seconds(&self, tree: &Tree, node: NodeRef) -> Option<u64> {
        let word = tree.directive(node).arg(0)?;
        // What nothing here defines may stand in the server's environment.
        if word.is_hole() || memchr::memmem::find(&word.value(), b"${").is_some() {
            return None;
        }
        u64::try_from(leading_number(&word.value())).ok()
    }

    /// What a server's own line of this name says.
    pub(super) fn read_time(&self, tree: &Tree, server: ServerId, name: NameId) -> Option<Time> {
        let at = self.last(self.server(server).block, name)?;
        Some(Time { seconds: self.seconds(tree, at), at })
    }

    fn time(&self, server: ServerId, pick: fn(&Server) -> Option<Time>) -> Option<Setting<u64>> {
        let own = pick(self.server(server));
        let time = own.or_else(|| pick(self.main()))?;
        let inherited = own.is_none();
        Some(match time.seconds {
            Some(seconds) => Setting::Written { value: seconds.saturating_mul(1000), at: time.at, inherited },
            None => Setting::Opaque,
        })
    }

    /// How long a server waits for its client, in milliseconds.
    pub fn timeout(&self, server: ServerId) -> Setting<u64> {
        let unwritten = if self.complete {
            Setting::Default { value: DEFAULT_TIMEOUT, older: None }
        } else {
            Setting::Opaque
        };
        self.time(server, |server| server.timeout).unwrap_or(unwritten)
    }

    /// How long it waits for a backend: the worker's `timeout=`, else `ProxyTimeout`, else `Timeout`.
    pub fn backend_timeout(&self, server: ServerId, worker: Option<&Worker>) -> Setting<u64> {
        if let Some((seconds, at)) = worker.and_then(|worker| worker.params.timeout()) {
            return Setting::Written { value: seconds.saturating_mul(1000), at, inherited: false };
        }
        self.time(server, |server| server.proxy_timeout).unwrap_or_else(|| self.timeout(server))
    }

    /// The value in force for requests that these sections are for, the last one first in rank.
    pub fn in_sections(&self, blocks: &[BlockId], server: ServerId, name: NameId) -> Option<NodeRef> {
        let own = blocks.iter().rev().find_map(|&block| self.last(block, name));
        own.or_else(|| self.in_force(server, name))
    }
}
