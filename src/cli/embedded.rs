//! Configurations inside the files that the command line names, or that lie below a directory. Knows which files are asked.

use std::path::Path;

use super::args::{InputArguments, ReadArguments};
use super::options::reason;
use super::plan::{Given, Part};
use crate::source::discover;
use crate::source::extract::embedded::{self, Language};
use crate::source::files::{Files, Found};

/// Bytes of a file that is looked at; configurations stand in small ones.
const MOST: u64 = 16 << 20;

/// The parts of all files below a directory that is no configuration itself, or where it is asked for.
pub(super) fn below<'f>(files: &'f dyn Files, given: &Given, input: &InputArguments) -> Vec<Part<'f>> {
    let is_wanted = match (input.embedded, input.no_embedded) {
        (true, _) => true,
        (_, true) => false,
        _ => !discover::is_configuration(files, &given.path),
    };
    if !is_wanted {
        return Vec::new();
    }
    let mut found = Vec::new();
    let is_candidate = |path: &Path| Language::of(path).is_some();
    for walked in discover::walk_for(files, &given.path, !input.no_ignore, is_candidate) {
        // What cannot be read, or is too large, was not asked for by name.
        if let Ok(bytes) = files.read(&walked.path, MOST) {
            found.extend(of(files, given, &walked.path, &bytes, &input.read));
        }
    }
    found
}

/// The one part of a named file; None for a file of no such language.
pub(super) fn sole<'f>(
    files: &'f dyn Files,
    given: &Given,
    read: &ReadArguments,
) -> Result<Option<Part<'f>>, String> {
    let Some(mut parts) = of_named(files, given, read)? else { return Ok(None) };
    match parts.len() {
        0 => Err(format!("{}: no configuration of nginx or Apache was found in it", given.shown)),
        1 => Ok(parts.pop()),
        several => {
            Err(format!("{}: holds {several} configurations, and a handshake goes through one", given.shown))
        }
    }
}

/// The parts of a named file; None for a file of no such language.
pub(super) fn of_named<'f>(
    files: &'f dyn Files,
    given: &Given,
    read: &ReadArguments,
) -> Result<Option<Vec<Part<'f>>>, String> {
    if Language::of(&given.path).is_none() || files.look(&given.path) == Found::Directory {
        return Ok(None);
    }
    let failed = |error| format!("{}: {}", given.shown, reason(&error));
    let bytes = files.read(&given.path, MOST).map_err(failed)?;
    Ok(Some(of(files, given, &given.path, &bytes, read)))
}

fn of<'f>(
    files: &'f dyn Files,
    given: &Given,
    path: &Path,
    bytes: &[u8],
    read: &ReadArguments,
) -> Vec<Part<'f>> {
    let texts = embedded::parts(path, bytes).into_iter();
    let wanted = texts.filter(|text| read.server.is_none_or(|only| only == text.server));
    wanted.filter_map(|text| Part::of_text(files, given, path, text).ok()).collect()
}
