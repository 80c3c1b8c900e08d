//! Directives of modules that are not loaded, and modules that are loaded before what they link to: httpd's own test
//! refuses both.

use super::RULE;
use crate::effective::apache::{Refusal, RefusalKind};
use crate::engine::apache::Facts;
use crate::finding::Finding;

/// Modules whose directives stand around proxied WebSockets.
const MODULES: [&str; 9] = [
    "mod_headers.c",
    "mod_http2.c",
    "mod_proxy.c",
    "mod_proxy_balancer.c",
    "mod_proxy_hcheck.c",
    "mod_proxy_wstunnel.c",
    "mod_rewrite.c",
    "mod_setenvif.c",
    "mod_ssl.c",
];

/// Whether httpd's refusal is told here.
pub fn tells(kind: RefusalKind) -> bool {
    match kind {
        RefusalKind::NotLoaded(module) => MODULES.contains(&module),
        RefusalKind::Unlinked(needed) => needed == "mod_proxy.c",
        RefusalKind::Balancer | RefusalKind::Worker | RefusalKind::Other => false,
    }
}

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let order = order(facts);
    let mut told: Vec<&str> = Vec::new();
    if order.is_some() {
        told.push("mod_proxy.c");
    }
    findings.extend(order);
    for refusal in &facts.config.refusals {
        let RefusalKind::NotLoaded(module) = refusal.kind else { continue };
        // One missing module is one mistake, however many lines it breaks.
        if !tells(refusal.kind) || told.contains(&module) {
            continue;
        }
        told.push(module);
        let bare = module.trim_start_matches("mod_").trim_end_matches(".c");
        let finding = facts.refused(&RULE, refusal.node, refusal.message.clone());
        let finding = finding.here(format!("a directive of mod_{bare}, which is not loaded"));
        let finding = finding.labels(facts.included_from(refusal.node.graft));
        let finding = finding.fix(facts.loading(bare));
        findings.push(finding.help(format!("load it\n{}", facts.load_line(bare))));
    }
}

/// The first module that is loaded before mod_proxy, or without it.
fn order(facts: &Facts) -> Option<Finding> {
    let unlinked = |refusal: &&Refusal| refusal.kind == RefusalKind::Unlinked("mod_proxy.c");
    let refusal = facts.config.refusals.iter().find(unlinked)?;
    let identifier = facts.directive(refusal.node).arg(0)?.show();
    let module = identifier.trim_end_matches("_module");
    let (message, help) = match facts.config.modules(facts.tree).loaded_at("mod_proxy.c") {
        Some(_) => (
            format!("mod_{module} cannot be loaded before mod_proxy, whose functions it calls"),
            "write this line below the other".to_string(),
        ),
        None => (
            format!("mod_{module} cannot be loaded without mod_proxy, whose functions it calls"),
            format!("write before it\n{}", facts.load_line("proxy")),
        ),
    };
    let fix = match facts.config.modules(facts.tree).loaded_at("mod_proxy.c") {
        Some(proxy) => {
            let line = facts.text(refusal.node);
            facts.repair().remove(refusal.node).below(proxy, &[line]).safe("load it below mod_proxy")
        }
        None => {
            let line = facts.load_line("proxy");
            facts
                .repair()
                .above(refusal.node, &[&line])
                .risky("load mod_proxy; other lines may ask for it too")
        }
    };
    let finding = facts.refused(&RULE, refusal.node, message).fix(fix).help(help);
    let finding = match facts.config.modules(facts.tree).loaded_at("mod_proxy.c") {
        Some(proxy) => finding.label(facts.head(proxy), "mod_proxy is loaded here"),
        None => finding,
    };
    Some(finding.labels(facts.included_from(refusal.node.graft)))
}
