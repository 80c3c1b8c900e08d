//! `nginx -T`: every file once, whole, under a line with its path. Knows those lines, nothing of the files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};

use super::{Dump, Recorded};
use crate::source::discover::Server;
use crate::source::files::Memory;

/// Behind what `nginx` itself says on standard error, which is often caught with it.
pub(super) fn is_dump(head: &[u8]) -> bool {
    let mut lines = head.split(|&byte| byte == b'\n');
    let first = lines.find(|line| !line.trim_ascii().is_empty() && !is_remark(line));
    first.is_some_and(|line| file_of(line).is_some())
}

fn is_remark(line: &[u8]) -> bool {
    line.starts_with(b"nginx: ")
}

/// The path that a line announces.
fn file_of(line: &[u8]) -> Option<&Path> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let path = line.strip_prefix(b"# configuration file ")?.strip_suffix(b":")?;
    let path = Path::new(OsStr::from_bytes(path));
    path.is_absolute().then_some(path)
}

pub(super) fn read(bytes: &[u8]) -> Option<Dump> {
    let mut files = Memory::default();
    let mut seen: HashSet<PathBuf> = HashSet::new();
    let mut main = None;
    let mut open: Option<(PathBuf, usize)> = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let end = at + line.len();
        let announced = file_of(line.strip_suffix(b"\n").unwrap_or(line));
        // A file is printed once: a second line like its own is a comment in some file.
        if let Some(path) = announced.filter(|path| !seen.contains(*path)) {
            if let Some((path, start)) = open.take() {
                files.add(path, content(&bytes[start..at]));
            }
            seen.insert(path.to_owned());
            main.get_or_insert_with(|| path.to_owned());
            open = Some((path.to_owned(), end));
        }
        at = end;
    }
    if let Some((path, start)) = open {
        files.add(path, content(&bytes[start..]));
    }
    let files = Recorded(files);
    Some(Dump { server: Server::Nginx, main: main?, files, renamed: HashMap::new() })
}

/// nginx adds a line feed to every file.
fn content(printed: &[u8]) -> &[u8] {
    printed.strip_suffix(b"\n").unwrap_or(printed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::files::Files;

    #[test]
    fn every_file_is_what_it_was() {
        let text = b"nginx: the configuration file /e/n.conf syntax is ok\n\
            nginx: configuration file /e/n.conf test is successful\n\
            # configuration file /e/n.conf:\nevents {}\nhttp { include s/*; }\n\n\
            # configuration file /e/s/a:\nserver {}\n\
            # configuration file /e/s/b:\n# configuration file /e/n.conf:\n# configuration file x:\n\n";
        let dump = read(text).expect("a dump");
        assert_eq!(dump.main, Path::new("/e/n.conf"));
        for (path, content) in [
            ("/e/n.conf", &b"events {}\nhttp { include s/*; }\n"[..]),
            ("/e/s/a", b"server {}"),
            ("/e/s/b", b"# configuration file /e/n.conf:\n# configuration file x:\n"),
        ] {
            assert_eq!(dump.files.read(Path::new(path), 1000).as_deref(), Ok(content), "{path}");
        }
    }

    #[test]
    fn only_what_begins_like_one_is_a_dump() {
        assert!(!is_dump(b"user x;\n# configuration file /e/n.conf:\nevents {}\n"));
        assert!(!is_dump(b"# configuration file of our proxy:\nevents {}\n"));
        assert!(!is_dump(b"nginx: command not found\n"));
    }
}
