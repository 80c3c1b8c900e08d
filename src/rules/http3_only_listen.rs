//! A server that only QUIC reaches, which carries no WebSocket. Knows the sockets of a server, not its neighbours.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "http3-only-listen",
    level: Level::Error,
    card: include_str!("../../rules/http3-only-listen.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let sockets = facts.tracer.sockets(route.server?);
    if !sockets.iter().all(|socket| socket.quic) {
        return None;
    }
    let at = sockets.first()?.at?;
    let address = facts.directive(at).arg(0)?.show();
    let message = "this server listens for HTTP/3 only, over which nginx takes no WebSocket";
    Some(
        RULE.finding(facts.head(at), message)
            .here("nobody listens on TCP")
            .label(facts.head(route.node), "WebSockets are proxied here")
            .help(format!("write beside it\nlisten {address} ssl;")),
    )
}
