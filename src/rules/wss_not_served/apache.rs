//! httpd: the virtual host with TLS lacks the WebSocket's path. Knows both hosts of a name.

use super::RULE;
use crate::effective::apache::server::ServerId;
use crate::engine::apache::Facts;
use crate::finding::Finding;
use crate::handshake::apache::Outcome;
use crate::routes::{By, Intent, Route};

pub(super) fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let plain = facts.server_of(route);
    let server = facts.config.server(plain);
    let (Some(name), false) = (&server.name, server.unknown_names) else { return None };
    if plain == ServerId::MAIN || !is_plain(facts, plain) {
        return None;
    }
    let secure: Vec<ServerId> = facts.secure_hosts(name).iter().copied().filter(|id| *id != plain).collect();
    let &[secure] = &secure[..] else { return None };
    let ways = facts.ways(route);
    let way = ways.first()?;
    if !ways.iter().all(|way| way.sent_by() == Some((route.node, true))) {
        return None;
    }
    // A route that is meant for WebSockets has a finding of its own.
    let is_meant = |node| facts.routes.iter().any(|other| other.node == node && other.intent > Intent::None);
    match &facts.socket_passage(secure, &way.path, &[]).outcome {
        Outcome::Forwarded(forwarded) if !forwarded.upgrades && !is_meant(forwarded.by) => {}
        Outcome::Answered { status: None | Some(200 | 404), .. } => {}
        _ => return None,
    }
    let host = String::from_utf8_lossy(name);
    let named = match (route.by, facts.config.block(route.block).node) {
        (By::Section { .. }, Some(node)) => node,
        _ => route.node,
    };
    let text = facts.short(named);
    let text = if named == route.node { text } else { facts.text(named) };
    let message = format!("`{text}` is served without TLS only, while `{host}` is served with it");
    let finding = RULE.finding(facts.head(named), message);
    let finding =
        finding.here(format!("reached by ws://{host}, which a page of https://{host} may not open"));
    let finding = match facts.config.server(secure).node {
        Some(node) => {
            finding.label(facts.head(node), "pages come from here, and nothing here is for the path")
        }
        None => finding,
    };
    let mut lines = vec![facts.text(route.node)];
    if let By::Rewrite { .. } = route.by
        && let Some(line) = facts.rule_line(route)
    {
        let conditions = line.conditions.iter().map(|condition| facts.text(condition.at));
        lines.splice(..0, std::iter::once("RewriteEngine On".to_string()).chain(conditions));
    } else if named != route.node {
        lines = vec![text, format!("    {}", lines[0]), "</Location>".to_string()];
    }
    let lines = lines.join("\n");
    Some(finding.help(format!("write in the virtual host with TLS too, above what takes its path\n{lines}")))
}

/// Whether it is for the usual port without TLS, and for nothing with it.
fn is_plain(facts: &Facts, id: ServerId) -> bool {
    let server = facts.config.server(id);
    let ports = || server.addresses.iter().filter_map(|address| address.port);
    ports().any(|port| port == 80) && !ports().any(|port| facts.tracer.is_tls(id, port))
}
