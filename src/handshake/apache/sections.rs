//! Which sections are for a request, in the order in which they are merged (`ap_location_walk`, `ap_directory_walk`,
//! `proxy_walk`, `ap_if_walk`). Knows no directive in them.

use super::storage::without_doubled_slashes;
use super::{Go, Outcome, Session, Tracer};
use crate::effective::BlockId;
use crate::effective::apache::directives::Section;
use crate::effective::apache::expr::Expr;
use crate::effective::apache::rewriting::Rewriting;
use crate::effective::apache::section::{Matcher, expression};
use crate::effective::apache::server::ServerId;
use crate::effective::apache::{Config, names};
use crate::syntax::NameId;
use crate::tree::Tree;

/// What is compiled of a server.
pub(super) struct Model {
    /// Those of the main server first, in the order of the text.
    locations: Vec<(BlockId, Matcher)>,
    /// Those without regular expressions by the depth of their paths, then the others.
    pub directories: Vec<(BlockId, Matcher)>,
    /// Those that stand in no directory's section.
    pub files: Vec<(BlockId, Matcher)>,
    proxies: Vec<(BlockId, Matcher)>,
    pub rewriting: Rewriting,
}

/// Directives that decide what becomes of a handshake: a section without any of them need not be known.
const DECISIVE: [NameId; 22] = [
    names::ALLOW_METHODS,
    names::AUTH_TYPE,
    names::DENY,
    names::ORDER,
    names::PROXY_PASS,
    names::PROXY_PASS_MATCH,
    names::PROXY_PRESERVE_HOST,
    names::REDIRECT,
    names::REDIRECT_MATCH,
    names::REDIRECT_PERMANENT,
    names::REDIRECT_TEMP,
    names::REQUEST_HEADER,
    names::REQUIRE,
    names::REQUIRE_ALL,
    names::REQUIRE_ANY,
    names::REQUIRE_NONE,
    names::REWRITE_ENGINE,
    names::REWRITE_RULE,
    names::SATISFY,
    names::SET_ENV,
    names::SET_HANDLER,
    names::SSL_REQUIRE_SSL,
];

const FILES: [Section; 2] = [Section::Files, Section::FilesMatch];

impl Model {
    pub fn new(tracer: &Tracer, server: ServerId) -> Self {
        let (tree, config) = (tracer.tree, tracer.config);
        let mut levels = vec![config.main().block];
        if server != ServerId::MAIN {
            levels.push(config.server(server).block);
        }
        let of = |wanted: &[Section]| -> Vec<(BlockId, Matcher)> {
            let inside = levels.iter().flat_map(|&level| tracer.sections(level));
            let inside = inside.filter(|&block| wanted.contains(&config.block(block).section));
            inside.filter_map(|block| Some((block, matcher(tree, config, block)?))).collect()
        };
        let mut directories = of(&[Section::Directory]);
        directories.sort_by_key(|(_, matcher)| matcher.depth().unwrap_or(usize::MAX));
        directories.extend(of(&[Section::DirectoryMatch]));
        Self {
            locations: of(&[Section::Location, Section::LocationMatch]),
            directories,
            files: of(&FILES),
            proxies: of(&[Section::Proxy, Section::ProxyMatch]),
            rewriting: Rewriting::of_server(config, server),
        }
    }
}

fn matcher(tree: &Tree, config: &Config, block: BlockId) -> Option<Matcher> {
    Some(Matcher::new(tree.directive(config.block(block).node?)))
}

/// A path that a section's or a mapping's argument is for: the argument itself, where it is a path.
pub fn own_path(matcher: &Matcher) -> Option<Vec<u8>> {
    match matcher {
        Matcher::Prefix(path) if path.starts_with(b"/") => Some(path.clone()),
        _ => None,
    }
}

impl Session<'_> {
    /// Those of the path and of conditions, behind those that are known already.
    pub(super) fn find_sections(&mut self) -> Go {
        let model = self.tracer.model(self.server);
        // Regular expressions are asked about the path as it is, the others never about several slashes on end.
        let merged = without_doubled_slashes(&self.path);
        for (block, matcher) in &model.locations {
            let path = if matcher.depth().is_some() { &merged } else { &self.path };
            match matcher.matches(path) {
                Some(true) => self.sections.push(*block),
                Some(false) => {}
                None => self.doubt(*block, "whether a section is for this path")?,
            }
        }
        self.find_conditions()
    }

    /// `<Files>` sections of the server, then those in the sections of directories (`ap_file_walk`).
    pub(super) fn find_file_sections(&mut self) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let name = self.filename.rsplit(|&byte| byte == b'/').next().unwrap_or_default().to_vec();
        let within = self.sections.iter().flat_map(|&block| config.children(block));
        let within = within.filter(|&block| FILES.contains(&config.block(block).section));
        let within: Vec<_> =
            within.filter_map(|block| Some((block, matcher(tree, config, block)?))).collect();
        for (block, matcher) in self.tracer.model(self.server).files.iter().chain(&within) {
            let is_for = match matcher {
                Matcher::Prefix(own) => Some(*own == name),
                matcher => matcher.matches(&name),
            };
            match is_for {
                Some(true) => self.sections.push(*block),
                Some(false) => {}
                None => self.doubt(*block, "whether a section is for this file")?,
            }
        }
        Ok(())
    }

    /// `<Proxy>` sections, which are compared with the target before it is made canonical.
    pub(super) fn find_proxy_sections(&mut self, url: Option<&[u8]>) -> Go {
        for (block, matcher) in &self.tracer.model(self.server).proxies {
            let is_for = match (matcher, url) {
                (Matcher::Wildcard(pattern), Some(url)) => Some(proxy_wildcard(pattern, url)),
                (Matcher::Prefix(prefix), Some(url)) => Some(url.starts_with(prefix)),
                (matcher, Some(url)) => matcher.matches(url),
                (_, None) => None,
            };
            match is_for {
                Some(true) => self.sections.push(*block),
                Some(false) => {}
                None => self.doubt(*block, "whether a section is for this target")?,
            }
        }
        Ok(())
    }

    /// `<If>` sections of all levels that count here, outer ones first.
    fn find_conditions(&mut self) -> Go {
        let config = self.tracer.config;
        let mut levels = vec![config.main().block];
        if self.server != ServerId::MAIN {
            levels.push(config.server(self.server).block);
        }
        levels.extend(self.sections.iter().copied());
        let mut next = 0;
        while next < levels.len() {
            let level = levels[next];
            next += 1;
            let mut settled = false;
            for block in self.tracer.sections(level) {
                let section = config.block(block).section;
                match section {
                    Section::If => settled = false,
                    Section::ElseIf | Section::Else if settled => continue,
                    Section::ElseIf | Section::Else => {}
                    _ => continue,
                }
                match self.condition_holds(block, section) {
                    Ok(true) => {
                        settled = true;
                        self.sections.push(block);
                        levels.push(block);
                    }
                    Ok(false) => {}
                    Err(why) => self.doubt(block, &why)?,
                }
            }
        }
        Ok(())
    }

    fn condition_holds(&self, block: BlockId, section: Section) -> Result<bool, String> {
        if section == Section::Else {
            return Ok(true);
        }
        let node = self.tracer.config.block(block).node;
        let directive = node.map(|node| self.tracer.tree.directive(node));
        let Some(directive) = directive else { return Err("a condition".to_string()) };
        if directive.args().any(|word| word.is_hole()) {
            return Err("a condition that a template completes".to_string());
        }
        let text = expression(directive);
        Expr::parse(&text)?.holds(&self.view())
    }

    /// A section of which it is not known whether it counts: nobody minds, unless it decides something.
    pub(super) fn doubt(&self, block: BlockId, why: &str) -> Go {
        let config = self.tracer.config;
        let mut inside = std::iter::once(block).chain(config.inside(block));
        let decides = |block: BlockId| config.all(block).iter().any(|entry| DECISIVE.contains(&entry.name));
        match inside.any(decides) {
            true => Err(Outcome::unknown(why, config.block(block).node)),
            false => Ok(()),
        }
    }
}

/// `apr_fnmatch` without flags: `*` matches slashes too.
fn proxy_wildcard(pattern: &[u8], url: &[u8]) -> bool {
    let hidden = |text: &[u8]| -> Vec<u8> {
        text.iter().map(|&byte| if byte == b'.' { b',' } else { byte }).collect()
    };
    crate::source::pattern::matches(&hidden(pattern), &hidden(url))
}
