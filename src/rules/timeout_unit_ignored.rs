//! Times whose unit httpd leaves out, and `Timeout 0`. Knows which settings are read so, not how long is long enough.

use crate::effective::Setting;
use crate::effective::apache::names;
use crate::effective::nginx::values::spoken_time;
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule, times};
use crate::finding::{Finding, Severity};
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "timeout-unit-ignored",
    level: Level::Warning,
    card: include_str!("../../rules/timeout-unit-ignored.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::ApacheTree(check),
};

/// What such a fix changes beside.
const WAITS: &str = "other requests are waited for as long";

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for route in facts.routes.iter().filter(|route| route.intent >= Intent::Lost) {
        let lines = facts.time_lines(route);
        findings.extend(lines.filter_map(|at| misread(facts, route, at)));
        findings.extend(no_time(facts, route));
    }
}

fn misread(facts: &Facts, route: &Route, at: NodeRef) -> Option<Finding> {
    let (word, written) = facts.time_word(at).filter(|(word, _)| !word.is_hole())?;
    let (read, meant) = times::misread(&written)?;
    // Another mistake, which is told by itself.
    if read == 0 {
        return None;
    }
    let own = matches!(facts.directive(at).name_id(), names::TIMEOUT | names::PROXY_TIMEOUT);
    let what = if own { facts.text(at) } else { word.show() };
    let message = format!(
        "`{what}` is {}: httpd reads the digits as seconds, whatever unit follows",
        spoken_time(read)
    );
    let finding = RULE.finding(if own { facts.head(at) } else { word.span() }, message);
    let line = facts.with_time(at, meant.div_ceil(1000).max(1));
    let fix = facts.rewrite_but(at, &line, WAITS);
    let finding = finding.fix(fix).help(format!("write seconds\n{line}"));
    Some(if at == route.node {
        finding
    } else {
        finding.label(facts.head(route.node), "WebSockets are proxied here")
    })
}

/// `Timeout 0`, where no other time is waited for the backend.
fn no_time(facts: &Facts, route: &Route) -> Option<Finding> {
    let server = facts.server_of(route);
    let worker = facts.worker_of(route);
    let Setting::Written { value: 0, at, .. } = facts.config.backend_timeout(server, worker) else {
        return None;
    };
    // Of the others httpd refuses a zero.
    if facts.directive(at).name_id() != names::TIMEOUT {
        return None;
    }
    let has_own = |member: &crate::effective::apache::Worker| member.params.timeout().is_some();
    if facts.balancer_of(route).is_some_and(|balancer| balancer.members.iter().any(has_own)) {
        return None;
    }
    let message =
        format!("with `{}` no connection to a backend comes about, and handshakes get 503", facts.text(at));
    let line = facts.with_time(at, 60);
    Some(
        RULE.finding(facts.head(at), message)
            .fix(facts.rewrite_but(at, &line, WAITS))
            .severity(Severity::Error)
            .here("0 does not mean without limit")
            .label(facts.head(route.node), "WebSockets are proxied here")
            .help(format!("write a time in seconds\n{line}")),
    )
}
