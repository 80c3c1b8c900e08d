//! What httpd's own test refuses, and what keeps it from starting. Knows what other rules tell, and leaves it to them.

use super::RULE;
use crate::effective::apache::start;
use crate::engine::apache::Facts;
use crate::finding::Finding;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let start = start::refusal(facts.tree, facts.config);
    for refusal in facts.config.refusals.iter().chain(&start) {
        let finding = facts.refused(&RULE, refusal.node, refusal.message.clone());
        findings.push(finding.labels(facts.included_from(refusal.node.graft)));
    }
}
