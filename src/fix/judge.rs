//! Whether it is sound to go from one state of the configurations to another. Knows findings and probes, not how edits are
//! made.

use hashbrown::{HashMap, HashSet};

use super::edits::Changes;
use super::probe::{self, Probe, Seen};
use super::{Candidate, Key, Paths};
use crate::engine::Linted;
use crate::finding::{Finding, RouteName, Severity};
use crate::rules;
use crate::source::files::Files;

/// A finding as far as others are compared with it.
struct Known {
    severity: Severity,
    message: String,
    routes: Vec<RouteName>,
    /// The server refuses the configuration for it.
    refused: bool,
}

/// What is true of the configurations as they are.
pub(super) struct Stand {
    /// By configuration, whether its server refuses it.
    refused: Vec<bool>,
    findings: HashMap<Key, Known>,
    pub probes: Vec<Vec<Probe>>,
    seen: Vec<Vec<Option<Seen>>>,
}

impl Stand {
    /// With the paths that were asked before, or those that these have.
    pub fn of(files: &dyn Files, linted: &[Linted], asked: Vec<Vec<Probe>>) -> Self {
        let mut paths = Paths::new(files);
        let mut findings = HashMap::new();
        for (part, one) in linted.iter().enumerate() {
            for finding in &one.findings {
                let key = paths.key(part, one, finding);
                let Finding { severity, message, routes, refused, .. } = finding.clone();
                findings.insert(key, Known { severity, message, routes, refused });
            }
        }
        let probes = match asked.is_empty() {
            true => linted.iter().map(|one| probe::probes(one, files)).collect(),
            false => asked,
        };
        let is_refused = |one: &Linted| {
            one.findings.iter().any(|finding| finding.refused && finding.severity > Severity::Note)
        };
        let refused: Vec<bool> = linted.iter().map(is_refused).collect();
        let seen = linted.iter().zip(&probes).map(|(one, probes)| probe::seen(one, files, probes)).collect();
        Self { refused, findings, probes, seen }
    }
}

/// Whether a fix that is to bring handshakes through does not: every path of its routes fails as it did.
fn still_fails(before: &Stand, after: &Stand, one: &Candidate) -> bool {
    let Some(known) = before.findings.get(&one.key) else { return false };
    let is_to_upgrade = rules::find(one.key.rule).is_some_and(|rule| rule.cause.is_some());
    let part = one.key.part;
    let all = before.probes[part].iter().zip(&after.seen[part]);
    let mut own = all.filter(|(probe, _)| known.routes.contains(&probe.route)).peekable();
    is_to_upgrade && own.peek().is_some() && own.all(|(_, seen)| seen.as_ref().is_some_and(Seen::fails))
}

/// Changes one after the other.
#[derive(Default)]
pub(super) struct Way {
    pub steps: Vec<Changes>,
}

impl Way {
    fn moved(&self, key: &Key) -> Key {
        let start = self.steps.iter().fold(key.start, |start, step| step.moved(&key.path, start));
        Key { start, ..key.clone() }
    }

    /// Whether it is sound to go from one to the other, else why not, and what has come to light.
    pub fn judge(
        &self,
        before: &Stand,
        after: &Stand,
        batch: &[Candidate],
        safe: bool,
    ) -> Result<(), (String, HashSet<Key>)> {
        let known: HashSet<Key> = before.findings.keys().map(|key| self.moved(key)).collect();
        let mut fresh: Vec<(&Key, &Known)> =
            after.findings.iter().filter(|(key, _)| !known.contains(*key)).collect();
        // A note weighs less than what goes for it, says what could be better still of a route that works now, or of
        // what stood there all along.
        let gone = || batch.iter().filter_map(|one| before.findings.get(&one.key));
        let is_grave = gone().any(|known| known.severity > Severity::Note);
        let mended = |route: &RouteName| gone().any(|known| known.routes.contains(route));
        let wrote = |key: &Key| self.steps.last().is_some_and(|step| step.wrote(&key.path, key.start));
        fresh.retain(|(key, known)| {
            let is_about_mended = !known.routes.is_empty() && known.routes.iter().all(mended);
            known.severity > Severity::Note || (wrote(key) && !is_about_mended && !is_grave)
        });
        fresh.sort_by_key(|(key, known)| (std::cmp::Reverse(known.severity), key.rule, key.start));
        if let Some((key, known)) = fresh.first() {
            let why = format!("it would bring {}: {}", key.rule, known.message);
            return Err((why, fresh.iter().map(|(key, _)| (*key).clone()).collect()));
        }
        let stays = |why: &str| Err((why.to_string(), HashSet::new()));
        for one in batch {
            let place = self.moved(&one.key);
            let Some(left) = after.findings.get(&place) else { continue };
            // Another mistake of the kind may have stood behind it, with a fix of its own.
            let is_next = before.findings.get(&one.key).is_some_and(|known| known.message != left.message);
            let fresh = is_next.then_some(place).into_iter().collect();
            return Err(("the finding would stay".to_string(), fresh));
        }
        // Unless it is about the refusal itself, nothing shows that a fix does what it should.
        let unseen = |one: &&Candidate| {
            after.refused[one.key.part] && before.findings.get(&one.key).is_none_or(|known| !known.refused)
        };
        if batch.iter().any(|one| unseen(&one)) {
            return stays("the server would still refuse the configuration");
        }
        if batch.iter().any(|one| still_fails(before, after, one)) {
            return stays("handshakes would still not get through");
        }
        // Of a configuration that its server refuses, no request gets anything.
        let pairs = || {
            let parts = before.seen.iter().zip(&after.seen).zip(&before.refused);
            let served = parts.filter(|(_, refused)| !**refused);
            served.flat_map(|((before, after), _)| before.iter().zip(after))
        };
        let worse = |(before, after): (&Option<Seen>, &Option<Seen>)| match (before, after) {
            (Some(before), Some(after)) => !after.still_upgrades(before),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if pairs().any(worse) {
            return stays("a route that upgrades would no longer");
        }
        let other = |(before, after): (&Option<Seen>, &Option<Seen>)| match (before, after) {
            (Some(before), Some(after)) => !after.is_plain_alike(before),
            (one, other) => one.is_some() != other.is_some(),
        };
        if safe && pairs().any(other) {
            return stays("it would change what becomes of other requests");
        }
        Ok(())
    }
}
