//! One line a finding: `path:line:column: severity[rule] message`. Knows nothing of excerpts.

use std::io::{self, Write};

use super::{Report, line};

pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for linted in report.linted {
        for finding in &linted.findings {
            let position = linted.tree.sources.position(finding.primary.file, finding.primary.start);
            let text = format!(
                "{}:{}:{}: {}[{}] {}",
                report.path(linted, finding.primary.file),
                position.line,
                position.column,
                finding.severity.name(),
                finding.rule,
                finding.message
            );
            writeln!(out, "{}", line(&text))?;
        }
    }
    Ok(())
}
