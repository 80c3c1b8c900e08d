//! The backend is spoken to in HTTP/2, where there is no Upgrade. Knows the version in force or the target's scheme, not
//! the backend.

use crate::effective::Setting;
use crate::effective::nginx::versions::PROXY_HTTP_2;
use crate::engine::apache::fate::{Fate, Serving};
use crate::engine::remedy::VERSION_LINE;
use crate::engine::{Check, Facts, Level, Rule, apache::Facts as ApacheFacts};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "http-2-hop",
    level: Level::Error,
    card: include_str!("../../rules/http-2-hop.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(apache)),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let Setting::Written { value: 20, at, .. } = route.http_version else { return None };
    // Older versions refuse the value, which is told by itself.
    if facts.config.target.nginx.all_before(PROXY_HTTP_2) {
        return None;
    }
    let place = facts.settings_place(route.block);
    if facts.is_written_at(place, at) {
        let message = "`proxy_http_version 2` sends the handshake as HTTP/2, where nothing can be upgraded";
        let finding = RULE.finding(facts.head(at), message).help(format!("write instead\n{VERSION_LINE}"));
        let finding = finding.fix(
            facts.forward(route, place, &[]).changing("plain requests no longer go out in HTTP/2").fix(),
        );
        return Some(facts.with_route(finding, route));
    }
    let name = facts.block_name(place);
    let message = format!("`{name}` inherits HTTP/2 to its backend, where nothing can be upgraded");
    let finding = RULE.finding(facts.head(route.node), message).here("the handshake is sent as HTTP/2");
    let finding = finding
        .fix(facts.forward(route, place, &[]).changing("plain requests no longer go out in HTTP/2").fix());
    Some(finding.label(facts.head(at), "set here").help(format!("write in `{name}`\n{VERSION_LINE}")))
}

/// `h2://` and `h2c://`, on the route's line or a balancer's member.
fn apache(facts: &ApacheFacts, route: &Route) -> Option<Finding> {
    match &*facts.fate(route) {
        Fate::Taken(_) => {}
        Fate::Straight | Fate::Upgraded(_) | Fate::Elsewhere(_) => return None,
    }
    let is_http_2 = |scheme: &str| matches!(scheme, "h2" | "h2c");
    let (at, scheme) = match facts.serving(route) {
        Serving::Members(members) => {
            let member = members.into_iter().find(|member| is_http_2(member.url.scheme()))?;
            (member.at, member.url.scheme().to_string())
        }
        _ => (route.node, route.backend.scheme.clone()),
    };
    if !is_http_2(&scheme) {
        return None;
    }
    let plain = if scheme == "h2" { "https" } else { "http" };
    let message = format!("`{scheme}://` sends the handshake as HTTP/2, where nothing can be upgraded");
    let mut finding = RULE.finding(facts.word(at, &format!("{scheme}://")), message);
    if at != route.node {
        finding = finding.label(facts.head(route.node), "handshakes are sent to it here");
    }
    let line = facts.text(at).replacen(&format!("{scheme}://"), &format!("{plain}://"), 1);
    let asks = line.to_ascii_lowercase().contains("upgrade=");
    let parameter = if asks { "" } else { " upgrade=websocket" };
    let line = format!("{line}{parameter}");
    let fix = facts.rewrite_but(at, &line, "plain requests no longer go out in HTTP/2");
    Some(finding.fix(fix).help(format!("write instead\n{line}")))
}
