//! The silence after which a tunnel is cut. Knows which timeouts count, not how often the application pings.

use crate::effective::Setting;
use crate::effective::nginx::values::spoken_time;
use crate::engine::contracts::Contract;
use crate::engine::{Check, Facts, Ground, Level, Rule, RuleOption, apache};
use crate::finding::{Finding, Fix, Severity};
use crate::routes::{By, Intent, Route};

pub static RULE: Rule = Rule {
    id: "idle-timeout-short",
    level: Level::Note,
    card: include_str!("../../rules/idle-timeout-short.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[MIN],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(of_apache)),
};

/// Of silence that a tunnel should survive.
pub const MIN: RuleOption =
    RuleOption { name: "min", what: "The silence that a WebSocket should survive", default: 5 * 60_000 };

/// Milliseconds that either server allows by itself.
const DEFAULT: u64 = 60_000;

const LINE: &str = "proxy_read_timeout 1h;";

/// Seconds to write for httpd.
const LONG: u64 = 3600;

/// What such a fix changes beside.
const WAITS: &str = "other requests are waited for as long";

/// How long the silence is that has to be survived, and who says so.
struct Wanted<'a> {
    milliseconds: u64,
    promise: Option<&'a Contract>,
}

impl<'a> Wanted<'a> {
    fn new(ground: &Ground<'a>, route: &Route) -> Self {
        let pings =
            ground.contracts(route).filter_map(|contract| Some((contract.endpoint.ping_interval?, contract)));
        match pings.max_by_key(|(interval, _)| *interval) {
            // At the very moment of the ping, it comes too late.
            Some((interval, contract)) => Self { milliseconds: interval + 1, promise: Some(contract) },
            None => Self { milliseconds: ground.option(&RULE, &MIN), promise: None },
        }
    }

    /// The finding as it is told: a promise that is broken is an error.
    fn tell(&self, finding: Finding, written: Option<u64>) -> Finding {
        let severity = match self.promise {
            Some(_) => Severity::Error,
            None if written.is_some_and(|value| value < DEFAULT) => Severity::Warning,
            None => Severity::Note,
        };
        let words = |contract: &Contract| {
            let interval = spoken_time(contract.endpoint.ping_interval.unwrap_or_default());
            contract.label(&format!("here it may be silent for {interval}"))
        };
        finding.severity(severity).labels(self.promise.and_then(words))
    }

    /// `, sooner than …`, where that is the point.
    fn than(&self, written: u64, server: &str) -> String {
        match self.promise {
            Some(contract) => {
                let interval = spoken_time(contract.endpoint.ping_interval.unwrap_or_default());
                format!(", and `{}` is pinged every {interval}", contract.endpoint.url.text)
            }
            None if written < DEFAULT => format!(", sooner than {server} would by itself"),
            None => String::new(),
        }
    }

    /// `, unless the application pings more often`, where nobody said how often.
    fn unless(&self) -> &'static str {
        if self.promise.is_some() { "" } else { ", unless the application pings more often" }
    }
}

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let wanted = Wanted::new(facts, route);
    match route.timeouts.read {
        Setting::Default { value, .. } if value < wanted.milliseconds => {
            let message = format!(
                "a WebSocket is cut after {} of silence, nginx's default{}",
                spoken_time(value),
                wanted.than(DEFAULT, "nginx")
            );
            let finding =
                RULE.finding(facts.head(route.node), message).here("no proxy_read_timeout is in force");
            let help = format!("write beside it{}\n{LINE}", wanted.unless());
            Some(wanted.tell(finding, None).help(help))
        }
        Setting::Written { value, at, .. } if value > 0 && value < wanted.milliseconds => {
            let message = format!(
                "`{}` cuts a WebSocket after {} of silence{}",
                facts.text(at),
                spoken_time(value),
                wanted.than(value, "nginx")
            );
            let finding = RULE
                .finding(facts.head(at), message)
                .label(facts.head(route.node), "WebSockets are proxied here");
            let fix = facts.rewrite_but(at, LINE, WAITS);
            let finding = wanted.tell(finding, Some(value));
            let fix = fix.filter(|_| finding.severity > Severity::Note);
            Some(finding.fix(fix).help(format!("write\n{LINE}")))
        }
        _ => None,
    }
}

/// The longer of what httpd waits for the client and for the backend (the shorter before 2.4.53).
fn of_apache(facts: &apache::Facts, route: &Route) -> Option<Finding> {
    let wanted = Wanted::new(facts, route);
    let value = facts.idle_limit(route).filter(|value| (1..wanted.milliseconds).contains(value))?;
    // Where a unit is left out, that is the mistake.
    if facts.time_lines(route).any(|at| facts.is_misread(at)) {
        return None;
    }
    let finding = match route.timeouts.read {
        Setting::Written { at, .. } => {
            let what = match facts.time_word(at) {
                Some((word, _)) if word.raw().contains(&b'=') => word.show(),
                _ => facts.text(at),
            };
            let message = format!(
                "`{what}` cuts a WebSocket after {} of silence{}",
                spoken_time(value),
                wanted.than(value, "httpd")
            );
            let finding = wanted.tell(RULE.finding(facts.head(at), message), Some(value));
            match at == route.node {
                true => finding,
                false => finding.label(facts.head(route.node), "WebSockets are proxied here"),
            }
        }
        _ => {
            let message = format!(
                "a WebSocket is cut after {} of silence, httpd's default{}",
                spoken_time(value),
                wanted.than(DEFAULT, "httpd")
            );
            let finding = RULE.finding(facts.head(route.node), message);
            wanted.tell(finding, None).here("neither Timeout nor a timeout for the backend is written")
        }
    };
    let (help, fix) = longer(facts, route, wanted.unless());
    let fix = fix.filter(|_| finding.severity > Severity::Note);
    Some(finding.fix(fix).help(help))
}

/// Where a longer time is written: for the backend alone, as far as that can be.
fn longer(facts: &apache::Facts, route: &Route, unless: &str) -> (String, Option<Fix>) {
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
            (format!("write{unless}\n{line}"), fix)
        }
        None => {
            let line = format!("ProxyTimeout {LONG}");
            let fix = facts.in_server(route, &line).risky(format!("write `{line}`; {WAITS}"));
            (format!("write in the virtual host{unless}\n{line}"), fix)
        }
    }
}
