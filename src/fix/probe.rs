//! What requests for the routes' own paths come to, before and after a fix: handshakes must not get worse, and other
//! requests must stay what they were. Knows no edit.

use hashbrown::HashSet;

use crate::effective::nginx::directives::SERVER;
use crate::effective::{BlockId, Value};
use crate::engine::options::Options;
use crate::engine::{Effective, Facts, Given, Linted, apache};
use crate::finding::RouteName;
use crate::handshake::apache::Outcome;
use crate::handshake::nginx::Arrival;
use crate::handshake::{self, Upstream};
use crate::routes::has_token;
use crate::routes::nginx::is_header;
use crate::source::files::Files;

/// Paths that are asked for one configuration.
const MAX_PROBES: usize = 4000;

/// A path of one server of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Probe {
    /// The route that has the path.
    pub route: RouteName,
    /// Among the configuration's servers.
    server: usize,
    /// The name it is asked under; httpd knows it by itself.
    host: String,
    target: Vec<u8>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Sent {
        address: String,
        request_line: String,
        headers: Vec<(String, String)>,
        /// The backend is told to switch to some other protocol.
        switches: bool,
    },
    Answered {
        status: Option<u16>,
        redirect: Option<Vec<u8>>,
    },
    Unknown,
}

/// What becomes of the requests for one path.
#[derive(Clone, Debug)]
pub struct Seen {
    /// None where that is not known.
    upgrades: Option<bool>,
    plain: Answer,
}

impl Seen {
    /// Whether a handshake that upgraded `before` still does.
    pub fn still_upgrades(&self, before: &Self) -> bool {
        self.upgrades == Some(true) || before.upgrades != Some(true)
    }

    /// Whether it is known that a handshake does not upgrade.
    pub fn fails(&self) -> bool {
        self.upgrades == Some(false)
    }

    /// Whether a request that asks for no upgrade gets what it got `before`, as far as that was known. It may lose an
    /// Upgrade that it never asked for.
    pub fn is_plain_alike(&self, before: &Self) -> bool {
        let without = |answer: &Answer| match answer.clone() {
            Answer::Sent { mut headers, address, request_line, switches } => {
                headers.retain(|(name, _)| !is_of_hop(name));
                Answer::Sent { headers, address, request_line, switches }
            }
            other => other,
        };
        let asks = |answer: &Answer| match answer {
            Answer::Sent { headers, .. } => {
                headers.iter().any(|(name, value)| name == "upgrade" && !value.is_empty())
            }
            _ => false,
        };
        before.plain == Answer::Unknown
            || self.plain == before.plain
            || (!asks(&self.plain) && without(&self.plain) == without(&before.plain))
    }
}

/// The paths that a client would open WebSockets at, and those of all other routes.
pub fn probes(linted: &Linted, files: &dyn Files) -> Vec<Probe> {
    let mut probes = Vec::new();
    match &linted.effective {
        Effective::Nginx(_) => {
            with_nginx(linted, files, |facts| {
                let servers = nginx_servers(facts);
                for route in &linted.routes {
                    let Some(path) = facts.own_path(route) else { continue };
                    let Some(server) =
                        route.server.and_then(|server| servers.iter().position(|&one| one == server))
                    else {
                        continue;
                    };
                    let host = facts.tracer.hosts(servers[server]).0.into_iter().next();
                    let host = host.unwrap_or_else(|| "localhost".to_string());
                    for target in [path.clone(), below(&path)] {
                        probes.push(Probe { route: route.name.clone(), server, host: host.clone(), target });
                    }
                }
            });
        }
        Effective::Apache(_) => with_apache(linted, files, |facts| {
            for route in &linted.routes {
                let server = facts.server_of(route).0 as usize;
                let ways = facts.ways(route);
                let targets = ways.iter().map(|way| way.path.clone());
                probes.extend(targets.map(|target| Probe {
                    route: route.name.clone(),
                    server,
                    host: String::new(),
                    target,
                }));
            }
        }),
    }
    let mut known = HashSet::new();
    probes.retain(|probe| known.insert(probe.clone()));
    probes.truncate(MAX_PROBES);
    probes
}

/// What becomes of them.
pub fn seen(linted: &Linted, files: &dyn Files, probes: &[Probe]) -> Vec<Option<Seen>> {
    let mut seen = Vec::new();
    match &linted.effective {
        Effective::Nginx(_) => with_nginx(linted, files, |facts| {
            let servers = nginx_servers(facts);
            let ask = |probe: &Probe| Some(of_nginx(facts, *servers.get(probe.server)?, probe));
            seen = probes.iter().map(ask).collect();
        }),
        Effective::Apache(_) => with_apache(linted, files, |facts| {
            seen = probes.iter().map(|probe| of_apache(facts, probe)).collect();
        }),
    }
    seen
}

fn with_nginx(linted: &Linted, files: &dyn Files, ask: impl FnOnce(&Facts)) {
    let Effective::Nginx(config) = &linted.effective else { return };
    let last = config.target.nginx.last;
    let tracer = handshake::nginx::Tracer::new(&linted.tree, config, files, &linted.roots, last);
    ask(&Facts::new(&linted.tree, config, &linted.routes, tracer, nothing_given(&Options::default())));
}

fn with_apache(linted: &Linted, files: &dyn Files, ask: impl FnOnce(&apache::Facts)) {
    let Effective::Apache(config) = &linted.effective else { return };
    let last = config.target.apache.last;
    let tracer = handshake::apache::Tracer::new(&linted.tree, config, files, &linted.roots, last);
    ask(&apache::Facts::new(
        &linted.tree,
        config,
        &linted.routes,
        tracer,
        nothing_given(&Options::default()),
    ));
}

/// Nothing that is asked here depends on what people say beside the files.
fn nothing_given(options: &Options) -> Given<'_> {
    Given { options, contracts: &[] }
}

fn nginx_servers(facts: &Facts) -> Vec<BlockId> {
    let blocks = facts.config.blocks();
    blocks.filter(|(_, block)| block.context == SERVER).map(|(id, _)| id).collect()
}

fn below(path: &[u8]) -> Vec<u8> {
    let room: &[u8] = if path.ends_with(b"/") { b"room" } else { b"/room" };
    [path, room].concat()
}

/// A browser's headers of a handshake, taken out of a request.
const WITHOUT: [(&str, &str); 4] =
    [("Upgrade", ""), ("Connection", "keep-alive"), ("Sec-WebSocket-Key", ""), ("Sec-WebSocket-Version", "")];

fn of_nginx(facts: &Facts, server: BlockId, probe: &Probe) -> Seen {
    let handshake = facts.tracer.arrive_as(server, &probe.host, &probe.target);
    let upgrades = match &handshake {
        Arrival::Sent { hop, .. } => facts.asks(hop),
        Arrival::Answered { .. } => Some(false),
        Arrival::Unknown(_) => None,
    };
    let without = WITHOUT.map(|(name, value)| (name.to_string(), value.to_string()));
    let plain = match facts.tracer.arrive_with(server, &probe.target, &without) {
        Arrival::Sent { hop, .. } => hop.upstream.as_ref().map_or(Answer::Unknown, sent),
        Arrival::Answered { status, hop, .. } => Answer::Answered { status, redirect: hop.redirect },
        Arrival::Unknown(_) => Answer::Unknown,
    };
    Seen { upgrades, plain }
}

fn of_apache(facts: &apache::Facts, probe: &Probe) -> Option<Seen> {
    let server = facts.config.server_ids().nth(probe.server)?;
    let handshake = facts.socket_passage(server, &probe.target, &[]);
    let upgrades = match &handshake.outcome {
        Outcome::Forwarded(forwarded) => Some(forwarded.upgrades && forwarded.failure.is_none()),
        Outcome::Answered { .. } => Some(false),
        Outcome::Unknown { .. } => None,
    };
    let (path, query) = match memchr::memchr(b'?', &probe.target) {
        Some(mark) => probe.target.split_at(mark),
        None => (&probe.target[..], &b""[..]),
    };
    let mut request = facts.tracer.handshake(server, path);
    request.target.extend_from_slice(query);
    let is_handshake =
        |name: &[u8]| WITHOUT.iter().any(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    request.headers.retain(|(name, _)| !is_handshake(name));
    request.headers.push((b"Connection".to_vec(), Value::Known(b"keep-alive".to_vec())));
    let plain = match facts.tracer.pass_as_socket(&request, server).outcome {
        Outcome::Forwarded(forwarded) => match &forwarded.failure {
            Some(Outcome::Answered { status, .. }) => Answer::Answered { status: *status, redirect: None },
            Some(_) => Answer::Unknown,
            None => sent(&forwarded.upstream),
        },
        Outcome::Answered { status, location, .. } => Answer::Answered { status, redirect: location },
        Outcome::Unknown { .. } => Answer::Unknown,
    };
    Some(Seen { upgrades, plain })
}

/// What a backend sees of a plain request, but for what is between it and its proxy: the version, and Connection, which
/// without an Upgrade only says how long the connection is kept (RFC 9110, 7.6.1).
fn sent(upstream: &Upstream) -> Answer {
    let shown = |sent: &handshake::Sent| {
        let value = match &sent.value {
            Value::Known(value) => String::from_utf8_lossy(value).into_owned(),
            Value::Unknown(_) => sent.shown.clone(),
        };
        (sent.name.to_ascii_lowercase(), value)
    };
    let between = |sent: &&handshake::Sent| sent.name.eq_ignore_ascii_case("connection");
    let mut headers: Vec<(String, String)> =
        upstream.headers.iter().filter(|sent| !between(sent)).map(shown).collect();
    headers.sort();
    let names = |name: &str, token: Option<&str>| {
        upstream.headers.iter().filter(|sent| sent.name.eq_ignore_ascii_case(name)).any(|sent| {
            match &sent.value {
                Value::Known(value) => token.map_or(!value.is_empty(), |token| has_token(value, token)),
                Value::Unknown(_) => false,
            }
        })
    };
    // Upgrade counts only where Connection names it (RFC 9110, 7.8).
    let switches = names("upgrade", None) && names("connection", Some("upgrade"));
    let request_line = upstream.request_line.rsplit_once(' ').map_or("", |(line, _)| line).to_string();
    Answer::Sent { address: upstream.address.clone(), request_line, headers, switches }
}

/// Upgrade and Connection, also with something stuck to the name.
fn is_of_hop(name: &str) -> bool {
    ["upgrade", "connection"].iter().any(|header| is_header(name.as_bytes(), header))
}
