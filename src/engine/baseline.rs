//! Findings that are known: a file of their fingerprints. Knows how it is written and read, not where it lies.

use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::run::ALWAYS;
use super::{Linted, fingerprints};
use crate::finding::Finding;
use crate::source::{FileId, Span};

/// The version of the file's form.
const VERSION: u32 = 1;

/// A finding as the file tells it. Only the fingerprint is compared; the rest is for who reads it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Entry {
    pub fingerprint: String,
    pub rule: String,
    /// Relative to the file's directory.
    pub path: String,
    pub message: String,
}

#[derive(Deserialize)]
struct Document {
    version: u32,
    findings: Vec<Entry>,
}

/// What a file knows.
#[derive(Clone, Debug)]
pub struct Baseline {
    pub path: PathBuf,
    pub bytes: Arc<[u8]>,
    entries: Vec<Entry>,
    by_fingerprint: HashMap<String, usize>,
    used: Vec<bool>,
}

impl Baseline {
    /// # Errors
    /// Where the file is none that `write` wrote.
    pub fn read(path: &Path, bytes: Vec<u8>) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(&bytes).map_err(|error| format!("not a baseline of wslint: {error}"))?;
        if document.version != VERSION {
            return Err(format!("a baseline of version {}, and wslint knows {VERSION}", document.version));
        }
        let entries = document.findings;
        let by_fingerprint =
            entries.iter().enumerate().map(|(index, entry)| (entry.fingerprint.clone(), index)).collect();
        let used = vec![false; entries.len()];
        Ok(Self { path: path.to_owned(), bytes: bytes.into(), entries, by_fingerprint, used })
    }

    /// Takes what is known out of the findings. What tells that something was not read stays.
    pub fn apply(&mut self, linted: &mut Linted) {
        let fingerprints = of(linted, self.directory());
        let (mut told, mut known) = (Vec::new(), Vec::new());
        for (finding, fingerprint) in std::mem::take(&mut linted.findings).into_iter().zip(fingerprints) {
            match self.by_fingerprint.get(&fingerprint) {
                Some(&index) if !ALWAYS.contains(&finding.rule) => {
                    self.used[index] = true;
                    known.push(finding);
                }
                _ => told.push(finding),
            }
        }
        linted.findings = told;
        linted.known = known;
    }

    /// The entries that nothing was found for.
    pub fn unused(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().zip(&self.used).filter(|(_, used)| !**used).map(|(entry, _)| entry)
    }

    /// Where an entry's fingerprint stands in the file that `file` is in a tree.
    pub fn place(&self, entry: &Entry, file: FileId) -> Span {
        let found = memchr::memmem::find(&self.bytes, entry.fingerprint.as_bytes()).unwrap_or_default();
        Span { file, start: found as u32, end: (found + entry.fingerprint.len()) as u32 }
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}

/// Everything that was found, as a file at `path` tells it: sorted, one line each.
pub fn write(linted: &[Linted], path: &Path, out: &mut dyn Write) -> io::Result<usize> {
    let directory = path.parent().unwrap_or(path);
    let mut entries: Vec<Entry> = linted.iter().flat_map(|part| entries(part, directory)).collect();
    let key = |entry: &Entry| {
        (entry.path.clone(), entry.rule.clone(), entry.message.clone(), entry.fingerprint.clone())
    };
    entries.sort_by_cached_key(key);
    entries.dedup();
    writeln!(out, "{{\"version\": {VERSION}, \"findings\": [")?;
    for (index, entry) in entries.iter().enumerate() {
        let comma = if index + 1 < entries.len() { "," } else { "" };
        writeln!(out, "  {}{comma}", serde_json::to_string(entry)?)?;
    }
    writeln!(out, "]}}")?;
    Ok(entries.len())
}

fn entries(linted: &Linted, directory: &Path) -> Vec<Entry> {
    let entry = |(finding, fingerprint): (&Finding, String)| Entry {
        path: relative(linted, finding.primary.file, directory),
        rule: finding.rule.to_string(),
        message: finding.message.clone(),
        fingerprint,
    };
    let all = linted.findings.iter().zip(of(linted, directory));
    all.filter(|(finding, _)| !ALWAYS.contains(&finding.rule)).map(entry).collect()
}

fn of(linted: &Linted, directory: &Path) -> Vec<String> {
    fingerprints(&linted.tree, &linted.findings, |file| relative(linted, file, directory))
}

/// So that it does not matter from where wslint is run, nor where the checkout lies.
fn relative(linted: &Linted, file: FileId, directory: &Path) -> String {
    let path = linted.tree.sources.path(file);
    let shared =
        path.components().zip(directory.components()).take_while(|(one, other)| one == other).count();
    let up = directory.components().skip(shared).map(|_| Component::ParentDir);
    // Files of another machine, as a dump has them, share nothing but the root.
    match shared {
        0 | 1 => path.to_string_lossy().into_owned(),
        _ => up.chain(path.components().skip(shared)).collect::<PathBuf>().to_string_lossy().into_owned(),
    }
}
