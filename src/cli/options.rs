//! What arguments and settings say of how a configuration is read. Knows no file.

use std::path::{Path, PathBuf};

use super::args::{Limit, ReadArguments};
use crate::effective::Target;
use crate::engine::settings::Settings;
use crate::source::discover::{Main, Server};
use crate::source::files::{ReadError, normal};
use crate::tree::apache::Given;
use crate::tree::{Limits, Options, PathMap};

/// The versions named, the last for each server; those of the configuration's own decide whether any were.
pub fn target(read: &ReadArguments, settings: &Settings, of: Server) -> Target {
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

pub fn options(
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

pub fn limits(given: &[(Limit, u32)]) -> Limits {
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

/// Why something was not read, for a message.
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
        ReadError::Unseen => "is not in the dump".to_string(),
        ReadError::Other(words) => words.clone(),
    }
}
