//! Which routes of httpd's plainly upgrade the handshakes they are for, so that none need be followed: most do. Knows
//! no rule, and says no where it would take more than a look.

use hashbrown::{HashMap, HashSet};

use super::Facts;
use crate::effective::BlockId;
use crate::effective::apache::directives::Section;
use crate::effective::apache::rewrite::RuleLine;
use crate::effective::apache::server::ServerId;
use crate::effective::apache::url::Url;
use crate::effective::apache::{Pass, names, versions};
use crate::routes::{By, Route};
use crate::syntax::NameId;
use crate::tree::NodeRef;

/// Directives that change nothing about what becomes of a handshake, and ProxyPass, which is looked at.
const HARMLESS: [NameId; 57] = [
    names::CUSTOM_LOG,
    names::DEFAULT_RUNTIME_DIR,
    names::DEFINE,
    names::DIRECTORY,
    names::DIRECTORY_INDEX,
    names::DIRECTORY_MATCH,
    names::DOCUMENT_ROOT,
    names::ERROR_DOCUMENT,
    names::ERROR_LOG,
    names::FILES,
    names::FILES_MATCH,
    names::GROUP,
    names::HEADER,
    names::IF_DEFINE,
    names::IF_FILE,
    names::IF_MODULE,
    names::IF_VERSION,
    names::INCLUDE,
    names::INCLUDE_OPTIONAL,
    names::KEEP_ALIVE,
    names::KEEP_ALIVE_TIMEOUT,
    names::LISTEN,
    names::LOAD_MODULE,
    names::LOCATION,
    names::LOG_LEVEL,
    names::MACRO,
    names::MAX_KEEP_ALIVE_REQUESTS,
    names::MUTEX,
    names::PID_FILE,
    names::PROTOCOLS,
    names::PROXY_ADD_HEADERS,
    names::PROXY_PASS,
    names::PROXY_PASS_REVERSE,
    names::PROXY_PASS_REVERSE_COOKIE_DOMAIN,
    names::PROXY_PASS_REVERSE_COOKIE_PATH,
    names::PROXY_PRESERVE_HOST,
    names::PROXY_REQUESTS,
    names::PROXY_TIMEOUT,
    names::PROXY_VIA,
    names::REQUEST_HEADER,
    names::REWRITE_COND,
    names::REWRITE_ENGINE,
    names::REWRITE_RULE,
    names::SERVER_ADMIN,
    names::SERVER_ALIAS,
    names::SERVER_NAME,
    names::SERVER_ROOT,
    names::SERVER_SIGNATURE,
    names::SERVER_TOKENS,
    names::SSL_CERTIFICATE_FILE,
    names::SSL_CERTIFICATE_KEY_FILE,
    names::SSL_ENGINE,
    names::SSL_PROTOCOL,
    names::TIMEOUT,
    names::UNDEFINE,
    names::USER,
    names::VIRTUAL_HOST,
];

/// The same by number, as the question is asked of every directive.
static IS_HARMLESS: [bool; 1024] = {
    let mut table = [false; 1024];
    let mut i = 0;
    while i < HARMLESS.len() {
        table[HARMLESS[i].0 as usize] = true;
        i += 1;
    }
    table
};

/// What is looked at once for all routes.
pub(super) struct Straight<'a> {
    /// Nothing of the whole configuration asks for a closer look.
    is_usual: bool,
    /// Lines that upgrade the handshakes they send on.
    upgrading: HashSet<NodeRef>,
    main: Server<'a>,
    /// The server that was asked about last: routes come server by server.
    own: Server<'a>,
    /// Whether a rewrite rule with these conditions and this pattern takes and upgrades what it is for, where it is the
    /// first of a server with nothing unusual: many servers have the same.
    rules: HashMap<Vec<u8>, bool>,
}

/// A server as far as its routes are plain.
#[derive(Default)]
struct Server<'a> {
    id: Option<ServerId>,
    /// Something stands in it that may decide.
    is_odd: bool,
    /// Paths whose ProxyPass does not upgrade, and the place of the first in the list.
    takers: HashMap<&'a [u8], usize>,
    /// How many lines are for a path, those that upgrade and those that don't.
    lines: HashMap<&'a [u8], usize>,
    /// Paths of sections that do not.
    section_takers: HashSet<&'a [u8]>,
}

impl Straight<'_> {
    fn new(facts: &Facts) -> Self {
        let upgrades = |route: &&Route| route.headers.carries("upgrade", "websocket") == Some(true);
        let upgrading = facts.routes.iter().filter(upgrades).map(|route| route.node).collect();
        Self {
            is_usual: facts.is_usual(),
            upgrading,
            main: Server::default(),
            own: Server::default(),
            rules: HashMap::new(),
        }
    }
}

impl<'a> Facts<'a> {
    /// Whether every handshake for the route's own path upgrades, as far as its line and its server plainly tell.
    pub fn goes_straight(&self, route: &Route) -> bool {
        if let Some((node, straight)) = self.last_straight.get()
            && node == route.node
        {
            return straight;
        }
        let straight = self.looks_straight(route);
        self.last_straight.set(Some((route.node, straight)));
        straight
    }

    fn looks_straight(&self, route: &Route) -> bool {
        let server = self.server_of(route);
        if route.broken || !matches!(route.backend.scheme.as_str(), "http" | "ws") {
            return false;
        }
        let mut known = self.straight.borrow_mut();
        let known = known.get_or_insert_with(|| Straight::new(self));
        if !known.is_usual || !known.upgrading.contains(&route.node) {
            return false;
        }
        self.look_at(ServerId::MAIN, &known.upgrading, &mut known.main);
        self.look_at(server, &known.upgrading, &mut known.own);
        let (main, own) = (&known.main, &known.own);
        if main.is_odd || own.is_odd {
            return false;
        }
        let is_alone = server == ServerId::MAIN || main.takers.is_empty() && main.section_takers.is_empty();
        if !is_alone {
            return false;
        }
        match route.by {
            By::Pass { index, .. } => {
                let Some(pass) = self.pass(route) else { return false };
                pass.path.starts_with(b"/")
                    && self.owns_worker(server, pass, route.node)
                    && !self.is_taken(own, &pass.path, index)
            }
            By::Section { .. } => {
                let Some(pass) = self.pass(route) else { return false };
                let others = |path: &[u8]| own.section_takers.contains(path);
                pass.path.starts_with(b"/")
                    && !pass.is_match
                    && self.owns_worker(server, pass, route.node)
                    && !heads(&pass.path).any(others)
            }
            By::Rewrite { proxies: true } if route.block == self.config.server(server).block => {
                self.is_first_rule(route) && self.rule_is_straight(route, known)
            }
            _ => false,
        }
    }

    /// Whether no line at all is for a path, in the server of a route that goes straight; None where it takes more than a
    /// look.
    pub fn nobody_takes(&self, route: &Route, path: &[u8]) -> Option<bool> {
        if !self.goes_straight(route) {
            return None;
        }
        let known = self.straight.borrow();
        let server = &known.as_ref()?.own;
        if server.id != Some(self.server_of(route)) {
            return None;
        }
        let rewrites = self.config.rewriting(self.config.server(self.server_of(route)).block).is_some();
        (!rewrites).then(|| !heads(path).any(|head| server.lines.contains_key(head)))
    }

    /// Whether plainly no other line than the route's own could send a handshake for its path on.
    pub fn is_only_line(&self, route: &Route) -> bool {
        let (Some(pass), true) = (self.pass(route), self.goes_straight(route)) else { return false };
        let known = self.straight.borrow();
        let Some(Straight { main, own, .. }) = known.as_ref() else { return false };
        let id = self.server_of(route);
        let has_rules = |server| self.config.rewriting(self.config.server(server).block).is_some();
        own.id == Some(id)
            && (id == ServerId::MAIN || main.lines.is_empty())
            && !has_rules(ServerId::MAIN)
            && !has_rules(id)
            && heads(&pass.path).all(|head| {
                let most = usize::from(*head == *pass.path);
                own.lines.get(head).copied().unwrap_or(0) <= most
            })
    }

    /// Whether nothing of the whole configuration asks for a closer look: modules, versions, an incomplete tree.
    fn is_usual(&self) -> bool {
        let modules = self.config.modules(self.tree);
        let has_http = !modules.is_missing("mod_proxy_http.c") && !modules.is_missing("mod_proxy.c");
        has_http && !self.config.target.apache.any_before(versions::HTTP_UPGRADES)
    }

    /// Fills in what is known of a server, unless it is the one looked at before.
    fn look_at(&self, id: ServerId, upgrading: &HashSet<NodeRef>, found: &mut Server<'a>) {
        if found.id == Some(id) {
            return;
        }
        let server = self.config.server(id);
        (found.id, found.is_odd) = (Some(id), self.is_odd_block(server.block));
        found.takers.clear();
        found.lines.clear();
        found.section_takers.clear();
        for child in self.config.children(server.block) {
            match self.config.block(child).section {
                Section::Directory | Section::DirectoryMatch | Section::Files | Section::FilesMatch => {}
                Section::VirtualHost => {}
                Section::Location => found.is_odd |= self.is_odd_block(child) || self.has_children(child),
                _ => found.is_odd = true,
            }
        }
        for (index, pass) in server.proxies.passes.iter().enumerate() {
            found.is_odd |= pass.is_match || pass.unknown;
            *found.lines.entry(&pass.path).or_default() += 1;
            if !upgrading.contains(&pass.at) {
                found.takers.entry(&pass.path).or_insert(index);
            }
        }
        for pass in &server.proxies.in_sections {
            found.is_odd |= pass.is_match || pass.unknown;
            *found.lines.entry(&pass.path).or_default() += 1;
            if !upgrading.contains(&pass.at) {
                found.section_takers.insert(&pass.path);
            }
        }
        if let Some(rewriting) = self.config.rewriting(server.block) {
            let is_plain = |line: &RuleLine| upgrading.contains(&line.at);
            found.is_odd |= rewriting.unknown.is_some() || !rewriting.rules.iter().all(is_plain);
        }
    }

    fn has_children(&self, block: BlockId) -> bool {
        self.config.children(block).next().is_some()
    }

    fn is_odd_block(&self, block: BlockId) -> bool {
        self.config.all(block).iter().any(|entry| match entry.name {
            names::REQUEST_HEADER => self.changes_handshake(entry.node),
            name => !IS_HARMLESS.get(name.0 as usize).is_some_and(|&harmless| harmless),
        })
    }

    fn changes_handshake(&self, node: NodeRef) -> bool {
        self.directive(node).arg_count() < 2 || self.is_about_handshake(node)
    }

    /// Whether the line's target has a worker of its own that knows no other rule for Upgrade.
    fn owns_worker(&self, server: ServerId, pass: &Pass, node: NodeRef) -> bool {
        let workers = &self.config.server(server).proxies.workers;
        let is_own = pass.worker.is_some_and(|index| workers.get(index).at == node);
        let main = &self.config.main().proxies;
        is_own && (server == ServerId::MAIN || main.workers.is_empty() && main.balancers.is_empty())
    }

    /// Whether a line above, or a section, that does not upgrade takes the path.
    fn is_taken(&self, server: &Server, path: &[u8], index: usize) -> bool {
        let takes = |head: &[u8]| {
            server.section_takers.contains(head)
                || server.takers.get(head).is_some_and(|&first| first < index)
        };
        heads(path).any(takes)
    }

    fn is_first_rule(&self, route: &Route) -> bool {
        let rewriting = self.config.rewriting(route.block);
        rewriting.and_then(|rewriting| rewriting.rules.first()).is_some_and(|line| line.at == route.node)
    }

    /// Whether another rule with this wording, in a server as usual, gave a check nothing to say.
    pub fn was_found_sound(&self, check: &'static str, line: &RuleLine) -> bool {
        self.sound.borrow().contains(&(check, self.wording(line)))
    }

    pub fn remember_sound(&self, check: &'static str, line: &RuleLine) {
        self.sound.borrow_mut().insert((check, self.wording(line)));
    }

    /// A rule's conditions and pattern, as written.
    fn wording(&self, line: &RuleLine) -> Vec<u8> {
        let mut key: Vec<u8> = Vec::with_capacity(128);
        let texts = line.conditions.iter().map(|condition| condition.at).chain([line.at]);
        for node in texts {
            let directive = self.directive(node);
            let is_rule = node == line.at;
            // What is substituted differs from server to server.
            for (index, word) in directive.args().enumerate().filter(|(index, _)| !is_rule || *index != 1) {
                key.push(b'0' + index as u8);
                key.extend_from_slice(word.raw());
                key.push(b'\n');
            }
        }
        key
    }

    /// Whether handshakes that fit the rule's conditions and pattern come to it: asked once for each wording.
    fn rule_is_straight(&self, route: &Route, known: &mut Straight) -> bool {
        let Some(line) = self.config.rewriting(route.block).and_then(|rewriting| rewriting.rules.first())
        else {
            return false;
        };
        let key = self.wording(line);
        let on = self.config.rewriting(route.block).is_some_and(|rewriting| rewriting.is_on());
        let Ok(target) = Url::parse(&line.rule.substitution) else { return false };
        let shared = self.worker(self.server_of(route), target.name());
        if !on || shared.is_some_and(|worker| worker.params.get("upgrade").is_some()) {
            return false;
        }
        match known.rules.get(&key) {
            Some(&straight) => straight,
            None => {
                let straight = self.upgrades_by_itself(route);
                known.rules.insert(key, straight);
                straight
            }
        }
    }
}

/// The beginnings of a path that a ProxyPass or a section may name to be for it: whole segments, with a slash or without.
fn heads(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    ends.flat_map(|at| [&path[..at], &path[..at + 1]]).chain([path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_whole_segments() {
        let found: Vec<&[u8]> = heads(b"/a/bc").collect();
        assert_eq!(found, [&b""[..], b"/", b"/a", b"/a/", b"/a/bc"]);
    }
}
