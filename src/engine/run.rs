//! Asking every rule: which ones, on which routes, who yields to whom. Knows no rule by name.

use hashbrown::HashMap;

use super::{Check, Facts, Ground, Level, Rule, apache};
use crate::finding::{Confidence, Finding, MAX_ROUTES, RouteName, Severity};
use crate::parallel;
use crate::routes::{Intent, Route};
use crate::source::Span;

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
const ALWAYS: [&str; 3] = ["include-loop", "limit-exceeded", "unreadable"];

impl Selection {
    pub fn includes(&self, rule: &Rule) -> bool {
        let named = |list: &[String]| list.iter().any(|id| id == rule.id);
        let wanted = if self.select.is_empty() { rule.level != Level::Off } else { named(&self.select) };
        ALWAYS.contains(&rule.id) || (wanted && !named(&self.ignore))
    }
}

/// What can be asked: the facts of one server.
pub trait Asked {
    fn ground(&self) -> &Ground<'_>;
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
    threads: usize,
) -> Vec<Finding> {
    let of_trees: Vec<&Rule> = rules.iter().copied().filter(|rule| selection.includes(rule)).collect();
    // A cause that is not wanted still explains the route, so that no lesser cause is told instead.
    let explains = |rule: &&Rule| selection.includes(rule) || rule.cause.is_some();
    let mut of_routes: Vec<&Rule> =
        rules.iter().copied().filter(|rule| F::is_about_routes(&rule.check)).filter(explains).collect();
    of_routes.sort_by_key(|rule| rule.cause);
    let chunks = routes.len().div_ceil(CHUNK);
    let found = parallel::run(threads, of_trees.len() + chunks, facts, |facts, task| {
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
    let mut merged = Merged::default();
    for (finding, route) in found.into_iter().flatten() {
        merged.add(finding, route.map(|index: usize| &routes[index].name));
    }
    merged.sorted()
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

/// Findings by rule, place and message.
#[derive(Default)]
struct Merged {
    findings: Vec<Finding>,
    by_key: HashMap<(&'static str, Span, u64), usize>,
}

impl Merged {
    fn add(&mut self, finding: Finding, route: Option<&RouteName>) {
        let key = (finding.rule, finding.primary, hash(&finding.message));
        let index = *self.by_key.entry(key).or_insert(self.findings.len());
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

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
