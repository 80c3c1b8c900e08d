//! Files replaced whole or not at all: written beside, flushed, renamed, with their mode and owner. Knows nothing of
//! what is in them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::fix::Changed;
use crate::source::files::{Disk, Files};

/// Replaces all of the files, or, where one of them cannot be, none.
///
/// # Errors
/// Which file stayed as it was, and why; then all are as they were.
pub fn all(changed: &[Changed]) -> Result<(), String> {
    let mut ready = Vec::new();
    for one in changed {
        ready.push(prepared(one, &one.after).map_err(|error| told(&one.path, &error))?);
    }
    for (index, (new, one)) in ready.into_iter().zip(changed).enumerate() {
        let put = unchanged(one).and_then(|()| Ok(new.persist(&one.path).map(drop)?));
        if let Err(error) = put.and_then(|()| flushed(&one.path)) {
            let why = told(&one.path, &error);
            return Err(match restored(&changed[..=index]) {
                Ok(()) => why,
                Err(other) => format!("{why}; and what was written before could not be taken back: {other}"),
            });
        }
    }
    Ok(())
}

/// The new file, on the disk beside the old one.
fn prepared(one: &Changed, text: &[u8]) -> io::Result<NamedTempFile> {
    unchanged(one)?;
    beside(&one.path, text)
}

fn beside(path: &Path, text: &[u8]) -> io::Result<NamedTempFile> {
    // Whoever may not write into the file does not get around that by putting another in its place.
    let old = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let metadata = old.metadata()?;
    if metadata.permissions().readonly() {
        return Err(io::Error::other("it is read-only"));
    }
    if metadata.nlink() > 1 {
        return Err(io::Error::other("it has several names (hard links), which would come apart"));
    }
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::Builder::new().prefix(".wslint-").tempfile_in(directory)?;
    new.write_all(text)?;
    let file = new.as_file();
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
        fchown(file, Some(metadata.uid()), Some(metadata.gid()))
            .map_err(|_| io::Error::other("its owner could not be kept"))?;
    }
    file.set_permissions(metadata.permissions())?;
    file.sync_all()?;
    Ok(new)
}

/// Fails where the file is not what was read.
fn unchanged(one: &Changed) -> io::Result<()> {
    let words = |error| io::Error::other(format!("it cannot be read any more ({error:?})"));
    let now = Disk.read(&one.path, u64::from(u32::MAX)).map_err(words)?;
    match now == one.before {
        true => Ok(()),
        false => Err(io::Error::other("it was changed by somebody else in the meantime")),
    }
}

fn flushed(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Puts back what was there, where it is not any more.
fn restored(changed: &[Changed]) -> Result<(), String> {
    for one in changed.iter().filter(|one| fs::read(&one.path).is_ok_and(|now| now == one.after)) {
        let put = beside(&one.path, &one.before).and_then(|old| Ok(old.persist(&one.path).map(drop)?));
        put.map_err(|error| told(&one.path, &error))?;
    }
    Ok(())
}

fn told(path: &Path, error: &io::Error) -> String {
    let text = error.to_string();
    format!("{} was left as it is: {}", path.display(), text.split(" (os error").next().unwrap_or_default())
}
