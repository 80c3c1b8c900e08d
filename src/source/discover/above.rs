//! The main configurations that may include a file, looked for from its directory upwards. Knows where they usually lie, not
//! whether they include it.

use std::path::{Path, PathBuf};

use super::names::{MAINS, USUAL, is_backup, main_rank, may_hold};
use super::walk::{walk, work_tree};
use super::{HEAD, Kind, Main, what_is};
use crate::source::files::{Files, Found};

/// How many directories above the file's own are looked into where no work tree says where to stop.
const MAX_UP: usize = 6;

/// Files of one directory that are opened.
const MAX_FILES: usize = 200;

/// The main configurations that may include a file, in the order in which they are to be tried: those of a directory together,
/// the nearest first; at last all others of the work tree.
pub fn mains_above<'f>(files: &'f dyn Files, file: &'f Path) -> impl Iterator<Item = Vec<Main>> + 'f {
    let own = file.parent().unwrap_or(file);
    let top = work_tree(files, own);
    // The root directory and homes of many things are nobody's configuration.
    let is_searched = move |directory: &&Path| match top {
        Some(top) => directory.starts_with(top),
        None => directory.components().count() > 2,
    };
    let levels =
        own.ancestors().take_while(is_searched).take(if top.is_some() { usize::MAX } else { MAX_UP });
    let near = levels.map(move |directory| mains_in(files, directory, file));
    let far = top.into_iter().map(move |top| mains_below(files, top));
    near.chain(far).filter(|mains| !mains.is_empty())
}

/// Those of a directory, and those at the places below it that are usual.
fn mains_in(files: &dyn Files, directory: &Path, file: &Path) -> Vec<Main> {
    let listed = files.list(directory).unwrap_or_default();
    let mut paths: Vec<PathBuf> = listed.into_iter().map(|entry| directory.join(entry.name)).collect();
    paths.retain(|path| path != file && may_hold(path) && !is_backup(path));
    paths.sort_unstable_by_key(|path| (main_rank(path).unwrap_or(MAINS.len()), path.clone()));
    paths.truncate(MAX_FILES);
    paths.extend(USUAL.iter().filter(|usual| usual.contains('/')).map(|usual| directory.join(usual)));
    paths.into_iter().filter_map(|path| main(files, path)).collect()
}

/// Those with a usual name below a directory; where there are none, all that look like one.
fn mains_below(files: &dyn Files, directory: &Path) -> Vec<Main> {
    let walked = walk(files, directory, true);
    let paths = || walked.iter().map(|walked| walked.path.clone());
    let named: Vec<Main> =
        paths().filter(|path| main_rank(path).is_some()).filter_map(|path| main(files, path)).collect();
    if !named.is_empty() {
        return named;
    }
    let is_conf = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "conf");
    paths().filter(is_conf).filter_map(|path| main(files, path)).collect()
}

fn main(files: &dyn Files, path: PathBuf) -> Option<Main> {
    if files.look(&path) != Found::File {
        return None;
    }
    match what_is(&path, &files.head(&path, HEAD).ok()?).kind {
        Kind::Main(server) => Some(Main { path, server }),
        _ => None,
    }
}
