//! What of a judged configuration is told: of the files asked about, under the names that files have. Judges nothing.

use std::path::PathBuf;

use hashbrown::HashMap;

use super::plan::{Joined, Only};
use crate::engine::Linted;
use crate::finding::Finding;
use crate::source::dump::JOINT;
use crate::source::{FileId, Span};

/// Leaves out what was found in other files.
pub fn narrow(linted: &mut Linted, only: &Only) {
    let tree = &linted.tree;
    let is_told = |finding: &Finding| match tree.canonical(finding.primary.file) {
        Some(path) => only.files.contains(path),
        None => only.has_settings,
    };
    linted.findings.retain(is_told);
    linted.suppressed.retain(|suppressed| is_told(&suppressed.finding));
    linted.known.retain(is_told);
}

/// Gives files the names that they have, and says nothing of lines that nobody wrote.
pub fn rename(linted: &mut Linted, joined: &Joined) {
    let sources = &linted.tree.sources;
    let is_joint = |span: Span| {
        let source = sources.get(span.file);
        let line = source.line_range(source.line(span.start));
        let text = &source.text.original()[line.start as usize..line.end as usize];
        (joined.has_joint && span.file == FileId(0)) || text.starts_with(JOINT.as_bytes())
    };
    linted.findings.retain(|finding| !is_joint(finding.primary));
    for finding in &mut linted.findings {
        finding.labels.retain(|label| !is_joint(label.span));
    }
    let called = |file: FileId| {
        let path = sources.path(file);
        joined.renamed.get(path).map_or(path, |path| path)
    };
    let mut order: HashMap<PathBuf, usize> = HashMap::new();
    for file in linted.tree.files() {
        let next = order.len();
        order.entry(called(file).to_owned()).or_insert(next);
    }
    // A file that was read in parts is told in one go, and what two of them have in common once.
    let place = |finding: &Finding| {
        let Span { file, start, .. } = finding.primary;
        (order.get(called(file)).copied(), sources.get(file).line(start))
    };
    linted.findings.sort_by_key(place);
    linted.findings.dedup_by(|a, b| place(a) == place(b) && a.rule == b.rule && a.message == b.message);
    linted.tree.sources.rename(|path| joined.renamed.get(path).cloned());
}
