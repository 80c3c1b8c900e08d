//! GitHub's workflow commands: an annotation for each finding, one line each. Knows how they are escaped, nothing of
//! what is found.

use std::io::{self, Write};

use super::{Report, line, safe};
use crate::finding::Severity;

pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for linted in report.linted {
        for finding in &linted.findings {
            let command = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "notice",
            };
            let [start, end] = report.range(linted, finding.primary);
            write!(out, "::{command} file={}", property(&report.path(linted, finding.primary.file)))?;
            write!(out, ",line={},endLine={}", start.line, end.line)?;
            // Columns of different lines are refused.
            if start.line == end.line {
                write!(out, ",col={},endColumn={}", start.column, end.column)?;
            }
            let title = property(&format!("wslint: {}", finding.rule));
            let text = match &finding.help {
                Some(help) => format!("{}\nhelp: {help}", line(&finding.message)),
                None => line(&finding.message).into_owned(),
            };
            writeln!(out, ",title={title}::{}", message(&text))?;
        }
    }
    // No command, so that it only stands in the log.
    writeln!(out, "{}", report.summary().line())
}

/// Percent signs and line ends, which the runner turns back.
fn message(text: &str) -> String {
    safe(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// In a property, what ends it too.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_message_or_a_property_is_escaped() {
        let text = "50%\n::error::a,b:c\r";
        assert_eq!(message(text), "50%25%0A::error::a,b:c\\r");
        assert_eq!(property(text), "50%25%0A%3A%3Aerror%3A%3Aa%2Cb%3Ac\\r");
    }
}
