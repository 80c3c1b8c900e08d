//! What rules about nginx may look at. Knows no rule by name.

mod arrive;
mod backend;
pub mod remedy;

use hashbrown::HashMap;
use std::cell::{Cell, RefCell};
use std::ops::Deref;

use super::{Given, Ground};
use crate::effective::BlockId;
use crate::effective::nginx::{Config, Evaluator, Map, directives, names, values};
use crate::finding::Finding;
use crate::handshake::nginx::Tracer;
use crate::routes::model::{Handshake, Plain};
use crate::routes::nginx::is_header;
use crate::routes::{Header, Route};
use crate::source::Span;
use crate::syntax::NameId;
use crate::tree::{NodeRef, Tree};

pub use arrive::{Way, Ways};

/// Everything a rule about nginx may look at.
pub struct Facts<'a> {
    ground: Ground<'a>,
    pub config: &'a Config,
    pub routes: &'a [Route],
    /// Values as a browser's handshake makes them.
    pub handshake: Evaluator<'a>,
    /// Values as a plain request makes them.
    pub plain: Evaluator<'a>,
    /// For following a handshake through the phases of a server.
    pub tracer: Tracer<'a>,
    /// How many servers share each upstream's connections, counted when first asked for.
    sharing: RefCell<HashMap<BlockId, Option<usize>>>,
    /// The ways of the location that was asked about last: several rules ask in a row.
    last_ways: RefCell<Option<(BlockId, Ways)>>,
    /// The same for whether its handshakes go straight to it.
    straight: Cell<Option<(BlockId, bool)>>,
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
        Self {
            ground: Ground { tree, server: "nginx", fragment: config.fragment, given },
            config,
            routes,
            handshake: Evaluator::new(tree, config, &Handshake),
            plain: Evaluator::new(tree, config, &Plain),
            tracer,
            sharing: RefCell::default(),
            last_ways: RefCell::default(),
            straight: Cell::default(),
        }
    }

    /// Where a directive has swallowed the line below: the last word before, which lacks its `;`, and the name of the
    /// directive that begins the line.
    pub fn missing_semicolon(&self, node: NodeRef) -> Option<(Span, Span)> {
        let directive = self.directive(node);
        let mut before = directive.name_word().span();
        for word in directive.args() {
            let span = word.span();
            let between = Span { file: span.file, start: before.end, end: span.start };
            let begins_line = self.tree.sources.slice(between).contains(&b'\n');
            if begins_line && directives::name_id(&word.value()) != NameId::UNKNOWN {
                return Some((before, span));
            }
            before = span;
        }
        None
    }

    /// `location /ws`: how a message names a block.
    pub fn block_name(&self, block: BlockId) -> String {
        self.config.block(block).node.map_or_else(|| "this file".to_string(), |node| self.text(node))
    }

    /// The same for a block around the one that was named: `its server`, `location /chat`.
    pub fn block_around(&self, block: BlockId) -> String {
        match self.config.block(block).context {
            directives::LOCATION => format!("`{}`", self.block_name(block)),
            _ => format!("its {}", self.block_kind(block)),
        }
    }

    /// `server`, `location`, `http`: what a block is.
    pub fn block_kind(&self, block: BlockId) -> &'static str {
        match self.config.block(block).context {
            directives::HTTP => "http block",
            directives::SERVER => "server",
            directives::LOCATION => "location",
            directives::IF_SERVER | directives::IF_LOCATION => "if block",
            directives::LIMIT_EXCEPT => "limit_except block",
            directives::UPSTREAM => "upstream",
            _ => "block",
        }
    }

    /// Every directive that sets Upgrade or Connection from variables, on a route or not.
    pub fn variable_handshake_headers(&self) -> impl Iterator<Item = (BlockId, NodeRef)> + '_ {
        let holds = |&(_, node): &(BlockId, NodeRef)| {
            let directive = self.directive(node);
            let (Some(name), Some(value)) = (directive.arg(0), directive.arg(1)) else { return false };
            value.raw().contains(&b'$')
                && !value.is_hole()
                && ["upgrade", "connection"].iter().any(|header| is_header(&name.value(), header))
        };
        const LEVELS: directives::Contexts = directives::HTTP | directives::SERVER | directives::LOCATION;
        let lines = self.config.everywhere(names::PROXY_SET_HEADER).iter().copied();
        lines.filter(|&(block, _)| self.config.block(block).context & LEVELS != 0).filter(holds)
    }

    /// The map whose variable a header's value holds.
    pub fn map_in(&self, header: &Header) -> Option<&'a Map> {
        let value = self.directive(header.at).arg(1)?.value();
        values::variables(&value).find_map(|name| self.config.map(name))
    }

    /// Whether a header's value is the same in every request: written out, without a variable or a template.
    pub fn is_constant(&self, header: &Header) -> bool {
        self.directive(header.at).arg(1).is_some_and(|word| !word.is_hole() && !word.value().contains(&b'$'))
    }

    /// The finding with the line that proxies handshakes as a label, where its own place is not beside that line.
    pub fn with_route(&self, finding: Finding, route: &Route) -> Finding {
        let around = self.config.block(route.block).node.map(|node| self.directive(node).span());
        let primary = finding.primary;
        let beside = |around: Span| {
            around.file == primary.file && around.start <= primary.start && primary.end <= around.end
        };
        if around.is_some_and(beside) {
            return finding;
        }
        finding.label(self.head(route.node), "handshakes are proxied here")
    }

    /// Where a directive of a block stands in the file in which the block begins: itself, or the include that
    /// brings it in.
    pub fn site_in(&self, block: BlockId, node: NodeRef) -> NodeRef {
        let Some(home) = self.config.block(block).node else { return node };
        let chain = std::iter::once(node).chain(self.tree.include_chain(node.graft));
        chain.into_iter().find(|place| place.graft == home.graft).unwrap_or(node)
    }
}
