//! Several backends, and nothing that brings a client back to the same one. Knows which applications begin with plain
//! requests, not which of them share their sessions.

use crate::effective::BlockId;
use crate::effective::apache::server::ServerId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names::{HASH, IP_HASH, LEAST_CONN, LEAST_TIME, RANDOM, STICKY};
use crate::engine::{Check, Facts, Ground, Level, Rule, apache};
use crate::finding::{Finding, Severity};
use crate::routes::intent::is_polling_path;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "upstream-not-sticky",
    level: Level::Note,
    card: include_str!("../../rules/upstream-not-sticky.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(of_apache)),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let upstream = facts.upstream(route)?;
    let count = facts.sharing_servers(upstream)?;
    let has = |name| facts.config.own(upstream, name).len() > 0;
    if count < 2 || [HASH, IP_HASH, STICKY].into_iter().any(has) {
        return None;
    }
    let name = facts.block_name(upstream);
    let place = facts.head(facts.config.block(upstream).node?);
    let finding =
        RULE.finding(place, format!("`{name}` spreads one client's connections over {count} servers"));
    let finding = tell_route(finding, facts, route, is_polling(facts, route));
    Some(finding.help(help(facts, upstream)))
}

fn tell_route(finding: Finding, ground: &Ground, route: &Route, is_polling: bool) -> Finding {
    let at = ground.head(route.node);
    if let Some(contract) = ground.contracts(route).find(|contract| contract.endpoint.sticky) {
        return finding
            .severity(Severity::Error)
            .label(at, "a WebSocket that is opened again may come to another server")
            .labels(contract.label("here it must come to the same one"));
    }
    match is_polling {
        true => finding
            .severity(Severity::Warning)
            .label(at, "a session here begins with several requests, which must meet one server"),
        false => finding.label(at, "a WebSocket that is opened again may come to another server"),
    }
}

/// Whether clients of the route poll before they upgrade, or instead.
fn is_polling(facts: &Facts, route: &Route) -> bool {
    let location =
        facts.config.enclosing(route.block, LOCATION).and_then(|block| facts.config.block(block).node);
    let path = location.and_then(|node| facts.directive(node).args().next_back());
    path.is_some_and(|word| is_polling_path(&word.value()))
}

fn help(facts: &Facts, upstream: BlockId) -> String {
    let method =
        [LEAST_CONN, LEAST_TIME, RANDOM].into_iter().find_map(|name| facts.config.own(upstream, name).next());
    match method {
        Some(method) => format!("write instead of `{}`\nip_hash;", facts.text(method)),
        None => format!("write in `{}`\nip_hash;", facts.block_name(upstream)),
    }
}

fn of_apache(facts: &apache::Facts, route: &Route) -> Option<Finding> {
    let balancer = facts.balancer_of(route)?;
    let count = facts.sharing_members(balancer).len();
    let target = route.backend.text.as_bytes();
    let is_sticky = |server| {
        let known = facts.config.server(server).proxies.balancer(target);
        known.is_some_and(|balancer| balancer.params.get("stickysession").is_some())
    };
    if count < 2 || [ServerId::MAIN, facts.server_of(route)].into_iter().any(is_sticky) {
        return None;
    }
    let name = String::from_utf8_lossy(&balancer.name).into_owned();
    let node = facts.balancer_node(balancer);
    let message = format!("`{name}` spreads one client's connections over {count} members");
    let finding = RULE.finding(facts.head(node), message);
    let finding = tell_route(finding, facts, route, is_polling_path(route.name.matcher.as_bytes()));
    Some(finding.help(
        "give each member a `route=` of its own, and write for the balancer and for plain answers\n\
         ProxySet stickysession=ROUTEID\n\
         Header add Set-Cookie \"ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/\" env=BALANCER_ROUTE_CHANGED",
    ))
}
