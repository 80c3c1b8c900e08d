//! Reading a tree: files in waves, each once, then the grafts. Knows include patterns and limits.

use hashbrown::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rayon::prelude::*;

use super::{Graft, GraftId, IncludeProblem, IncludeProblemKind as Kind, NodeRef, Options, PathMap, Tree};
use crate::source::files::{Files, ReadError, normal};
use crate::source::pattern::{self, Match};
use crate::source::{FileId, Source, Sources, Text};
use crate::syntax::{self, DirectiveId, Document, Names};

/// Waves of fewer files are read on one thread: starting others costs more than it saves.
const SMALL_WAVE: usize = 9;

/// More threads than cores: a fresh checkout's files are waited for, not computed.
const THREADS: usize = 8;

pub(super) fn read(
    files: &dyn Files,
    main: &Path,
    names: Names,
    options: &Options,
) -> Result<Tree, ReadError> {
    let mut loader = Loader {
        files,
        names,
        options,
        sources: Sources::default(),
        loaded: Vec::new(),
        by_path: HashMap::new(),
        resolved: HashMap::new(),
        bytes: 0,
        pool: None,
    };
    let canonical = files.canonical(main).map_err(|_| ReadError::NotFound)?;
    loader.wanted(Match { path: main.to_owned(), plain: false }, canonical);
    let mut done = 0;
    while done < loader.loaded.len() {
        let wave = done..loader.loaded.len();
        loader.read_wave(wave.start);
        for file in wave.clone() {
            loader.resolve_includes(file);
        }
        done = wave.end;
    }
    loader.into_tree()
}

struct Loader<'a> {
    files: &'a dyn Files,
    names: Names,
    options: &'a Options,
    sources: Sources,
    loaded: Vec<File>,
    /// By canonical path.
    by_path: HashMap<PathBuf, FileId>,
    resolved: HashMap<Vec<u8>, Rc<Resolved>>,
    bytes: u64,
    pool: Option<rayon::ThreadPool>,
}

struct File {
    path: PathBuf,
    canonical: PathBuf,
    document: Document,
    failure: Option<Kind>,
    includes: Vec<(DirectiveId, Rc<Resolved>)>,
}

/// What the words of an include lead to.
struct Resolved {
    path: PathBuf,
    files: Vec<FileId>,
    failure: Option<Kind>,
}

impl Loader<'_> {
    /// The file at a canonical path, to be read with the next wave if it is new.
    fn wanted(&mut self, found: Match, canonical: PathBuf) -> FileId {
        let next = FileId(self.loaded.len() as u32);
        let file = *self.by_path.entry(canonical.clone()).or_insert(next);
        if file == next {
            let document = Document::default();
            let path = found.path;
            self.loaded.push(File { path, canonical, document, failure: None, includes: Vec::new() });
        }
        file
    }

    fn read_wave(&mut self, start: usize) {
        let limits = self.options.limits;
        let names = self.names;
        let files = self.files;
        let read = |path: &&Path| -> Result<(Text, Document), ReadError> {
            let text = Text::plain(files.read(path, limits.file_bytes)?);
            let document = syntax::nginx::parse(text.parsed(), names);
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
                Err(ReadError::TooLarge(limit)) => {
                    file.failure = Some(Kind::Limit(format!("a file of more than {limit} bytes")));
                }
                Err(error) => file.failure = Some(Kind::Unreadable(error)),
            }
            self.sources.add(Source::new(file.path.clone(), text));
        }
    }

    fn resolve_includes(&mut self, index: usize) {
        let file = FileId(index as u32);
        let document = std::mem::take(&mut self.loaded[index].document);
        let mut includes = Vec::with_capacity(document.includes.len());
        for &id in &document.includes {
            let text = &self.sources.get(file).text;
            let directive = document.directive(file, text, id);
            if directive.arg_count() != 1 {
                continue;
            }
            let Some(word) = directive.arg(0) else { continue };
            let words = word.value().into_owned();
            let resolved = match self.resolved.get(&words) {
                Some(known) => known.clone(),
                None => {
                    let fresh = Rc::new(self.resolve(&words));
                    self.resolved.insert(words, fresh.clone());
                    fresh
                }
            };
            includes.push((id, resolved));
        }
        self.loaded[index].document = document;
        self.loaded[index].includes = includes;
    }

    fn resolve(&mut self, words: &[u8]) -> Resolved {
        let target = normal(&self.options.prefix.join(OsStr::from_bytes(words)));
        let path = mapped(&target, &self.options.maps);
        let mut resolved = Resolved { path, files: Vec::new(), failure: None };
        let inside = resolved.path.starts_with(&self.options.root);
        if !pattern::is_pattern(resolved.path.as_os_str().as_bytes()) {
            match self.files.canonical(&resolved.path) {
                Ok(canonical) => {
                    let found = Match { path: resolved.path.clone(), plain: false };
                    resolved.files.push(self.wanted(found, canonical));
                }
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    resolved.failure = Some(Kind::Unreadable(ReadError::Other("Permission denied".into())));
                }
                Err(_) if inside => resolved.failure = Some(Kind::Missing),
                Err(_) => resolved.failure = Some(Kind::Unseen),
            }
            return resolved;
        }
        let limit = self.options.limits.glob_results;
        match pattern::expand(self.files, &resolved.path, limit) {
            Err(count) => {
                let words = format!("a pattern that matches {count} files, more than {limit}");
                resolved.failure = Some(Kind::Limit(words));
            }
            Ok(found) if found.is_empty() && !inside => resolved.failure = Some(Kind::Unseen),
            Ok(found) => {
                let directory = self.canonical_directory(&found);
                for found in found {
                    let canonical = match (&directory, found.path.file_name()) {
                        (Some(directory), Some(name)) if found.plain => Ok(directory.join(name)),
                        _ => self.files.canonical(&found.path),
                    };
                    let canonical = canonical.unwrap_or_else(|_| found.path.clone());
                    resolved.files.push(self.wanted(found, canonical));
                }
            }
        }
        resolved
    }

    /// The canonical path of the directory that holds the plain matches: asked once rather than per file.
    fn canonical_directory(&self, found: &[Match]) -> Option<PathBuf> {
        let plain = found.iter().find(|found| found.plain)?;
        self.files.canonical(plain.path.parent()?).ok()
    }

    fn into_tree(self) -> Result<Tree, ReadError> {
        match &self.loaded[0].failure {
            Some(Kind::Unreadable(error)) => return Err(error.clone()),
            Some(Kind::Limit(words)) => return Err(ReadError::Other(words.clone())),
            _ => {}
        }
        let mut grafter = Grafter {
            loaded: &self.loaded,
            options: self.options,
            grafts: Vec::new(),
            problems: Vec::new(),
            reported: HashMap::new(),
            directives: 0,
        };
        grafter.run();
        let Grafter { grafts, problems, .. } = grafter;
        let mut children: Vec<GraftId> = (1..grafts.len() as u32).map(GraftId).collect();
        children.sort_by_key(|&GraftId(graft)| (grafts[graft as usize].parent, grafts[graft as usize].site));
        Ok(Tree {
            sources: self.sources,
            complete: problems.is_empty(),
            documents: self.loaded.into_iter().map(|file| file.document).collect(),
            grafts,
            children,
            problems,
        })
    }
}

fn thread_pool() -> rayon::ThreadPool {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(THREADS);
    builder.build().expect("internal: threads that read files can be started")
}

/// Puts every file at each of its include sites, in the server's order, along the chain of active includes.
struct Grafter<'a> {
    loaded: &'a [File],
    options: &'a Options,
    grafts: Vec<Graft>,
    problems: Vec<IncludeProblem>,
    /// A directive's trouble is told once, not once per site.
    reported: HashMap<(FileId, DirectiveId), ()>,
    directives: usize,
}

struct Active {
    graft: GraftId,
    file: FileId,
    /// The next include of the file, and the next file it brings in.
    next: (usize, usize),
}

impl Grafter<'_> {
    fn run(&mut self) {
        let main = self.graft(FileId(0), GraftId(0), DirectiveId(0));
        let mut chain = vec![main];
        while let Some(active) = chain.last_mut() {
            let (graft, file) = (active.graft, active.file);
            let (include, nth) = active.next;
            let Some((site, resolved)) = self.loaded[file.0 as usize].includes.get(include) else {
                chain.pop();
                continue;
            };
            let at = NodeRef { graft, id: *site };
            if nth == 0
                && let Some(failure) = &resolved.failure
            {
                self.report(at, file, failure.clone(), &resolved.path);
            }
            let Some(&target) = resolved.files.get(nth) else {
                active.next = (include + 1, 0);
                continue;
            };
            active.next.1 += 1;
            if let Some(failure) = self.refusal(target, &chain) {
                let path = &self.loaded[target.0 as usize].path;
                self.report(at, file, failure, path);
                continue;
            }
            chain.push(self.graft(target, graft, *site));
        }
    }

    fn graft(&mut self, file: FileId, parent: GraftId, site: DirectiveId) -> Active {
        let graft = GraftId(self.grafts.len() as u32);
        self.grafts.push(Graft { file, parent, site });
        self.directives += 1 + self.loaded[file.0 as usize].document.len();
        Active { graft, file, next: (0, 0) }
    }

    fn refusal(&self, target: FileId, chain: &[Active]) -> Option<Kind> {
        let limits = self.options.limits;
        let file = &self.loaded[target.0 as usize];
        if let Some(failure) = &file.failure {
            return Some(failure.clone());
        }
        if chain.iter().any(|active| active.file == target) {
            return Some(Kind::Loop);
        }
        if chain.len() > limits.include_depth {
            return Some(Kind::Limit(format!("includes nested more than {} deep", limits.include_depth)));
        }
        if self.directives + file.document.len() >= limits.grafted_directives {
            let limit = limits.grafted_directives;
            return Some(Kind::Limit(format!("includes that bring in more than {limit} directives")));
        }
        None
    }

    fn report(&mut self, at: NodeRef, file: FileId, kind: Kind, path: &Path) {
        if self.reported.insert((file, at.id), ()).is_none() {
            self.problems.push(IncludeProblem { kind, at, path: path.to_owned() });
        }
    }
}

/// The path as the checkout has it: the first map whose `from` it lies under.
fn mapped(path: &Path, maps: &[PathMap]) -> PathBuf {
    let through = |map: &PathMap| path.strip_prefix(&map.from).ok().map(|rest| map.to.join(rest));
    maps.iter().find_map(through).unwrap_or_else(|| path.to_owned())
}
