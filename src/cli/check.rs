//! `wslint [check] PATH...`

use super::args::{CheckArguments, Format};
use super::inputs::{self, Inputs};
use super::output::Output;
use super::{CLEAN, FOUND};
use crate::engine::contracts::Endpoint;
use crate::engine::settings::Settings;
use crate::engine::{Linted, Selection};
use crate::finding::Severity;
use crate::report::{self, Report, human};

pub fn check(arguments: &CheckArguments, output: &mut Output) -> Result<i32, String> {
    let selection = Selection {
        select: arguments.select.clone(),
        ignore: arguments.ignore.clone(),
        all_routes: arguments.all_routes,
        endpoints: arguments.endpoint.iter().cloned().map(Endpoint::new).collect(),
        ..Selection::default()
    };
    let Inputs { mut linted, settings } = inputs::read(&arguments.input, &selection)?;
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
    let directory = std::env::current_dir().unwrap_or_default();
    let report = Report { linted: &linted, directory };
    let style = human::Style { colour: output.colour, width: output.width, notes: arguments.notes };
    let silent = arguments.quiet && linted.iter().all(|part| part.findings.is_empty());
    output.print(|out| match arguments.format {
        Format::Human if silent => Ok(()),
        Format::Human => report::human::write(&report, style, out),
        Format::Concise => report::concise::write(&report, out),
        Format::Json => report::json::write(&report, out),
    })?;
    // The process ends here: giving a large tree's memory back piece by piece takes longer than parsing it.
    std::mem::forget(linted);
    Ok(if failed { FOUND } else { CLEAN })
}
