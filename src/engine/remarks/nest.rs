//! Ranges of one file that lie in one another, asked for all that hold a place. Knows nothing of what they stand for.

use std::cmp::Reverse;

/// A range of a file's bytes, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub start: u32,
    pub end: u32,
    pub of: u32,
}

/// Ranges sorted by their start, each with the nearest one around it. Of equal ones the first counts.
#[derive(Debug, Default)]
pub struct Nest {
    entries: Vec<(Entry, Option<u32>)>,
}

impl Nest {
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| (entry.start, Reverse(entry.end), entry.of));
        entries.dedup_by_key(|entry| (entry.start, entry.end));
        let mut open: Vec<u32> = Vec::new();
        let mut nested: Vec<(Entry, Option<u32>)> = Vec::with_capacity(entries.len());
        for entry in entries {
            while open.last().is_some_and(|&outer| nested[outer as usize].0.end <= entry.start) {
                open.pop();
            }
            let index = nested.len() as u32;
            nested.push((entry, open.last().copied()));
            open.push(index);
        }
        Self { entries: nested }
    }

    /// Whose ranges hold a place, the innermost first.
    pub fn around(&self, place: u32) -> impl Iterator<Item = u32> + '_ {
        let before = self.entries.partition_point(|(entry, _)| entry.start <= place) as u32;
        let outer = |&index: &u32| self.entries[index as usize].1;
        let chain = std::iter::successors(before.checked_sub(1), outer);
        chain
            .map(|index| self.entries[index as usize].0)
            .filter(move |entry| entry.end > place)
            .map(|entry| entry.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_range_comes_first_and_siblings_do_not_count() {
        let entry = |(of, (start, end)): (u32, (u32, u32))| Entry { start, end, of };
        let ranges = [(0, 100), (10, 50), (20, 30), (35, 40), (60, 70), (20, 30)];
        let nest = Nest::new((0..).zip(ranges).map(entry).collect());
        let around = |place| nest.around(place).collect::<Vec<_>>();
        assert_eq!(around(25), [2, 1, 0]);
        assert_eq!(around(30), [1, 0]);
        assert_eq!(around(37), [3, 1, 0]);
        assert_eq!(around(50), [0]);
        assert_eq!(around(0), [0]);
        assert_eq!(around(100), [0; 0]);
        assert_eq!(Nest::default().around(0).next(), None);
    }
}
