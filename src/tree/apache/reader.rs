//! Reading as httpd reads: one line after the other, files where they are included, macros where they are used.

use hashbrown::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::conditions::{self, Answer, Known};
use super::envvars::envvars;
use super::include::{self, Found};
use super::layout::server_root;
use super::macros::Macro;
use super::variables::{Line, Variables};
use super::{Given, Reading};
use crate::source::discover::Server;
use crate::source::files::{self, Files, ReadError, normal};
use crate::source::{FileId, Text, pattern};
use crate::syntax::{self, Directive, DirectiveId, Document, Names};
use crate::tree::library::Library;
use crate::tree::{
    Graft, GraftId, IncludeProblem, IncludeProblemKind as Kind, NodeRef, Options, PathMap, Tree, mapped,
};

/// Includes inside one another (`AP_MAX_INCLUDE_DEPTH`).
const DEPTH: usize = 128;

/// Bytes that variables and macros may make.
const MADE_BYTES: usize = 64 << 20;

pub(super) fn read(
    files: &dyn Files,
    main: &Path,
    names: Names,
    options: &Options,
    given: &Given,
) -> Result<Tree, ReadError> {
    let mut reader = Reader {
        library: Library::new(files, names, Server::Apache, options.limits),
        options,
        given,
        maps: options.maps.clone(),
        found: HashMap::new(),
        variables: Variables::default(),
        macros: HashMap::new(),
        texts: Vec::new(),
        expanded: HashMap::new(),
        replaced: HashMap::new(),
        reading: Reading::default(),
        grafts: Vec::new(),
        frames: Vec::new(),
        problems: Vec::new(),
        reported: HashSet::new(),
        directives: 0,
        made: 0,
        root_is_known: true,
    };
    let canonical = files.canonical(main)?;
    reader.library.wanted(main.to_owned(), canonical);
    reader.library.read_wave();
    if let Some(failure) = reader.library.main_failure() {
        return Err(failure);
    }
    reader.open(FileId(0), None, GraftId(0), DirectiveId(0), None);
    reader.begin(main);
    reader.run();
    let mut tree = Tree::of(reader.library, reader.grafts, reader.problems);
    reader.reading.modules.incomplete = !tree.complete;
    (tree.texts, tree.replaced, tree.reading) = (reader.texts, reader.replaced, reader.reading);
    Ok(tree)
}

struct Reader<'a> {
    library: Library<'a>,
    options: &'a Options,
    given: &'a Given,
    /// The options' maps, and the one that leads from `ServerRoot` to where it is checked out.
    maps: Vec<PathMap>,
    /// Where each path that was included leads: a snippet is looked for once, however many include it.
    found: HashMap<PathBuf, Rc<[FileId]>>,
    variables: Variables,
    macros: HashMap<Vec<u8>, Macro>,
    texts: Vec<(Text, Document)>,
    /// A macro's lines by what it is used with: the same arguments make the same lines.
    expanded: HashMap<(NodeRef, Vec<Vec<u8>>), u32>,
    replaced: HashMap<NodeRef, u32>,
    reading: Reading,
    grafts: Vec<Graft>,
    /// What is being read, the innermost last.
    frames: Vec<Frame>,
    problems: Vec<IncludeProblem>,
    reported: HashSet<(FileId, DirectiveId)>,
    directives: usize,
    made: usize,
    /// Something confirms what relative paths are relative to.
    root_is_known: bool,
}

struct Frame {
    graft: GraftId,
    /// The next of the document's lines that the server acts on.
    next: usize,
    /// Lines before this directive are passed over.
    skip_to: u32,
    /// Files of the include that is being followed, and how many of them were entered.
    waiting: Rc<[FileId]>,
    entered: usize,
    site: DirectiveId,
    /// The macro whose lines these are.
    of_macro: Option<Vec<u8>>,
}

impl<'a> Reader<'a> {
    fn begin(&mut self, main: &Path) {
        match self.given.server_root.clone() {
            Some(root) => self.reading.server_root = root,
            None => self.server_root(None),
        }
        for (name, value) in &self.given.defines {
            self.variables.define(name, value.as_deref());
        }
        // Debian's start script reads it.
        let directory = main.parent().unwrap_or(main);
        let exported = self.library.files.read(&directory.join("envvars"), 1 << 20).unwrap_or_default();
        for (name, value) in envvars(&exported, directory) {
            self.variables.export(&name, &value);
        }
    }

    fn open(
        &mut self,
        file: FileId,
        own_text: Option<u32>,
        parent: GraftId,
        site: DirectiveId,
        of_macro: Option<Vec<u8>>,
    ) {
        let graft = GraftId(self.grafts.len() as u32);
        self.grafts.push(Graft { file, own_text, parent, site });
        self.directives += 1 + self.document(graft).len();
        self.frames.push(Frame {
            graft,
            next: 0,
            skip_to: 0,
            waiting: Rc::from([]),
            entered: 0,
            site: DirectiveId(0),
            of_macro,
        });
    }

    fn text(&self, graft: GraftId) -> &Text {
        let Graft { file, own_text, .. } = self.grafts[graft.0 as usize];
        match own_text {
            None => &self.library.sources.get(file).text,
            Some(index) => &self.texts[index as usize].0,
        }
    }

    fn document(&self, graft: GraftId) -> &Document {
        let Graft { file, own_text, .. } = self.grafts[graft.0 as usize];
        match own_text {
            None => &self.library.loaded[file.0 as usize].document,
            Some(index) => &self.texts[index as usize].1,
        }
    }

    fn written(&self, node: NodeRef) -> Directive<'_> {
        let file = self.grafts[node.graft.0 as usize].file;
        self.document(node.graft).directive(file, self.text(node.graft), node.id)
    }

    fn directive(&self, node: NodeRef) -> Directive<'_> {
        let written = self.written(node);
        match self.replaced.get(&node) {
            Some(&index) => {
                let (text, document) = &self.texts[index as usize];
                document.standing_in(text, written)
            }
            None => written,
        }
    }

    fn run(&mut self) {
        while let Some(frame) = self.frames.last_mut() {
            let graft = frame.graft;
            if let Some(&file) = frame.waiting.get(frame.entered) {
                frame.entered += 1;
                let site = frame.site;
                self.enter(file, NodeRef { graft, id: site });
                continue;
            }
            let (next, skip_to) = (frame.next, frame.skip_to);
            frame.next += 1;
            match self.document(graft).read_time.get(next).copied() {
                None => {
                    self.frames.pop();
                }
                Some(id) if id.0 < skip_to => {}
                Some(id) => self.act(NodeRef { graft, id }),
            }
        }
    }

    /// Does what a line asks for.
    fn act(&mut self, node: NodeRef) {
        if !self.replace_variables(node) {
            self.reading.skipped.insert(node);
            return;
        }
        let directive = self.directive(node);
        let name = directive.name().to_ascii_lowercase();
        let arguments: Vec<Vec<u8>> = directive.args().map(|word| word.value().into_owned()).collect();
        let holes = directive.args().any(|word| word.is_hole());
        match (&name[..], &arguments[..]) {
            (b"include" | b"includeoptional", [_, ..]) if holes => self.unseen(node, &arguments[0]),
            (b"include", [path]) => self.include(node, path, false),
            (b"includeoptional", [path]) => self.include(node, path, true),
            (b"use", [called, values @ ..]) => self.use_macro(node, called, values),
            (b"<macro", _) => self.define_macro(node),
            (b"undefmacro", [called]) => drop(self.macros.remove(&called.to_ascii_lowercase())),
            (b"define", [variable, ..]) if variable.contains(&b':') => {
                self.refuse(node, "Variable name must not contain ':'".to_string());
            }
            (b"define", [variable]) => self.variables.define(variable, None),
            (b"define", [variable, value]) => self.variables.define(variable, Some(value)),
            (b"undefine", [variable]) => self.variables.undefine(variable),
            (b"loadmodule", [identifier, _]) => {
                self.reading.modules.load(&String::from_utf8_lossy(identifier), node);
            }
            (b"serverroot", [path]) if !holes && self.given.server_root.is_none() => {
                let path = path.clone();
                self.server_root(Some(&path));
            }
            _ => self.condition(node, &name, &arguments),
        }
    }

    fn refuse(&mut self, node: NodeRef, message: String) {
        self.reading.refusals.push((node, message));
    }

    /// Puts the values of variables into the line; `false` where nothing is left of it.
    fn replace_variables(&mut self, node: NodeRef) -> bool {
        let directive = self.written(node);
        let line = directive.line();
        let text = self.text(node.graft);
        let raw = &text.parsed()[line.start as usize..line.end as usize];
        // What a template prints may be a variable's name.
        if memchr::memmem::find(raw, b"${").is_none() || text.has_hole(line.clone()) {
            return true;
        }
        let mut undefined = Vec::new();
        let replaced = self.variables.replace(&Line::new(raw, text, line.start), &mut undefined);
        self.reading.undefined.extend(undefined.into_iter().map(|name| (node, name)));
        let Some(replaced) = replaced else { return true };
        self.made += replaced.parsed().len();
        if self.made > MADE_BYTES {
            self.limit(node, "variables that make more text than is read");
            return true;
        }
        let mut document = syntax::apache::parse(replaced.parsed(), self.library.names);
        if document.is_empty() {
            return false;
        }
        document.take_shape(self.written(node));
        self.replaced.insert(node, self.texts.len() as u32);
        self.texts.push((replaced, document));
        true
    }

    fn condition(&mut self, node: NodeRef, name: &[u8], arguments: &[Vec<u8>]) {
        let Some(section) = name.strip_prefix(b"<") else { return };
        let exists = |path: &[u8]| self.exists(path);
        let known = Known {
            modules: &self.reading.modules,
            variables: &self.variables,
            version: self.given.version,
            name_id: self.library.names,
            exists: &exists,
        };
        let Some(answer) = conditions::ask(section, arguments, &known) else { return };
        let body = self.directive(node).body();
        match answer {
            Answer::Yes => {}
            Answer::Perhaps(what) => self.reading.doubtful.push((node, what)),
            Answer::No | Answer::Hardly => {
                if answer == Answer::Hardly || section == b"ifdefine" {
                    self.load_perhaps(node);
                }
                self.reading.skipped.insert(node);
                if let Some(frame) = self.frames.last_mut() {
                    frame.skip_to = body.end;
                }
            }
        }
    }

    /// What is loaded in a section that another start of the server would read.
    fn load_perhaps(&mut self, node: NodeRef) {
        let document = self.document(node.graft);
        let body = self.written(node).body();
        let first = document.read_time.partition_point(|id| id.0 < body.start);
        let inside = document.read_time[first..].iter().take_while(|id| id.0 < body.end);
        let loads = inside.filter_map(|&id| {
            let directive = self.written(NodeRef { id, ..node });
            let loads = directive.name().eq_ignore_ascii_case(b"LoadModule");
            loads.then(|| directive.arg(0)).flatten().map(|word| word.show())
        });
        for identifier in loads.collect::<Vec<_>>() {
            self.reading.modules.load_perhaps(&identifier);
        }
    }

    fn path(&self, written: &[u8]) -> PathBuf {
        let target = normal(&self.reading.server_root.join(OsStr::from_bytes(written)));
        mapped(&target, &self.maps)
    }

    /// Whether a file is there; None outside the linted root, where it may be on the target machine.
    fn exists(&self, written: &[u8]) -> Option<bool> {
        let path = self.path(written);
        let found = path.starts_with(&self.options.root).then(|| self.library.files.look(&path))?;
        (found != files::Found::Unseen).then_some(found.is_there())
    }

    fn server_root(&mut self, declared: Option<&[u8]>) {
        let main = NodeRef { graft: GraftId(0), id: DirectiveId(0) };
        let relative: Vec<PathBuf> = self
            .document(main.graft)
            .read_time
            .iter()
            .map(|&id| self.written(NodeRef { id, ..main }))
            .filter(|line| {
                let name = line.name();
                name.eq_ignore_ascii_case(b"Include") || name.eq_ignore_ascii_case(b"IncludeOptional")
            })
            .filter_map(|line| Some(PathBuf::from(OsStr::from_bytes(&line.arg(0)?.value()))))
            .filter(|path| path.is_relative())
            .collect();
        let files = self.library.files;
        let main = self.library.loaded[0].path.clone();
        let declared = declared.map(|path| Path::new(OsStr::from_bytes(path)));
        let root = server_root(files, &main, declared, &relative);
        self.reading.server_root = root.directory;
        self.root_is_known = root.known;
        self.maps.extend(root.maps);
    }

    fn unseen(&mut self, node: NodeRef, path: &[u8]) {
        let path = self.path(path);
        self.report(node, Kind::Unseen, path);
    }

    fn include(&mut self, node: NodeRef, written: &[u8], optional: bool) {
        let path = self.path(written);
        let written = Path::new(OsStr::from_bytes(written));
        let inside = path.starts_with(&self.options.root) && (self.root_is_known || written.is_absolute());
        if let Some(known) = self.found.get(&path) {
            return self.follow(node, known.clone());
        }
        let limit = self.options.limits.glob_results;
        let failure = match include::find(self.library.files, &path, limit) {
            Found::Files(found) => {
                let files: Rc<[FileId]> = found.into_iter().map(|path| self.library.at(path)).collect();
                self.library.read_wave();
                self.found.insert(path, files.clone());
                return self.follow(node, files);
            }
            Found::TooMany(count) => {
                Kind::Limit(format!("a pattern that matches {count} files, more than {limit}"))
            }
            Found::Unreadable(ReadError::LinkLoop) if optional => Kind::Unseen,
            Found::Unreadable(error) => error.into(),
            Found::Nothing if !inside => Kind::Unseen,
            Found::Nothing if optional => return,
            Found::Nothing if pattern::is_pattern(path.as_os_str().as_bytes()) => Kind::NoMatch,
            Found::Nothing => Kind::Missing,
        };
        self.report(node, failure, path);
    }

    fn follow(&mut self, node: NodeRef, files: Rc<[FileId]>) {
        if let Some(frame) = self.frames.last_mut() {
            (frame.waiting, frame.site) = (files, node.id);
            frame.entered = 0;
        }
    }

    /// Goes on in a file, unless something keeps the server from it.
    fn enter(&mut self, file: FileId, site: NodeRef) {
        let limits = self.options.limits;
        let loaded = &self.library.loaded[file.0 as usize];
        let path = loaded.path.clone();
        let is_open = |frame: &Frame| {
            let graft = self.grafts[frame.graft.0 as usize];
            graft.file == file && graft.own_text.is_none()
        };
        let optional = self.directive(site).name().eq_ignore_ascii_case(b"IncludeOptional");
        let failure = match &loaded.failure {
            // The server passes over a link that leads nowhere (measured); on its machine it may lead somewhere.
            Some(Kind::Unreadable(ReadError::NotFound | ReadError::LinkLoop)) if optional => Kind::Unseen,
            Some(failure) => failure.clone(),
            None if self.frames.iter().any(is_open) => Kind::Loop,
            None if self.frames.len() > DEPTH => {
                Kind::Limit(format!("includes nested more than {DEPTH} deep"))
            }
            None if self.directives + loaded.document.len() >= limits.grafted_directives => Kind::Limit(
                format!("includes that bring in more than {} directives", limits.grafted_directives),
            ),
            None => return self.open(file, None, site.graft, site.id, None),
        };
        self.report(site, failure, path);
    }

    fn limit(&mut self, node: NodeRef, words: &str) {
        let path = self.library.loaded[self.grafts[node.graft.0 as usize].file.0 as usize].path.clone();
        self.report(node, Kind::Limit(words.to_string()), path);
    }

    /// Tells of trouble with an include, once per line rather than once per place.
    fn report(&mut self, at: NodeRef, kind: Kind, path: PathBuf) {
        self.reading.modules.incomplete = true;
        if self.reported.insert((self.grafts[at.graft.0 as usize].file, at.id)) {
            self.problems.push(IncludeProblem { kind, at, path });
        }
    }

    fn define_macro(&mut self, node: NodeRef) {
        let file = self.grafts[node.graft.0 as usize].file;
        let defined = Macro::new(self.written(node), self.text(node.graft), node, file);
        if let Some((name, defined)) = defined {
            self.macros.insert(name, defined);
        }
    }

    fn use_macro(&mut self, node: NodeRef, called: &[u8], values: &[Vec<u8>]) {
        let name = called.to_ascii_lowercase();
        let shown = String::from_utf8_lossy(&name).into_owned();
        if self.macros.is_empty() {
            return self.refuse(node, "no macro defined before Use".to_string());
        }
        let Some(found) = self.macros.get(&name).cloned() else {
            return self.refuse(node, format!("macro '{shown}' undefined"));
        };
        if self.frames.iter().any(|frame| frame.of_macro.as_ref() == Some(&name)) {
            return self.refuse(node, format!("recursive use of macro '{shown}' is invalid"));
        }
        if found.parameters.len() != values.len() {
            let (given, wanted) = (values.len(), found.parameters.len());
            let message = format!("macro '{shown}' used with {given} arguments instead of {wanted}");
            return self.refuse(node, message);
        }
        let key = (found.at, values.to_vec());
        let known = match self.expanded.get(&key) {
            Some(&index) => index,
            None => {
                let Some(text) = found.with(values, self.text(found.at.graft)) else {
                    return self.limit(node, "a macro whose lines grow too long");
                };
                self.made += text.parsed().len();
                let document = syntax::apache::parse(text.parsed(), self.library.names);
                let index = self.texts.len() as u32;
                self.texts.push((text, document));
                self.expanded.insert(key, index);
                index
            }
        };
        if self.made > MADE_BYTES || self.frames.len() > DEPTH {
            return self.limit(node, "macros that make more text than is read");
        }
        let len = self.texts[known as usize].1.len();
        if self.directives + len >= self.options.limits.grafted_directives {
            let limit = self.options.limits.grafted_directives;
            return self.limit(node, &format!("macros that bring in more than {limit} directives"));
        }
        let own_text = Some(known);
        self.open(found.file, own_text, node.graft, node.id, Some(name));
    }
}
