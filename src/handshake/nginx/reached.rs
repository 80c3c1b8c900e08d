//! Routes that are meant for WebSockets because another route of the same configuration sends its handshakes to
//! them. Knows no evidence but that.

use hashbrown::HashMap;

use super::listen::{Listener, Sockets};
use super::{End, Entrance, Tracer};
use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names;
use crate::handshake::Hop;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

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
        while let Some(index) = open.pop() {
            let route = &routes[index];
            let may_be_own = match route.backend.upstream {
                None => sockets.may_be_own(&route.backend.host),
                Some(block) => *upstreams.entry(block).or_insert_with(|| self.lists_own(sockets, block)),
            };
            if !may_be_own {
                continue;
            }
            let Some(next) = self.next(sockets, route).and_then(|node| by_node.get(&node).copied()) else {
                continue;
            };
            if routes[next].intent < Intent::Lost {
                routes[next].intent = Intent::Written;
                open.push(next);
            }
        }
    }

    /// Whether an upstream block may list this same configuration among its servers.
    fn lists_own(&self, sockets: &Sockets, upstream: BlockId) -> bool {
        let words =
            self.config.own(upstream, names::SERVER).filter_map(|node| self.tree.directive(node).arg(0));
        words.map(|word| word.show().to_ascii_lowercase()).any(|address| {
            let bare = !address.starts_with(['[', 'u']);
            let host = address.rsplit_once(':').filter(|_| bare).map_or(address.as_str(), |(host, _)| host);
            sockets.may_be_own(host)
        })
    }

    /// The directive that sends a route's own handshake on from the server it reaches next.
    fn next(&self, sockets: &Sockets, route: &Route) -> Option<NodeRef> {
        let path = self.path_of(self.config.enclosing(route.block, LOCATION)?)?;
        let request = self.request(route.server?, &path);
        let End::Proxied(first) =
            self.serve(route.server?, &request, &mut Hop::default(), Entrance::default()).ok()?
        else {
            return None;
        };
        if first.by != Some(route.node) || !sockets.is_own(&first.request) {
            return None;
        }
        let Listener::Http(server) = sockets.accept(self, &first.request, &mut Hop::default()).ok()? else {
            return None;
        };
        match self.serve(server, &first.request, &mut Hop::default(), Entrance::default()).ok()? {
            End::Proxied(second) => second.by,
            End::Answer { .. } => None,
        }
    }
}
