//! Configurations inside the files that the command line names, or that lie below a directory. Knows which files are asked.

use std::path::Path;

use super::args::{InputArguments, ReadArguments};
use super::inputs::reason;
use crate::source::discover::{self, Main};
use crate::source::extract::embedded::{self, Language, Part};
use crate::source::files::{Files, Found};

/// Bytes of a file that is looked at; configurations stand in small ones.
const MOST: u64 = 16 << 20;

/// The parts of a file that is named, or of all files below a directory that is no configuration itself; `Err` where a
/// named file of such a language has none, or cannot be read.
pub(super) fn parts(
    files: &dyn Files,
    given: &Path,
    absolute: &Path,
    input: &InputArguments,
) -> Result<Vec<(Main, Part)>, String> {
    let read = &input.read;
    if files.look(absolute) != Found::Directory {
        return of_named(files, given, absolute, read);
    }
    let is_wanted = match (input.embedded, input.no_embedded) {
        (true, _) => true,
        (_, true) => false,
        _ => !discover::is_configuration(files, absolute),
    };
    if !is_wanted {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for path in discover::files_below(absolute, |path| Language::of(path).is_some()) {
        // What cannot be read, or is too large, was not asked for by name.
        if let Ok(bytes) = files.read(&path, MOST) {
            found.extend(of(&path, &bytes, read));
        }
    }
    Ok(found)
}

/// The one part of a named file; None for a file of no such language, and for a directory.
pub(super) fn sole(
    files: &dyn Files,
    given: &Path,
    absolute: &Path,
    read: &ReadArguments,
) -> Result<Option<(Main, Part)>, String> {
    if files.look(absolute) == Found::Directory {
        return Ok(None);
    }
    let mut parts = of_named(files, given, absolute, read)?;
    match parts.len() {
        0 | 1 => Ok(parts.pop()),
        several => Err(format!(
            "{}: holds {several} configurations, and a handshake goes through one",
            given.display()
        )),
    }
}

fn of_named(
    files: &dyn Files,
    given: &Path,
    absolute: &Path,
    read: &ReadArguments,
) -> Result<Vec<(Main, Part)>, String> {
    let Some(language) = Language::of(absolute) else { return Ok(Vec::new()) };
    let bytes =
        files.read(absolute, MOST).map_err(|error| format!("{}: {}", given.display(), reason(&error)))?;
    let parts = of(absolute, &bytes, read);
    match parts.is_empty() {
        true => Err(format!(
            "{}: a {} file in which no configuration of nginx or Apache was found",
            given.display(),
            language.name()
        )),
        false => Ok(parts),
    }
}

fn of(path: &Path, bytes: &[u8], read: &ReadArguments) -> Vec<(Main, Part)> {
    let parts = embedded::parts(path, bytes).into_iter();
    let wanted = parts.filter(|part| read.server.is_none_or(|only| only == part.server));
    wanted.map(|part| (Main { path: path.to_owned(), server: part.server }, part)).collect()
}
