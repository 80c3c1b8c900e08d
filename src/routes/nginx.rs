//! The routes of an nginx configuration. Knows what `proxy_pass` and `proxy_set_header` mean, no rule.

use hashbrown::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::intent::{is_websocket_backend, is_websocket_path};
use super::model::Handshake;
use super::{Backend, By, Header, Headers, Intent, Route, Timeouts, has_token};
use crate::effective::nginx::directives::{IF_LOCATION, LIMIT_EXCEPT, LOCATION, SERVER};
use crate::effective::nginx::{Config, Evaluator, names, values};
use crate::effective::regex;
use crate::effective::{BlockId, Value};
use crate::finding::RouteName;
use crate::tree::{NodeRef, Tree};

/// Lines that are looked at in one go.
const CHUNK: usize = 512;

/// Every route, in the order of the tree.
pub fn routes(tree: &Tree, config: &Config, threads: usize) -> Vec<Route> {
    let mut lines = config.everywhere(names::PROXY_PASS).to_vec();
    lines.retain(|&(block, _)| config.block(block).context & (LOCATION | IF_LOCATION | LIMIT_EXCEPT) != 0);
    lines.dedup_by_key(|(block, _)| *block);
    let chunks: Vec<&[_]> = lines.chunks(CHUNK).collect();
    let found = regex::run(
        threads,
        chunks.len(),
        || Finder::new(tree, config),
        |finder, chunk| {
            chunks[chunk].iter().map(|&(block, node)| finder.found(block, node)).collect::<Vec<_>>()
        },
    );
    judge_intent(config, found)
}

struct Finder<'a> {
    tree: &'a Tree,
    config: &'a Config,
    handshake: Evaluator<'a>,
    /// What each block's level sets, found once however many routes inherit it.
    levels: Vec<Option<Rc<Level>>>,
    /// The server asked about last, and its name: routes come server by server.
    last_server: Option<(BlockId, Arc<str>)>,
}

/// A route, and what tells of its intent.
struct Found {
    route: Route,
    /// What the deciding level says of Upgrade and Connection.
    asks: Asks,
    /// The deciding level is the route's own location.
    own: bool,
    named: bool,
    /// Evidence that is no upgrade header in force.
    otherwise: bool,
}

/// The headers of a level that touch the handshake.
#[derive(Default)]
struct Level {
    lines: Vec<NodeRef>,
    asks: Asks,
}

/// Whether the upgrade headers are set, and if so whether to ask for an upgrade.
#[derive(Clone, Copy, Default)]
struct Asks {
    upgrade: Option<bool>,
    connection: Option<bool>,
}

impl Asks {
    fn asks(self) -> bool {
        self.upgrade == Some(true) || self.connection == Some(true)
    }

    /// Another value says that plain requests are meant.
    fn is_plain(self) -> bool {
        self.upgrade == Some(false) || self.connection == Some(false)
    }
}

impl<'a> Finder<'a> {
    fn new(tree: &'a Tree, config: &'a Config) -> Self {
        let handshake = Evaluator::new(tree, config, &Handshake);
        Self { tree, config, handshake, levels: vec![None; config.blocks().len()], last_server: None }
    }

    fn found(&mut self, block: BlockId, node: NodeRef) -> Found {
        let route = self.route(block, node);
        let level = route.headers.level;
        let asks = level.map(|level| self.level(level).asks).unwrap_or_default();
        let own = level.is_some_and(|level| level == block || self.is_same_location(level, block));
        let named = self.is_named(&route);
        let otherwise = !(asks.asks() && (own || named)) && self.is_written_otherwise(&route);
        Found { route, asks, own, named, otherwise }
    }

    fn route(&mut self, block: BlockId, node: NodeRef) -> Route {
        let (tree, config) = (self.tree, self.config);
        let server = config.enclosing(block, SERVER);
        let name = RouteName { server: self.server_name(server), matcher: self.matcher(block) };
        let broken = config.chain(block).any(|around| {
            let around = config.block(around);
            around.broken && around.context & (LOCATION | IF_LOCATION | LIMIT_EXCEPT | SERVER) != 0
        });
        Route {
            name,
            server,
            block,
            node,
            by: By::Block,
            backend: self.backend(node),
            headers: self.headers(block),
            http_version: config.proxy_http_version(tree, block),
            timeouts: Timeouts {
                read: config.time(tree, block, names::PROXY_READ_TIMEOUT),
                backend_send: config.time(tree, block, names::PROXY_SEND_TIMEOUT),
                client_send: config.time(tree, block, names::SEND_TIMEOUT),
            },
            intent: Intent::None,
            broken,
            contracts: Vec::new(),
        }
    }

    /// `name:port` of a server, by its first name and first port.
    fn server_name(&mut self, server: Option<BlockId>) -> Arc<str> {
        let Some(server) = server else { return "".into() };
        if let Some((known, name)) = &self.last_server
            && *known == server
        {
            return name.clone();
        }
        let first = |name| {
            let directive = self.config.own(server, name).next()?;
            Some(self.tree.directive(directive).arg(0)?.show())
        };
        let host = first(names::SERVER_NAME).filter(|name| !name.is_empty()).unwrap_or_else(|| "_".into());
        let listen = first(names::LISTEN).unwrap_or_else(|| "80".into());
        let port = match listen.rsplit_once(':') {
            Some((_, port)) if !listen.ends_with(']') => port,
            _ if listen.bytes().all(|byte| byte.is_ascii_digit()) => &listen,
            _ => "80",
        };
        let name: Arc<str> = format!("{host}:{port}").into();
        self.last_server = Some((server, name.clone()));
        name
    }

    /// What the location matches, as written.
    fn matcher(&self, block: BlockId) -> String {
        let location = self.config.enclosing(block, LOCATION).and_then(|block| self.config.block(block).node);
        let Some(node) = location else { return String::new() };
        let mut words = self.tree.directive(node).args();
        let first = words.next().map(|word| word.show()).unwrap_or_default();
        words.fold(first, |text, word| text + " " + &word.show())
    }

    fn backend(&self, node: NodeRef) -> Backend {
        let word = self.tree.directive(node).arg(0);
        let hole = word.is_some_and(|word| word.is_hole());
        let text = word.map(|word| word.show()).unwrap_or_default();
        let (scheme, rest) = text.split_once("://").unwrap_or(("", &text));
        let address = rest.split('/').next().unwrap_or_default();
        let host = match address.rsplit_once(':') {
            Some((host, _)) if !address.ends_with(']') => host,
            _ => address,
        };
        let known =
            |text: &str| if hole || text.contains('$') { String::new() } else { text.to_ascii_lowercase() };
        let host = known(host);
        let upstream = self.config.upstreams.get(host.as_bytes()).copied();
        Backend { scheme: known(scheme), host, upstream, text }
    }

    fn headers(&mut self, block: BlockId) -> Headers {
        let inherited = self.config.inherited(block, names::PROXY_SET_HEADER);
        let lines = inherited.level.map(|level| self.level(level)).unwrap_or_default();
        let mut written = Vec::with_capacity(lines.lines.len());
        for &at in &lines.lines {
            let directive = self.tree.directive(at);
            let (Some(name), Some(value)) = (directive.arg(0), directive.arg(1)) else { continue };
            let name = name.value().into_owned();
            let value = match value.is_hole() {
                true => Value::Unknown("a template's expression".into()),
                false => self.handshake.evaluate(block, &value.value()),
            };
            written.push(Header { name, value, at });
        }
        let lost = self.lost(inherited.level);
        Headers { level: inherited.level, lost, opaque: inherited.opaque, written }
    }

    fn level(&mut self, level: BlockId) -> Rc<Level> {
        if let Some(known) = &self.levels[level.0 as usize] {
            return known.clone();
        }
        let mut found = Level::default();
        for at in self.config.own(level, names::PROXY_SET_HEADER) {
            let directive = self.tree.directive(at);
            let (Some(name), Some(value)) = (directive.arg(0), directive.arg(1)) else { continue };
            let name = name.value();
            if !is_handshake_header(&name) {
                continue;
            }
            found.lines.push(at);
            let value = value.value();
            if is_header(&name, "upgrade") {
                *found.asks.upgrade.get_or_insert(false) |= !value.is_empty();
            } else if is_header(&name, "connection") {
                let dynamic =
                    values::variables(&value).any(|name| mentions_upgrade(self.config, self.tree, name));
                *found.asks.connection.get_or_insert(false) |= dynamic || has_token(&value, "upgrade");
            }
        }
        let found = Rc::new(found);
        self.levels[level.0 as usize] = Some(found.clone());
        found
    }

    /// The nearest level outside the deciding one that sets an upgrade header which the deciding one lacks.
    fn lost(&mut self, level: Option<BlockId>) -> Option<BlockId> {
        let level = level?;
        let own = self.level(level).asks;
        let config = self.config;
        config.chain(level).skip(1).find(|&outer| {
            let outer = self.level(outer).asks;
            (outer.upgrade == Some(true) && own.upgrade.is_none())
                || (outer.connection == Some(true) && own.connection.is_none())
        })
    }

    /// Whether both blocks are the same location, or an `if` or `limit_except` inside it.
    fn is_same_location(&self, level: BlockId, block: BlockId) -> bool {
        self.config.block(level).context & LOCATION != 0
            && self.config.enclosing(block, LOCATION) == Some(level)
    }

    fn is_named(&self, route: &Route) -> bool {
        let path =
            self.config.enclosing(route.block, LOCATION).and_then(|block| self.config.block(block).node);
        let path = path.and_then(|node| self.tree.directive(node).args().next_back());
        path.is_some_and(|word| is_websocket_path(&word.value())) || is_websocket_backend(&route.backend.host)
    }

    /// Evidence that is no upgrade header in force: one in the wrong directive, a scheme of WebSockets, a branch on
    /// the client's Upgrade.
    fn is_written_otherwise(&self, route: &Route) -> bool {
        let asks =
            |word: &[u8]| values::variables(word).any(|name| mentions_upgrade(self.config, self.tree, name));
        if matches!(route.backend.scheme.as_str(), "ws" | "wss") || asks(route.backend.text.as_bytes()) {
            return true;
        }
        let location = self.config.enclosing(route.block, LOCATION);
        let blocks = [Some(route.block), location.filter(|&location| location != route.block)];
        blocks.into_iter().flatten().any(|block| {
            let condition =
                self.config.block(block).node.filter(|_| self.config.block(block).context & IF_LOCATION != 0);
            let branches = condition
                .is_some_and(|node| self.tree.directive(node).args().any(|word| asks(&word.value())));
            let wrong = [names::ADD_HEADER, names::PROXY_PASS_HEADER].into_iter().any(|name| {
                self.config.own(block, name).any(|node| {
                    let line = self.tree.directive(node);
                    let upgrade = line.arg(0).is_some_and(|word| is_header(&word.value(), "upgrade"));
                    upgrade
                        && line
                            .arg(1)
                            .is_none_or(|word| asks(&word.value()) || has_token(&word.value(), "websocket"))
                })
            });
            branches || wrong
        })
    }
}

/// The routes with their intent, which hangs on the others too.
fn judge_intent(config: &Config, found: Vec<Vec<Found>>) -> Vec<Route> {
    // How many routes live off each level's headers, and how many below a level still ask for an upgrade.
    let mut inheriting: HashMap<BlockId, usize> = HashMap::new();
    let mut carrying: HashSet<BlockId> = HashSet::new();
    for Found { route, asks, .. } in found.iter().flatten() {
        let Some(level) = route.headers.level else { continue };
        *inheriting.entry(level).or_default() += 1;
        if asks.asks() {
            carrying.extend(config.chain(route.block));
        }
    }
    let judge = |Found { mut route, asks, own, named, otherwise }| {
        let (level, lost) = (route.headers.level, route.headers.lost);
        let sole = level.is_some_and(|level| inheriting.get(&level) == Some(&1));
        let lost = lost.is_some_and(|outer| named || !(asks.is_plain() || carrying.contains(&outer)));
        route.intent = match () {
            () if asks.asks() && (own || named || sole) => Intent::Written,
            () if otherwise => Intent::Written,
            () if lost => Intent::Lost,
            () if named => Intent::Named,
            () => Intent::None,
        };
        route
    };
    let mut routes = Vec::with_capacity(found.iter().map(Vec::len).sum());
    // Chunk by chunk, so that not all of them are there twice.
    for chunk in found {
        routes.extend(chunk.into_iter().map(judge));
    }
    routes
}

/// Whether a variable's value depends on the client's Upgrade header, or is meant to.
pub fn mentions_upgrade(config: &Config, tree: &Tree, name: &[u8]) -> bool {
    let is_upgrade = |name: &[u8]| {
        name.eq_ignore_ascii_case(b"http_upgrade") || name.eq_ignore_ascii_case(b"connection_upgrade")
    };
    is_upgrade(name)
        || config.map(name).is_some_and(|map| values::variables(&map.source(tree).value()).any(is_upgrade))
}

/// Whether a header name as written is, or is meant to be, this one: what is stuck to it makes another name of it.
pub fn is_header(written: &[u8], name: &str) -> bool {
    // What is stuck to a name only makes it longer.
    written.len() >= name.len() && bare(written).eq_ignore_ascii_case(name.as_bytes())
}

/// A word without what gets stuck to it in typing and copying and means nothing to nginx: a colon or comma,
/// quotation marks (those of Windows-1252 too), spaces that look like none.
pub fn bare(written: &[u8]) -> &[u8] {
    const STUCK: [&str; 10] = ["“", "”", "‘", "’", "«", "»", "：", "\u{a0}", "\u{200b}", "\u{feff}"];
    let is_stuck = |byte: u8| matches!(byte, b':' | b',' | b';' | b'\'' | b'"' | b'=' | b' ' | 0x91..=0x94);
    let mut rest = written;
    loop {
        rest = match rest {
            plain @ [first, .., last] if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => {
                return plain;
            }
            [first, inner @ ..] if is_stuck(*first) => inner,
            [inner @ .., last] if is_stuck(*last) => inner,
            word => {
                let without = |stuck: &&str| {
                    word.strip_prefix(stuck.as_bytes()).or_else(|| word.strip_suffix(stuck.as_bytes()))
                };
                match STUCK.iter().find_map(without) {
                    Some(inner) => inner,
                    None => return word,
                }
            }
        }
    }
}

fn is_handshake_header(written: &[u8]) -> bool {
    const HEADERS: [&str; 8] = [
        "connection",
        "host",
        "origin",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "upgrade",
    ];
    let written = bare(written);
    HEADERS.iter().any(|name| written.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stuck_to_a_name_does_not_hide_which_one_is_meant() {
        let written: [&[u8]; 8] = [
            b"Upgrade",
            b"upgrade:",
            b"Upgrade,",
            "“Upgrade”".as_bytes(),
            b"\x93Upgrade\x94",
            b"\"Upgrade\"",
            "Upgrade\u{200b}".as_bytes(),
            "Upgrade：".as_bytes(),
        ];
        for name in written {
            assert!(is_header(name, "upgrade"), "{}", String::from_utf8_lossy(name));
        }
        for other in ["", ":", "“", "Upgrade-Insecure-Requests", "X-Upgrade", "Üpgrade"] {
            assert!(!is_header(other.as_bytes(), "upgrade"), "{other}");
        }
    }
}
