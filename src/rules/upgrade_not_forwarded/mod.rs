//! The backend never sees `Upgrade: websocket`. Knows the header, not why an outer level's was lost.

mod apache;

use crate::effective::BlockId;
use crate::effective::nginx::names::{PROXY_HTTP_VERSION, PROXY_SET_HEADER};
use crate::engine::remedy::UPGRADE_LINE;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Label};
use crate::routes::{Header, Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "upgrade-not-forwarded",
    level: Level::Error,
    card: include_str!("../../../rules/upgrade-not-forwarded.md"),
    cause: Some(7),
    intent: Intent::Named,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(apache::check)),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if route.headers.carries("upgrade", "websocket")? {
        return None;
    }
    let place = facts.settings_place(route.block);
    // A level further out that removes the header for all its locations is right about the others.
    let is_meant = |header: &Header| {
        route.headers.level == Some(place)
            || facts.directive(header.at).arg(1).is_some_and(|value| !value.value().is_empty())
    };
    match sent(route, "upgrade") {
        Some(header) if is_meant(header) => wrong(facts, route, header),
        _ => Some(missing(facts, route, place)),
    }
}

/// The header that decides what the backend sees: the last that is not empty, else the last.
fn sent<'a>(route: &'a Route, name: &'a str) -> Option<&'a Header> {
    let is_sent = |header: &&Header| header.value.known() != Some(b"");
    let last = || route.headers.named(name).next_back();
    route.headers.named(name).rfind(is_sent).or_else(last)
}

fn wrong(facts: &Facts, route: &Route, header: &Header) -> Option<Finding> {
    let written = facts.directive(header.at).arg(1)?.show();
    let message = match header.value.known()? {
        [] if written.is_empty() => {
            "`Upgrade \"\"` removes the Upgrade header, so the backend sees a plain request".to_string()
        }
        [] => format!("`{written}` is empty here, so the backend receives no Upgrade header"),
        value if value == written.as_bytes() => format!("`Upgrade: {written}` asks for no WebSocket"),
        value => format!(
            "`{written}` makes `Upgrade: {}`, which asks for no WebSocket",
            String::from_utf8_lossy(value)
        ),
    };
    let level = route.headers.level?;
    let mut finding = RULE.finding(facts.head(header.at), message).here("a backend waits for `websocket`");
    let mut lines = Vec::from_iter(facts.missing_version(route, level));
    lines.push(UPGRADE_LINE.to_string());
    if route.headers.carries("connection", "upgrade") == Some(false) {
        lines.push(facts.connection(route).text());
        finding = connection_label(finding, facts, route);
    }
    finding = version_label(finding, facts, route, level);
    let finding = finding.fix(facts.forward(route, level, &[]).fix());
    Some(facts.with_route(finding, route).help(format!("write instead\n{}", lines.join("\n"))))
}

fn missing(facts: &Facts, route: &Route, place: BlockId) -> Finding {
    let name = facts.block_name(place);
    let message =
        format!("`{name}` does not forward the Upgrade header, so the backend sees a plain request");
    let mut finding =
        RULE.finding(facts.head(route.node), message).here("nginx removes Upgrade unless it is set");
    let mut lines = Vec::from_iter(facts.missing_version(route, place));
    let mut intro = format!("write in `{name}`");
    let connection = route.headers.carries("connection", "upgrade") == Some(false);
    let mut kept_lines = Vec::new();
    if route.headers.level == Some(place) {
        finding = if connection { connection_label(finding, facts, route) } else { finding };
    } else if let Some(level) = route.headers.level {
        let kept: Vec<NodeRef> = facts
            .config
            .own(level, PROXY_SET_HEADER)
            .filter(|&node| {
                let name = facts
                    .directive(node)
                    .arg(0)
                    .map(|word| word.value().to_ascii_lowercase())
                    .unwrap_or_default();
                name != b"upgrade" && !(connection && name == b"connection")
            })
            .collect();
        let first = facts.config.own(level, PROXY_SET_HEADER).next();
        finding = finding.labels(first.map(|first| Label {
            span: facts.head(first),
            message: "the headers it inherits begin here, without Upgrade".to_string(),
        }));
        if !kept.is_empty() {
            intro.push_str(", with the inherited headers, which it otherwise loses");
            kept_lines = kept.into_iter().map(|node| format!("{};", facts.text(node))).collect();
            lines.extend_from_slice(&kept_lines);
        }
    }
    lines.push(UPGRADE_LINE.to_string());
    lines.extend(connection.then(|| facts.connection(route).text()));
    let finding = finding.fix(facts.forward(route, place, &kept_lines).fix());
    version_label(finding, facts, route, place).help(format!("{intro}\n{}", lines.join("\n")))
}

/// A Connection header that must be replaced too.
fn connection_label(finding: Finding, facts: &Facts, route: &Route) -> Finding {
    match sent(route, "connection") {
        Some(header) => finding.label(facts.head(header.at), "to be replaced too: it does not say `upgrade`"),
        None => finding,
    }
}

/// A version beside the headers that must be replaced too.
fn version_label(finding: Finding, facts: &Facts, route: &Route, place: BlockId) -> Finding {
    let old = route.http_version.value(facts.config.target.nginx) == Some(10);
    match facts.config.own(place, PROXY_HTTP_VERSION).next() {
        Some(node) if old => finding.label(facts.head(node), "to be replaced too: a WebSocket needs 1.1"),
        _ => finding,
    }
}
