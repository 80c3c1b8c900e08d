//! What lies below a directory: main configurations, and other files that may belong to one or stand alone. Knows where
//! one configuration ends and another begins, no grammar.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};

use super::look::Look;
use super::names::{MAINS, USUAL, is_backup, main_rank, may_hold};
use super::walk::{Walked, walk_all};
use super::{HEAD, Judgement, Kind, Main, Server, server_of, what_is};
use crate::parallel;
use crate::source::files::{self, Files, ReadError};

/// What lies below a directory.
pub struct Survey {
    pub directory: PathBuf,
    /// Sorted by path. A directory that has one of a server is that server's configuration: nothing below it is another of the
    /// same server, nor are files beside it, unless they look no less like one and neither has a usual name.
    pub mains: Vec<Main>,
    /// Whatever may hold a configuration by its name.
    walked: Vec<Walked>,
    /// What is known of some of it.
    judged: HashMap<PathBuf, Judgement>,
    /// What could not be looked into, though it may hold a configuration.
    closed: Vec<PathBuf>,
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
        let mut closed = Vec::new();
        let walked = walk_all(files, directory, heeds_ignores, may_hold, &mut closed);
        let mut found = Found::usual(files, directory);
        // Where a directory is one server's own, most of what lies in it need not be looked at.
        let judged = match found.mains.is_empty() {
            true => judge(files, walked.iter(), &mut closed),
            false => HashMap::new(),
        };
        found.search(files, &walked, &judged);
        Self { directory: directory.to_owned(), mains: found.into_mains(), walked, judged, closed }
    }

    /// The other files that are main configurations, fragments or dumps, sorted by path, except those that are `read`
    /// already; and what could not be looked into, unless it is a main configuration's own, which tells where it needs it.
    pub fn others(&self, files: &dyn Files, read: impl Fn(&Path) -> bool) -> (Vec<Other>, Vec<PathBuf>) {
        let mut closed = self.closed.clone();
        let areas: Vec<&Path> = self.mains.iter().map(|main| self.area(main)).collect();
        let is_unread = |walked: &&Walked| !files.canonical(&walked.path).is_ok_and(|path| read(&path));
        let unread: Vec<&Walked> = self.walked.iter().filter(is_unread).collect();
        let unknown = unread.iter().copied().filter(|walked| !self.judged.contains_key(&walked.path));
        let judged = judge(files, unknown, &mut closed);
        let other = |walked: &Walked| {
            let path = &walked.path;
            let judgement = *self.judged.get(path).or_else(|| judged.get(path))?;
            judgement.server()?;
            let lies_below = areas.iter().any(|area| path.starts_with(area));
            Some(Other { path: path.clone(), judgement, is_left_out: lies_below || is_backup(path) })
        };
        let others = unread.into_iter().filter_map(other).collect();
        closed.retain(|path| !areas.iter().any(|area| path.starts_with(area)));
        closed.sort_unstable();
        closed.dedup();
        (others, closed)
    }

    /// Whether some of what lies there is `read` by others.
    pub fn holds(&self, files: &dyn Files, read: impl Fn(&Path) -> bool) -> bool {
        self.walked.iter().any(|walked| files.canonical(&walked.path).is_ok_and(|path| read(&path)))
    }

    /// The directory of which a main file is the configuration: `conf` is a part of one.
    fn area<'m>(&'m self, main: &'m Main) -> &'m Path {
        let own = main.path.parent().unwrap_or(&self.directory);
        let is_part = own.file_name().is_some_and(|name| name == "conf") && own != self.directory;
        own.parent().filter(|_| is_part).unwrap_or(own)
    }
}

/// What each file is that can be read.
fn judge<'w>(
    files: &dyn Files,
    walked: impl Iterator<Item = &'w Walked>,
    closed: &mut Vec<PathBuf>,
) -> HashMap<PathBuf, Judgement> {
    let walked: Vec<&Walked> = walked.collect();
    let judge = |(): &mut (), index: usize| {
        let path = &walked[index].path;
        files.head(path, HEAD).map(|head| what_is(path, &head))
    };
    let threads = parallel::threads(walked.len() * DIRECTIVES);
    let mut judged = HashMap::with_capacity(walked.len());
    for (walked, result) in walked.iter().zip(parallel::run(threads, walked.len(), || (), judge)) {
        match result {
            Ok(judgement) => drop(judged.insert(walked.path.clone(), judgement)),
            Err(ReadError::Other(_)) => closed.push(walked.path.clone()),
            // It is gone, or no file.
            Err(_) => {}
        }
    }
    judged
}

/// Looking at a file takes as long as looking at so many directives.
const DIRECTIVES: usize = 50;

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
    /// Those that a directory has at the usual places.
    fn usual(files: &dyn Files, directory: &Path) -> Self {
        let mut found = Self::default();
        for usual in USUAL {
            let path = directory.join(usual);
            if let Ok(head) = files.head(&path, HEAD) {
                let server = server_of(&path, &head);
                found.add(Main { path, server }, directory, false);
            }
        }
        found
    }

    /// Those among the files of a directory that are not below others'.
    fn search(&mut self, files: &dyn Files, walked: &[Walked], judged: &HashMap<PathBuf, Judgement>) {
        for path in candidates(walked, self) {
            let called = main_rank(&path).map(|rank| MAINS[rank].1);
            // Below the configuration of one server, only a name tells that of the other.
            let is_open = match called {
                Some(server) => !self.covers(&path, server),
                None => !self.covers(&path, Server::Nginx) && !self.covers(&path, Server::Apache),
            };
            let is_neither = judged.get(&path).is_some_and(|judged| !matches!(judged.kind, Kind::Main(_)));
            if is_open && !is_neither {
                look_at(files, path, called, self);
            }
        }
    }

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
