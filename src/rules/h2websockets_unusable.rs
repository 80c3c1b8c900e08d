//! `H2WebSockets On` where no WebSocket ever comes by HTTP/2, or where one may crash the server. Knows what HTTP/2 needs
//! on this side, not which clients speak it.

use crate::effective::apache::server::ServerId;
use crate::effective::apache::{names, versions};
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;

pub static RULE: Rule = Rule {
    id: "h2websockets-unusable",
    level: Level::Note,
    card: include_str!("../../rules/h2websockets-unusable.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::ApacheTree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for server in facts.config.server_ids() {
        let block = facts.config.server(server).block;
        let Some(at) = facts.config.last(block, names::H2_WEBSOCKETS) else { continue };
        if facts.config.flag(facts.tree, Some(at)) != Some(true) {
            continue;
        }
        let finding = |message: &str| RULE.finding(facts.head(at), message);
        let prefork = facts.config.modules(facts.tree).loaded_at("prefork.c");
        let target = facts.config.target;
        let crashes = target.named
            && target.apache.any_before(versions::H2_WEBSOCKETS_SAFE)
            && !target.apache.all_before(versions::H2_WEBSOCKETS);
        if let Some(prefork) = prefork {
            findings.push(
                finding("with mpm_prefork httpd offers no HTTP/2, so no WebSocket comes by it")
                    .label(facts.head(prefork), "loaded here")
                    .help("load mpm_event instead, or remove this line: WebSockets come by HTTP/1.1"),
            );
        } else if facts.is_complete() && !offers_http2(facts, server) {
            findings.push(
                finding("no `Protocols` offers HTTP/2 here, so no WebSocket comes by it")
                    .help("write beside it\nProtocols h2 http/1.1"),
            );
        } else if crashes {
            findings.push(
                finding(
                    "in httpd 2.4.58 and 2.4.59 a WebSocket by HTTP/2 can crash the server (CVE-2024-36387)",
                )
                .help("update to 2.4.60, or write until then\nH2WebSockets Off"),
            );
        }
    }
}

/// Whether a server that this one's settings reach offers HTTP/2, or nobody knows.
fn offers_http2(facts: &Facts, of: ServerId) -> bool {
    let reached = facts.config.server_ids().filter(|&server| server == of || of == ServerId::MAIN);
    reached.into_iter().any(|server| {
        let own = facts.config.server(server).block;
        let main = facts.config.main().block;
        let level = if facts.config.last(own, names::PROTOCOLS).is_some() { own } else { main };
        facts.config.own(level, names::PROTOCOLS).any(|node| {
            facts.directive(node).args().any(|word| word.is_hole() || word.is("h2") || word.is("h2c"))
        })
    })
}
