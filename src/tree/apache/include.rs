//! Which files `Include` and `IncludeOptional` name (`ap_process_resource_config`). Knows directories and patterns, not
//! what the files hold.

use std::path::{Path, PathBuf};

use crate::source::files::{self, Files, ReadError};
use crate::source::pattern;

/// Directories inside one another that are gone through (`AP_MAX_INCLUDE_DIR_DEPTH`).
const DIRECTORY_DEPTH: usize = 128;

/// The one device that the server opens, and finds empty.
const EMPTY: &str = "/dev/null";

/// What is found at a path.
pub(super) enum Found {
    Files(Vec<PathBuf>),
    Nothing,
    /// More files than the limit.
    TooMany(usize),
    Unreadable(ReadError),
}

/// The files at an absolute path or pattern, in the server's order: byte by byte in every directory, a directory's files
/// where it stands itself.
pub(super) fn find(files: &dyn Files, path: &Path, limit: usize) -> Found {
    let bytes = path.as_os_str().as_encoded_bytes();
    if !pattern::is_pattern(bytes) && path != Path::new(EMPTY) {
        return match files.canonical(path) {
            Ok(_) => below(files, vec![path.to_owned()], limit),
            Err(ReadError::NotFound) => Found::Nothing,
            Err(error) => Found::Unreadable(error),
        };
    }
    match pattern::expand(files, path, limit) {
        Err(count) => Found::TooMany(count),
        Ok(found) if found.is_empty() => Found::Nothing,
        Ok(found) => below(files, found.into_iter().map(|found| found.path).collect(), limit),
    }
}

/// The paths with every directory replaced by all that it holds, hidden files too.
fn below(files: &dyn Files, paths: Vec<PathBuf>, limit: usize) -> Found {
    let mut found = Vec::new();
    let mut waiting: Vec<(PathBuf, usize)> = paths.into_iter().rev().map(|path| (path, 0)).collect();
    let mut looked_at = 0;
    while let Some((path, depth)) = waiting.pop() {
        looked_at += 1;
        if looked_at > limit {
            return Found::TooMany(looked_at);
        }
        if path == Path::new(EMPTY) {
            continue;
        }
        let is_entered = depth <= DIRECTORY_DEPTH && files.look(&path) == files::Found::Directory;
        // What may not be listed is found to be so when it is read.
        let Some(entries) = is_entered.then(|| files.list(&path).ok()).flatten() else {
            found.push(path);
            continue;
        };
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        waiting.extend(names.into_iter().rev().map(|name| (path.join(name), depth + 1)));
    }
    Found::Files(found)
}
