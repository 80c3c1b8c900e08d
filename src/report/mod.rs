//! Findings as bytes: one file a format. Knows no rule and judges nothing.

pub mod concise;
pub mod human;
pub mod json;
mod paths;
mod safe;
pub mod summary;

use std::path::PathBuf;

use crate::engine::Linted;

pub use paths::shown;
pub use safe::{line, safe};
pub use summary::Summary;

/// What is reported, and from where it is seen.
pub struct Report<'a> {
    pub linted: &'a [Linted],
    /// Paths below it are shown relative to it.
    pub directory: PathBuf,
    /// Files that look like a configuration and that nothing included.
    pub left_out: usize,
}

impl Report<'_> {
    /// A file's path as a reader of this report knows it.
    pub fn path(&self, linted: &Linted, file: crate::source::FileId) -> String {
        shown(linted.tree.sources.path(file), &self.directory)
    }
}
