//! Findings as bytes: one file a format. Knows no rule and judges nothing.

pub mod concise;
pub mod github;
pub mod gitlab;
pub mod human;
pub mod json;
pub mod junit;
mod paths;
mod safe;
pub mod sarif;
mod statistics;
pub mod summary;

use std::path::PathBuf;

use crate::engine::Linted;
use crate::source::{FileId, Position, Span};

pub use paths::shown;
pub use safe::{line, safe};
pub use statistics::statistics;
pub use summary::Summary;

/// What is reported, and from where it is seen.
pub struct Report<'a> {
    pub linted: &'a [Linted],
    /// Paths below it are shown relative to it.
    pub directory: PathBuf,
    /// Files that look like a configuration and that nothing included.
    pub left_out: usize,
    /// Whether it also tells how often each rule spoke; for the formats that can.
    pub statistics: bool,
    /// What a person is told of repairs below the summary: whole lines.
    pub hint: String,
}

impl Report<'_> {
    pub fn summary(&self) -> Summary {
        Summary { not_included: self.left_out, ..Summary::of(self.linted) }
    }

    /// A file's path as a reader of this report knows it.
    pub fn path(&self, linted: &Linted, file: FileId) -> String {
        shown(linted.tree.sources.path(file), &self.directory)
    }

    /// The same as a URI reference.
    fn uri(&self, linted: &Linted, file: FileId) -> String {
        paths::uri(linted.tree.sources.path(file), &self.directory)
    }

    /// Where a span begins and where it ends.
    fn range(&self, linted: &Linted, span: Span) -> [Position; 2] {
        [span.start, span.end].map(|offset| linted.tree.sources.position(span.file, offset))
    }
}
