//! Edits put into text, and where places have gone by them. Knows bytes only.

use std::path::PathBuf;

use hashbrown::HashMap;

/// Bytes of a file and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    pub start: u32,
    pub end: u32,
    pub text: String,
}

/// Changes by file, sorted and apart from one another.
#[derive(Clone, Debug, Default)]
pub struct Changes(HashMap<PathBuf, Vec<Change>>);

impl Changes {
    /// Adds all of these; false, and nothing is added, where one of them touches another that is not the same.
    pub fn add(&mut self, more: &[(PathBuf, Change)]) -> bool {
        let clashes = |(path, change): &(PathBuf, Change)| {
            let known = self.0.get(path).map_or(&[][..], Vec::as_slice);
            known.iter().any(|known| known != change && touch(known, change))
        };
        if more.iter().any(clashes) {
            return false;
        }
        for (path, change) in more {
            let of_file = self.0.entry(path.clone()).or_default();
            if let Err(at) = of_file.binary_search(change) {
                of_file.insert(at, change.clone());
            }
        }
        true
    }

    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.keys()
    }

    /// The text of a file with its changes.
    pub fn apply(&self, path: &PathBuf, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 256);
        let mut at = 0;
        for change in self.0.get(path).map_or(&[][..], Vec::as_slice) {
            out.extend_from_slice(&text[at..change.start as usize]);
            out.extend_from_slice(change.text.as_bytes());
            at = change.end as usize;
        }
        out.extend_from_slice(&text[at..]);
        out
    }

    /// Where what stood at an offset stands now.
    pub fn moved(&self, path: &PathBuf, offset: u32) -> u32 {
        let mut shift = 0;
        for change in self.0.get(path).map_or(&[][..], Vec::as_slice) {
            if change.end <= offset {
                shift += change.text.len() as i64 - i64::from(change.end - change.start);
            } else if change.start <= offset {
                return (i64::from(change.start) + shift) as u32;
            } else {
                break;
            }
        }
        (i64::from(offset) + shift) as u32
    }

    /// Where what stands at an offset now stood; what was written, where it was put.
    pub fn was(&self, path: &PathBuf, offset: u32) -> u32 {
        let mut shift = 0;
        for change in self.0.get(path).map_or(&[][..], Vec::as_slice) {
            let start = i64::from(change.start) + shift;
            let written = change.text.len() as i64;
            if start + written <= i64::from(offset) {
                shift += written - i64::from(change.end - change.start);
            } else if start <= i64::from(offset) {
                return change.start;
            } else {
                break;
            }
        }
        (i64::from(offset) - shift) as u32
    }

    /// Whether what is at this offset now was written by a change.
    pub fn wrote(&self, path: &PathBuf, offset: u32) -> bool {
        let mut shift = 0;
        for change in self.0.get(path).map_or(&[][..], Vec::as_slice) {
            let start = i64::from(change.start) + shift;
            if (start..start + change.text.len() as i64).contains(&i64::from(offset)) {
                return true;
            }
            shift += change.text.len() as i64 - i64::from(change.end - change.start);
        }
        false
    }
}

/// Whether two changes cannot both be made: they overlap, or write at one place, where the order would matter.
fn touch(one: &Change, other: &Change) -> bool {
    let inside = one.start < other.end && other.start < one.end;
    inside
        || one.start == other.start
        || (one.start == one.end || other.start == other.end) && {
            one.end == other.start || other.end == one.start
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(start: u32, end: u32, text: &str) -> (PathBuf, Change) {
        (PathBuf::from("/a"), Change { start, end, text: text.to_string() })
    }

    #[test]
    fn changes_are_made_where_they_do_not_touch() {
        let mut changes = Changes::default();
        assert!(changes.add(&[change(2, 4, "XYZ"), change(8, 8, "+")]));
        assert!(changes.add(&[change(8, 8, "+")]), "the same twice is once");
        assert!(!changes.add(&[change(3, 5, "")]) && !changes.add(&[change(8, 8, "-")]));
        assert!(!changes.add(&[change(0, 1, "_"), change(2, 3, "")]), "all or none");
        assert!(changes.add(&[change(5, 6, "")]));
        let path = PathBuf::from("/a");
        assert_eq!(changes.apply(&path, b"0123456789"), b"01XYZ467+89");
        assert_eq!([1, 2, 3, 4, 6, 8, 9].map(|at| changes.moved(&path, at)), [1, 2, 2, 5, 6, 9, 10]);
        let wrote = [1, 2, 4, 5, 8, 9].map(|at| changes.wrote(&path, at));
        assert_eq!(wrote, [false, true, true, false, true, false]);
        assert_eq!([1, 3, 5, 6, 8, 9].map(|at| changes.was(&path, at)), [1, 2, 4, 6, 8, 8]);
    }
}
