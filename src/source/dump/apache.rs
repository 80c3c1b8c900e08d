//! `apachectl -t -D DUMP_CONFIG` (mod_info): every directive that is left when all was read, under its file and line. Knows
//! how it is printed and rebuilds files in which the server's order and nesting are the same.
//!
//! What the server acts on while it reads (`Include`, `LoadModule`, `Define`, `<IfModule>`, macros) is not printed; modules
//! are with `-D DUMP_MODULES`. A file that
//! was read several times is printed several times, perhaps differently; where one includes another, the print goes from
//! one to the other and back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use super::{Dump, Recorded};
use crate::source::discover::Server;
use crate::source::files::Memory;

const FILE: &[u8] = b"# In file: ";

/// What a joining line begins with. No dump has a line like it.
pub const JOINT: &str = "Include \"";

pub(super) fn is_dump(head: &[u8]) -> bool {
    let mut lines = head.split(|&byte| byte == b'\n').filter(|line| !is_remark(line));
    let is_file = lines.next().is_some_and(|line| file_of(line).is_some());
    is_file && lines.next().is_some_and(|line| number_of(line).is_some())
}

/// What the server says on standard error, which is often caught with it.
fn is_remark(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let is_said =
        line.is_empty() || line == b"Syntax OK" || line.starts_with(b"AH0") || line.starts_with(b"[");
    is_said || line == b"Loaded Modules:" || module_of(line).is_some()
}

/// ` proxy_module (shared)`
fn module_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    let name = line.strip_suffix(b" (shared)").or_else(|| line.strip_suffix(b" (static)"))?;
    let is_name =
        name.ends_with(b"_module") && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    is_name.then_some(name)
}

/// The file that a line announces, and how many of its lines come before its first.
fn file_of(line: &[u8]) -> Option<(PathBuf, u32)> {
    let mut place = line.strip_prefix(FILE)?.trim_ascii_end();
    let mut before = 0;
    // The lines of a macro stand where it is defined: macro 'x' (defined on line 7 of "/f") used on line 9 of "/f"
    while place.starts_with(b"macro '") {
        let defined = b"(defined on line ";
        place = &place[memchr::memmem::find(place, defined)? + defined.len()..];
        let (number, rest) = digits(place)?;
        place = rest.strip_prefix(b" of \"")?;
        if !place.starts_with(b"macro '") {
            place = &place[..memchr::memmem::find(place, b"\")")?];
        }
        before += number;
    }
    let path = Path::new(OsStr::from_bytes(place));
    path.is_absolute().then(|| (path.to_owned(), before))
}

fn digits(text: &[u8]) -> Option<(u32, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let number = std::str::from_utf8(&text[..end]).ok()?.parse().ok()?;
    Some((number, &text[end..]))
}

/// `#  12:`
fn number_of(line: &[u8]) -> Option<u32> {
    let rest = line.trim_ascii().strip_prefix(b"#")?.trim_ascii_start();
    digits(rest).filter(|(_, rest)| *rest == b":").map(|(number, _)| number)
}

/// Empty lines that all files together get.
const MAX_EMPTY: u32 = 16 << 20;

/// Levels of sections that are indented.
const MAX_INDENT: usize = 20;

/// Files inside one another; httpd has no more.
const MAX_ACTIVE: usize = 128;

/// A line of a file, as it is printed.
#[derive(Clone, Copy)]
struct Line<'d> {
    /// None for the end of a section, of which only the order is printed.
    number: Option<u32>,
    /// Without the print's indentation, which is that of the place where a file was included.
    text: &'d [u8],
}

/// Lines of one file in a row.
struct Run<'d> {
    /// By its place in the list of files.
    file: usize,
    before: u32,
    lines: Vec<Line<'d>>,
}

pub(super) fn read(bytes: &[u8]) -> Option<Dump> {
    let (paths, runs) = runs(bytes);
    let joined = Joiner::new(&runs).join();
    let main = paths.first()?;
    let is_main =
        |path: &&PathBuf| path.file_name().is_some_and(|name| name == "apache2.conf" || name == "httpd.conf");
    let main = paths.iter().find(is_main).unwrap_or(main);
    let mut writer = Writer {
        paths: &paths,
        names: HashMap::new(),
        counts: vec![0; paths.len()],
        files: Memory::default(),
        renamed: HashMap::new(),
        empty: MAX_EMPTY,
    };
    let mut text: Vec<u8> = bytes.split(|&byte| byte == b'\n').filter_map(module_of).flat_map(load).collect();
    text.extend(writer.write(&joined));
    let joint = named(main, 0);
    let Writer { mut files, mut renamed, .. } = writer;
    files.add(joint.clone(), text);
    renamed.insert(joint.clone(), main.clone());
    let files = Recorded(files);
    Some(Dump { server: Server::Apache, main: joint, files, renamed })
}

fn load(module: &[u8]) -> Vec<u8> {
    [&b"LoadModule "[..], module, b" modules/", module, b"\n"].concat()
}

fn runs(bytes: &[u8]) -> (Vec<PathBuf>, Vec<Run<'_>>) {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut by_path: HashMap<PathBuf, usize> = HashMap::new();
    let mut runs: Vec<Run> = Vec::new();
    let mut number = None;
    for line in bytes.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some((path, before)) = file_of(line) {
            let next = paths.len();
            let file = *by_path.entry(path).or_insert_with_key(|path| {
                paths.push(path.clone());
                next
            });
            runs.push(Run { file, before, lines: Vec::new() });
        } else if let Some(known) = number_of(line) {
            number = Some(known);
        } else if let Some(run) = runs.last_mut() {
            let line_number = number.take();
            // Whatever else was caught stands under no number.
            if line_number.is_some() || line.trim_ascii_start().starts_with(b"</") {
                let number = line_number.map(|number| number.saturating_add(run.before));
                run.lines.push(Line { number, text: line.trim_ascii_start() });
            }
        }
    }
    runs.retain(|run| !run.lines.is_empty());
    (paths, runs)
}

/// One reading of a file: its lines and, between them, what it includes.
#[derive(Default)]
struct Reading<'d> {
    file: usize,
    parts: Vec<Part<'d>>,
    last: u32,
    /// Sections that are open in it.
    open: usize,
}

enum Part<'d> {
    Line(Line<'d>),
    /// Another reading, by its place in the list of all.
    Included(usize),
}

/// Says which runs are one reading, and which reading stands in which.
struct Joiner<'r, 'd> {
    runs: &'r [Run<'d>],
    /// The first is the joint's.
    readings: Vec<Reading<'d>>,
    /// What is being read, the innermost last.
    active: Vec<usize>,
}

impl<'r, 'd> Joiner<'r, 'd> {
    fn new(runs: &'r [Run<'d>]) -> Self {
        Self { runs, readings: vec![Reading { file: usize::MAX, ..Reading::default() }], active: vec![0] }
    }

    fn join(mut self) -> Vec<Reading<'d>> {
        // Where each file goes on after a run: its next run's first line.
        let mut next: HashMap<(usize, u32), u32> = HashMap::new();
        let mut goes_on = vec![None; self.runs.len()];
        for (index, run) in self.runs.iter().enumerate().rev() {
            let key = (run.file, run.before);
            goes_on[index] = next.get(&key).copied();
            next.insert(key, first(run));
        }
        let runs = self.runs;
        for (index, run) in runs.iter().enumerate() {
            let reading = self.reading_of(run);
            for &line in &run.lines {
                self.add(reading, line);
            }
            // One that has ended is not the one which includes the next.
            let last = self.readings[reading].last;
            if self.readings[reading].open == 0 && goes_on[index].is_none_or(|first| first <= last) {
                self.active.pop();
            }
        }
        self.readings
    }

    /// The reading that a run goes on with, or a new one in that which is active.
    fn reading_of(&mut self, run: &Run) -> usize {
        let closes = run.lines.first().is_some_and(|line| line.number.is_none());
        let goes_on = |reading: &Reading| {
            reading.file == run.file && if closes { reading.open > 0 } else { first(run) > reading.last }
        };
        let depth = self.active.iter().rposition(|&reading| goes_on(&self.readings[reading]));
        // What is open further in would have to be closed first.
        let is_free =
            |depth: usize| self.active[depth + 1..].iter().all(|&inner| self.readings[inner].open == 0);
        if let Some(depth) = depth.filter(|&depth| is_free(depth)) {
            self.active.truncate(depth + 1);
            return self.active[depth];
        }
        self.active.truncate(MAX_ACTIVE);
        let new = self.readings.len();
        let outer = *self.active.last().expect("internal: the joint is always active");
        self.readings.push(Reading { file: run.file, ..Reading::default() });
        self.readings[outer].parts.push(Part::Included(new));
        self.active.push(new);
        new
    }

    fn add(&mut self, reading: usize, line: Line<'d>) {
        let reading = &mut self.readings[reading];
        let text = line.text;
        match line.number {
            Some(number) => {
                reading.last = number;
                reading.open += usize::from(text.starts_with(b"<"));
            }
            None => reading.open = reading.open.saturating_sub(1),
        }
        reading.parts.push(Part::Line(line));
    }
}

fn first(run: &Run) -> u32 {
    run.lines.iter().find_map(|line| line.number).unwrap_or(u32::MAX)
}

/// Readings as files: every line with a number on that line, where it can be.
struct Writer<'p> {
    paths: &'p [PathBuf],
    /// What a file is called that says just this.
    names: HashMap<(usize, Vec<u8>), PathBuf>,
    /// How many files of each path there are.
    counts: Vec<usize>,
    files: Memory,
    renamed: HashMap<PathBuf, PathBuf>,
    /// Empty lines that may still be written: a number can be any.
    empty: u32,
}

impl Writer<'_> {
    /// The joint's text.
    fn write(&mut self, readings: &[Reading]) -> Vec<u8> {
        let mut names: Vec<PathBuf> = vec![PathBuf::new(); readings.len()];
        // A reading stands behind the one that includes it.
        for (index, reading) in readings.iter().enumerate().skip(1).rev() {
            let text = self.text(reading, &names);
            names[index] = self.place(reading.file, text);
        }
        readings[0].parts.iter().flat_map(|part| part.joint(&names)).collect()
    }

    fn text(&mut self, reading: &Reading, names: &[PathBuf]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut line = 1;
        let mut depth = 0_usize;
        let mut rest = &reading.parts[..];
        while let Some(part) = rest.first() {
            let joined = rest.iter().take_while(|part| matches!(part, Part::Included(_))).count();
            if let Part::Line(Line { number, text: printed }) = part {
                let number = number.unwrap_or(0);
                if line < number && number - line <= self.empty {
                    self.empty -= number - line;
                    text.resize(text.len() + (number - line) as usize, b'\n');
                    line = number;
                }
                depth = depth.saturating_sub(usize::from(number == 0));
                text.resize(text.len() + 2 * depth.min(MAX_INDENT), b' ');
                depth += usize::from(number > 0 && printed.starts_with(b"<"));
                text.extend_from_slice(printed);
                text.push(b'\n');
                line += 1;
                rest = &rest[1..];
                continue;
            }
            let joints = rest[..joined].iter().flat_map(|part| part.joint(names));
            if joined as u32 <= room(&rest[joined..], line) {
                text.extend(joints);
                line += joined as u32;
            } else {
                let list = self.place(reading.file, joints.collect());
                text.extend(joint(&list));
                line += 1;
            }
            rest = &rest[joined..];
        }
        text
    }

    fn place(&mut self, file: usize, text: Vec<u8>) -> PathBuf {
        let path = &self.paths[file];
        let count = &mut self.counts[file];
        let key = (file, text);
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        *count += 1;
        let name = if *count == 1 { path.clone() } else { named(path, *count) };
        self.renamed.insert(name.clone(), path.clone());
        self.files.add(name.clone(), key.1.clone());
        self.names.insert(key, name.clone());
        name
    }
}

/// How many lines are free before the next one with a number.
fn room(rest: &[Part], line: u32) -> u32 {
    let mut before = 0;
    for part in rest {
        match part {
            Part::Line(Line { number: Some(number), .. }) => return number.saturating_sub(line + before),
            Part::Line(_) => before += 1,
            Part::Included(_) => break,
        }
    }
    u32::MAX
}

impl Part<'_> {
    /// The line that joins an included reading.
    fn joint(&self, names: &[PathBuf]) -> Vec<u8> {
        match self {
            Part::Included(reading) => joint(&names[*reading]),
            Part::Line(_) => Vec::new(),
        }
    }
}

fn joint(path: &Path) -> Vec<u8> {
    [JOINT.as_bytes(), path.as_os_str().as_bytes(), b"\"\n"].concat()
}

fn named(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("#{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::files::Files;

    fn files(text: &str) -> Vec<(String, String)> {
        let dump = read(text.as_bytes()).expect("a dump");
        let text = |path: &str| {
            let bytes = dump.files.read(Path::new(path), 10_000).unwrap_or_default();
            (path.to_string(), String::from_utf8(bytes).expect("UTF-8"))
        };
        ["/e/httpd.conf#0", "/e/httpd.conf", "/e/httpd.conf#2", "/e/a", "/e/b"]
            .into_iter()
            .map(text)
            .collect()
    }

    #[test]
    fn lines_stand_where_they_stood_and_files_where_they_were_included() {
        let text = "AH00558: apache2: Could not determine\n# In file: /e/httpd.conf\n#   2:\nListen 80\n#   4:\n<VirtualHost *:80>\n\
            # In file: /e/a\n  #   2:\n  Header set A 1\n# In file: /e/b\n  #   1:\n  Header set B 1\n\
            # In file: /e/httpd.conf\n  #   6:\n  ServerName a\n</VirtualHost>\n# In file: /e/a\n#   2:\nHeader set A 1\n\
            # In file: /e/b\n#   1:\nHeader set B 1\n# In file: /e/httpd.conf\n#  11:\nTimeout 1\nSyntax OK\n";
        let expected = [
            ("/e/httpd.conf#0", "Include \"/e/httpd.conf#2\"\n"),
            ("/e/httpd.conf", "Include \"/e/a\"\nInclude \"/e/b\"\n"),
            (
                "/e/httpd.conf#2",
                "\nListen 80\n\n<VirtualHost *:80>\nInclude \"/e/httpd.conf\"\n  ServerName a\n</VirtualHost>\n\
                Include \"/e/a\"\nInclude \"/e/b\"\n\nTimeout 1\n",
            ),
            ("/e/a", "\nHeader set A 1\n"),
            ("/e/b", "Header set B 1\n"),
        ];
        let expected: Vec<_> = expected.map(|(path, text)| (path.to_string(), text.to_string())).into();
        assert_eq!(files(text), expected);
    }

    #[test]
    fn a_macros_lines_are_those_of_its_definition() {
        let used = "macro 'inner' (defined on line 13 of \"/e/m\") used on line 2 of \"macro 'outer' (defined on line 19 of \
            \"/e/h\") used on line 30 of \"/e/h\"\"";
        assert_eq!(file_of(format!("# In file: {used}").as_bytes()), Some(("/e/m".into(), 13)));
        let nested = "macro 'in' (defined on line 2 of \"macro 'out' (defined on line 19 of \"/e/h\") used on line 30 of \"/e/h\"\") used";
        assert_eq!(file_of(format!("# In file: {nested}").as_bytes()), Some(("/e/h".into(), 21)));
        assert_eq!(file_of(b"# In file: httpd.conf"), None);
    }

    #[test]
    fn numbers_that_no_file_has_cost_nothing() {
        let runs: String =
            (0..100).map(|file| format!("# In file: /e/{file}\n#   4000000000:\nTimeout 1\n")).collect();
        let dump = read(runs.as_bytes()).expect("a dump");
        let size = |file: u32| {
            dump.files.read(Path::new(&format!("/e/{file}")), u64::MAX).map_or(0, |bytes| bytes.len())
        };
        assert_eq!((0..100).map(size).sum::<usize>(), 1000);
    }
}
