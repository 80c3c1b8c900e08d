//! From a URL to what it stands for: a target of ProxyPass, an alias, a file (the translation phase). Knows workers
//! only by the URLs they are given.

use super::{Go, Outcome, Session};
use crate::effective::apache::expr::StringExpr;
use crate::effective::apache::server::ServerId;
use crate::effective::apache::{Pass, names};
use crate::effective::regex::Pattern;
use crate::effective::{BlockId, Value};
use crate::syntax::NameId;
use crate::tree::NodeRef;

/// Where a request is to be sent.
#[derive(Clone, Debug)]
pub struct Target {
    /// The whole URL without query; None where it is not known.
    pub url: Option<Vec<u8>>,
    pub query: Option<Vec<u8>>,
    /// The line that sends it there.
    pub by: NodeRef,
    pub why: String,
    /// Escapes stay as they are.
    pub verbatim: bool,
    pub kind: TargetKind,
}

/// By what kind of line a request is sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    Pass,
    Rewrite,
    Handler,
}

impl Session<'_> {
    /// ProxyPass: the section's own line first, then the main server's list, then the virtual host's; the first that
    /// matches counts.
    /// `encoded`: the lines that take the path before it is decoded, and only those.
    pub(super) fn map_to_target(&mut self, encoded: bool) -> Go {
        if let Value::Unknown(why) = self.variable_of_environment(b"no-proxy") {
            return Err(Outcome::unknown(why, None));
        }
        if self.environment.iter().any(|(name, _)| name == b"no-proxy") {
            self.kept = self.no_proxy_line();
            return Ok(());
        }
        let config = self.tracer.config;
        let in_section = self.sections.iter().rev().find_map(|&block| {
            let server = config.block(block).server;
            config.server(server).proxies.in_section(block)
        });
        let main = (self.server != ServerId::MAIN).then(|| &config.main().proxies.passes);
        let own = &config.server(self.server).proxies.passes;
        let all = in_section.into_iter().chain(main.into_iter().flatten()).chain(own);
        for pass in all.filter(|pass| pass.flags.mapping == encoded) {
            match self.try_pass(pass)? {
                Tried::No => {}
                Tried::NotProxied => {
                    self.note(pass.at, "`!`: the path is not proxied");
                    self.kept = Some(pass.at);
                    return Ok(());
                }
                Tried::Declined(why) => self.note(pass.at, why),
                Tried::Mapped(target) => {
                    self.target = Some(target);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether some line takes paths before they are decoded.
    pub(super) fn maps_encoded(&self) -> bool {
        let config = self.tracer.config;
        [ServerId::MAIN, self.server].into_iter().any(|server| {
            let proxies = &config.server(server).proxies;
            proxies.passes.iter().chain(&proxies.in_sections).any(|pass| pass.flags.mapping)
        })
    }

    /// The line that keeps all of ProxyPass away, where it is the only one that could.
    fn no_proxy_line(&self) -> Option<NodeRef> {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let sets = |node: NodeRef| {
            tree.directive(node)
                .args()
                .any(|word| word.value().split(|&byte| byte == b'=').next() == Some(b"no-proxy"))
        };
        let setting = [
            names::BROWSER_MATCH,
            names::BROWSER_MATCH_NO_CASE,
            names::SET_ENV_IF,
            names::SET_ENV_IF_NO_CASE,
        ];
        let lines = self.levels().into_iter().flat_map(|level| config.any_of(level, &setting));
        let mut found = lines.map(|entry| entry.node).filter(|&node| sets(node));
        found.next().filter(|_| found.next().is_none())
    }

    fn try_pass(&self, pass: &Pass) -> Go<Tried> {
        let target = pass.target.as_ref();
        let mapped = match (&pass.pattern, pass.is_match) {
            (Some(pattern), _) => match pattern.captures(&self.path) {
                None => {
                    return Err(Outcome::unknown(
                        "a regular expression that was not evaluated",
                        Some(pass.at),
                    ));
                }
                Some(None) => return Ok(Tried::No),
                Some(Some(groups)) => target.map(|target| {
                    let found = substitute(target, &groups);
                    if found == *target { [&target[..], &self.path].concat() } else { found }
                }),
            },
            (None, true) => {
                return Err(Outcome::unknown("a pattern that a template completes", Some(pass.at)));
            }
            (None, false) => {
                let Some(len) = prefix_match(&self.path, &pass.path) else { return Ok(Tried::No) };
                let rest = &self.path[len..];
                target.map(|target| [&target[..], rest].concat())
            }
        };
        if pass.unknown {
            return Err(Outcome::unknown(
                "a value that a template or the request's environment gives",
                Some(pass.at),
            ));
        }
        let Some(url) = mapped else { return Ok(Tried::NotProxied) };
        if let Some(why) = self.wstunnel_declines(&url) {
            return Ok(Tried::Declined(why));
        }
        let why = match (pass.is_match, self.tracer.config.block(pass.block).node) {
            (_, Some(_)) if self.sections.contains(&pass.block) => {
                "the last section for this path that proxies"
            }
            (true, _) => "the first line whose pattern matches",
            (false, _) => "the first line that the path begins with",
        };
        // What the client wrote is passed on as it is with `nocanon`, where that takes the same line.
        let uncanonical = pass.flags.nocanon.then(|| self.uncanonical(pass)).flatten();
        let query = self.query.clone().filter(|_| uncanonical.is_none());
        let verbatim = uncanonical.is_some() || pass.flags.mapping;
        let url = uncanonical.unwrap_or(url);
        Ok(Tried::Mapped(Target {
            url: Some(url),
            query,
            by: pass.at,
            why: why.to_string(),
            verbatim,
            kind: TargetKind::Pass,
        }))
    }

    /// The target with the client's own spelling behind it.
    fn uncanonical(&self, pass: &Pass) -> Option<Vec<u8>> {
        let written = &self.written[..];
        let target = pass.target.as_ref()?;
        match &pass.pattern {
            Some(pattern) => {
                let groups = pattern.captures(written)??;
                let found = substitute(target, &groups);
                Some(if found == *target { [&target[..], written].concat() } else { found })
            }
            None => {
                let len = prefix_match(written, &pass.path)?;
                (prefix_match(&self.path, &pass.path) == Some(len))
                    .then(|| [&target[..], &written[len..]].concat())
            }
        }
    }

    fn variable_of_environment(&self, name: &[u8]) -> Value {
        let found = self.environment.iter().rfind(|(known, _)| known == name);
        found.map_or_else(Value::empty, |(_, value)| value.clone())
    }

    /// `Alias` in a section, of the last one that has it: all the section is for is one file.
    fn alias_of_section(&self) -> Go<Option<(Vec<u8>, NodeRef)>> {
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let line = |block: BlockId| {
            config.last(block, names::ALIAS).or_else(|| config.last(block, names::SCRIPT_ALIAS))
        };
        let Some(node) = self.sections.iter().rev().find_map(|&block| line(block)) else { return Ok(None) };
        let (Some(word), None) = (tree.directive(node).arg(0), tree.directive(node).arg(1)) else {
            return Ok(None);
        };
        let unknown = || Outcome::unknown("the file that an alias names", Some(node));
        if word.is_hole() {
            return Err(unknown());
        }
        match StringExpr::parse(&word.value()).map(|expr| expr.value(&self.view())) {
            Ok(Value::Known(file)) => Ok(Some((file, node))),
            _ => Err(unknown()),
        }
    }

    /// What nobody sends on: a redirect of the server's, an alias, a file below the document root.
    pub(super) fn map_to_file(&mut self) -> Go {
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let mut levels = vec![config.server(self.server).block];
        if self.server != ServerId::MAIN {
            levels.push(config.main().block);
        }
        self.redirect_before_mapping(&levels)?;
        if let Some((file, at)) = self.alias_of_section()? {
            self.filename = self.below_server_root(&file);
            self.note(at, "the section's paths are an alias of a file");
            return Ok(());
        }
        for &level in &levels {
            for entry in config.any_of(level, &ALIASES) {
                let directive = tree.directive(entry.node);
                let (Some(from), Some(to)) = (directive.arg(0), directive.arg(1)) else { continue };
                let file = match entry.name {
                    names::ALIAS | names::SCRIPT_ALIAS => prefix_match(&self.path, &from.value())
                        .map(|len| [&to.value()[..], &self.path[len..]].concat()),
                    names::ALIAS_MATCH | names::SCRIPT_ALIAS_MATCH => {
                        let found = Pattern::httpd(&from.value(), false)
                            .ok()
                            .and_then(|pattern| pattern.captures(&self.path).flatten());
                        found.map(|groups| substitute(&to.value(), &groups))
                    }
                    _ => continue,
                };
                if let Some(file) = file {
                    self.filename = self.below_server_root(&file);
                    self.note(entry.node, "the path is an alias of a file");
                    return Ok(());
                }
            }
        }
        self.filename = match self.document_root() {
            Some(root) => [&root[..], &self.path].concat(),
            None => Vec::new(),
        };
        Ok(())
    }
}

const ALIASES: [NameId; 4] =
    [names::ALIAS, names::ALIAS_MATCH, names::SCRIPT_ALIAS, names::SCRIPT_ALIAS_MATCH];

enum Tried {
    No,
    NotProxied,
    /// A module that will not have it leaves it to the next line.
    Declined(String),
    Mapped(Target),
}

/// How many bytes of a path an alias takes: whole segments, any number of slashes for one (`alias_match`).
pub(crate) fn prefix_match(path: &[u8], alias: &[u8]) -> Option<usize> {
    let (mut a, mut p) = (0, 0);
    while a < alias.len() && p < path.len() {
        if alias[a] == b'/' {
            if path[p] != b'/' {
                return None;
            }
            while alias.get(a) == Some(&b'/') {
                a += 1;
            }
            while path.get(p) == Some(&b'/') {
                p += 1;
            }
        } else {
            if alias[a] != path[p] {
                return None;
            }
            (a, p) = (a + 1, p + 1);
        }
    }
    if p == path.len() && a != alias.len() {
        return None;
    }
    let whole = alias[..a].last() == Some(&b'/') || path.get(p).is_none_or(|&byte| byte == b'/');
    (whole && p > 0).then_some(p)
}

/// `$1` in a text replaced by what was matched (`ap_pregsub`).
pub(crate) fn substitute(text: &[u8], groups: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [b'$', digit @ b'0'..=b'9', rest @ ..] => {
                if let Some(group) = groups.get(usize::from(digit - b'0')) {
                    out.extend_from_slice(group);
                }
                rest
            }
            [b'\\', escaped @ (b'$' | b'&'), rest @ ..] => {
                out.push(*escaped);
                rest
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
            [] => return out,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_take_whole_segments() {
        assert_eq!(prefix_match(b"/ws/a", b"/ws"), Some(3));
        assert_eq!(prefix_match(b"/ws/a", b"/ws/"), Some(4));
        assert_eq!(prefix_match(b"/ws", b"/ws/"), None);
        assert_eq!(prefix_match(b"/wsx", b"/ws"), None);
        assert_eq!(prefix_match(b"/x", b"/"), Some(1));
        assert_eq!(prefix_match(b"//x", b"/x"), Some(3));
    }
}
