//! What rules about httpd may look at. Knows no rule by name.

pub mod fate;
pub mod reach;
pub mod remedy;
mod straight;
mod ways;

use hashbrown::{HashMap, HashSet};
use std::cell::{Cell, OnceCell, RefCell};
use std::ops::Deref;
use std::rc::Rc;

use super::{Given, Ground};
use crate::effective::BlockId;
use crate::effective::apache::directives::Section;
use crate::effective::apache::section::Matcher;
use crate::effective::apache::server::ServerId;
use crate::effective::apache::{Config, Pass, Worker};
use crate::handshake::apache::{Passage, Tracer};
use crate::routes::{By, Route};
use crate::syntax::NameId;
use crate::tree::{NodeRef, Tree};
use fate::Fate;
use straight::Straight;

pub use ways::{Way, samples};

/// Everything a rule about httpd may look at.
pub struct Facts<'a> {
    ground: Ground<'a>,
    pub config: &'a Config,
    pub routes: &'a [Route],
    /// For following a handshake through the phases of the server.
    pub tracer: Tracer<'a>,
    /// The blocks that have a directive, looked for when first asked for.
    with: RefCell<HashMap<NameId, With>>,
    /// Which routes need no following.
    straight: RefCell<Option<Straight<'a>>>,
    /// Whether the route that was asked about last is one.
    last_straight: Cell<Option<(NodeRef, bool)>>,
    /// Wordings of rewrite rules that gave a check nothing to say.
    sound: RefCell<HashSet<(&'static str, Vec<u8>)>>,
    /// Virtual hosts that speak TLS, by the names they go by, looked for when first asked for.
    secure: OnceCell<HashMap<Vec<u8>, Vec<ServerId>>>,
    /// The worker of the route that was asked about last: several rules ask in a row.
    last_worker: Cell<Option<(NodeRef, Option<&'a Worker>)>>,
    /// The fate of the route that was asked about last: several rules ask in a row.
    last_fate: RefCell<Option<(NodeRef, Rc<Fate>)>>,
    /// The ways of the route that was asked about last: several rules ask in a row.
    last_ways: RefCell<Option<(NodeRef, Rc<Vec<Way>>)>>,
}

/// Blocks that hold lines of one directive, by the server they belong to.
type With = Rc<HashMap<ServerId, Vec<Holder>>>;

/// A block with lines of one directive.
struct Holder {
    pub block: BlockId,
    /// What requests it is for, where it is a section of a kind that is asked for.
    pub matcher: Option<Matcher>,
}

impl<'a> Deref for Facts<'a> {
    type Target = Ground<'a>;

    fn deref(&self) -> &Ground<'a> {
        &self.ground
    }
}

impl<'a> Facts<'a> {
    pub fn new(
        tree: &'a Tree,
        config: &'a Config,
        routes: &'a [Route],
        tracer: Tracer<'a>,
        given: Given<'a>,
    ) -> Self {
        let ground = Ground { tree, server: "httpd", fragment: config.fragment, given };
        Self {
            ground,
            config,
            routes,
            tracer,
            with: RefCell::default(),
            last_worker: Cell::default(),
            last_fate: RefCell::default(),
            straight: RefCell::default(),
            last_straight: Cell::default(),
            sound: RefCell::default(),
            secure: OnceCell::new(),
            last_ways: RefCell::default(),
        }
    }

    /// The blocks that directly hold a directive of this name of which a line counts.
    fn blocks_with(
        &self,
        name: NameId,
        is_matched: fn(Section) -> bool,
        counts: impl Fn(NodeRef) -> bool,
    ) -> With {
        let find = || {
            let mut found: HashMap<ServerId, Vec<Holder>> = HashMap::new();
            for (id, block) in self.config.blocks() {
                if !self.config.own(id, name).any(&counts) {
                    continue;
                }
                let node = block.node.filter(|_| is_matched(block.section));
                let matcher = node.map(|node| Matcher::new(self.directive(node)));
                found.entry(block.server).or_default().push(Holder { block: id, matcher });
            }
            Rc::new(found)
        };
        self.with.borrow_mut().entry(name).or_insert_with(find).clone()
    }

    /// The virtual hosts that go by a name and speak TLS.
    pub fn secure_hosts(&self, name: &[u8]) -> &[ServerId] {
        let find = || {
            let mut found: HashMap<Vec<u8>, Vec<ServerId>> = HashMap::new();
            for id in self.config.server_ids().skip(1) {
                let server = self.config.server(id);
                let mut ports = server.addresses.iter().filter_map(|address| address.port);
                if !ports.any(|port| self.tracer.is_tls(id, port)) {
                    continue;
                }
                for name in server.name.iter().chain(&server.aliases) {
                    let hosts = found.entry(name.clone()).or_default();
                    if hosts.last() != Some(&id) {
                        hosts.push(id);
                    }
                }
            }
            found
        };
        self.secure.get_or_init(find).get(name).map_or(&[], Vec::as_slice)
    }

    /// The line of ProxyPass that a route is.
    pub fn pass(&self, route: &Route) -> Option<&'a Pass> {
        match route.by {
            By::Pass { server, index } => self.config.server(server).proxies.passes.get(index),
            By::Section { server } => self.config.server(server).proxies.in_section(route.block),
            _ => None,
        }
    }

    /// The server that a route belongs to.
    pub fn server_of(&self, route: &Route) -> ServerId {
        self.config.block(route.block).server
    }

    /// The worker that a URL is given to in a server: the longest of its own and the main server's.
    pub fn worker(&self, server: ServerId, url: &[u8]) -> Option<&'a Worker> {
        self.config.worker(self.tree, server, url)
    }

    /// Whether everything that could load a module or define a name was seen.
    pub fn is_complete(&self) -> bool {
        self.config.complete
    }

    /// `<Location "/ws">`, `this virtual host`, `the main server`: how a message names a block.
    pub fn block_name(&self, block: BlockId) -> String {
        let found = self.config.block(block);
        match (found.section, found.node) {
            (Section::Main, _) | (_, None) => "the main server".to_string(),
            (Section::VirtualHost, Some(_)) => "this virtual host".to_string(),
            (_, Some(node)) => format!("`{}`", self.text(node)),
        }
    }

    /// What becomes of a browser's handshake for a route's own path; None where the route names no path of its own.
    pub fn own_passage(&self, route: &Route) -> Option<Passage> {
        let path = crate::routes::apache::own_path(self.tree, self.config, route)?;
        Some(self.passage(self.server_of(route), &path))
    }

    /// What becomes of a browser's handshake for a path of a server.
    pub fn passage(&self, server: ServerId, path: &[u8]) -> Passage {
        let request = self.tracer.handshake(server, path);
        self.tracer.pass(&request, server)
    }
}
