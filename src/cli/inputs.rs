//! From paths on the command line to configurations that are read. Knows the current directory.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use hashbrown::HashSet;

use super::args::{InputArguments, Limit, ReadArguments, TraceArguments};
use super::progress::Progress;
use super::settings::{Coverage, Lookup};
use crate::effective::Target;
use crate::engine::settings::Settings;
use crate::engine::{Linted, Selection};
use crate::handshake::Trace;
use crate::source::discover::{self, Main, Server};
use crate::source::files::{Disk, Files, Found, ReadError, normal};
use crate::source::restricted::Restricted;
use crate::tree::apache::Given;
use crate::tree::{Limits, Options, PathMap};

/// Every configuration that the arguments name, and what is settled for each.
pub struct Inputs {
    pub linted: Vec<Linted>,
    pub settings: Vec<Rc<Settings>>,
}

/// Reads and judges every configuration that the arguments name; `Err` says what could not be read, and why.
pub fn read(input: &InputArguments, selection: &Selection, quiet: bool) -> Result<Inputs, String> {
    let files = open(input)?;
    let progress = Progress::start(quiet);
    read_from(&progress.counting(&*files), input, selection)
}

/// What the arguments let be read.
pub fn open(input: &InputArguments) -> Result<Box<dyn Files>, String> {
    files(&given(input), &current_directory()?, input.read.restrict_includes)
}

/// Absolute paths of the files and directories that the arguments name.
pub fn named(input: &InputArguments) -> Result<Vec<PathBuf>, String> {
    let here = current_directory()?;
    Ok(given(input).iter().map(|path| normal(&here.join(path))).collect())
}

fn given(input: &InputArguments) -> Vec<PathBuf> {
    if input.paths.is_empty() { vec![PathBuf::from(".")] } else { input.paths.clone() }
}

/// The same as `read`, with files that are open already.
pub fn read_from(files: &dyn Files, input: &InputArguments, selection: &Selection) -> Result<Inputs, String> {
    let here = current_directory()?;
    let given = given(input);
    let mut lookup = Lookup::new(&input.read, &here);
    let mut inputs = Inputs { linted: Vec::new(), settings: Vec::new() };
    let mut found = Vec::new();
    for path in &given {
        let (mains, root) = mains(files, path, &normal(&here.join(path)), input.read.server)?;
        let settings = lookup.of(files, &root)?;
        found.extend(mains.into_iter().map(|main| (path, main, root.clone(), settings.clone())));
    }
    let is_sole = found.len() == 1;
    // What is wrong with a file of settings is told once.
    let mut told: HashSet<PathBuf> = HashSet::new();
    for (path, main, root, settings) in found {
        let home = settings.file.as_ref().and_then(|file| file.path.parent());
        let is_whole = home.is_some_and(|home| home.starts_with(&root));
        let mut selection =
            super::settings::selection(&settings, selection, &main, Coverage { is_whole, is_sole });
        if settings.file.as_ref().is_some_and(|file| told.insert(file.path.clone())) {
            selection.problems.clone_from(&settings.problems);
        }
        let target = target(&input.read, &settings, main.server);
        let options = options(&input.read, &settings, &here, &main, root, target);
        let read = crate::lint(files, &main.path, &options, target, &selection);
        inputs.linted.push(read.map_err(|error| format!("{}: {}", path.display(), reason(&error)))?);
        inputs.settings.push(settings);
    }
    crate::rules::agree(&mut inputs.linted);
    Ok(inputs)
}

/// Reads one configuration and follows a handshake through it.
pub fn trace(arguments: &TraceArguments) -> Result<(Linted, Trace), String> {
    let here = current_directory()?;
    let path = &arguments.path;
    let files = files(std::slice::from_ref(path), &here, arguments.read.restrict_includes)?;
    let (mains, root) = mains(&*files, path, &normal(&here.join(path)), arguments.read.server)?;
    let [main] = &mains[..] else {
        let all: Vec<String> = mains.iter().map(|main| main.path.display().to_string()).collect();
        return Err(format!(
            "{}: holds several main configurations, name one: {}",
            path.display(),
            all.join(", ")
        ));
    };
    let settings = Lookup::new(&arguments.read, &here).of(&*files, &root)?;
    let target = target(&arguments.read, &settings, main.server);
    let options = options(&arguments.read, &settings, &here, main, root, target);
    let read = crate::trace(&*files, &main.path, &options, target, &arguments.url, &arguments.header);
    read.map_err(|error| format!("{}: {}", path.display(), reason(&error)))
}

fn current_directory() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("the current directory: {error}"))
}

/// The versions named, the last for each server; those of the configuration's own decide whether any were.
fn target(read: &ReadArguments, settings: &Settings, of: Server) -> Target {
    let mut target = Target::default();
    let settled = [(Server::Nginx, settings.nginx), (Server::Apache, settings.apache)];
    let settled = settled.into_iter().filter_map(|(server, versions)| Some((server, versions?)));
    for (server, versions) in settled.chain(read.target.iter().copied()) {
        match server {
            Server::Nginx => target.nginx = versions,
            Server::Apache => target.apache = versions,
        }
        target.named |= server == of;
    }
    target
}

/// The disk, or, restricted, what of it lies below the linted roots of the paths given.
fn files(given: &[PathBuf], here: &Path, restricted: bool) -> Result<Box<dyn Files>, String> {
    if !restricted {
        return Ok(Box::new(Disk));
    }
    let mut roots = Vec::new();
    for path in given {
        let failed = |error| format!("{}: {}", path.display(), reason(&error));
        let absolute = normal(&here.join(path));
        let is_here = absolute.starts_with(here);
        // Whoever wrote a checkout may have put a link in the place of what the gate names.
        let trusted: &dyn Files =
            if is_here { &Restricted::new([here.to_owned()]).map_err(failed)? } else { &Disk };
        trusted.canonical(&absolute).map_err(failed)?;
        if Disk.look(&absolute) == Found::Directory {
            roots.push(absolute);
        } else {
            roots.push(linted_root(&absolute));
            roots.extend(is_here.then_some(absolute));
        }
    }
    let files = Restricted::new(roots).map_err(|error| reason(&error))?;
    Ok(Box::new(files))
}

/// For a single file.
fn linted_root(file: &Path) -> PathBuf {
    file.parent().unwrap_or(file).to_owned()
}

/// The main files a path stands for, those of one server where it is named, and the linted root.
fn mains(
    files: &dyn Files,
    given: &Path,
    absolute: &Path,
    only: Option<Server>,
) -> Result<(Vec<Main>, PathBuf), String> {
    let failed = |error| format!("{}: {}", given.display(), reason(&error));
    if files.look(absolute) != Found::Directory {
        let head = files.head(absolute, discover::HEAD).map_err(failed)?;
        let server = only.unwrap_or_else(|| discover::server_of(absolute, &head));
        return Ok((vec![Main { path: absolute.to_owned(), server }], linted_root(absolute)));
    }
    files.list(absolute).map_err(failed)?;
    let mut mains = discover::main_files(files, absolute);
    mains.retain(|main| only.is_none_or(|only| main.server == only));
    if mains.is_empty() {
        let of = match only {
            None => "",
            Some(Server::Nginx) => " of nginx",
            Some(Server::Apache) => " of Apache",
        };
        return Err(format!(
            "{}: no main configuration{of} below it; looked for {}",
            given.display(),
            discover::LOOKED_FOR
        ));
    }
    Ok((mains, absolute.to_owned()))
}

fn options(
    input: &ReadArguments,
    settings: &Settings,
    here: &Path,
    main: &Main,
    root: PathBuf,
    target: Target,
) -> Options {
    let own = main.path.parent().unwrap_or(here).to_owned();
    let written = |path: &PathBuf| normal(&here.join(path));
    let prefix = input.prefix.as_ref().map(written).or_else(|| settings.prefix.clone()).unwrap_or(own);
    let map = |map: &PathMap| PathMap { from: map.from.clone(), to: normal(&here.join(&map.to)) };
    let define = |(name, value): &(String, Option<String>)| {
        (name.clone().into_bytes(), value.clone().map(String::into_bytes))
    };
    let given = || {
        let version = target.apache.last;
        Given {
            defines: settings.define.iter().chain(&input.define).map(define).collect(),
            version: [version.major, version.minor, version.patch],
            server_root: input.server_root.as_ref().map(written).or_else(|| settings.server_root.clone()),
        }
    };
    Options {
        prefix,
        root,
        maps: input.path_map.iter().map(map).chain(settings.maps.iter().cloned()).collect(),
        limits: limits(&input.limit),
        apache: (main.server == Server::Apache).then(given),
    }
}

fn limits(given: &[(Limit, u32)]) -> Limits {
    let mut limits = Limits::default();
    for &(limit, most) in given {
        match limit {
            Limit::FileBytes => limits.file_bytes = most.into(),
            Limit::TotalBytes => limits.total_bytes = most.into(),
            Limit::Files => limits.files = most as usize,
            Limit::IncludeDepth => limits.include_depth = most as usize,
            Limit::Directives => limits.grafted_directives = most as usize,
            Limit::GlobResults => limits.glob_results = most as usize,
        }
    }
    limits
}

pub fn reason(error: &ReadError) -> String {
    match error {
        ReadError::NotFound => "no such file".to_string(),
        ReadError::Directory => "is a directory".to_string(),
        ReadError::NotRegular(kind) => format!("is {kind}, not a regular file"),
        ReadError::TooLarge(limit) => format!("has more than {limit} bytes"),
        ReadError::LinkLoop => "too many levels of symbolic links".to_string(),
        ReadError::Outside => {
            "a symbolic link leads out of what may be read (--restrict-includes)".to_string()
        }
        ReadError::Other(words) => words.clone(),
    }
}
