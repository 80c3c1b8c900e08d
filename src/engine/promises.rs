//! What came of each endpoint, and whether another finding tells it already. Knows no rule by name.

use hashbrown::HashSet;

use super::contracts::Contract;
use super::{Check, Ground, Promise, Rule, Selection};
use crate::finding::{Finding, Severity};
use crate::routes::Route;
use crate::source::Span;

/// Listens to findings on behalf of promises.
pub(super) struct Promises<'a> {
    contracts: &'a [Contract],
    routes: &'a [Route],
    /// By contract, whether an error on one of its routes explains it.
    is_explained: Vec<bool>,
    /// Where errors stand.
    errors: HashSet<Span>,
    /// The server does not load the configuration, and a finding says why.
    is_refused: bool,
}

impl<'a> Promises<'a> {
    pub(super) fn new(contracts: &'a [Contract], routes: &'a [Route]) -> Self {
        let is_explained = vec![false; contracts.len()];
        Self { contracts, routes, is_explained, errors: HashSet::new(), is_refused: false }
    }

    /// Takes note of a finding; an error on a route that a promise needs becomes part of the promise's story.
    pub(super) fn hear(&mut self, found: (Finding, Option<usize>)) -> (Finding, Option<usize>) {
        let (mut finding, route) = found;
        if self.contracts.is_empty() || finding.severity < Severity::Error {
            return (finding, route);
        }
        self.is_refused |= finding.refused;
        self.errors.insert(finding.primary);
        for &index in route.map_or(&[][..], |route| &self.routes[route].contracts) {
            let contract = &self.contracts[index as usize];
            if !contract.is_kept() {
                self.is_explained[index as usize] = true;
                let label = contract.label("a WebSocket must open here");
                finding.labels.extend(label.filter(|label| !finding.labels.contains(label)));
            }
        }
        (finding, route)
    }

    pub(super) fn judged(
        self,
        ground: &Ground,
        rules: &[&'static Rule],
        selection: &Selection,
    ) -> Vec<Promise> {
        let tell = |(index, contract): (usize, &Contract)| {
            let is_told = self.is_refused
                || self.is_explained[index]
                || contract.decided_at().is_some_and(|at| self.errors.contains(&at));
            let mut asked = rules.iter().filter(|rule| !is_told && selection.includes(rule));
            let finding = asked.find_map(|rule| {
                let Check::Contract(check) = rule.check else { return None };
                let finding = check(ground, contract)?;
                let file = ground.tree.sources.path(finding.primary.file);
                selection.levels.apply(rule, finding, file)
            });
            Promise { contract: contract.clone(), finding }
        };
        self.contracts.iter().enumerate().map(tell).collect()
    }
}
