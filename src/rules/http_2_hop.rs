//! The backend is spoken to in HTTP/2, where there is no Upgrade. Knows the version in force, not the backend.

use crate::effective::Setting;
use crate::effective::nginx::versions::PROXY_HTTP_2;
use crate::engine::remedy::VERSION_LINE;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "http-2-hop",
    level: Level::Error,
    card: include_str!("../../rules/http-2-hop.md"),
    cause: None,
    intent: Intent::Lost,
    check: Check::Route(check),
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
        return Some(facts.with_route(finding, route));
    }
    let name = facts.block_name(place);
    let message = format!("`{name}` inherits HTTP/2 to its backend, where nothing can be upgraded");
    let finding = RULE.finding(facts.head(route.node), message).here("the handshake is sent as HTTP/2");
    Some(finding.label(facts.head(at), "set here").help(format!("write in `{name}`\n{VERSION_LINE}")))
}
