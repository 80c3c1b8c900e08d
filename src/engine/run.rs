//! Asking every rule: which ones, on which routes, who yields to whom. Knows no rule by name.

use hashbrown::{HashMap, HashSet};

use super::remarks::{Remarks, Suppression, Unused, What};
use super::{Check, Facts, Ground, Judged, Level, Rule, Suppressed, apache};
use crate::effective::BlockId;
use crate::effective::regex;
use crate::finding::{Confidence, Finding, MAX_ROUTES, RouteName, Severity};
use crate::routes::{Intent, Route};
use crate::source::Span;
use crate::tree::NodeRef;

/// Which rules are asked.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these, if there are any.
    pub select: Vec<String>,
    /// Never these.
    pub ignore: Vec<String>,
    /// Also plain HTTP routes; findings about them are notes.
    pub all_routes: bool,
}

/// Rules whose findings mean that something was not read at all: nothing silences them.
pub(super) const ALWAYS: [&str; 3] = ["include-loop", "limit-exceeded", "unreadable"];

impl Selection {
    pub fn includes(&self, rule: &Rule) -> bool {
        let named = |list: &[String]| list.iter().any(|id| id == rule.id);
        let wanted = if self.select.is_empty() { rule.level != Level::Off } else { named(&self.select) };
        ALWAYS.contains(&rule.id) || (wanted && !named(&self.ignore))
    }

    /// Whether not all rules are asked that usually are.
    fn is_partial(&self) -> bool {
        !(self.select.is_empty() && self.ignore.is_empty())
    }
}

/// What can be asked: the facts of one server.
pub trait Asked {
    fn ground(&self) -> &Ground<'_>;
    /// The directive that opens a block.
    fn opening(&self, block: BlockId) -> Option<NodeRef>;
    /// Whether this is a check of this server's routes.
    fn is_own(check: &Check) -> bool;
    /// What such a check finds on a route.
    fn route_finding(&self, check: &Check, route: &Route) -> Option<Finding>;
    /// What a check of this server's whole trees finds; nothing for any other check.
    fn tree_findings(&self, check: &Check, findings: &mut Vec<Finding>);

    fn is_about_routes(check: &Check) -> bool {
        match check {
            Check::Both(one, other) => Self::is_about_routes(one) || Self::is_about_routes(other),
            one => Self::is_own(one),
        }
    }

    fn about(&self, route: &Route, check: &Check) -> Option<Finding> {
        match check {
            Check::Both(one, other) => self.about(route, one).or_else(|| self.about(route, other)),
            one => self.route_finding(one, route),
        }
    }

    fn about_tree(&self, check: &Check, findings: &mut Vec<Finding>) {
        match check {
            Check::Both(one, other) => {
                [one, other].into_iter().for_each(|one| self.about_tree(one, findings))
            }
            Check::Files(check) => check(self.ground(), findings),
            one => self.tree_findings(one, findings),
        }
    }
}

impl Asked for Facts<'_> {
    fn ground(&self) -> &Ground<'_> {
        self
    }

    fn opening(&self, block: BlockId) -> Option<NodeRef> {
        self.config.block(block).node
    }

    fn is_own(check: &Check) -> bool {
        matches!(check, Check::Route(_))
    }

    fn route_finding(&self, check: &Check, route: &Route) -> Option<Finding> {
        if let Check::Route(check) = check { check(self, route) } else { None }
    }

    fn tree_findings(&self, check: &Check, findings: &mut Vec<Finding>) {
        if let Check::Tree(check) = check {
            check(self, findings);
        }
    }
}

impl Asked for apache::Facts<'_> {
    fn ground(&self) -> &Ground<'_> {
        self
    }

    fn opening(&self, block: BlockId) -> Option<NodeRef> {
        self.config.block(block).node
    }

    fn is_own(check: &Check) -> bool {
        matches!(check, Check::ApacheRoute(_))
    }

    fn route_finding(&self, check: &Check, route: &Route) -> Option<Finding> {
        if let Check::ApacheRoute(check) = check { check(self, route) } else { None }
    }

    fn tree_findings(&self, check: &Check, findings: &mut Vec<Finding>) {
        if let Check::ApacheTree(check) = check {
            check(self, findings);
        }
    }
}

/// Routes that are asked about in one go.
const CHUNK: usize = 256;

/// All findings, sorted by place; equal ones at several include sites are one. Each thread makes `facts` of its own,
/// which remember what they were asked.
pub fn run<F: Asked>(
    facts: impl Fn() -> F + Sync,
    routes: &[Route],
    rules: &[&'static Rule],
    selection: &Selection,
    remarks: &mut Remarks,
    threads: usize,
) -> Judged {
    let of_trees: Vec<&Rule> = rules.iter().copied().filter(|rule| selection.includes(rule)).collect();
    // A cause that is not wanted still explains the route, so that no lesser cause is told instead.
    let explains = |rule: &&Rule| selection.includes(rule) || rule.cause.is_some();
    let mut of_routes: Vec<&Rule> =
        rules.iter().copied().filter(|rule| F::is_about_routes(&rule.check)).filter(explains).collect();
    of_routes.sort_by_key(|rule| rule.cause);
    let chunks = routes.len().div_ceil(CHUNK);
    let found = regex::run(threads, of_trees.len() + chunks, &facts, |facts, task| {
        let mut found = Vec::new();
        match of_trees.get(task) {
            Some(rule) => {
                let mut findings = Vec::new();
                facts.about_tree(&rule.check, &mut findings);
                found.extend(findings.into_iter().map(|finding| (finding, None)));
            }
            None => {
                let first = (task - of_trees.len()) * CHUNK;
                for (index, route) in routes.iter().enumerate().skip(first).take(CHUNK) {
                    ask_about(route, facts, &of_routes, selection, |finding| {
                        found.push((finding, Some(index)));
                    });
                }
            }
        }
        found
    });
    let found = found.into_iter().flatten();
    if remarks.is_empty() {
        let mut told = Merged::default();
        found.for_each(|(finding, route)| {
            told.add(finding, route.map(|index: usize| &routes[index].name));
        });
        return Judged { findings: told.sorted(), ..Judged::default() };
    }
    heed(remarks, &facts(), routes, rules, selection, found)
}

/// The same with what people say of it in comments.
fn heed<F: Asked>(
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

fn ask_about(
    route: &Route,
    facts: &impl Asked,
    rules: &[&Rule],
    selection: &Selection,
    mut tell: impl FnMut(Finding),
) {
    let intent = if selection.all_routes { route.intent.max(Intent::Named) } else { route.intent };
    if intent == Intent::None {
        return;
    }
    let mut explained = route.broken;
    for rule in rules {
        if intent < rule.intent || (explained && rule.cause.is_some()) {
            continue;
        }
        let Some(mut finding) = facts.about(route, &rule.check) else { continue };
        explained |= rule.cause.is_some();
        if route.intent <= Intent::Named {
            finding.confidence = Confidence::Likely;
            let most = if route.intent == Intent::None { Severity::Note } else { Severity::Warning };
            finding = finding.at_most(most);
        }
        if selection.includes(rule) {
            tell(finding);
        }
    }
}

/// What makes findings one.
type Key = (&'static str, Span, u64);

fn key(finding: &Finding) -> Key {
    (finding.rule, finding.primary, hash(&finding.message))
}

/// Findings by rule, place and message.
#[derive(Default)]
struct Merged {
    findings: Vec<Finding>,
    by_key: HashMap<Key, usize>,
}

impl Merged {
    fn add(&mut self, finding: Finding, route: Option<&RouteName>) {
        let index = *self.by_key.entry(key(&finding)).or_insert(self.findings.len());
        if index == self.findings.len() {
            self.findings.push(finding);
        } else if self.findings[index].severity < finding.severity {
            // The worse one tells the story.
            let known = &mut self.findings[index];
            let (routes, route_count) = (std::mem::take(&mut known.routes), known.route_count);
            *known = Finding { routes, route_count, ..finding };
        }
        let merged = &mut self.findings[index];
        if let Some(route) = route {
            merged.route_count += 1;
            if merged.routes.len() < MAX_ROUTES {
                merged.routes.push(route.clone());
            }
        }
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.findings.sort_by(|a, b| {
            let key = |finding: &Finding| (finding.primary, finding.rule);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        self.findings
    }
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
        let told_too = |finding: &Finding| told.by_key.contains_key(&key(finding));
        for finding in silent.sorted().into_iter().filter(|finding| !told_too(finding)) {
            if let Some(why) = why.remove(&key(&finding)) {
                suppressed.push(Suppressed { finding, why });
            }
        }
        Judged { findings: told.sorted(), suppressed, heeded: Vec::new() }
    }
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
