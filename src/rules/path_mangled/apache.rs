//! httpd: how ProxyPass, members of a balancer and patterns put a backend's path together. Knows not which paths the
//! backend has.

use super::{PATHS, RULE, is_endpoint};
use crate::effective::apache::Pass;
use crate::effective::apache::proxy::is_balancer;
use crate::effective::apache::server::ServerId;
use crate::effective::apache::url::Url;
use crate::engine::apache::Facts;
use crate::finding::{Finding, Severity};
use crate::handshake::apache::Outcome;
use crate::routes::intent::{is_polling_path, is_websocket_path};
use crate::routes::{By, Route};

pub(super) fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    match route.by {
        By::Rewrite { proxies: true } => slashed(facts, route),
        By::Pass { .. } | By::Section { .. } => {
            let pass = facts.pass(route).filter(|pass| !pass.unknown)?;
            let target = std::str::from_utf8(pass.target.as_deref()?).ok()?;
            match pass.is_match {
                true => appended(facts, route, pass, target),
                false => member_path(facts, route, target)
                    .or_else(|| glued(facts, route, pass, target))
                    .or_else(|| without_slash(facts, route, pass)),
            }
        }
        _ => None,
    }
}

/// The path of a URL: what follows the host.
fn path_of(target: &str) -> &str {
    let host = target.find("://").map_or(0, |at| at + 3);
    target[host..].find('/').map_or("", |at| &target[host + at..])
}

/// What a handshake for a path becomes, if this route sends it on.
fn sent(facts: &Facts, route: &Route, asked: &[u8]) -> Option<String> {
    let ways = facts.ways(route);
    let way = ways.iter().find(|way| way.path == asked)?;
    match &way.passage.outcome {
        Outcome::Forwarded(forwarded) if forwarded.by == route.node => {
            Some(String::from_utf8_lossy(&forwarded.next.target).into_owned())
        }
        _ => None,
    }
}

/// One of the two paths ends with a slash and the other does not.
fn glued(facts: &Facts, route: &Route, pass: &Pass, target: &str) -> Option<Finding> {
    let own = std::str::from_utf8(&pass.path).ok()?;
    let uri = path_of(target);
    let glues = own.ends_with('/');
    if glues == uri.ends_with('/') || (uri.is_empty() && !glues) {
        return None;
    }
    let below = if glues { "room" } else { "/room" };
    let asked = format!("{own}{below}");
    let (text, finding) = match uri.is_empty() {
        true => {
            let message = format!("`{asked}` goes to `{target}{below}`, for the target ends without a slash");
            (facts.text(route.node), RULE.finding(facts.head(route.node), message))
        }
        false => {
            let joined = format!("{uri}{below}");
            let sent = match facts.goes_straight(route) {
                true => joined,
                false => sent(facts, route, asked.as_bytes()).filter(|sent| *sent == joined)?,
            };
            let message = format!("`{asked}` reaches the backend as `{sent}`");
            (facts.text(route.node), RULE.finding(facts.head(route.node), message))
        }
    };
    if glues {
        let finding = finding.here("stands for the path up to its slash, and ends with none");
        let line = text.replacen(target, &format!("{target}/"), 1);
        let finding = finding.fix(facts.rewrite_but(route.node, &line, PATHS));
        let finding = finding.help(format!("write the slash here too\n{line}"));
        let endpoint = uri.is_empty() || is_endpoint(uri, Some(own.as_bytes()));
        return Some(if endpoint { finding.severity(Severity::Note) } else { finding });
    }
    let bare = target.strip_suffix('/')?;
    let finding = finding.here("stands for the path up to the next slash, and brings one of its own");
    let line = text.replacen(target, bare, 1);
    let finding = finding.fix(facts.rewrite_but(route.node, &line, PATHS));
    let finding = finding.help(format!("write the slash in both places or in none\n{line}"));
    Some(finding.severity(Severity::Note))
}

/// A member's own path comes before that of the line that names the balancer.
fn member_path(facts: &Facts, route: &Route, target: &str) -> Option<Finding> {
    if !is_balancer(target.as_bytes()) {
        return None;
    }
    let balancer = |server: ServerId| {
        let found = facts.config.server(server).proxies.balancer(target.as_bytes());
        found.filter(|balancer| balancer.members.iter().next().is_some())
    };
    let balancer = balancer(ServerId::MAIN).or_else(|| balancer(facts.server_of(route)))?;
    let uri = path_of(target);
    let member = balancer.members.iter().find(|member| {
        let path = String::from_utf8_lossy(member.url.path());
        !path.is_empty() && (path.ends_with('/') || is_below(uri, &path))
    })?;
    let own = facts.ways(route).first()?.path.clone();
    let sent = sent(facts, route, &own)?;
    let path = String::from_utf8_lossy(member.url.path()).into_owned();
    let is_doubled = !path.ends_with('/');
    if !is_doubled && !sent.contains("//") {
        return None;
    }
    let own = String::from_utf8_lossy(&own);
    let message = format!("`{own}` reaches the backend as `{sent}`, with the paths of both lines");
    let finding = RULE.finding(facts.head(member.at), message).here("comes first");
    let finding = finding.label(facts.head(route.node), "comes behind it");
    let written = facts.text(member.at);
    let bare = match written.rfind(&path) {
        Some(at) if at > 0 => format!("{}{}", &written[..at], &written[at + path.len()..]),
        _ => written,
    };
    let finding = finding.fix(facts.rewrite_but(member.at, &bare, PATHS));
    let finding = finding.help(format!("write the member without a path\n{bare}"));
    Some(if is_doubled { finding } else { finding.severity(Severity::Note) })
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// To a target without `$1` the whole path is appended, where the line's own path is a pattern.
fn appended(facts: &Facts, route: &Route, pass: &Pass, target: &str) -> Option<Finding> {
    let groups = pass.pattern.as_ref()?.groups();
    let numbers: Vec<usize> = target
        .split('$')
        .skip(1)
        .filter_map(|rest| rest.chars().next()?.to_digit(10))
        .map(|number| number as usize)
        .collect();
    if let Some(number) = numbers.iter().find(|&&number| number > groups) {
        let message = format!("`${number}` is empty, for the pattern has no such group, so the path is lost");
        let finding = RULE.finding(facts.head(route.node), message);
        return Some(finding.help("write round brackets around the part of the pattern that it stands for"));
    }
    let uri = path_of(target);
    if !numbers.is_empty() || uri.is_empty() {
        return None;
    }
    let asked = facts.ways(route).first()?.path.clone();
    let sent = sent(facts, route, &asked)?;
    let asked = String::from_utf8_lossy(&asked).into_owned();
    let is_doubled = uri != "/" && is_below(&asked, uri.trim_end_matches('/'));
    if sent != format!("{uri}{asked}") || !(is_doubled || uri == "/") {
        return None;
    }
    let message = format!("`{asked}` reaches the backend as `{sent}`");
    let finding = RULE.finding(facts.head(route.node), message);
    let why = "to a target without `$1` the whole path is appended";
    let finding = match (route.by, facts.config.block(route.block).node) {
        (By::Section { .. }, Some(node)) => finding.here(why).label(facts.head(node), "makes it a pattern"),
        _ => finding.here(why),
    };
    let bare = &target[..target.len() - uri.len()];
    let written = facts.text(route.node).replacen(target, bare, 1);
    let finding = finding.fix(facts.rewrite_but(route.node, &written, PATHS));
    let finding = finding.help(format!("write the target without a path\n{written}"));
    Some(if is_doubled { finding } else { finding.severity(Severity::Note) })
}

/// `ProxyPass "/ws/"` is not asked for `/ws`.
fn without_slash(facts: &Facts, route: &Route, pass: &Pass) -> Option<Finding> {
    let short = pass.path.strip_suffix(b"/").filter(|short| !short.is_empty())?;
    if is_polling_path(&pass.path) || !is_websocket_path(&pass.path) {
        return None;
    }
    let is_lost = facts.nobody_takes(route, short).unwrap_or_else(|| {
        let passage = facts.socket_passage(facts.server_of(route), short, &[]);
        matches!(passage.outcome, Outcome::Answered { status: Some(404), at: None, .. })
    });
    if !is_lost {
        return None;
    }
    let (short, path) = (String::from_utf8_lossy(short), String::from_utf8_lossy(&pass.path));
    let message = format!("a handshake for `{short}` is not proxied, for the path here ends with a slash");
    let place = match (route.by, facts.config.block(route.block).node) {
        (By::Section { .. }, Some(node)) => node,
        _ => route.node,
    };
    let help = format!(
        "open the WebSocket with the slash at its end, or write both paths without\nnew WebSocket(\"wss://...{path}\")"
    );
    Some(RULE.finding(facts.head(place), message).help(help).severity(Severity::Note))
}

/// A group that begins with the path's slash, behind another slash.
fn slashed(facts: &Facts, route: &Route) -> Option<Finding> {
    let line = facts.rule_line(route)?;
    // Only a group at the pattern's beginning can begin with the path's slash.
    let pattern = &line.rule.pattern.text;
    if !pattern.strip_prefix(b"^").unwrap_or(pattern).starts_with(b"(") {
        return None;
    }
    let target = String::from_utf8_lossy(&line.rule.substitution).into_owned();
    let asked = facts.ways(route).last()?.path.clone();
    let sent = sent(facts, route, &asked).filter(|sent| sent.starts_with("//"))?;
    let url = Url::parse(target.split('$').next()?.as_bytes()).ok()?;
    let (before, after) = target.split_once("/$")?;
    if url.path() != b"/" {
        return None;
    }
    let asked = String::from_utf8_lossy(&asked).into_owned();
    let asked = asked.split('?').next().unwrap_or_default();
    let message = format!("`{asked}` reaches the backend as `{sent}`");
    let finding =
        RULE.finding(facts.head(route.node), message).here("the group begins with a slash of its own");
    let written = facts.text(route.node).replacen(&target, &format!("{before}${after}"), 1);
    let fix = facts.rewrite_but(route.node, &written, "other requests that match lose that slash too");
    Some(finding.fix(fix).help(format!("write\n{written}")).severity(Severity::Note))
}
