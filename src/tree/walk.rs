//! Going through a tree in the server's order, includes resolved, without recursion.

use std::ops::Range;

use super::{GraftId, NodeRef, Tree};
use crate::syntax::{DirectiveId, Document};

/// What a walk meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A directive; `Walk::enter` goes into its block. An include is met before what it brings in.
    Directive(NodeRef),
    /// The end of the block that was entered last.
    Leave,
}

/// A walk over a tree, or over one block of it.
pub struct Walk<'t> {
    tree: &'t Tree,
    frames: Vec<Frame<'t>>,
}

struct Frame<'t> {
    graft: GraftId,
    document: &'t Document,
    rest: Range<u32>,
    kind: Kind,
}

enum Kind {
    /// A block that was entered: its end is reported.
    Block,
    /// The top of a file, or the block the walk began in.
    Silent,
    /// The files of one include, by their place in `Tree::children`; `rest` indexes them.
    Includes { first: usize },
}

impl<'t> Frame<'t> {
    fn top(tree: &'t Tree, graft: GraftId) -> Self {
        let document = tree.graft_text(graft).1;
        Self { graft, document, rest: document.top(), kind: Kind::Silent }
    }

    fn inside(tree: &'t Tree, block: NodeRef, kind: Kind) -> Self {
        let document = tree.graft_text(block.graft).1;
        Self { graft: block.graft, document, rest: block.id.0 + 1..document.next(block.id), kind }
    }
}

impl<'t> Walk<'t> {
    pub(super) fn whole(tree: &'t Tree) -> Self {
        Self { tree, frames: vec![Frame::top(tree, tree.root())] }
    }

    pub(super) fn inside(tree: &'t Tree, block: NodeRef) -> Self {
        Self { tree, frames: vec![Frame::inside(tree, block, Kind::Silent)] }
    }

    /// Goes into the block of the directive that was just met.
    pub fn enter(&mut self, block: NodeRef) {
        self.frames.push(Frame::inside(self.tree, block, Kind::Block));
    }

    fn include(&mut self, node: NodeRef) {
        let grafts = self.tree.grafts_at(node);
        if let Some(&first) = grafts.first() {
            let offset = |slice: &[GraftId]| slice.as_ptr() as usize;
            let first_at = (offset(grafts) - offset(&self.tree.children)) / size_of::<GraftId>();
            let rest = 0..grafts.len() as u32;
            let document = self.tree.graft_text(first).1;
            self.frames.push(Frame {
                graft: first,
                document,
                rest,
                kind: Kind::Includes { first: first_at },
            });
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            let frame = self.frames.last_mut()?;
            if frame.rest.is_empty() {
                let frame = self.frames.pop()?;
                if matches!(frame.kind, Kind::Block) {
                    return Some(Step::Leave);
                }
                continue;
            }
            if let Kind::Includes { first } = frame.kind {
                let graft = self.tree.children[first + frame.rest.start as usize];
                frame.rest.start += 1;
                self.frames.push(Frame::top(self.tree, graft));
                continue;
            }
            let node = NodeRef { graft: frame.graft, id: DirectiveId(frame.rest.start) };
            frame.rest.start = frame.document.next(node.id);
            if frame.document.is_include(node.id) {
                self.include(node);
            }
            return Some(Step::Directive(node));
        }
    }
}

/// The directives directly in a block.
pub struct Children<'t>(pub(super) Walk<'t>);

impl Iterator for Children<'_> {
    type Item = NodeRef;

    fn next(&mut self) -> Option<NodeRef> {
        match self.0.next()? {
            Step::Directive(node) => Some(node),
            Step::Leave => None,
        }
    }
}
