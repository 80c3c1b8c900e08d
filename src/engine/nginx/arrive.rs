//! Where the handshakes of a route arrive: its own paths, asked along the phases of its server. Knows no rule.

use std::rc::Rc;

use super::Facts;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::{names, values};
use crate::effective::{BlockId, Value};
use crate::handshake::Hop;
use crate::handshake::nginx::Arrival;
use crate::routes::{Route, has_token};
use crate::syntax::NameId;
use crate::tree::NodeRef;

/// A path that a client may open a route's WebSocket at, and where the handshake arrives.
pub struct Way {
    pub path: Vec<u8>,
    pub arrival: Arrival,
}

/// All ways of a location's handshakes.
pub type Ways = Option<Rc<Vec<Way>>>;

/// Names of one server that are asked under.
const MAX_HOSTS: usize = 4;

/// Variables that are the same in every browser's handshake for one URL.
const CERTAIN: [&[u8]; 10] = [
    b"document_uri",
    b"http_connection",
    b"http_upgrade",
    b"https",
    b"request",
    b"request_method",
    b"request_uri",
    b"scheme",
    b"server_protocol",
    b"uri",
];

/// Those that are, where the server has no other names than the ones that are asked under.
const CERTAIN_BY_NAME: [&[u8]; 3] = [b"host", b"http_host", b"server_name"];

/// Modules of nginx that tunnel whatever application answers 101: they hand it the client's headers as they are.
const OTHER_TUNNELS: [NameId; 2] = [names::SCGI_PASS, names::UWSGI_PASS];

impl Facts<'_> {
    /// The path that a location is for; None for a regular expression, a named location, and where a template fills it in.
    pub fn path_of(&self, location: BlockId) -> Option<Vec<u8>> {
        self.tracer.path_of(location)
    }

    /// The path at which a client would open the route's WebSocket: what its location matches.
    pub fn own_path(&self, route: &Route) -> Option<Vec<u8>> {
        self.path_of(self.config.enclosing(route.block, LOCATION)?)
    }

    /// Where handshakes arrive that a location is for, under each name of its server: for its path, and unless it is
    /// an exact one for a path below. None where its path is not known, or anything about the way.
    pub fn ways(&self, location: BlockId, server: BlockId) -> Ways {
        if let Some((known, ways)) = &*self.last_ways.borrow()
            && *known == location
        {
            return ways.clone();
        }
        let ways = self.follow(location, server).map(Rc::new);
        *self.last_ways.borrow_mut() = Some((location, ways.clone()));
        ways
    }

    fn follow(&self, location: BlockId, server: BlockId) -> Option<Vec<Way>> {
        let path = self.path_of(location)?;
        let paths = self.asked_paths(location, path)?;
        let hosts = self.tracer.hosts(server).0;
        let mut ways = Vec::new();
        for path in paths {
            let arrivals: Vec<Arrival> = match hosts.is_empty() {
                true => vec![self.tracer.arrive(server, &path)],
                false => hosts
                    .iter()
                    .take(MAX_HOSTS)
                    .map(|host| self.tracer.arrive_as(server, host, &path))
                    .collect(),
            };
            for arrival in arrivals {
                let hop = match &arrival {
                    Arrival::Sent { hop, .. } | Arrival::Answered { hop, .. } => hop,
                    Arrival::Unknown(_) => return None,
                };
                if !self.is_certain(server, hop) || self.may_tunnel(hop) {
                    return None;
                }
                ways.push(Way { path: path.clone(), arrival });
            }
        }
        Some(ways)
    }

    /// The path of a location, and one below it unless only the path itself is meant.
    fn asked_paths(&self, location: BlockId, path: Vec<u8>) -> Option<Vec<Vec<u8>>> {
        if self.directive(self.config.block(location).node?).arg(0).is_some_and(|word| word.is("=")) {
            return Some(vec![path]);
        }
        let room: &[u8] = if path.ends_with(b"/") { b"room" } else { b"/room" };
        let below = [&path, room].concat();
        Some(vec![path, below])
    }

    /// Whether handshakes for the location come to it and stay there, as can be seen without following any: nothing
    /// rewrites or answers them on the way, and no other location takes their paths.
    pub fn goes_straight(&self, location: BlockId, server: BlockId) -> bool {
        match self.straight.get() {
            Some((known, straight)) if known == location => straight,
            _ => {
                let straight = self.is_straight(location, server);
                self.straight.set(Some((location, straight)));
                straight
            }
        }
    }

    fn is_straight(&self, location: BlockId, server: BlockId) -> bool {
        let config = self.config;
        let quiet = |block: BlockId, names: &[NameId]| {
            names.iter().all(|&name| config.own(block, name).len() == 0)
                && config.own(block, NameId::UNKNOWN).len() == 0
                && config.own(block, names::IF).len() == 0
        };
        let in_server = [names::REWRITE, names::RETURN];
        let in_location =
            [names::REWRITE, names::RETURN, names::TRY_FILES, names::INTERNAL, names::LIMIT_EXCEPT];
        if !quiet(server, &in_server) || !quiet(location, &in_location) {
            return false;
        }
        // Who is kept out may be sent on by `error_page`.
        let guards = [names::ALLOW, names::DENY, names::AUTH_BASIC, names::AUTH_REQUEST, names::ERROR_PAGE];
        if guards.iter().any(|&name| config.inherited(location, name).level.is_some()) {
            return false;
        }
        let Some(paths) = self.path_of(location).and_then(|path| self.asked_paths(location, path)) else {
            return false;
        };
        paths.iter().all(|path| self.tracer.found(server, path) == Some((Some(location), false)))
    }

    /// Whether every handshake for the URL goes this way: what decided on it is the same for all, so that neither a
    /// header that another proxy adds nor a cookie has a say.
    fn is_certain(&self, server: BlockId, hop: &Hop) -> bool {
        let (hosts, only) = self.tracer.hosts(server);
        let named = only && hosts.len() <= MAX_HOSTS;
        let is_certain = |name: &[u8]| {
            let name = name.to_ascii_lowercase();
            CERTAIN.contains(&name.as_slice()) || (named && CERTAIN_BY_NAME.contains(&name.as_slice()))
        };
        hop.conditions.iter().all(|&condition| {
            let words: Vec<_> =
                self.directive(condition).args().map(|word| word.value().into_owned()).collect();
            let tests_file = words.iter().any(|word| word.starts_with(b"(-") || word.starts_with(b"(!-"));
            // No file has the path of a WebSocket, and none that closes a site is there.
            let certain = tests_file || words.iter().all(|word| values::variables(word).all(is_certain));
            let held = hop.steps.iter().any(|step| step.by == Some(condition));
            certain || (!held && !self.changes_the_way(condition))
        })
    }

    /// Whether a condition's block does more than answer the requests for which it holds.
    fn changes_the_way(&self, condition: NodeRef) -> bool {
        self.tree.children(condition).any(|node| {
            matches!(
                self.directive(node).name_id(),
                names::SET | names::BREAK | names::REWRITE | NameId::UNKNOWN
            )
        })
    }

    fn may_tunnel(&self, hop: &Hop) -> bool {
        let decider = hop.locations.last();
        decider.is_some_and(|&block| OTHER_TUNNELS.iter().any(|&name| self.config.own(block, name).len() > 0))
    }

    /// Whether the request that is sent on asks its backend for a WebSocket; None where that is not known.
    pub fn asks(&self, hop: &Hop) -> Option<bool> {
        let headers = &hop.upstream.as_ref()?.headers;
        let has = |name: &str, token: &str| {
            let mut known = Some(false);
            for header in headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)) {
                match &header.value {
                    Value::Known(value) if has_token(value, token) => return Some(true),
                    Value::Known(_) => {}
                    Value::Unknown(_) => known = None,
                }
            }
            known
        };
        match (has("upgrade", "websocket"), has("connection", "upgrade")) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    /// Whether a directive stands in a block: directly, or in an `if` directly inside.
    pub fn holds(&self, block: BlockId, node: NodeRef) -> bool {
        let name = self.directive(node).name_id();
        let ifs = self.config.conditions(block);
        std::iter::once(block).chain(ifs).any(|block| self.config.own(block, name).any(|own| own == node))
    }

    /// Whether `inner` is `outer` or lies inside it.
    pub fn is_within(&self, inner: BlockId, outer: BlockId) -> bool {
        self.config.chain(inner).any(|block| block == outer)
    }

    /// The line that keeps the regular expressions of other locations away from `location`, where `taker` is one: the
    /// block to edit, and what to write there.
    pub fn without_regex(&self, location: BlockId, taker: BlockId) -> Option<(NodeRef, String)> {
        let config = self.config;
        let around =
            |block: BlockId| config.chain(block).filter(|&block| config.block(block).context == LOCATION);
        // `^~` counts on the level where the regular expression stands.
        let (edit, rival) = around(location).find_map(|edit| {
            let rival =
                around(taker).find(|&rival| config.block(rival).parent == config.block(edit).parent)?;
            Some((edit, rival))
        })?;
        let is_regex = |block: BlockId| {
            let first = config.block(block).node.and_then(|node| self.directive(node).arg(0));
            first.is_some_and(|word| word.value().starts_with(b"~"))
        };
        let node = config.block(edit).node?;
        let directive = self.directive(node);
        let plain =
            directive.arg_count() == 1 && directive.arg(0).is_some_and(|word| word.raw().starts_with(b"/"));
        (is_regex(rival) && plain && edit != rival).then(|| {
            (node, format!("location ^~ {} {{", directive.arg(0).map(|word| word.show()).unwrap_or_default()))
        })
    }
}
