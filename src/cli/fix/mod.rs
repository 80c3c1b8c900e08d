//! `--fix` and `--diff`: fixes written, or shown. Knows files and messages, not what is mended.

mod write;

use std::path::Path;

use similar::TextDiff;

use super::args::{FixArguments, InputArguments};
use super::output::{Output, complain};
use super::{CLEAN, FOUND, inputs};
use crate::engine::{Linted, Selection};
use crate::fix::{Choice, Fixed, Told, fix as make};
use crate::report::{line, shown};

/// Writes the fixes and returns what is judged of the configurations now.
pub fn fix(
    input: &InputArguments,
    arguments: &FixArguments,
    selection: &Selection,
) -> Result<Vec<Linted>, String> {
    let Fixed { changed, told, linted } = made(input, arguments, selection)?;
    let here = std::env::current_dir().unwrap_or_default();
    write::all(&changed).map_err(|why| format!("nothing was fixed: {why}"))?;
    told.iter().for_each(|told| complain(&sentence(told, &here, "fixed")));
    Ok(linted)
}

/// Shows the fixes.
pub fn diff(
    input: &InputArguments,
    arguments: &FixArguments,
    selection: &Selection,
    output: &mut Output,
) -> Result<i32, String> {
    let Fixed { changed, told, .. } = made(input, arguments, selection)?;
    let here = std::env::current_dir().unwrap_or_default();
    output.print(|out| {
        for one in &changed {
            let path = shown(&one.path, &here);
            let diff = TextDiff::from_lines(&one.before[..], &one.after[..]);
            let mut diff = diff.unified_diff();
            diff.header(&format!("a/{path}"), &format!("b/{path}")).to_writer(&mut *out)?;
        }
        Ok(())
    })?;
    told.iter().for_each(|told| complain(&sentence(told, &here, "would fix")));
    Ok(if changed.is_empty() { CLEAN } else { FOUND })
}

fn made(input: &InputArguments, arguments: &FixArguments, selection: &Selection) -> Result<Fixed, String> {
    let files = inputs::open(input)?;
    let linted = inputs::read_from(&*files, input, selection)?;
    let roots = inputs::named(input)?.into_iter().map(|path| root(&path)).collect::<Result<_, _>>()?;
    let choice = Choice { risky: arguments.unsafe_fixes, only: arguments.fix_only.clone(), roots };
    make(&*files, linted, &|files| inputs::read_from(files, input, selection), &choice)
}

/// What may be changed: a directory, or the one a file lies in.
fn root(path: &Path) -> Result<std::path::PathBuf, String> {
    let directory = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    directory.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

/// `sites/chat.conf:14: fixed inherited-headers-lost: repeat the headers in ...`
fn sentence(told: &Told, here: &Path, done: &str) -> String {
    let Told { rule, path, line: number, title, dropped } = told;
    let path = shown(path, here);
    let text = match dropped {
        None => format!("{path}:{number}: {done} {rule}: {title}"),
        Some(why) => format!("{path}:{number}: {rule} stays, because with its fix ({title}) {why}"),
    };
    line(&text).into_owned()
}
