//! Upgrade headers stand where no handshake is proxied, or the handler is one that tunnels nothing. Knows who handles
//! a location's requests, not whether the headers are right.

use crate::effective::nginx::directives::{LOCATION, SERVER};
use crate::effective::nginx::names::{
    EMPTY_GIF, ERROR_PAGE, FASTCGI_PASS, GRPC_PASS, MEMCACHED_PASS, PROXY_HTTP_VERSION, PROXY_PASS,
    PROXY_SET_HEADER, RETURN, REWRITE, SCGI_PASS, STUB_STATUS, TRY_FILES, TUNNEL_PASS, UWSGI_PASS,
};
use crate::effective::{BlockId, Value};
use crate::engine::{Check, Facts, Level, Rule, Way};
use crate::finding::{Confidence, Finding, Severity};
use crate::handshake::nginx::Arrival;
use crate::routes::intent::is_websocket_path;
use crate::routes::nginx::is_header;
use crate::routes::{Intent, has_token};
use crate::syntax::NameId;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "backend-cannot-upgrade",
    level: Level::Error,
    card: include_str!("../../rules/backend-cannot-upgrade.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

/// Handlers whose answers are never a tunnel, and what they speak.
const NO_TUNNEL: [(NameId, &str); 4] =
    [(FASTCGI_PASS, "FastCGI"), (GRPC_PASS, "gRPC"), (MEMCACHED_PASS, "memcached"), (TUNNEL_PASS, "CONNECT")];

/// Other directives that answer, or hand the request to something that may.
const OTHER_HANDLERS: [NameId; 4] = [EMPTY_GIF, SCGI_PASS, STUB_STATUS, UWSGI_PASS];

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for (block, found) in facts.config.blocks().filter(|(_, block)| block.context == LOCATION) {
        let unclear =
            found.opaque || facts.config.chain(block).any(|around| facts.config.block(around).broken);
        let proxies = |block: BlockId| facts.config.own(block, PROXY_PASS).len() > 0;
        if unclear || proxies(block) || facts.config.inside(block).any(proxies) {
            continue;
        }
        findings.extend(wrong_handler(facts, block).or_else(|| no_handler(facts, block)));
    }
}

/// The header in the block that asks its backend for a WebSocket.
fn asks(facts: &Facts, block: BlockId) -> Option<NodeRef> {
    facts.config.own(block, PROXY_SET_HEADER).find(|&node| {
        let line = facts.directive(node);
        let (Some(name), Some(value)) = (line.arg(0), line.arg(1)) else { return false };
        let asks = || match facts.handshake.evaluate(block, &value.value()) {
            Value::Known(value) => has_token(&value, "websocket"),
            Value::Unknown(_) => false,
        };
        is_header(&name.value(), "upgrade") && !value.is_hole() && asks()
    })
}

fn wrong_handler(facts: &Facts, block: BlockId) -> Option<Finding> {
    let own = |name| facts.config.own(block, name).next();
    let (pass, protocol) = NO_TUNNEL.iter().find_map(|&(name, protocol)| Some((own(name)?, protocol)))?;
    let header = asks(facts, block);
    if header.is_none() && !is_surely_named(facts, block) {
        return None;
    }
    let directive = facts.directive(pass).name_word().show();
    let message = format!("`{directive}` speaks {protocol}, through which no WebSocket comes back");
    let finding = RULE.finding(facts.head(pass), message);
    let help =
        "write the address at which the WebSocket server speaks HTTP\nproxy_pass http://127.0.0.1:8080;";
    let finding = finding.help(help);
    Some(match header {
        Some(header) => finding.label(facts.head(header), "has a meaning for `proxy_pass` alone"),
        None => Finding { confidence: Confidence::Likely, ..finding.at_most(Severity::Warning) },
    })
}

fn is_named(facts: &Facts, block: BlockId) -> bool {
    let path = facts.config.block(block).node.and_then(|node| facts.directive(node).args().next_back());
    path.is_some_and(|path| is_websocket_path(&path.value()))
}

/// Whether the path can mean nothing but a WebSocket; `ws` is also short for web services, which PHP may serve.
fn is_surely_named(facts: &Facts, block: BlockId) -> bool {
    let path = facts.config.block(block).node.and_then(|node| facts.directive(node).args().next_back());
    path.is_some_and(|path| {
        let lower = path.show().to_ascii_lowercase();
        is_websocket_path(lower.as_bytes())
            && ["socket", "sockjs", "signalr"].iter().any(|name| lower.contains(name))
    })
}

fn no_handler(facts: &Facts, block: BlockId) -> Option<Finding> {
    let header = asks(facts, block)?;
    // Where nothing is proxied at all, headers have gone astray, but hardly a WebSocket.
    if facts.routes.is_empty() && !is_named(facts, block) {
        return None;
    }
    let server = facts.config.enclosing(block, SERVER)?;
    let own = |name| facts.config.own(block, name).next();
    let handled = OTHER_HANDLERS.into_iter().any(|name| own(name).is_some());
    if handled || facts.config.all(block).any(|(name, _)| name == NameId::UNKNOWN) {
        return None;
    }
    if facts.path_of(block).is_none() {
        let leads_on = [TRY_FILES, REWRITE, RETURN, ERROR_PAGE].into_iter().any(|name| own(name).is_some());
        let ifs = facts.config.inside(block).next().is_some();
        return (!leads_on && !ifs).then(|| nothing_proxies(facts, block, header));
    }
    let ways = facts.ways(block, server)?;
    let way = ways.first()?;
    if !ways.iter().all(|way| is_left(facts, block, way)) {
        return None;
    }
    match &way.arrival {
        Arrival::Sent { by, hop } => {
            let target = *hop.locations.last()?;
            let line =
                hop.steps.iter().rev().filter_map(|step| step.by).find(|&node| facts.holds(block, node))?;
            Some(proxied_elsewhere(facts, block, header, (target, *by), line))
        }
        _ => Some(nothing_proxies(facts, block, header)),
    }
}

/// Whether the handshake comes to the location, and no further than to where its headers do not count.
fn is_left(facts: &Facts, block: BlockId, way: &Way) -> bool {
    match &way.arrival {
        Arrival::Sent { hop, .. } => {
            let target = hop.locations.last().and_then(|&target| facts.config.block(target).node);
            hop.locations.contains(&block) && target.is_some() && facts.asks(hop) == Some(false)
        }
        Arrival::Answered { status: Some(404 | 403 | 200), hop, .. } => {
            let returns = |node: NodeRef| facts.directive(node).name_id() == RETURN;
            hop.locations.contains(&block) && !hop.steps.iter().filter_map(|step| step.by).any(returns)
        }
        _ => false,
    }
}

fn nothing_proxies(facts: &Facts, block: BlockId, header: NodeRef) -> Finding {
    let name = facts.block_name(block);
    let message = format!("`{name}` sets headers for a WebSocket, and nothing in it proxies");
    let primary = facts.config.block(block).node.unwrap_or(header);
    let finding =
        RULE.finding(facts.head(primary), message).here("has no `proxy_pass`, so nginx looks for a file");
    let finding = finding.label(facts.head(header), "for a backend that is never asked");
    let outer =
        facts.config.chain(block).skip(1).find_map(|outer| facts.config.own(outer, PROXY_PASS).next());
    match outer {
        Some(outer) => finding
            .label(facts.head(outer), "is not inherited by the locations inside")
            .help(format!("write in `{name}` too\n{};", facts.text(outer))),
        None => {
            finding.help(format!("write in `{name}` where the backend is\nproxy_pass http://127.0.0.1:8080;"))
        }
    }
}

fn proxied_elsewhere(
    facts: &Facts,
    block: BlockId,
    header: NodeRef,
    (target, pass): (BlockId, NodeRef),
    line: NodeRef,
) -> Finding {
    let (name, place) = (facts.block_name(block), facts.block_name(target));
    let message =
        format!("`{place}` proxies the handshakes of `{name}` without the headers that are set there");
    let own = |name| facts.config.own(block, name);
    let missing = |&node: &NodeRef| facts.config.own(target, facts.directive(node).name_id()).len() == 0;
    let mut lines: Vec<String> = own(PROXY_HTTP_VERSION)
        .filter(missing)
        .chain(own(PROXY_SET_HEADER))
        .map(|node| facts.text(node) + ";")
        .collect();
    lines.dedup();
    RULE.finding(facts.head(pass), message)
        .here("only what is in force here counts")
        .label(facts.head(header), "set here, where nothing is proxied")
        .label(facts.head(line), format!("sends the request on to `{place}`"))
        .fix(facts.forward_by(pass))
        .help(format!("write in `{place}`\n{}", lines.join("\n")))
}
