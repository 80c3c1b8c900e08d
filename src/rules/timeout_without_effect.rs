//! Somebody raised a timeout that an idle tunnel never meets. Knows which ones those are, not how long is enough.

use crate::effective::Setting;
use crate::effective::apache::server::ServerId;
use crate::effective::apache::{names as httpd, values as httpd_values, versions};
use crate::effective::nginx::directives::HTTP;
use crate::effective::nginx::names::{
    KEEPALIVE_TIMEOUT, PROXY_CONNECT_TIMEOUT, PROXY_SEND_TIMEOUT, SEND_TIMEOUT,
};
use crate::effective::nginx::values::{spoken_time, written_time};
use crate::engine::fixes::Repair;
use crate::engine::{Check, Facts, Level, Rule, apache};
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
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(of_apache)),
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

/// What such a fix changes beside.
const WAITS: &str = "other requests are waited for as long";

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
    let line = format!("proxy_read_timeout {};", written_time(value));
    let fix = match route.timeouts.read.written_at() {
        Some(read) => facts.rewrite_but(read, &line, WAITS),
        None => {
            let place = facts.settings_place(route.block);
            let repair = facts.in_block(facts.repair(), place, route, std::slice::from_ref(&line));
            repair.risky(format!("write `{line}`; {WAITS}"))
        }
    };
    Some(finding.fix(fix).help(format!("{intro}\n{line}")))
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

fn of_apache(facts: &apache::Facts, route: &Route) -> Option<Finding> {
    let idle = facts.idle_limit(route).filter(|&idle| idle > 0)?;
    of_balancer(facts, route, idle)
        .or_else(|| lowered(facts, route))
        .or_else(|| raised_elsewhere(facts, route, idle))
}

/// `timeout=` of a balancer is the wait for a free member.
fn of_balancer<'a>(facts: &apache::Facts<'a>, route: &Route, idle: u64) -> Option<Finding> {
    let balancer = facts.balancer_of(route)?;
    let (seconds, at) =
        balancer.params.timeout().filter(|(seconds, _)| seconds.saturating_mul(1000) > idle)?;
    let (word, _) = facts.time_word(at)?;
    let message = format!(
        "`{}` of a balancer does not keep a silent WebSocket: it is still cut after {}",
        word.show(),
        spoken_time(idle)
    );
    let member = balancer.members.iter().next()?;
    let each = |repair: Repair<'a>, member: &crate::effective::apache::Worker| {
        repair.rewrite(member.at, &facts.with_time(member.at, seconds))
    };
    let fix = balancer.members.iter().fold(facts.repair(), each);
    let fix = fix.risky(format!("write `timeout={seconds}` for each member; {WAITS}"));
    Some(
        RULE.finding(word.span(), message)
            .fix(fix)
            .here("this is how long a request waits for a free member")
            .label(facts.head(member.at), "only a member's own `timeout=` counts")
            .help(format!("write it for each member\n{}", facts.with_time(member.at, seconds))),
    )
}

/// A backend's timeout below the client's ends no tunnel: the longer one counts.
fn lowered(facts: &apache::Facts, route: &Route) -> Option<Finding> {
    if facts.config.target.apache.all_before(versions::LONGER_IDLE_LIMIT) {
        return None;
    }
    let server = facts.server_of(route);
    let worker = match facts.balancer_of(route) {
        Some(balancer) => balancer.members.iter().next(),
        None => facts.worker_of(route),
    };
    let client = facts.config.timeout(server);
    let client_value = match client {
        Setting::Written { value, .. } | Setting::Default { value, .. } => value,
        Setting::Absent | Setting::Opaque => return None,
    };
    let Setting::Written { value, at, .. } = facts.config.backend_timeout(server, worker) else {
        return None;
    };
    // Zero is refused.
    if value == 0 || value >= client_value || facts.is_misread(at) {
        return None;
    }
    let (word, _) = facts.time_word(at)?;
    let own = facts.directive(at).name_id() == httpd::PROXY_TIMEOUT;
    let what = if own { facts.text(at) } else { word.show() };
    let message =
        format!("`{what}` does not end a silent WebSocket: that happens after {}", spoken_time(client_value));
    let finding = RULE.finding(if own { facts.head(at) } else { word.span() }, message);
    Some(match client.written_at() {
        Some(at) => finding.label(facts.head(at), "since httpd 2.4.53 the longer of the two counts"),
        None => finding.here("since httpd 2.4.53 the longer of this and Timeout counts, which is 60 s"),
    })
}

/// Times that end no tunnel, and keep none.
fn raised_elsewhere(facts: &apache::Facts, route: &Route, idle: u64) -> Option<Finding> {
    let server = facts.server_of(route);
    let by_worker = || {
        let param = facts.worker_of(route)?.params.get("connectiontimeout")?;
        Some((httpd_values::timeout_parameter(param.value(), "s")?, param.at))
    };
    let by_client = || {
        let block = facts.config.server(server).block;
        let at = facts.config.last(block, httpd::KEEP_ALIVE_TIMEOUT).filter(|_| server != ServerId::MAIN)?;
        let word = facts.directive(at).arg(0).filter(|word| !word.is_hole())?;
        Some((httpd_values::timeout_parameter(&word.value(), "s")?, at))
    };
    if idle >= LONG {
        return None;
    }
    let (value, at) = by_worker().into_iter().chain(by_client()).find(|(value, _)| *value >= LONG)?;
    let message = format!(
        "`{}` does not keep a silent WebSocket: it is still cut after {}",
        facts.text(at),
        spoken_time(idle)
    );
    let finding = RULE.finding(facts.head(at), message);
    let finding = match route.timeouts.read.written_at() {
        Some(read) => finding.label(facts.head(read), "this one counts"),
        None => finding.label(facts.head(route.node), "Timeout counts, 60 s by default"),
    };
    let line = format!("ProxyTimeout {}", value / 1000);
    let fix = match route.timeouts.read.written_at() {
        Some(read) => facts.rewrite_but(read, &facts.with_time(read, value / 1000), WAITS),
        None => facts.in_server(route, &line).risky(format!("write `{line}`; {WAITS}")),
    };
    Some(finding.fix(fix).help(format!("write in the virtual host\n{line}")))
}
