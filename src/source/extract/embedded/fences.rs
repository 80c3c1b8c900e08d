//! Fenced code of Markdown that says whose configuration it is. Knows fences, nothing else of Markdown.

use super::{Quoted, indentation, lines};
use crate::source::discover::Server;
use crate::source::extract::tags::Engines;

/// What a fence's first word says.
const NAMES: [(&[u8], Server); 5] = [
    (b"apache", Server::Apache),
    (b"apacheconf", Server::Apache),
    (b"httpd", Server::Apache),
    (b"nginx", Server::Nginx),
    (b"nginxconf", Server::Nginx),
];

pub(super) fn read(bytes: &[u8]) -> Vec<Quoted> {
    let mut found = Vec::new();
    let mut open: Option<Fence> = None;
    for (at, line) in lines(bytes) {
        let marks = marks(line);
        match &mut open {
            None => open = marks.and_then(|(mark, len, info)| Fence::new(line, mark, len, info)),
            Some(fence) if marks.is_some_and(|(mark, len, info)| fence.closes(mark, len, info)) => {
                found.extend(open.take().and_then(|fence| fence.quoted));
            }
            Some(fence) => fence.take(at, line),
        }
    }
    // A fence that isn't closed goes to the end of the file.
    found.extend(open.and_then(|fence| fence.quoted));
    found.retain(|quoted| !leaves_out(&quoted.text));
    found
}

struct Fence {
    mark: u8,
    len: usize,
    indentation: usize,
    /// None for another language.
    quoted: Option<Quoted>,
}

impl Fence {
    fn new(line: &[u8], mark: u8, len: usize, info: &[u8]) -> Option<Self> {
        if mark == b'`' && info.contains(&b'`') {
            return None;
        }
        let mut words = info.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let language = words.next().unwrap_or_default().to_ascii_lowercase();
        // Attributes may follow; a plain word says something about the example.
        let plain = words.all(|word| memchr::memchr3(b'=', b'{', b'}', word).is_some());
        let server = NAMES.iter().find(|(name, _)| plain && *name == language).map(|&(_, server)| server);
        let quoted = server.map(|server| Quoted {
            server: Some(server),
            engines: Engines { prose: true, ..Engines::default() },
            ..Quoted::new(b"")
        });
        Some(Self { mark, len, indentation: indentation(line), quoted })
    }

    fn closes(&self, mark: u8, len: usize, info: &[u8]) -> bool {
        mark == self.mark && len >= self.len && info.is_empty()
    }

    fn take(&mut self, at: usize, line: &[u8]) {
        let cut = indentation(line).min(self.indentation);
        if let Some(quoted) = &mut self.quoted {
            quoted.line(&line[cut..], at + cut);
        }
    }
}

/// A fence's mark, how often it stands there, and what follows.
fn marks(line: &[u8]) -> Option<(u8, usize, &[u8])> {
    let line = line.trim_ascii();
    let mark = *line.first().filter(|mark| matches!(mark, b'`' | b'~'))?;
    let len = line.iter().take_while(|&&byte| byte == mark).count();
    (len >= 3).then(|| (mark, len, line[len..].trim_ascii()))
}

/// Whether something is left out in the middle of a line, where nothing else can stand.
fn leaves_out(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        let is_gap = |word: &[u8]| matches!(word, b"..." | b"...;" | b"[...]") || word == "…".as_bytes();
        let in_line = line.split(u8::is_ascii_whitespace).any(is_gap);
        in_line && !line.starts_with(b"#") && !super::super::words::is_gap(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_that_say_whose_they_are_are_read() {
        let text = "```nginx\na;\n```\n\n- x\n  ~~~~ apacheconf {linenos=true}\n  B\n  ~~~\n  C\n  ~~~~\n\
            ```\nn;\n```\n```nginx bad\nd;\n```\n```nginx\nserver { ... }\n```\n``` nginx\ne;\n...\n";
        let found: Vec<String> = read(text.as_bytes())
            .iter()
            .map(|quoted| String::from_utf8_lossy(&quoted.text).into_owned())
            .collect();
        assert_eq!(found, ["a;\n", "B\n~~~\nC\n", "e;\n...\n"]);
    }
}
