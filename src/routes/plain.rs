//! Which plain requests a route gets beside its handshakes, as far as its place tells. Knows no header.

use super::Route;
use super::intent::{is_polling_path, is_websocket_backend, is_websocket_host, is_websocket_path};
use super::nginx::mentions_upgrade;
use crate::effective::BlockId;
use crate::effective::nginx::directives::{IF_LOCATION, IF_SERVER, LOCATION};
use crate::effective::nginx::{Config, names, values};
use crate::effective::regex::Pattern;
use crate::syntax::Word;
use crate::tree::Tree;

/// Why plain requests come to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// It serves every path that no other location takes.
    EveryPath,
    /// What it serves begins with plain requests, or falls back to them (Socket.IO, SockJS, SignalR).
    Polling,
    /// Nothing says that they do, nor that they don't.
    Perhaps,
}

/// Why plain requests come to a route; None where it is for WebSockets alone, or where nothing is known.
pub fn plain_requests(tree: &Tree, config: &Config, route: &Route) -> Option<Plain> {
    let location = config.enclosing(route.block, LOCATION)?;
    let words: Vec<Word> = tree.directive(config.block(location).node?).args().collect();
    if words.iter().any(|word| word.is_hole()) || is_guarded(tree, config, route) {
        return None;
    }
    let path = words.last()?.value();
    if is_polling_path(&path) {
        return Some(Plain::Polling);
    }
    if is_websocket_path(&path)
        || is_websocket_backend(&route.backend.host)
        || has_websocket_host(tree, config, route)
    {
        return None;
    }
    let modifier = words.iter().rev().nth(1).map(Word::value).unwrap_or_default();
    let everything = match &*modifier {
        b"" | b"^~" => *path == *b"/",
        b"~" | b"~*" => matches_everything(&path, &*modifier == b"~*"),
        _ => false,
    };
    Some(if everything { Plain::EveryPath } else { Plain::Perhaps })
}

fn matches_everything(pattern: &[u8], caseless: bool) -> bool {
    let paths: [&[u8]; 3] = [b"/", b"/index.html", b"/api/items/1"];
    let pattern = Pattern::new(pattern, caseless);
    pattern.is_some_and(|pattern| paths.iter().all(|path| pattern.is_match(path) == Some(true)))
}

/// Whether a condition on the client's Upgrade leads here, or turns other requests away.
pub fn is_guarded(tree: &Tree, config: &Config, route: &Route) -> bool {
    let asks = |block: BlockId| {
        let condition =
            config.block(block).node.filter(|_| config.block(block).context & (IF_LOCATION | IF_SERVER) != 0);
        condition.is_some_and(|node| {
            let mentions = |word: Word| {
                values::variables(&word.value()).any(|name| mentions_upgrade(config, tree, name))
            };
            tree.directive(node).args().any(mentions)
        })
    };
    let turns_away = |level: BlockId| {
        config.conditions(level).any(|inner| asks(inner) && config.own(inner, names::PROXY_PASS).len() == 0)
    };
    asks(route.block) || config.chain(route.block).any(turns_away)
}

fn has_websocket_host(tree: &Tree, config: &Config, route: &Route) -> bool {
    let mut lines = route.server.into_iter().flat_map(|server| config.own(server, names::SERVER_NAME));
    lines.any(|node| tree.directive(node).args().any(|name| is_websocket_host(&name.show())))
}
