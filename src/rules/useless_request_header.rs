//! Lines that set Upgrade or Connection for the backend in vain. Knows what httpd does with the two by itself.

use hashbrown::HashSet;

use crate::engine::apache::Facts;
use crate::engine::apache::reach::HeaderLine;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route, has_token};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "useless-request-header",
    level: Level::Note,
    card: include_str!("../../rules/useless-request-header.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::ApacheTree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    if !facts.has_request_headers() {
        return;
    }
    let lines: Vec<(&Route, HeaderLine)> = facts
        .routes
        .iter()
        .flat_map(|route| facts.request_headers(route).into_iter().map(move |line| (route, line)))
        .filter(|(_, line)| matches!(line.action.as_str(), "add" | "append" | "merge" | "set" | "setifempty"))
        .collect();
    let used: HashSet<NodeRef> =
        lines.iter().filter(|(route, _)| !drops_upgrade(route)).map(|(_, line)| line.at).collect();
    for (route, line) in &lines {
        let message = match line.name.as_str() {
            "connection" if line.value.as_ref().is_some_and(|value| has_token(value, "upgrade")) => {
                "httpd sends a Connection of its own, whatever stands here"
            }
            // One route that sends it on gives the line its effect, for better or worse.
            "upgrade" if !used.contains(&line.at) => {
                "httpd takes Upgrade out of what it sends on, unless the backend has `upgrade=`"
            }
            _ => continue,
        };
        let finding = RULE.finding(facts.head(line.at), message).here("without effect");
        let help = match line.name.as_str() {
            "upgrade" => {
                "remove this line, and write `upgrade=websocket` behind the backend of the WebSocket"
            }
            _ => "remove this line",
        };
        let fix = facts.repair().unless(line.name == "upgrade").remove(line.at).safe("remove the line");
        findings.push(finding.fix(fix).label(facts.head(route.node), "requests are proxied here").help(help));
    }
}

fn drops_upgrade(route: &Route) -> bool {
    route.headers.carries("upgrade", "websocket") == Some(false)
}
