//! Who answers: `try_files`, files, handlers that never upgrade, and what `error_page` makes of an error. Knows no
//! backend.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::{End, Flow, Followed, Passage, Phase, Unknown};
use crate::effective::BlockId;
use crate::effective::nginx::{names, values};
use crate::source::files::Found;
use crate::syntax::NameId;
use crate::tree::NodeRef;

/// Handlers that answer a GET without a backend, with what they say.
const ANSWERS: [(NameId, u16); 4] = [
    (names::EMPTY_GIF, 200),
    (names::STUB_STATUS, 200),
    (names::TUNNEL_PASS, 405),
    (names::MEMCACHED_PASS, 502),
];

/// Protocols that carry no WebSocket: what comes back is no answer to a handshake.
const OTHER_PROTOCOLS: [(NameId, &str); 3] =
    [(names::FASTCGI_PASS, "FastCGI"), (names::SCGI_PASS, "SCGI"), (names::UWSGI_PASS, "uwsgi")];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
    Nothing,
}

impl Passage<'_, '_> {
    pub(super) fn try_files(&mut self) -> Followed<Flow> {
        let Some(node) = self.own(names::TRY_FILES) else { return Ok(Flow::Go(Phase::Content)) };
        let directive = self.tracer.tree.directive(node);
        if directive.args().any(|word| word.is_hole()) || self.tracer.config.is_conditional(node) {
            return Err(Unknown("a template's try_files".to_string()));
        }
        let words: Vec<Vec<u8>> = directive.args().map(|word| word.value().into_owned()).collect();
        let Some((fallback, tried)) = words.split_last() else { return Ok(Flow::Go(Phase::Content)) };
        for word in tried {
            let wanted = if word.ends_with(b"/") { Kind::Directory } else { Kind::File };
            let word = word.strip_suffix(b"/").unwrap_or(word);
            let uri = self.known(self.evaluator.evaluate(self.block, word))?;
            if self.kind(&self.path_of(&uri)?)? == wanted {
                let shown = String::from_utf8_lossy(&uri).into_owned();
                self.step(node, format!("try_files finds `{shown}`"));
                *self.session.uri.borrow_mut() = uri;
                return Ok(Flow::Go(Phase::Content));
            }
        }
        if let Some(code) = fallback.strip_prefix(b"=") {
            let status = values::number(code).and_then(|code| u16::try_from(code).ok()).unwrap_or(404);
            let why = format!("try_files finds no file and answers {status}");
            return Ok(Flow::Fail { status, why });
        }
        let shown = String::from_utf8_lossy(fallback).into_owned();
        self.step(node, format!("try_files finds no file and goes to `{shown}`"));
        let uri = self.known(self.evaluator.evaluate(self.block, fallback))?;
        if uri.starts_with(b"@") {
            return Ok(self.go_to_named(&uri));
        }
        Ok(self.internal_redirect(&uri))
    }

    pub(super) fn content(&mut self) -> Followed<Flow> {
        let config = self.tracer.config;
        let Some((name, node)) = self.handler() else {
            if self.proxies {
                let why = "an `if` that holds later has no backend, and takes the place of one that has"
                    .to_string();
                return Ok(Flow::Fail { status: 500, why });
            }
            let mut foreign = config.all(self.block).filter(|(name, _)| *name == NameId::UNKNOWN);
            if let Some((_, node)) = foreign.next() {
                let name = self.tracer.tree.directive(node).name_word().show();
                return Err(Unknown(format!("what `{name}` does")));
            }
            return self.file();
        };
        if let Some((_, status)) = ANSWERS.iter().find(|(known, _)| *known == name) {
            let name = self.tracer.tree.directive(node).name_word().show();
            return Ok(Flow::Fail { status: *status, why: format!("`{name}` answers {status}") });
        }
        if let Some((_, protocol)) = OTHER_PROTOCOLS.iter().find(|(known, _)| *known == name) {
            self.step(node, format!("the request goes on as {protocol}"));
            let why = format!("{protocol} carries no WebSocket");
            return Ok(Flow::End(End::Answer { status: None, why }));
        }
        if name == names::GRPC_PASS { Ok(self.grpc(node)) } else { self.proxy(node) }
    }

    /// The directive that handles the request: of several in one block the last, as each takes the place of the one
    /// before.
    fn handler(&self) -> Option<(NameId, NodeRef)> {
        let config = self.tracer.config;
        let passes = [names::PROXY_PASS, names::GRPC_PASS].into_iter();
        let passes = passes.chain(OTHER_PROTOCOLS.map(|(name, _)| name));
        let inherited = passes.filter_map(|name| Some((name, config.inherited(self.block, name).level?)));
        let own = ANSWERS.map(|(name, _)| (name, self.block)).into_iter();
        let own = own.filter(|&(name, block)| config.own(block, name).len() > 0);
        let found: Vec<(NameId, BlockId)> = inherited.chain(own).collect();
        let level = config.chain(self.block).find(|level| found.iter().any(|(_, block)| block == level))?;
        let names = || found.iter().filter(|(_, block)| *block == level).map(|&(name, _)| name);
        let first = || names().find_map(|name| Some((name, config.own(level, name).next()?)));
        let Some(around) = config.block(level).node.filter(|_| names().nth(1).is_some()) else {
            return first();
        };
        let named = |node: NodeRef| {
            let name = self.tracer.tree.directive(node).name_id();
            names().find(|known| *known == name).map(|name| (name, node))
        };
        self.tracer.tree.children(around).filter_map(named).last().or_else(first)
    }

    /// A file of the server's, or none (`ngx_http_static_handler`, `ngx_http_index_handler`).
    fn file(&mut self) -> Followed<Flow> {
        let uri = self.session.uri.borrow().clone();
        let path = self.path_of(&uri)?;
        let shown = path.to_string_lossy().into_owned();
        let answer = |passage: &Self, why: String| {
            Flow::End(End::Answer { status: Some(passage.err_status.unwrap_or(200)), why })
        };
        if !uri.ends_with(b"/") {
            return Ok(match self.kind(&path)? {
                Kind::File => {
                    answer(self, format!("no directive proxies the request, and the file {shown} answers it"))
                }
                Kind::Directory => Flow::Fail { status: 301, why: format!("{shown} is a directory") },
                Kind::Nothing => Flow::Fail {
                    status: 404,
                    why: format!("no directive proxies the request, and there is no file {shown}"),
                },
            });
        }
        let written = self.in_force(names::INDEX);
        let words: Vec<Vec<u8>> = match written {
            Some(node) => {
                self.tracer.tree.directive(node).args().map(|word| word.value().into_owned()).collect()
            }
            None => vec![b"index.html".to_vec()],
        };
        for word in words {
            let name = self.known(self.evaluator.evaluate(self.block, &word))?;
            if self.kind(&path.join(OsStr::from_bytes(&name)))? == Kind::File {
                let index = if name.starts_with(b"/") { name } else { [&uri[..], &name].concat() };
                return Ok(self.internal_redirect(&index));
            }
        }
        let listed = self.in_force(names::AUTOINDEX).is_some_and(|node| self.says(node, "on"));
        Ok(match self.kind(&path)? {
            Kind::Directory if listed => answer(self, format!("the listing of {shown} answers")),
            Kind::Directory => Flow::Fail { status: 403, why: format!("{shown} may not be listed") },
            _ => Flow::Fail {
                status: 404,
                why: format!("no directive proxies the request, and there is no directory {shown}"),
            },
        })
    }

    /// Where a URI lies in the file system of the target machine.
    fn path_of(&self, uri: &[u8]) -> Followed<PathBuf> {
        let config = self.tracer.config;
        let written = config.chain(self.block).find_map(|level| {
            let own = |name| config.own(level, name).next();
            Some((
                level,
                own(names::ALIAS).map(|node| (node, true)).or(own(names::ROOT).map(|node| (node, false)))?,
            ))
        });
        let (base, alias) = match written {
            None => (b"html".to_vec(), None),
            Some((level, (node, is_alias))) => {
                let word = self.tracer.tree.directive(node).arg(0).filter(|word| !word.is_hole());
                let word = word.ok_or_else(|| Unknown("a template's root".to_string()))?;
                let value = self.known(self.evaluator.evaluate(self.block, &word.value()))?;
                (value, is_alias.then_some(level))
            }
        };
        let rest = match alias {
            None => uri,
            Some(level) => match super::location::prefix_len(self.tracer, level) {
                Some(len) => uri.get(len..).unwrap_or_default(),
                // For a regular expression the alias is the whole path.
                None => b"",
            },
        };
        let whole = match alias {
            None => [base.strip_suffix(b"/").unwrap_or(&base), rest].concat(),
            Some(_) => [&base[..], rest].concat(),
        };
        Ok(self.tracer.roots.prefix.join(OsStr::from_bytes(&whole)))
    }

    fn kind(&self, path: &std::path::Path) -> Followed<Kind> {
        let roots = self.tracer.roots;
        let through =
            roots.maps.iter().find_map(|map| path.strip_prefix(&map.from).ok().map(|rest| map.to.join(rest)));
        let here = match through {
            Some(mapped) => mapped,
            None if path.starts_with(&roots.root) => path.to_owned(),
            None if self.entrance.assumes_no_files => return Ok(Kind::Nothing),
            None => return Err(Unknown(format!("whether {} exists", path.display()))),
        };
        if here.components().any(|part| part == std::path::Component::ParentDir) {
            return Err(Unknown(format!("whether {} exists", path.display())));
        }
        match self.tracer.files.look(&here) {
            Found::Directory => Ok(Kind::Directory),
            Found::File => Ok(Kind::File),
            Found::Nothing => Ok(Kind::Nothing),
            Found::Unseen => Err(Unknown(format!("whether {} exists", path.display()))),
        }
    }

    /// `$request_filename`, for the block in force.
    pub(super) fn request_filename(&self) -> Followed<Vec<u8>> {
        let uri = self.session.uri.borrow().clone();
        Ok(self.path_of(&uri)?.into_os_string().into_vec())
    }

    /// `-f`, `-d`, `-e`, `-x` of an `if`, and their negations.
    pub(super) fn file_test(&self, test: &[u8], path: &[u8]) -> Followed<bool> {
        let path = self.tracer.roots.prefix.join(OsStr::from_bytes(path));
        let kind = self.kind(&path)?;
        let negated = test.starts_with(b"!");
        let holds = match test.last() {
            Some(b'f') => kind == Kind::File,
            Some(b'd') => kind == Kind::Directory,
            Some(b'e') => kind != Kind::Nothing,
            _ => return Err(Unknown(format!("whether {} can be executed", path.display()))),
        };
        Ok(holds != negated)
    }

    /// What `error_page` makes of an error; None where it stands.
    pub(super) fn error_page(&mut self, status: u16) -> Followed<Option<Flow>> {
        let config = self.tracer.config;
        let Some(level) = config.inherited(self.block, names::ERROR_PAGE).level else { return Ok(None) };
        if self.in_error_page {
            return Ok(None);
        }
        let recursive = self.in_force(names::RECURSIVE_ERROR_PAGES).is_some_and(|node| self.says(node, "on"));
        self.in_error_page = !recursive;
        let Some((node, overwrite, target)) =
            config.own(level, names::ERROR_PAGE).find_map(|node| self.page(node, status))
        else {
            return Ok(None);
        };
        self.err_status = match overwrite {
            None => Some(status),
            Some(0) => None,
            Some(other) => Some(other),
        };
        let shown = String::from_utf8_lossy(&target).into_owned();
        self.step(node, format!("error_page sends {status} to `{shown}`"));
        let target = self.known(self.evaluator.evaluate(self.block, &target))?;
        if target.starts_with(b"@") {
            return Ok(Some(self.go_to_named(&target)));
        }
        if target.starts_with(b"/") {
            return Ok(Some(self.internal_redirect(&target)));
        }
        let status = overwrite.filter(|code| [301, 302, 303, 307, 308].contains(code)).unwrap_or(302);
        let why = format!("error_page redirects to `{shown}`");
        self.hop.redirect = Some(target);
        Ok(Some(Flow::End(End::Answer { status: Some(status), why })))
    }

    /// Where this error_page sends a status, and the status it writes over the answer (0: the answer's own).
    fn page(&self, node: NodeRef, status: u16) -> Option<(NodeRef, Option<u16>, Vec<u8>)> {
        let words: Vec<Vec<u8>> =
            self.tracer.tree.directive(node).args().map(|word| word.value().into_owned()).collect();
        let (target, codes) = words.split_last()?;
        let (overwrite, codes) = match codes.split_last() {
            Some((last, codes)) if last.starts_with(b"=") => (
                Some(values::number(&last[1..]).and_then(|code| u16::try_from(code).ok()).unwrap_or(0)),
                codes,
            ),
            _ => (None, codes),
        };
        let names_it = codes.iter().any(|code| values::number(code) == Some(u64::from(status)));
        names_it.then(|| (node, overwrite, target.clone()))
    }
}
