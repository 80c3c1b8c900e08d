//! What reaches an httpd route beside its own line: the worker, the balancer, lines that change a request's headers.
//! Knows no rule.

use super::{Facts, Holder};
use crate::effective::apache::directives::Section;
use crate::effective::apache::proxy::is_balancer;
use crate::effective::apache::server::ServerId;
use crate::effective::apache::url::Url;
use crate::effective::apache::{Balancer, Worker, names, versions};
use crate::effective::{BlockId, Setting};
use crate::engine::times;
use crate::routes::Route;
use crate::syntax::{NameId, Word};
use crate::tree::NodeRef;

/// What the names of a handshake's headers begin with, in lower case.
const HANDSHAKE: [&str; 5] = ["connection", "host", "origin", "sec-websocket-", "upgrade"];

/// A line of `RequestHeader`.
pub struct HeaderLine {
    pub at: NodeRef,
    /// `set`, `unset`, ...; in lower case.
    pub action: String,
    /// In lower case.
    pub name: String,
    /// None where it is made for each request, or a template's.
    pub value: Option<Vec<u8>>,
    /// It holds for some requests only.
    pub is_conditional: bool,
}

impl<'a> Facts<'a> {
    /// The blocks with a directive of this name whose settings are in force for a route's own path, in the order in which
    /// they are merged: its servers', the sections that are for the path, its own.
    fn levels(&self, route: &Route, name: NameId, counts: impl Fn(NodeRef) -> bool) -> Vec<BlockId> {
        let with = self.blocks_with(name, is_location, counts);
        if with.is_empty() {
            return Vec::new();
        }
        let main = self.config.main().block;
        let server = self.config.server(self.server_of(route)).block;
        let path = crate::routes::apache::own_path(self.tree, self.config, route);
        let depth = |block: BlockId| self.config.chain(block).count();
        let rank = |&Holder { block, ref matcher }: &Holder| {
            let parent = self.config.block(block).parent;
            let is_for = || {
                let (matcher, path) = (matcher.as_ref()?, path.as_ref()?);
                matcher.matches(path).filter(|&matches| matches)
            };
            let rank = match () {
                () if block == main => 0,
                () if block == server => 1,
                () if parent == Some(main) && is_for().is_some() => 2,
                () if parent == Some(server) && is_for().is_some() => 3,
                () if self.config.chain(route.block).any(|own| own == block) => 2 + depth(block),
                () => return None,
            };
            Some((rank, block))
        };
        let own = Some(self.server_of(route)).filter(|&server| server != ServerId::MAIN);
        let servers = [Some(ServerId::MAIN), own].into_iter().flatten();
        let holders = servers.filter_map(|server| with.get(&server)).flatten();
        let mut levels: Vec<(usize, BlockId)> = holders.filter_map(rank).collect();
        levels.sort_unstable();
        levels.into_iter().map(|(_, block)| block).collect()
    }

    /// The lines of RequestHeader about a handshake's headers for a route's requests, in the order in which they are
    /// carried out.
    pub fn request_headers(&self, route: &Route) -> Vec<HeaderLine> {
        let is_about_handshake = |node| self.is_about_handshake(node);
        let levels = self.levels(route, names::REQUEST_HEADER, is_about_handshake).into_iter();
        levels
            .flat_map(|level| self.config.own(level, names::REQUEST_HEADER).collect::<Vec<_>>())
            .filter_map(|node| self.header_line(node))
            .collect()
    }

    /// Whether there is such a line anywhere.
    pub fn has_request_headers(&self) -> bool {
        let is_about_handshake = |node| self.is_about_handshake(node);
        !self.blocks_with(names::REQUEST_HEADER, is_location, is_about_handshake).is_empty()
    }

    /// Whether a line of RequestHeader is about a handshake's header.
    pub(super) fn is_about_handshake(&self, node: NodeRef) -> bool {
        let name = self.directive(node).arg(1);
        name.is_some_and(|name| HANDSHAKE.iter().any(|known| begins(&name.value(), known.as_bytes())))
    }

    fn header_line(&self, at: NodeRef) -> Option<HeaderLine> {
        let directive = self.directive(at);
        let words: Vec<Vec<u8>> = directive.args().map(|word| word.value().into_owned()).collect();
        let lower = |word: &Vec<u8>| String::from_utf8_lossy(word).to_ascii_lowercase();
        let (action, name) = (lower(words.first()?), lower(words.get(1)?));
        let name = name.trim_end_matches(':').to_string();
        let behind = if action == "unset" { 2 } else { 3 };
        let is_conditional = words.iter().skip(behind).any(|word| {
            let word = lower(word);
            word.starts_with("env=") || word.starts_with("expr=")
        });
        let is_template = directive.args().any(|word| word.is_hole());
        let is_made = |value: &Vec<u8>| value.contains(&b'%') || value.starts_with(b"expr=");
        let value = words.get(2).filter(|value| behind == 3 && !is_template && !is_made(value)).cloned();
        Some(HeaderLine { at, action, name, value, is_conditional })
    }

    /// The worker that a route's target is given to; None for a balancer, and where no line makes one.
    pub fn worker_of(&self, route: &Route) -> Option<&'a Worker> {
        if let Some((node, worker)) = self.last_worker.get()
            && node == route.node
        {
            return worker;
        }
        let worker = self.find_worker(route);
        self.last_worker.set(Some((route.node, worker)));
        worker
    }

    fn find_worker(&self, route: &Route) -> Option<&'a Worker> {
        let server = self.server_of(route);
        // What the line itself has or shares, unless the main server has some that may be longer.
        let is_alone = server == ServerId::MAIN || self.config.main().proxies.workers.is_empty();
        if let Some(index) = self.pass(route).filter(|_| is_alone).and_then(|pass| pass.worker) {
            return Some(self.config.server(server).proxies.workers.get(index));
        }
        let url = Url::parse(route.backend.text.as_bytes()).ok()?;
        self.worker(self.server_of(route), url.name())
    }

    /// The balancer that a route's target names.
    pub fn balancer_of(&self, route: &Route) -> Option<&'a Balancer> {
        let target = route.backend.text.as_bytes();
        let found =
            is_balancer(target).then(|| self.config.balancer(self.tree, self.server_of(route), target));
        found.flatten()
    }

    /// The members that share a balancer's requests: neither taken out nor kept for when others fail.
    pub fn sharing_members(&self, balancer: &'a Balancer) -> Vec<&'a Worker> {
        balancer.members.iter().filter(|member| !is_kept_out(member)).collect()
    }

    /// `<Proxy "balancer://chat">`, or else the first line that names the balancer.
    pub fn balancer_node(&self, balancer: &Balancer) -> NodeRef {
        let is_it = |node: &NodeRef| {
            let word = self.directive(*node).arg(0);
            let written = word.map(|word| word.value().to_ascii_lowercase()).unwrap_or_default();
            written.strip_suffix(b"/").unwrap_or(&written) == balancer.name
        };
        let sections = self.config.blocks().filter(|(_, block)| block.section == Section::Proxy);
        sections.filter_map(|(_, block)| block.node).find(is_it).unwrap_or(balancer.at)
    }

    /// Whether mod_proxy_wstunnel itself keeps the route's tunnels, which it never cuts.
    pub fn has_real_wstunnel(&self, route: &Route) -> bool {
        let modules = self.config.modules(self.tree);
        let member = self.balancer_of(route).and_then(|balancer| balancer.members.iter().next());
        let scheme = member.map_or(route.backend.scheme.as_str(), |member| member.url.scheme());
        if !matches!(scheme, "ws" | "wss") || modules.is_missing("mod_proxy_wstunnel.c") {
            return false;
        }
        let levels = self.levels(route, names::PROXY_WEBSOCKET_FALLBACK, |_| true);
        let node = self.config.in_sections(&levels, self.server_of(route), names::PROXY_WEBSOCKET_FALLBACK);
        self.config.flag(self.tree, node) == Some(false)
            || modules.is_missing("mod_proxy_http.c")
            || self.config.target.apache.all_before(versions::HTTP_UPGRADES)
    }

    /// The word of a line that holds a time in seconds, and the time as written: the argument of `Timeout` and
    /// `ProxyTimeout`, or a parameter `timeout=`.
    pub fn time_word(&self, at: NodeRef) -> Option<(Word<'a>, String)> {
        let directive = self.directive(at);
        if matches!(directive.name_id(), names::TIMEOUT | names::PROXY_TIMEOUT) {
            let word = directive.arg(0)?;
            return Some((word, word.show()));
        }
        let is_it = |word: &Word| begins(&word.value(), b"timeout=");
        let word = directive.args().rfind(is_it)?;
        Some((word, word.show()["timeout=".len()..].to_string()))
    }

    /// The lines that limit how long a route's tunnels may be silent, those for the backend first.
    pub fn time_lines(&self, route: &Route) -> impl Iterator<Item = NodeRef> + use<'a> {
        let (own, main) = (self.config.server(self.server_of(route)), self.config.main());
        let members = self.balancer_of(route).into_iter().flat_map(|balancer| balancer.members.iter());
        let workers = self.worker_of(route).into_iter().chain(members);
        let of_workers = workers.filter_map(|worker| worker.params.get("timeout")).map(|param| param.at);
        let of_server = [own.proxy_timeout.or(main.proxy_timeout), own.timeout.or(main.timeout)];
        of_workers.chain(of_server.into_iter().flatten().map(|time| time.at))
    }

    /// Whether the line holds a time whose unit httpd leaves out.
    pub fn is_misread(&self, at: NodeRef) -> bool {
        self.time_word(at).is_some_and(|(_, written)| times::misread(&written).is_some())
    }

    /// The line with another time in it.
    pub fn with_time(&self, at: NodeRef, seconds: u64) -> String {
        let text = self.text(at);
        let Some((word, _)) = self.time_word(at) else { return format!("{text} timeout={seconds}") };
        let raw = String::from_utf8_lossy(word.raw()).into_owned();
        let own = matches!(self.directive(at).name_id(), names::TIMEOUT | names::PROXY_TIMEOUT);
        let new = if own { seconds.to_string() } else { format!("timeout={seconds}") };
        match text.rfind(&raw) {
            Some(start) => format!("{}{new}{}", &text[..start], &text[start + raw.len()..]),
            None => new,
        }
    }

    /// The time after which silence ends a route's tunnel, in milliseconds, where it is known.
    pub fn idle_limit(&self, route: &Route) -> Option<u64> {
        match route.timeouts.read {
            Setting::Written { value, .. } | Setting::Default { value, .. } => {
                Some(value).filter(|_| !self.has_real_wstunnel(route))
            }
            Setting::Absent | Setting::Opaque => None,
        }
    }
}

/// Whether a word begins with this, in any case.
fn begins(word: &[u8], with: &[u8]) -> bool {
    word.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with))
}

fn is_location(section: Section) -> bool {
    matches!(section, Section::Location | Section::LocationMatch)
}

/// `status=` with a letter that takes a member out, or keeps it in reserve.
fn is_kept_out(member: &Worker) -> bool {
    let Some(status) = member.params.get("status") else { return false };
    let mut on = true;
    let mut out = false;
    for byte in status.value().to_ascii_uppercase() {
        match byte {
            b'+' => on = true,
            b'-' => on = false,
            b'D' | b'E' | b'H' | b'N' | b'R' | b'S' => out = on,
            _ => {}
        }
    }
    out
}
