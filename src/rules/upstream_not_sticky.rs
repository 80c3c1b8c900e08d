//! Several backends, and nothing that brings a client back to the same one. Knows which applications begin with plain
//! requests, not which of them share their sessions.

use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names::{HASH, IP_HASH, LEAST_CONN, LEAST_TIME, RANDOM, STICKY};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::intent::is_polling_path;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "upstream-not-sticky",
    level: Level::Note,
    card: include_str!("../../rules/upstream-not-sticky.md"),
    cause: None,
    intent: Intent::Lost,
    check: Check::Route(check),
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
    let finding = match polling_path(facts, route) {
        Some(path) => {
            let message =
                format!("`{name}` spreads the requests of one client of `{path}` over {count} servers");
            RULE.finding(place, message).severity(Severity::Warning).label(
                facts.head(route.node),
                "a session here is several requests, which must meet one server",
            )
        }
        None => {
            let message =
                format!("a client that reconnects to `{name}` may come to another of its {count} servers");
            RULE.finding(place, message).label(facts.head(route.node), "WebSockets are proxied here")
        }
    };
    Some(finding.help(help(facts, upstream)))
}

/// The path of a route whose clients poll before they upgrade, or instead.
fn polling_path(facts: &Facts, route: &Route) -> Option<String> {
    let location = facts.config.enclosing(route.block, LOCATION)?;
    let word = facts.directive(facts.config.block(location).node?).args().next_back()?;
    is_polling_path(&word.value()).then(|| word.show())
}

fn help(facts: &Facts, upstream: BlockId) -> String {
    let method =
        [LEAST_CONN, LEAST_TIME, RANDOM].into_iter().find_map(|name| facts.config.own(upstream, name).next());
    match method {
        Some(method) => format!("write instead of `{}`\nip_hash;", facts.text(method)),
        None => format!("write in `{}`\nip_hash;", facts.block_name(upstream)),
    }
}
