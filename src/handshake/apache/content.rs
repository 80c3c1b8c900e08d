//! What the server answers itself: a file, a directory's index, nothing. Looks only where the target machine's files
//! can be seen.

use super::mapping::{Target, TargetKind};
use super::{Go, Outcome, Session};
use crate::effective::Value;
use crate::effective::apache::escape::escape_uri;
use crate::effective::apache::names;
use crate::source::files::Found;
use crate::tree::NodeRef;

impl Session<'_> {
    /// What becomes of a request that nothing sends on.
    pub(super) fn serve(&mut self) -> Go<Outcome> {
        if let Some(target) = self.handler_target()? {
            return self.forward(target);
        }
        Ok(self.serve_file())
    }

    /// What the server's own handler answers.
    pub(super) fn serve_file(&self) -> Outcome {
        let has_index = !self.tracer.config.modules(self.tracer.tree).is_missing("mod_autoindex.c");
        let status = match self.found {
            Found::Directory if has_index => 403,
            Found::Directory | Found::Nothing | Found::Unseen => 404,
            Found::File if self.path_info.is_empty() => 200,
            Found::File => 404,
        };
        self.not_proxied(status)
    }

    /// What mod_dir makes of a directory, and of what isn't there: it asks what would become of another path.
    pub(super) fn look_inside(&mut self) -> Go {
        let modules = self.tracer.config.modules(self.tracer.tree);
        if self.target.is_some() || self.restart.is_some() || modules.is_missing("mod_dir.c") {
            return Ok(());
        }
        match self.found {
            Found::Directory => self.look_for_index(),
            Found::Nothing => self.fall_back(),
            Found::File | Found::Unseen => Ok(()),
        }
    }

    /// `DirectoryIndex` (`fixup_dir`).
    fn look_for_index(&mut self) -> Go {
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let slash = config.in_sections(&self.sections, self.server, names::DIRECTORY_SLASH);
        if !self.path.ends_with(b"/") {
            return match config.flag(tree, slash) {
                Some(false) => Ok(()),
                _ => Err(self.not_proxied(301)),
            };
        }
        let written = config.in_sections(&self.sections, self.server, names::DIRECTORY_INDEX);
        let names: Vec<Vec<u8>> = match written {
            Some(node) => tree.directive(node).args().map(|word| word.value().into_owned()).collect(),
            None => vec![b"index.html".to_vec()],
        };
        let mut refused = None;
        for name in names.into_iter().filter(|name| !name.eq_ignore_ascii_case(b"disabled")) {
            let path = match name.first() {
                Some(b'/') => name,
                _ => [&escape_uri(&self.path), &name[..]].concat(),
            };
            match self.would_become(path) {
                Ok(Some(inside)) => {
                    self.become_it(inside);
                    return Ok(());
                }
                Ok(None) => {}
                Err(outcome @ Outcome::Answered { status: Some(400..600), .. }) => refused = Some(outcome),
                Err(outcome) => return Err(outcome),
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// `FallbackResource` (`fixup_dflt`).
    fn fall_back(&mut self) -> Go {
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let node = config.in_sections(&self.sections, self.server, names::FALLBACK_RESOURCE);
        let Some(word) = node.and_then(|node| tree.directive(node).arg(0)) else { return Ok(()) };
        if word.is_hole() {
            return Err(Outcome::unknown("a FallbackResource that a template completes", node));
        }
        if word.value().eq_ignore_ascii_case(b"disabled") || self.names_handler() {
            return Ok(());
        }
        if let Some(inside) = self.would_become(word.value().into_owned())? {
            self.become_it(inside);
        }
        Ok(())
    }

    /// What would become of a path, if it is sent on or a file; None for one that isn't there.
    fn would_become(&self, path: Vec<u8>) -> Go<Option<Self>> {
        let query = self.query.as_ref().map(|query| [b"?", &query[..]].concat()).unwrap_or_default();
        match self.inside([path, query].concat()) {
            Ok(inside) if inside.restart.is_none() => {
                // Whoever names a handler takes the request from the proxy, as far as this is asked for.
                let is_sent_on = inside.target.is_some() && !inside.names_handler();
                Ok(Some(inside).filter(|inside| is_sent_on || inside.found == Found::File))
            }
            Ok(_) | Err(Outcome::Answered { status: Some(404), .. }) => Ok(None),
            Err(outcome) => Err(outcome),
        }
    }

    /// `ap_internal_fast_redirect`
    fn become_it(&mut self, inside: Self) {
        let depth = self.depth;
        *self = inside;
        self.depth = depth;
        self.change_headers(false);
    }

    /// Whether a line or a rule names a handler for the request.
    fn names_handler(&self) -> bool {
        if self.handler.is_some() {
            return true;
        }
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let node = config.in_sections(&self.sections, self.server, names::SET_HANDLER);
        let word = node.and_then(|node| tree.directive(node).arg(0));
        word.is_some_and(|word| !word.value().eq_ignore_ascii_case(b"none"))
    }

    fn not_proxied(&self, status: u16) -> Outcome {
        let why = match status {
            200 => "nothing sends the request on, and the server answers with a file",
            301 => "nothing sends the request on, and the path is a directory's",
            _ => "nothing sends the request on",
        };
        Outcome::answered(status, why, None)
    }

    /// `ErrorDocument` for a status, of the last section that has one.
    pub(super) fn error_document(&self, status: u16) -> Option<(Vec<u8>, NodeRef)> {
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let mut levels = self.levels();
        levels.extend(&self.sections);
        let lines = levels.into_iter().rev().flat_map(|level| config.own(level, names::ERROR_DOCUMENT).rev());
        let status = status.to_string();
        let mut for_it = lines.filter(|&node| {
            tree.directive(node).arg(0).is_some_and(|word| *word.value() == *status.as_bytes())
        });
        let node = for_it.next()?;
        let document = tree.directive(node).arg(1)?;
        (!document.is_hole()).then(|| (document.value().into_owned(), node))
    }

    /// `SetHandler "proxy:..."` sends on what nothing else took.
    fn handler_target(&mut self) -> Go<Option<Target>> {
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let node = config.in_sections(&self.sections, self.server, names::SET_HANDLER);
        let (value, by) = match (self.handler.take(), node) {
            (Some((Value::Known(value), by)), _) => (value, by),
            (Some((Value::Unknown(why), by)), _) => return Err(Outcome::unknown(why, Some(by))),
            (None, Some(node)) => {
                let Some(word) = tree.directive(node).arg(0) else { return Ok(None) };
                if word.is_hole() {
                    return Err(Outcome::unknown("a handler that a template names", Some(node)));
                }
                (word.value().into_owned(), node)
            }
            (None, None) => return Ok(None),
        };
        let Some(url) = value.strip_prefix(b"proxy:") else {
            return match value.eq_ignore_ascii_case(b"none") {
                true => Ok(None),
                false => Err(Outcome::answered(200, "a handler of the server's own answers", Some(by))),
            };
        };
        let file = match self.filename.is_empty() {
            true => None,
            false => Some(self.filename.clone()),
        };
        Ok(Some(Target {
            url: file.map(|file| [url, &file].concat()),
            query: self.query.clone(),
            by,
            why: "the handler of the last section for this path".to_string(),
            verbatim: false,
            kind: TargetKind::Handler,
        }))
    }
}
