//! Addresses on which two servers cannot both listen so (`ngx_http_add_addresses`). Knows how an address is written,
//! resolves no name.

use hashbrown::HashMap;

use super::RULE;
use crate::effective::BlockId;
use crate::effective::nginx::directives::SERVER;
use crate::effective::nginx::names;
use crate::engine::Facts;
use crate::finding::Finding;
use crate::tree::NodeRef;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut defaults: HashMap<String, NodeRef> = HashMap::new();
    let mut listened: HashMap<(BlockId, String), NodeRef> = HashMap::new();
    for (id, _) in facts.config.blocks().filter(|(_, block)| block.context == SERVER) {
        for node in facts.config.own(id, names::LISTEN) {
            let directive = facts.directive(node);
            let hole = directive.args().any(|word| word.is_hole());
            // A socket for QUIC is another one on the same address.
            if hole
                || directive.args().any(|word| word.is("quic"))
                || facts.config.is_derailed(facts.tree, node)
            {
                continue;
            }
            let Some(address) = directive.arg(0).and_then(|word| normal(&word.show())) else { continue };
            if let Some(&first) = listened.get(&(id, address.clone())) {
                let finding = facts.refused(&RULE, node, format!("a duplicate listen {address}"));
                findings.push(told(facts, finding, first, node).help("remove one of the two"));
                continue;
            }
            listened.insert((id, address.clone()), node);
            if !directive.args().skip(1).any(|word| word.is("default_server") || word.is("default")) {
                continue;
            }
            match defaults.get(&address) {
                Some(&first) => {
                    let finding =
                        facts.refused(&RULE, node, format!("a duplicate default server for {address}"));
                    findings.push(
                        told(facts, finding, first, node).help("remove `default_server` from one of the two"),
                    );
                }
                None => {
                    defaults.insert(address, node);
                }
            }
        }
    }
}

fn told(facts: &Facts, finding: Finding, first: NodeRef, second: NodeRef) -> Finding {
    let finding = match facts.head(first) == facts.head(second) {
        true => finding.here("brought in twice"),
        false => finding.label(facts.head(first), "written here already"),
    };
    finding.labels(facts.included_from(second.graft))
}

/// The address as nginx prints it; None for one that would have to be resolved.
fn normal(text: &str) -> Option<String> {
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_port(text) {
        return Some(format!("0.0.0.0:{text}"));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if is_port(port) => (host, port),
        _ => (text, "80"),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match (host, bracketed) {
        ("*", _) => Some(format!("0.0.0.0:{port}")),
        (_, Some(address)) => Some(format!("[{}]:{port}", address.parse::<std::net::Ipv6Addr>().ok()?)),
        _ => Some(format!("{}:{port}", host.parse::<std::net::Ipv4Addr>().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn one_address_has_one_name() {
        for (text, expected) in [
            ("80", Some("0.0.0.0:80")),
            ("*:80", Some("0.0.0.0:80")),
            ("127.0.0.1", Some("127.0.0.1:80")),
            ("[::]:443", Some("[::]:443")),
            ("[0:0::0]:443", Some("[::]:443")),
            ("localhost:80", None),
            ("unix:/run/x.sock", None),
        ] {
            assert_eq!(normal(text).as_deref(), expected, "{text}");
        }
    }
}
