//! What becomes of handshakes that a route of httpd's is meant for, and what serves them. Knows no rule.

use std::rc::Rc;

use super::Facts;
use crate::effective::apache::proxy::is_balancer;
use crate::effective::apache::server::ServerId;
use crate::effective::apache::{Worker, names};
use crate::effective::sample::sample;
use crate::handshake::apache::{Outcome, Passage};
use crate::routes::apache::own_path;
use crate::routes::{By, Route};
use crate::source::Span;
use crate::tree::NodeRef;

/// What a route is worth to a browser's handshake.
pub enum Fate {
    /// Every handshake for the route upgrades by its own line, which was plain to see.
    Straight,
    /// Some handshake for the route upgrades, by its own line or by another.
    Upgraded(Passage),
    /// None does, and this one is the route's own line's.
    Taken(Passage),
    /// None does, and none comes to the route's line; the first that was tried.
    Elsewhere(Option<Passage>),
}

/// What serves a route's target.
pub enum Serving<'a> {
    Worker(&'a Worker),
    /// The members of a balancer.
    Members(Vec<&'a Worker>),
    /// No line makes a worker for it.
    Nothing,
}

/// What a client of Socket.IO asks for, by which rewrite rules know it.
const POLLING_QUERY: &[u8] = b"EIO=4&transport=websocket";

/// Virtual hosts that a line of the main server is tried in, beside the main server itself.
const MOST_HOSTS: usize = 7;

impl<'a> Facts<'a> {
    pub fn fate(&self, route: &Route) -> Rc<Fate> {
        if let Some((node, fate)) = &*self.last_fate.borrow()
            && *node == route.node
        {
            return fate.clone();
        }
        let straight = self.goes_straight(route);
        let fate = Rc::new(if straight { Fate::Straight } else { self.new_fate(route) });
        *self.last_fate.borrow_mut() = Some((route.node, fate.clone()));
        fate
    }

    fn new_fate(&self, route: &Route) -> Fate {
        let server = self.server_of(route);
        let mut servers = vec![server];
        if server == ServerId::MAIN {
            servers.extend(self.config.server_ids().skip(1).take(MOST_HOSTS));
        }
        let mut first = None;
        let mut taken = None;
        let mut upgraded = None;
        let paths = self.tried_paths(route);
        for &server in &servers {
            for (path, query) in &paths {
                let mut request = self.tracer.handshake(server, path);
                if let Some(query) = query {
                    request.target = [&request.target[..], b"?", query].concat();
                }
                let passage = self.tracer.pass_welcome(&request, server);
                let own = passage.taken_by == Some(route.node);
                match &passage.outcome {
                    Outcome::Forwarded(sent) if sent.upgrades && own => return Fate::Upgraded(passage),
                    Outcome::Forwarded(sent) if sent.upgrades => {
                        upgraded.get_or_insert(passage);
                    }
                    _ if own => {
                        taken.get_or_insert(passage);
                    }
                    _ => {
                        first.get_or_insert(passage);
                    }
                }
            }
        }
        match (upgraded, taken) {
            (Some(upgraded), _) => Fate::Upgraded(upgraded),
            (None, Some(taken)) => Fate::Taken(taken),
            (None, None) => Fate::Elsewhere(first),
        }
    }

    /// Whether handshakes for the route come to its own line and upgrade, found out by following them.
    pub(super) fn upgrades_by_itself(&self, route: &Route) -> bool {
        matches!(self.new_fate(route), Fate::Upgraded(passage) if passage.taken_by == Some(route.node))
    }

    /// Paths and queries that the route is for: its own path and what may lie below it, or what its pattern matches.
    fn tried_paths(&self, route: &Route) -> Vec<(Vec<u8>, Option<&'static [u8]>)> {
        let mut paths: Vec<Vec<u8>> = Vec::new();
        match own_path(self.tree, self.config, route) {
            Some(path) => {
                let open = if path.ends_with(b"/") { path.clone() } else { [&path[..], b"/"].concat() };
                paths.extend([path, open.clone(), [&open[..], b"x"].concat()]);
            }
            None => {
                let patterns = self.patterns(route);
                let samples =
                    patterns.iter().flat_map(|pattern| [false, true].map(|most| sample(pattern, most)));
                let rooted = |sample: Vec<u8>| {
                    if sample.starts_with(b"/") { sample } else { [b"/", &sample[..]].concat() }
                };
                paths.extend(samples.flatten().map(rooted));
                paths.extend([b"/ws".to_vec(), b"/".to_vec()]);
            }
        }
        let mut all: Vec<(Vec<u8>, Option<&'static [u8]>)> = Vec::new();
        for path in paths {
            if !all.iter().any(|(known, _)| *known == path) {
                all.push((path, None));
            }
        }
        // A slash is what Socket.IO's own path ends in.
        let polling = all.iter().map(|(path, _)| path).find(|path| path.ends_with(b"/")).cloned();
        all.extend(polling.or_else(|| Some(all.first()?.0.clone())).map(|path| (path, Some(POLLING_QUERY))));
        all
    }

    /// The regular expressions that requests for the route match.
    fn patterns(&self, route: &Route) -> Vec<Vec<u8>> {
        let mut patterns = Vec::new();
        if let By::Rewrite { .. } = route.by {
            let asks = |node: &NodeRef| {
                let directive = self.directive(*node);
                let about =
                    directive.arg(0).map(|word| word.value().to_ascii_uppercase()).unwrap_or_default();
                let is_path = memchr::memmem::find(&about, b"REQUEST_URI").is_some();
                directive.arg(1).filter(|_| is_path).map(|word| word.value().into_owned())
            };
            let entries = self.config.all(route.block);
            let at = entries.iter().position(|entry| entry.node == route.node).unwrap_or(0);
            let before = entries[..at].iter().rev();
            let conditions = before
                .take_while(|entry| entry.name != names::REWRITE_RULE)
                .filter(|entry| entry.name == names::REWRITE_COND);
            patterns.extend(conditions.filter_map(|entry| asks(&entry.node)));
        }
        patterns.push(route.name.matcher.as_bytes().to_vec());
        patterns
    }

    /// What serves the route's target.
    pub fn serving(&self, route: &Route) -> Serving<'a> {
        if is_balancer(route.backend.text.as_bytes()) {
            let balancer = self.balancer_of(route);
            return Serving::Members(
                balancer.map(|balancer| balancer.members.iter().collect()).unwrap_or_default(),
            );
        }
        self.worker_of(route).map_or(Serving::Nothing, Serving::Worker)
    }

    /// The word of a line that begins with this, in any case; the whole line where there is none.
    pub fn word(&self, node: NodeRef, begins: &str) -> Span {
        let is_it = |word: &crate::syntax::Word| {
            word.value().get(..begins.len()).is_some_and(|head| head.eq_ignore_ascii_case(begins.as_bytes()))
        };
        self.directive(node).args().find(is_it).map_or_else(|| self.head(node), |word| word.span())
    }

    /// The line that loads a module, written like the configuration's others: `module` is `proxy_http`.
    pub fn load_line(&self, module: &str) -> String {
        let last = self.config.last(self.config.main().block, names::LOAD_MODULE);
        let file = last.and_then(|node| self.directive(node).arg(1)).map(|word| word.show());
        let directory =
            file.as_deref().and_then(|file| file.rsplit_once('/')).map_or("modules", |(dir, _)| dir);
        format!("LoadModule {module}_module {directory}/mod_{module}.so")
    }
}
