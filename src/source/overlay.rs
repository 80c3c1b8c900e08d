//! Other files, some of which are not on them, or hold other text: an editor's buffer, what a fix would make of a file.
//! Knows paths, not what any text is for.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use super::files::{Entry, Files, Found, ReadError};

/// By the path that `Overlay::identity` gives, what a file holds.
pub type Texts = HashMap<PathBuf, Vec<u8>>;

/// `files`, some with other text.
pub struct Overlay<'f> {
    files: &'f dyn Files,
    texts: Cow<'f, Texts>,
}

impl<'f> Overlay<'f> {
    pub fn new(files: &'f dyn Files, texts: &'f Texts) -> Self {
        Self { files, texts: Cow::Borrowed(texts) }
    }

    /// One text, at the identity of a file that need not be there.
    pub fn of_one(files: &'f dyn Files, identity: PathBuf, text: Vec<u8>) -> Self {
        Self { files, texts: Cow::Owned(Texts::from([(identity, text)])) }
    }

    /// The path by which the file is identified that is, or could be, at `path`.
    pub fn identity(files: &dyn Files, path: &Path) -> PathBuf {
        let below = || Some(files.canonical(path.parent()?).ok()?.join(path.file_name()?));
        files.canonical(path).ok().or_else(below).unwrap_or_else(|| path.to_owned())
    }

    /// The identity and the text of the file at a path, where it is one of these.
    fn text(&self, path: &Path) -> Option<(&PathBuf, &Vec<u8>)> {
        if self.texts.is_empty() {
            return None;
        }
        let known = self.texts.get_key_value(path);
        known.or_else(|| self.texts.get_key_value(&Self::identity(self.files, path)))
    }
}

impl Files for Overlay<'_> {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        match self.text(path) {
            Some((_, text)) if text.len() as u64 > limit => Err(ReadError::TooLarge(limit)),
            Some((_, text)) => Ok(text.clone()),
            None => self.files.read(path, limit),
        }
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        match self.text(path) {
            Some((_, text)) => {
                Ok(text[..text.len().min(usize::try_from(limit).unwrap_or(usize::MAX))].to_vec())
            }
            None => self.files.head(path, limit),
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        let mut entries = self.files.list(directory)?;
        if let Ok(canonical) = self.files.canonical(directory) {
            for path in self.texts.keys().filter(|path| path.parent() == Some(&canonical)) {
                let Some(name) = path.file_name() else { continue };
                if entries.iter().all(|entry| entry.name != name) {
                    entries.push(Entry { name: name.to_owned(), symlink: false });
                }
            }
        }
        Ok(entries)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        match self.text(path) {
            Some((identity, _)) => Ok(identity.clone()),
            None => self.files.canonical(path),
        }
    }

    fn look(&self, path: &Path) -> Found {
        if self.text(path).is_some() { Found::File } else { self.files.look(path) }
    }
}
