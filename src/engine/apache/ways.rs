//! The paths at which a client would open a route's WebSocket in httpd, and what becomes of handshakes for them. Knows
//! no rule.

use std::rc::Rc;

use super::Facts;
use crate::effective::Value;
use crate::effective::apache::directives::Section;
use crate::effective::apache::names;
use crate::effective::apache::proxy::Pass;
use crate::effective::apache::rewrite::{ConditionLine, ConditionTest, Piece, RuleLine, pieces};
use crate::effective::apache::section::Matcher;
use crate::effective::apache::server::ServerId;
use crate::effective::sample::sample;
use crate::handshake::apache::{Outcome, Passage};
use crate::routes::apache::own_path;
use crate::routes::{By, Route};
use crate::tree::NodeRef;

/// A path, with a query where one is asked for, and what becomes of a browser's handshake for it.
pub struct Way {
    pub path: Vec<u8>,
    pub passage: Passage,
}

/// Paths that are asked for a route.
const MAX_PATHS: usize = 2;

/// Headers that not every browser's handshake has, or that a proxy in front may add.
const UNCERTAIN: [&str; 15] = [
    "Accept-Language",
    "CF-Visitor",
    "Cookie",
    "Forwarded",
    "Front-End-Https",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Forwarded-Protocol",
    "X-Forwarded-Scheme",
    "X-Forwarded-Ssl",
    "X-Real-IP",
    "X-Url-Scheme",
];

/// What rewrite conditions ask of a request that is made up to fit, or that is a browser's in any case.
const FITTING: [&str; 12] = [
    "document_root",
    "http:connection",
    "http:upgrade",
    "http_connection",
    "http_upgrade",
    "https",
    "query_string",
    "request_filename",
    "request_method",
    "request_scheme",
    "request_uri",
    "script_filename",
];

impl Way {
    /// The line that sends it on, and whether that one upgrades.
    pub fn sent_by(&self) -> Option<(NodeRef, bool)> {
        match &self.passage.outcome {
            Outcome::Forwarded(forwarded) => Some((forwarded.by, forwarded.upgrades)),
            _ => None,
        }
    }

    pub fn upgrades(&self) -> bool {
        self.sent_by().is_some_and(|(_, upgrades)| upgrades)
    }

    /// Whether a rewrite rule was looked at on the way.
    pub fn looked_at(&self, rule: NodeRef) -> bool {
        self.passage.looks.iter().any(|&(at, _)| at == rule)
    }

    /// For a message.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }
}

impl<'a> Facts<'a> {
    /// What becomes of handshakes for the paths that a route is for, by what all browsers send alike; none where no
    /// such path is known.
    pub fn ways(&self, route: &Route) -> Rc<Vec<Way>> {
        if let Some((known, ways)) = &*self.last_ways.borrow()
            && *known == route.node
        {
            return Rc::clone(ways);
        }
        let server = self.server_of(route);
        let way = |path: Vec<u8>| Way { passage: self.socket_passage(server, &path, &[]), path };
        let ways = Rc::new(self.paths(route).into_iter().map(way).collect::<Vec<_>>());
        *self.last_ways.borrow_mut() = Some((route.node, Rc::clone(&ways)));
        ways
    }

    /// What becomes of a handshake for a path, perhaps with a query, at which there is no file; each of `headers`
    /// replaces a browser's own.
    pub fn socket_passage(&self, server: ServerId, path: &[u8], headers: &[(&str, &str)]) -> Passage {
        let (path, query) = match path.iter().position(|&byte| byte == b'?') {
            Some(mark) => path.split_at(mark),
            None => (path, &b""[..]),
        };
        let mut request = self.tracer.handshake(server, path);
        request.target.extend_from_slice(query);
        for (name, value) in headers {
            request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name.as_bytes()));
            request.headers.push((name.as_bytes().to_vec(), Value::Known(value.as_bytes().to_vec())));
        }
        let uncertain = UNCERTAIN.map(|name| (name.as_bytes().to_vec(), Value::Unknown(name.to_string())));
        request.headers.extend(uncertain);
        self.tracer.pass_as_socket(&request, server)
    }

    /// The paths, perhaps with queries, at which a client would open the route's WebSocket.
    fn paths(&self, route: &Route) -> Vec<Vec<u8>> {
        if let Some(path) = own_path(self.tree, self.config, route) {
            let below: &[u8] = if path.ends_with(b"/") { b"room" } else { b"/room" };
            return vec![path.clone(), [&path, below].concat()];
        }
        let mut paths = match route.by {
            By::Rewrite { .. } => self.rewrite_paths(route),
            By::Pass { .. } | By::Section { .. } => {
                self.pass(route).map_or_else(Vec::new, |pass| self.pass_paths(route, pass))
            }
            By::Block | By::Handler => Vec::new(),
        };
        paths.truncate(MAX_PATHS);
        paths
    }

    fn pass_paths(&self, route: &Route, pass: &Pass) -> Vec<Vec<u8>> {
        let Some(pattern) = &pass.pattern else { return Vec::new() };
        let section = self.config.block(route.block).node.map(|node| self.directive(node));
        let section = section.filter(|_| matches!(route.by, By::Section { .. })).map(Matcher::new);
        let filled: Vec<u8> =
            pass.path.iter().map(|&byte| if b"*?".contains(&byte) { b's' } else { byte }).collect();
        let candidates = std::iter::once(filled).chain(made_up(&pass.path));
        candidates
            .filter(|path| {
                let is_for = section.as_ref().is_none_or(|section| section.matches(path) == Some(true));
                path.starts_with(b"/") && is_for && pattern.is_match(path) == Some(true)
            })
            .collect()
    }

    fn rewrite_paths(&self, route: &Route) -> Vec<Vec<u8>> {
        let block = self.config.block(route.block);
        match block.section {
            Section::Main | Section::VirtualHost => {}
            Section::Location => {
                let matcher = block.node.map(|node| Matcher::new(self.directive(node)));
                return match matcher {
                    Some(Matcher::Prefix(path)) if path.starts_with(b"/") => vec![path],
                    _ => Vec::new(),
                };
            }
            Section::Directory => return self.directory_paths(route),
            _ => return Vec::new(),
        }
        let Some(line) = self.rule_line(route) else { return Vec::new() };
        self.fitting_paths(line, self.server_of(route))
    }

    /// Paths that a rule in the list of a server is for.
    pub fn fitting_paths(&self, line: &RuleLine, server: ServerId) -> Vec<Vec<u8>> {
        let conditions = || line.conditions.iter().map(|line| &line.condition);
        let patterns_of = |name: &'static [u8]| {
            conditions().filter_map(move |condition| match &condition.test {
                ConditionTest::Pattern(pattern) if is_just(&condition.input, name) => {
                    Some((pattern, condition.negated))
                }
                _ => None,
            })
        };
        let has_choice = conditions().any(|condition| condition.or_next);
        let mut candidates = if line.rule.negated { Vec::new() } else { made_up(&line.rule.pattern.text) };
        let asked = patterns_of(b"REQUEST_URI").filter(|(_, negated)| !negated);
        candidates.splice(..0, asked.flat_map(|(pattern, _)| made_up(&pattern.text)));
        candidates.push(b"/ws".to_vec());
        let query = patterns_of(b"QUERY_STRING").find(|(_, negated)| !negated);
        let query = query.and_then(|(pattern, _)| samples(&pattern.text).pop());
        let fits = |path: &Vec<u8>| {
            let matches = |pattern: &crate::effective::apache::rewrite::Pattern| {
                pattern.compiled.as_ref().and_then(|compiled| compiled.is_match(path))
            };
            path.starts_with(b"/")
                && matches(&line.rule.pattern) == Some(!line.rule.negated)
                && (has_choice
                    || patterns_of(b"REQUEST_URI")
                        .all(|(pattern, negated)| matches(pattern) == Some(!negated)))
        };
        let mut paths: Vec<Vec<u8>> = Vec::new();
        for path in candidates.into_iter().filter(fits) {
            let path = match &query {
                Some(query) => [&path, &b"?"[..], query].concat(),
                None => path,
            };
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let holds = |path: &Vec<u8>| {
            let end = path.iter().position(|&byte| byte == b'?').unwrap_or(path.len());
            let request = self.tracer.handshake(server, &path[..end]);
            line.conditions.iter().all(|condition| {
                asks_only_what_fits(condition)
                    || self.tracer.condition_holds(condition, &request, server) == Some(true)
            })
        };
        paths.retain(holds);
        paths
    }

    /// Paths of the URLs whose files lie in a `<Directory>`, for a rule in it.
    fn directory_paths(&self, route: &Route) -> Vec<Vec<u8>> {
        let Some(line) = self.rule_line(route) else { return Vec::new() };
        let directory = self.config.block(route.block).node.map(|node| Matcher::new(self.directive(node)));
        let root = self.config.in_force(self.server_of(route), names::DOCUMENT_ROOT);
        let root = root.and_then(|node| self.directive(node).arg(0));
        let (Some(Matcher::Prefix(directory)), Some(root)) = (directory, root) else { return Vec::new() };
        if root.is_hole() || line.conditions.iter().any(|condition| !asks_only_what_fits(condition)) {
            return Vec::new();
        }
        let root = root.value();
        let bare = |path: &[u8]| path.strip_suffix(b"/").unwrap_or(path).to_vec();
        let below = match bare(&directory).strip_prefix(&bare(&root)[..]) {
            Some(below) => below.to_vec(),
            None if bare(&root).starts_with(&bare(&directory)) => Vec::new(),
            None => return Vec::new(),
        };
        let pattern = &line.rule.pattern;
        let matching = samples(&pattern.text).into_iter().chain([b"ws".to_vec()]).filter(|rest| {
            let matched = pattern.compiled.as_ref().and_then(|compiled| compiled.is_match(rest));
            matched == Some(!line.rule.negated) && !rest.starts_with(b"/")
        });
        matching.map(|rest| [&below, &b"/"[..], &rest].concat()).collect()
    }

    /// The rule that a route is, with its conditions.
    pub fn rule_line(&self, route: &Route) -> Option<&'a RuleLine> {
        self.config.rewriting(route.block)?.rules.iter().find(|line| line.at == route.node)
    }

    /// The first two words of a line, as written: `ProxyPass "/ws"`.
    pub fn short(&self, node: NodeRef) -> String {
        let directive = self.directive(node);
        match directive.arg(0) {
            Some(first) => {
                format!("{} {}", directive.name_word().show(), String::from_utf8_lossy(first.raw()))
            }
            None => self.text(node),
        }
    }
}

/// Texts that a pattern matches, if nothing in it looks around itself.
pub fn samples(pattern: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> =
        [false, true].into_iter().filter_map(|most| sample(pattern, most)).collect();
    found.dedup();
    found
}

/// Paths that a pattern matches.
fn made_up(pattern: &[u8]) -> Vec<Vec<u8>> {
    let with_slash = |text: Vec<u8>| match text.first() {
        Some(b'/') => text,
        _ => [b"/", &text[..]].concat(),
    };
    samples(pattern).into_iter().map(with_slash).collect()
}

/// `%{NAME}` and nothing else.
fn is_just(input: &[u8], name: &[u8]) -> bool {
    let mut parts = pieces(input);
    matches!(parts.next(), Some(Piece::Variable(found)) if found.eq_ignore_ascii_case(name))
        && parts.next().is_none()
}

/// Whether a condition asks for nothing but path, query and the handshake itself, to which the paths are made up to fit.
fn asks_only_what_fits(line: &ConditionLine) -> bool {
    if matches!(line.condition.test, ConditionTest::Expr(_)) {
        return false;
    }
    pieces(&line.condition.input).all(|piece| match piece {
        Piece::Variable(name) => {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            FITTING.contains(&name.as_str()) || name.starts_with("http:sec-websocket-")
        }
        Piece::Literal(_) | Piece::Escaped(_) | Piece::RuleGroup(_) => true,
        Piece::Map { name, .. } => name.eq_ignore_ascii_case(b"HTTP"),
        Piece::ConditionGroup(_) | Piece::Hole => false,
    })
}
