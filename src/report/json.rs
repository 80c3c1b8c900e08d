//! The JSON of version 1, a promise: fields may be added, never renamed. Its structs are its own.

mod escaped;

use std::io::{self, Write};

use serde::Serialize;

use super::Report;
use crate::engine::{Linted, fingerprints};
use crate::finding::{self, Safety};
use crate::source::{Position, Span};

pub use escaped::print;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    tool: Tool,
    summary: Counts,
    findings: Vec<Finding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Vec<Count>>,
}

#[derive(Serialize)]
struct Count {
    rule: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Counts {
    files: usize,
    routes: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    suppressed: usize,
    not_included: usize,
    known: usize,
}

#[derive(Serialize)]
struct Finding<'a> {
    rule: &'a str,
    severity: &'static str,
    confidence: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    path: String,
    range: Range,
    labels: Vec<Label<'a>>,
    routes: Vec<Route<'a>>,
    route_count: usize,
    fixes: Vec<Fix<'a>>,
    fingerprint: String,
}

#[derive(Serialize)]
struct Range {
    start: Place,
    end: Place,
}

#[derive(Serialize)]
struct Place {
    line: u32,
    column: u32,
    offset: u32,
}

#[derive(Serialize)]
struct Label<'a> {
    path: String,
    range: Range,
    message: &'a str,
}

#[derive(Serialize)]
struct Route<'a> {
    server: &'a str,
    r#match: &'a str,
}

#[derive(Serialize)]
struct Fix<'a> {
    title: &'a str,
    safety: &'static str,
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    path: String,
    range: Range,
    text: &'a str,
}

pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let summary = report.summary();
    let document = Document {
        version: 1,
        tool: Tool { name: "wslint", version: env!("CARGO_PKG_VERSION") },
        summary: Counts {
            files: summary.files,
            routes: summary.routes,
            errors: summary.errors,
            warnings: summary.warnings,
            notes: summary.notes,
            suppressed: summary.suppressed,
            not_included: summary.not_included,
            known: summary.known,
        },
        findings: report.linted.iter().flat_map(|linted| findings(report, linted)).collect(),
        statistics: report.statistics.then(|| {
            let counts = super::statistics(report.linted).into_iter();
            counts.map(|(rule, count)| Count { rule, count }).collect()
        }),
    };
    print(&document, out)
}

fn findings<'a>(report: &Report, linted: &'a Linted) -> Vec<Finding<'a>> {
    let fingerprints = fingerprints(&linted.tree, &linted.findings, |file| report.path(linted, file));
    let path = |span: Span| report.path(linted, span.file);
    let range = |span: Span| Range {
        start: place(linted.tree.sources.position(span.file, span.start)),
        end: place(linted.tree.sources.position(span.file, span.end)),
    };
    let label = |label: &'a finding::Label| Label {
        path: path(label.span),
        range: range(label.span),
        message: &label.message,
    };
    let edit =
        |edit: &'a finding::Edit| Edit { path: path(edit.span), range: range(edit.span), text: &edit.text };
    let fix = |fix: &'a finding::Fix| Fix {
        title: &fix.title,
        safety: match fix.safety {
            Safety::Safe => "safe",
            Safety::Unsafe => "unsafe",
        },
        edits: fix.edits.iter().map(edit).collect(),
    };
    let finding = |(finding, fingerprint): (&'a finding::Finding, String)| Finding {
        rule: finding.rule,
        severity: finding.severity.name(),
        confidence: finding.confidence.name(),
        message: &finding.message,
        help: finding.help.as_deref(),
        path: path(finding.primary),
        range: range(finding.primary),
        labels: finding.labels.iter().map(label).collect(),
        routes: finding
            .routes
            .iter()
            .map(|route| Route { server: &route.server, r#match: &route.matcher })
            .collect(),
        route_count: finding.route_count,
        fixes: finding.fixes.iter().map(fix).collect(),
        fingerprint,
    };
    linted.findings.iter().zip(fingerprints).map(finding).collect()
}

fn place(position: Position) -> Place {
    Place { line: position.line, column: position.column, offset: position.offset }
}
