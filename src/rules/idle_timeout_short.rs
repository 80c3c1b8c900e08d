//! The silence after which nginx cuts a tunnel. Knows that only `proxy_read_timeout` counts, not how often the
//! application pings.

use crate::effective::Setting;
use crate::effective::nginx::values::spoken_time;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "idle-timeout-short",
    level: Level::Note,
    card: include_str!("../../rules/idle-timeout-short.md"),
    cause: None,
    intent: Intent::Lost,
    check: Check::Route(check),
};

/// Milliseconds of silence that a tunnel should survive.
pub const MIN: u64 = 5 * 60_000;

/// Milliseconds that nginx itself allows.
const DEFAULT: u64 = 60_000;

const LINE: &str = "proxy_read_timeout 1h;";

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    match route.timeouts.read {
        Setting::Default { value, .. } if value < MIN => {
            let message =
                format!("a WebSocket is cut after {} of silence, nginx's default", spoken_time(value));
            let finding =
                RULE.finding(facts.head(route.node), message).here("no proxy_read_timeout is in force");
            Some(finding.help(format!("write beside it, unless the application pings more often\n{LINE}")))
        }
        Setting::Written { value, at, .. } if value > 0 && value < MIN => {
            let short = value < DEFAULT;
            let than = if short { ", sooner than nginx would by itself" } else { "" };
            let message = format!(
                "`{}` cuts a WebSocket after {} of silence{than}",
                facts.text(at),
                spoken_time(value)
            );
            let finding = RULE
                .finding(facts.head(at), message)
                .severity(if short { Severity::Warning } else { Severity::Note })
                .label(facts.head(route.node), "WebSockets are proxied here");
            Some(finding.help(format!("write\n{LINE}")))
        }
        _ => None,
    }
}
