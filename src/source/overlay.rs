//! Other files, with one that is not on them, or not as it is there: an editor's buffer. Knows paths, not what the buffer
//! holds.

use std::path::{Path, PathBuf};

use super::files::{Entry, Files, Found, ReadError};

/// `files`, with `bytes` at a path.
pub struct Overlay<'f> {
    pub files: &'f dyn Files,
    /// As `Files::canonical` would give it; the file need not be there.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

impl Overlay<'_> {
    /// The path by which the file is identified that is, or could be, at `path`.
    pub fn identity(files: &dyn Files, path: &Path) -> PathBuf {
        let below = || Some(files.canonical(path.parent()?).ok()?.join(path.file_name()?));
        files.canonical(path).ok().or_else(below).unwrap_or_else(|| path.to_owned())
    }

    fn is_buffer(&self, path: &Path) -> bool {
        path == self.path || Self::identity(self.files, path) == self.path
    }
}

impl Files for Overlay<'_> {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        match self.is_buffer(path) {
            true if self.bytes.len() as u64 > limit => Err(ReadError::TooLarge(limit)),
            true => Ok(self.bytes.clone()),
            false => self.files.read(path, limit),
        }
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        match self.is_buffer(path) {
            true => {
                Ok(self.bytes[..self.bytes.len().min(usize::try_from(limit).unwrap_or(usize::MAX))].to_vec())
            }
            false => self.files.head(path, limit),
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        let mut entries = self.files.list(directory)?;
        if let (Ok(canonical), Some(name)) = (self.files.canonical(directory), self.path.file_name())
            && self.path.parent() == Some(&canonical)
            && entries.iter().all(|entry| entry.name != name)
        {
            entries.push(Entry { name: name.to_owned(), symlink: false });
        }
        Ok(entries)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        match self.is_buffer(path) {
            true => Ok(self.path.clone()),
            false => self.files.canonical(path),
        }
    }

    fn look(&self, path: &Path) -> Found {
        if self.is_buffer(path) { Found::File } else { self.files.look(path) }
    }
}
