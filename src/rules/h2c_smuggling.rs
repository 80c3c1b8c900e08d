//! Other protocols than WebSocket get past the proxy. Knows what a request for HTTP/2 becomes on its way, not whether the
//! backend would take it.

use crate::effective::nginx::Evaluator;
use crate::effective::{BlockId, Value};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
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
            .help(format!("write instead\n{LINES}")),
    )
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
