//! The regular files below a directory, without what git ignores. Knows how `.gitignore` files reach, not what files hold.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hashbrown::HashSet;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use walkdir::WalkDir;

use super::names;
use crate::source::files::{Files, Found};
use crate::source::pattern::is_moderate;

/// How far down files are looked for.
const MAX_DEPTH: usize = 32;

/// How far up the directory is looked for that holds `.git`.
const MAX_UP: usize = 64;

/// Bytes of one `.gitignore`.
const MAX_IGNORES: u64 = 1 << 20;

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// How many directories lead to it.
    pub depth: usize,
    pub path: PathBuf,
}

/// The files below a directory that may hold a configuration by their names, in the order of their paths; of several links
/// to one file, the first. Symbolic links are not followed.
pub fn walk(files: &dyn Files, directory: &Path, heeds_ignores: bool) -> Vec<Walked> {
    walk_all(files, directory, heeds_ignores, names::may_hold, &mut Vec::new())
}

/// The same for files that are wanted.
pub fn walk_for(
    files: &dyn Files,
    directory: &Path,
    heeds_ignores: bool,
    is_wanted: impl Fn(&Path) -> bool,
) -> Vec<Walked> {
    walk_all(files, directory, heeds_ignores, is_wanted, &mut Vec::new())
}

/// The same, and in `closed` what may not be looked into.
pub(super) fn walk_all(
    files: &dyn Files,
    directory: &Path,
    heeds_ignores: bool,
    is_wanted: impl Fn(&Path) -> bool,
    closed: &mut Vec<PathBuf>,
) -> Vec<Walked> {
    let mut ignores = Ignores::above(files, directory, heeds_ignores);
    let mut found = Vec::new();
    let mut links = HashSet::new();
    let mut walk = WalkDir::new(directory).max_depth(MAX_DEPTH).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let is_closed = error.io_error().is_some_and(|why| why.kind() == ErrorKind::PermissionDenied);
                closed.extend(error.path().filter(|_| is_closed).map(Path::to_owned));
                continue;
            }
        };
        let is_directory = entry.file_type().is_dir();
        ignores.leave(entry.depth());
        if is_directory {
            let is_skipped = names::SKIPPED.iter().any(|name| entry.file_name() == *name);
            if entry.depth() > 0 && (is_skipped || ignores.hide(entry.path(), true)) {
                walk.skip_current_dir();
            } else {
                ignores.enter(files, entry.path());
            }
            continue;
        }
        if !entry.file_type().is_file() || !is_wanted(entry.path()) || ignores.hide(entry.path(), false) {
            continue;
        }
        // One with a single name needs no memory.
        let seen =
            entry.metadata().is_ok_and(|file| file.nlink() > 1 && !links.insert((file.dev(), file.ino())));
        if !seen {
            found.push(Walked { depth: entry.depth(), path: entry.into_path() });
        }
    }
    found
}

/// The directory at or above this one that holds `.git`.
pub fn work_tree<'p>(files: &dyn Files, directory: &'p Path) -> Option<&'p Path> {
    directory.ancestors().take(MAX_UP).find(|above| files.look(&above.join(".git")).is_there())
}

/// What is ignored, by level: the last that has something to say decides.
struct Ignores {
    heeded: bool,
    levels: Vec<Gitignore>,
    /// How many of them stand above the directory that is walked, itself left out.
    above: usize,
}

impl Ignores {
    /// What the directories from the work tree's first down to this one, itself left out, ignore.
    fn above(files: &dyn Files, directory: &Path, heeded: bool) -> Self {
        let mut ignores = Self { heeded, levels: Vec::new(), above: 0 };
        if let Some(top) = work_tree(files, directory).filter(|_| heeded) {
            ignores.levels.push(read(files, top, &top.join(".git/info/exclude")));
            let between: Vec<&Path> =
                directory.ancestors().skip(1).take_while(|above| above.starts_with(top)).collect();
            for above in between.into_iter().rev() {
                ignores.levels.push(read(files, above, &above.join(".gitignore")));
            }
        }
        ignores.above = ignores.levels.len();
        ignores
    }

    /// Goes into a directory that lies in those entered and not left.
    fn enter(&mut self, files: &dyn Files, directory: &Path) {
        if self.heeded {
            self.levels.push(read(files, directory, &directory.join(".gitignore")));
        }
    }

    /// Goes back to where something lies `depth` directories below the first.
    fn leave(&mut self, depth: usize) {
        self.levels.truncate(self.above + depth);
    }

    fn hide(&self, path: &Path, is_directory: bool) -> bool {
        let mut said = self.levels.iter().rev().map(|level| level.matched(path, is_directory));
        matches!(said.find(|said| !said.is_none()), Some(Match::Ignore(_)))
    }
}

/// Patterns that are none are passed over, as git does.
fn read(files: &dyn Files, directory: &Path, path: &Path) -> Gitignore {
    let patterns = match files.look(path) {
        Found::File => files.read(path, MAX_IGNORES).unwrap_or_default(),
        _ => return Gitignore::empty(),
    };
    let mut builder = GitignoreBuilder::new(directory);
    for line in String::from_utf8_lossy(&patterns).lines().filter(|line| is_moderate(line)) {
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}
