//! A header of the handshake is taken out of the request or of the answer. Knows the headers beside Upgrade and
//! Connection that must pass, not how those two are set.

use crate::effective::Setting;
use crate::effective::nginx::names::PROXY_PASS_REQUEST_HEADERS;
use crate::engine::apache::reach::HeaderLine;
use crate::engine::{Check, Facts, Level, Rule, apache};
use crate::finding::{Finding, Severity};
use crate::handshake::apache::Outcome;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "handshake-header-stripped",
    level: Level::Error,
    card: include_str!("../../rules/handshake-header-stripped.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Both(&Check::Route(check), &Check::ApacheRoute(of_apache)),
};

/// The client's headers without which no backend accepts a handshake, and their variables.
const REQUEST: [(&str, &str); 2] = [
    ("Sec-WebSocket-Key", "$http_sec_websocket_key"),
    ("Sec-WebSocket-Version", "$http_sec_websocket_version"),
];

/// The answer's headers without which no client does.
const ANSWER: [&str; 2] = ["Upgrade", "Sec-WebSocket-Accept"];

const WRONG_KEY: &str =
    "the backend answers this Sec-WebSocket-Key, not the client's, so the client rejects the answer";

fn wrong_version(value: &[u8]) -> String {
    format!("the backend is asked for version `{}`, but there is only 13", String::from_utf8_lossy(value))
}

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let finding = removed(facts, route)
        .or_else(|| not_passed(facts, route))
        .or_else(|| hidden(facts, route))
        .or_else(|| extensions_hidden(facts, route))?;
    Some(facts.with_route(finding, route))
}

/// The header is set to something that is not the client's.
fn removed(facts: &Facts, route: &Route) -> Option<Finding> {
    REQUEST.into_iter().filter(|_| !route.headers.opaque).find_map(|(name, variable)| {
        let header = route.headers.named(name).next_back()?;
        let clients = facts.handshake.evaluate(route.block, variable.as_bytes());
        let is_wrong = |header: &crate::routes::Header| {
            let passes =
                header.value == clients && (name != "Sec-WebSocket-Key" || !facts.is_constant(header));
            header.value.known().is_some() && !passes
        };
        if !route.headers.named(name).all(is_wrong) {
            return None;
        }
        let message = match header.value.known()? {
            [] => {
                format!("the client's {name} is removed here, and no backend accepts a handshake without it")
            }
            _ if name == "Sec-WebSocket-Key" => WRONG_KEY.to_string(),
            value => wrong_version(value),
        };
        let constant = header.value.known().is_some_and(|value| !value.is_empty());
        let repair =
            route.headers.named(name).fold(facts.repair(), |repair, header| repair.remove(header.at));
        let fix = match constant {
            false => repair.safe("remove the line"),
            true => repair.risky("remove the line; plain requests lose the header too"),
        };
        Some(
            RULE.finding(facts.head(header.at), message)
                .fix(fix)
                .help("remove this line; nginx passes the header on by itself"),
        )
    })
}

/// No header of the client reaches the backend, and these are not set by hand.
fn not_passed(facts: &Facts, route: &Route) -> Option<Finding> {
    let at = off(facts, route).filter(|_| !route.headers.opaque)?;
    let missing: Vec<(&str, &str)> =
        REQUEST.into_iter().filter(|(name, _)| route.headers.named(name).next().is_none()).collect();
    if missing.is_empty() {
        return None;
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let message = format!("`{}` keeps the client's {} from the backend", facts.text(at), names.join(" and "));
    let own = facts.config.own(route.block, PROXY_PASS_REQUEST_HEADERS).next().is_some();
    let place =
        if own { "write".to_string() } else { format!("write in `{}`", facts.block_name(route.block)) };
    let changes = "plain requests have their headers passed on too";
    let line = "proxy_pass_request_headers on;";
    let fix = match own {
        true => facts.rewrite_but(at, line, changes),
        false => facts
            .in_block(facts.repair(), route.block, route, &[line.to_string()])
            .risky(format!("write `{line}`; {changes}")),
    };
    Some(RULE.finding(facts.head(at), message).fix(fix).help(format!("{place}\n{line}")))
}

fn off(facts: &Facts, route: &Route) -> Option<NodeRef> {
    let Setting::Written { at, .. } = facts.config.nearest(route.block, PROXY_PASS_REQUEST_HEADERS) else {
        return None;
    };
    let word = facts.directive(at).arg(0).filter(|word| !word.is_hole())?;
    word.value().eq_ignore_ascii_case(b"off").then_some(at)
}

fn hidden(facts: &Facts, route: &Route) -> Option<Finding> {
    let hides = |name: &&str| facts.config.hides(facts.tree, route.block, name).is_some();
    let replaced = |name: &&str| facts.config.always_adds(facts.tree, route.block, name).is_some();
    let name = ANSWER.iter().find(|name| hides(name) && !replaced(name))?;
    let at = facts.config.hides(facts.tree, route.block, name)?;
    let message = format!(
        "`{}` takes {name} out of the backend's answer, and clients reject one without it",
        facts.text(at)
    );
    let repair = facts.repair().remove(at);
    let fix = match *name {
        "Upgrade" => repair.risky("remove the line; other answers keep their Upgrade too"),
        _ => repair.safe("remove the line"),
    };
    Some(
        RULE.finding(facts.head(at), message)
            .fix(fix)
            .help(format!("remove this line, or let the header through again\nproxy_pass_header {name};")),
    )
}

/// The backend compresses because the client offered it, and the client is not told.
fn extensions_hidden(facts: &Facts, route: &Route) -> Option<Finding> {
    const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
    let at = facts.config.hides(facts.tree, route.block, EXTENSIONS)?;
    let offered = route.headers.named(EXTENSIONS).next().is_none() && off(facts, route).is_none();
    if !offered || route.headers.opaque {
        return None;
    }
    let message = format!(
        "`{}` hides from the client that the backend compresses, so it cannot read the frames",
        facts.text(at)
    );
    let line = format!("proxy_set_header {EXTENSIONS} \"\";");
    let place = facts.settings_place(route.block);
    let mut lines = facts.kept_headers(route, place, &[]);
    lines.push(line.clone());
    let fix = facts.in_block(facts.repair(), place, route, &lines).safe(format!("write `{line}`"));
    let help = format!("write instead, so that no compression is agreed on\n{line}");
    Some(RULE.finding(facts.head(at), message).severity(Severity::Warning).fix(fix).help(help))
}

/// `RequestHeader` takes one away, or puts something else in its place. Answers are out of httpd's reach: no `Header`
/// changes a 101.
fn of_apache(facts: &apache::Facts, route: &Route) -> Option<Finding> {
    let lines = facts.request_headers(route);
    let (line, message) = REQUEST.into_iter().find_map(|(name, _)| {
        let decides = |line: &&HeaderLine| line.name.eq_ignore_ascii_case(name) && !line.is_conditional;
        let line = lines.iter().rfind(decides)?;
        let message = match (line.action.as_str(), &line.value) {
            ("unset", _) => {
                format!("the client's {name} is removed here, and no backend accepts a handshake without it")
            }
            ("set", Some(_)) if name == "Sec-WebSocket-Key" => WRONG_KEY.to_string(),
            ("set", Some(value)) if value != b"13" => wrong_version(value),
            _ => return None,
        };
        Some((line, message))
    })?;
    match facts.own_passage(route).map(|passage| passage.outcome) {
        Some(Outcome::Forwarded(forwarded)) if forwarded.by == route.node => {}
        None => {}
        // Another line takes the handshake, or nobody knows which.
        Some(_) => return None,
    }
    let finding = RULE.finding(facts.head(line.at), message);
    let finding = finding.label(facts.head(route.node), "handshakes are proxied here");
    let fix = facts.repair().remove(line.at);
    let fix = match line.action.as_str() {
        "unset" => fix.safe("remove the line"),
        _ => fix.risky("remove the line; plain requests lose the header too"),
    };
    Some(finding.fix(fix).help("remove this line; httpd passes the header on by itself"))
}
