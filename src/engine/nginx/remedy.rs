//! The lines that bring a handshake to the backend, as far as a route lacks them, as text and as edits. Knows what to
//! write and where, not which rule asks.

use super::Facts;
use crate::effective::nginx::directives::{HTTP, LOCATION, SERVER};
use crate::effective::nginx::names::{PROXY_HTTP_VERSION, PROXY_PASS, PROXY_SET_HEADER};
use crate::effective::nginx::versions::NEW_PROXY_DEFAULTS;
use crate::effective::nginx::{Evaluator, Map};
use crate::effective::{BlockId, Setting, Value};
use crate::engine::fixes::Repair;
use crate::finding::{Fix, Safety};
use crate::routes::plain::plain_requests;
use crate::routes::{Route, has_token};
use crate::tree::NodeRef;

/// The client's own token, or no header where the client sends none.
pub const UPGRADE_LINE: &str = "proxy_set_header Upgrade $http_upgrade;";

pub const VERSION_LINE: &str = "proxy_http_version 1.1;";

const MAP_VARIABLE: &str = "connection_upgrade";

/// What Connection is to say.
pub struct Connection {
    /// `$connection_upgrade`, or the constant.
    pub value: String,
    /// The map that the variable still lacks.
    map: Option<NewMap>,
    /// Plain requests are not told to upgrade.
    pub follows: bool,
    /// There are plain requests which that matters to.
    shared: bool,
}

struct NewMap {
    lines: Vec<String>,
    /// Where it goes.
    above: NodeRef,
}

impl Connection {
    pub fn line(&self) -> String {
        format!("proxy_set_header Connection {};", self.value)
    }

    /// The line, and the map that goes with it.
    pub fn text(&self) -> String {
        match &self.map {
            Some(map) => format!("{}\n\n# once, in http\n{}", self.line(), map.lines.join("\n")),
            None => self.line(),
        }
    }

    pub fn safety(&self) -> Safety {
        if self.follows || !self.shared { Safety::Safe } else { Safety::Unsafe }
    }

    /// Edits with those for the map.
    pub fn defined<'t>(&self, repair: Repair<'t>) -> Repair<'t> {
        match &self.map {
            Some(map) => {
                let lines: Vec<&str> = map.lines.iter().map(String::as_str).chain([""]).collect();
                repair.above(map.above, &lines)
            }
            None => repair,
        }
    }
}

/// A handshake's settings on their way into a block.
pub struct Forwarding<'t> {
    repair: Repair<'t>,
    /// What is set, for a title.
    parts: Vec<&'static str>,
    block: String,
    connection: Option<Connection>,
    /// What else changes by it.
    changes: Option<&'static str>,
}

impl<'t> Forwarding<'t> {
    /// Further edits.
    pub fn with(self, edit: impl FnOnce(Repair<'t>) -> Repair<'t>) -> Self {
        Self { repair: edit(self.repair), ..self }
    }

    /// It changes something for other requests too.
    pub fn changing(self, what: &'static str) -> Self {
        Self { changes: Some(what), ..self }
    }

    pub fn fix(self) -> Option<Fix> {
        let Self { repair, parts, block, connection, changes } = self;
        let parts = match &parts[..] {
            [] => return None,
            [one] => (*one).to_string(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        };
        let map = connection.as_ref().is_some_and(|connection| connection.map.is_some());
        let title = format!("set {parts} in `{block}`{}", if map { ", with a map for it" } else { "" });
        let unsafe_constant = connection.as_ref().is_some_and(|one| one.safety() == Safety::Unsafe);
        let changes = changes.or(unsafe_constant.then_some("plain requests say `Connection: upgrade` too"));
        let repair = connection.iter().fold(repair, |repair, connection| connection.defined(repair));
        match changes {
            None => repair.safe(title),
            Some(changes) => repair.risky(format!("{title}; {changes}")),
        }
    }
}

impl<'a> Facts<'a> {
    /// Where settings for a block's requests may be written: `if` and `limit_except` take none, the location
    /// around them does.
    pub fn settings_place(&self, block: BlockId) -> BlockId {
        self.config.enclosing(block, LOCATION).unwrap_or(block)
    }

    /// Whether the directive stands at that place itself, so that it is edited rather than overruled.
    pub fn is_written_at(&self, place: BlockId, directive: NodeRef) -> bool {
        self.config.own(place, self.directive(directive).name_id()).any(|node| node == directive)
    }

    /// Whether handshakes go out in another version than 1.1.
    fn lacks_version(&self, route: &Route) -> bool {
        match route.http_version {
            Setting::Default { .. } => !self.config.always_since(NEW_PROXY_DEFAULTS),
            Setting::Written { value, .. } => value != 11,
            Setting::Absent | Setting::Opaque => false,
        }
    }

    /// The version's line where the route lacks it; none where `place` has one, because a second is refused.
    pub fn missing_version(&self, route: &Route, place: BlockId) -> Option<String> {
        let free = self.config.own(place, PROXY_HTTP_VERSION).len() == 0;
        (self.lacks_version(route) && free).then(|| VERSION_LINE.to_string())
    }

    /// A Connection header that asks for the upgrade: by a map that the configuration has for it or may be given, else
    /// the constant.
    pub fn connection(&self, route: &Route) -> Connection {
        let upgrades = |evaluator: &Evaluator, map: &Map| match evaluator
            .evaluate(route.block, &[b"$", &map.name[..]].concat())
        {
            Value::Known(value) => Some(has_token(&value, "upgrade")),
            Value::Unknown(_) => None,
        };
        let asks = |map: &&Map| upgrades(&self.handshake, map) == Some(true);
        let follows = |map: &&Map| asks(map) && upgrades(&self.plain, map) == Some(false);
        let shared = plain_requests(self.tree, self.config, route).is_some();
        let by = |map: &Map, follows| Connection {
            shared,
            value: format!("${}", String::from_utf8_lossy(&map.name)),
            map: None,
            follows,
        };
        let maps = &self.config.maps;
        if let Some(map) = maps.iter().find(follows) {
            return by(map, true);
        }
        if let Some(above) = self.map_place().filter(|_| !self.config.defines(MAP_VARIABLE.as_bytes())) {
            // An upstream may keep connections open, which `close` would end.
            let idle = if route.backend.upstream.is_some() { "''" } else { "close" };
            let lines = format!(
                "map $http_upgrade ${MAP_VARIABLE} {{\n    default upgrade;\n    ''      {idle};\n}}"
            );
            let lines = lines.lines().map(str::to_string).collect();
            let map = Some(NewMap { lines, above });
            return Connection { value: format!("${MAP_VARIABLE}"), map, follows: true, shared };
        }
        match maps.iter().find(asks) {
            Some(map) => by(map, false),
            None => Connection { value: "\"upgrade\"".to_string(), map: None, follows: false, shared },
        }
    }

    /// The same for a route that is for WebSockets alone: there the constant does.
    pub fn announcement(&self, route: &Route) -> Connection {
        match plain_requests(self.tree, self.config, route) {
            Some(_) => self.connection(route),
            None => Connection { value: "\"upgrade\"".to_string(), map: None, follows: false, shared: false },
        }
    }

    /// Above what a map goes that the configuration lacks: what brings in the first server of its `http`. None where
    /// it may have one that was not seen.
    pub fn map_place(&self) -> Option<NodeRef> {
        let config = self.config;
        let (http, _) =
            config.blocks().find(|(_, block)| block.context == HTTP).filter(|_| config.complete)?;
        let server = config.children(http).find(|&block| config.block(block).context == SERVER)?;
        Some(self.site_in(http, config.block(server).node?))
    }

    /// The inherited headers that a block of a route would lose by one of its own, but for `Upgrade` and what `replaced`
    /// names.
    pub fn kept_headers(&self, route: &Route, place: BlockId, replaced: &[&str]) -> Vec<String> {
        let level = route.headers.level.filter(|&level| level != place);
        let lines = level.into_iter().flat_map(|level| self.config.own(level, PROXY_SET_HEADER));
        let stays = |node: &NodeRef| {
            let name = self.directive(*node).arg(0).map(|word| word.value()).unwrap_or_default();
            !replaced.iter().any(|replaced| name.eq_ignore_ascii_case(replaced.as_bytes()))
        };
        lines.filter(stays).map(|node| format!("{};", self.text(node))).collect()
    }

    /// What a handshake needs in `place`, the level whose headers decide or will: what is wrong there is corrected, what
    /// is missing is added, with `kept` lines that the level would otherwise no longer inherit.
    pub fn forward(&self, route: &Route, place: BlockId, kept: &[String]) -> Forwarding<'a> {
        let mut repair = self.repair();
        let mut lines: Vec<String> = Vec::new();
        let mut parts = Vec::new();
        if self.lacks_version(route) {
            parts.push(VERSION_LINE.trim_end_matches(';'));
            match self.config.own(place, PROXY_HTTP_VERSION).next() {
                Some(node) => repair = repair.word(node, 0, "1.1"),
                None => lines.push(VERSION_LINE.to_string()),
            }
        }
        lines.extend_from_slice(kept);
        let own = |name: &str| {
            let written = route.headers.named(name).next_back();
            written.filter(|_| route.headers.level == Some(place)).map(|header| header.at)
        };
        let mut changes = None;
        if route.headers.carries("upgrade", "websocket") == Some(false) {
            parts.push("Upgrade");
            match own("upgrade") {
                Some(node) => {
                    if self.switches_plain(route) {
                        changes = Some("plain requests no longer ask for another protocol");
                    }
                    repair = repair.word(node, 1, "$http_upgrade");
                }
                None => lines.push(UPGRADE_LINE.to_string()),
            }
        }
        let mut connection = None;
        if route.headers.carries("connection", "upgrade") == Some(false) {
            parts.push("Connection");
            let wanted = self.connection(route);
            match own("connection") {
                Some(node) => repair = repair.word(node, 1, &wanted.value),
                None => lines.push(wanted.line()),
            }
            connection = Some(wanted);
        }
        let repair = self.in_block(repair, place, route, &lines);
        Forwarding { repair, parts, block: self.block_name(place), connection, changes }
    }

    /// Whether plain requests too tell the backend to switch to some protocol.
    pub fn switches_plain(&self, route: &Route) -> bool {
        let has = |name: &str, token: Option<&str>| {
            route.headers.named(name).any(|header| {
                let word = self.directive(header.at).arg(1).filter(|word| !word.is_hole());
                let value = word.map(|word| self.plain.evaluate(route.block, &word.value()));
                matches!(value, Some(Value::Known(value)) if token.map_or(!value.is_empty(), |token| has_token(&value, token)))
            })
        };
        has("upgrade", None) && has("connection", Some("upgrade"))
    }

    /// The fix that writes lines, those of a map apart, into a block which lacks them.
    pub fn repeat(&self, route: &Route, block: BlockId, lines: &[String]) -> Option<Fix> {
        let lines: Vec<String> =
            lines.iter().filter_map(|line| line.lines().next()).map(str::to_string).collect();
        let connection = self.connection(route);
        let uses = |line: &String| *line == connection.line();
        let repair = self.in_block(self.repair(), block, route, &lines);
        let title = format!(
            "write {} in `{}` too",
            lines.iter().map(|line| title_of(line)).collect::<Vec<_>>().join(", "),
            self.block_name(block)
        );
        match lines.iter().any(uses) {
            true => connection.defined(repair).with(connection.safety(), title),
            false => repair.safe(title),
        }
    }

    /// The fix that brings handshakes on by a line at which they arrive.
    pub fn forward_by(&self, by: NodeRef) -> Option<Fix> {
        let route = self.routes.iter().find(|route| route.node == by)?;
        let lacks = |name, token| route.headers.carries(name, token) == Some(false);
        let upgrade = lacks("upgrade", "websocket").then_some("Upgrade");
        let connection = lacks("connection", "upgrade").then_some("Connection");
        let replaced: Vec<&str> = upgrade.into_iter().chain(connection).collect();
        let place = self.settings_place(route.block);
        // Headers stay inherited where none is written.
        let kept = if replaced.is_empty() { Vec::new() } else { self.kept_headers(route, place, &replaced) };
        self.forward(route, place, &kept).fix()
    }

    /// Lines among the settings of a block: below its last header, else below what proxies, else at its beginning.
    pub fn in_block(
        &self,
        repair: Repair<'a>,
        block: BlockId,
        route: &Route,
        lines: &[String],
    ) -> Repair<'a> {
        let home = self.config.block(block).node;
        let last = |name| self.config.own(block, name).next_back();
        let beside = last(PROXY_SET_HEADER).or_else(|| last(PROXY_PASS));
        match (beside, home) {
            (Some(node), _) => repair.below(self.site_in(block, node), lines),
            (None, Some(home)) => repair.inside(home, lines),
            (None, None) => repair.above(route.node, lines),
        }
    }
}

/// A line's directive and its first word: `proxy_set_header Upgrade`.
fn title_of(line: &str) -> String {
    line.trim_end_matches(';').split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}
