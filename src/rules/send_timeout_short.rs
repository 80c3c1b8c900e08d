//! How long nginx waits for a peer that does not read. Knows `proxy_send_timeout` and `send_timeout`; silence is
//! another rule's matter.

use crate::effective::Setting;
use crate::effective::nginx::directives::HTTP;
use crate::effective::nginx::values::spoken_time;
use crate::engine::{Check, Facts, Level, Rule, RuleOption};
use crate::finding::{Finding, Severity};
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "send-timeout-short",
    level: Level::Note,
    card: include_str!("../../rules/send-timeout-short.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[MIN],
    check: Check::Route(check),
};

/// Below which it is told at all.
const MIN: RuleOption = RuleOption {
    name: "min",
    what: "How long a peer that does not read should be waited for",
    default: 5 * 60_000,
};

/// Milliseconds below which a stall of the network is enough.
const STALL: u64 = 10_000;

/// A time that is written, and for whom nginx waits.
struct Wait {
    value: u64,
    at: NodeRef,
    peer: &'static str,
}

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let Wait { value, at, peer } =
        [(&route.timeouts.backend_send, "backend"), (&route.timeouts.client_send, "client")]
            .into_iter()
            .filter_map(|(setting, peer)| wait(facts, route, setting, peer))
            .min_by_key(|wait| wait.value)?;
    let short = value < STALL;
    let after = match value {
        0 => "at once".to_string(),
        value => format!("after {}", spoken_time(value)),
    };
    let message = format!("`{}` cuts a WebSocket {after} when its {peer} does not read", facts.text(at));
    let finding = RULE
        .finding(facts.head(at), message)
        .severity(if short { Severity::Warning } else { Severity::Note })
        .label(facts.head(route.node), "WebSockets are proxied here");
    let name = String::from_utf8_lossy(&facts.directive(at).name()).into_owned();
    let line = format!("{name} 60s;");
    let fix = facts.repair().remove(at).risky("remove the line; other requests are waited for as long");
    Some(finding.fix(fix).help(format!("write the default or more\n{line}")))
}

/// A short time written for the route. One for the whole of `http` tunes the server and counts only where it is
/// shorter than a stall; one as long as the silence that cuts the tunnel anyway says nothing of its own.
fn wait(facts: &Facts, route: &Route, setting: &Setting<u64>, peer: &'static str) -> Option<Wait> {
    let &Setting::Written { value, at, .. } = setting else { return None };
    let idle = match route.timeouts.read {
        Setting::Written { value, .. } | Setting::Default { value, .. } => value,
        Setting::Absent | Setting::Opaque => return None,
    };
    let name = facts.directive(at).name_id();
    let level = facts.config.inherited(route.block, name).level?;
    let for_route =
        facts.config.block(level).context & HTTP == 0 && value < facts.option(&RULE, &MIN) && value < idle;
    (value < STALL || for_route).then_some(Wait { value, at, peer })
}
