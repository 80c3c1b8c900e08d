//! What is in force in each section of an httpd configuration. Knows httpd's laws, not what they do to a WebSocket.

mod build;
pub mod check;
mod directive_table;
pub mod directives;
pub mod escape;
pub mod expr;
pub mod fnmatch;
mod linking;
pub mod names;
mod other_modules;
pub mod params;
pub mod proxy;
pub mod request;
pub mod rewrite;
pub mod rewriting;
pub mod section;
pub mod server;
pub mod settings;
pub mod start;
pub mod url;
pub mod values;
pub mod versions;

use hashbrown::HashMap;
use std::ops::Range;

use crate::effective::blocks::{self, Nested};
use crate::effective::{BlockId, Target};
use crate::syntax::NameId;
use crate::tree::apache::Modules;
use crate::tree::{NodeRef, Tree};
use directives::Section;
use rewriting::Rewriting;

pub use proxy::{Balancer, Pass, Proxies, Worker};
pub use server::{Server, ServerId};

/// A section whose directives have been listed. Sections that are asked while the server reads are no blocks: what
/// stands in them stands around them.
#[derive(Clone, Debug)]
pub struct Block {
    pub section: Section,
    /// The directive that opens it; none for the main server.
    pub node: Option<NodeRef>,
    pub parent: Option<BlockId>,
    /// The virtual host it belongs to, or the main server.
    pub server: ServerId,
    listed: Range<u32>,
    /// The first block that is no longer inside this one.
    end: u32,
}

/// A directive in a block's list.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    pub name: NameId,
    pub node: NodeRef,
}

/// What httpd's own test refuses.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub node: NodeRef,
    /// In the server's words.
    pub message: String,
    pub kind: RefusalKind,
    /// It stands in no section, so that a fragment's unseen surroundings may make it right.
    pub at_top: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The directive of a module that is not loaded.
    NotLoaded(&'static str),
    /// A module that is loaded before this one, whose functions it calls, or without it.
    Unlinked(&'static str),
    /// What a balancer lacks, or is given though only its members take it.
    Balancer,
    /// A parameter that a worker does not take.
    Worker,
    Other,
}

/// A whole configuration.
#[derive(Debug)]
pub struct Config {
    blocks: Vec<Block>,
    /// By block, in the order of the text.
    listed: Vec<Listed>,
    /// Places in `listed`, in each block by name, then in order.
    by_name: Vec<u32>,
    /// The main server first, then the virtual hosts in order.
    pub servers: Vec<Server>,
    /// What mod_rewrite is told, by the block that it stands in.
    rewriting: HashMap<BlockId, Rewriting>,
    pub target: Target,
    pub refusals: Vec<Refusal>,
    /// All of it was seen: neither a fragment nor an include that wasn't found.
    pub complete: bool,
    /// The file given is not a main file.
    pub fragment: bool,
}

impl Nested for Block {
    fn parent(&self) -> Option<BlockId> {
        self.parent
    }

    fn end(&self) -> u32 {
        self.end
    }
}

impl Config {
    pub fn new(tree: &Tree, target: Target) -> Self {
        build::build(tree, target)
    }

    pub fn block(&self, block: BlockId) -> &Block {
        &self.blocks[block.0 as usize]
    }

    pub fn blocks(&self) -> impl ExactSizeIterator<Item = (BlockId, &Block)> {
        self.blocks.iter().enumerate().map(|(index, block)| (BlockId(index as u32), block))
    }

    /// The blocks inside a block, those inside them too; `block` itself is none.
    pub fn inside(&self, block: BlockId) -> impl Iterator<Item = BlockId> + use<> {
        blocks::inside(&self.blocks, block)
    }

    /// The blocks directly inside a block, in order.
    pub fn children(&self, block: BlockId) -> impl Iterator<Item = BlockId> + '_ {
        blocks::children(&self.blocks, block)
    }

    /// The block and those around it, the innermost first.
    pub fn chain(&self, block: BlockId) -> impl Iterator<Item = BlockId> + '_ {
        blocks::chain(&self.blocks, block)
    }

    /// Every directive directly in the block, in order.
    pub fn all(&self, block: BlockId) -> &[Listed] {
        let range = &self.block(block).listed;
        &self.listed[range.start as usize..range.end as usize]
    }

    /// The directives of this name directly in the block, in order.
    pub fn own(&self, block: BlockId, name: NameId) -> impl DoubleEndedIterator<Item = NodeRef> + '_ {
        self.places(block, name).iter().map(|&place| self.listed[place as usize].node)
    }

    /// Where they stand in `listed`.
    fn places(&self, block: BlockId, name: NameId) -> &[u32] {
        let range = &self.block(block).listed;
        let places = &self.by_name[range.start as usize..range.end as usize];
        let entry = |&place: &u32| &self.listed[place as usize];
        let rest = &places[places.partition_point(|place| entry(place).name < name)..];
        // Most ask for one that is written nowhere, or once.
        let len = rest.iter().take_while(|place| entry(place).name == name).count();
        &rest[..len]
    }

    /// The directives of any of these names directly in the block, in order.
    pub fn any_of(&self, block: BlockId, names: &[NameId]) -> Vec<Listed> {
        let found = names.iter().flat_map(|&name| self.places(block, name));
        let mut found: Vec<u32> = found.copied().collect();
        found.sort_unstable();
        found.into_iter().map(|place| self.listed[place as usize]).collect()
    }

    /// The last directive of this name directly in the block: the one that counts, for most.
    pub fn last(&self, block: BlockId, name: NameId) -> Option<NodeRef> {
        self.own(block, name).next_back()
    }

    pub fn server(&self, server: ServerId) -> &Server {
        &self.servers[server.0 as usize]
    }

    pub fn main(&self) -> &Server {
        &self.servers[0]
    }

    pub fn server_ids(&self) -> impl Iterator<Item = ServerId> + use<> {
        (0..self.servers.len() as u32).map(ServerId)
    }

    /// The directive of this name that a virtual host has, or else the main server: the last one of its level.
    pub fn in_force(&self, server: ServerId, name: NameId) -> Option<NodeRef> {
        let own = self.last(self.server(server).block, name);
        own.or_else(|| self.last(self.main().block, name))
    }

    /// What mod_rewrite is told directly in a block; None where nothing is.
    pub fn rewriting(&self, block: BlockId) -> Option<&Rewriting> {
        self.rewriting.get(&block)
    }

    pub fn modules<'t>(&self, tree: &'t Tree) -> &'t Modules {
        &tree.reading.modules
    }
}
