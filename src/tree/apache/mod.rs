//! A tree of httpd's, read as the server reads it: line after line, each knowing only those before it. Knows what the
//! server acts on while it reads, no other directive.

mod conditions;
pub mod envvars;
mod include;
pub mod layout;
mod macros;
mod modules;
mod reader;
mod variables;

use hashbrown::HashSet;
use std::path::{Path, PathBuf};

use super::{NodeRef, Options, Tree};
use crate::source::files::{Files, ReadError};
use crate::syntax::Names;

pub use modules::{Modules, Presence, module_file};

/// What the server is given beside its files.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `-D NAME`, or `NAME=VALUE` for a variable.
    pub defines: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The server's version, for `<IfVersion>`; the newest where there are several.
    pub version: [u16; 3],
    /// What relative paths are relative to, whatever `ServerRoot` says.
    pub server_root: Option<PathBuf>,
}

/// What httpd learns while it reads.
#[derive(Debug, Default)]
pub struct Reading {
    /// Sections whose lines the server does not read, and lines that a variable makes empty.
    skipped: HashSet<NodeRef>,
    /// Sections of which it is not known whether the server reads them; their lines are read here.
    pub doubtful: Vec<(NodeRef, Vec<u8>)>,
    pub modules: Modules,
    /// What stops the server while it reads, in its words.
    pub refusals: Vec<(NodeRef, String)>,
    /// Variables that nothing defines, where they are named.
    pub undefined: Vec<(NodeRef, Vec<u8>)>,
    /// What relative paths are relative to in the end.
    pub server_root: PathBuf,
}

impl Reading {
    /// Whether the server passes over the directive, and over all that stands in it.
    pub fn is_skipped(&self, node: NodeRef) -> bool {
        !self.skipped.is_empty() && self.skipped.contains(&node)
    }

    /// What the server passes over, in no order.
    pub fn skipped(&self) -> impl Iterator<Item = NodeRef> + '_ {
        self.skipped.iter().copied()
    }
}

pub(super) fn read(
    files: &dyn Files,
    main: &Path,
    names: Names,
    options: &Options,
    given: &Given,
) -> Result<Tree, ReadError> {
    reader::read(files, main, names, options, given)
}
