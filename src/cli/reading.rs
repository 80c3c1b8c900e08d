//! From paths to parts: directories file by file, single files in their trees, each configuration once. Knows who includes whom,
//! judges nothing.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hashbrown::HashSet;

use super::args::{InputArguments, ReadArguments};
use super::options::{options, reason, target};
use super::plan::{self, Given, Only, Part, directory_of};
use super::settings::Lookup;
use super::{embedded, output};
use crate::effective;
use crate::engine::settings::Settings;
use crate::source::FileId;
use crate::source::discover::{self, Kind, Other, Server, Survey};
use crate::source::files::{Files, Found};
use crate::source::overlay::Overlay;
use crate::tree::{Options, Tree};

/// What was read, each part with what was made of it.
pub struct Parts<'f, T> {
    pub parts: Vec<(Part<'f>, T)>,
    /// What looks like a configuration and was not read.
    pub left_out: Vec<Other>,
    /// What could not be looked into.
    pub closed: Vec<PathBuf>,
}

/// How every part is read.
pub struct Setup<'a> {
    read: &'a ReadArguments,
    here: &'a Path,
    pub lookup: RefCell<Lookup<'a>>,
}

impl<'a> Setup<'a> {
    pub fn new(read: &'a ReadArguments, here: &'a Path) -> Self {
        Self { read, here, lookup: RefCell::new(Lookup::new(read, here)) }
    }

    pub fn settings(&self, part: &Part) -> Result<Rc<Settings>, String> {
        self.lookup.borrow_mut().of(&*part.origin, &part.given)
    }

    pub fn options(&self, part: &Part, settings: &Settings) -> (Options, effective::Target) {
        let target = target(self.read, settings, part.main.server);
        let mut options = options(self.read, settings, self.here, &part.main, part.root.clone(), target);
        if part.joined.as_ref().is_some_and(|joined| joined.is_dump) {
            // Its paths are another machine's, and all that they lead to is in it.
            options.maps.clear();
            options.prefix.clone_from(&part.root);
        }
        (options, target)
    }

    pub fn tree(&self, part: &Part) -> Result<Tree, String> {
        let names = match part.main.server {
            Server::Nginx => effective::nginx::directives::name_id,
            Server::Apache => effective::apache::directives::name_id,
        };
        let options = self.options(part, &*self.settings(part)?).0;
        let tree = Tree::read(&*part.files, &part.main.path, names, &options);
        tree.map_err(|error| format!("{}: {}", part.shown, reason(&error)))
    }
}

/// Reads every part that the arguments name by `one`, and lets `done` have them: they borrow what they were read from.
pub fn each<'a, T, R>(
    files: &dyn Files,
    buffer: Option<&Given>,
    input: &'a InputArguments,
    setup: &'a Setup<'a>,
    one: impl Fn(&Part, bool) -> Result<T, String>,
    tree: impl Fn(&T) -> &Tree,
    done: impl FnOnce(Parts<T>) -> Result<R, String>,
) -> Result<R, String> {
    let here = setup.here;
    let mut reading = Reading {
        input,
        setup,
        one,
        tree,
        is_sole: true,
        is_below: false,
        order: 0,
        known: HashSet::new(),
        parts: Parts { parts: Vec::new(), left_out: Vec::new(), closed: Vec::new() },
    };
    if let Some(given) = buffer {
        reading.file(files, given, Some(&Overlay::identity(files, &given.path)))?;
        return done(reading.parts);
    }
    let given = plan::given(&input.paths, here);
    // Whether one configuration is all there is has to be known before the first is judged.
    let mut directories: Vec<(usize, &Given, Survey)> = Vec::new();
    let mut mains: Vec<(usize, &Given)> = Vec::new();
    let mut others: Vec<(usize, &Given)> = Vec::new();
    let mut named: HashSet<PathBuf> = HashSet::new();
    for (order, given) in given.iter().enumerate() {
        if !named.insert(identity(files, &given.path)) {
            continue;
        }
        match files.look(&given.path) {
            Found::Directory => directories.push((order, given, survey(files, given, !input.no_ignore)?)),
            _ if is_main(files, &given.path) => mains.push((order, given)),
            _ => others.push((order, given)),
        }
    }
    let is_wanted = |server| input.read.server.is_none_or(|only| server == only);
    let below = directories.iter().flat_map(|(_, _, survey)| &survey.mains);
    let below = below.filter(|main| is_wanted(main.server)).map(|main| identity(files, &main.path));
    let named_mains = mains.iter().map(|(_, given)| identity(files, &given.path));
    let distinct: HashSet<PathBuf> = below.chain(named_mains).collect();
    reading.is_sole = distinct.len() + others.len() == 1;
    // What reads the most comes first, so that no order of arguments reads a file once more.
    reading.is_below = true;
    reading.directories(files, &directories)?;
    reading.is_below = false;
    for (order, given) in mains.into_iter().chain(others) {
        reading.order = order;
        reading.file(files, given, None)?;
    }
    let Reading { mut parts, mut known, .. } = reading;
    parts.left_out.retain(|other| known.insert(identity(files, &other.path)));
    parts.parts.sort_by_key(|(part, _)| part.order);
    done(parts)
}

/// By what a file is known, whatever leads to it.
fn identity(files: &dyn Files, path: &Path) -> PathBuf {
    files.canonical(path).unwrap_or_else(|_| path.to_owned())
}

fn is_main(files: &dyn Files, path: &Path) -> bool {
    let head = files.head(path, discover::HEAD);
    head.is_ok_and(|head| matches!(discover::what_is(path, &head).kind, Kind::Main(_)))
}

/// Parts being read one after the other.
struct Reading<'a, 'f, T, One, Of> {
    input: &'a InputArguments,
    setup: &'a Setup<'a>,
    one: One,
    tree: Of,
    /// There is one main configuration, or one single file.
    is_sole: bool,
    /// A directory is being read.
    is_below: bool,
    /// The place of the path that is being read among those given.
    order: usize,
    /// The files that parts stand for, or are taken from.
    known: HashSet<PathBuf>,
    parts: Parts<'f, T>,
}

impl<'f, T, One, Of> Reading<'_, 'f, T, One, Of>
where
    One: Fn(&Part, bool) -> Result<T, String>,
    Of: Fn(&T) -> &Tree,
{
    fn add(&mut self, part: Part<'f>) -> Result<(), String> {
        let is_sole = self.is_sole;
        let part = Part { order: self.order, is_below: self.is_below, ..part };
        let read = (self.one)(&part, is_sole)?;
        self.parts.parts.push((part, read));
        Ok(())
    }

    /// Whether a file is met for the first time.
    fn meet(&mut self, files: &dyn Files, path: &Path) -> bool {
        self.known.insert(identity(files, path))
    }

    /// Every main configuration below directories, and every fragment that none of them is responsible for.
    fn directories(
        &mut self,
        files: &'f dyn Files,
        directories: &[(usize, &Given, Survey)],
    ) -> Result<(), String> {
        let only = self.input.read.server;
        let is_wanted = |server: Server| only.is_none_or(|only| server == only);
        for (order, given, survey) in directories {
            self.order = *order;
            for main in survey.mains.iter().filter(|main| is_wanted(main.server)) {
                if self.meet(files, &main.path) {
                    let root = given.path.clone();
                    self.add(Part::new(files, given, main.path.clone(), root, None, main.server))?;
                }
            }
        }
        let read = self.parts.parts.iter().flat_map(|(_, read)| read_files((self.tree)(read)));
        let read: HashSet<PathBuf> = read.map(Path::to_owned).collect();
        let fragments = self.parts.parts.len();
        let is_sole = std::mem::replace(&mut self.is_sole, false);
        let mut is_empty = Vec::with_capacity(directories.len());
        for (order, given, survey) in directories {
            self.order = *order;
            let (others, closed) = survey.others(files, |path| read.contains(path));
            let others: Vec<Other> =
                others.into_iter().filter(|other| other.judgement.server().is_some_and(is_wanted)).collect();
            is_empty.push(
                others.is_empty()
                    && closed.is_empty()
                    && !survey.mains.iter().any(|main| is_wanted(main.server))
                    && !survey.holds(files, |path| read.contains(path)),
            );
            self.parts.closed.extend(closed);
            for other in others {
                if other.is_left_out && !self.input.all_files {
                    self.parts.left_out.push(other);
                } else if self.meet(files, &other.path) {
                    let part = self.other(files, given, &other)?;
                    self.add(part)?;
                }
            }
        }
        self.drop_included(fragments);
        for ((order, given, _), is_empty) in directories.iter().zip(is_empty) {
            self.order = *order;
            let texts = embedded::below(files, given, self.input);
            if is_empty && texts.is_empty() {
                return Err(nothing(given, only));
            }
            self.texts(files, texts)?;
        }
        self.is_sole = is_sole;
        Ok(())
    }

    /// Configurations inside files, unless they were met in them before.
    fn texts(&mut self, files: &dyn Files, parts: Vec<Part<'f>>) -> Result<(), String> {
        let met: HashSet<PathBuf> = parts.iter().map(|part| identity(files, &part.main.path)).collect();
        let new: HashSet<PathBuf> = met.difference(&self.known).cloned().collect();
        for part in parts {
            if new.contains(&identity(files, &part.main.path)) {
                self.add(part)?;
            }
        }
        self.known.extend(new);
        Ok(())
    }

    fn other(&self, files: &'f dyn Files, given: &Given, other: &Other) -> Result<Part<'f>, String> {
        let path = other.path.clone();
        let own = Given { path: path.clone(), shown: path.display().to_string() };
        let judgement = Some(other.judgement);
        let mut part = match other.judgement.kind {
            Kind::Dump(_) => plan::single(files, &own, &self.input.read)?.0,
            Kind::Fragment(_, "directory") => Part::of_htaccess(files, &own, &path, judgement),
            _ => {
                let server = other.judgement.server().unwrap_or(Server::Nginx);
                Part::new(files, &own, path, given.path.clone(), judgement, server)
            }
        };
        part.judgement = judgement;
        part.given.clone_from(&given.path);
        Ok(part)
    }

    /// Leaves out the parts from `first` on that another of them includes; of several in a ring the first stays.
    fn drop_included(&mut self, first: usize) {
        let parts = &self.parts.parts[first..];
        let main = |read: &T| (self.tree)(read).canonical(FileId(0)).map(Path::to_owned).unwrap_or_default();
        let mains: Vec<PathBuf> = parts.iter().map(|(_, read)| main(read)).collect();
        let known: HashSet<&Path> = mains.iter().map(PathBuf::as_path).collect();
        let mut included: HashSet<PathBuf> = HashSet::new();
        for ((_, read), own) in parts.iter().zip(&mains) {
            if !included.contains(own) {
                let others = read_files((self.tree)(read)).filter(|path| path != own && known.contains(path));
                included.extend(others.map(Path::to_owned));
            }
        }
        let mut index = 0;
        self.parts.parts.retain(|_| {
            index += 1;
            index <= first || !included.contains(&mains[index - 1 - first])
        });
    }

    /// A single file: a main configuration as a whole, or what is found in this file of the configurations that include it.
    /// `buffer` is its canonical path where what is found in it is all that is asked for.
    fn file(&mut self, files: &'f dyn Files, given: &Given, buffer: Option<&Path>) -> Result<(), String> {
        if let Some(embedded) = embedded::of_named(files, given, &self.input.read)? {
            if embedded.is_empty() {
                return self.other_language(given, "no configuration of nginx or Apache was found in it");
            }
            self.is_sole = false;
            return self.texts(files, embedded);
        }
        let (mut part, judgement) = plan::single(files, given, &self.input.read)?;
        let canonical = identity(files, &given.path);
        if part.joined.is_some() || matches!(judgement.kind, Kind::Main(_)) {
            if part.joined.is_none() {
                part.only = buffer.map(Only::buffer);
            }
            return if self.known.insert(canonical) { self.add(part) } else { Ok(()) };
        }
        let reaches = |tree: &Tree| read_files(tree).any(|path| path == canonical);
        // Another file may have led to its tree already.
        let mut is_read = false;
        for (part, read) in &mut self.parts.parts {
            if part.joined.is_none() && reaches((self.tree)(read)) {
                is_read = true;
                if let Some(only) = &mut part.only {
                    only.files.insert(canonical.clone());
                }
            }
        }
        if is_read {
            return Ok(());
        }
        // Nothing says that no other configuration is meant by a URL.
        self.is_sole = false;
        let settled = self.settled_mains(files, &part)?;
        for mains in std::iter::once(settled).chain(discover::mains_above(files, &given.path)) {
            let mut found = false;
            for main in mains {
                if self.input.read.server.is_some_and(|only| only != main.server) {
                    continue;
                }
                let root = directory_of(&main.path).to_owned();
                let mut part = Part::new(files, given, main.path, root, None, main.server);
                if self.setup.tree(&part).is_ok_and(|tree| reaches(&tree)) {
                    part.only = Some(buffer.map_or_else(|| Only::file(&canonical), Only::buffer));
                    self.add(part)?;
                    found = true;
                }
            }
            if found {
                return Ok(());
            }
        }
        let head = files.head(&given.path, discover::HEAD).unwrap_or_default();
        if buffer.is_none()
            && self.input.read.server.is_none()
            && discover::is_other(&given.path, &judgement, &head)
        {
            return self
                .other_language(given, "no configuration of nginx or Apache; --server says whose it is");
        }
        part.only = buffer.map(Only::buffer);
        self.known.insert(canonical);
        self.add(part)
    }

    /// The main configurations that the settings name.
    fn settled_mains(&self, files: &dyn Files, part: &Part) -> Result<Vec<discover::Main>, String> {
        let settings = self.setup.settings(part)?;
        let main = |path: &PathBuf| {
            let head = files.head(path, discover::HEAD).map_err(|error| {
                format!("{}: `paths.main` of the settings: {}", path.display(), reason(&error))
            })?;
            Ok(discover::Main { path: path.clone(), server: discover::server_of(path, &head) })
        };
        settings.main.iter().map(main).collect()
    }

    /// A named file in which there is nothing to judge.
    fn other_language(&self, given: &Given, what: &str) -> Result<(), String> {
        let words = format!("{}: {what}", given.shown);
        if !self.input.skip_others {
            return Err(words);
        }
        output::complain(&format!("{words}; left out"));
        Ok(())
    }
}

pub fn survey(files: &dyn Files, given: &Given, heeds_ignores: bool) -> Result<Survey, String> {
    files.list(&given.path).map_err(|error| format!("{}: {}", given.shown, reason(&error)))?;
    Ok(Survey::of(files, &given.path, heeds_ignores))
}

pub fn not_one(given: &Given, mains: &[discover::Main], only: Option<Server>) -> String {
    if mains.is_empty() {
        return nothing(given, only);
    }
    let all: Vec<String> = mains.iter().map(|main| main.path.display().to_string()).collect();
    format!("{}: holds several main configurations, name one: {}", given.shown, all.join(", "))
}

fn nothing(given: &Given, only: Option<Server>) -> String {
    let of = match only {
        None => "",
        Some(Server::Nginx) => " of nginx",
        Some(Server::Apache) => " of Apache",
    };
    format!("{}: no configuration{of} below it; looked for {}", given.shown, discover::LOOKED_FOR)
}

/// The canonical paths of a tree's files.
fn read_files(tree: &Tree) -> impl Iterator<Item = &Path> {
    tree.files().filter_map(|file| tree.canonical(file))
}
