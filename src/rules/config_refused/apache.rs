//! What httpd's own test refuses, and what keeps it from starting. Knows what other rules tell, and leaves it to them.

use super::RULE;
use crate::effective::apache::{Refusal, RefusalKind, start};
use crate::engine::apache::Facts;
use crate::finding::Finding;
use crate::rules::{proxy_module_missing, upgrade_parameter_invalid};

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let start = start::refusal(facts.tree, facts.config);
    let told = |refusal: &&Refusal| match refusal.kind {
        RefusalKind::Balancer => true,
        RefusalKind::Worker => upgrade_parameter_invalid::tells(&refusal.message),
        kind => proxy_module_missing::tells(kind),
    };
    for refusal in facts.config.refusals.iter().chain(&start).filter(|refusal| !told(refusal)) {
        let finding = facts.refused(&RULE, refusal.node, refusal.message.clone());
        findings.push(finding.labels(facts.included_from(refusal.node.graft)));
    }
}
