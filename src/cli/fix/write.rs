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
    put(ready, changed)
}

/// Puts all new files in their places.
fn put(ready: Vec<NamedTempFile>, changed: &[Changed]) -> Result<(), String> {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    fn changed(path: PathBuf, before: &str) -> Changed {
        Changed { path, before: before.into(), after: b"new".into() }
    }

    /// A directory with `a` and `b`, both holding `old`.
    fn two() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let (a, b) = (directory.path().join("a"), directory.path().join("b"));
        for path in [&a, &b] {
            fs::write(path, "old").expect("writable");
        }
        (directory, a, b)
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).expect("readable")
    }

    /// The names in a directory, sorted.
    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("listed");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_replaced_with_their_modes_and_nothing_is_left_beside() {
        let (directory, a, b) = two();
        fs::set_permissions(&a, fs::Permissions::from_mode(0o640)).expect("mode");
        all(&[changed(a.clone(), "old"), changed(b.clone(), "old")]).expect("written");
        assert_eq!((read(&a), read(&b)), ("new".to_string(), "new".to_string()));
        assert_eq!(fs::metadata(&a).expect("there").mode() & 0o7777, 0o640);
        assert_eq!(names(directory.path()), ["a", "b"]);
    }

    type Spoil = fn(&Path);

    #[test]
    fn where_one_file_cannot_be_replaced_none_is() {
        let spoil: [(&str, Spoil); 4] = [
            ("read-only", |b| fs::set_permissions(b, fs::Permissions::from_mode(0o444)).expect("mode")),
            ("hard links", |b| fs::hard_link(b, b.with_extension("link")).expect("linked")),
            ("somebody else", |b| fs::write(b, "theirs").expect("written")),
            ("cannot be read", |b| fs::remove_file(b).expect("removed")),
        ];
        for (says, spoil) in spoil {
            let (directory, a, b) = two();
            spoil(&b);
            let before = names(directory.path());
            let why = all(&[changed(a.clone(), "old"), changed(b.clone(), "old")]).expect_err(says);
            assert!(why.contains(says), "{why}");
            assert_eq!(read(&a), "old", "{says}");
            assert_eq!(names(directory.path()), before, "{says}");
        }
    }

    #[test]
    fn what_was_replaced_is_put_back_where_a_later_file_fails() {
        let (directory, a, b) = two();
        let ready = [beside(&a, b"new").expect("ready"), beside(&b, b"new").expect("ready")];
        fs::write(&b, "theirs").expect("written");
        let why =
            put(ready.into(), &[changed(a.clone(), "old"), changed(b.clone(), "old")]).expect_err("fails");
        assert!(why.contains("somebody else"), "{why}");
        assert_eq!((read(&a), read(&b)), ("old".to_string(), "theirs".to_string()));
        assert_eq!(names(directory.path()), ["a", "b"]);
    }

    #[test]
    fn a_directory_that_is_gone_is_told() {
        let (directory, a, _) = two();
        drop(directory);
        let why = all(&[changed(a, "old")]).expect_err("gone");
        assert!(why.contains("cannot be read"), "{why}");
    }
}
