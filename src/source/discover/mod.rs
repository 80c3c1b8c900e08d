//! Finding the main configuration below a directory. Knows file names and the look of a main file, no grammar.

use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// What is looked for, for a message.
pub const LOOKED_FOR: &str = "nginx.conf, or another *.conf file with an `events` or `http` block at its top";

/// Directories that hold no configuration to deploy.
const SKIPPED: [&str; 4] = [".git", "node_modules", "target", "vendor"];

/// How far down a main file is looked for.
const MAX_DEPTH: usize = 8;

/// The bytes of a file that are looked at.
const HEAD: u64 = 64 << 10;

/// The main configurations below a directory, sorted by path. Those of a directory come before those below it: a
/// directory that has one is the configuration, and nothing below it is looked at.
pub fn main_files(directory: &Path) -> Vec<PathBuf> {
    for usual in ["nginx.conf", "conf/nginx.conf", "etc/nginx/nginx.conf"] {
        let path = directory.join(usual);
        if path.is_file() {
            return vec![path];
        }
    }
    let is_kept = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(entry.file_type().is_dir() && SKIPPED.contains(&name.as_ref()))
    };
    let walk = WalkDir::new(directory).max_depth(MAX_DEPTH).sort_by_file_name();
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in walk.into_iter().filter_entry(is_kept).filter_map(Result::ok) {
        let path = entry.path();
        let is_conf = path.extension().is_some_and(|extension| extension == "conf");
        let inside_another =
            found.iter().any(|main| main.parent().is_some_and(|parent| path.starts_with(parent)));
        if entry.file_type().is_file() && is_conf && !inside_another && is_main(path) {
            found.push(path.to_owned());
        }
    }
    found
}

/// Whether a file looks like a main configuration: `events {` or `http {` at the beginning of a line.
fn is_main(path: &Path) -> bool {
    let mut head = Vec::new();
    let Ok(file) = std::fs::File::open(path) else { return false };
    if file.take(HEAD).read_to_end(&mut head).is_err() {
        return false;
    }
    head.split(|&byte| byte == b'\n').any(|line| {
        let line = line.trim_ascii_end();
        [&b"events"[..], b"http"].iter().any(|name| {
            let rest = line.strip_prefix(*name);
            rest.is_some_and(|rest| rest.trim_ascii_start().first().is_none_or(|&byte| byte == b'{'))
        })
    })
}
