//! What the verbs are given: configurations judged, trees, one handshake. Knows the current directory and the settings, not what
//! a path leads to.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use hashbrown::HashSet;

use super::args::{InputArguments, TraceArguments};
use super::plan::{self, Given, Only, Part, STDIN};
use super::progress::Progress;
use super::reading::{Parts, Setup, each, not_one, survey};
use super::settings::{Coverage, complain};
use super::{embedded, told};
use crate::engine::settings::Settings;
use crate::engine::{Linted, Selection};
use crate::handshake::Trace;
use crate::source::files::{Files, Found};
use crate::source::{Source, Span, Text};
use crate::tree::Tree;

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
        let is_whole = part.is_below
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
        part.findings.extend(settings.problems.iter().filter_map(|problem| {
            let at = Span { file: id, start: problem.at.start, end: problem.at.end };
            crate::rules::unclear(problem, at, &settings.levels, &file.path)
        }));
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

fn current_directory() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("the current directory: {error}"))
}
