//! What a line needs of httpd's modules is not loaded. Knows which module does what, and concludes that one is missing
//! only where all that loads modules was seen.

mod hidden;
mod loading;

use crate::effective::apache::{RefusalKind, versions};
use crate::engine::apache::Facts;
use crate::engine::apache::fate::{Fate, Serving};
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::apache::Outcome;
use crate::routes::{Intent, Route};

pub use loading::tells;

pub static RULE: Rule = Rule {
    id: "proxy-module-missing",
    level: Level::Error,
    card: include_str!("../../../rules/proxy-module-missing.md"),
    cause: Some(0),
    intent: Intent::Named,
    options: &[],
    check: Check::Both(&Check::ApacheRoute(check), &Check::ApacheTree(tree)),
};

fn tree(facts: &Facts, findings: &mut Vec<Finding>) {
    loading::check(facts, findings);
    hidden::check(facts, findings);
}

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    match &*facts.fate(route) {
        Fate::Taken(passage) => {
            let Outcome::Answered { status: Some(403 | 500), at, .. } = &passage.outcome else { return None };
            if *at != Some(route.node) {
                return None;
            }
            schemes(facts, route).into_iter().find_map(|scheme| missing(facts, route, scheme))
        }
        // An older version lacks what the newest of those in use does by itself.
        Fate::Upgraded(passage) if passage.taken_by == Some(route.node) => {
            let is_old = facts.config.target.apache.any_before(versions::HTTP_UPGRADES);
            let lacks_tunnel = facts.config.modules(facts.tree).is_missing("mod_proxy_wstunnel.c");
            let speaks_ws = || schemes(facts, route).iter().any(|scheme| matches!(*scheme, "ws" | "wss"));
            (is_old && lacks_tunnel && speaks_ws()).then(|| {
                let message =
                    "before httpd 2.4.47 only mod_proxy_wstunnel speaks `ws://`, and it is not loaded";
                finding(facts, route, message, "proxy_wstunnel").severity(Severity::Warning)
            })
        }
        _ => None,
    }
}

/// The scheme of the route's target, and of a balancer's members.
fn schemes<'r>(facts: &'r Facts, route: &'r Route) -> Vec<&'r str> {
    let mut schemes = vec![&*route.backend.scheme];
    if let Serving::Members(members) = facts.serving(route) {
        schemes.extend(members.into_iter().map(|member| member.url.scheme()));
    }
    schemes
}

/// What this scheme lacks.
fn missing(facts: &Facts, route: &Route, scheme: &str) -> Option<Finding> {
    let modules = facts.config.modules(facts.tree);
    let lacks = |module: &str| modules.is_missing(&format!("mod_{module}.c"));
    let speaker = match scheme {
        "balancer" => "proxy_balancer",
        "http" | "https" | "ws" | "wss" => "proxy_http",
        "h2" | "h2c" => "proxy_http2",
        "websocket" | "websockets" | "websocket+tls" | "wsss" => return Some(unknown(facts, route, scheme)),
        _ => return None,
    };
    let is_ws = matches!(scheme, "ws" | "wss");
    let is_old = facts.config.target.apache.all_before(versions::HTTP_UPGRADES);
    let module = match () {
        () if lacks("proxy") => "proxy",
        () if is_ws && is_old && lacks("proxy_wstunnel") => "proxy_wstunnel",
        () if is_ws && !lacks("proxy_wstunnel") => "ssl",
        () if lacks(speaker) => speaker,
        () => "ssl",
    };
    // Its directives are refused, which is told by itself.
    let file = format!("mod_{module}.c");
    let is_told = |kind: RefusalKind| matches!(kind, RefusalKind::NotLoaded(known) if known == file);
    if facts.config.refusals.iter().any(|refusal| is_told(refusal.kind)) {
        return None;
    }
    if !lacks(module) || (module == "ssl" && !matches!(scheme, "https" | "wss")) {
        return None;
    }
    let message = match module {
        "proxy" => "only mod_proxy can send this on, and it is not loaded".to_string(),
        module => format!("httpd needs mod_{module} for `{scheme}://`, and it is not loaded"),
    };
    Some(finding(facts, route, message, module))
}

fn finding(facts: &Facts, route: &Route, message: impl Into<String>, module: &str) -> Finding {
    let finding = RULE.finding(facts.head(route.node), message);
    let finding = match facts.config.modules(facts.tree).loaded_at("mod_proxy.c") {
        Some(at) => finding.label(facts.head(at), "modules are loaded here"),
        None => finding,
    };
    finding.fix(facts.loading(module)).help(format!("load it\n{}", facts.load_line(module)))
}

fn unknown(facts: &Facts, route: &Route, scheme: &str) -> Finding {
    let place = facts.word(route.node, &format!("{scheme}://"));
    let message = format!("no module of httpd speaks `{scheme}://`, so that it answers 500");
    RULE.finding(place, message).help("write `ws://`, or `wss://` for a backend that speaks TLS")
}
