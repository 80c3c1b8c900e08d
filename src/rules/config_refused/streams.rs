//! Servers of `stream` that nginx refuses (`ngx_stream_core_server`, `ngx_stream_proxy_pass`). Knows how they are
//! written, not who answers.

use super::{RULE, passes};
use crate::effective::BlockId;
use crate::effective::nginx::directives::STREAM_SERVER;
use crate::effective::nginx::names::{LISTEN, PASS, PROXY_PASS, RETURN};
use crate::engine::Facts;
use crate::finding::Finding;
use crate::syntax::NameId;
use crate::tree::NodeRef;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for (id, block) in facts.config.blocks().filter(|(_, block)| block.context == STREAM_SERVER) {
        for node in facts.config.own(id, PROXY_PASS) {
            findings.extend(address(facts, node));
        }
        let Some(node) = block.node.filter(|&node| !facts.config.is_derailed(facts.tree, node)) else {
            continue;
        };
        if !block.opaque && !block.broken {
            findings.extend(missing(facts, id, node));
        }
    }
}

fn missing(facts: &Facts, id: BlockId, node: NodeRef) -> Option<Finding> {
    let has = |name: NameId| facts.config.own(id, name).next().is_some();
    // Another module may handle connections too.
    if ![PASS, PROXY_PASS, RETURN, NameId::UNKNOWN].into_iter().any(has) {
        let finding = facts.refused(&RULE, node, "no handler for server");
        return Some(finding.here("passes nothing on").help("write in it\nproxy_pass 127.0.0.1:8080;"));
    }
    if !has(LISTEN) {
        let finding = facts.refused(&RULE, node, "no \"listen\" is defined for server");
        return Some(
            finding.here("in `stream` no port is taken by itself").help("write in it\nlisten 8443;"),
        );
    }
    None
}

/// Here an address is a host and a port, and nothing else.
fn address(facts: &Facts, node: NodeRef) -> Option<Finding> {
    let word = facts.directive(node).arg(0).filter(|word| !word.is_hole())?;
    let text = word.show();
    if text.contains('$') || text.starts_with("unix:") || facts.config.is_derailed(facts.tree, node) {
        return None;
    }
    if text.contains('/') {
        let rest = text.split_once("://").map_or(&*text, |(_, rest)| rest);
        let bare = rest.split('/').next().unwrap_or_default();
        let finding = facts.refused(&RULE, node, format!("invalid host in upstream \"{text}\""));
        let finding = finding.here("`stream` passes bytes on, and knows neither scheme nor path");
        return Some(finding.help(format!("write\nproxy_pass {bare};")));
    }
    if let Some(finding) = passes::invalid_port(facts, node, text.as_bytes()) {
        return Some(finding);
    }
    let named = facts.config.stream_upstreams.contains_key(text.to_ascii_lowercase().as_bytes());
    let portless = text.rsplit_once(':').is_none_or(|_| text.ends_with(']'));
    // An upstream of this name may stand in a file that is not seen.
    if named || !portless || !facts.config.complete {
        return None;
    }
    let finding = facts.refused(&RULE, node, format!("no port in upstream \"{text}\""));
    Some(
        finding
            .here("no `upstream` has this name")
            .help(format!("write the port too\nproxy_pass {text}:8080;")),
    )
}
