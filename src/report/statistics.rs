//! How often each rule spoke. Knows no format and no rule.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::engine::Linted;

/// Rules and the findings of each, the most frequent first, equal ones by name.
pub fn statistics(linted: &[Linted]) -> Vec<(&'static str, usize)> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for finding in linted.iter().flat_map(|part| &part.findings) {
        *counts.entry(finding.rule).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| Reverse(count));
    counts
}
