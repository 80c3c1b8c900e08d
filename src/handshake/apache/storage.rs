//! Which directories a file lies in, as far as they can be seen, and what their sections and `.htaccess` are to the
//! request (`ap_directory_walk`). Looks only where the target machine's files can be seen.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Go, Outcome, Session, Tracer};
use crate::effective::BlockId;
use crate::effective::apache::names;
use crate::source::files::{Found, ReadError, normal};
use crate::tree::NodeRef;

/// What `AllowOverride` says of a directory.
enum Overrides {
    /// `None`: no `.htaccess` is read.
    Off,
    /// Nobody has said anything: it is read, and nothing is allowed in it.
    Unset,
    On(NodeRef),
}

/// The most that is read of a `.htaccess`.
const MOST: u64 = 1 << 20;

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

    /// What lies at a path of the target machine.
    pub(super) fn found(&self, path: &[u8]) -> Found {
        match self.place(path).map(|place| self.files.look(&place)) {
            None => Found::Unseen,
            Some(Found::File) if path.ends_with(b"/") => Found::Nothing,
            Some(found) => found,
        }
    }
}

impl Session<'_> {
    /// The sections of the directories that the file lies in; what is behind the first of them that isn't there is not
    /// the file's name any more.
    pub(super) fn walk_directories(&mut self) -> Go {
        if self.filename.is_empty() {
            return Ok(());
        }
        let mut whole = without_doubled_slashes(&self.filename);
        let model = self.tracer.model(self.server);
        let mut overrides = Overrides::Unset;
        let mut is_bare_directory = false;
        let mut end = 1;
        loop {
            let directory = &whole[..end];
            for (block, matcher) in &model.directories {
                if matcher.is_directory(directory) {
                    self.enter(*block, &mut overrides);
                }
            }
            self.check_access_file(directory, &overrides)?;
            if end == whole.len() {
                self.found = Found::Directory;
                break;
            }
            let stop = memchr::memchr(b'/', &whole[end..]).map_or(whole.len(), |at| end + at);
            self.found = self.tracer.found(&whole[..stop]);
            let goes_on = match self.found {
                Found::Directory => true,
                // Where nothing can be seen, the document root is taken to be there.
                Found::Unseen => self.is_above_root(&whole[..stop]),
                Found::Nothing | Found::File => false,
            };
            if !goes_on {
                self.path_info = whole.split_off(stop);
                break;
            }
            if stop == whole.len() {
                is_bare_directory = true;
                whole.push(b'/');
            }
            end = stop + 1;
        }
        if is_bare_directory {
            whole.pop();
        }
        self.filename = whole;
        for (block, matcher) in model.directories.iter().filter(|(_, matcher)| matcher.depth().is_none()) {
            match matcher.matches(&self.filename) {
                Some(true) => self.enter(*block, &mut overrides),
                Some(false) => {}
                None => self.doubt(*block, "whether a section is for this file")?,
            }
        }
        Ok(())
    }

    /// Whether a directory is the document root, or above it.
    fn is_above_root(&self, directory: &[u8]) -> bool {
        self.document_root().is_some_and(|root| root.starts_with(directory))
    }

    fn enter(&mut self, block: BlockId, overrides: &mut Overrides) {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        if let Some(node) = config.last(block, names::ALLOW_OVERRIDE) {
            let is_none = |word: crate::syntax::Word| word.value().eq_ignore_ascii_case(b"none");
            let off = tree.directive(node).args().all(is_none);
            *overrides = if off { Overrides::Off } else { Overrides::On(node) };
        }
        self.sections.push(block);
    }

    /// What a `.htaccess` says is not followed; one in which nothing is allowed ends the request.
    fn check_access_file(&self, directory: &[u8], overrides: &Overrides) -> Go {
        if matches!(overrides, Overrides::Off) {
            return Ok(());
        }
        let Some(place) = self.tracer.place(&[directory, b".htaccess"].concat()) else { return Ok(()) };
        let text = match self.tracer.files.read(&place, MOST) {
            Ok(text) => text,
            Err(ReadError::Outside | ReadError::Unseen) => {
                return Err(Outcome::unknown("whether there is a .htaccess, and what it says", None));
            }
            Err(_) => return Ok(()),
        };
        let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        if lines.all(|line| line.is_empty() || line.starts_with(b"#")) {
            return Ok(());
        }
        match overrides {
            Overrides::On(node) => Err(Outcome::unknown("what a .htaccess says", Some(*node))),
            _ => Err(Outcome::answered(
                500,
                "a .htaccess is read, and no AllowOverride allows what it says",
                None,
            )),
        }
    }
}

pub(super) fn without_doubled_slashes(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for &byte in path {
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
    }
    out
}
