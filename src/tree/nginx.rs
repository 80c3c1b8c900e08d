//! A tree of nginx's: files in waves, each once, then the grafts. Knows what an include resolves to.

use hashbrown::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::library::{File, Library};
use super::{Graft, GraftId, IncludeProblem, IncludeProblemKind as Kind, NodeRef, Options, Tree, mapped};
use crate::source::FileId;
use crate::source::discover::Server;
use crate::source::files::{Files, ReadError, normal};
use crate::source::pattern;
use crate::syntax::{DirectiveId, Names};

pub(super) fn read(
    files: &dyn Files,
    main: &Path,
    names: Names,
    options: &Options,
) -> Result<Tree, ReadError> {
    let library = Library::new(files, names, Server::Nginx, options.limits);
    let mut loader = Loader { library, options, includes: Vec::new(), resolved: HashMap::new() };
    let canonical = files.canonical(main)?;
    loader.library.wanted(main.to_owned(), canonical);
    while loader.library.unread() < loader.library.loaded.len() {
        let wave = loader.library.unread()..loader.library.loaded.len();
        loader.library.read_wave();
        for file in wave {
            loader.resolve_includes(file);
        }
    }
    loader.into_tree()
}

/// An include directive, and where it leads.
type Include = (DirectiveId, Rc<Resolved>);

struct Loader<'a> {
    library: Library<'a>,
    options: &'a Options,
    /// By file.
    includes: Vec<Vec<Include>>,
    resolved: HashMap<Vec<u8>, Rc<Resolved>>,
}

/// What the words of an include lead to.
struct Resolved {
    path: PathBuf,
    files: Vec<FileId>,
    failure: Option<Kind>,
}

impl Loader<'_> {
    fn resolve_includes(&mut self, index: usize) {
        let file = FileId(index as u32);
        let document = std::mem::take(&mut self.library.loaded[index].document);
        let mut includes = Vec::with_capacity(document.includes.len());
        for &id in &document.includes {
            let directive = document.directive(file, &self.library.sources.get(file).text, id);
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
        self.library.loaded[index].document = document;
        self.includes.push(includes);
    }

    fn resolve(&mut self, words: &[u8]) -> Resolved {
        let target = normal(&self.options.prefix.join(OsStr::from_bytes(words)));
        let path = mapped(&target, &self.options.maps);
        let mut resolved = Resolved { path, files: Vec::new(), failure: None };
        let inside = resolved.path.starts_with(&self.options.root);
        let files = self.library.files;
        if !pattern::is_pattern(resolved.path.as_os_str().as_bytes()) {
            match files.canonical(&resolved.path) {
                Ok(canonical) => resolved.files.push(self.library.wanted(resolved.path.clone(), canonical)),
                Err(ReadError::NotFound) if inside => resolved.failure = Some(Kind::Missing),
                Err(ReadError::NotFound) => resolved.failure = Some(Kind::Unseen),
                Err(error) => resolved.failure = Some(error.into()),
            }
            return resolved;
        }
        let limit = self.options.limits.glob_results;
        match pattern::expand(files, &resolved.path, limit) {
            Err(count) => {
                let words = format!("a pattern that matches {count} files, more than {limit}");
                resolved.failure = Some(Kind::Limit(words));
            }
            Ok(found) if found.is_empty() && !inside => resolved.failure = Some(Kind::Unseen),
            Ok(found) => resolved.files = self.library.matched(found),
        }
        resolved
    }

    fn into_tree(self) -> Result<Tree, ReadError> {
        if let Some(failure) = self.library.main_failure() {
            return Err(failure);
        }
        let mut grafter = Grafter {
            loaded: &self.library.loaded,
            includes: &self.includes,
            options: self.options,
            grafts: Vec::new(),
            problems: Vec::new(),
            reported: HashMap::new(),
            directives: 0,
        };
        grafter.run();
        let Grafter { grafts, problems, .. } = grafter;
        Ok(Tree::of(self.library, grafts, problems))
    }
}

/// Puts every file at each of its include sites, in the server's order, along the chain of active includes.
struct Grafter<'a> {
    loaded: &'a [File],
    includes: &'a [Vec<Include>],
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
            let Some((site, resolved)) = self.includes[file.0 as usize].get(include) else {
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
        self.grafts.push(Graft { file, own_text: None, parent, site });
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
