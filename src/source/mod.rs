//! Bytes and places in them: files, spans, lines and columns. Knows nothing of what the bytes mean.

pub mod discover;
pub mod dump;
pub mod extract;
pub mod files;
pub mod overlay;
pub mod pattern;
pub mod restricted;
mod text;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

pub use text::{Branches, Cut, Piece, Text};

/// A file of the run, numbered in the order of discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Bytes `start..end` of the original file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

/// Where a byte stands: `line` and `column` count from 1, `column` in Unicode scalar values (a byte that is
/// not UTF-8 counts as one, a byte order mark as none), `offset` in bytes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: u32,
    pub column: u32,
    pub offset: u32,
}

/// One file: the path by which it was first reached, and its text.
#[derive(Debug)]
pub struct Source {
    pub path: PathBuf,
    pub text: Text,
    lines: OnceLock<Vec<u32>>,
    /// A place on a long line whose column is known: the next question is mostly about one further on.
    known: Mutex<Position>,
}

impl Source {
    pub fn new(path: PathBuf, text: Text) -> Self {
        let start = Position { line: 1, column: 1, offset: 0 };
        Self { path, text, lines: OnceLock::new(), known: Mutex::new(start) }
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let bytes = self.text.original();
            let starts = memchr::memchr_iter(b'\n', bytes).map(|at| at as u32 + 1);
            std::iter::once(0).chain(starts).collect()
        })
    }

    /// The number of lines; text after the last line feed, even if empty, is a line.
    pub fn line_count(&self) -> u32 {
        self.lines().len() as u32
    }

    /// The line, from 1, that holds the byte at `offset`.
    pub fn line(&self, offset: u32) -> u32 {
        self.lines().partition_point(|&start| start <= offset) as u32
    }

    /// The bytes of a line counted from 1, without its line feed.
    pub fn line_range(&self, line: u32) -> Range<u32> {
        let lines = self.lines();
        let start = lines[line as usize - 1];
        let end = lines.get(line as usize).map_or(self.text.original().len() as u32, |next| next - 1);
        start..end
    }

    pub fn position(&self, offset: u32) -> Position {
        let line = self.line(offset);
        let start = self.lines()[line as usize - 1];
        let mut known = self.known.lock().expect("internal: counting does not panic");
        let (from, before) = match known.line == line && start < known.offset && known.offset <= offset {
            true => (known.offset, known.column),
            false => (start, 1),
        };
        let bytes = self.text.original();
        let mut between = &bytes[from as usize..(offset as usize).min(bytes.len())];
        if from == 0 {
            between = between.strip_prefix(BYTE_ORDER_MARK).unwrap_or(between);
        }
        let position = Position { line, column: before + scalars(between), offset };
        // Between the bytes of one character, counting could not go on.
        if bytes.get(offset as usize).is_none_or(u8::is_ascii) {
            *known = position;
        }
        position
    }
}

/// UTF-8's byte order mark.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

fn scalars(bytes: &[u8]) -> u32 {
    let of_chunk = |chunk: std::str::Utf8Chunk| chunk.valid().chars().count() + chunk.invalid().len();
    bytes.utf8_chunks().map(of_chunk).sum::<usize>() as u32
}

/// Every file that was read.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// How many of them are parts of others, or of none that anybody wrote.
    parts: usize,
}

impl Sources {
    pub fn add(&mut self, source: Source) -> FileId {
        self.files.push(source);
        FileId(self.files.len() as u32 - 1)
    }

    pub fn get(&self, file: FileId) -> &Source {
        &self.files[file.0 as usize]
    }

    pub fn path(&self, file: FileId) -> &Path {
        &self.get(file).path
    }

    /// In the order in which the files were found.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|source| source.path.as_path())
    }

    pub fn slice(&self, span: Span) -> &[u8] {
        &self.get(span.file).text.original()[span.start as usize..span.end as usize]
    }

    pub fn position(&self, file: FileId, offset: u32) -> Position {
        self.get(file).position(offset)
    }

    /// The line, from 1, on which a span begins.
    pub fn line(&self, span: Span) -> u32 {
        self.get(span.file).line(span.start)
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Gives files other paths to be shown by.
    pub fn rename(&mut self, name: impl Fn(&Path) -> Option<PathBuf>) {
        for file in &mut self.files {
            if let Some(path) = name(&file.path) {
                file.path = path;
            }
        }
        let paths: BTreeSet<&Path> = self.files.iter().map(|file| file.path.as_path()).collect();
        self.parts = self.files.len() - paths.len();
    }

    /// How many files are parts of others, or were written by nobody.
    pub fn parts(&self) -> usize {
        self.parts
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u8]) -> Source {
        Source::new("a.conf".into(), Text::plain(bytes.to_vec()))
    }

    #[test]
    fn columns_count_scalars_and_invalid_bytes_once_and_a_byte_order_mark_not_at_all() {
        let source = source(b"\xEF\xBB\xBFab\n\xC3\xA9\xFFx");
        assert_eq!(source.position(5), Position { line: 1, column: 3, offset: 5 });
        assert_eq!(source.position(9), Position { line: 2, column: 3, offset: 9 });
    }

    #[test]
    fn the_end_of_a_file_that_ends_in_a_line_feed_is_on_a_line_of_its_own() {
        let source = source(b"a;\nb;\n");
        assert_eq!(source.position(6), Position { line: 3, column: 1, offset: 6 });
        assert_eq!(source.line_range(2), 3..5);
        assert_eq!(source.line_range(3), 6..6);
    }
}
