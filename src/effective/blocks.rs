//! Going through blocks that lie in one another, both servers' alike. Knows no directive.

use super::BlockId;

/// A block in the order of its tree: those inside it follow it.
pub trait Nested {
    fn parent(&self) -> Option<BlockId>;
    /// The first block that is no longer inside this one.
    fn end(&self) -> u32;
}

/// The blocks inside a block, those inside them too; the block itself is none.
pub fn inside<B: Nested>(blocks: &[B], block: BlockId) -> impl Iterator<Item = BlockId> + use<B> {
    (block.0 + 1..blocks[block.0 as usize].end()).map(BlockId)
}

/// The blocks directly inside a block, in order.
pub fn children<B: Nested>(blocks: &[B], block: BlockId) -> impl Iterator<Item = BlockId> + '_ {
    let end = blocks[block.0 as usize].end();
    let next = move |after: u32| (after < end).then_some(BlockId(after));
    std::iter::successors(next(block.0 + 1), move |child| next(blocks[child.0 as usize].end()))
}

/// The block and those around it, the innermost first.
pub fn chain<B: Nested>(blocks: &[B], block: BlockId) -> impl Iterator<Item = BlockId> + '_ {
    std::iter::successors(Some(block), move |block| blocks[block.0 as usize].parent())
}
