//! What came of each endpoint, and whether another finding tells it already. Knows no rule by name.

use std::path::Path;

use hashbrown::HashSet;

use super::contracts::Contract;
use super::{Check, Ground, Level, Promise, Rule, Selection};
use crate::finding::{Finding, RouteName, Severity};
use crate::routes::Route;
use crate::source::Span;

/// Listens to findings on behalf of promises.
pub(super) struct Promises<'a> {
    contracts: &'a [Contract],
    routes: &'a [Route],
}

impl<'a> Promises<'a> {
    pub(super) fn new(contracts: &'a [Contract], routes: &'a [Route]) -> Self {
        Self { contracts, routes }
    }

    /// An error on a route that a promise needs has the promise in its story.
    pub(super) fn hear(&self, found: (Finding, Option<usize>)) -> (Finding, Option<usize>) {
        let (mut finding, route) = found;
        if self.contracts.is_empty() || finding.severity < Severity::Error {
            return (finding, route);
        }
        for &index in route.map_or(&[][..], |route| &self.routes[route].contracts) {
            let contract = &self.contracts[index as usize];
            if !contract.is_kept() {
                let label = contract.label("a WebSocket must open here");
                finding.labels.extend(label.filter(|label| !finding.labels.contains(label)));
            }
        }
        (finding, route)
    }

    /// `told` are the findings that nobody silenced.
    pub(super) fn judged(
        self,
        ground: &Ground,
        rules: &[&'static Rule],
        selection: &Selection,
        told: &[Finding],
    ) -> Vec<Promise> {
        if self.contracts.is_empty() {
            return Vec::new();
        }
        // A rule that is no more than a note by itself tells no reason why a handshake fails.
        let is_reason = |finding: &&Finding| {
            let rule = rules.iter().find(|rule| rule.id == finding.rule);
            finding.severity == Severity::Error && rule.is_some_and(|rule| rule.level > Level::Note)
        };
        let reasons: Vec<&Finding> = told.iter().filter(is_reason).collect();
        let is_refused = reasons.iter().any(|finding| finding.refused);
        let places: HashSet<Span> = reasons.iter().map(|finding| finding.primary).collect();
        let on: HashSet<&RouteName> = reasons.iter().flat_map(|finding| &finding.routes).collect();
        let tell = |(index, contract): (usize, &Contract)| {
            let mut own = self.routes.iter().filter(|route| route.contracts.contains(&(index as u32)));
            let is_told = contract.is_addressed
                && (is_refused
                    || own.any(|route| on.contains(&route.name))
                    || contract.decided_at().is_some_and(|at| places.contains(&at)));
            // Beside a fragment, another server may listen.
            let decides = !ground.fragment || contract.trace.hops.iter().any(|hop| hop.server.is_some());
            let mut asked = rules.iter().filter(|rule| !is_told && decides && selection.includes(rule));
            let finding = asked.find_map(|rule| {
                let Check::Contract(check) = rule.check else { return None };
                let finding = check(ground, contract)?;
                let file = ground.tree.sources.path(finding.primary.file);
                selection.leveled(rule, finding, file)
            });
            let settings = contract.at.map(|at| ground.tree.sources.path(at.file)).map(Path::to_owned);
            Promise { contract: contract.clone(), settings, decides, finding }
        };
        self.contracts.iter().enumerate().map(tell).collect()
    }
}
