//! GitLab's code quality report: a JSON array of issues. Knows its fields, nothing of what is found.

use std::io::{self, Write};

use hashbrown::HashMap;
use serde::Serialize;

use super::{Report, json, line};
use crate::engine::fingerprints;
use crate::finding::{Finding, Severity};

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: &'static str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut issues = Vec::new();
    // Of a file that two configurations share; GitLab drops all but one of what has the same fingerprint.
    let mut seen: HashMap<String, u32> = HashMap::new();
    for linted in report.linted {
        let fingerprints = fingerprints(&linted.tree, &linted.findings, |file| report.path(linted, file));
        for (finding, mut fingerprint) in linted.findings.iter().zip(fingerprints) {
            let nth = seen.entry(fingerprint.clone()).and_modify(|nth| *nth += 1).or_insert(0);
            if *nth > 0 {
                fingerprint += &format!("-{nth}");
            }
            issues.push(Issue {
                description: line(&finding.message).into_owned(),
                check_name: finding.rule,
                fingerprint,
                severity: severity(finding),
                location: Location {
                    path: report.path(linted, finding.primary.file),
                    lines: Lines { begin: linted.tree.sources.line(finding.primary) },
                },
            });
        }
    }
    json::print(&issues, out)
}

/// One of `info`, `minor`, `major`, `critical`, `blocker`; what the server itself refuses blocks.
fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error if finding.refused => "blocker",
        Severity::Error => "critical",
        Severity::Warning => "major",
        Severity::Note => "info",
    }
}
