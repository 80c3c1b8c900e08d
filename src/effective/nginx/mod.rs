//! What is in force in each block of an nginx configuration. Knows nginx's laws, not what they do to a
//! WebSocket.

mod build;
mod check;
mod directive_table;
pub mod directives;
mod evaluate;
mod map;
pub mod names;
mod scope;
pub mod unknown;
pub mod values;
mod variables;
pub mod versions;

use hashbrown::{HashMap, HashSet};
use std::borrow::Cow;
use std::ops::Range;

use crate::effective::blocks::{self, Nested};
use crate::effective::{BlockId, Target};
use crate::source::FileId;
use crate::syntax::{DirectiveId, NameId};
use crate::tree::{GraftId, NodeRef, Tree};
use directives::Contexts;

pub use check::{Refusal, RefusalKind};
pub use evaluate::{Evaluator, Request};
pub use map::{Map, MapEntry, MapKey};
pub use scope::Inherited;
pub use variables::{is_builtin, is_prefixed};
pub use versions::NEWEST;

/// A block whose directives have been listed.
#[derive(Clone, Debug)]
pub struct Block {
    /// One bit of `directives::Contexts`.
    pub context: Contexts,
    /// The directive that opens it; none for the main context and for what a fragment's file stands in.
    pub node: Option<NodeRef>,
    pub parent: Option<BlockId>,
    /// Something directly in here was not seen (an include, what surrounds a fragment), so anything may stand here.
    pub opaque: bool,
    /// A script of another module stands directly in here, and may set any variable.
    pub scripted: bool,
    /// A directive directly in here was refused, so what is in force is not what was meant.
    pub broken: bool,
    listed: Range<u32>,
    /// The first block that is no longer inside this one.
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Listed {
    name: NameId,
    node: NodeRef,
}

/// Every directive of the configuration by its name, so that asking for one that is nowhere costs nothing.
#[derive(Debug, Default)]
struct Everywhere {
    /// In the order of the blocks.
    lines: Vec<(BlockId, NodeRef)>,
    /// Where a name's lines begin, by its number; unknown names come last.
    starts: Vec<u32>,
    /// Of some block not everything was seen.
    opaque: bool,
}

impl Everywhere {
    fn new(blocks: &[Block], listed: &[Listed]) -> Self {
        let slot = |name: NameId| (name.0 as usize).min(directives::ENTRIES.len());
        let mut starts = vec![0; directives::ENTRIES.len() + 2];
        listed.iter().for_each(|entry| starts[slot(entry.name) + 1] += 1);
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut next = starts.clone();
        let mut lines = vec![(BlockId(0), NodeRef { graft: GraftId(0), id: DirectiveId(0) }); listed.len()];
        for (index, block) in blocks.iter().enumerate() {
            for entry in &listed[block.listed.start as usize..block.listed.end as usize] {
                let place = &mut next[slot(entry.name)];
                lines[*place as usize] = (BlockId(index as u32), entry.node);
                *place += 1;
            }
        }
        Self { lines, starts, opaque: blocks.iter().any(|block| block.opaque) }
    }

    fn named(&self, name: NameId) -> &[(BlockId, NodeRef)] {
        let slot = (name.0 as usize).min(directives::ENTRIES.len());
        &self.lines[self.starts[slot] as usize..self.starts[slot + 1] as usize]
    }
}

/// A whole configuration, its blocks' directives listed by name so that none is looked for by scanning.
#[derive(Debug)]
pub struct Config {
    blocks: Vec<Block>,
    listed: Vec<Listed>,
    everywhere: Everywhere,
    /// Every `if` block behind the block that directly holds it, sorted.
    conditions: Vec<(BlockId, BlockId)>,
    pub target: Target,
    /// What the server's own test refuses, by the table of directives.
    pub refusals: Vec<Refusal>,
    /// Directives of no known module.
    pub unknown: Vec<(BlockId, NodeRef)>,
    /// `map` blocks of `http`, in order.
    pub maps: Vec<Map>,
    map_by_name: HashMap<Vec<u8>, u32>,
    /// `map` blocks of `stream`, by the variable's name in lower case.
    stream_maps: HashMap<Vec<u8>, Map>,
    /// `set` directives by the variable's name in lower case.
    sets: HashMap<Vec<u8>, Vec<(BlockId, NodeRef)>>,
    /// Names that something else defines: `geo`, `split_clients`, a module's directive, a named group.
    defined: HashMap<Vec<u8>, NodeRef>,
    /// `upstream` blocks of `http`, by name in lower case.
    pub upstreams: HashMap<Vec<u8>, BlockId>,
    /// Those of `stream`.
    pub stream_upstreams: HashMap<Vec<u8>, BlockId>,
    /// All of it was seen, so what isn't here isn't anywhere: neither a fragment nor an include that wasn't found.
    pub complete: bool,
    /// The file given is not a main file; the blocks around it are inferred.
    pub fragment: bool,
    unseen: HashSet<(FileId, DirectiveId)>,
    /// Directives of which a template decides whether they are there.
    conditional: HashSet<NodeRef>,
    /// Names of which a template decides what they are given in a block.
    unsettled: HashSet<(BlockId, NameId)>,
    /// Where a syntax problem leaves open what the rest of a file means, by file.
    derailed: HashMap<FileId, u32>,
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

    fn refuse(&mut self, tree: &Tree, refusal: Refusal) {
        if !self.is_derailed(tree, refusal.node) {
            self.refusals.push(refusal);
        }
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

    /// The `if` blocks directly in a block, in order.
    pub fn conditions(&self, block: BlockId) -> impl Iterator<Item = BlockId> + '_ {
        let from = self.conditions.partition_point(|&(around, _)| around < block);
        self.conditions[from..]
            .iter()
            .take_while(move |(around, _)| *around == block)
            .map(|&(_, inner)| inner)
    }

    /// The block and those around it, the innermost first.
    pub fn chain(&self, block: BlockId) -> impl Iterator<Item = BlockId> + '_ {
        blocks::chain(&self.blocks, block)
    }

    /// The nearest block of a context, the block itself included.
    pub fn enclosing(&self, block: BlockId, contexts: Contexts) -> Option<BlockId> {
        self.chain(block).find(|&block| self.block(block).context & contexts != 0)
    }

    /// The directives of this name directly in the block, in order.
    pub fn own(
        &self,
        block: BlockId,
        name: NameId,
    ) -> impl ExactSizeIterator<Item = NodeRef> + DoubleEndedIterator + '_ {
        let listed = if self.everywhere(name).is_empty() { &[] } else { self.listed_in(block) };
        let rest = &listed[listed.partition_point(|entry| entry.name < name)..];
        // Most questions have no answer, and most answers are one line: a second search pays only for long lists.
        let len = match rest {
            [first, ..] if first.name != name => 0,
            [_, second, ..] if second.name == name => rest.partition_point(|entry| entry.name == name),
            [_, ..] => 1,
            [] => 0,
        };
        rest[..len].iter().map(|entry| entry.node)
    }

    /// The directives of this name in the whole configuration, with the blocks that hold them, in the order of the
    /// blocks.
    pub fn everywhere(&self, name: NameId) -> &[(BlockId, NodeRef)] {
        self.everywhere.named(name)
    }

    /// Whether it is known that no directive of this name stands anywhere.
    fn is_nowhere(&self, name: NameId) -> bool {
        !self.everywhere.opaque && self.everywhere(name).is_empty()
    }

    /// Every directive directly in the block, sorted by name, then in order.
    pub fn all(&self, block: BlockId) -> impl Iterator<Item = (NameId, NodeRef)> + '_ {
        self.listed_in(block).iter().map(|entry| (entry.name, entry.node))
    }

    fn listed_in(&self, block: BlockId) -> &[Listed] {
        let range = &self.block(block).listed;
        &self.listed[range.start as usize..range.end as usize]
    }

    /// The map that gives a variable its value: the last one of that name.
    pub fn map(&self, name: &[u8]) -> Option<&Map> {
        self.map_by_name.get(&*lower(name)).map(|&index| &self.maps[index as usize])
    }

    /// The map that gives a variable its value where the block stands: `http` and `stream` have maps of their own.
    pub fn map_in(&self, block: BlockId, name: &[u8]) -> Option<&Map> {
        match self.stream_maps.is_empty() || self.enclosing(block, directives::STREAM).is_none() {
            true => self.map(name),
            false => self.stream_maps.get(&*lower(name)),
        }
    }

    /// Whether anything in the files gives the variable a value.
    pub fn defines(&self, name: &[u8]) -> bool {
        let name = &*lower(name);
        self.map_by_name.contains_key(name) || self.sets.contains_key(name) || self.defined.contains_key(name)
    }

    /// Whether this is an include that could not be followed.
    pub fn is_unseen(&self, tree: &Tree, node: NodeRef) -> bool {
        !self.unseen.is_empty() && self.unseen.contains(&(tree.file(node.graft), node.id))
    }

    /// Whether a template decides if the directive stands in its block.
    pub fn is_conditional(&self, node: NodeRef) -> bool {
        !self.conditional.is_empty() && self.conditional.contains(&node)
    }

    /// Whether a template decides which of a block's lines of this name are there, or what they are about.
    fn is_unsettled(&self, block: BlockId, name: NameId) -> bool {
        !self.unsettled.is_empty() && self.unsettled.contains(&(block, name))
    }

    /// Whether the directive stands behind a syntax problem after which nobody knows what the file means.
    pub fn is_derailed(&self, tree: &Tree, node: NodeRef) -> bool {
        let behind = |&from: &u32| tree.head(node).end > from;
        !self.derailed.is_empty() && self.derailed.get(&tree.file(node.graft)).is_some_and(behind)
    }

    /// Where the variable is `set`.
    pub fn sets(&self, name: &[u8]) -> &[(BlockId, NodeRef)] {
        self.sets.get(&*lower(name)).map_or(&[], Vec::as_slice)
    }
}

/// A variable's name as it is looked up: nearly all are written in lower case.
fn lower(name: &[u8]) -> Cow<'_, [u8]> {
    match name.iter().any(u8::is_ascii_uppercase) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}
