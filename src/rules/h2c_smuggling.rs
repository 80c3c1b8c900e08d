//! Other protocols than WebSocket get past the proxy. Knows what a request for HTTP/2 becomes on its way, not whether the
//! backend would take it.

use crate::effective::nginx::{Evaluator, Map};
use crate::effective::{BlockId, Value};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Fix};
use crate::handshake::nginx::Arrival;
use crate::routes::model::Smuggled;
use crate::routes::plain::is_guarded;
use crate::routes::{Header, Intent, Route, has_token};

pub static RULE: Rule = Rule {
    id: "h2c-smuggling",
    level: Level::Off,
    card: include_str!("../../rules/h2c-smuggling.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

const LINES: &str = "proxy_set_header Upgrade $websocket_upgrade;
proxy_set_header Connection $websocket_connection;

# once, in http
map $http_upgrade $websocket_upgrade {
    default   '';
    websocket websocket;
}
map $http_upgrade $websocket_connection {
    default   close;
    websocket upgrade;
}";

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let evaluator = Evaluator::new(facts.tree, facts.config, &Smuggled);
    let carries = |name, token| {
        let mut headers = route.headers.named(name);
        headers.find(|header| sends(facts, &evaluator, route.block, header, token))
    };
    let (upgrade, connection) = (carries("upgrade", "h2c")?, carries("connection", "upgrade")?);
    if !gets_here(facts, route) {
        return None;
    }
    let message =
        "any `Upgrade` is passed on, also one for HTTP/2, behind which nginx sees no further request";
    Some(
        RULE.finding(facts.head(upgrade.at), message)
            .label(facts.head(connection.at), "and the backend is told to switch")
            .help(format!("write instead\n{LINES}"))
            .fix(fix(facts, route, upgrade, connection)),
    )
}

/// Both headers by maps that let only `websocket` through: those that the configuration has, else new ones.
fn fix(facts: &Facts, route: &Route, upgrade: &Header, connection: &Header) -> Option<Fix> {
    // An upstream may keep connections open, which `close` would end.
    let idle = if route.backend.upstream.is_some() { "''" } else { "close" };
    let mut repair = facts.repair();
    let mut lines: Vec<String> = Vec::new();
    for (header, name, token, otherwise) in [
        (upgrade, "websocket_upgrade", "websocket", "''"),
        (connection, "websocket_connection", "upgrade", idle),
    ] {
        let known = facts.config.maps.iter().find(|map| lets_only_websocket(facts, route, map, token));
        let variable = match known {
            Some(map) => String::from_utf8_lossy(&map.name).into_owned(),
            None if facts.config.defines(name.as_bytes()) => return None,
            None => {
                lines.push(format!("map $http_upgrade ${name} {{"));
                lines.push(format!("    {:<9} {otherwise};", "default"));
                lines.push(format!("    websocket {token};"));
                lines.extend(["}".to_string(), String::new()]);
                name.to_string()
            }
        };
        repair = repair.word(header.at, 1, &format!("${variable}"));
    }
    if !lines.is_empty() {
        repair = repair.above(facts.map_place()?, &lines);
    }
    repair.risky(
        "let only `websocket` through, by maps; whoever asks for another protocol is answered without it",
    )
}

/// Whether a map says `token` to a WebSocket, and to no other request.
fn lets_only_websocket(facts: &Facts, route: &Route, map: &Map, token: &str) -> bool {
    let variable = [b"$", &map.name[..]].concat();
    let says = |evaluator: &Evaluator| match evaluator.evaluate(route.block, &variable) {
        Value::Known(value) if has_token(&value, token) => Some(true),
        // Without Connection any Upgrade does nothing, but it is not handed on.
        Value::Known(value) if token != "upgrade" && !value.is_empty() => None,
        Value::Known(_) => Some(false),
        Value::Unknown(_) => None,
    };
    let smuggled = Evaluator::new(facts.tree, facts.config, &Smuggled);
    says(&facts.handshake) == Some(true)
        && says(&smuggled) == Some(false)
        && says(&facts.plain) == Some(false)
}

fn sends(facts: &Facts, evaluator: &Evaluator, block: BlockId, header: &Header, token: &str) -> bool {
    let word = facts.directive(header.at).arg(1).filter(|word| !word.is_hole());
    let value = word.map(|word| evaluator.evaluate(block, &word.value()));
    matches!(value, Some(Value::Known(value)) if has_token(&value, token))
}

/// Whether such a request comes to the route at all: nothing on its way turns it back.
fn gets_here(facts: &Facts, route: &Route) -> bool {
    let headers = [("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings"), ("Sec-WebSocket-Key", "")];
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_string()));
    let arrival = || {
        let (server, path) = (route.server?, facts.own_path(route)?);
        Some(facts.tracer.arrive_with(server, &path, &headers))
    };
    match arrival() {
        Some(Arrival::Sent { by, .. }) => by == route.node,
        Some(Arrival::Answered { .. } | Arrival::Unknown(_)) => false,
        None => {
            let seen = facts.config.chain(route.block).all(|block| !facts.config.block(block).opaque);
            seen && !is_guarded(facts.tree, facts.config, route)
        }
    }
}
