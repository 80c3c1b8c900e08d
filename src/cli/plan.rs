//! What will be linted: each configuration with its main file, where its files are read, and which of them are reported. Knows
//! what paths stand for, reads no tree.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hashbrown::{HashMap, HashSet};

use super::args::ReadArguments;
use super::options::{limits, reason};
use crate::source::discover::{self, Judgement, Kind, Main, Server};
use crate::source::dump::{self, Dump};
use crate::source::extract::embedded::{self, Alone};
use crate::source::files::{Disk, Files, Found, ReadError, normal};
use crate::source::overlay::Overlay;
use crate::source::restricted::Restricted;

/// The path that stands for standard input.
pub const STDIN: &str = "-";

/// Under what name a buffer without one is shown.
const UNNAMED: &str = "<stdin>";

/// One configuration that is read as a whole: a main file or a fragment, with all that it includes.
pub struct Part<'f> {
    /// The place of the path that led to it among those given.
    pub order: usize,
    /// It lies below a directory that was named.
    pub is_below: bool,
    /// The directory from which settings are looked for upwards: that of the command line, or the named file's own.
    pub given: PathBuf,
    /// As it is written on the command line.
    pub shown: String,
    pub files: Rc<dyn Files + 'f>,
    /// Where its settings are read.
    pub origin: Rc<dyn Files + 'f>,
    pub main: Main,
    /// What it was taken for; none for what is named on the command line.
    pub judgement: Option<Judgement>,
    pub root: PathBuf,
    /// The files whose findings are reported; none for all.
    pub only: Option<Only>,
    /// It stands inside a file of another language.
    pub is_embedded: bool,
    /// Where nobody wrote the main file, and files have other names than those they are read by.
    pub joined: Option<Joined>,
}

/// Files that were asked about, though more is read.
pub struct Only {
    /// By their canonical paths.
    pub files: HashSet<PathBuf>,
    /// What is wrong with settings is told, too.
    pub has_settings: bool,
}

impl Only {
    pub fn file(canonical: &Path) -> Self {
        Self { files: HashSet::from([canonical.to_owned()]), has_settings: true }
    }

    /// An editor asks about its buffer and nothing else.
    pub fn buffer(canonical: &Path) -> Self {
        Self { files: HashSet::from([canonical.to_owned()]), has_settings: false }
    }
}

/// What is told of files that were put together.
pub struct Joined {
    /// How a file is called, by the name it was read by.
    pub renamed: HashMap<PathBuf, PathBuf>,
    /// Nothing but what is put together is there: paths of this machine mean nothing.
    pub is_dump: bool,
    /// The first file was written by nobody.
    pub has_joint: bool,
}

/// A path of the command line.
pub struct Given {
    pub path: PathBuf,
    pub shown: String,
}

/// The paths given, the current directory where there is none.
pub fn given(paths: &[PathBuf], here: &Path) -> Vec<Given> {
    let default = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &default[..] } else { paths };
    let given = |path: &PathBuf| Given { path: normal(&here.join(path)), shown: path.display().to_string() };
    paths.iter().map(given).collect()
}

/// The disk, or, restricted, what of it lies below the linted roots of the paths given.
pub fn files(given: &[Given], here: &Path, restricted: bool) -> Result<Box<dyn Files>, String> {
    if !restricted {
        return Ok(Box::new(Disk));
    }
    let mut roots = Vec::new();
    for Given { path, shown } in given {
        let failed = |error| format!("{shown}: {}", reason(&error));
        let is_here = path.starts_with(here);
        // Whoever wrote a checkout may have put a link in the place of what the gate names.
        let trusted: &dyn Files =
            if is_here { &Restricted::new([here.to_owned()]).map_err(failed)? } else { &Disk };
        trusted.canonical(path).map_err(failed)?;
        if Disk.look(path) == Found::Directory {
            roots.push(path.clone());
        } else {
            roots.push(directory_of(path).to_owned());
            roots.extend(is_here.then(|| path.clone()));
        }
    }
    let files = Restricted::new(roots).map_err(|error| reason(&error))?;
    Ok(Box::new(files))
}

/// Where a file is read that the command line names beside its paths: restricted, whoever wrote what lies below the current
/// directory leads nowhere else by a link.
pub fn files_for(file: &Path, here: &Path, restricted: bool) -> Result<Box<dyn Files>, String> {
    if !(restricted && file.starts_with(here)) {
        return Ok(Box::new(Disk));
    }
    let files = Restricted::new([here.to_owned()]).map_err(|error| reason(&error))?;
    Ok(Box::new(files))
}

pub fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}

impl<'f> Part<'f> {
    /// A file with all that it includes, taken for what is said; without `judgement` for what its beginning shows.
    pub fn new(
        files: &'f dyn Files,
        given: &Given,
        path: PathBuf,
        root: PathBuf,
        judgement: Option<Judgement>,
        server: Server,
    ) -> Self {
        let is_directory = files.look(&given.path) == Found::Directory;
        let own = if is_directory { &given.path } else { directory_of(&given.path) };
        Self {
            order: 0,
            is_below: false,
            given: own.to_owned(),
            shown: given.shown.clone(),
            files: Rc::new(files),
            origin: Rc::new(files),
            main: Main { path, server },
            judgement,
            root,
            only: None,
            is_embedded: false,
            joined: None,
        }
    }

    /// The files of a dump, and nothing else.
    pub fn of_dump(files: &'f dyn Files, given: &Given, dump: Dump) -> Self {
        let Dump { server, main, files: recorded, renamed } = dump;
        let joined = Joined { has_joint: renamed.contains_key(&main), renamed, is_dump: true };
        Self {
            order: 0,
            is_below: false,
            given: directory_of(&given.path).to_owned(),
            shown: given.shown.clone(),
            files: Rc::new(recorded),
            origin: Rc::new(files),
            root: directory_of(&main).to_owned(),
            main: Main { path: main, server },
            judgement: None,
            only: None,
            is_embedded: false,
            joined: Some(joined),
        }
    }

    /// A configuration inside a file of another language; nothing that it includes is here.
    pub fn of_text(
        files: &'f dyn Files,
        given: &Given,
        path: &Path,
        text: embedded::Part,
    ) -> Result<Self, ReadError> {
        let part = Self::new(files, given, path.to_owned(), path.to_owned(), None, text.server);
        let alone = Alone::new(files, path, text)?;
        Ok(Self { files: Rc::new(alone), is_embedded: true, ..part })
    }

    /// An `.htaccess` file, which stands in its directory's section.
    pub fn of_htaccess(
        files: &'f dyn Files,
        given: &Given,
        path: &Path,
        judgement: Option<Judgement>,
    ) -> Self {
        let directory = directory_of(path);
        let joint = directory.join(".htaccess#");
        let mut part =
            Self::new(files, given, joint.clone(), directory.to_owned(), judgement, Server::Apache);
        let text = format!(
            "<Directory \"{}\">\n{}{}\"\n</Directory>\n",
            directory.display(),
            dump::JOINT,
            path.display()
        );
        part.files = Rc::new(Overlay::of_one(files, joint.clone(), text.into_bytes()));
        let renamed = HashMap::from([(joint, path.to_owned())]);
        part.joined = Some(Joined { renamed, is_dump: false, has_joint: true });
        part
    }
}

/// A single file by what it holds: a dump's files, or itself as a whole configuration; and what it was judged to be.
pub fn single<'f>(
    files: &'f dyn Files,
    given: &Given,
    read: &ReadArguments,
) -> Result<(Part<'f>, Judgement), String> {
    let failed = |error: ReadError| format!("{}: {}", given.shown, reason(&error));
    let path = &given.path;
    let head = files.head(path, discover::HEAD).map_err(failed)?;
    let judgement = discover::what_is(path, &head);
    if let Kind::Dump(_) = judgement.kind {
        let bytes = files.read(path, limits(&read.limit).file_bytes).map_err(failed)?;
        if let Some(dump) = dump::read(&bytes) {
            let part = Part { judgement: Some(judgement), ..Part::of_dump(files, given, dump) };
            return Ok((part, judgement));
        }
    }
    if path.file_name().is_some_and(|name| name == ".htaccess") && read.server != Some(Server::Nginx) {
        return Ok((Part::of_htaccess(files, given, path, Some(judgement)), judgement));
    }
    let server = read.server.unwrap_or_else(|| discover::server_of(path, &head));
    let part = Part::new(files, given, path.clone(), directory_of(path).to_owned(), Some(judgement), server);
    Ok((part, judgement))
}

/// Files with standard input in the place of one.
pub struct Buffer<'f> {
    pub files: Overlay<'f>,
    pub given: Given,
}

/// What standard input holds.
pub fn standard_input(read: &ReadArguments) -> Result<Vec<u8>, String> {
    let limit = limits(&read.limit).file_bytes;
    let mut bytes = Vec::new();
    let taken = std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes);
    taken.map_err(|error| format!("standard input: {error}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("standard input: {}", reason(&ReadError::TooLarge(limit))));
    }
    Ok(bytes)
}

/// Standard input in the place of the file at `name`, or as a file of the current directory.
pub fn buffer<'f>(
    files: &'f dyn Files,
    bytes: Vec<u8>,
    name: Option<&Path>,
    here: &Path,
    read: &ReadArguments,
) -> Result<Buffer<'f>, String> {
    let path = normal(&here.join(name.unwrap_or(Path::new(UNNAMED))));
    let shown = name.map_or(UNNAMED.to_string(), |name| name.display().to_string());
    if files.look(&path) == Found::Directory {
        return Err(format!("--stdin-filename: {shown} is a directory"));
    }
    if read.restrict_includes && !path.starts_with(here) {
        return Err(format!(
            "--stdin-filename: {shown} lies outside the current directory (--restrict-includes)"
        ));
    }
    if read.restrict_includes && files.canonical(&path) == Err(ReadError::Outside) {
        return Err(format!("--stdin-filename: {shown}: {}", reason(&ReadError::Outside)));
    }
    let identity = Overlay::identity(files, &path);
    Ok(Buffer { files: Overlay::of_one(files, identity, bytes), given: Given { path, shown } })
}
