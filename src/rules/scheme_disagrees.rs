//! One address, spoken to with TLS in one place and without in another. Knows which lines disagree, not which is right.

use std::collections::{BTreeMap, HashSet};

use crate::effective::BlockId;
use crate::effective::nginx::names::SERVER;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::address::Address;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "scheme-disagrees",
    level: Level::Warning,
    card: include_str!("../../rules/scheme-disagrees.md"),
    cause: None,
    intent: Intent::None,
    check: Check::Tree(check),
};

/// The routes that speak to one backend in one way.
#[derive(Clone, Copy, Default)]
struct Side<'a> {
    lines: usize,
    first: Option<&'a Route>,
    /// The first that is meant for WebSockets.
    carrier: Option<&'a Route>,
}

/// Without TLS, and with it.
type Sides<'a> = [Side<'a>; 2];

impl<'a> Side<'a> {
    fn of(route: &'a Route) -> Self {
        Self {
            lines: 1,
            first: Some(route),
            carrier: Some(route).filter(|route| route.intent > Intent::None),
        }
    }

    fn add(&mut self, other: Self) {
        let first =
            |one: Option<&'a Route>, other| one.into_iter().chain(other).min_by_key(|route| route.node);
        self.lines += other.lines;
        self.first = first(self.first, other.first);
        self.carrier = first(self.carrier, other.carrier);
    }
}

/// What a line names: an upstream, or a host and port.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Backend {
    Upstream(BlockId),
    Own(String, u16),
}

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut by_backend: BTreeMap<Backend, Sides> = BTreeMap::new();
    for route in facts.routes {
        let Some(address) = facts.address(route) else { continue };
        let side = match address.scheme.as_str() {
            "http" => 0,
            "https" => 1,
            _ => continue,
        };
        let own = || Backend::Own(address.host.clone(), address.port());
        let backend = facts.upstream(route).map_or_else(own, Backend::Upstream);
        by_backend.entry(backend).or_default()[side].add(Side::of(route));
    }
    let mut by_address: BTreeMap<(String, u16), Sides> = BTreeMap::new();
    for (backend, sides) in by_backend {
        let addresses = match backend {
            Backend::Upstream(block) => servers(facts, block),
            Backend::Own(host, port) => vec![(host, port)],
        };
        for address in addresses {
            let known = by_address.entry(address).or_default();
            known[0].add(sides[0]);
            known[1].add(sides[1]);
        }
    }
    let mut told = HashSet::new();
    for ((host, port), sides) in by_address {
        let Some((odd, other)) = disagreement(&sides) else { continue };
        if told.insert(odd.node) {
            findings.push(finding(facts, &host, port, odd, other));
        }
    }
}

/// Host and port of an upstream's servers; each is 80 unless written, whatever the scheme.
fn servers(facts: &Facts, upstream: BlockId) -> Vec<(String, u16)> {
    let words = facts.config.own(upstream, SERVER).filter_map(|node| facts.directive(node).arg(0));
    let known = words.filter(|word| !word.is_hole());
    let addresses = known.filter_map(|word| Address::parse(&format!("http://{}", word.show())));
    addresses.map(|address| (address.host.clone(), address.port())).collect()
}

/// The WebSocket route on the side with fewer lines, or on the only side that has one, and a line against it.
fn disagreement<'a>(sides: &Sides<'a>) -> Option<(&'a Route, &'a Route)> {
    let fewer = usize::from(sides[1].lines < sides[0].lines);
    let (side, odd) = [fewer, 1 - fewer].into_iter().find_map(|side| Some((side, sides[side].carrier?)))?;
    Some((odd, sides[1 - side].first?))
}

fn finding(facts: &Facts, host: &str, port: u16, odd: &Route, other: &Route) -> Finding {
    let place = if host.starts_with("unix:") { host.to_string() } else { format!("{host}:{port}") };
    let tls = facts.scheme(odd).is_some_and(|scheme| scheme == "https");
    let (here, there) = if tls { ("with", "without") } else { ("without", "with") };
    let message = format!("`{place}` is spoken to {here} TLS here, and {there} it elsewhere");
    RULE.finding(facts.head(odd.node), message)
        .label(facts.head(other.node), format!("{there} TLS"))
        .help("write the scheme that the backend really speaks in both places")
}
