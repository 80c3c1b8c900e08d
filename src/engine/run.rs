//! Asking every rule: which ones, on which routes, who yields to whom. Knows no rule by name.

use std::path::Path;

use super::contracts::Endpoint;
use super::heed::heed;
use super::levels::Levels;
use super::merged::Merged;
use super::options::Options;
use super::promises::Promises;
use super::remarks::Remarks;
use super::settings::SettingsFile;
use super::{Check, Facts, Ground, Judged, Rule, apache};
use crate::effective::BlockId;
use crate::effective::regex;
use crate::finding::{Confidence, Finding, Severity};
use crate::routes::{Intent, Route};
use crate::source::{FileId, Source, Text};
use crate::tree::{NodeRef, Tree};

/// What is asked: which rules, how loud they are, and what else people say.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these, if there are any.
    pub select: Vec<String>,
    /// These too, where they are off.
    pub also: Vec<String>,
    /// Never these.
    pub ignore: Vec<String>,
    /// Also plain HTTP routes; findings about them are notes.
    pub all_routes: bool,
    pub levels: Levels,
    pub options: Options,
    /// URLs at which a WebSocket must open.
    pub endpoints: Vec<Endpoint>,
    /// Where all this is written, if it is.
    pub settings: Option<SettingsFile>,
}

/// Rules whose findings mean that something was not read at all: nothing silences them.
pub(super) const ALWAYS: [&str; 3] = ["include-loop", "limit-exceeded", "unreadable"];

impl Selection {
    pub fn includes(&self, rule: &Rule) -> bool {
        let named = |list: &[String]| list.iter().any(|id| id == rule.id);
        let wanted = if self.select.is_empty() {
            self.levels.is_on(rule) || named(&self.also)
        } else {
            named(&self.select)
        };
        ALWAYS.contains(&rule.id) || (wanted && !named(&self.ignore))
    }

    /// The finding at the level that is wanted; None where it is not wanted at all.
    pub fn leveled(&self, rule: &Rule, finding: Finding, file: &Path) -> Option<Finding> {
        self.levels.apply(rule, finding, file, self.select.iter().any(|id| id == rule.id))
    }

    /// The file of settings, as far as something is told about it, made part of the tree.
    pub fn lend(&self, tree: &mut Tree) -> Option<FileId> {
        let file = self.settings.as_ref()?;
        (!self.endpoints.is_empty())
            .then(|| tree.lend(Source::new(file.path.clone(), Text::plain(file.bytes.to_vec()))))
    }

    /// Whether not all rules are asked that usually are.
    pub(super) fn is_partial(&self) -> bool {
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
                let sources = &facts.ground().tree.sources;
                let told = findings.into_iter().filter_map(|finding| {
                    let file = sources.path(finding.primary.file);
                    selection.leveled(rule, finding, file)
                });
                found.extend(told.map(|finding| (finding, None)));
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
    let facts = facts();
    let given = facts.ground().given;
    let promises = Promises::new(given.contracts, routes);
    // What tells of both sides of a template's condition never happens.
    let happens = |finding: &Finding| {
        let labels = finding.labels.iter().map(|label| label.span);
        facts.ground().tree.agree_at(std::iter::once(finding.primary).chain(labels))
    };
    let found = found
        .into_iter()
        .flatten()
        .filter(|(finding, _)| happens(finding))
        .map(|(mut finding, route)| {
            let tree = facts.ground().tree;
            finding.fixes.retain(|fix| fix.edits.iter().all(|edit| tree.may_edit(edit.span)));
            (finding, route)
        })
        .map(|found| promises.hear(found));
    let mut judged = if remarks.is_empty() {
        let mut told = Merged::default();
        found.for_each(|(finding, route)| {
            told.add(finding, route.map(|index: usize| &routes[index].name));
        });
        Judged { findings: told.sorted(), ..Judged::default() }
    } else {
        heed(remarks, &facts, routes, rules, selection, found)
    };
    judged.promises = promises.judged(facts.ground(), rules, selection, &judged.findings);
    judged
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
        let Some(finding) = facts.about(route, &rule.check) else { continue };
        explained |= rule.cause.is_some();
        let file = facts.ground().tree.sources.path(finding.primary.file);
        let Some(mut finding) = selection.leveled(rule, finding, file) else { continue };
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
