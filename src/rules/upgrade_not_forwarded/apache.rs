//! httpd: a line sends handshakes on and leaves Upgrade out. Knows workers by what they allow, not why a parameter of
//! theirs has no effect.

use super::RULE;
use crate::effective::apache::{names, params, versions};
use crate::engine::apache::Facts;
use crate::engine::apache::fate::{Fate, Serving};
use crate::finding::Finding;
use crate::handshake::apache::{Forwarded, Outcome, Passage};
use crate::routes::{By, Intent, Route};
use crate::tree::NodeRef;

/// The variable that makes httpd speak HTTP/1.0 to a backend.
const OLD_PROTOCOL: &str = "force-proxy-request-1.0";

/// Schemes by which httpd forwards requests, but no Upgrade.
const WITHOUT_UPGRADE: [&str; 7] = ["ajp", "fcgi", "ftp", "h2", "h2c", "scgi", "uwsgi"];

const PARAMETER: &str = "upgrade=websocket";

const TITLE: &str = "write `upgrade=websocket` behind the target";

pub(super) fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let Fate::Taken(passage) = &*facts.fate(route) else { return None };
    // Parameters that are wrong, and members of a balancer, have rules of their own.
    let allows = match facts.serving(route) {
        Serving::Worker(worker) => {
            worker.params.get("upgrade").map(|param| params::allows(param.value(), b"websocket"))
        }
        Serving::Members(_) => Some(true),
        Serving::Nothing => None,
    };
    let is_ws = matches!(route.backend.scheme.as_str(), "ws" | "wss");
    match &passage.outcome {
        _ if allows == Some(false) => None,
        Outcome::Forwarded(sent) if sent.next.version == 10 => Some(old_protocol(facts, route)),
        _ if WITHOUT_UPGRADE.contains(&route.backend.scheme.as_str()) => {
            other_protocol(facts, route, passage)
        }
        Outcome::Forwarded(_) | Outcome::Answered { status: Some(426), .. } if allows.unwrap_or(is_ws) => {
            removed(facts, route, passage).or_else(|| too_old(facts, route, is_ws))
        }
        Outcome::Forwarded(sent) => Some(missing(facts, route, Some(sent))),
        // Whether TLS to the backend is on may depend on what was not seen.
        Outcome::Unknown { .. } if !is_ws && allows.is_none() => Some(missing(facts, route, None)),
        _ => None,
    }
}

fn missing(facts: &Facts, route: &Route, sent: Option<&Forwarded>) -> Finding {
    let scheme = &route.backend.scheme;
    let span = facts.word(route.node, &format!("{scheme}://"));
    let message = format!("`{scheme}://` forwards no Upgrade by itself, so the backend sees a plain request");
    let finding = RULE.finding(span, message);
    // A worker that another line made is where the parameter would count.
    let maker = sent.and_then(|sent| sent.worker).filter(|&at| at != route.node);
    let shared = maker.filter(|_| !matches!(route.by, By::Rewrite { .. } | By::Handler));
    let old = facts.config.target.apache.all_before(versions::HTTP_UPGRADES);
    match (route.by, shared) {
        (By::Rewrite { .. }, _) => {
            let line = with_ws(&facts.text(route.node), scheme);
            finding
                .here("nothing lets this target upgrade")
                .fix(facts.rewrite(route.node, &line))
                .help(format!("write instead\n{line}"))
        }
        (By::Handler, _) => {
            let target = &route.backend.text;
            let path = Some(route.name.matcher.as_str()).filter(|path| path.starts_with('/')).unwrap_or("/");
            finding.here("nothing lets this target upgrade").help(format!(
                "write in place of the handler, outside the section\nProxyPass \"{path}\" \"{target}{path}\" upgrade=websocket"
            ))
        }
        _ if old => {
            let line = with_ws(&facts.text(route.node), scheme);
            finding
                .here("only `ws://` upgrades before httpd 2.4.47")
                .fix(facts.rewrite_but(route.node, &line, "plain requests no longer pass"))
                .help(format!("write instead\n{line}"))
        }
        // What a group stands for is part of the worker's name, so that its parameters count for no request.
        _ if facts.pass(route).is_some_and(|pass| pass.is_match && route.backend.text.contains('$')) => {
            let line = with_ws(&facts.text(route.node), scheme);
            finding
                .here("no `upgrade=` could be in force for a target with `$1`")
                .fix(facts.rewrite(route.node, &line))
                .help(format!("write instead\n{line}"))
        }
        (_, Some(maker)) => finding
            .here("no `upgrade=` is in force")
            .label(facts.head(maker), "parameters of this target count only here, where it comes first")
            .fix(facts.repair().append(maker, PARAMETER).safe(TITLE))
            .help(format!("write there\n{}", with_upgrade(&facts.text(maker)))),
        _ => finding
            .here("no `upgrade=` is in force")
            .fix(facts.repair().append(route.node, PARAMETER).safe(TITLE))
            .help(format!("write instead\n{}", with_upgrade(&facts.text(route.node)))),
    }
}

/// The Upgrade that the line would let through is taken away before.
fn removed(facts: &Facts, route: &Route, passage: &Passage) -> Option<Finding> {
    let changes = |node: &NodeRef| facts.directive(*node).name_id() == names::REQUEST_HEADER;
    let line = passage.steps.iter().filter_map(|(at, _)| *at).rfind(changes)?;
    let unsets = facts.directive(line).arg(0).is_some_and(|word| word.value().eq_ignore_ascii_case(b"unset"));
    let text = facts.text(line);
    let message = match unsets {
        true => format!("`{text}` takes the Upgrade away before the request is sent on"),
        false => format!("`{text}` leaves no `Upgrade: websocket` to be sent on"),
    };
    let finding = RULE.finding(facts.head(line), message);
    let finding = finding.label(facts.head(route.node), "handshakes are sent on here");
    let fix = facts.repair().remove(line).safe("remove the line");
    Some(finding.fix(fix).help("remove it: httpd itself forwards Upgrade only where a line asks for that"))
}

/// Before 2.4.47 `upgrade=` is nothing to `http://`.
fn too_old(facts: &Facts, route: &Route, is_ws: bool) -> Option<Finding> {
    if is_ws || !facts.config.target.apache.all_before(versions::HTTP_UPGRADES) {
        return None;
    }
    let message = "`upgrade=` makes `http://` forward Upgrade only since httpd 2.4.47";
    let finding = RULE.finding(facts.word(route.node, "upgrade="), message);
    let line = with_ws(&facts.text(route.node), &route.backend.scheme);
    let fix = facts.rewrite_but(route.node, &line, "plain requests no longer pass");
    Some(finding.fix(fix).help(format!("write instead\n{line}")))
}

fn old_protocol(facts: &Facts, route: &Route) -> Finding {
    let sets = |node: &NodeRef| {
        facts.directive(*node).args().any(|word| {
            let word = word.value();
            word.split(|&byte| byte == b'=').next() == Some(OLD_PROTOCOL.as_bytes())
        })
    };
    let kinds = [
        names::BROWSER_MATCH,
        names::BROWSER_MATCH_NO_CASE,
        names::SET_ENV,
        names::SET_ENV_IF,
        names::SET_ENV_IF_NO_CASE,
    ];
    let blocks = facts.config.blocks();
    let mut lines =
        blocks.flat_map(|(block, _)| kinds.iter().flat_map(move |&kind| facts.config.own(block, kind)));
    let message = format!("`{OLD_PROTOCOL}` sends the handshake as HTTP/1.0, without Upgrade");
    match lines.find(sets) {
        Some(line) => RULE
            .finding(facts.head(line), message)
            .label(facts.head(route.node), "handshakes are sent on here")
            .fix(facts.repair().remove(line).risky("remove the line; other requests go out in HTTP/1.1 too"))
            .help("remove it, or unset it for the WebSocket's path"),
        None => RULE.finding(facts.head(route.node), message),
    }
}

/// A protocol in which there is no Upgrade. Where somebody asks for one over HTTP/2, that is told by itself.
fn other_protocol(facts: &Facts, route: &Route, passage: &Passage) -> Option<Finding> {
    let scheme = &route.backend.scheme;
    let is_http_2 = matches!(scheme.as_str(), "h2" | "h2c");
    let speaks = matches!(&passage.outcome, Outcome::Forwarded(_) | Outcome::Answered { status: None, .. });
    if !speaks || (is_http_2 && route.intent > Intent::Named) {
        return None;
    }
    let message = format!("`{scheme}://` carries no WebSocket");
    let finding = RULE.finding(facts.word(route.node, &format!("{scheme}://")), message);
    Some(finding.help(
        "send the WebSocket's path to a port where the backend speaks HTTP/1.1, with upgrade=websocket",
    ))
}

/// The line with `upgrade=websocket`; a section's own line before its bracket.
fn with_upgrade(line: &str) -> String {
    match line.strip_suffix('>') {
        Some(section) if section.starts_with('<') => format!("{section} upgrade=websocket>"),
        _ => format!("{line} upgrade=websocket"),
    }
}

fn with_ws(line: &str, scheme: &str) -> String {
    let (from, to) = if scheme == "https" { ("https://", "wss://") } else { ("http://", "ws://") };
    line.replacen(from, to, 1)
}
