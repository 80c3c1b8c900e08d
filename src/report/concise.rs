//! One line a finding: `path:line:column: severity[rule] message`. Knows nothing of excerpts.

use std::io::{self, Write};

use super::{Report, line};
use crate::engine::Linted;
use crate::finding::Finding;

pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for linted in report.linted {
        for finding in &linted.findings {
            writeln!(out, "{}", told(report, linted, finding))?;
        }
    }
    Ok(())
}

/// The line of one finding.
pub(super) fn told(report: &Report, linted: &Linted, finding: &Finding) -> String {
    let [start, _] = report.range(linted, finding.primary);
    let text = format!(
        "{}:{}:{}: {}[{}] {}",
        report.path(linted, finding.primary.file),
        start.line,
        start.column,
        finding.severity.name(),
        finding.rule,
        finding.message
    );
    line(&text).into_owned()
}
