//! The counts that end a report. Knows no format.

use hashbrown::HashSet;

use crate::engine::Linted;
use crate::finding::Severity;
use crate::source::FileId;

/// How much was read, and what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub files: usize,
    pub routes: usize,
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
    /// Findings that remarks in the files silence.
    pub suppressed: usize,
    /// Files that look like a configuration and that nothing includes.
    pub not_included: usize,
    /// Findings that a baseline knows.
    pub known: usize,
}

impl Summary {
    pub fn of(linted: &[Linted]) -> Self {
        let mut summary = Self::default();
        // Several configurations may stand in one file.
        let mut seen = HashSet::new();
        for part in linted {
            let mut is_known = |file: &FileId| {
                let source = part.tree.sources.get(*file);
                let is_embedded = source.text.as_cut().is_some_and(|cut| cut.is_embedded);
                is_embedded && !seen.insert(&source.path)
            };
            summary.files += part.tree.file_count() - part.tree.files().filter(|file| is_known(file)).count();
            summary.routes += part.routes.len();
            summary.suppressed += part.suppressed.len();
            summary.known += part.known.len();
            for finding in &part.findings {
                *match finding.severity {
                    Severity::Error => &mut summary.errors,
                    Severity::Warning => &mut summary.warnings,
                    Severity::Note => &mut summary.notes,
                } += 1;
            }
        }
        summary
    }

    /// `2 files, 4 routes: 1 error, 1 note`
    pub fn line(&self) -> String {
        let found: Vec<String> = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")]
            .into_iter()
            .filter(|&(count, _)| count > 0)
            .map(|(count, word)| counted(count, word))
            .collect();
        let mut found = if found.is_empty() { "nothing found".to_string() } else { found.join(", ") };
        if self.suppressed > 0 {
            found += &format!(", {} suppressed", self.suppressed);
        }
        if self.known > 0 {
            found += &format!(", {} known", self.known);
        }
        if self.not_included > 0 {
            found += &format!("; {} not included (--list-files)", counted(self.not_included, "more file"));
        }
        format!("{}, {}: {found}", counted(self.files, "file"), counted(self.routes, "route"))
    }
}

/// `1 file`, `2 files`
pub fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
