//! What the server answers itself: a file, a directory's index, nothing. Looks only where the target machine's files
//! can be seen.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::mapping::{Target, TargetKind};
use super::{Go, Outcome, Session, Tracer};
use crate::effective::Value;
use crate::effective::apache::names;
use crate::source::files::normal;

impl Tracer<'_> {
    /// Where a path of the target machine lies here; None where it cannot be seen.
    pub(super) fn place(&self, path: &[u8]) -> Option<PathBuf> {
        let path = Path::new(OsStr::from_bytes(path));
        let path = normal(&self.tree.reading.server_root.join(path));
        let map =
            |map: &crate::tree::PathMap| path.strip_prefix(&map.from).ok().map(|rest| map.to.join(rest));
        let mapped = self.roots.maps.iter().find_map(map);
        match mapped {
            Some(mapped) => Some(mapped),
            None => path.starts_with(&self.roots.root).then_some(path),
        }
    }
}

impl Session<'_> {
    /// What becomes of a request that nothing sends on.
    pub(super) fn serve(&mut self) -> Go<Outcome> {
        if let Some(target) = self.handler_target()? {
            return self.forward(target);
        }
        if self.filename.is_empty() {
            return Ok(self.not_proxied(None));
        }
        let place = self.tracer.place(&self.filename);
        let fallback = self.fallback_resource();
        let Some(place) = place else { return Ok(self.not_proxied(None)) };
        let files = self.tracer.files;
        let status = match () {
            () if files.is_directory(&place) && !self.path.ends_with(b"/") => 301,
            () if files.is_directory(&place) && files.exists(&place.join("index.html")) => 200,
            () if files.is_directory(&place) => 403,
            () if files.exists(&place) => 200,
            () if fallback => 200,
            () => 404,
        };
        Ok(self.not_proxied(Some(status)))
    }

    /// The status is 404 where nothing of the files can be seen: that is what a path gets for which there is no file.
    fn not_proxied(&self, status: Option<u16>) -> Outcome {
        let why = match status {
            Some(200) => "nothing sends the request on, and the server answers with a file",
            Some(301) => "nothing sends the request on, and the path is a directory's",
            _ => "nothing sends the request on",
        };
        Outcome::answered(status.unwrap_or(404), why, None)
    }

    fn fallback_resource(&self) -> bool {
        let sections = &self.sections;
        let node = self.tracer.config.in_sections(sections, self.server, names::FALLBACK_RESOURCE);
        let word = node.and_then(|node| self.tracer.tree.directive(node).arg(0));
        word.is_some_and(|word| !word.value().eq_ignore_ascii_case(b"disabled"))
    }

    /// `SetHandler "proxy:..."` sends on what nothing else took.
    fn handler_target(&mut self) -> Go<Option<Target>> {
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let node = config.in_sections(&self.sections, self.server, names::SET_HANDLER);
        let (value, by) = match (self.handler.take(), node) {
            (Some(Value::Known(value)), Some(node)) => (value, node),
            (Some(Value::Unknown(why)), node) => return Err(Outcome::unknown(why, node)),
            (_, Some(node)) => {
                let Some(word) = tree.directive(node).arg(0) else { return Ok(None) };
                if word.is_hole() {
                    return Err(Outcome::unknown("a handler that a template names", Some(node)));
                }
                (word.value().into_owned(), node)
            }
            (_, None) => return Ok(None),
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
