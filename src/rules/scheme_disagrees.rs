//! One address, spoken to with TLS in one place and without in another. Knows which lines disagree, not which is right.

use std::collections::{BTreeMap, HashSet};

use crate::effective::BlockId;
use crate::effective::apache::url::Url;
use crate::effective::nginx::names::SERVER;
use crate::engine::apache::fate::Serving;
use crate::engine::{Check, Facts, Ground, Level, Rule, apache};
use crate::finding::Finding;
use crate::routes::address::Address;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "scheme-disagrees",
    level: Level::Warning,
    card: include_str!("../../rules/scheme-disagrees.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Both(&Check::Tree(check), &Check::ApacheTree(httpd)),
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

/// By host and port.
type Addresses<'a> = BTreeMap<(String, u16), Sides<'a>>;

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    // No scheme is known where a variable stands for it.
    let may_speak =
        |scheme: &str| facts.routes.iter().any(|route| ["", scheme].contains(&&*route.backend.scheme));
    if !may_speak("http") || !may_speak("https") {
        return;
    }
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
    let mut by_address = Addresses::new();
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
    judge(facts, by_address, findings);
}

/// httpd: the targets of lines, and those of a balancer's members.
fn httpd(facts: &apache::Facts, findings: &mut Vec<Finding>) {
    let speaks_tls =
        |route: &Route| matches!(route.backend.scheme.as_str(), "https" | "wss" | "h2" | "balancer");
    if !facts.routes.iter().any(speaks_tls) {
        return;
    }
    let mut by_address = Addresses::new();
    for route in facts.routes {
        if facts.directive(route.node).args().any(|word| word.is_hole()) {
            continue;
        }
        let urls: Vec<Url> = match facts.serving(route) {
            Serving::Members(members) => members.into_iter().map(|member| member.url.clone()).collect(),
            _ => Url::parse(route.backend.text.as_bytes()).ok().into_iter().collect(),
        };
        let is_known = |url: &&Url| !url.host().contains(['$', '%']) && url.socket.is_none();
        for url in urls.iter().filter(is_known) {
            let side = match url.scheme() {
                "http" | "ws" | "h2c" => 0,
                "https" | "wss" | "h2" => 1,
                _ => continue,
            };
            let address = (url.host().to_string(), url.port());
            by_address.entry(address).or_default()[side].add(Side::of(route));
        }
    }
    judge(facts, by_address, findings);
}

fn judge(ground: &Ground, by_address: Addresses, findings: &mut Vec<Finding>) {
    let mut told = HashSet::new();
    for ((host, port), sides) in by_address {
        let Some((tls, odd, other)) = disagreement(&sides) else { continue };
        if told.insert(odd.node) {
            findings.push(finding(ground, &host, port, tls, (odd, other)));
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

/// The WebSocket route on the side with fewer lines, or on the only side that has one, whether it speaks TLS, and a
/// line against it.
fn disagreement<'a>(sides: &Sides<'a>) -> Option<(bool, &'a Route, &'a Route)> {
    let fewer = usize::from(sides[1].lines < sides[0].lines);
    let (side, odd) = [fewer, 1 - fewer].into_iter().find_map(|side| Some((side, sides[side].carrier?)))?;
    Some((side == 1, odd, sides[1 - side].first?))
}

fn finding(ground: &Ground, host: &str, port: u16, tls: bool, (odd, other): (&Route, &Route)) -> Finding {
    let place = if host.starts_with("unix:") { host.to_string() } else { format!("{host}:{port}") };
    let (here, there) = if tls { ("with", "without") } else { ("without", "with") };
    let message = format!("`{place}` is spoken to {here} TLS here, and {there} it elsewhere");
    RULE.finding(ground.head(odd.node), message)
        .label(ground.head(other.node), format!("{there} TLS"))
        .help("write the scheme that the backend really speaks in both places")
}
