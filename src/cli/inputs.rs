//! From paths on the command line to configurations that are read. Knows the current directory.

use std::path::{Path, PathBuf};

use super::args::{InputArguments, ReadArguments, TraceArguments};
use crate::effective::Target;
use crate::engine::{Linted, Selection};
use crate::handshake::Trace;
use crate::source::discover;
use crate::source::files::{Disk, ReadError, normal};
use crate::tree::{Limits, Options, PathMap};

/// Reads and judges every configuration that the arguments name; `Err` says what could not be read, and why.
pub fn read(input: &InputArguments, selection: &Selection) -> Result<Vec<Linted>, String> {
    let here = current_directory()?;
    let given = if input.paths.is_empty() { vec![PathBuf::from(".")] } else { input.paths.clone() };
    let mut linted = Vec::new();
    for path in &given {
        let (mains, root) = mains(path, &normal(&here.join(path)))?;
        for main in mains {
            let options = options(&input.read, &here, &main, root.clone());
            let read = crate::lint(&Disk, &main, &options, target(&input.read), selection);
            linted.push(read.map_err(|error| format!("{}: {}", path.display(), reason(&error)))?);
        }
    }
    Ok(linted)
}

/// Reads one configuration and follows a handshake through it.
pub fn trace(arguments: &TraceArguments) -> Result<(Linted, Trace), String> {
    let here = current_directory()?;
    let path = &arguments.path;
    let (mains, root) = mains(path, &normal(&here.join(path)))?;
    let [main] = &mains[..] else {
        let all: Vec<String> = mains.iter().map(|main| main.display().to_string()).collect();
        return Err(format!(
            "{}: holds several main configurations, name one: {}",
            path.display(),
            all.join(", ")
        ));
    };
    let options = options(&arguments.read, &here, main, root);
    let read =
        crate::trace(&Disk, main, &options, target(&arguments.read), &arguments.url, &arguments.header);
    read.map_err(|error| format!("{}: {}", path.display(), reason(&error)))
}

fn current_directory() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("the current directory: {error}"))
}

fn target(read: &ReadArguments) -> Target {
    read.target.map_or_else(Target::default, |nginx| Target { nginx, named: true })
}

/// The main files a path stands for, and the linted root.
fn mains(given: &Path, absolute: &Path) -> Result<(Vec<PathBuf>, PathBuf), String> {
    if !absolute.is_dir() {
        let root = absolute.parent().unwrap_or(absolute).to_owned();
        return Ok((vec![absolute.to_owned()], root));
    }
    if let Err(error) = std::fs::read_dir(absolute) {
        return Err(format!("{}: {error}", given.display()));
    }
    let mains = discover::main_files(absolute);
    if mains.is_empty() {
        return Err(format!(
            "{}: no main configuration below it; looked for {}",
            given.display(),
            discover::LOOKED_FOR
        ));
    }
    Ok((mains, absolute.to_owned()))
}

fn options(input: &ReadArguments, here: &Path, main: &Path, root: PathBuf) -> Options {
    let own = main.parent().unwrap_or(here).to_owned();
    let prefix = input.prefix.as_ref().map_or(own, |prefix| normal(&here.join(prefix)));
    let map = |map: &PathMap| PathMap { from: map.from.clone(), to: normal(&here.join(&map.to)) };
    Options { prefix, root, maps: input.path_map.iter().map(map).collect(), limits: Limits::default() }
}

fn reason(error: &ReadError) -> String {
    match error {
        ReadError::NotFound => "no such file".to_string(),
        ReadError::Directory => "is a directory".to_string(),
        ReadError::NotRegular(kind) => format!("is {kind}, not a regular file"),
        ReadError::TooLarge(limit) => format!("has more than {limit} bytes"),
        ReadError::Other(words) => words.clone(),
    }
}
