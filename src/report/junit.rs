//! Findings as failed tests, in the XML that test reports are written in: a suite for each configuration, in which
//! every file without one passes. Knows nothing of what is found.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Report, Summary, concise, line, safe};
use crate::engine::{Linted, Suppressed};
use crate::finding::{Finding, Severity};
use crate::source::FileId;

pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut document = quick_junit::Report::new("wslint");
    for linted in report.linted {
        document.add_test_suite(suite(report, linted));
    }
    let text = document.to_string().map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}

fn suite(report: &Report, linted: &Linted) -> TestSuite {
    let mut suite = TestSuite::new(&*line(&report.path(linted, FileId(0))));
    let files = linted.tree.sources.len();
    let mut failures: Vec<Vec<&Finding>> = vec![Vec::new(); files];
    for finding in linted.findings.iter().filter(|finding| finding.severity > Severity::Note) {
        failures[finding.primary.file.0 as usize].push(finding);
    }
    let mut suppressed: Vec<Vec<&Suppressed>> = vec![Vec::new(); files];
    for silent in &linted.suppressed {
        suppressed[silent.finding.primary.file.0 as usize].push(silent);
    }
    for (index, (failures, suppressed)) in failures.iter().zip(&suppressed).enumerate() {
        let file = FileId(index as u32);
        for finding in failures {
            suite.add_test_case(failed(report, linted, finding));
        }
        // Settings and baselines, too, may have findings, and are no part of what is tested.
        if failures.is_empty() && index < linted.tree.file_count() {
            let path = report.path(linted, file);
            let mut passed = TestCase::new(&*line(&path), TestCaseStatus::success());
            passed.set_classname("wslint.file").extra.insert("file".into(), (&*line(&path)).into());
            suite.add_test_case(passed);
        }
        for silent in suppressed {
            let mut status = TestCaseStatus::skipped();
            status.set_message(&*line(&silent.why.reason));
            suite.add_test_case(case(report, linted, &silent.finding, status));
        }
    }
    // Notes fail nothing, and are not lost either.
    let mut notes = String::new();
    for finding in linted.findings.iter().filter(|finding| finding.severity == Severity::Note) {
        notes += &concise::told(report, linted, finding);
        notes.push('\n');
    }
    suite.set_system_out(notes + &Summary::of(std::slice::from_ref(linted)).line());
    suite
}

fn failed(report: &Report, linted: &Linted, finding: &Finding) -> TestCase {
    let mut text = format!("{}\n", concise::told(report, linted, finding));
    for label in &finding.labels {
        let place =
            format!("{}:{}", report.path(linted, label.span.file), linted.tree.sources.line(label.span));
        text += &format!("{}: {}\n", line(&place), line(&label.message));
    }
    if let Some(help) = &finding.help {
        text += &format!("help: {}\n", safe(help));
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(finding.severity.name()).set_message(&*line(&finding.message)).set_description(text);
    case(report, linted, finding, status)
}

/// A test for a finding, called by its rule and its place.
fn case(report: &Report, linted: &Linted, finding: &Finding, status: TestCaseStatus) -> TestCase {
    let path = report.path(linted, finding.primary.file);
    let [start, _] = report.range(linted, finding.primary);
    let name = format!("{path}:{}:{}", start.line, start.column);
    let mut case = TestCase::new(&*line(&name), status);
    case.set_classname(format!("wslint.{}", finding.rule));
    case.extra.insert("file".into(), (&*line(&path)).into());
    case.extra.insert("line".into(), start.line.to_string().into());
    case
}
