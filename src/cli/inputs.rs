//! Reading what the plan names: directories file by file, single files in their trees, standard input, dumps. Knows the current
//! directory.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hashbrown::HashSet;

use super::args::{InputArguments, ReadArguments, TraceArguments};
use super::embedded;
use super::options::{options, target};
use super::output;
use super::plan::{self, Given, Only, Part, STDIN, directory_of};
use super::progress::Progress;
use super::settings::{Coverage, Lookup, complain};
use super::told;
use crate::effective;
use crate::engine::settings::Settings;
use crate::engine::{Linted, Selection};
use crate::finding::Severity;
use crate::handshake::Trace;
use crate::source::discover::{self, Kind, Other, Server, Survey};
use crate::source::files::{Files, Found, normal};
use crate::source::overlay::Overlay;
use crate::source::{FileId, Source, Span, Text};
use crate::tree::{Options, Tree};

pub use super::options::reason;

/// Every configuration that the arguments name, judged, and what is settled for each.
pub struct Inputs {
    pub linted: Vec<Linted>,
    pub settings: Vec<Rc<Settings>>,
    /// Of each the files that were asked about.
    only: Vec<Option<Only>>,
    /// How many files look like a configuration and were not read.
    pub left_out: usize,
    /// Files and directories that may hold a configuration, and could not be looked into.
    pub closed: Vec<PathBuf>,
    /// Which of the configurations were read from dumps.
    is_dump: Vec<bool>,
}

impl Inputs {
    /// Leaves out what was found in files that nobody asked about.
    pub fn narrow(&mut self) {
        for (linted, only) in self.linted.iter_mut().zip(&self.only) {
            if let Some(only) = only {
                told::narrow(linted, only);
            }
        }
    }

    /// Tells what was found in files that several configurations read once; call it last.
    pub fn unite(&mut self) {
        told::unite(&mut self.linted, &self.is_dump);
    }

    /// How many of the configurations were read from dumps.
    pub fn dumps(&self) -> usize {
        self.is_dump.iter().filter(|&&is_dump| is_dump).count()
    }
}

/// What was read, each part with what was made of it.
pub struct Parts<'f, T> {
    pub parts: Vec<(Part<'f>, T)>,
    /// What looks like a configuration and was not read.
    pub left_out: Vec<Other>,
    /// What could not be looked into.
    pub closed: Vec<PathBuf>,
}

/// Reads and judges every configuration that the arguments name; `Err` says what could not be read, and why.
pub fn read(
    input: &InputArguments,
    buffer: Option<Vec<u8>>,
    selection: &Selection,
    quiet: bool,
) -> Result<Inputs, String> {
    with_files(input, buffer, |files, buffer| {
        let progress = Progress::start(quiet);
        read_from(&progress.counting(files), buffer, input, selection)
    })
}

/// What standard input holds, where the arguments name it.
pub fn standard_input(input: &InputArguments) -> Result<Option<Vec<u8>>, String> {
    let is_stdin = input.paths.iter().any(|path| path == Path::new(STDIN));
    if is_stdin && input.paths.len() > 1 {
        return Err("`-` stands for standard input and must be the only path".to_string());
    }
    if !is_stdin && input.stdin_filename.is_some() {
        return Err("--stdin-filename names what standard input is: write `-` as the path".to_string());
    }
    is_stdin.then(|| plan::standard_input(&input.read)).transpose()
}

/// Lets `then` have the files that may be read, and, where one of them is a buffer, under what name.
pub fn with_files<R>(
    input: &InputArguments,
    buffer: Option<Vec<u8>>,
    then: impl FnOnce(&dyn Files, Option<&Given>) -> Result<R, String>,
) -> Result<R, String> {
    let here = current_directory()?;
    let paths = if buffer.is_some() { &[] } else { &input.paths[..] };
    let files = plan::files(&plan::given(paths, &here), &here, input.read.restrict_includes)?;
    let Some(bytes) = buffer else { return then(&*files, None) };
    let buffer = plan::buffer(&*files, bytes, input.stdin_filename.as_deref(), &here, &input.read)?;
    then(&buffer.files, Some(&buffer.given))
}

/// Absolute paths of the files and directories that the arguments name.
pub fn named(input: &InputArguments) -> Result<Vec<PathBuf>, String> {
    Ok(plan::given(&input.paths, &current_directory()?).into_iter().map(|given| given.path).collect())
}

/// The same as `read`, with files that are open already.
pub fn read_from(
    files: &dyn Files,
    buffer: Option<&Given>,
    input: &InputArguments,
    selection: &Selection,
) -> Result<Inputs, String> {
    let here = current_directory()?;
    let setup = Setup::new(&input.read, &here);
    let one = |part: &Part, is_sole: bool| {
        let settings = setup.settings(part)?;
        let home = settings.file.as_ref().and_then(|file| file.path.parent());
        // A file that is named may be one of several, and so may the configurations of one server.
        let is_directory = files.look(&normal(&here.join(&part.shown))) == Found::Directory;
        let is_whole = is_directory
            && input.read.server.is_none()
            && home.is_some_and(|home| home.starts_with(&part.root));
        let coverage = Coverage { is_whole, is_sole };
        let mut selection = super::settings::selection(&settings, selection, &part.main, coverage);
        if part.is_embedded {
            // No URL leads to a part of a file.
            selection.endpoints.clear();
        }
        let (options, target) = setup.options(part, &settings);
        let read = crate::lint(&*part.files, &part.main.path, &options, target, &selection);
        let linted = read.map_err(|error| format!("{}: {}", part.shown, reason(&error)))?;
        Ok((linted, settings))
    };
    let done = |parts: Parts<(Linted, Rc<Settings>)>| {
        let left_out = parts.left_out.len();
        let mut inputs = Inputs {
            linted: Vec::new(),
            settings: Vec::new(),
            only: Vec::new(),
            left_out,
            closed: parts.closed,
            is_dump: Vec::new(),
        };
        for (part, (mut linted, settings)) in parts.parts {
            let is_dump = part.joined.as_ref().is_some_and(|joined| joined.is_dump);
            if let Some(joined) = &part.joined {
                told::rename(&mut linted, joined);
            }
            if is_dump {
                // It is a copy, which nobody mends.
                linted.findings.iter_mut().for_each(|finding| finding.fixes.clear());
            }
            inputs.is_dump.push(is_dump);
            inputs.linted.push(linted);
            inputs.settings.push(settings);
            inputs.only.push(part.only);
        }
        crate::rules::agree(&mut inputs.linted);
        tell_settings(&mut inputs);
        Ok(inputs)
    };
    each(files, buffer, input, &setup, one, |(linted, _)| &linted.tree, done)
}

/// What is wrong with each file of settings, told with the first configuration that it is for.
fn tell_settings(inputs: &mut Inputs) {
    let mut known: HashSet<PathBuf> = HashSet::new();
    for (part, settings) in inputs.linted.iter_mut().zip(&inputs.settings) {
        let Some(file) = settings.file.as_ref().filter(|_| !settings.problems.is_empty()) else { continue };
        if !known.insert(file.path.clone()) {
            continue;
        }
        let id = part.tree.lend(Source::new(file.path.clone(), Text::plain(file.bytes.to_vec())));
        for problem in &settings.problems {
            let at = Span { file: id, start: problem.at.start, end: problem.at.end };
            let finding = crate::rules::unclear(problem, at);
            let rule = crate::rules::find(finding.rule).expect("internal: the rule is in the table");
            // A file that is none of settings cannot say how loud that is.
            let told = match problem.severity {
                Severity::Error => Some(finding),
                _ => settings.levels.apply(rule, finding, &file.path, false),
            };
            part.findings.extend(told);
        }
    }
}

/// The trees alone, for what is said of files.
pub fn trees<R>(
    input: &InputArguments,
    done: impl FnOnce(Parts<Tree>) -> Result<R, String>,
) -> Result<R, String> {
    let here = current_directory()?;
    let setup = Setup::new(&input.read, &here);
    with_files(input, standard_input(input)?, |files, buffer| {
        let progress = Progress::start(false);
        let files = progress.counting(files);
        let read = each(&files, buffer, input, &setup, |part, _| setup.tree(part), |tree| tree, done);
        complain(setup.lookup.borrow().all());
        read
    })
}

/// Reads one configuration and follows a handshake through it.
pub fn trace(arguments: &TraceArguments) -> Result<(Linted, Trace), String> {
    let here = current_directory()?;
    let setup = Setup::new(&arguments.read, &here);
    let is_stdin = arguments.path == Path::new(STDIN);
    let paths = if is_stdin { &[][..] } else { std::slice::from_ref(&arguments.path) };
    let given = &plan::given(paths, &here)[0];
    let files = plan::files(std::slice::from_ref(given), &here, arguments.read.restrict_includes)?;
    let files = &*files;
    let text = is_stdin.then(|| plan::standard_input(&arguments.read)).transpose()?;
    let buffer = text.map(|text| plan::buffer(files, text, None, &here, &arguments.read)).transpose()?;
    let part = match &buffer {
        Some(buffer) => plan::single(&buffer.files, &buffer.given, &arguments.read)?.0,
        None if files.look(&given.path) == Found::Directory => {
            let mut mains = survey(files, given, true)?.mains;
            mains.retain(|main| arguments.read.server.is_none_or(|only| main.server == only));
            let [main] = &mains[..] else { return Err(not_one(given, &mains, arguments.read.server)) };
            Part::new(files, given, main.path.clone(), given.path.clone(), None, main.server)
        }
        None => match embedded::sole(files, given, &arguments.read)? {
            Some(part) => part,
            None => plan::single(files, given, &arguments.read)?.0,
        },
    };
    let settings = setup.settings(&part)?;
    let (options, target) = setup.options(&part, &settings);
    let read =
        crate::trace(&*part.files, &part.main.path, &options, target, &arguments.url, &arguments.header);
    let (mut linted, trace) = read.map_err(|error| format!("{}: {}", part.shown, reason(&error)))?;
    complain(setup.lookup.borrow().all());
    if let Some(joined) = &part.joined {
        told::rename(&mut linted, joined);
    }
    Ok((linted, trace))
}

/// How every part is read.
struct Setup<'a> {
    read: &'a ReadArguments,
    here: &'a Path,
    lookup: RefCell<Lookup<'a>>,
}

impl<'a> Setup<'a> {
    fn new(read: &'a ReadArguments, here: &'a Path) -> Self {
        Self { read, here, lookup: RefCell::new(Lookup::new(read, here)) }
    }

    fn settings(&self, part: &Part) -> Result<Rc<Settings>, String> {
        self.lookup.borrow_mut().of(&*part.origin, &part.given)
    }

    fn options(&self, part: &Part, settings: &Settings) -> (Options, effective::Target) {
        let target = target(self.read, settings, part.main.server);
        let mut options = options(self.read, settings, self.here, &part.main, part.root.clone(), target);
        if part.joined.as_ref().is_some_and(|joined| joined.is_dump) {
            // Its paths are another machine's, and all that they lead to is in it.
            options.maps.clear();
            options.prefix.clone_from(&part.root);
        }
        (options, target)
    }

    fn tree(&self, part: &Part) -> Result<Tree, String> {
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
fn each<'a, T, R>(
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
    reading.directories(files, &directories)?;
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
        let part = Part { order: self.order, ..part };
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

fn current_directory() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("the current directory: {error}"))
}

fn survey(files: &dyn Files, given: &Given, heeds_ignores: bool) -> Result<Survey, String> {
    files.list(&given.path).map_err(|error| format!("{}: {}", given.shown, reason(&error)))?;
    Ok(Survey::of(files, &given.path, heeds_ignores))
}

fn not_one(given: &Given, mains: &[discover::Main], only: Option<Server>) -> String {
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
