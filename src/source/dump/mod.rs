//! A whole configuration as its server prints it (`nginx -T`, `apachectl -t -D DUMP_CONFIG`), taken apart into the files
//! it came from. Knows how the two print, no grammar.

mod apache;
mod nginx;

use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use super::BYTE_ORDER_MARK;
use super::discover::Server;
use super::files::{Entry, Files, Found, Memory, ReadError};

/// The files of a dump.
pub struct Dump {
    pub server: Server,
    pub main: PathBuf,
    pub files: Recorded,
    /// The names under which files were read that are called otherwise, and how they are called.
    pub renamed: HashMap<PathBuf, PathBuf>,
}

/// The server that printed what begins like this.
pub fn server_of(head: &[u8]) -> Option<Server> {
    match () {
        () if nginx::is_dump(head) => Some(Server::Nginx),
        () if apache::is_dump(head) => Some(Server::Apache),
        () => None,
    }
}

/// Takes a dump apart; None where it is none.
pub fn read(bytes: &[u8]) -> Option<Dump> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    match server_of(bytes)? {
        Server::Nginx => nginx::read(bytes),
        Server::Apache => apache::read(bytes),
    }
}

/// What a line begins with that nobody wrote and that only joins the files of a dump.
pub const JOINT: &str = apache::JOINT;

/// The files of a dump and nothing else: of any other path it is not known what lies there.
pub struct Recorded(Memory);

impl Files for Recorded {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        self.0.read(path, limit).map_err(unseen)
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        self.0.head(path, limit).map_err(unseen)
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        self.0.list(directory)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        self.0.canonical(path).map_err(unseen)
    }

    fn look(&self, path: &Path) -> Found {
        match self.0.look(path) {
            Found::Nothing => Found::Unseen,
            found => found,
        }
    }
}

fn unseen(error: ReadError) -> ReadError {
    if error == ReadError::NotFound { ReadError::Unseen } else { error }
}
