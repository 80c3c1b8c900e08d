//! The handshake reaches the backend as HTTP/1.0. Knows the version in force, not how a backend takes it.

use crate::effective::Setting;
use crate::effective::nginx::versions::NEW_PROXY_DEFAULTS;
use crate::engine::remedy::VERSION_LINE;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "http-1-0-hop",
    level: Level::Warning,
    card: include_str!("../../rules/http-1-0-hop.md"),
    cause: Some(9),
    intent: Intent::Named,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if route.headers.carries("upgrade", "websocket") != Some(true) {
        return None;
    }
    match route.http_version {
        Setting::Written { value: 10, at, .. } => Some(written(facts, route, at)),
        Setting::Default { .. } if !facts.config.always_since(NEW_PROXY_DEFAULTS) => default(facts, route),
        _ => None,
    }
}

fn written(facts: &Facts, route: &Route, at: NodeRef) -> Finding {
    let place = facts.settings_place(route.block);
    if facts.is_written_at(place, at) {
        let message =
            "`proxy_http_version 1.0` sends the handshake as HTTP/1.0, which strict backends refuse";
        let finding = RULE.finding(facts.head(at), message).help(format!("write instead\n{VERSION_LINE}"));
        let finding = finding.fix(facts.forward(route, place, &[]).fix());
        return facts.with_route(finding, route);
    }
    let name = facts.block_name(place);
    let message = format!("`{name}` inherits HTTP/1.0 to its backend, which strict backends refuse");
    let finding = RULE.finding(facts.head(route.node), message).here("the handshake is sent as HTTP/1.0");
    let finding = finding.fix(facts.forward(route, place, &[]).fix());
    finding.label(facts.head(at), "set here").help(format!("write in `{name}`\n{VERSION_LINE}"))
}

fn default(facts: &Facts, route: &Route) -> Option<Finding> {
    let upgrade = route.headers.named("upgrade").next_back()?;
    let when = match facts.config.target.nginx.all_before(NEW_PROXY_DEFAULTS) {
        true => String::new(),
        false => format!("before nginx {NEW_PROXY_DEFAULTS} "),
    };
    let message = format!("{when}the handshake is sent as HTTP/1.0, which strict backends refuse");
    let finding = RULE.finding(facts.head(upgrade.at), message).here("no proxy_http_version goes with it");
    Some(
        finding
            .fix(facts.forward(route, route.headers.level?, &[]).fix())
            .label(facts.head(route.node), "the default of 1.0 applies")
            .help(format!("write beside it\n{VERSION_LINE}")),
    )
}
