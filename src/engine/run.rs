//! Asking every rule: which ones, on which routes, who yields to whom. Knows no rule by name.

use hashbrown::HashMap;

use super::{Check, Facts, Ground, Level, Rule, apache};
use crate::finding::{Confidence, Finding, MAX_ROUTES, RouteName, Severity};
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
    fn routes(&self) -> &[Route];
    fn ground(&self) -> &Ground<'_>;
    /// Whether this is a check of this server's routes.
    fn is_own(&self, check: &Check) -> bool;
    /// What such a check finds on a route.
    fn route_finding(&self, check: &Check, route: &Route) -> Option<Finding>;
    /// What a check of this server's whole trees finds; nothing for any other check.
    fn tree_findings(&self, check: &Check, findings: &mut Vec<Finding>);

    fn is_about_routes(&self, check: &Check) -> bool {
        match check {
            Check::Both(one, other) => self.is_about_routes(one) || self.is_about_routes(other),
            one => self.is_own(one),
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
    fn routes(&self) -> &[Route] {
        self.routes
    }

    fn ground(&self) -> &Ground<'_> {
        self
    }

    fn is_own(&self, check: &Check) -> bool {
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
    fn routes(&self) -> &[Route] {
        self.routes
    }

    fn ground(&self) -> &Ground<'_> {
        self
    }

    fn is_own(&self, check: &Check) -> bool {
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

/// All findings, sorted by place; equal ones at several include sites are one.
pub fn run(facts: &dyn Asked, rules: &[&'static Rule], selection: &Selection) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut on_routes: Vec<&Rule> = Vec::new();
    for &rule in rules {
        if selection.includes(rule) {
            facts.about_tree(&rule.check, &mut findings);
        }
        // A cause that is not wanted still explains the route, so that no lesser cause is told instead.
        if facts.is_about_routes(&rule.check) && (selection.includes(rule) || rule.cause.is_some()) {
            on_routes.push(rule);
        }
    }
    on_routes.sort_by_key(|rule| rule.cause);
    let mut found = Merged::default();
    for finding in findings {
        found.add(finding, None);
    }
    for route in facts.routes() {
        ask_about(route, facts, &on_routes, selection, &mut found);
    }
    found.sorted()
}

fn ask_about(route: &Route, facts: &dyn Asked, rules: &[&Rule], selection: &Selection, found: &mut Merged) {
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
            found.add(finding, Some(&route.name));
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
