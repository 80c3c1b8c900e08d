//! The silence after which a tunnel is cut. Knows which timeouts count, not how often the application pings.

use crate::effective::Setting;
use crate::effective::nginx::values::spoken_time;
use crate::engine::{Check, Facts, Level, Rule, apache};
use crate::finding::{Finding, Fix, Severity};
use crate::routes::{By, Intent, Route};

pub static RULE: Rule = Rule {
    id: "idle-timeout-short",
    level: Level::Note,
    card: include_str!("../../rules/idle-timeout-short.md"),
    cause: None,
    intent: Intent::Lost,
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(of_apache)),
};

/// Milliseconds of silence that a tunnel should survive.
pub const MIN: u64 = 5 * 60_000;

/// Milliseconds that either server allows by itself.
const DEFAULT: u64 = 60_000;

const LINE: &str = "proxy_read_timeout 1h;";

/// Seconds to write for httpd.
const LONG: u64 = 3600;

/// What such a fix changes beside.
const WAITS: &str = "other requests are waited for as long";

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
            let fix = facts.rewrite_but(at, LINE, WAITS).filter(|_| short);
            Some(finding.fix(fix).help(format!("write\n{LINE}")))
        }
        _ => None,
    }
}

/// The longer of what httpd waits for the client and for the backend (the shorter before 2.4.53).
fn of_apache(facts: &apache::Facts, route: &Route) -> Option<Finding> {
    let value = facts.idle_limit(route).filter(|value| (1..MIN).contains(value))?;
    // Where a unit is left out, that is the mistake.
    if facts.time_lines(route).any(|at| facts.is_misread(at)) {
        return None;
    }
    let finding = match route.timeouts.read {
        Setting::Written { at, .. } => {
            let short = value < DEFAULT;
            let than = if short { ", sooner than httpd would by itself" } else { "" };
            let what = match facts.time_word(at) {
                Some((word, _)) if word.raw().contains(&b'=') => word.show(),
                _ => facts.text(at),
            };
            let message = format!("`{what}` cuts a WebSocket after {} of silence{than}", spoken_time(value));
            let finding = RULE.finding(facts.head(at), message).severity(if short {
                Severity::Warning
            } else {
                Severity::Note
            });
            match at == route.node {
                true => finding,
                false => finding.label(facts.head(route.node), "WebSockets are proxied here"),
            }
        }
        _ => {
            let message =
                format!("a WebSocket is cut after {} of silence, httpd's default", spoken_time(value));
            RULE.finding(facts.head(route.node), message)
                .here("neither Timeout nor a timeout for the backend is written")
        }
    };
    let (help, fix) = longer(facts, route);
    let fix = fix.filter(|_| finding.severity > Severity::Note);
    Some(finding.fix(fix).help(help))
}

/// Where a longer time is written: for the backend alone, as far as that can be.
fn longer(facts: &apache::Facts, route: &Route) -> (String, Option<Fix>) {
    let members = facts.balancer_of(route).into_iter().flat_map(|balancer| balancer.members.iter());
    let mut workers = facts.worker_of(route).into_iter().chain(members);
    let written = workers.find_map(|worker| worker.params.timeout());
    let own = facts.worker_of(route).is_some_and(|worker| worker.at == route.node);
    match written {
        Some((_, at)) => {
            let line = facts.with_time(at, LONG);
            (format!("write seconds\n{line}"), facts.rewrite_but(at, &line, WAITS))
        }
        None if own && matches!(route.by, By::Pass { .. } | By::Section { .. }) => {
            let line = facts.with_time(route.node, LONG);
            let fix = facts.rewrite_but(route.node, &line, WAITS);
            (format!("write, unless the application pings more often\n{line}"), fix)
        }
        None => {
            let line = format!("ProxyTimeout {LONG}");
            let fix = facts.in_server(route, &line).risky(format!("write `{line}`; {WAITS}"));
            (format!("write in the virtual host, unless the application pings more often\n{line}"), fix)
        }
    }
}
