//! Files with other text than they have on the disk: what a fix would make of them. Knows no fix.

use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use crate::source::files::{Entry, Files, Found, ReadError};

/// By canonical path, what a file is to hold.
pub type Texts = HashMap<PathBuf, Vec<u8>>;

/// Other files, some of which hold other text.
pub struct Overlay<'a> {
    pub under: &'a dyn Files,
    pub texts: &'a Texts,
}

impl Overlay<'_> {
    fn text(&self, path: &Path) -> Option<&Vec<u8>> {
        if self.texts.is_empty() {
            return None;
        }
        self.texts.get(&self.under.canonical(path).ok()?)
    }
}

impl Files for Overlay<'_> {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        match self.text(path) {
            Some(text) if text.len() as u64 > limit => Err(ReadError::TooLarge(limit)),
            Some(text) => Ok(text.clone()),
            None => self.under.read(path, limit),
        }
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        match self.text(path) {
            Some(text) => Ok(text[..text.len().min(usize::try_from(limit).unwrap_or(usize::MAX))].to_vec()),
            None => self.under.head(path, limit),
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        self.under.list(directory)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        self.under.canonical(path)
    }

    fn look(&self, path: &Path) -> Found {
        self.under.look(path)
    }
}
