//! Somebody raised a timeout that an idle tunnel never meets. Knows which ones those are, not how long is enough.

use crate::effective::Setting;
use crate::effective::nginx::directives::HTTP;
use crate::effective::nginx::names::{
    KEEPALIVE_TIMEOUT, PROXY_CONNECT_TIMEOUT, PROXY_SEND_TIMEOUT, SEND_TIMEOUT,
};
use crate::effective::nginx::values::{spoken_time, written_time};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};
use crate::syntax::NameId;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "timeout-without-effect",
    level: Level::Note,
    card: include_str!("../../rules/timeout-without-effect.md"),
    cause: None,
    intent: Intent::Lost,
    check: Check::Route(check),
};

/// Milliseconds from which a time is meant for tunnels, and below which the one that counts is short.
const LONG: u64 = 5 * 60_000;

/// The times that are raised in vain, and whether one for the whole of `http` says anything about proxying.
const VAIN: [(NameId, bool); 4] = [
    (PROXY_SEND_TIMEOUT, true),
    (SEND_TIMEOUT, false),
    (KEEPALIVE_TIMEOUT, false),
    (PROXY_CONNECT_TIMEOUT, true),
];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let idle = match route.timeouts.read {
        Setting::Written { value, .. } | Setting::Default { value, .. } if (1..LONG).contains(&value) => {
            value
        }
        _ => return None,
    };
    let mut raised = VAIN.iter().filter_map(|&(name, everywhere)| raised(facts, route, name, everywhere));
    let (value, at) = raised.next()?;
    let message = format!(
        "`{}` does not keep a silent WebSocket: it is still cut after {}",
        facts.text(at),
        spoken_time(idle)
    );
    let mut finding = RULE.finding(facts.head(at), message);
    for (_, other) in raised {
        finding = finding.label(facts.head(other), "nor does this");
    }
    finding = match route.timeouts.read.written_at() {
        Some(read) => finding.label(facts.head(read), "only this one counts"),
        None => finding.label(facts.head(route.node), "proxy_read_timeout counts, 60 s by default"),
    };
    let intro = if route.timeouts.read.written_at().is_some() { "write" } else { "write beside it" };
    Some(finding.help(format!("{intro}\nproxy_read_timeout {};", written_time(value))))
}

/// A long time of this name that is in force on the route.
fn raised(facts: &Facts, route: &Route, name: NameId, everywhere: bool) -> Option<(u64, NodeRef)> {
    let Setting::Written { value, at, .. } = facts.config.time(facts.tree, route.block, name) else {
        return None;
    };
    let level = facts.config.inherited(route.block, name).level?;
    let meant = everywhere || facts.config.block(level).context & HTTP == 0;
    (meant && value >= LONG).then_some((value, at))
}
