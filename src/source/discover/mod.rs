//! What a file is, and which configurations lie below or above a place. Knows file names and the look of files, no
//! grammar.

mod above;
mod evidence;
mod look;
mod names;
mod nginx_statements;
#[cfg(test)]
mod tests;
mod walk;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};

use super::files::{self, Files};
use look::Look;
use names::{MAINS, PARTS, USUAL, main_rank};
use walk::Walked;

pub use above::mains_above;
pub use evidence::{Judgement, Kind, what_is};
pub use names::is_backup;
pub use walk::walk;

/// What is looked for, for a message.
pub const LOOKED_FOR: &str = "nginx.conf, apache2.conf, httpd.conf, another file with an `events` or `http` block or a \
    `ServerRoot` at its top, or a part of one, with `server {`, `location`, `proxy_pass`, `<VirtualHost>`, `ProxyPass` or the like";

/// The bytes of a file that are looked at.
pub const HEAD: u64 = 64 << 10;

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

/// What lies below a directory.
pub struct Survey {
    pub directory: PathBuf,
    /// Sorted by path. A directory that has one of a server is that server's configuration: nothing below it is another of the
    /// same server, nor are files beside it, unless they look no less like one and neither has a usual name.
    pub mains: Vec<Main>,
    /// Whatever may hold a configuration by its name.
    walked: Vec<Walked>,
}

/// A file that no main configuration reads.
#[derive(Clone, Debug)]
pub struct Other {
    pub path: PathBuf,
    pub judgement: Judgement,
    /// It lies below a main configuration's directory, or is a copy that nobody deploys.
    pub is_left_out: bool,
}

impl Survey {
    pub fn of(files: &dyn Files, directory: &Path, heeds_ignores: bool) -> Self {
        let walked = walk(files, directory, heeds_ignores);
        Self { directory: directory.to_owned(), mains: main_files(files, directory, &walked), walked }
    }

    /// The other files that are main configurations, fragments or dumps, sorted by path, except those that are `read`
    /// already.
    pub fn others(&self, files: &dyn Files, read: impl Fn(&Path) -> bool) -> Vec<Other> {
        let areas: Vec<&Path> = self.mains.iter().map(|main| self.area(main)).collect();
        let is_unread = |walked: &&Walked| !files.canonical(&walked.path).is_ok_and(|path| read(&path));
        let other = |walked: &Walked| {
            let judgement = what_is(&walked.path, &files.head(&walked.path, HEAD).ok()?);
            judgement.server()?;
            let lies_below = areas.iter().any(|area| walked.path.starts_with(area));
            let is_left_out = lies_below || is_backup(&walked.path);
            Some(Other { path: walked.path.clone(), judgement, is_left_out })
        };
        self.walked.iter().filter(is_unread).filter_map(other).collect()
    }

    /// The directory of which a main file is the configuration: `conf` is a part of one.
    fn area<'m>(&'m self, main: &'m Main) -> &'m Path {
        let own = main.path.parent().unwrap_or(&self.directory);
        let is_part = own.file_name().is_some_and(|name| name == "conf") && own != self.directory;
        own.parent().filter(|_| is_part).unwrap_or(own)
    }
}

fn main_files(files: &dyn Files, directory: &Path, walked: &[Walked]) -> Vec<Main> {
    let mut found = Found::default();
    for usual in USUAL {
        let path = directory.join(usual);
        if let Ok(head) = files.head(&path, HEAD) {
            let server = server_of(&path, &head);
            found.add(Main { path, server }, directory, false);
        }
    }
    for path in candidates(walked, &found) {
        let called = main_rank(&path).map(|rank| MAINS[rank].1);
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

/// The server of which a file is the main configuration.
fn main_kind(path: &Path, look: &Look) -> Option<Server> {
    let holds_parts = holds_parts(path);
    let called = main_rank(path).map(|rank| MAINS[rank].1);
    let by_name = called.filter(|&server| !holds_parts && look.may_be_main_of(server));
    by_name.or_else(|| look.main_of().filter(|&server| server == Server::Nginx || !holds_parts))
}

/// Whether a file's directory is one that holds parts of httpd's configuration.
fn holds_parts(path: &Path) -> bool {
    let name = path.parent().and_then(Path::file_name);
    name.is_some_and(|name| PARTS.iter().any(|part| name == *part))
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
    Look::at(head).server().or_else(by_name).unwrap_or(Server::Nginx)
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

/// The files that may be main configurations, those of a directory before those below it, usual names first.
fn candidates(walked: &[Walked], found: &Found) -> Vec<PathBuf> {
    if found.has(Server::Nginx) && found.has(Server::Apache) {
        return Vec::new();
    }
    let by_look = found.mains.is_empty();
    let mut candidates: Vec<(usize, usize, &Path)> = Vec::new();
    for Walked { depth, path } in walked {
        let rank = main_rank(path);
        let wanted = rank.map_or(by_look && !is_backup(path), |rank| !found.has(MAINS[rank].1));
        if wanted {
            candidates.push((*depth, rank.unwrap_or(MAINS.len()), path));
        }
    }
    candidates.sort_unstable();
    candidates.into_iter().map(|(_, _, path)| path.to_owned()).collect()
}

/// Adds a file that looks like a main configuration.
fn look_at(files: &dyn Files, path: PathBuf, called: Option<Server>, found: &mut Found) {
    let (Ok(head), Some(directory)) = (files.head(&path, HEAD), path.parent()) else { return };
    let Judgement { kind: Kind::Main(server), .. } = what_is(&path, &head) else { return };
    let directory = directory.to_owned();
    if called == Some(server) {
        found.add(Main { path, server }, &directory, false);
        return;
    }
    // Apache's are relative to the server root, which only their last part may be said to lie beside.
    let others = Look::at(&head).includes.into_iter().map(|include| match server {
        Server::Nginx => files::normal(&directory.join(OsStr::from_bytes(&include))),
        Server::Apache => {
            let name = include.rsplit(|byte| b"/\\".contains(byte)).next().unwrap_or_default();
            directory.join(OsStr::from_bytes(name))
        }
    });
    found.included.extend(others.filter(|other| *other != path));
    found.add(Main { path, server }, &directory, true);
}
