//! Finding the main configurations below a directory, and whose they are. Knows file names and the look of a main
//! file, no grammar.

mod look;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};
use walkdir::{DirEntry, WalkDir};

use super::extract;
use super::files::{self, Files};
use look::Look;

/// What is looked for, for a message.
pub const LOOKED_FOR: &str = "nginx.conf, apache2.conf, httpd.conf, or another *.conf file with an `events` or `http` \
    block, or a `ServerRoot`, at its top";

/// The bytes of a file that are looked at.
pub const HEAD: u64 = 64 << 10;

/// Main configurations that are taken for one by their place alone, the more telling first.
const USUAL: [&str; 7] = [
    "nginx.conf",
    "conf/nginx.conf",
    "etc/nginx/nginx.conf",
    "apache2.conf",
    "httpd.conf",
    "conf/apache2.conf",
    "conf/httpd.conf",
];

/// What main configurations are called, the more telling first: Debian's old `httpd.conf` is a part of `apache2.conf`.
const NAMES: [(&str, Server); 3] =
    [("nginx.conf", Server::Nginx), ("apache2.conf", Server::Apache), ("httpd.conf", Server::Apache)];

/// Directories that hold no configuration to deploy: foreign code, and the files as they were shipped.
const SKIPPED: [&str; 5] = [".git", "conf.default", "node_modules", "target", "vendor"];

/// Directories of Apache's that hold parts of a configuration.
const PARTS: [&str; 16] = [
    "Includes",
    "conf-available",
    "conf-enabled",
    "conf.d",
    "conf.modules.d",
    "extra",
    "mods-available",
    "mods-enabled",
    "modules.d",
    "other",
    "sites-available",
    "sites-enabled",
    "sysconfig.d",
    "users",
    "vhosts",
    "vhosts.d",
];

/// How far down a main file is looked for.
const MAX_DEPTH: usize = 8;

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Nginx,
    Apache,
}

/// A main configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Main {
    pub path: PathBuf,
    pub server: Server,
}

/// The main configurations below a directory, sorted by path. A directory that has one of a server is that server's
/// configuration: nothing below it is another of the same server, nor are files beside it, unless they look no less
/// like one and neither has a usual name.
pub fn main_files(files: &dyn Files, directory: &Path) -> Vec<Main> {
    let mut found = Found::default();
    for usual in USUAL {
        let path = directory.join(usual);
        if let Ok(head) = files.head(&path, HEAD) {
            let server = server_of(&path, &head);
            found.add(Main { path, server }, directory, false);
        }
    }
    for path in candidates(directory, &found) {
        let called = name_rank(&path).map(|rank| NAMES[rank].1);
        // Below the configuration of one server, only a name tells that of the other.
        let is_open = match called {
            Some(server) => !found.covers(&path, server),
            None => !found.covers(&path, Server::Nginx) && !found.covers(&path, Server::Apache),
        };
        if is_open {
            look_at(files, path, called, &mut found);
        }
    }
    found.into_mains()
}

/// Whether a directory is a server's configuration itself, rather than a place where some lie.
pub fn is_configuration(files: &dyn Files, directory: &Path) -> bool {
    USUAL.iter().any(|usual| files.look(&directory.join(usual)) == files::Found::File)
}

/// The files below a directory that are wanted, sorted; none behind symbolic links.
pub fn files_below(directory: &Path, is_wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let is_kept = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(entry.file_type().is_dir() && SKIPPED.contains(&name.as_ref()))
    };
    let walk = WalkDir::new(directory).sort_by_file_name().into_iter().filter_entry(is_kept);
    let files = walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    files.map(DirEntry::into_path).filter(|path| is_wanted(path)).collect()
}

/// Whose configuration a file is, by its first bytes; where they don't tell, by its name or a directory's; else nginx's.
pub fn server_of(path: &Path, bytes: &[u8]) -> Server {
    if path.file_name().is_some_and(|name| name == ".htaccess") {
        return Server::Apache;
    }
    let head = &bytes[..bytes.len().min(HEAD as usize)];
    let by_name = || {
        path.iter().rev().find_map(|part| {
            let part = part.as_encoded_bytes().to_ascii_lowercase();
            let is = |name: &[u8]| part.starts_with(name);
            match () {
                () if is(b"nginx") => Some(Server::Nginx),
                () if is(b"apache") || is(b"httpd") => Some(Server::Apache),
                () => None,
            }
        })
    };
    let text = extract::without_tags(path, head);
    Look::at(text.as_deref().unwrap_or(head)).server().or_else(by_name).unwrap_or(Server::Nginx)
}

#[derive(Default)]
struct Found {
    mains: Vec<Main>,
    /// For each server the directories whose files are no other main configurations; where the flag is set, only
    /// what lies deeper isn't.
    areas: [HashMap<PathBuf, bool>; 2],
    /// What those that only their look tells include of their own directory.
    included: HashSet<PathBuf>,
}

impl Found {
    fn add(&mut self, main: Main, area: &Path, by_look: bool) {
        if !self.covers(&main.path, main.server) {
            self.areas[main.server as usize].insert(area.to_owned(), by_look);
            self.mains.push(main);
        }
    }

    fn has(&self, server: Server) -> bool {
        !self.areas[server as usize].is_empty()
    }

    fn covers(&self, path: &Path, server: Server) -> bool {
        let areas = &self.areas[server as usize];
        path.ancestors().skip(1).enumerate().any(|(above, directory)| match areas.get(directory) {
            Some(true) => above > 0,
            Some(false) => true,
            None => false,
        })
    }

    fn into_mains(self) -> Vec<Main> {
        let mut mains = self.mains;
        mains.retain(|main| !self.included.contains(&main.path));
        mains.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        mains
    }
}

/// The files that may be main configurations, no symbolic links among them nor what lies behind one, those of a directory before those below it, usual names first.
fn candidates(directory: &Path, found: &Found) -> Vec<PathBuf> {
    if found.has(Server::Nginx) && found.has(Server::Apache) {
        return Vec::new();
    }
    let by_look = found.mains.is_empty();
    let is_kept = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(entry.file_type().is_dir() && SKIPPED.contains(&name.as_ref()))
    };
    let walk = WalkDir::new(directory).max_depth(MAX_DEPTH);
    let mut candidates: Vec<(usize, usize, PathBuf)> = Vec::new();
    for entry in walk.into_iter().filter_entry(is_kept).filter_map(Result::ok) {
        let rank = name_rank(entry.path());
        let wanted = match rank {
            Some(rank) => !found.has(NAMES[rank].1),
            None => by_look && entry.path().extension().is_some_and(|extension| extension == "conf"),
        };
        if wanted && entry.file_type().is_file() {
            candidates.push((entry.depth(), rank.unwrap_or(NAMES.len()), entry.into_path()));
        }
    }
    candidates.sort_unstable();
    candidates.into_iter().map(|(_, _, path)| path).collect()
}

fn name_rank(path: &Path) -> Option<usize> {
    NAMES.iter().position(|(name, _)| path.file_name().is_some_and(|own| own == *name))
}

/// Adds a file that looks like a main configuration.
fn look_at(files: &dyn Files, path: PathBuf, called: Option<Server>, found: &mut Found) {
    let (Ok(head), Some(directory)) = (files.head(&path, HEAD), path.parent()) else { return };
    let look = Look::at(&head);
    let directory = directory.to_owned();
    let holds_parts = directory.file_name().is_some_and(|name| PARTS.iter().any(|part| name == *part));
    if let Some(server) = called
        && !holds_parts
        && look.may_be_main_of(server)
    {
        found.add(Main { path, server }, &directory, false);
        return;
    }
    match look.main_of() {
        Some(Server::Apache) if holds_parts => {}
        Some(server) => {
            // Apache's are relative to the server root, which only their last part may be said to lie beside.
            let others = look.includes.iter().map(|include| match server {
                Server::Nginx => files::normal(&directory.join(OsStr::from_bytes(include))),
                Server::Apache => {
                    let name = include.rsplit(|byte| b"/\\".contains(byte)).next().unwrap_or_default();
                    directory.join(OsStr::from_bytes(name))
                }
            });
            found.included.extend(others.filter(|other| *other != path));
            found.add(Main { path, server }, &directory, true);
        }
        None => {}
    }
}
