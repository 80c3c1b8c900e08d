//! Backends chosen by the client's address where that is another proxy's. Knows what says that a proxy stands in front,
//! not which one.

use crate::effective::nginx::names::{HASH, IP_HASH, LISTEN, PROXY_SET_HEADER, SET_REAL_IP_FROM};
use crate::effective::nginx::values::variables;
use crate::effective::{BlockId, Setting};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "ip-hash-sees-one-client",
    level: Level::Note,
    card: include_str!("../../rules/ip-hash-sees-one-client.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

/// The client's address as a proxy in front tells it.
const TOLD: [&str; 5] = [
    "http_cf_connecting_ip",
    "http_true_client_ip",
    "http_x_forwarded_for",
    "http_x_real_ip",
    "proxy_protocol_addr",
];

/// The address that nginx itself sees.
const SEEN: [&str; 3] = ["binary_remote_addr", "realip_remote_addr", "remote_addr"];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let upstream = facts.upstream(route)?;
    let hash = hash(facts, upstream)?;
    let alone = facts.sharing_servers(upstream)? < 2;
    let corrected = facts.config.nearest(route.block, SET_REAL_IP_FROM) != Setting::Absent;
    if alone || corrected {
        return None;
    }
    let (evidence, header) = match proxy_protocol(facts, route) {
        Some(listen) => (listen, "proxy_protocol"),
        None => (told(facts, route)?, "X-Forwarded-For"),
    };
    let message =
        format!("`{}` sees the proxy in front, so all its clients come to one server", facts.text(hash));
    let finding = RULE
        .finding(facts.head(hash), message)
        .label(facts.head(evidence), "another proxy stands in front, and the client's address comes from it");
    Some(finding.help(format!(
        "write in `http`, with the addresses of that proxy\nset_real_ip_from 10.0.0.0/8;\nreal_ip_header {header};"
    )))
}

/// The line that chooses a server by the address that nginx sees.
fn hash(facts: &Facts, upstream: BlockId) -> Option<NodeRef> {
    let by_address = |node: &NodeRef| {
        let key = facts.directive(*node).arg(0).map(|word| word.value().to_ascii_lowercase());
        matches!(key.as_deref(), Some(b"$remote_addr" | b"$binary_remote_addr"))
    };
    facts.config.own(upstream, IP_HASH).next().or_else(|| facts.config.own(upstream, HASH).find(by_address))
}

fn proxy_protocol(facts: &Facts, route: &Route) -> Option<NodeRef> {
    let speaks = |node: &NodeRef| facts.directive(*node).args().skip(1).any(|word| word.is("proxy_protocol"));
    facts.config.own(route.server?, LISTEN).find(speaks)
}

/// A header of the route whose value is the address that a proxy tells, and not a list which nginx continues.
fn told(facts: &Facts, route: &Route) -> Option<NodeRef> {
    let mentions = |value: &[u8], names: &[&str]| {
        variables(value).any(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())))
    };
    facts.config.own(route.headers.level?, PROXY_SET_HEADER).find(|&node| {
        let value = facts.directive(node).arg(1).map(|word| word.value()).unwrap_or_default();
        mentions(&value, &TOLD) && !mentions(&value, &SEEN)
    })
}
