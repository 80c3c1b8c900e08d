//! `try_files` answers or sends away what the `proxy_pass` beside it is meant for, or an `if` keeps it from being
//! asked. Knows the order of nginx's phases, not which files there are.

use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names::{IF, TRY_FILES};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::handshake::nginx::Arrival;
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "try-files-before-proxy",
    level: Level::Warning,
    card: include_str!("../../rules/try-files-before-proxy.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

/// Where `try_files` leaves a handshake for which there is no file.
enum Left {
    Answered(Option<u16>),
    /// Proxied by this directive without an upgrade.
    Proxied(NodeRef),
}

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let location = facts.config.enclosing(route.block, LOCATION)?;
    let server = route.server?;
    if route.broken {
        return None;
    }
    match facts.config.own(location, TRY_FILES).next() {
        Some(line) if location == route.block => beside(facts, route, location, server, line),
        Some(_) => None,
        None => skipped(facts, route, location, server),
    }
}

fn beside(
    facts: &Facts,
    route: &Route,
    location: BlockId,
    server: BlockId,
    line: NodeRef,
) -> Option<Finding> {
    let left = match facts.path_of(location) {
        Some(_) => by_path(facts, location, server)?,
        None => by_fallback(facts, server, line)?,
    };
    let text = facts.text(line);
    let name = facts.block_name(location);
    let message = match left {
        Left::Answered(Some(status)) => {
            format!("`{text}` answers handshakes with {status} before `proxy_pass` is asked")
        }
        Left::Answered(None) => format!("`{text}` answers handshakes before `proxy_pass` is asked"),
        Left::Proxied(_) => format!("`{text}` sends handshakes away before `proxy_pass` is asked"),
    };
    let finding =
        RULE.finding(facts.head(line), message).here("comes first, and finds no file for a WebSocket");
    let finding = finding.label(facts.head(route.node), "asked only where a file is found");
    Some(match left {
        Left::Answered(_) => finding.help(format!(
            "take `try_files` out of `{name}`, or write files and WebSocket in two locations\nlocation / {{\n    {text};\n}}"
        )),
        Left::Proxied(by) => finding
            .label(facts.head(by), "handshakes arrive here, and are not upgraded")
            .fix(facts.forward_by(by))
            .help(format!("take `try_files` out of `{name}`, or write its headers where the handshakes arrive")),
    })
}

/// None where some handshake is upgraded all the same, or may be.
fn by_path(facts: &Facts, location: BlockId, server: BlockId) -> Option<Left> {
    let mut left = None;
    for way in facts.ways(location, server)?.iter() {
        let (hop, this) = match &way.arrival {
            Arrival::Sent { by, hop } if facts.asks(hop) == Some(false) => (hop, Left::Proxied(*by)),
            Arrival::Answered { status, hop, .. } => (hop, Left::Answered(*status)),
            _ => return None,
        };
        let by_this =
            |node: NodeRef| facts.directive(node).name_id() == TRY_FILES && facts.holds(location, node);
        let step = hop.steps.iter().filter_map(|step| step.by).any(by_this);
        // A status stops the request without a step.
        let stopped = hop.locations.last() == Some(&location)
            && matches!(this, Left::Answered(_))
            && hop.steps.is_empty();
        if !step && !stopped {
            return None;
        }
        left = Some(this);
    }
    left
}

/// The same for a location whose paths are not known: what its last word says.
fn by_fallback(facts: &Facts, server: BlockId, line: NodeRef) -> Option<Left> {
    let word = facts.directive(line).args().next_back().filter(|word| !word.is_hole())?.value();
    if let Some(code) = word.strip_prefix(b"=") {
        return Some(Left::Answered(std::str::from_utf8(code).ok()?.parse().ok()));
    }
    let target = facts
        .routes
        .iter()
        .find(|route| route.server == Some(server) && route.name.matcher.as_bytes() == &*word)?;
    let carries = |name, token| target.headers.carries(name, token);
    let plain =
        carries("upgrade", "websocket") == Some(false) || carries("connection", "upgrade") == Some(false);
    (word.starts_with(b"@") && plain).then_some(Left::Proxied(target.node))
}

/// A named location that `try_files` would lead to, but for an `if` that holds for handshakes.
fn skipped(facts: &Facts, route: &Route, location: BlockId, server: BlockId) -> Option<Finding> {
    let name = facts.directive(facts.config.block(location).node?).arg(0)?.value();
    if !name.starts_with(b"@") {
        return None;
    }
    let leads_here = |&from: &BlockId| {
        let line = facts.config.own(from, TRY_FILES).next();
        let word = line.and_then(|line| facts.directive(line).args().next_back());
        word.is_some_and(|word| *word.value() == *name)
    };
    let mut from = facts.config.inside(server).filter(leads_here);
    from.find_map(|from| {
        let line = facts.config.own(from, TRY_FILES).next()?;
        let ways = facts.ways(from, server)?;
        let mut conditions = ways.iter().map(|way| match &way.arrival {
            Arrival::Answered { status: Some(404 | 403 | 200), hop, .. }
                if hop.locations.last() == Some(&from) =>
            {
                let last = hop.steps.iter().rev().filter_map(|step| step.by).next()?;
                (facts.directive(last).name_id() == IF && facts.holds(from, last)).then_some(last)
            }
            _ => None,
        });
        let condition = conditions.next()??;
        if !conditions.all(|other| other == Some(condition)) {
            return None;
        }
        let message = format!(
            "`{}` keeps `try_files` from sending handshakes to `{}`",
            facts.text(condition),
            facts.block_name(location)
        );
        Some(
            RULE.finding(facts.head(condition), message)
                .here("holds for a handshake, and what stands in the location around it is not asked")
                .label(facts.head(line), "not asked inside an `if`")
                .label(facts.head(route.node), "never reached")
                .help(format!(
                    "take the `if` out of `{}`, or write a map in its place",
                    facts.block_name(from)
                )),
        )
    })
}
