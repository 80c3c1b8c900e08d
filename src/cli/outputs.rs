//! Reports: one on standard output, others in files. Knows every format by name, and when a file is better not written.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hashbrown::HashSet;

use super::args::{CheckArguments, Format};
use super::output::Output;
use super::written;
use crate::engine::Linted;
use crate::engine::settings::Settings;
use crate::report::human::{self, Style};
use crate::report::{Report, concise, github, gitlab, json, junit, sarif};
use crate::source::files::words;

/// Columns of a report that no terminal shows.
const WIDTH: usize = 100;

/// Whether the reports that are asked for can be told from one another and from what is there.
///
/// # Errors
/// Says which file would not be written, and why; nothing is touched.
pub fn agree(arguments: &CheckArguments) -> Result<(), String> {
    let outputs = &arguments.output;
    let formats = || std::iter::once(arguments.format).chain(outputs.iter().map(|(format, _)| *format));
    if arguments.statistics && !formats().any(|format| matches!(format, Format::Human | Format::Json)) {
        return Err("--statistics: only the formats human and json have them".to_string());
    }
    let mut places = HashSet::new();
    for file in written(arguments) {
        let refused = |why: &str| Err(format!("{}: not written: {why}", file.display()));
        let directory = directory(file);
        if !directory.is_dir() {
            return refused(&format!("there is no directory {}", directory.display()));
        }
        match fs::symlink_metadata(file) {
            Ok(there) if there.is_dir() => return refused("it is a directory"),
            // Whoever wrote a checkout may have put it there, to have another file written over.
            Ok(there) if there.is_symlink() => return refused("it is a symbolic link"),
            Ok(there) if !there.is_file() => return refused("it is no regular file"),
            _ => {}
        }
        let Some(name) = file.file_name() else { return refused("it is a directory") };
        let place = directory.canonicalize().map_err(|error| format!("{}: {error}", directory.display()))?;
        if !places.insert(place.join(name)) {
            return refused("two reports do not fit in one file");
        }
    }
    Ok(())
}

/// What was read is not written over: configurations, settings, baselines.
///
/// # Errors
/// Says which file would have been.
pub fn spare(arguments: &CheckArguments, linted: &[Linted], settings: &[Rc<Settings>]) -> Result<(), String> {
    let identity = |path: &Path| fs::metadata(path).ok().map(|there| (there.dev(), there.ino()));
    let there: Vec<_> = written(arguments).filter_map(|file| Some((file, identity(file)?))).collect();
    if there.is_empty() {
        return Ok(());
    }
    let settled = settings.iter().filter_map(|settings| settings.file.as_ref()).map(|file| &*file.path);
    let sources = linted.iter().flat_map(|part| part.tree.sources.paths());
    let baselines = settings.iter().filter_map(|settings| settings.baseline.as_deref());
    let baselines = baselines.chain(arguments.baseline.as_deref());
    // A baseline is written anew over itself.
    let baselines = baselines.filter(|_| arguments.write_baseline.is_none());
    for source in sources.chain(settled).chain(baselines) {
        let read = identity(source);
        if let Some((file, _)) = there.iter().find(|(_, written)| Some(*written) == read) {
            return Err(format!("{}: not written: it is one of the files that were read", file.display()));
        }
    }
    Ok(())
}

/// Prints the report and writes those that go to files.
///
/// # Errors
/// Says what was not written, after all the rest was.
pub fn write(arguments: &CheckArguments, report: &Report, output: &mut Output) -> Result<(), String> {
    let silent = arguments.quiet && report.linted.iter().all(|part| part.findings.is_empty());
    let plain = Style { colour: false, width: WIDTH, notes: arguments.notes };
    let mut failed = Vec::new();
    for (format, file) in &arguments.output {
        if let Err(error) = written::replace(file, |out| write_one(*format, report, plain, silent, out)) {
            failed.push(format!("{}: not written: {}", file.display(), words(&error)));
        }
    }
    let style = Style { colour: output.colour, width: output.width, notes: arguments.notes };
    output.print(|out| write_one(arguments.format, report, style, silent, out))?;
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn write_one(
    format: Format,
    report: &Report,
    style: Style,
    silent: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Human if silent => Ok(()),
        Format::Human => human::write(report, style, out),
        Format::Concise => concise::write(report, out),
        Format::Json => json::write(report, out),
        Format::Sarif => sarif::write(report, out),
        Format::Github => github::write(report, out),
        Format::Gitlab => gitlab::write(report, out),
        Format::Junit => junit::write(report, out),
    }
}

/// Every file that is to be written but for fixes.
fn written(arguments: &CheckArguments) -> impl Iterator<Item = &PathBuf> {
    arguments.output.iter().map(|(_, file)| file).chain(&arguments.write_baseline)
}

fn directory(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
