//! The backend is not told the name that the browser asked for. Knows nginx's default Host, not whether a backend compares
//! it with Origin.

mod apache;

use crate::effective::nginx::names::PROXY_SET_HEADER;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::nginx::is_header;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "host-not-forwarded",
    level: Level::Note,
    card: include_str!("../../../rules/host-not-forwarded.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(apache::check)),
};

/// Headers that tell the backend the name, or leave it nothing to compare the name with.
const TELLING: [&str; 4] = ["Forwarded", "Host", "Origin", "X-Forwarded-Host"];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let lines =
        || route.headers.level.into_iter().flat_map(|level| facts.config.own(level, PROXY_SET_HEADER));
    let tells = lines().any(|node| {
        let name = facts.directive(node).arg(0).map(|word| word.value()).unwrap_or_default();
        TELLING.iter().any(|header| is_header(&name, header))
    });
    if route.headers.opaque || tells || is_elsewhere(facts, route) {
        return None;
    }
    let message = "the backend sees its own address as Host, not the name that the browser asked for";
    let line = "proxy_set_header Host $http_host;";
    // Headers that hold for many routes want one more line in one place.
    let beside = route.headers.named("upgrade").next().map(|header| header.at).or_else(|| lines().next());
    let finding = match beside {
        Some(at) => {
            RULE.finding(facts.head(at), message).label(facts.head(route.node), "the address it sees")
        }
        None => RULE.finding(facts.head(route.node), message),
    };
    Some(finding.help(format!("write beside it, where the backend compares Host with Origin\n{line}")))
}

/// Whether the backend is another site, which wants a Host of its own.
fn is_elsewhere(facts: &Facts, route: &Route) -> bool {
    let Some(address) = facts.address(route) else { return true };
    address.scheme == "https" && address.is_name() && facts.upstream(route).is_none()
}
