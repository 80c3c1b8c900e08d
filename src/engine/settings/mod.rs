//! What a team settles for its configurations in `wslint.toml`. Alone knows TOML; knows rules by their table alone.

mod read;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::contracts::Endpoint;
use super::levels::Levels;
use super::options::Options;
use crate::effective::version::Versions;
use crate::finding::Severity;
use crate::source::files::{Files, Found, ReadError};
use crate::tree::PathMap;

pub use read::read;
pub use schema::schema;

/// What the file may be called, the more telling first.
pub const NAMES: [&str; 2] = ["wslint.toml", ".wslint.toml"];

/// A commented file with every key, for `wslint init`.
pub const SAMPLE: &str = include_str!("sample.toml");

/// Bytes of a settings file that are read at most.
const MAX_BYTES: u64 = 1 << 20;

/// The least severity that makes a gate fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailOn {
    Error,
    #[default]
    Warning,
    Note,
    Never,
}

impl FailOn {
    pub const ALL: [Self; 4] = [Self::Error, Self::Warning, Self::Note, Self::Never];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Never => "never",
        }
    }

    pub fn is_reached_by(self, severity: Severity) -> bool {
        match self {
            Self::Error => severity >= Severity::Error,
            Self::Warning => severity >= Severity::Warning,
            Self::Note => true,
            Self::Never => false,
        }
    }
}

/// Everything that a file settles; all paths are absolute.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// None where there is no file.
    pub file: Option<SettingsFile>,
    pub fail_on: Option<FailOn>,
    pub nginx: Option<Versions>,
    pub apache: Option<Versions>,
    /// Names that httpd is started with, and variables of its environment.
    pub define: Vec<(String, Option<String>)>,
    pub maps: Vec<PathMap>,
    pub prefix: Option<PathBuf>,
    pub server_root: Option<PathBuf>,
    /// Main configurations, for single files that are parts of them.
    pub main: Vec<PathBuf>,
    pub baseline: Option<PathBuf>,
    pub levels: Levels,
    pub options: Options,
    pub endpoints: Vec<Endpoint>,
    /// What is wrong with the file, by place.
    pub problems: Vec<Problem>,
}

/// The file itself, for what is told about it.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    pub path: PathBuf,
    pub bytes: Arc<[u8]>,
}

/// Something in the file that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the file.
    pub at: std::ops::Range<u32>,
    pub severity: Severity,
    pub message: String,
    /// What to say at the place.
    pub here: Option<String>,
    pub help: Option<String>,
}

/// Whether the file speaks for those who run wslint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It was named on the command line, or nothing is guarded against.
    Full,
    /// It was found among configurations that nobody has looked at yet: it can make rules louder, and nothing else quieter.
    Raising,
}

/// The settings file for a path: in its directory or the nearest one above, as far as the one that holds `.git`.
pub fn find(files: &dyn Files, directory: &Path) -> Option<PathBuf> {
    for directory in directory.ancestors() {
        let file = NAMES.iter().map(|name| directory.join(name)).find(|path| files.look(path).is_there());
        if file.is_some() {
            return file;
        }
        if files.look(&directory.join(".git")).is_there() {
            return None;
        }
    }
    None
}

/// Reads a settings file.
///
/// # Errors
/// Where the file cannot be read; whatever is wrong in it is a problem of the settings.
pub fn load(
    files: &dyn Files,
    path: &Path,
    rules: &[&'static super::Rule],
    trust: Trust,
) -> Result<Settings, ReadError> {
    let bytes = files.read(path, MAX_BYTES)?;
    let mut settings = read(path, bytes.into(), rules, trust);
    for endpoint in &settings.endpoints {
        let Some(config) = endpoint.config.as_ref().filter(|config| files.look(config) != Found::File) else {
            continue;
        };
        let message = format!("there is no file {} whose promise this could be", config.display());
        let at = endpoint.at.clone().unwrap_or_default();
        settings.problems.push(Problem { at, severity: Severity::Warning, message, here: None, help: None });
    }
    settings.problems.sort_by_key(|problem| problem.at.start);
    Ok(settings)
}
