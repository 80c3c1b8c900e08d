//! From a URL to what it stands for: a target of ProxyPass, an alias, a file (the translation phase). Knows workers
//! only by the URLs they are given.

use super::{Go, Outcome, Session};
use crate::effective::Value;
use crate::effective::apache::server::ServerId;
use crate::effective::apache::{Pass, names};
use crate::effective::regex::Pattern;
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

/// What becomes of `%2F` in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EncodedSlashes {
    Forbidden,
    Decoded,
    Kept,
}

impl Session<'_> {
    /// What the request line asks for, as the server stores it.
    pub(super) fn read_target(&mut self) -> Go {
        let written = self.written.clone();
        let (path, query) = match written.iter().position(|&byte| byte == b'?') {
            Some(at) => (&written[..at], Some(written[at + 1..].to_vec())),
            None => (&written[..], None),
        };
        self.query = query;
        let (setting, encoded) = self.encoded_slashes();
        let mut decoded = Vec::with_capacity(path.len());
        let mut rest = path;
        while let Some((&byte, after)) = rest.split_first() {
            let rest_before = std::mem::replace(&mut rest, after);
            if byte != b'%' {
                decoded.push(byte);
                continue;
            }
            let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let Some(value) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                return Err(Outcome::answered(400, "the path holds a `%` that begins no escape", None));
            };
            let escape = &rest_before[..3];
            rest = &after[2..];
            match value {
                0 => return Err(Outcome::answered(404, "the path holds an escaped NUL", None)),
                b'/' if setting == EncodedSlashes::Kept => decoded.extend_from_slice(escape),
                b'/' if setting == EncodedSlashes::Decoded => decoded.push(b'/'),
                b'/' => {
                    let why = "`%2F` in the path: AllowEncodedSlashes is off";
                    return Err(Outcome::answered(404, why, encoded));
                }
                value => decoded.push(value),
            }
        }
        let merge = self.tracer.config.in_force(self.server, names::MERGE_SLASHES);
        let merges = self.tracer.config.flag(self.tracer.tree, merge).unwrap_or(true);
        self.path = normal_path(&decoded, merges)
            .ok_or_else(|| Outcome::answered(400, "the path leads above the root", None))?;
        Ok(())
    }

    /// `AllowEncodedSlashes`, and where it is written: a virtual host does not inherit it.
    pub(super) fn encoded_slashes(&self) -> (EncodedSlashes, Option<NodeRef>) {
        let config = self.tracer.config;
        let node = config.last(config.server(self.server).block, names::ALLOW_ENCODED_SLASHES);
        let word = node.and_then(|node| self.tracer.tree.directive(node).arg(0));
        let setting = match word.map(|word| word.value().to_ascii_lowercase()).as_deref() {
            Some(b"nodecode") => EncodedSlashes::Kept,
            Some(b"on") => EncodedSlashes::Decoded,
            _ => EncodedSlashes::Forbidden,
        };
        (setting, node)
    }

    /// ProxyPass: the section's own line first, then the main server's list, then the virtual host's; the first that
    /// matches counts.
    pub(super) fn map_to_target(&mut self) -> Go {
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
        for pass in all {
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

    /// The line that keeps all of ProxyPass away, where it is the only one that could.
    fn no_proxy_line(&self) -> Option<NodeRef> {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let sets = |node: NodeRef| {
            tree.directive(node)
                .args()
                .any(|word| word.value().split(|&byte| byte == b'=').next() == Some(b"no-proxy"))
        };
        let lines = self.levels().into_iter().flat_map(|level| config.all(level)).filter(|entry| {
            [names::BROWSER_MATCH, names::BROWSER_MATCH_NO_CASE, names::SET_ENV_IF, names::SET_ENV_IF_NO_CASE]
                .contains(&entry.name)
        });
        let mut found = lines.map(|entry| entry.node).filter(|&node| sets(node));
        found.next().filter(|_| found.next().is_none())
    }

    fn try_pass(&self, pass: &Pass) -> Go<Tried> {
        let target = pass.target.as_ref();
        let mapped = match (&pass.pattern, pass.is_match) {
            (Some(pattern), _) => match pattern.captures(&self.path) {
                None => return Err(Outcome::unknown("a regular expression", Some(pass.at))),
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
        let verbatim = uncanonical.is_some();
        let query = self.query.clone().filter(|_| !verbatim && !pass.flags.noquery);
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

    /// What nobody sends on: a redirect of the server's, an alias, a file below the document root.
    pub(super) fn map_to_file(&mut self) -> Go {
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let mut levels = vec![config.server(self.server).block];
        if self.server != ServerId::MAIN {
            levels.push(config.main().block);
        }
        self.redirect_before_mapping(&levels)?;
        for &level in &levels {
            for entry in config.all(level) {
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

/// Without `.` and `..` segments, and with one slash for several if they are merged; None where it leads above the
/// root (`ap_normalize_path`).
fn normal_path(path: &[u8], merge: bool) -> Option<Vec<u8>> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let parts: Vec<&[u8]> = path.strip_prefix(b"/").unwrap_or(path).split(|&byte| byte == b'/').collect();
    let last = parts.len() - 1;
    for (index, part) in parts.into_iter().enumerate() {
        match part {
            b"" if index < last && merge => {}
            b"." if index == last => segments.push(b""),
            b"." => {}
            b".." => {
                segments.pop()?;
                if index == last {
                    segments.push(b"");
                }
            }
            part => segments.push(part),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Some(out)
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

    #[test]
    fn paths_become_normal() {
        let normal = |path: &str| {
            normal_path(path.as_bytes(), true).map(|path| String::from_utf8(path).expect("text"))
        };
        assert_eq!(normal("/a//b/./c/../d").as_deref(), Some("/a/b/d"));
        assert_eq!(normal("/a/b/..").as_deref(), Some("/a/"));
        assert_eq!(normal("/ws/").as_deref(), Some("/ws/"));
        assert_eq!(normal("/../x"), None);
    }
}
