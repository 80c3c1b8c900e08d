//! Directives of modules that are not loaded, and modules that are loaded before what they link to: httpd's own test
//! refuses both.

use super::RULE;
use crate::effective::apache::RefusalKind;
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

/// Modules that cannot be loaded before mod_proxy.
const LINKED: [&str; 13] = [
    "proxy_ajp",
    "proxy_balancer",
    "proxy_connect",
    "proxy_express",
    "proxy_fcgi",
    "proxy_fdpass",
    "proxy_ftp",
    "proxy_hcheck",
    "proxy_http",
    "proxy_http2",
    "proxy_scgi",
    "proxy_uwsgi",
    "proxy_wstunnel",
];

/// Whether httpd's refusal is told here.
pub fn tells(kind: RefusalKind) -> bool {
    matches!(kind, RefusalKind::NotLoaded(module) if MODULES.contains(&module))
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
        findings.push(finding.help(format!("load it\n{}", facts.load_line(bare))));
    }
}

/// The first module that is loaded before mod_proxy, or without it.
fn order(facts: &Facts) -> Option<Finding> {
    let modules = facts.config.modules(facts.tree);
    let place = |module: &str| modules.order(&format!("mod_{module}.c"));
    let (order, module) = LINKED.iter().filter_map(|&module| Some((place(module)?, module))).min()?;
    let at = modules.loaded_at(&format!("mod_{module}.c"))?;
    let refused = |message: String| {
        let finding = facts.refused(&RULE, at, message);
        finding.labels(facts.included_from(at.graft))
    };
    match (modules.loaded_at("mod_proxy.c"), place("proxy")) {
        (Some(proxy), Some(first)) if order < first => {
            let message = format!("mod_{module} cannot be loaded before mod_proxy, whose functions it calls");
            let finding = refused(message).label(facts.head(proxy), "mod_proxy is loaded here");
            Some(finding.help("write this line below the other"))
        }
        (None, _) if modules.is_missing("mod_proxy.c") => {
            let message =
                format!("mod_{module} cannot be loaded without mod_proxy, whose functions it calls");
            Some(refused(message).help(format!("write before it\n{}", facts.load_line("proxy"))))
        }
        _ => None,
    }
}
