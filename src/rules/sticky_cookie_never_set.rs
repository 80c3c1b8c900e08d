//! Affinity by a cookie that no WebSocket client ever gets, or that names no member. Knows what httpd looks at, not which
//! cookies an application sets.

use crate::effective::apache::{Balancer, names};
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::routes::intent::{is_polling_path, is_websocket_path};
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "sticky-cookie-never-set",
    level: Level::Warning,
    card: include_str!("../../rules/sticky-cookie-never-set.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::ApacheRoute(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let balancer = facts.balancer_of(route)?;
    let sticky = balancer.params.get("stickysession")?;
    let members = facts.sharing_members(balancer);
    if members.len() < 2 {
        return None;
    }
    let value = String::from_utf8_lossy(sticky.value()).into_owned();
    if let Some(member) = members.iter().find(|member| member.params.get("route").is_none()) {
        let message = format!("`stickysession={value}` finds no member: this one has no `route=`");
        let number = members.iter().position(|other| std::ptr::eq(*other, *member)).unwrap_or(0) + 1;
        let finding = RULE.finding(facts.head(member.at), message);
        let finding = match sticky.at == member.at {
            true => finding,
            false => finding.label(facts.head(sticky.at), "clients are to come back by this cookie"),
        };
        return Some(finding.help(format!(
            "write for each member a name that the cookie ends with, behind a dot\n{} route={number}",
            facts.text(member.at)
        )));
    }
    // `cookie|parameter`, or one name for both.
    let cookie = value.split('|').next().unwrap_or_default();
    let setter = cookie_setter(facts, cookie)?;
    let is_alone = facts.routes.iter().all(|other| {
        let same = facts.balancer_of(other).is_some_and(|other| is_sticky_by(other, cookie));
        !same || is_for_websockets_alone(other)
    });
    if !is_alone {
        return None;
    }
    let message = format!("the cookie `{cookie}` is never set: `Header` changes no answer to a handshake");
    Some(
        RULE.finding(facts.head(setter), message)
            .label(facts.head(sticky.at), "WebSockets are to come back by it")
            .label(facts.head(route.node), "and only WebSockets are proxied by this balancer")
            .help("let the application set it, or proxy a plain request by the same balancer first"),
    )
}

/// The line that gives clients the cookie.
fn cookie_setter(facts: &Facts, cookie: &str) -> Option<NodeRef> {
    let lines = facts.config.blocks().flat_map(|(block, _)| facts.config.own(block, names::HEADER));
    lines.into_iter().find(|&node| {
        let words: Vec<String> = facts.directive(node).args().map(|word| word.show()).collect();
        let words: Vec<&str> =
            words.iter().map(String::as_str).filter(|word| !word.eq_ignore_ascii_case("always")).collect();
        let sets = words.first().is_some_and(|action| {
            ["add", "append", "merge", "set"].contains(&action.to_ascii_lowercase().as_str())
        });
        sets && words.get(1).is_some_and(|name| name.eq_ignore_ascii_case("Set-Cookie"))
            && words
                .get(2)
                .is_some_and(|value| value.strip_prefix(cookie).is_some_and(|rest| rest.starts_with('=')))
    })
}

fn is_sticky_by(balancer: &Balancer, cookie: &str) -> bool {
    let known = balancer.params.get("stickysession");
    known.is_some_and(|param| String::from_utf8_lossy(param.value()).split('|').next() == Some(cookie))
}

fn is_for_websockets_alone(route: &Route) -> bool {
    let path = route.name.matcher.as_bytes();
    is_websocket_path(path) && !is_polling_path(path)
}
