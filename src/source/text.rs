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
}

impl Text {
    pub fn plain(original: Vec<u8>) -> Self {
        Self { original, extracted: None }
    }

    /// Bytes taken out of a larger file. `pieces` are sorted by `parsed`, the first at 0; `holes` are ranges of
    /// `parsed` whose content is not known.
    pub fn extracted(original: Vec<u8>, parsed: Vec<u8>, pieces: Vec<Piece>, holes: Vec<Range<u32>>) -> Self {
        Self { original, extracted: Some(Extracted { parsed, pieces, holes }) }
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

    /// Whether some part of `range` is not known.
    pub fn has_hole(&self, range: Range<u32>) -> bool {
        let Some(extracted) = &self.extracted else { return false };
        let first = extracted.holes.partition_point(|hole| hole.end <= range.start);
        extracted.holes.get(first).is_some_and(|hole| hole.start < range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
