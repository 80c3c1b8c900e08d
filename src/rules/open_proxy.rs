//! A forward proxy for everybody. Knows the directive and what may restrict it, not from where the server is reached.

use crate::effective::BlockId;
use crate::effective::apache::directives::Section;
use crate::effective::apache::names;
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::Intent;

pub static RULE: Rule = Rule {
    id: "open-proxy",
    level: Level::Warning,
    card: include_str!("../../rules/open-proxy.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::ApacheTree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for server in facts.config.server_ids() {
        let block = facts.config.server(server).block;
        let Some(at) = facts.config.last(block, names::PROXY_REQUESTS) else { continue };
        if facts.config.flag(facts.tree, Some(at)) != Some(true) || is_restricted(facts) {
            continue;
        }
        let message = "`ProxyRequests On` lets everybody send requests to anywhere through this server";
        let finding = RULE.finding(facts.head(at), message);
        // What restricts it may stand in a file that was not seen.
        let finding = if facts.is_complete() { finding } else { finding.severity(Severity::Note) };
        let finding = match facts.routes.first() {
            Some(route) => finding.label(facts.head(route.node), "this works without it"),
            None => finding,
        };
        let fix =
            facts.rewrite_but(at, "ProxyRequests Off", "clients that use it as a proxy are turned away");
        findings.push(finding.fix(fix).help("write\nProxyRequests Off"));
    }
}

/// Whether a section for every target of a proxy lets in some only.
fn is_restricted(facts: &Facts) -> bool {
    facts.config.blocks().any(|(id, block)| {
        let words = || block.node.and_then(|node| facts.directive(node).arg(0));
        let everything = match block.section {
            Section::Proxy => words().is_some_and(|word| word.value().starts_with(b"*")),
            Section::ProxyMatch => true,
            _ => false,
        };
        everything && restricts(facts, id)
    })
}

fn restricts(facts: &Facts, block: BlockId) -> bool {
    let inside = std::iter::once(block).chain(facts.config.inside(block));
    inside.into_iter().any(|block| {
        let denies = facts.config.last(block, names::DENY).is_some();
        let requires = facts.config.own(block, names::REQUIRE).any(|node| {
            let words: Vec<String> =
                facts.directive(node).args().map(|word| word.show().to_ascii_lowercase()).collect();
            words != ["all", "granted"]
        });
        denies || requires
    })
}
