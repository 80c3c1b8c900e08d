//! mod_proxy_wstunnel keeps the tunnel itself, rather than mod_proxy_http. Knows which module does, not how long
//! clients stay.

use crate::effective::apache::names;
use crate::engine::apache::Facts;
use crate::engine::apache::fate::Fate;
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::apache::{Handler, Outcome};
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "real-wstunnel-never-idles",
    level: Level::Note,
    card: include_str!("../../rules/real-wstunnel-never-idles.md"),
    cause: None,
    intent: Intent::Named,
    options: &[],
    check: Check::ApacheRoute(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let Fate::Upgraded(passage) = &*facts.fate(route) else { return None };
    let Outcome::Forwarded(sent) = &passage.outcome else { return None };
    if sent.handler != Handler::Wstunnel || passage.taken_by != Some(route.node) {
        return None;
    }
    let modules = facts.config.modules(facts.tree);
    let finding = match sent.next.tls {
        true => {
            let message = "mod_proxy_wstunnel loses the answer of many a backend that speaks TLS 1.3, and the handshake hangs";
            RULE.finding(facts.head(route.node), message).severity(Severity::Warning)
        }
        false => {
            let message =
                "mod_proxy_wstunnel never cuts a silent tunnel, so clients that vanished keep their workers";
            RULE.finding(facts.head(route.node), message)
        }
    };
    if modules.is_missing("mod_proxy_http.c") {
        let finding = match modules.loaded_at("mod_proxy_wstunnel.c") {
            Some(at) => {
                finding.label(facts.head(at), "loaded without mod_proxy_http, which would do its work")
            }
            None => finding,
        };
        let finding = finding.fix(facts.loading("proxy_http"));
        return Some(finding.help(format!("load beside it\n{}", facts.load_line("proxy_http"))));
    }
    let off = facts
        .config
        .blocks()
        .find_map(|(block, _)| facts.config.last(block, names::PROXY_WEBSOCKET_FALLBACK));
    let finding = match off {
        Some(at) => finding.label(facts.head(at), "keeps mod_proxy_http from doing its work"),
        None => finding,
    };
    let line = "ProxyWebsocketFallbackToProxyHttp On";
    let fix = off.and_then(|at| facts.rewrite_but(at, line, "silent tunnels are cut after the usual time"));
    Some(finding.fix(fix).help(format!("write\n{line}")))
}
