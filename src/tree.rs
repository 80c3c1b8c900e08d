//! The include-resolved tree: each file parsed once, its directives grafted at every include site. Knows where
//! directives stand, not what they mean.

pub mod apache;
mod library;
mod nginx;
mod walk;

use hashbrown::HashMap;
use std::path::{Path, PathBuf};

use crate::source::files::{Files, ReadError};
use crate::source::{FileId, Source, Sources, Span, Text};
use crate::syntax::{Directive, DirectiveId, Document, Names};

use apache::Reading;
use library::Library;

pub use walk::{Children, Step, Walk};

/// How includes are resolved. All paths are absolute.
#[derive(Clone, Debug)]
pub struct Options {
    /// What relative includes are relative to.
    pub prefix: PathBuf,
    /// The linted root: only below it is a file that isn't there missing.
    pub root: PathBuf,
    /// Paths of the target machine and where they are checked out here, in the order given.
    pub maps: Vec<PathMap>,
    pub limits: Limits,
    /// What httpd is given beside its files; none for nginx.
    pub apache: Option<apache::Given>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathMap {
    pub from: PathBuf,
    pub to: PathBuf,
}

/// What a tree may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
    pub files: usize,
    /// Includes inside one another.
    pub include_depth: usize,
    /// Directives, counted once for every place a file is included at.
    pub grafted_directives: usize,
    /// Files one pattern may match.
    pub glob_results: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 256 << 20,
            total_bytes: 2 << 30,
            files: 100_000,
            include_depth: 64,
            grafted_directives: 2_000_000,
            glob_results: 100_000,
        }
    }
}

/// A place where a file's directives stand: the main file, or one include site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GraftId(pub u32);

#[derive(Clone, Copy, Debug)]
struct Graft {
    file: FileId,
    /// For a macro in use: its lines with their arguments, by its place in `Tree::texts`.
    own_text: Option<u32>,
    /// The include directive; for the main file the graft's own id.
    parent: GraftId,
    site: DirectiveId,
}

/// A directive at one place of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeRef {
    pub graft: GraftId,
    pub id: DirectiveId,
}

/// An include that could not be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncludeProblem {
    pub kind: IncludeProblemKind,
    /// The include directive, at the first place where it was met.
    pub at: NodeRef,
    /// What it resolves to, after path maps.
    pub path: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncludeProblemKind {
    /// Not there, inside the linted root.
    Missing,
    /// httpd: a pattern that matches nothing, inside the linted root.
    NoMatch,
    /// Not there, outside the linted root: it may well be on the target machine.
    Unseen,
    /// It lies where nothing may be looked at.
    Outside,
    /// The file is being included already.
    Loop,
    Unreadable(ReadError),
    Limit(String),
}

impl From<ReadError> for IncludeProblemKind {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Outside => Self::Outside,
            ReadError::Unseen => Self::Unseen,
            ReadError::TooLarge(limit) => Self::Limit(format!("a file of more than {limit} bytes")),
            error => Self::Unreadable(error),
        }
    }
}

/// A main file and everything it includes.
pub struct Tree {
    pub sources: Sources,
    documents: Vec<Document>,
    /// By which each file is identified.
    canonical: Vec<PathBuf>,
    /// What lent files hold.
    nothing: Document,
    /// Text that stands in no file: what replaced variables and macros make of what does.
    texts: Vec<(Text, Document)>,
    /// Directives whose lines variables changed, by their place in `texts`.
    replaced: HashMap<NodeRef, u32>,
    /// What httpd learns while it reads.
    pub reading: Reading,
    /// In preorder; the first is the main file.
    grafts: Vec<Graft>,
    /// Grafts sorted by parent and site.
    children: Vec<GraftId>,
    pub problems: Vec<IncludeProblem>,
    /// Every include was followed and no template may add anything, so what isn't here isn't anywhere.
    pub complete: bool,
    /// Some file is a template that may have other directives than those that are read.
    pub has_open_templates: bool,
    /// Some file is a template with conditions or loops.
    has_branches: bool,
}

impl Tree {
    /// Reads `main` and all it includes, as the server does whose it is.
    ///
    /// # Errors
    /// Where the main file itself cannot be read.
    pub fn read(files: &dyn Files, main: &Path, names: Names, options: &Options) -> Result<Self, ReadError> {
        match &options.apache {
            None => nginx::read(files, main, names, options),
            Some(given) => apache::read(files, main, names, options, given),
        }
    }

    fn of(library: Library, grafts: Vec<Graft>, problems: Vec<IncludeProblem>) -> Self {
        let mut children: Vec<GraftId> = (1..grafts.len() as u32).map(GraftId).collect();
        let cuts = (0..library.sources.len() as u32)
            .filter_map(|file| library.sources.get(FileId(file)).text.as_cut());
        let (mut has_branches, mut has_all) = (false, true);
        for cut in cuts {
            has_branches |= !cut.branches.is_empty();
            has_all &= cut.is_complete();
        }
        children.sort_by_key(|&GraftId(graft)| (grafts[graft as usize].parent, grafts[graft as usize].site));
        let (documents, canonical) =
            library.loaded.into_iter().map(|file| (file.document, file.canonical)).unzip();
        Self {
            sources: library.sources,
            documents,
            canonical,
            nothing: Document::default(),
            texts: Vec::new(),
            replaced: HashMap::new(),
            reading: Reading::default(),
            grafts,
            children,
            complete: problems.is_empty() && has_all,
            has_open_templates: !has_all,
            has_branches,
            problems,
        }
    }

    pub fn root(&self) -> GraftId {
        GraftId(0)
    }

    /// Directives, counted once for every place they stand at.
    pub fn directive_count(&self) -> usize {
        (0..self.grafts.len() as u32).map(|graft| self.graft_text(GraftId(graft)).1.len()).sum()
    }

    pub fn graft_count(&self) -> usize {
        self.grafts.len()
    }

    pub fn file(&self, graft: GraftId) -> FileId {
        self.grafts[graft.0 as usize].file
    }

    /// The path by which a file of the configuration is identified, free of symbolic links.
    pub fn canonical(&self, file: FileId) -> Option<&Path> {
        self.canonical.get(file.0 as usize).map(PathBuf::as_path)
    }

    pub fn document(&self, file: FileId) -> &Document {
        self.documents.get(file.0 as usize).unwrap_or(&self.nothing)
    }

    /// Files of the configuration that somebody wrote.
    pub fn file_count(&self) -> usize {
        self.documents.len() - self.sources.parts()
    }

    /// A file that is no part of the configuration, so that something can be told about it.
    pub fn lend(&mut self, source: Source) -> FileId {
        self.sources.add(source)
    }

    pub fn files(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..self.documents.len() as u32).map(FileId)
    }

    pub fn directive(&self, node: NodeRef) -> Directive<'_> {
        let (text, document) = self.graft_text(node.graft);
        let written = document.directive(self.file(node.graft), text, node.id);
        if self.replaced.is_empty() {
            return written;
        }
        match self.replaced.get(&node) {
            Some(&index) => {
                let (text, document) = &self.texts[index as usize];
                document.standing_in(text, written)
            }
            None => written,
        }
    }

    /// Whatever is read as lines: the files, then the lines of macros in use, whose places are those of the definition.
    pub fn read_texts(&self) -> impl Iterator<Item = (FileId, &Text, &Document)> {
        let of_files = self.files().map(|file| (file, &self.sources.get(file).text, self.document(file)));
        let of_macros = self.grafts.iter().filter_map(|graft| {
            let (text, document) = &self.texts[graft.own_text? as usize];
            Some((graft.file, text, document))
        });
        of_files.chain(of_macros)
    }

    /// The directives that stand at a graft.
    pub fn document_at(&self, graft: GraftId) -> &Document {
        self.graft_text(graft).1
    }

    /// Where the lines of a macro in use stand in its file; None for a file.
    pub fn macro_lines(&self, graft: GraftId) -> Option<Span> {
        let Graft { file, own_text, .. } = self.grafts[graft.0 as usize];
        let text = &self.texts[own_text? as usize].0;
        let end = text.to_original(text.parsed().len() as u32);
        Some(Span { file, start: text.to_original(0), end })
    }

    pub fn grafts(&self) -> impl Iterator<Item = GraftId> + use<> {
        (0..self.grafts.len() as u32).map(GraftId)
    }

    /// What is read at a graft: a file, or a macro's lines.
    fn graft_text(&self, graft: GraftId) -> (&Text, &Document) {
        let Graft { file, own_text, .. } = self.grafts[graft.0 as usize];
        match own_text {
            None => (&self.sources.get(file).text, self.document(file)),
            Some(index) => {
                let (text, document) = &self.texts[index as usize];
                (text, document)
            }
        }
    }

    /// What a finding about the directive underlines: its name and words.
    pub fn head(&self, node: NodeRef) -> Span {
        self.directive(node).head()
    }

    /// Whether a repair may be written into a file: nothing that a template makes, or another language quotes, is touched.
    pub fn may_edit(&self, span: Span) -> bool {
        self.sources.get(span.file).text.may_edit(span.start..span.end)
    }

    /// Whether a directive stands in a template, or in a file of another language.
    pub fn is_template(&self, node: NodeRef) -> bool {
        self.sources.get(self.file(node.graft)).text.as_cut().is_some()
    }

    /// The branch of its file's template in which a directive stands; 0 for none.
    pub fn branch(&self, node: NodeRef) -> u32 {
        let (text, document) = self.graft_text(node.graft);
        text.branch(document.directive(self.file(node.graft), text, node.id).parsed().start)
    }

    /// Whether a template decides if a directive is there, given that the block around it is: `around` is the directive
    /// that opens it.
    pub fn is_conditional(&self, node: NodeRef, around: Option<NodeRef>) -> bool {
        if !self.has_branches {
            return false;
        }
        let sites = std::iter::once(node).chain(self.include_chain(node.graft));
        for place in sites {
            let home = around.filter(|around| around.graft == place.graft);
            if self.branch(place) != home.map_or(0, |home| self.branch(home)) {
                return true;
            }
            if home.is_some() {
                return false;
            }
        }
        false
    }

    /// Whether two directives may be there at once, as far as is known: one's branch stands in the other's.
    pub fn agree(&self, one: NodeRef, other: NodeRef) -> bool {
        if !self.has_branches {
            return true;
        }
        if self.file(one.graft) != self.file(other.graft) {
            return self.branch(one) == 0 || self.branch(other) == 0;
        }
        let cut = self.graft_text(one.graft).0.as_cut();
        cut.is_none_or(|cut| cut.branches.agree(self.branch(one), self.branch(other)))
    }

    /// The same for places in the files.
    pub fn agree_at(&self, spans: impl Iterator<Item = Span>) -> bool {
        if !self.has_branches {
            return true;
        }
        let spans: Vec<Span> = spans.collect();
        spans.iter().enumerate().all(|(index, one)| {
            let text = &self.sources.get(one.file).text;
            let Some(cut) = text.as_cut() else { return true };
            let others = spans[index + 1..].iter().filter(|other| other.file == one.file);
            let branch = |span: &Span| text.branch_of_original(span.start);
            others.into_iter().all(|other| cut.branches.agree(branch(one), branch(other)))
        })
    }

    /// The include directives that lead to this place, the nearest first.
    pub fn include_chain(&self, graft: GraftId) -> impl Iterator<Item = NodeRef> + '_ {
        let site = |graft: GraftId| {
            let Graft { parent, site, .. } = self.grafts[graft.0 as usize];
            (parent != graft).then_some(NodeRef { graft: parent, id: site })
        };
        std::iter::successors(site(graft), move |node| site(node.graft))
    }

    /// The grafts that an include directive brings in, in the order of their files.
    pub fn grafts_at(&self, node: NodeRef) -> &[GraftId] {
        let key = |graft: &GraftId| {
            let graft = self.grafts[graft.0 as usize];
            (graft.parent, graft.site)
        };
        let start = self.children.partition_point(|graft| key(graft) < (node.graft, node.id));
        let len = self.children[start..].partition_point(|graft| key(graft) == (node.graft, node.id));
        &self.children[start..start + len]
    }

    /// Every directive of the tree in the order the server meets them, blocks entered on demand.
    pub fn walk(&self) -> Walk<'_> {
        Walk::whole(self)
    }

    /// What stands directly in a block, includes resolved.
    pub fn children(&self, block: NodeRef) -> Children<'_> {
        Children(Walk::inside(self, block))
    }
}

/// The path as the checkout has it: the first map whose `from` it lies under.
fn mapped(path: &Path, maps: &[PathMap]) -> PathBuf {
    let through = |map: &PathMap| path.strip_prefix(&map.from).ok().map(|rest| map.to.join(rest));
    maps.iter().find_map(through).unwrap_or_else(|| path.to_owned())
}
