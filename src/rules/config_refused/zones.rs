//! Zones of shared memory that are used and nowhere defined (`ngx_init_cycle`, `ngx_http_proxy_merge_loc_conf`). Knows
//! how zones are named, not what is kept in them.

use std::collections::HashSet;

use super::RULE;
use crate::effective::nginx::directives::{HTTP, SERVER, STREAM, STREAM_SERVER};
use crate::effective::nginx::names::{LIMIT_CONN, LIMIT_REQ, PROXY_CACHE};
use crate::engine::Facts;
use crate::finding::Finding;
use crate::tree::NodeRef;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    // Zones are asked for once a server is there, and any file that is not seen may define one.
    if !facts.config.complete
        || facts.config.fragment
        || !facts.config.blocks().any(|(_, block)| block.context & (SERVER | STREAM_SERVER) != 0)
    {
        return;
    }
    let lines =
        [LIMIT_CONN, LIMIT_REQ, PROXY_CACHE].into_iter().flat_map(|name| facts.config.everywhere(name));
    let used: Vec<(NodeRef, Vec<u8>)> =
        lines.filter_map(|&(_, node)| Some((node, zone(facts, node)?))).collect();
    if used.is_empty() {
        return;
    }
    let Some(defined) = defined(facts) else { return };
    for (node, zone) in used {
        if defined.contains(&zone) || facts.config.is_derailed(facts.tree, node) {
            continue;
        }
        let zone = String::from_utf8_lossy(&zone).into_owned();
        let (message, line) = match facts.directive(node).name_id() {
            PROXY_CACHE => (
                format!("\"proxy_cache\" zone \"{zone}\" is unknown"),
                format!("proxy_cache_path /var/cache/nginx keys_zone={zone}:10m;"),
            ),
            LIMIT_CONN => (
                format!("zero size shared memory zone \"{zone}\""),
                format!("limit_conn_zone $binary_remote_addr zone={zone}:10m;"),
            ),
            _ => (
                format!("zero size shared memory zone \"{zone}\""),
                format!("limit_req_zone $binary_remote_addr zone={zone}:10m rate=10r/s;"),
            ),
        };
        let finding = RULE.refusal(facts.head(node), message).here("nothing defines a zone of this name");
        findings.push(finding.help(format!("define it once, in the outermost block\n{line}")));
    }
}

/// The zone that a directive asks for.
fn zone(facts: &Facts, node: NodeRef) -> Option<Vec<u8>> {
    let directive = facts.directive(node);
    if directive.args().any(|word| word.is_hole()) {
        return None;
    }
    let zone = match directive.name_id() {
        LIMIT_REQ => {
            directive.args().find_map(|word| word.value().strip_prefix(b"zone=").map(<[u8]>::to_vec))?
        }
        PROXY_CACHE => directive.arg(0).filter(|word| !word.is("off"))?.value().into_owned(),
        _ => directive.arg(0)?.value().into_owned(),
    };
    (!zone.is_empty() && !zone.contains(&b'$')).then_some(zone)
}

/// The names before the size in `zone=name:size`, whatever the directive; None where a template fills one in.
fn defined(facts: &Facts) -> Option<HashSet<Vec<u8>>> {
    let mut zones = HashSet::new();
    for (id, _) in facts.config.blocks().filter(|(_, block)| block.context & (HTTP | STREAM) != 0) {
        for (_, node) in facts.config.all(id).filter(|&(_, node)| !facts.directive(node).is_block()) {
            for word in facts.directive(node).args() {
                if word.is_hole() {
                    return None;
                }
                let value = word.value();
                let named = value.strip_prefix(b"zone=").or_else(|| value.strip_prefix(b"keys_zone="));
                if let Some(named) = named {
                    let end = named.iter().position(|&byte| byte == b':').unwrap_or(named.len());
                    zones.insert(named[..end].to_vec());
                }
            }
        }
    }
    Some(zones)
}
