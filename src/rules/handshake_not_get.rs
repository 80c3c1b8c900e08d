//! The handshake goes on with another method than GET. Knows the method in force, not the backend.

use crate::effective::nginx::names::PROXY_METHOD;
use crate::effective::{Setting, Value};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "handshake-not-get",
    level: Level::Error,
    card: include_str!("../../rules/handshake-not-get.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let Setting::Written { at, .. } = facts.config.nearest(route.block, PROXY_METHOD) else { return None };
    let word = facts.directive(at).arg(0).filter(|word| !word.is_hole())?;
    let Value::Known(method) = facts.handshake.evaluate(route.block, &word.value()) else { return None };
    if method == b"GET" {
        return None;
    }
    let method = String::from_utf8_lossy(&method).into_owned();
    let message =
        format!("`proxy_method` sends the handshake as `{method}`, and a WebSocket begins with GET");
    let finding = RULE.finding(facts.head(at), message).here("takes the place of the browser's GET");
    let place = facts.settings_place(route.block);
    let line = "proxy_method $request_method;";
    let changes = "other requests keep their method too";
    let (help, fix) = match facts.is_written_at(place, at) {
        true => {
            let fix = facts.repair().remove(at).risky(format!("remove the line; {changes}"));
            ("remove the line".to_string(), fix)
        }
        false => {
            let repair = facts.in_block(facts.repair(), place, route, &[line.to_string()]);
            let help = format!("write in `{}`\n{line}", facts.block_name(place));
            (help, repair.risky(format!("write `{line}`; {changes}")))
        }
    };
    Some(facts.with_route(finding, route).fix(fix).help(help))
}
