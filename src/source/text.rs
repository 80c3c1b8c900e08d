//! What a parser reads: bytes, where each came from in the original file, and the holes between them.
//! Knows nothing of what makes a hole.

use std::ops::Range;

/// A run of parsed bytes that stands in the original file at another offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Offset in the parsed bytes.
    pub parsed: u32,
    /// Offset in the original file.
    pub original: u32,
}

/// The bytes of a file as its parser sees them. For a plain file they are the file.
#[derive(Debug)]
pub struct Text {
    original: Vec<u8>,
    extracted: Option<Extracted>,
}

#[derive(Debug)]
struct Extracted {
    parsed: Vec<u8>,
    pieces: Vec<Piece>,
    holes: Vec<Range<u32>>,
    cut: Option<Cut>,
}

/// How a text was taken out of a file of another language.
#[derive(Debug, Default)]
pub struct Cut {
    /// The template's engine, as a person calls it.
    pub engine: Option<&'static str>,
    /// It stands in a file of another language, which may indent or quote it.
    pub is_embedded: bool,
    /// Its first tag, in the original file.
    pub first_tag: Option<Range<u32>>,
    pub branches: Branches,
    /// Something stands for any number of directives.
    pub has_items: bool,
    /// Blocks open in one branch and close in another, so that what is read need not be what the server reads.
    pub tangled: bool,
    /// A template's tag that never closes, in the original file.
    pub unclosed: Option<Range<u32>>,
}

impl Cut {
    /// Whether every directive of the file is known, whatever its words are.
    pub fn is_complete(&self) -> bool {
        self.branches.is_empty() && !self.has_items && !self.tangled
    }
}

/// Which parts of a text are there under which condition. A branch is a number, 0 for what is always there.
#[derive(Debug, Default)]
pub struct Branches {
    changes: Vec<Change>,
    /// By branch from 1 on, the branch that it stands in.
    around: Vec<u32>,
}

/// From here on the text is of this branch.
#[derive(Clone, Copy, Debug)]
struct Change {
    parsed: u32,
    original: u32,
    branch: u32,
}

impl Branches {
    pub fn is_empty(&self) -> bool {
        self.around.is_empty()
    }

    /// How often the branch changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn truncate(&mut self, len: usize) {
        self.changes.truncate(len);
    }

    pub fn current(&self) -> u32 {
        self.changes.last().map_or(0, |change| change.branch)
    }

    /// Begins a branch of its own.
    pub fn enter(&mut self, parsed: u32, original: u32, around: u32) {
        self.around.push(around);
        let branch = self.around.len() as u32;
        self.changes.push(Change { parsed, original, branch });
    }

    /// Goes back to the branch around.
    pub fn leave(&mut self, parsed: u32, original: u32, around: u32) {
        self.changes.push(Change { parsed, original, branch: around });
    }

    fn at(&self, place: u32, of: fn(&Change) -> u32) -> u32 {
        let after = self.changes.partition_point(|change| of(change) <= place);
        after.checked_sub(1).map_or(0, |index| self.changes[index].branch)
    }

    /// Whether one branch stands in the other, or is it: whether they may be known to be there together.
    pub fn agree(&self, one: u32, other: u32) -> bool {
        let within = |mut inner: u32, outer: u32| {
            // A branch stands in one that began before it.
            while inner > outer {
                inner = self.around[inner as usize - 1];
            }
            inner == outer
        };
        within(one, other) || within(other, one)
    }

    /// The same for a text whose original stands in a larger file.
    pub(super) fn moved(mut self, to_file: impl Fn(u32) -> u32) -> Self {
        self.changes.iter_mut().for_each(|change| change.original = to_file(change.original));
        self
    }
}

impl Text {
    pub fn plain(original: Vec<u8>) -> Self {
        Self { original, extracted: None }
    }

    /// Bytes taken out of a larger file. `pieces` are sorted by `parsed`, the first at 0; `holes` are ranges of
    /// `parsed` whose content is not known.
    pub fn extracted(original: Vec<u8>, parsed: Vec<u8>, pieces: Vec<Piece>, holes: Vec<Range<u32>>) -> Self {
        Self { original, extracted: Some(Extracted { parsed, pieces, holes, cut: None }) }
    }

    /// The same for what is cut out of a file as it stands there, but for holes.
    pub fn cut(
        original: Vec<u8>,
        parsed: Vec<u8>,
        pieces: Vec<Piece>,
        holes: Vec<Range<u32>>,
        cut: Cut,
    ) -> Self {
        Self { original, extracted: Some(Extracted { parsed, pieces, holes, cut: Some(cut) }) }
    }

    /// How it was cut out; None for a plain file.
    pub fn as_cut(&self) -> Option<&Cut> {
        self.extracted.as_ref()?.cut.as_ref()
    }

    /// The branch in which a parsed byte stands.
    pub fn branch(&self, parsed: u32) -> u32 {
        self.as_cut().map_or(0, |cut| cut.branches.at(parsed, |change| change.parsed))
    }

    /// The branch in which a byte of the original stands.
    pub fn branch_of_original(&self, original: u32) -> u32 {
        self.as_cut().map_or(0, |cut| cut.branches.at(original, |change| change.original))
    }

    /// The whole file as it lies on disk; what spans point into.
    pub fn original(&self) -> &[u8] {
        &self.original
    }

    /// What the parser reads.
    pub fn parsed(&self) -> &[u8] {
        self.extracted.as_ref().map_or(&self.original, |extracted| &extracted.parsed)
    }

    /// The original offset of a parsed byte.
    pub fn to_original(&self, parsed: u32) -> u32 {
        let Some(extracted) = &self.extracted else { return parsed };
        let after = extracted.pieces.partition_point(|piece| piece.parsed <= parsed);
        let piece = extracted.pieces[after - 1];
        let original = piece.original + (parsed - piece.parsed);
        // What replaced something shorter does not reach beyond it.
        match extracted.pieces.get(after) {
            Some(next) if next.original >= piece.original => original.min(next.original),
            _ => original,
        }
    }

    /// Whether these parsed bytes stand just so in the original file, one after the other and all of them known.
    pub fn is_verbatim(&self, range: Range<u32>) -> bool {
        let Some(extracted) = &self.extracted else { return true };
        let start = self.to_original(range.start) as usize;
        let parsed = extracted.parsed.get(range.start as usize..range.end as usize);
        let straight =
            range.clone().all(|at| self.to_original(at) as usize == start + (at - range.start) as usize);
        !self.has_hole(range.clone())
            && straight
            && parsed.is_some()
            && parsed == self.original.get(start..start + range.len())
    }

    /// The original offset behind a run of parsed bytes that ends here.
    pub fn end_to_original(&self, parsed: u32) -> u32 {
        let Some(extracted) =
            self.extracted.as_ref().filter(|extracted| extracted.cut.is_some() && parsed > 0)
        else {
            return self.to_original(parsed);
        };
        let last = parsed - 1;
        let after = extracted.pieces.partition_point(|piece| piece.parsed <= last);
        match extracted.pieces.get(after) {
            // What stands for something ends where that ends.
            Some(next) if next.parsed == parsed && self.has_hole(last..parsed) => next.original,
            _ => (self.to_original(last) + 1).min(self.original.len() as u32),
        }
    }

    /// Whether these bytes of the original may be replaced by others: they are read as they stand there, all of one branch.
    pub fn may_edit(&self, range: Range<u32>) -> bool {
        let Some(extracted) = &self.extracted else { return true };
        let Some(cut) = &extracted.cut else { return false };
        // The piece that holds the bytes; none begins among them.
        let after = extracted.pieces.partition_point(|piece| piece.original <= range.start);
        let Some(piece) = after.checked_sub(1).map(|index| extracted.pieces[index]) else { return false };
        let parsed = piece.parsed + (range.start - piece.original);
        let read = parsed..parsed + (range.end - range.start);
        !cut.is_embedded
            && extracted.pieces.get(after).is_none_or(|next| range.end <= next.original)
            && !self.has_hole(read.start..read.end.max(read.start + 1))
            && extracted.parsed.get(read.start as usize..read.end as usize)
                == self.original.get(range.start as usize..range.end as usize)
            && self.branch_of_original(range.start) == self.branch_of_original(range.end)
    }

    /// The bytes of the file that a range of parsed ones stands for.
    pub fn original_of(&self, range: Range<u32>) -> &[u8] {
        let (start, end) = (self.to_original(range.start), self.end_to_original(range.end));
        self.original.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Whether some part of `range` is not known.
    pub fn has_hole(&self, range: Range<u32>) -> bool {
        self.holes(range).next().is_some()
    }

    /// What is not known in `range`, or reaches into it.
    pub fn holes(&self, range: Range<u32>) -> impl Iterator<Item = &Range<u32>> {
        let all = self.extracted.as_ref().map_or(&[][..], |extracted| &extracted.holes);
        let first = all.partition_point(|hole| hole.end <= range.start);
        all[first..].iter().take_while(move |hole| hole.start < range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_out_ends_where_it_ends_in_the_file() {
        // `ab{{ x }}cd{# #}ef`
        let pieces = [(0, 0), (2, 2), (5, 9), (7, 16)];
        let pieces = pieces.map(|(parsed, original)| Piece { parsed, original }).to_vec();
        let holes = std::iter::once(2..5).collect();
        let text = Text::cut(vec![b' '; 18], b"ab...cdef".to_vec(), pieces, holes, Cut::default());
        assert_eq!([2, 5, 7, 9].map(|at| text.end_to_original(at)), [2, 9, 11, 18]);
        let original = b"ab{{ x }}cd{# #}ef".to_vec();
        let extracted = text.extracted.expect("cut out");
        let Extracted { parsed, pieces, holes, .. } = extracted;
        let text = Text::cut(original, parsed, pieces, holes, Cut::default());
        assert!(text.may_edit(0..2) && text.may_edit(9..11) && text.may_edit(16..18));
        for range in [1..3, 3..4, 2..9, 8..10, 10..12, 10..17] {
            assert!(!text.may_edit(range.clone()), "{range:?}");
        }
    }

    #[test]
    fn branches_agree_where_one_stands_in_the_other() {
        let mut branches = Branches::default();
        branches.enter(10, 10, 0);
        branches.enter(20, 20, 1);
        branches.leave(30, 30, 1);
        branches.enter(40, 40, 0);
        branches.leave(50, 50, 0);
        let at = |place| branches.at(place, |change| change.parsed);
        assert_eq!([0, 10, 20, 30, 40, 50].map(at), [0, 1, 2, 1, 3, 0]);
        assert!(branches.agree(0, 3) && branches.agree(2, 1) && branches.agree(1, 2));
        assert!(!branches.agree(1, 3) && !branches.agree(3, 2));
    }

    #[test]
    fn offsets_of_extracted_text_lead_back_to_the_original_file() {
        let pieces = vec![Piece { parsed: 0, original: 10 }, Piece { parsed: 4, original: 30 }];
        let text =
            Text::extracted(vec![b' '; 40], b"abcdefgh".to_vec(), pieces, std::iter::once(5..6).collect());
        assert_eq!([0, 3, 4, 7].map(|at| text.to_original(at)), [10, 13, 30, 33]);
        let bytes = b"..........abcd................efgh";
        let pieces = vec![Piece { parsed: 0, original: 10 }, Piece { parsed: 4, original: 30 }];
        let text =
            Text::extracted(bytes.to_vec(), b"abcdeXgh".to_vec(), pieces, std::iter::once(6..7).collect());
        assert!(text.is_verbatim(0..4) && text.is_verbatim(4..5) && text.is_verbatim(7..8));
        assert!(!text.is_verbatim(3..5), "apart in the file");
        assert!(!text.is_verbatim(4..6) && !text.is_verbatim(6..8), "other bytes, and a hole");
        assert!(text.has_hole(6..8));
        let text = Text::extracted(
            vec![b' '; 40],
            b"abcdefgh".to_vec(),
            vec![Piece { parsed: 0, original: 0 }],
            std::iter::once(5..6).collect(),
        );
        assert!(text.has_hole(4..6) && !text.has_hole(0..5) && !text.has_hole(6..8));
    }
}
