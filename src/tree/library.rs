//! The files of a tree, each read and parsed once, many at a time. Knows limits, not who includes whom.

use hashbrown::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{IncludeProblemKind as Kind, Limits};
use crate::source::discover::Server;
use crate::source::files::{Files, ReadError};
use crate::source::pattern::Match;
use crate::source::{FileId, Source, Sources, Text, extract};
use crate::syntax::{self, Document, Names};

/// Waves of fewer files are read on one thread: starting others costs more than it saves.
const SMALL_WAVE: usize = 9;

/// More threads than cores: a fresh checkout's files are waited for, not computed.
const THREADS: usize = 8;

/// A server's grammar.
pub(super) type Parse = fn(&[u8], Names) -> Document;

pub(super) struct Library<'a> {
    pub files: &'a dyn Files,
    pub names: Names,
    pub parse: Parse,
    server: Server,
    pub limits: Limits,
    pub sources: Sources,
    pub loaded: Vec<File>,
    /// By canonical path.
    by_path: HashMap<PathBuf, FileId>,
    bytes: u64,
    pool: Option<rayon::ThreadPool>,
}

pub(super) struct File {
    pub path: PathBuf,
    pub canonical: PathBuf,
    pub document: Document,
    pub failure: Option<Kind>,
}

impl<'a> Library<'a> {
    pub fn new(files: &'a dyn Files, names: Names, server: Server, limits: Limits) -> Self {
        let parse = match server {
            Server::Nginx => syntax::nginx::parse,
            Server::Apache => syntax::apache::parse,
        };
        Self {
            files,
            names,
            parse,
            server,
            limits,
            sources: Sources::default(),
            loaded: Vec::new(),
            by_path: HashMap::new(),
            bytes: 0,
            pool: None,
        }
    }

    /// The file at a canonical path, to be read with the next wave if it is new.
    pub fn wanted(&mut self, path: PathBuf, canonical: PathBuf) -> FileId {
        let next = FileId(self.loaded.len() as u32);
        let file = *self.by_path.entry(canonical.clone()).or_insert(next);
        if file == next {
            let document = Document::default();
            self.loaded.push(File { path, canonical, document, failure: None });
        }
        file
    }

    /// The same for what patterns match, whose directory's canonical path is asked for once rather than per file.
    pub fn matched(&mut self, found: Vec<Match>) -> Vec<FileId> {
        let plain = found.iter().find(|found| found.plain).and_then(|found| found.path.parent());
        let directory = plain.and_then(|directory| self.files.canonical(directory).ok());
        let wanted = |found: Match| {
            let canonical = match (&directory, found.path.file_name()) {
                (Some(directory), Some(name)) if found.plain => Ok(directory.join(name)),
                _ => self.files.canonical(&found.path),
            };
            let canonical = canonical.unwrap_or_else(|_| found.path.clone());
            self.wanted(found.path, canonical)
        };
        found.into_iter().map(wanted).collect()
    }

    /// The file at a path that is known to be there.
    pub fn at(&mut self, path: PathBuf) -> FileId {
        let canonical = self.files.canonical(&path).unwrap_or_else(|_| path.clone());
        self.wanted(path, canonical)
    }

    /// Files that are wanted and not read yet begin here.
    pub fn unread(&self) -> usize {
        self.sources.len()
    }

    /// Reads and parses all that is wanted.
    pub fn read_wave(&mut self) {
        let start = self.unread();
        let (limits, names, files, parse) = (self.limits, self.names, self.files, self.parse);
        let server = self.server;
        let read = |path: &&Path| -> Result<(Text, Document), ReadError> {
            let bytes = files.read(path, limits.file_bytes)?;
            let text = match files.part(path) {
                Some(part) => extract::part_text(path, bytes, part, server),
                None => extract::text(path, bytes, server),
            };
            let mut document = parse(text.parsed(), names);
            if text.as_cut().is_some_and(|cut| cut.tangled) {
                document.problems.clear();
            }
            Ok((text, document))
        };
        let wave: Vec<&Path> = self.loaded[start..].iter().map(|file| file.canonical.as_path()).collect();
        let results: Vec<_> = if wave.len() < SMALL_WAVE {
            wave.iter().map(read).collect()
        } else {
            let pool = self.pool.get_or_insert_with(thread_pool);
            pool.install(|| wave.par_iter().with_min_len(16).map(read).collect())
        };
        for (file, result) in self.loaded[start..].iter_mut().zip(results) {
            let index = self.sources.len();
            let mut text = Text::plain(Vec::new());
            match result {
                Ok((read, _)) if self.bytes + read.original().len() as u64 > limits.total_bytes => {
                    drop(read);
                    let limit = limits.total_bytes;
                    file.failure = Some(Kind::Limit(format!("more than {limit} bytes in all files")));
                }
                Ok(_) if index >= limits.files => {
                    file.failure = Some(Kind::Limit(format!("more than {} files", limits.files)));
                }
                Ok((read, document)) => {
                    self.bytes += read.original().len() as u64;
                    text = read;
                    file.document = document;
                }
                Err(error) => file.failure = Some(error.into()),
            }
            self.sources.add(Source::new(file.path.clone(), text));
        }
    }

    /// What kept the first file from being read.
    pub fn main_failure(&self) -> Option<ReadError> {
        match self.loaded.first()?.failure.as_ref()? {
            Kind::Unreadable(error) => Some(error.clone()),
            Kind::Limit(words) => Some(ReadError::Other(words.clone())),
            Kind::Outside => Some(ReadError::Outside),
            _ => None,
        }
    }
}

fn thread_pool() -> rayon::ThreadPool {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(THREADS);
    builder.build().expect("internal: threads that read files can be started")
}
