//! From paths on the command line to configurations that are read. Knows the current directory.

use std::path::{Path, PathBuf};

use super::args::{InputArguments, ReadArguments, TraceArguments};
use crate::effective::Target;
use crate::engine::{Linted, Selection};
use crate::handshake::Trace;
use crate::source::discover::{self, Main, Server};
use crate::source::files::{self, Disk, ReadError, normal};
use crate::tree::apache::Given;
use crate::tree::{Limits, Options, PathMap};

/// Reads and judges every configuration that the arguments name; `Err` says what could not be read, and why.
pub fn read(input: &InputArguments, selection: &Selection) -> Result<Vec<Linted>, String> {
    let here = current_directory()?;
    let given = if input.paths.is_empty() { vec![PathBuf::from(".")] } else { input.paths.clone() };
    let mut linted = Vec::new();
    for path in &given {
        let (mains, root) = mains(path, &normal(&here.join(path)), input.read.server)?;
        for main in mains {
            let target = target(&input.read, main.server);
            let options = options(&input.read, &here, &main, root.clone(), target);
            let read = crate::lint(&Disk, &main.path, &options, target, selection);
            linted.push(read.map_err(|error| format!("{}: {}", path.display(), reason(&error)))?);
        }
    }
    Ok(linted)
}

/// Reads one configuration and follows a handshake through it.
pub fn trace(arguments: &TraceArguments) -> Result<(Linted, Trace), String> {
    let here = current_directory()?;
    let path = &arguments.path;
    let (mains, root) = mains(path, &normal(&here.join(path)), arguments.read.server)?;
    let [main] = &mains[..] else {
        let all: Vec<String> = mains.iter().map(|main| main.path.display().to_string()).collect();
        return Err(format!(
            "{}: holds several main configurations, name one: {}",
            path.display(),
            all.join(", ")
        ));
    };
    let target = target(&arguments.read, main.server);
    let options = options(&arguments.read, &here, main, root, target);
    let read = crate::trace(&Disk, &main.path, &options, target, &arguments.url, &arguments.header);
    read.map_err(|error| format!("{}: {}", path.display(), reason(&error)))
}

fn current_directory() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("the current directory: {error}"))
}

/// The versions named, the last for each server; those of the configuration's own decide whether any were.
fn target(read: &ReadArguments, of: Server) -> Target {
    let mut target = Target::default();
    for &(server, versions) in &read.target {
        match server {
            Server::Nginx => target.nginx = versions,
            Server::Apache => target.apache = versions,
        }
        target.named |= server == of;
    }
    target
}

/// The main files a path stands for, those of one server where it is named, and the linted root.
fn mains(given: &Path, absolute: &Path, only: Option<Server>) -> Result<(Vec<Main>, PathBuf), String> {
    if !absolute.is_dir() {
        let root = absolute.parent().unwrap_or(absolute).to_owned();
        let head = files::head(absolute, discover::HEAD);
        let head = head.map_err(|error| format!("{}: {}", given.display(), reason(&error)))?;
        let server = only.unwrap_or_else(|| discover::server_of(absolute, &head));
        return Ok((vec![Main { path: absolute.to_owned(), server }], root));
    }
    if let Err(error) = std::fs::read_dir(absolute) {
        return Err(format!("{}: {error}", given.display()));
    }
    let mut mains = discover::main_files(absolute);
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

fn options(input: &ReadArguments, here: &Path, main: &Main, root: PathBuf, target: Target) -> Options {
    let own = main.path.parent().unwrap_or(here).to_owned();
    let prefix = input.prefix.as_ref().map_or(own, |prefix| normal(&here.join(prefix)));
    let map = |map: &PathMap| PathMap { from: map.from.clone(), to: normal(&here.join(&map.to)) };
    let define = |(name, value): &(String, Option<String>)| {
        (name.clone().into_bytes(), value.clone().map(String::into_bytes))
    };
    let given = || {
        let version = target.apache.last;
        Given {
            defines: input.define.iter().map(define).collect(),
            version: [version.major, version.minor, version.patch],
            server_root: input.server_root.as_ref().map(|root| normal(&here.join(root))),
        }
    };
    Options {
        prefix,
        root,
        maps: input.path_map.iter().map(map).collect(),
        limits: Limits::default(),
        apache: (main.server == Server::Apache).then(given),
    }
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
