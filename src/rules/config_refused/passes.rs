//! Addresses in `proxy_pass` and its kin that nginx refuses (`ngx_http_proxy_pass`, `ngx_http_upstream_add`). Knows
//! how an address is written, not who answers there.

use super::RULE;
use super::locations::{Kind, matcher};
use crate::effective::BlockId;
use crate::effective::nginx::directives::{HTTP, IF_LOCATION, LIMIT_EXCEPT, LOCATION};
use crate::effective::nginx::names;
use crate::effective::nginx::values::number;
use crate::engine::Facts;
use crate::finding::Finding;
use crate::syntax::NameId;
use crate::tree::NodeRef;

/// Directives that take an address, and the schemes that may stand before it; none where an address stands alone.
const PASSES: [(NameId, &[&str]); 5] = [
    (names::FASTCGI_PASS, &[]),
    (names::GRPC_PASS, &["grpc://", "grpcs://"]),
    (names::PROXY_PASS, &["http://", "https://"]),
    (names::SCGI_PASS, &[]),
    (names::UWSGI_PASS, &["uwsgi://", "suwsgi://"]),
];

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for (name, schemes) in PASSES {
        for &(block, node) in facts.config.everywhere(name) {
            let handles = facts.config.block(block).context & (LOCATION | IF_LOCATION | LIMIT_EXCEPT) != 0;
            if handles && facts.config.enclosing(block, HTTP).is_some() {
                findings.extend(address(facts, block, node, schemes));
            }
        }
    }
}

fn address(facts: &Facts, block: BlockId, node: NodeRef, schemes: &[&str]) -> Option<Finding> {
    let directive = facts.directive(node);
    let is_proxy = directive.name_id() == names::PROXY_PASS;
    let word = directive.arg(0)?;
    let value = word.value();
    if word.is_hole() || value.contains(&b'$') || facts.config.is_derailed(facts.tree, node) {
        return None;
    }
    let scheme = schemes.iter().find(|scheme| {
        value.len() >= scheme.len() && value[..scheme.len()].eq_ignore_ascii_case(scheme.as_bytes())
    });
    if is_proxy && scheme.is_none() {
        return prefix(facts, node, &value);
    }
    let rest = &value[scheme.map_or(0, |scheme| scheme.len())..];
    if rest.starts_with(b"unix:") {
        let uri = rest[5..].split(|&byte| byte == b':').nth(1).is_some_and(|uri| !uri.is_empty());
        return (is_proxy && uri).then(|| uri_part(facts, block, node)).flatten();
    }
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    if is_proxy && rest.is_empty() {
        return Some(
            facts
                .refused(&RULE, node, "no host in upstream \"\"")
                .help("write the backend's address\nproxy_pass http://127.0.0.1:8080;"),
        );
    }
    if is_proxy
        && end < rest.len()
        && let Some(finding) = uri_part(facts, block, node)
    {
        return Some(finding);
    }
    port(facts, node, &rest[..end]).or_else(|| invalid_port(facts, node, &rest[..end]))
}

/// What stands behind the host's colon is no port (`ngx_parse_inet_url`).
pub(super) fn invalid_port(facts: &Facts, node: NodeRef, address: &[u8]) -> Option<Finding> {
    let colon = address.iter().rposition(|&byte| byte == b':')?;
    let (host, port) = (&address[..colon], &address[colon + 1..]);
    // An IPv6 address has colons of its own.
    let bare = memchr::memchr(b':', host).is_some() && !host.ends_with(b"]");
    if bare || address.ends_with(b"]") || number(port).is_some_and(|port| (1..=65535).contains(&port)) {
        return None;
    }
    let text = String::from_utf8_lossy(address);
    let finding = facts.refused(&RULE, node, format!("invalid port in upstream \"{text}\""));
    Some(finding.here("a port is a number from 1 to 65535"))
}

fn prefix(facts: &Facts, node: NodeRef, value: &[u8]) -> Option<Finding> {
    let text = String::from_utf8_lossy(value);
    let lower = text.to_ascii_lowercase();
    // Another rule tells of these, with a variable in the address too.
    if lower.starts_with("ws://") || lower.starts_with("wss://") {
        return None;
    }
    let finding = facts.refused(&RULE, node, "invalid URL prefix");
    let line = match text.contains("://") || text.is_empty() {
        true => "proxy_pass http://127.0.0.1:8080;".to_string(),
        false => format!("proxy_pass http://{text};"),
    };
    Some(finding.here("begins with neither `http://` nor `https://`").help(format!("write\n{line}")))
}

/// A path behind the address, where nginx could not tell what it replaces.
fn uri_part(facts: &Facts, block: BlockId, node: NodeRef) -> Option<Finding> {
    let around = facts.config.block(block);
    let place = around.node?;
    let refused = around.context & (IF_LOCATION | LIMIT_EXCEPT) != 0
        || matches!(matcher(&facts.directive(place))?.ok()?.kind, Kind::Regex | Kind::Named);
    if !refused {
        return None;
    }
    let message = "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside named location, \
                   or inside \"if\" statement, or inside \"limit_except\" block";
    let word = facts.directive(node).arg(0)?.show();
    let scheme = word.find("://").map_or(0, |at| at + 3);
    let end = word[scheme..].find(['/', '?']).map_or(word.len(), |at| at + scheme);
    let finding = facts
        .refused(&RULE, node, message)
        .label(facts.head(place), "nginx cannot tell which part of the path it replaces here");
    Some(match word[scheme..].starts_with("unix:") {
        true => finding.help("remove the path behind the socket's name"),
        false => finding.help(format!("write it without the path, and change the path with `rewrite … break` if need be\nproxy_pass {};", &word[..end])),
    })
}

/// An upstream's name has no port: its servers have.
fn port(facts: &Facts, node: NodeRef, address: &[u8]) -> Option<Finding> {
    let colon = address.iter().rposition(|&byte| byte == b':')?;
    let (host, port) = (&address[..colon], &address[colon + 1..]);
    let upstream = *facts.config.upstreams.get(&host.to_ascii_lowercase())?;
    if port.is_empty() || !port.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (host, port) = (String::from_utf8_lossy(host), String::from_utf8_lossy(port));
    let mut finding = facts.refused(&RULE, node, format!("upstream \"{host}\" may not have port {port}"));
    if let Some(place) = facts.config.block(upstream).node {
        finding = finding.label(facts.head(place), "the ports stand with its servers");
    }
    let text = facts.text(node);
    Some(finding.help(format!("write\n{};", text.replacen(&format!("{host}:{port}"), &host, 1))))
}
