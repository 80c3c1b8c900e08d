//! The only place that touches a file system: reading, listing, identity. Knows nothing of configurations.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::ops::Bound;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use super::extract::embedded::Part;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    NotFound,
    Directory,
    /// A FIFO, socket or device, named by its kind.
    NotRegular(&'static str),
    /// More bytes than the limit given.
    TooLarge(u64),
    /// Symbolic links that lead to one another.
    LinkLoop,
    /// It lies where nothing may be looked at.
    Outside,
    /// It lies where nothing can be looked at.
    Unseen,
    /// The operating system's words.
    Other(String),
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: OsString,
    pub symlink: bool,
}

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Directory,
    /// Anything else.
    File,
    /// It lies where nothing can be looked up.
    Unseen,
}

impl Found {
    /// Known to be there.
    pub fn is_there(self) -> bool {
        matches!(self, Self::Directory | Self::File)
    }
}

/// Where configurations are read from.
pub trait Files: Sync {
    /// The bytes of a regular file, at most `limit` of them. Never blocks on a FIFO or a device.
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError>;
    /// The first bytes of a regular file, at most `limit` of them. Never blocks on a FIFO or a device.
    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError>;
    /// The entries of a directory in no particular order, without `.` and `..`.
    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError>;
    /// The one absolute path, free of symbolic links, by which a file is identified.
    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError>;
    /// What lies at a path, symbolic links followed.
    fn look(&self, path: &Path) -> Found;
    /// The part of a file that is read instead of the whole.
    fn part(&self, _path: &Path) -> Option<&Part> {
        None
    }
}

impl<F: Files + ?Sized> Files for &F {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        (**self).read(path, limit)
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        (**self).head(path, limit)
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        (**self).list(directory)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        (**self).canonical(path)
    }

    fn look(&self, path: &Path) -> Found {
        (**self).look(path)
    }

    fn part(&self, path: &Path) -> Option<&Part> {
        (**self).part(path)
    }
}

/// The machine's own file system.
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        let (file, expected) = open_regular(path)?;
        if expected > limit {
            return Err(ReadError::TooLarge(limit));
        }
        let mut bytes = Vec::with_capacity(expected as usize + 1);
        // A file of /proc says 0 bytes and has more, so count what comes rather than trust the size.
        (&file).take(limit + 1).read_to_end(&mut bytes).map_err(read_error)?;
        if bytes.len() as u64 > limit { Err(ReadError::TooLarge(limit)) } else { Ok(bytes) }
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        let (file, _) = open_regular(path)?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(read_error)?;
        Ok(bytes)
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        let entry = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry?;
            // What is gone by now is found to be so when it is read.
            let symlink = entry.file_type().map_or(true, |kind| kind.is_symlink());
            Ok(Entry { name: entry.file_name(), symlink })
        };
        let entries = std::fs::read_dir(directory).map_err(read_error)?;
        entries.map(entry).collect::<io::Result<_>>().map_err(read_error)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        path.canonicalize().map_err(read_error)
    }

    fn look(&self, path: &Path) -> Found {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => Found::Directory,
            Ok(_) => Found::File,
            // The server's user may be one who may look there.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Found::Unseen,
            Err(_) => Found::Nothing,
        }
    }
}

/// A file and its size.
fn open_regular(path: &Path) -> Result<(File, u64), ReadError> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(read_error)?;
    let size = regular_size(&file)?;
    Ok((file, size))
}

fn regular_size(file: &File) -> Result<u64, ReadError> {
    let metadata = file.metadata().map_err(read_error)?;
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(metadata.len());
    }
    Err(match () {
        () if kind.is_dir() => ReadError::Directory,
        () if kind.is_fifo() => ReadError::NotRegular("a FIFO"),
        () if kind.is_socket() => ReadError::NotRegular("a socket"),
        () => ReadError::NotRegular("a device"),
    })
}

pub(super) fn read_error(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ReadError::NotFound,
        io::ErrorKind::IsADirectory => ReadError::Directory,
        // Opening a socket file answers ENXIO before its handle can be looked at.
        _ if error.raw_os_error() == Some(libc::ENXIO) => ReadError::NotRegular("a socket or a device"),
        _ if error.raw_os_error() == Some(libc::ELOOP) => ReadError::LinkLoop,
        _ => ReadError::Other(words(&error)),
    }
}

/// What the operating system says, without the number.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_string()
}

/// Without `.` and `..`, by the path's own words alone.
pub fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// Files held in memory, by absolute path: for tests, fuzzing and text that never was on a disk.
#[derive(Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
    devices: BTreeSet<PathBuf>,
}

impl Memory {
    pub fn with(mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        self.add(path, bytes);
        self
    }

    pub fn add(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), bytes.into());
    }

    /// The files below a directory, sorted.
    fn below(&self, directory: &Path) -> impl Iterator<Item = &PathBuf> {
        let from = (Bound::Excluded(directory), Bound::Unbounded);
        self.files
            .range::<Path, _>(from)
            .map(|(path, _)| path)
            .take_while(move |path| path.starts_with(directory))
    }

    /// Something that is there and is no file.
    pub fn with_device(mut self, path: impl Into<PathBuf>) -> Self {
        self.devices.insert(path.into());
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        match self.files.get(path) {
            Some(bytes) if bytes.len() as u64 > limit => Err(ReadError::TooLarge(limit)),
            Some(bytes) => Ok(bytes.clone()),
            None if self.devices.contains(path) => Err(ReadError::NotRegular("a device")),
            None if self.look(path) == Found::Directory => Err(ReadError::Directory),
            None => Err(ReadError::NotFound),
        }
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        let mut bytes = self.read(path, u64::MAX)?;
        bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(bytes)
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        let below = self.below(directory).filter_map(|path| path.strip_prefix(directory).ok());
        let mut names: Vec<&OsStr> = below.filter_map(|rest| rest.iter().next()).collect();
        names.dedup();
        Ok(names.into_iter().map(|name| Entry { name: name.to_owned(), symlink: false }).collect())
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        match self.look(path) {
            Found::Nothing => Err(ReadError::NotFound),
            _ => Ok(path.to_owned()),
        }
    }

    fn look(&self, path: &Path) -> Found {
        let is_there = self.files.contains_key(path) || self.devices.contains(path);
        match () {
            () if self.below(path).next().is_some() => Found::Directory,
            () if is_there => Found::File,
            () => Found::Nothing,
        }
    }
}
