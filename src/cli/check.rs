//! `wslint [check] PATH...`

use std::path::PathBuf;

use super::args::CheckArguments;
use super::inputs::{self, Inputs};
use super::output::Output;
use super::{CLEAN, FOUND, baseline, fix, outputs, told};
use crate::engine::contracts::Endpoint;
use crate::engine::settings::Settings;
use crate::engine::{Linted, Selection};
use crate::finding::Severity;
use crate::report::summary::counted;
use crate::report::{Report, shown};
use crate::source::files::normal;

pub fn check(arguments: &CheckArguments, output: &mut Output) -> Result<i32, String> {
    let selection = Selection {
        select: arguments.select.clone(),
        ignore: arguments.ignore.clone(),
        all_routes: arguments.all_routes,
        endpoints: arguments.endpoint.iter().cloned().map(Endpoint::new).collect(),
        ..Selection::default()
    };
    outputs::agree(arguments)?;
    let directory = std::env::current_dir().unwrap_or_default();
    let below = |path: &PathBuf| normal(&directory.join(path));
    let given = arguments.baseline.as_ref().map(below);
    let mut buffer = inputs::standard_input(&arguments.input)?;
    let fixing = &arguments.fix;
    if fixing.diff {
        return fix::diff(&arguments.input, buffer, fixing, &selection, given.as_deref(), output);
    }
    if fixing.fix {
        // Nothing is mended that could not be reported.
        if !arguments.output.is_empty() {
            let before = inputs::read(&arguments.input, buffer.clone(), &selection, true)?;
            outputs::spare(arguments, &before.linted, &before.settings)?;
        }
        buffer = fix::fix(&arguments.input, buffer, fixing, &selection, given.as_deref())?;
        if let Some(fixed) = &buffer {
            output.pass(fixed)?;
            output.turn_to_stderr()?;
        }
    }
    let mut inputs = inputs::read(&arguments.input, buffer, &selection, arguments.quiet)?;
    let left_out = inputs.left_out;
    let closed = std::mem::take(&mut inputs.closed);
    if let Some(path) = arguments.write_baseline.as_ref().map(below) {
        inputs.narrow();
        outputs::spare(arguments, &inputs.linted, &inputs.settings)?;
        let count = baseline::write(&inputs, &path)?;
        let written = format!("{} written to {}", counted(count, "finding"), shown(&path, &directory));
        output.print(|out| writeln!(out, "{written}"))?;
        return Ok(CLEAN);
    }
    baseline::apply(&mut inputs, given.as_deref(), &selection, arguments.input.read.restrict_includes)?;
    inputs.narrow();
    inputs.unite();
    let Inputs { mut linted, settings, .. } = inputs;
    outputs::spare(arguments, &linted, &settings)?;
    let fails = |part: &Linted, settings: &Settings| {
        let fail_on = arguments.fail_on.or(settings.fail_on).unwrap_or_default();
        part.findings.iter().any(|finding| fail_on.is_reached_by(finding.severity))
    };
    let failed = linted.iter().zip(&settings).any(|(part, settings)| fails(part, settings));
    if arguments.quiet {
        for part in &mut linted {
            part.findings.retain(|finding| finding.severity > Severity::Note);
        }
    }
    let hint = fix::hint(&linted, fixing);
    let report = Report { linted: &linted, directory, left_out, statistics: arguments.statistics, hint };
    outputs::write(arguments, &report, output)?;
    // The process ends here: giving a large tree's memory back piece by piece takes longer than parsing it.
    std::mem::forget(linted);
    Ok(told::closed(&closed, if failed { FOUND } else { CLEAN }))
}
