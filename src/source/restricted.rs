//! The disk, of which only what lies below some directories is seen. Knows paths and symbolic links, nothing of who
//! asks.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::files::{Disk, Entry, Files, Found, ReadError, read_error};

/// Symbolic links that are followed on the way to one file, as on Linux.
const MAX_LINKS: usize = 40;

/// Nothing outside the roots is opened, listed, or asked whether it is there: a path is followed link by link, and given
/// up at the first step that leaves them. What another process does to the links in the meantime is not guarded against.
pub struct Restricted {
    roots: Vec<Root>,
}

struct Root {
    /// By the words with which it was given.
    written: PathBuf,
    canonical: PathBuf,
}

impl Restricted {
    /// Directories, or single files, by their absolute paths.
    ///
    /// # Errors
    /// Where one of them is not there.
    pub fn new(roots: impl IntoIterator<Item = PathBuf>) -> Result<Self, ReadError> {
        let root = |written: PathBuf| Ok(Root { canonical: Disk.canonical(&written)?, written });
        Ok(Self { roots: roots.into_iter().map(root).collect::<Result<_, _>>()? })
    }

    /// The path without symbolic links; what it names is there, and inside.
    fn resolve(&self, path: &Path) -> Result<PathBuf, ReadError> {
        let mut place = PathBuf::from("/");
        let mut ahead = parts(&self.entered(path));
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            if part == ".." {
                place.pop();
                continue;
            }
            place.push(part);
            if self.is_above_or_at_root(&place) {
                continue;
            }
            if !self.is_inside(&place) {
                return Err(ReadError::Outside);
            }
            match place.read_link() {
                Ok(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(ReadError::LinkLoop);
                    }
                    place.pop();
                    if target.is_absolute() {
                        place = PathBuf::from("/");
                    }
                    ahead.extend(parts(&self.entered(&target)));
                }
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {} // no link
                Err(error) => return Err(read_error(error)),
            }
        }
        if self.is_inside(&place) { Ok(place) } else { Err(ReadError::Outside) }
    }

    /// A path that begins with a root's words, with what that root really is instead.
    fn entered(&self, path: &Path) -> PathBuf {
        let through = |root: &Root| Some(root.canonical.join(path.strip_prefix(&root.written).ok()?));
        self.roots.iter().find_map(through).unwrap_or_else(|| path.to_owned())
    }

    fn is_inside(&self, place: &Path) -> bool {
        self.roots.iter().any(|root| place.starts_with(&root.canonical))
    }

    /// Known to be there, and to be no link.
    fn is_above_or_at_root(&self, place: &Path) -> bool {
        self.roots.iter().any(|root| root.canonical.starts_with(place))
    }
}

/// Names and `..`, the last first.
fn parts(path: &Path) -> Vec<OsString> {
    let is_step = |part: &Component| matches!(part, Component::Normal(_) | Component::ParentDir);
    path.components().rev().filter(is_step).map(|part| part.as_os_str().to_owned()).collect()
}

impl Files for Restricted {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        Disk.read(&self.resolve(path)?, limit)
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        Disk.head(&self.resolve(path)?, limit)
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        Disk.list(&self.resolve(directory)?)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        self.resolve(path)
    }

    fn look(&self, path: &Path) -> Found {
        match self.resolve(path) {
            Ok(place) => Disk.look(&place),
            Err(ReadError::NotFound | ReadError::LinkLoop) => Found::Nothing,
            Err(_) => Found::Unseen,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_and_dots_are_followed_as_far_as_they_stay_inside() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().canonicalize().expect("canonical");
        let at = |name: &str| place.join(name);
        for name in ["in/sub", "out", "in2"] {
            fs::create_dir_all(at(name)).expect("directories");
        }
        for name in ["in/a", "in/sub/b", "out/secret", "in2/c"] {
            fs::write(at(name), name).expect("writable");
        }
        for (target, link) in [
            ("in", "way"),
            ("sub/b", "in/near"),
            ("../in/sub/b", "in/round"),
            ("../out/secret", "in/leak"),
            ("../out", "in/leaks"),
            ("../out/gone", "in/leaks-nowhere"),
            ("gone", "in/nowhere"),
            ("loop", "in/loop"),
            ("/", "in/top"),
        ] {
            symlink(target, at(link)).expect("a link");
        }
        symlink(at("in/a"), at("in/absolute")).expect("a link");
        symlink(at("way/a"), at("in/by-the-way")).expect("a link");
        let files = Restricted::new([at("way"), at("in2")]).expect("roots");
        let (outside, nothing) = (Err(ReadError::Outside), Err(ReadError::NotFound));
        for (path, expected) in [
            ("way/a", Ok("in/a")),
            ("in/a", Ok("in/a")),
            ("in/near", Ok("in/sub/b")),
            ("in/sub/../near", Ok("in/sub/b")),
            ("in/round", Ok("in/sub/b")),
            ("in/absolute", Ok("in/a")),
            ("in/by-the-way", Ok("in/a")),
            ("in/../in2/c", Ok("in2/c")),
            ("way", Ok("in")),
            ("in/gone", nothing.clone()),
            ("in/a/b", nothing.clone()),
            ("in/nowhere", nothing),
            ("in/loop", Err(ReadError::LinkLoop)),
            ("in/leak", outside.clone()),
            ("in/leaks/secret", outside.clone()),
            ("in/leaks/gone", outside.clone()),
            ("in/leaks-nowhere", outside.clone()),
            ("in/top/etc", outside.clone()),
            ("in/top", outside.clone()),
            ("in/..", outside.clone()),
            ("in/../out/secret", outside.clone()),
            ("in2x", outside.clone()),
            ("out/secret", outside),
        ] {
            assert_eq!(files.canonical(&at(path)), expected.map(at), "{path}");
        }
        let leak = at("in/leak");
        assert_eq!(files.read(&leak, 100), Err(ReadError::Outside));
        assert_eq!(files.head(&leak, 100), Err(ReadError::Outside));
        assert_eq!(files.list(&at("in/leaks")).err(), Some(ReadError::Outside));
        assert_eq!(files.look(&leak), Found::Unseen);
        assert_eq!(files.read(&at("in/round"), 100).as_deref(), Ok(&b"in/sub/b"[..]));
    }
}
