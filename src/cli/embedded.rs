//! Configurations inside the files that the command line names, or that lie below a directory. Knows which files are asked.

use std::path::Path;

use super::args::InputArguments;
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
    let only = input.read.server;
    let of = |path: &Path, bytes: &[u8]| -> Vec<(Main, Part)> {
        let parts = embedded::parts(path, bytes).into_iter();
        let wanted = parts.filter(|part| only.is_none_or(|only| only == part.server));
        wanted.map(|part| (Main { path: path.to_owned(), server: part.server }, part)).collect()
    };
    if files.look(absolute) != Found::Directory {
        let Some(language) = Language::of(absolute) else { return Ok(Vec::new()) };
        let bytes =
            files.read(absolute, MOST).map_err(|error| format!("{}: {}", given.display(), reason(&error)))?;
        let parts = of(absolute, &bytes);
        return match parts.is_empty() {
            true => Err(format!(
                "{}: a {} file in which no configuration of nginx or Apache was found",
                given.display(),
                language.name()
            )),
            false => Ok(parts),
        };
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
            found.extend(of(&path, &bytes));
        }
    }
    Ok(found)
}
