//! `wslint [check] PATH...`

use super::args::CheckArguments;
use super::output::Output;
use super::{CLEAN, FOUND, inputs, outputs};
use crate::engine::Selection;
use crate::finding::Severity;
use crate::report::Report;

pub fn check(arguments: &CheckArguments, output: &mut Output) -> Result<i32, String> {
    let selection = Selection {
        select: arguments.select.clone(),
        ignore: arguments.ignore.clone(),
        all_routes: arguments.all_routes,
    };
    outputs::agree(arguments)?;
    let mut linted = inputs::read(&arguments.input, &selection)?;
    outputs::spare(arguments, &linted)?;
    let fails = |severity| arguments.fail_on.is_reached_by(severity);
    let failed = linted.iter().flat_map(|part| &part.findings).any(|finding| fails(finding.severity));
    if arguments.quiet {
        for part in &mut linted {
            part.findings.retain(|finding| finding.severity > Severity::Note);
        }
    }
    let directory = std::env::current_dir().unwrap_or_default();
    let report = Report { linted: &linted, directory, statistics: arguments.statistics };
    outputs::write(arguments, &report, output)?;
    // The process ends here: giving a large tree's memory back piece by piece takes longer than parsing it.
    std::mem::forget(linted);
    Ok(if failed { FOUND } else { CLEAN })
}
