//! Findings from many routes and include sites, of which equal ones are one. Knows no rule.

use hashbrown::HashMap;

use crate::finding::{Finding, MAX_ROUTES, RouteName};
use crate::source::Span;

/// What makes findings one.
pub(super) type Key = (&'static str, Span, u64);

pub(super) fn key(finding: &Finding) -> Key {
    (finding.rule, finding.primary, hash(&finding.message))
}

/// Findings by rule, place and message.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) findings: Vec<Finding>,
    by_key: HashMap<Key, usize>,
}

impl Merged {
    pub(super) fn add(&mut self, finding: Finding, route: Option<&RouteName>) {
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

    /// Whether there is one like this.
    pub(super) fn holds(&self, finding: &Finding) -> bool {
        self.by_key.contains_key(&key(finding))
    }

    pub(super) fn sorted(mut self) -> Vec<Finding> {
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
