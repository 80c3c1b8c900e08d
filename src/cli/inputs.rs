//! Reading what the plan names: directories file by file, single files in their trees, standard input, dumps. Knows the current
//! directory.

use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};

use super::args::{InputArguments, ReadArguments, TraceArguments};
use super::options::{options, reason, target};
use super::plan::{self, Given, Part, STDIN, directory_of};
use crate::effective;
use crate::engine::{Linted, Selection};
use crate::finding::Finding;
use crate::handshake::Trace;
use crate::source::discover::{self, Kind, Other, Server, Survey};
use crate::source::dump::JOINT;
use crate::source::files::{Files, Found};
use crate::source::{FileId, Span};
use crate::tree::{Options, Tree};

/// What was read, each part with what was made of it.
pub struct Inputs<'f, T> {
    pub parts: Vec<(Part<'f>, T)>,
    /// What looks like a configuration and was not read.
    pub left_out: Vec<Other>,
}

/// Configurations that were judged.
pub struct Judged {
    pub linted: Vec<Linted>,
    /// How many files look like a configuration and were not read.
    pub left_out: usize,
}

/// Reads and judges every configuration that the arguments name; `Err` says what could not be read, and why.
pub fn read(input: &InputArguments, selection: &Selection) -> Result<Judged, String> {
    each(
        input,
        |part, here| {
            let (options, target) = options_of(part, &input.read, here);
            let read = crate::lint(&*part.files, &part.main.path, &options, target, selection);
            read.map_err(|error| format!("{}: {}", part.shown, reason(&error)))
        },
        |linted| &linted.tree,
        |inputs| {
            let left_out = inputs.left_out.len();
            let mut linted: Vec<Linted> =
                inputs.parts.into_iter().map(|(part, linted)| told(&part, linted)).collect();
            crate::rules::agree(&mut linted);
            Ok(Judged { linted, left_out })
        },
    )
}

/// The trees alone, for what is said of files.
pub fn trees<R>(
    input: &InputArguments,
    done: impl FnOnce(Inputs<Tree>) -> Result<R, String>,
) -> Result<R, String> {
    let tree = |part: &Part, here: &Path| {
        tree(part, &input.read, here).map_err(|error| format!("{}: {}", part.shown, reason(&error)))
    };
    each(input, tree, |tree| tree, done)
}

/// Reads one configuration and follows a handshake through it.
pub fn trace(arguments: &TraceArguments) -> Result<(Linted, Trace), String> {
    let here = current_directory()?;
    let mut given = plan::given(std::slice::from_ref(&arguments.path), &here);
    let is_stdin = arguments.path == Path::new(STDIN);
    if is_stdin {
        given[0].path.clone_from(&here);
    }
    let files = plan::files(&given, &here, arguments.read.restrict_includes)?;
    let buffer = match is_stdin {
        true => Some(plan::buffer(&*files, None, &here, &arguments.read)?),
        false => None,
    };
    let part = match &buffer {
        Some(buffer) => plan::single(&buffer.files, &buffer.given, &arguments.read)?.0,
        None if files.look(&given[0].path) == Found::Directory => {
            let given = &given[0];
            let mut mains = survey(&*files, given, false)?.mains;
            mains.retain(|main| arguments.read.server.is_none_or(|only| main.server == only));
            let [main] = &mains[..] else {
                let all: Vec<String> = mains.iter().map(|main| main.path.display().to_string()).collect();
                return Err(match all.is_empty() {
                    true => nothing(given, arguments.read.server),
                    false => format!(
                        "{}: holds several main configurations, name one: {}",
                        given.shown,
                        all.join(", ")
                    ),
                });
            };
            Part::new(&*files, given, main.path.clone(), given.path.clone(), None, main.server)
        }
        None => plan::single(&*files, &given[0], &arguments.read)?.0,
    };
    let (options, target) = options_of(&part, &arguments.read, &here);
    let read =
        crate::trace(&*part.files, &part.main.path, &options, target, &arguments.url, &arguments.header);
    let (linted, trace) = read.map_err(|error| format!("{}: {}", part.shown, reason(&error)))?;
    Ok((told(&part, linted), trace))
}

/// Reads every part that the arguments name by `one`, and lets `done` have them: they hold what they were read from.
fn each<T, R>(
    input: &InputArguments,
    one: impl Fn(&Part, &Path) -> Result<T, String>,
    tree: impl Fn(&T) -> &Tree,
    done: impl FnOnce(Inputs<T>) -> Result<R, String>,
) -> Result<R, String> {
    let here = current_directory()?;
    let is_stdin = input.paths.iter().any(|path| path == Path::new(STDIN));
    if is_stdin && input.paths.len() > 1 {
        return Err("`-` stands for standard input and must be the only path".to_string());
    }
    if !is_stdin && input.stdin_filename.is_some() {
        return Err("--stdin-filename names what standard input is: write `-` as the path".to_string());
    }
    let given = plan::given(if is_stdin { &[] } else { &input.paths }, &here);
    let files = plan::files(&given, &here, input.read.restrict_includes)?;
    let buffer = match is_stdin {
        true => Some(plan::buffer(&*files, input.stdin_filename.as_deref(), &here, &input.read)?),
        false => None,
    };
    let mut reading =
        Reading { input, here: &here, one, tree, inputs: Inputs { parts: Vec::new(), left_out: Vec::new() } };
    match &buffer {
        Some(buffer) => reading.file(&buffer.files, &buffer.given, Some(&buffer.files.path))?,
        None => {
            for given in &given {
                match files.look(&given.path) {
                    Found::Directory => reading.directory(&*files, given)?,
                    _ => reading.file(&*files, given, None)?,
                }
            }
        }
    }
    done(reading.inputs)
}

/// Parts being read one after the other.
struct Reading<'a, 'f, T, One, Of> {
    input: &'a InputArguments,
    here: &'a Path,
    one: One,
    tree: Of,
    inputs: Inputs<'f, T>,
}

impl<'f, T, One, Of> Reading<'_, 'f, T, One, Of>
where
    One: Fn(&Part, &Path) -> Result<T, String>,
    Of: Fn(&T) -> &Tree,
{
    fn add(&mut self, part: Part<'f>) -> Result<(), String> {
        let read = (self.one)(&part, self.here)?;
        self.inputs.parts.push((part, read));
        Ok(())
    }

    /// Every main configuration below a directory, and every fragment that none of them is responsible for.
    fn directory(&mut self, files: &'f dyn Files, given: &Given) -> Result<(), String> {
        let only = self.input.read.server;
        let is_wanted = |server: Server| only.is_none_or(|only| server == only);
        let survey = survey(files, given, !self.input.no_ignore)?;
        let first = self.inputs.parts.len();
        for main in survey.mains.iter().filter(|main| is_wanted(main.server)) {
            let root = given.path.clone();
            self.add(Part::new(files, given, main.path.clone(), root, None, main.server))?;
        }
        let read: HashSet<PathBuf> =
            self.inputs.parts[first..].iter().flat_map(|(_, read)| read_files((self.tree)(read))).collect();
        let others = survey.others(files, |path| read.contains(path));
        let others = others.into_iter().filter(|other| other.judgement.server().is_some_and(is_wanted));
        let (left_out, own): (Vec<Other>, Vec<Other>) =
            others.partition(|other| other.is_left_out && !self.input.all_files);
        let fragments = self.inputs.parts.len();
        for other in own {
            let part = self.other(files, given, &other)?;
            self.add(part)?;
        }
        self.drop_included(fragments);
        if self.inputs.parts.len() == first && left_out.is_empty() {
            return Err(nothing(given, only));
        }
        self.inputs.left_out.extend(left_out);
        Ok(())
    }

    fn other(&self, files: &'f dyn Files, given: &Given, other: &Other) -> Result<Part<'f>, String> {
        let path = other.path.clone();
        let own = Given { path: path.clone(), shown: path.display().to_string() };
        let judgement = Some(other.judgement);
        let mut part = match other.judgement.kind {
            Kind::Dump(_) => plan::single(files, &own, &self.input.read)?.0,
            Kind::Fragment(_, "directory") => Part::of_htaccess(files, &own, &path, judgement),
            _ => {
                let server = other.judgement.server().unwrap_or(Server::Nginx);
                Part::new(files, &own, path, given.path.clone(), judgement, server)
            }
        };
        part.judgement = judgement;
        part.given.clone_from(&given.path);
        Ok(part)
    }

    /// Leaves out the parts from `first` on that another of them includes; of several in a ring the first stays.
    fn drop_included(&mut self, first: usize) {
        let parts = &self.inputs.parts[first..];
        let main = |read: &T| (self.tree)(read).canonical(FileId(0)).to_owned();
        let mains: Vec<PathBuf> = parts.iter().map(|(_, read)| main(read)).collect();
        let known: HashSet<&PathBuf> = mains.iter().collect();
        let mut included: HashSet<PathBuf> = HashSet::new();
        for ((_, read), own) in parts.iter().zip(&mains) {
            if !included.contains(own) {
                let others = read_files((self.tree)(read)).filter(|path| path != own && known.contains(path));
                included.extend(others);
            }
        }
        let mut index = 0;
        self.inputs.parts.retain(|_| {
            index += 1;
            index <= first || !included.contains(&mains[index - 1 - first])
        });
    }

    /// A single file: a main configuration as a whole, or what is found in this file of the configurations that include it.
    /// `buffer` is its canonical path where what is found in it is all that is asked for.
    fn file(&mut self, files: &'f dyn Files, given: &Given, buffer: Option<&Path>) -> Result<(), String> {
        let (mut part, judgement) = plan::single(files, given, &self.input.read)?;
        if part.joined.is_some() {
            return self.add(part);
        }
        let canonical = files.canonical(&given.path).unwrap_or_else(|_| given.path.clone());
        if Part::is_main(&judgement) {
            part.only = buffer.map(|path| HashSet::from([path.to_owned()]));
            return self.add(part);
        }
        let reaches = |tree: &Tree| read_files(tree).any(|path| path == canonical);
        // Another file may have led to its tree already.
        let mut is_read = false;
        for (part, read) in &mut self.inputs.parts {
            if part.joined.is_none() && reaches((self.tree)(read)) {
                is_read = true;
                if let Some(only) = &mut part.only {
                    only.insert(canonical.clone());
                }
            }
        }
        if is_read {
            return Ok(());
        }
        for mains in discover::mains_above(files, &given.path) {
            let mut found = false;
            for main in mains {
                if self.input.read.server.is_some_and(|only| only != main.server) {
                    continue;
                }
                let root = directory_of(&main.path).to_owned();
                let mut part = Part::new(files, given, main.path, root, None, main.server);
                if tree(&part, &self.input.read, self.here).is_ok_and(|tree| reaches(&tree)) {
                    part.only = Some(HashSet::from([canonical.clone()]));
                    self.add(part)?;
                    found = true;
                }
            }
            if found {
                return Ok(());
            }
        }
        part.only = buffer.map(|path| HashSet::from([path.to_owned()]));
        self.add(part)
    }
}

fn current_directory() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("the current directory: {error}"))
}

fn survey(files: &dyn Files, given: &Given, heeds_ignores: bool) -> Result<Survey, String> {
    files.list(&given.path).map_err(|error| format!("{}: {}", given.shown, reason(&error)))?;
    Ok(Survey::of(files, &given.path, heeds_ignores))
}

fn nothing(given: &Given, only: Option<Server>) -> String {
    let of = match only {
        None => "",
        Some(Server::Nginx) => " of nginx",
        Some(Server::Apache) => " of Apache",
    };
    format!("{}: no configuration{of} below it; looked for {}", given.shown, discover::LOOKED_FOR)
}

fn options_of(part: &Part, read: &ReadArguments, here: &Path) -> (Options, effective::Target) {
    let target = target(read, part.main.server);
    let mut options = options(read, here, &part.main, part.root.clone(), target);
    if part.joined.as_ref().is_some_and(|joined| joined.is_dump) {
        options.maps.clear();
    }
    (options, target)
}

fn tree(part: &Part, read: &ReadArguments, here: &Path) -> Result<Tree, crate::source::files::ReadError> {
    let names = match part.main.server {
        Server::Nginx => effective::nginx::directives::name_id,
        Server::Apache => effective::apache::directives::name_id,
    };
    Tree::read(&*part.files, &part.main.path, names, &options_of(part, read, here).0)
}

/// The canonical paths of a tree's files.
fn read_files(tree: &Tree) -> impl Iterator<Item = PathBuf> + '_ {
    tree.files().map(|file| tree.canonical(file).to_owned())
}

/// What of a configuration is told: of the files asked for, under the names they have.
fn told(part: &Part, mut linted: Linted) -> Linted {
    if let Some(only) = &part.only {
        let tree = &linted.tree;
        let is_told = |finding: &Finding| only.contains(tree.canonical(finding.primary.file));
        linted.findings.retain(is_told);
        linted.suppressed.retain(|suppressed| is_told(&suppressed.finding));
    }
    let Some(joined) = &part.joined else { return linted };
    let sources = &linted.tree.sources;
    let is_joint = |span: Span| {
        let source = sources.get(span.file);
        let line = source.line_range(source.line(span.start));
        let text = &source.text.original()[line.start as usize..line.end as usize];
        (joined.has_joint && span.file.0 == 0) || text.starts_with(JOINT.as_bytes())
    };
    linted.findings.retain(|finding| !is_joint(finding.primary));
    for finding in &mut linted.findings {
        finding.labels.retain(|label| !is_joint(label.span));
    }
    let mut order: HashMap<PathBuf, usize> = HashMap::new();
    let called = |file: FileId| {
        let path = sources.path(file);
        joined.renamed.get(path).map_or(path, |path| path)
    };
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
    linted
}
