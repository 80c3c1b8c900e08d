//! `wslint.toml` on the command line: which file counts, what arguments add to it, `init` and `settings-schema`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hashbrown::HashMap;

use super::CLEAN;
use super::args::ReadArguments;
use super::inputs::reason;
use super::output;
use super::output::Output;
use super::plan::files_for;
use crate::engine::Selection;
use crate::engine::settings::{self, Settings, Trust};
use crate::report::shown;
use crate::rules;
use crate::source::discover::Main;
use crate::source::files::{Files, normal, words};
use crate::source::{Source, Text};

/// The settings of paths, each file read once.
pub struct Lookup<'a> {
    read: &'a ReadArguments,
    here: &'a Path,
    by_file: HashMap<PathBuf, Rc<Settings>>,
    none: Rc<Settings>,
}

impl<'a> Lookup<'a> {
    pub fn new(read: &'a ReadArguments, here: &'a Path) -> Self {
        Self { read, here, by_file: HashMap::new(), none: Rc::default() }
    }

    /// The settings for what lies at or below a directory: the file that is named, else the nearest one.
    ///
    /// # Errors
    /// Where a file is there, or named, and cannot be read.
    pub fn of(&mut self, files: &dyn Files, directory: &Path) -> Result<Rc<Settings>, String> {
        let (file, trust) = match &self.read.config {
            Some(config) => (Some(normal(&self.here.join(config))), Trust::Full),
            None if self.read.isolated => (None, Trust::Full),
            None if self.read.restrict_includes => (settings::find(files, directory), Trust::Raising),
            None => (settings::find(files, directory), Trust::Full),
        };
        let Some(file) = file else { return Ok(self.none.clone()) };
        if let Some(known) = self.by_file.get(&file) {
            return Ok(known.clone());
        }
        let named = files_for(&file, self.here, self.read.restrict_includes)?;
        let files = if self.read.config.is_some() { &*named } else { files };
        let loaded = settings::load(files, &file, &rules::ALL, trust);
        let loaded = Rc::new(loaded.map_err(|error| format!("{}: {}", file.display(), reason(&error)))?);
        self.by_file.insert(file, loaded.clone());
        Ok(loaded)
    }

    /// Every file that was read.
    pub fn all(&self) -> impl Iterator<Item = &Rc<Settings>> {
        self.by_file.values()
    }
}

/// Tells what is wrong with files of settings, each once, for who reads no findings.
pub fn complain<'s>(all: impl Iterator<Item = &'s Rc<Settings>>) {
    let here = std::env::current_dir().unwrap_or_default();
    let mut told: Vec<&Path> = Vec::new();
    for settings in all {
        let Some(file) = settings.file.as_ref().filter(|file| !told.contains(&&*file.path)) else { continue };
        told.push(&file.path);
        let source = Source::new(file.path.clone(), Text::plain(file.bytes.to_vec()));
        for problem in &settings.problems {
            let at = format!("{}:{}", shown(&file.path, &here), source.line(problem.at.start));
            output::complain(&format!("{at}: {}", problem.message));
        }
    }
}

/// What is asked of one configuration: the command line's `selection` with what the settings say of `main`.
pub fn selection(settings: &Settings, selection: &Selection, main: &Main, coverage: Coverage) -> Selection {
    let mut own = selection.clone();
    own.levels = settings.levels.clone();
    own.options = settings.options.clone();
    own.settings.clone_from(&settings.file);
    for endpoint in &mut own.endpoints {
        endpoint.is_expected = true;
        if coverage.is_sole {
            endpoint.config = Some(main.path.clone());
        }
    }
    for endpoint in &settings.endpoints {
        if endpoint.config.as_ref().is_some_and(|config| *config != main.path) {
            continue;
        }
        let mut endpoint = endpoint.clone();
        endpoint.is_expected = coverage.is_whole;
        if coverage.is_whole && coverage.is_sole {
            endpoint.config.get_or_insert_with(|| main.path.clone());
        }
        own.endpoints.push(endpoint);
    }
    own
}

/// What a run sees.
#[derive(Clone, Copy, Debug)]
pub struct Coverage {
    /// Everything below the directory of the settings.
    pub is_whole: bool,
    /// One main configuration only.
    pub is_sole: bool,
}

pub fn init(directory: &Path, output: &mut Output) -> Result<i32, String> {
    let path = directory.join(settings::NAMES[0]);
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => format!("{}: is there already", path.display()),
        _ => format!("{}: {}", path.display(), words(&error)),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    file.write_all(settings::SAMPLE.as_bytes()).map_err(failed)?;
    output.print(|out| writeln!(out, "wrote {}", path.display()))?;
    Ok(CLEAN)
}

pub fn schema(output: &mut Output) -> Result<i32, String> {
    let schema = settings::schema(&rules::ALL);
    output.print(|out| writeln!(out, "{schema:#}"))?;
    Ok(CLEAN)
}
