//! What came of each endpoint, and whether another finding tells it already. Knows no rule by name.

use std::ops::Range;
use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};

use super::contracts::Contract;
use super::{Check, Ground, Level, Linted, Promise, Rule, Selection};
use crate::finding::{Finding, RouteName, Severity};
use crate::handshake::Verdict;
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

/// An endpoint's URL, and where it is written.
type Written = (String, Option<PathBuf>, Option<Range<u32>>);

/// Tells of each endpoint in the first of the configurations that are meant, unless one of them keeps the promise. Where
/// one of them may, that is what is told.
pub fn settle(linted: &mut [Linted]) {
    let mut by_endpoint: Vec<Vec<(usize, Promise)>> = Vec::new();
    let mut known: HashMap<Written, usize> = HashMap::new();
    for (index, part) in linted.iter_mut().enumerate() {
        for promise in std::mem::take(&mut part.promises) {
            let endpoint = &promise.contract.endpoint;
            let key = (endpoint.url.text.clone(), promise.settings.clone(), endpoint.at.clone());
            let place = *known.entry(key).or_insert(by_endpoint.len());
            if place == by_endpoint.len() {
                by_endpoint.push(Vec::new());
            }
            by_endpoint[place].push((index, promise));
        }
    }
    for promises in by_endpoint {
        let is_addressed = promises.iter().any(|(_, promise)| promise.contract.is_addressed);
        let is_kept = |promise: &Promise| promise.contract.is_addressed && promise.contract.is_kept();
        if promises.iter().any(|(_, promise)| is_kept(promise)) {
            continue;
        }
        let meant = || {
            let meant = promises.iter().filter(|(_, promise)| promise.contract.is_addressed == is_addressed);
            meant.filter(|(_, promise)| promise.decides)
        };
        let is_open = |(_, promise): &&(usize, Promise)| promise.contract.trace.verdict == Verdict::Unknown;
        let Some((index, promise)) = meant().find(is_open).or_else(|| meant().next()) else { continue };
        // Where that one says nothing, another of its findings tells it.
        let Some(finding) = promise.finding.clone() else { continue };
        let findings = &mut linted[*index].findings;
        let at =
            findings.partition_point(|known| (known.primary, known.rule) <= (finding.primary, finding.rule));
        findings.insert(at, finding);
    }
}
