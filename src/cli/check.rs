//! `wslint [check] PATH...`

use super::args::{CheckArguments, Format};
use super::output::Output;
use super::{CLEAN, FOUND, fix, inputs};
use crate::engine::Selection;
use crate::finding::Severity;
use crate::report::{self, Report, human};

pub fn check(arguments: &CheckArguments, output: &mut Output) -> Result<i32, String> {
    let selection = Selection {
        select: arguments.select.clone(),
        ignore: arguments.ignore.clone(),
        all_routes: arguments.all_routes,
    };
    let fixing = &arguments.fix;
    if fixing.diff {
        return fix::diff(&arguments.input, fixing, &selection, output);
    }
    let mut linted = match fixing.fix {
        true => fix::fix(&arguments.input, fixing, &selection)?,
        false => inputs::read(&arguments.input, &selection)?,
    };
    let fails = |severity| arguments.fail_on.is_reached_by(severity);
    let failed = linted.iter().flat_map(|part| &part.findings).any(|finding| fails(finding.severity));
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
        Format::Human => report::human::write(&report, style, out)
            .and_then(|()| fix::hint(&linted, fixing.unsafe_fixes && !fixing.fix, out)),
        Format::Concise => report::concise::write(&report, out),
        Format::Json => report::json::write(&report, out),
    })?;
    // The process ends here: giving a large tree's memory back piece by piece takes longer than parsing it.
    std::mem::forget(linted);
    Ok(if failed { FOUND } else { CLEAN })
}
