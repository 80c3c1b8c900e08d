//! `--fix` and `--diff`: fixes written, or shown. Knows files and messages, not what is mended.

mod write;

use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::args::{FixArguments, InputArguments};
use super::baseline::take_known;
use super::inputs::{self, Inputs};
use super::output::{Output, complain};
use super::{CLEAN, FOUND};
use crate::engine::{Linted, Rule, Selection};
use crate::finding::{Finding, Fix, Safety};
use crate::fix::{Choice, Fixed, Told, fix as make};
use crate::report::summary::counted;
use crate::report::{line, shown};
use crate::rules;
use crate::source::files::Files;
use crate::source::overlay::Overlay;

/// Writes the fixes; those of a buffer are handed back in it, and no file is written.
pub fn fix(
    input: &InputArguments,
    buffer: Option<Vec<u8>>,
    arguments: &FixArguments,
    selection: &Selection,
    baseline: Option<&Path>,
) -> Result<Option<Vec<u8>>, String> {
    let (Fixed { mut changed, told, .. }, _) = made(input, buffer.clone(), arguments, selection, baseline)?;
    let here = std::env::current_dir().unwrap_or_default();
    if buffer.is_none() {
        write::all(&changed).map_err(|why| format!("nothing was fixed: {why}"))?;
    }
    told.iter().for_each(|told| complain(&sentence(told, &here, "fixed")));
    let made = told.iter().filter(|told| told.dropped.is_none()).count();
    if made > 0 {
        let place = buffer.as_ref().map(|_| "standard input".to_string());
        let place = place.unwrap_or_else(|| counted(changed.len(), "file"));
        complain(&format!("fixed {} in {place}", counted(made, "finding")));
    }
    Ok(buffer.map(|before| changed.pop().map_or(before, |changed| changed.after)))
}

/// Shows the fixes.
pub fn diff(
    input: &InputArguments,
    buffer: Option<Vec<u8>>,
    arguments: &FixArguments,
    selection: &Selection,
    baseline: Option<&Path>,
    output: &mut Output,
) -> Result<i32, String> {
    let (Fixed { changed, told, .. }, closed) = made(input, buffer, arguments, selection, baseline)?;
    let here = std::env::current_dir().unwrap_or_default();
    let mut text = Vec::new();
    for one in &changed {
        let path = shown(&one.path, &here);
        let diff = TextDiff::from_lines(&one.before[..], &one.after[..]);
        let mut diff = diff.unified_diff();
        let written = diff.header(&format!("a/{path}"), &format!("b/{path}")).to_writer(&mut text);
        written.map_err(|error| error.to_string())?;
    }
    output.pass(&text)?;
    told.iter().for_each(|told| complain(&sentence(told, &here, "would fix")));
    Ok(super::told::closed(&closed, if changed.is_empty() { CLEAN } else { FOUND }))
}

/// What a reader of the report is told of fixes, in whole lines: how many there are, or which.
pub fn hint(linted: &[Linted], arguments: &FixArguments) -> String {
    let findings = || linted.iter().flat_map(|one| one.findings.iter().map(move |finding| (one, finding)));
    if arguments.unsafe_fixes && !arguments.fix {
        return findings()
            .flat_map(|(one, finding)| finding.fixes.iter().map(move |fix| listed(one, finding, fix)))
            .collect();
    }
    let best = |finding: &Finding| {
        finding.fixes.iter().map(|fix| fix.safety).min_by_key(|safety| *safety == Safety::Unsafe)
    };
    let count = |safety| findings().filter(|(_, finding)| best(finding) == Some(safety)).count();
    // What was tried and stays has been told.
    let (safe, risky) = match arguments.fix {
        true if arguments.unsafe_fixes => (0, 0),
        true => (0, count(Safety::Unsafe)),
        false => (count(Safety::Safe), count(Safety::Unsafe)),
    };
    let words = match (safe, risky) {
        (0, 0) => return String::new(),
        (safe, 0) => format!("{safe} can be fixed with --fix"),
        (0, risky) => format!("{risky} can be fixed with --fix --unsafe-fixes"),
        (safe, risky) => format!("{safe} can be fixed with --fix, {risky} more with --unsafe-fixes"),
    };
    format!("{words} (--diff shows how)\n")
}

/// A line about one fix.
fn listed(one: &Linted, finding: &Finding, fix: &Fix) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let sources = &one.tree.sources;
    let place =
        format!("{}:{}", shown(sources.path(finding.primary.file), &here), sources.line(finding.primary));
    let safety = if fix.safety == Safety::Safe { "fix" } else { "unsafe fix" };
    format!("{}\n", line(&format!("{safety}  {place}: {}: {}", finding.rule, fix.title)))
}

/// Fixes of the rules that are wanted, held against what all rules find.
fn made(
    input: &InputArguments,
    buffer: Option<Vec<u8>>,
    arguments: &FixArguments,
    selection: &Selection,
    baseline: Option<&Path>,
) -> Result<(Fixed, Vec<PathBuf>), String> {
    let Selection { select, ignore, endpoints, .. } = selection;
    let all = Selection { also: select.clone(), endpoints: endpoints.clone(), ..Selection::default() };
    // What is off by the settings is not found.
    let is_wanted = |rule: &&&'static Rule| {
        let named = |list: &[String]| list.iter().any(|id| id == rule.id);
        let is_asked = |list: &[String]| list.is_empty() || named(list);
        is_asked(&arguments.fix_only) && is_asked(select) && !named(ignore)
    };
    let rules = rules::ALL.iter().filter(is_wanted).map(|rule| rule.id).collect();
    inputs::with_files(input, buffer, |files, buffer| {
        let read = |files: &dyn Files| {
            let mut inputs = inputs::read_from(files, buffer, input, &all)?;
            // What somebody has decided to live with stays.
            take_known(&mut inputs, baseline, input.read.restrict_includes)?;
            Ok::<Inputs, String>(inputs)
        };
        let lint = |files: &dyn Files| Ok(read(files)?.linted);
        let inputs = read(files)?;
        let dumps = inputs.dumps();
        let Inputs { linted, closed, .. } = inputs;
        if dumps > 0 && dumps == linted.len() {
            return Err("nothing was fixed: a dump is a copy, fix the files that it shows".to_string());
        }
        let roots = match buffer {
            Some(buffer) => vec![Overlay::identity(files, &buffer.path)],
            None => inputs::named(input)?.iter().map(|path| root(path, &linted)).collect::<Result<_, _>>()?,
        };
        let only_inside = roots.iter().all(|root| !root.is_dir());
        let choice = Choice { risky: arguments.unsafe_fixes, rules, roots, only_inside };
        Ok((make(files, linted, &lint, &choice)?, closed))
    })
}

/// What may be changed: a directory, the one that a main configuration lies in, or the single file that is named.
fn root(path: &Path, linted: &[Linted]) -> Result<PathBuf, String> {
    let is_main = |one: &Linted| one.tree.sources.path(one.tree.file(one.tree.root())) == path;
    let whole = !path.is_dir() && linted.iter().any(is_main);
    let place = if whole { path.parent().unwrap_or(path) } else { path };
    place.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
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
