//! Findings and what comments say of them: which are told, which are silenced, which remarks do nothing. Knows no server.

use hashbrown::{HashMap, HashSet};

use super::merged::{Key, Merged, key};
use super::remarks::{Remarks, Suppression, Unused, What};
use super::run::{Asked, Selection};
use super::{Check, Judged, Rule, Suppressed};
use crate::finding::Finding;
use crate::routes::Route;
use crate::source::Span;

/// What was found, with what people say of it in comments.
pub(super) fn heed<F: Asked>(
    remarks: &mut Remarks,
    facts: &F,
    routes: &[Route],
    rules: &[&'static Rule],
    selection: &Selection,
    found: impl Iterator<Item = (Finding, Option<usize>)>,
) -> Judged {
    let ground = facts.ground();
    let causes: HashSet<&str> =
        rules.iter().filter(|rule| rule.cause.is_some()).map(|rule| rule.id).collect();
    let mut explained: Vec<bool> = routes.iter().map(|route| route.broken).collect();
    let mut out = Heeded::default();
    for (finding, index) in found {
        let route = index.map(|index| &routes[index]);
        if let Some(index) = index {
            explained[index] |= causes.contains(finding.rule);
        }
        let place = route.map(|route| (route, facts.opening(route.block)));
        let silenced = remarks.silence(ground.tree, &finding, place);
        out.add(finding, route, silenced);
    }
    let asked = rules.iter().filter(|rule| selection.includes(rule));
    for rule in asked.clone() {
        let Check::Unclear(check) = rule.check else { continue };
        for unclear in remarks.unclear().to_vec() {
            let finding = check(ground, &unclear);
            let silenced = remarks.silence(ground.tree, &finding, None);
            out.add(finding, None, silenced);
        }
    }
    // Where not all is known, or the server does not even load it, a rule may have been silent for another reason.
    let is_decided = !selection.is_partial() && ground.tree.complete && !ground.fragment;
    let is_loaded = || out.told.findings.iter().all(|finding| !finding.refused);
    let mut idle = Vec::new();
    if is_decided && is_loaded() {
        for (route, _) in routes.iter().zip(explained).filter(|(_, explained)| *explained) {
            remarks.leave_open(ground.tree, route, facts.opening(route.block));
        }
        for rule in asked {
            let Check::Unused(check) = rule.check else { continue };
            let is_asked = |rule: &Rule| selection.includes(rule);
            // An allow of this very rule is judged by what it silences here, and does not silence itself.
            let is_own = |unused: &Unused| unused.what == What::Allow(rule.id);
            for unused in remarks.unused(ground.tree, is_asked) {
                if !is_own(&unused) {
                    let finding = check(ground, &unused);
                    let silenced = remarks.silence(ground.tree, &finding, None);
                    out.add(finding, None, silenced);
                    idle.push(unused.at);
                }
            }
            for unused in remarks.unused(ground.tree, is_asked).into_iter().filter(is_own) {
                out.add(check(ground, &unused), None, None);
                idle.push(unused.at);
            }
        }
    }
    let mut busy: Vec<Span> = remarks.places().collect();
    idle.sort_unstable();
    busy.retain(|place| idle.binary_search(place).is_err());
    Judged { heeded: busy, ..out.judged() }
}

/// Findings that are told and those that are not, which may be the same on different routes.
#[derive(Default)]
struct Heeded {
    told: Merged,
    silent: Merged,
    /// Why each silent one is, as it was silenced first.
    why: HashMap<Key, Suppression>,
}

impl Heeded {
    fn add(&mut self, finding: Finding, route: Option<&Route>, silenced: Option<Suppression>) {
        let name = route.map(|route| &route.name);
        match silenced {
            None => self.told.add(finding, name),
            Some(why) => {
                self.why.entry(key(&finding)).or_insert(why);
                self.silent.add(finding, name);
            }
        }
    }

    fn judged(self) -> Judged {
        let Self { told, silent, mut why } = self;
        let mut suppressed = Vec::new();
        let told_too = |finding: &Finding| told.holds(finding);
        for finding in silent.sorted().into_iter().filter(|finding| !told_too(finding)) {
            if let Some(why) = why.remove(&key(&finding)) {
                suppressed.push(Suppressed { finding, why });
            }
        }
        Judged { findings: told.sorted(), suppressed, heeded: Vec::new(), promises: Vec::new() }
    }
}
