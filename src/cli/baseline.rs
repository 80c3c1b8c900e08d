//! `--baseline` and `--write-baseline`: which file counts, and what of it is stale. Knows the disk.

use std::path::{Path, PathBuf};

use hashbrown::HashSet;

use super::inputs::{Inputs, reason};
use super::plan::files_for;
use super::written;
use crate::engine::Selection;
use crate::engine::baseline::{self, Baseline};
use crate::rules;
use crate::source::files::{Disk, Files, normal, words};
use crate::source::{Source, Text};

/// Bytes of a baseline that are read at most.
const MAX_BYTES: u64 = 256 << 20;

/// Takes what baselines know out of the findings, and tells which of their entries are stale: that named on the command
/// line, else each configuration's own.
///
/// # Errors
/// Where one cannot be read, or is none.
pub fn apply(
    inputs: &mut Inputs,
    given: Option<&Path>,
    selection: &Selection,
    restricted: bool,
) -> Result<(), String> {
    for (baseline, of) in take_known(inputs, given, restricted)? {
        tell_stale(&baseline, &of, inputs, selection, restricted);
    }
    Ok(())
}

/// Takes what baselines know out of the findings; each with the configurations that it is for.
///
/// # Errors
/// Where one cannot be read, or is none.
pub fn take_known(
    inputs: &mut Inputs,
    given: Option<&Path>,
    restricted: bool,
) -> Result<Vec<(Baseline, Vec<usize>)>, String> {
    let mut known: Vec<(Baseline, Vec<usize>)> = Vec::new();
    for (index, settings) in inputs.settings.iter().enumerate() {
        let Some(path) = given.or(settings.baseline.as_deref()) else { continue };
        match known.iter_mut().find(|(baseline, _)| baseline.path == path) {
            Some((_, of)) => of.push(index),
            None => known.push((read(path, restricted)?, vec![index])),
        }
    }
    for (baseline, of) in &mut known {
        for &index in &*of {
            baseline.apply(&mut inputs.linted[index]);
        }
    }
    Ok(known)
}

/// Reads one.
///
/// # Errors
/// Where it cannot be read, or is none.
pub fn read(path: &Path, restricted: bool) -> Result<Baseline, String> {
    let failed = |why: String| format!("baseline {}: {why}", path.display());
    let here = std::env::current_dir().unwrap_or_default();
    let path = &normal(&here.join(path));
    let files = files_for(path, &here, restricted)?;
    let bytes = files.read(path, MAX_BYTES).map_err(|error| failed(reason(&error)))?;
    Baseline::read(path, bytes).map_err(failed)
}

/// An entry is stale where its file was read, or is gone, and its rule was asked and found nothing like it.
fn tell_stale(
    baseline: &Baseline,
    of: &[usize],
    inputs: &mut Inputs,
    selection: &Selection,
    restricted: bool,
) {
    let Some(&first) = of.first() else { return };
    let directory = baseline.path.parent().unwrap_or(&baseline.path);
    let trees = of.iter().map(|&index| &inputs.linted[index].tree);
    let read: HashSet<PathBuf> =
        trees.flat_map(|tree| tree.files().map(|file| tree.sources.path(file).to_owned())).collect();
    let is_asked = |id: &str| rules::find(id).is_none_or(|rule| selection.includes(rule));
    // Restricted, nothing is said of whether files are there that were not read.
    let is_gone = |path: &Path| !restricted && !Disk.look(path).is_there();
    let is_stale = |path: &Path| read.contains(path) || is_gone(path);
    let stale = baseline
        .unused()
        .filter(|entry| is_asked(&entry.rule) && is_stale(&normal(&directory.join(&entry.path))));
    let stale: Vec<_> = stale.collect();
    if stale.is_empty() {
        return;
    }
    let part = &mut inputs.linted[first];
    let file = part.tree.lend(Source::new(baseline.path.clone(), Text::plain(baseline.bytes.to_vec())));
    let levels = &inputs.settings[first].levels;
    let told = stale
        .into_iter()
        .filter_map(|entry| rules::stale(entry, baseline.place(entry, file), levels, &baseline.path));
    part.findings.extend(told);
}

/// Writes what was found to a file, whole or not at all.
pub fn write(inputs: &Inputs, path: &Path) -> Result<usize, String> {
    let mut count = 0;
    written::replace(path, |out| {
        count = baseline::write(&inputs.linted, path, out)?;
        Ok(())
    })
    .map_err(|error| format!("{}: {}", path.display(), words(&error)))?;
    Ok(count)
}
