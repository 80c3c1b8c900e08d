//! Routes that are meant for WebSockets because another route of the same configuration sends its handshakes to
//! them. Knows no evidence but that.

use hashbrown::{HashMap, HashSet};
use std::collections::BTreeSet;

use super::listen::Listener;
use super::sockets::Sockets;
use super::{End, Entrance, Tracer};
use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names;
use crate::handshake::Hop;
use crate::routes::address::Address;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

/// Pairs of a hidden route and a server in front of it that are asked about.
const MAX_ASKED: usize = 1_000;

impl Tracer<'_> {
    /// The path that a location is for; None for a regular expression, a named location, and where a template fills it
    /// in.
    pub fn path_of(&self, location: BlockId) -> Option<Vec<u8>> {
        let directive = self.tree.directive(self.config.block(location).node?);
        if directive.args().any(|word| word.is_hole()) {
            return None;
        }
        let path = directive.args().next_back()?.value();
        let regex =
            directive.arg_count() == 2 && directive.arg(0).is_some_and(|word| word.raw().starts_with(b"~"));
        (!regex && path.starts_with(b"/")).then(|| path.into_owned())
    }

    /// Raises the intent of every route at which the handshakes of a WebSocket route arrive next.
    pub fn mark_reached(&self, routes: &mut [Route]) {
        let sockets = self.all_sockets();
        let by_node: HashMap<NodeRef, usize> =
            routes.iter().enumerate().map(|(index, route)| (route.node, index)).collect();
        let mut open: Vec<usize> =
            (0..routes.len()).filter(|&index| routes[index].intent >= Intent::Lost).collect();
        let mut upstreams: HashMap<BlockId, bool> = HashMap::new();
        let mut may_be_own = |route: &Route| match route.backend.upstream {
            None => may_be_own(sockets, route),
            Some(block) => *upstreams.entry(block).or_insert_with(|| self.lists_own(sockets, block)),
        };
        let carriers = open.clone();
        let mut reached = HashSet::new();
        while let Some(index) = open.pop() {
            let route = &routes[index];
            if !may_be_own(route) {
                continue;
            }
            let Some(next) = self.next(sockets, route).and_then(|node| by_node.get(&node).copied()) else {
                continue;
            };
            reached.insert(next);
            if routes[next].intent < Intent::Lost {
                routes[next].intent = Intent::Written;
                open.push(next);
            }
        }
        let left = carriers.into_iter().filter(|index| !reached.contains(index));
        let left = left.filter(|&index| routes[index].server.is_some_and(|server| sockets.is_local(server)));
        let hidden: Vec<usize> = left.collect();
        let fronts: BTreeSet<BlockId> = match hidden.is_empty() {
            true => BTreeSet::new(),
            false => {
                routes.iter().filter(|route| may_be_own(route)).filter_map(|route| route.server).collect()
            }
        };
        self.mark_leading(sockets, &by_node, (&hidden, &fronts), routes);
    }

    /// Names every plain route as one for WebSockets that alone leads to one which only this host itself can reach.
    fn mark_leading(
        &self,
        sockets: &Sockets,
        by_node: &HashMap<NodeRef, usize>,
        (hidden, fronts): (&[usize], &BTreeSet<BlockId>),
        routes: &mut [Route],
    ) {
        for (&index, &front) in
            hidden.iter().flat_map(|index| fronts.iter().map(move |front| (index, front))).take(MAX_ASKED)
        {
            let (Some(location), node) =
                (self.config.enclosing(routes[index].block, LOCATION), routes[index].node)
            else {
                continue;
            };
            let Some(path) = self.path_of(location).filter(|_| routes[index].server != Some(front)) else {
                continue;
            };
            let Some((first, second)) = self.two_hops(sockets, front, &path) else { continue };
            if second == node
                && let Some(&leading) = by_node.get(&first)
                && routes[leading].intent == Intent::None
            {
                routes[leading].intent = Intent::Named;
            }
        }
    }

    /// Whether an upstream block may list this same configuration among its servers.
    fn lists_own(&self, sockets: &Sockets, upstream: BlockId) -> bool {
        let words =
            self.config.own(upstream, names::SERVER).filter_map(|node| self.tree.directive(node).arg(0));
        words.map(|word| word.show().to_ascii_lowercase()).any(|address| {
            let bare = !address.starts_with('[') && !address.starts_with("unix:");
            let (host, port) = address.rsplit_once(':').filter(|_| bare).unwrap_or((&address, ""));
            sockets.may_be_own(host, port.parse().ok())
        })
    }

    /// The directive that sends a route's own handshake on from the server it reaches next.
    fn next(&self, sockets: &Sockets, route: &Route) -> Option<NodeRef> {
        let path = self.path_of(self.config.enclosing(route.block, LOCATION)?)?;
        let (first, second) = self.two_hops(sockets, route.server?, &path)?;
        (first == route.node).then_some(second)
    }

    /// The directives that send a handshake on, in this server and in the one of the same configuration that it reaches
    /// next.
    fn two_hops(&self, sockets: &Sockets, server: BlockId, path: &[u8]) -> Option<(NodeRef, NodeRef)> {
        let request = self.request(server, path);
        let End::Proxied(first) =
            self.serve(server, &request, &mut Hop::default(), Entrance::default()).ok()?
        else {
            return None;
        };
        if !sockets.is_own(&first.request) {
            return None;
        }
        let Listener::Http(next) = sockets.accept(self, &first.request, &mut Hop::default()).ok()? else {
            return None;
        };
        match self.serve(next, &first.request, &mut Hop::default(), Entrance::default()).ok()? {
            End::Proxied(second) => Some((first.by?, second.by?)),
            End::Answer { .. } => None,
        }
    }
}

/// Whether a route's backend may be this same configuration.
fn may_be_own(sockets: &Sockets, route: &Route) -> bool {
    let address = Address::parse(&route.backend.text).filter(|_| !route.backend.text.contains('$'));
    sockets.may_be_own(&route.backend.host, address.map(|address| address.port()))
}
