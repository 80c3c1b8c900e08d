//! httpd's grammar, as `ap_cfg_getline`, `ap_build_config_sub` and `ap_getword_conf` read it: lines, words, sections.
//! Knows of single directives only those that the server acts on while it reads.

mod words;

use std::ops::Range;

use super::{Bytes, DirectiveId, Document, NameId, Names, Node, Problem, ProblemKind, Shape, Written};
use crate::source::Piece;
use words::{bare, continued, gap, is_space, quoted, rewrite_word};

pub use words::{join, unescape};

/// Bytes of a line, continuations joined, that the server reads (`VARBUF_MAX_LEN`).
const LINE: usize = 16 << 20;

/// Sections inside one another that are followed; what lies deeper is skipped and reported once.
pub const MAX_DEPTH: usize = 1000;

/// What the server acts on while it reads, before it knows the lines below, in lower case; by its first letter.
fn acts_while_reading(name: &[u8]) -> bool {
    let known: &[&str] = match name.first().map(u8::to_ascii_lowercase) {
        Some(b'<') => {
            &["<ifdefine", "<ifdirective", "<iffile", "<ifmodule", "<ifsection", "<ifversion", "<macro"]
        }
        Some(b'd') => &["define"],
        Some(b'i') => &INCLUDES,
        Some(b'l') => &["loadfile", "loadmodule"],
        Some(b's') => &["serverroot"],
        Some(b'u') => &["undefine", "undefmacro", USE],
        _ => &[],
    };
    is_one_of(name, known)
}

/// Those that bring in lines from elsewhere: files, and a macro.
const INCLUDES: [&str; 2] = ["include", "includeoptional"];
const USE: &str = "use";

/// What begins the name of one of the server's variables.
const VARIABLE: &[u8] = b"${";

/// Directives whose handler splits its line by `parseargline` of mod_rewrite: a backslash keeps a blank in a word.
const REWRITE: [&str; 2] = ["rewritecond", "rewriterule"];

/// Reads a whole file. Never fails: what the server would refuse is in `problems`, and reading goes on at the next
/// line.
pub fn parse(text: &[u8], names: Names) -> Document {
    Reader::new(text, names).run()
}

/// A line with its continuations joined, and where each run of its bytes stands in the file.
#[derive(Default)]
struct Joined {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

/// One logical line: as it stands in the file, or joined.
struct Line<'a> {
    bytes: &'a [u8],
    /// Where the bytes begin in the file, if they stand there as they are.
    start: u32,
    pieces: &'a [Piece],
}

impl Line<'_> {
    /// A run of the line's bytes as a place in the file.
    #[inline]
    fn place(&self, from: usize, to: usize) -> Bytes {
        if self.pieces.is_empty() {
            return Bytes { start: self.start + from as u32, end: self.start + to as u32 };
        }
        let original = |at: u32| {
            let after = self.pieces.partition_point(|piece| piece.parsed <= at);
            let piece = self.pieces[after - 1];
            piece.original + (at - piece.parsed)
        };
        let start = original(from as u32);
        let end = if to > from { original(to as u32 - 1) + 1 } else { start };
        Bytes { start, end }
    }
}

/// The driver: lines in, nodes out, with the open sections on a stack of its own.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    names: Names,
    out: Document,
    open: Vec<DirectiveId>,
    /// Sections open beyond `MAX_DEPTH`.
    too_deep: usize,
    /// The next NUL and the next variable in the text, or those before where reading stands.
    nul: Ahead,
    variable: Ahead,
}

/// Where something rare stands next: looked for only when its last place is passed.
struct Ahead(usize);

impl Ahead {
    /// Whether it stands in a part of the text, which begins no earlier than the part asked about before.
    fn is_in(&mut self, part: Range<usize>, find: impl FnOnce(usize) -> Option<usize>) -> bool {
        if self.0 < part.start {
            self.0 = find(part.start).map_or(usize::MAX, |at| part.start + at);
        }
        self.0 < part.end
    }
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8], names: Names) -> Self {
        let out = Document {
            nodes: Vec::with_capacity(text.len() / 40),
            words: Vec::with_capacity(text.len() / 16),
            ..Document::default()
        };
        let nul = Ahead(memchr::memchr(0, text).unwrap_or(usize::MAX));
        let variable = Ahead(memchr::memmem::find(text, VARIABLE).unwrap_or(usize::MAX));
        Self { text, at: 0, names, out, open: Vec::new(), too_deep: 0, nul, variable }
    }

    fn run(mut self) -> Document {
        let mut joined = Joined::default();
        if self.text.starts_with(crate::source::BYTE_ORDER_MARK) {
            self.problem(ProblemKind::ByteOrderMark, Bytes { start: 0, end: 3 }, None);
        }
        while self.at < self.text.len() {
            let start = self.at;
            let end = self.physical_line();
            let line = &self.text[start..end];
            if continued(line).is_none() {
                let has_nul = self.nul.is_in(start..end, |from| memchr::memchr(0, &self.text[from..]));
                let bytes = if has_nul { up_to_nul(line) } else { line };
                self.line(&Line { bytes, start: start as u32, pieces: &[] }, start);
                continue;
            }
            self.join_lines(start, end, &mut joined);
            let line = Line { bytes: &joined.bytes, start: start as u32, pieces: &joined.pieces };
            self.line(&line, start);
        }
        self.end();
        self.out.nodes.shrink_to_fit();
        self.out.words.shrink_to_fit();
        self.out
    }

    /// Moves past the next line feed.
    fn physical_line(&mut self) -> usize {
        self.at = memchr::memchr(b'\n', &self.text[self.at..]).map_or(self.text.len(), |at| self.at + at + 1);
        self.at
    }

    fn join_lines(&mut self, start: usize, end: usize, joined: &mut Joined) {
        joined.bytes.clear();
        joined.pieces.clear();
        let (mut from, mut to) = (start, end);
        loop {
            let line = &self.text[from..to];
            let kept = continued(line);
            let piece = Piece { parsed: joined.bytes.len() as u32, original: from as u32 };
            joined.pieces.push(piece);
            joined.bytes.extend_from_slice(up_to_nul(kept.unwrap_or(line)));
            if kept.is_none() || self.at == self.text.len() {
                return;
            }
            from = self.at;
            to = self.physical_line();
        }
    }

    fn problem(&mut self, kind: ProblemKind, at: Bytes, near: Option<Bytes>) {
        self.out.problems.push(Problem { kind, at, near });
    }

    /// One logical line, which begins at `start` of the file and ends where reading stands.
    fn line(&mut self, line: &Line, start: usize) {
        if line.bytes.len() >= LINE {
            let first = Bytes { start: start as u32, end: start as u32 + 1 };
            self.problem(ProblemKind::TooLong, first, None);
            return;
        }
        let from = gap(line.bytes, 0);
        let to = line.bytes.iter().rposition(|&byte| !is_space(byte)).map_or(from, |last| last + 1);
        match line.bytes.get(from) {
            _ if from >= to => {}
            Some(b'#') => self.out.comments.push(line.place(from, to)),
            Some(b'<') if line.bytes.get(from + 1) == Some(&b'/') => self.closing(line, from, to),
            _ => self.directive(line, from, to),
        }
    }

    fn directive(&mut self, line: &Line, from: usize, to: usize) {
        let all = &line.bytes[..to];
        let (name_end, seen) = first_word(all, from);
        let mut name_to = name_end;
        let section = all[from] == b'<';
        // `<VirtualHost>`: no argument, and the bracket is no part of the name.
        if section && all[name_to - 1] == b'>' && name_to - from > 1 {
            name_to -= 1;
        }
        if section && self.too_deep > 0 {
            self.too_deep += 1;
            return;
        }
        if self.too_deep > 0 {
            return;
        }
        if section && self.open.len() >= MAX_DEPTH {
            self.too_deep = 1;
            let at = line.place(from, name_to);
            self.problem(ProblemKind::TooDeep, at, None);
            return;
        }
        let name = &all[from..name_to];
        let id = DirectiveId(self.out.nodes.len() as u32);
        let first_word = self.out.words.len() as u32;
        self.push(line, from, name_to, false, seen);
        let args_end = match section {
            // Handlers look for the last bracket of the line.
            true => memchr::memrchr(b'>', &all[name_end..]).map_or(to, |at| name_end + at),
            false => to,
        };
        let rewrites = name[0].eq_ignore_ascii_case(&b'r') && is_one_of(name, &REWRITE);
        self.words(line, name_end, args_end, rewrites);
        let end = line.place(from, to).end;
        let shape = match section {
            true if is_one_of(name, &["<macro"]) => Shape::Raw,
            true => Shape::Block,
            false => Shape::Line,
        };
        let name_id = self.name_id(name);
        self.out.nodes.push(Node { words: first_word, next: id.0 + 1, end, name: name_id, shape });
        self.note_read_time(id, name, line, from..to);
        match shape {
            Shape::Raw => self.macro_body(id),
            Shape::Block => self.open.push(id),
            _ => {}
        }
    }

    fn note_read_time(&mut self, id: DirectiveId, name: &[u8], line: &Line, part: Range<usize>) {
        let acts = acts_while_reading(name);
        if acts || self.has_variable(line, part) {
            self.out.read_time.push(id);
        }
        if acts && (is_one_of(name, &INCLUDES) || is_one_of(name, &[USE])) {
            self.out.includes.push(id);
        }
    }

    fn has_variable(&mut self, line: &Line, part: Range<usize>) -> bool {
        if !line.pieces.is_empty() {
            return memchr::memmem::find(&line.bytes[part], VARIABLE).is_some();
        }
        let start = line.start as usize;
        let find = |from: usize| memchr::memmem::find(&self.text[from..], VARIABLE);
        self.variable.is_in(start + part.start..start + part.end - 1, find)
    }

    fn name_id(&self, name: &[u8]) -> NameId {
        match name.first() {
            Some(b'"' | b'\'') => (self.names)(&unescape(name)),
            _ => (self.names)(name),
        }
    }

    fn words(&mut self, line: &Line, from: usize, to: usize, rewrite: bool) {
        let all = &line.bytes[..to];
        let mut at = gap(all, from);
        while at < to {
            let is_quoted = matches!(all[at], b'"' | b'\'');
            let (end, seen) = match (rewrite, is_quoted) {
                (true, _) => (rewrite_word(all, at), MOST),
                (false, true) => (quoted(all, at), MOST),
                (false, false) => bare(all, at),
            };
            self.push(line, at, end, is_quoted, seen);
            at = gap(all, end);
        }
    }

    /// `seen` is what matters of the word's bytes in the line; in the file there may be more.
    #[inline]
    fn push(&mut self, line: &Line, from: usize, to: usize, quoted: bool, seen: u8) {
        let bytes = line.place(from, to);
        let raw = &self.text[bytes.start as usize..bytes.end as usize];
        let written = match quoted || !line.pieces.is_empty() {
            true => Written::new(bytes, raw, quoted),
            false => Written::bare(bytes, raw, seen),
        };
        self.out.words.push(written.of_apache());
    }

    /// The lines of a macro are kept as they are until it is used.
    fn macro_body(&mut self, id: DirectiveId) {
        while self.at < self.text.len() {
            let start = self.at;
            let end = self.physical_line();
            let line = &self.text[start..end];
            let from = gap(line, 0);
            let (to, _) = bare(line, from);
            if line[from..to].eq_ignore_ascii_case(b"</macro>") {
                self.out.nodes[id.0 as usize].end = (start + to) as u32;
                return;
            }
        }
        self.out.nodes[id.0 as usize].end = self.text.len() as u32;
        self.unclosed(id);
    }

    fn closing(&mut self, line: &Line, from: usize, to: usize) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let (name_to, _) = bare(&line.bytes[..to], from);
        let at = line.place(from, name_to);
        let name = &line.bytes[from + 2..name_to];
        let bare = name.strip_suffix(b">");
        if bare.is_none() && !self.open.is_empty() {
            self.problem(ProblemKind::MissingBracket, at, None);
        }
        let name = bare.unwrap_or(name);
        let named = self.open.iter().rposition(|&id| {
            let open = self.out.words_of(id)[0].bytes();
            self.text[open.start as usize + 1..open.end as usize].eq_ignore_ascii_case(name)
        });
        let Some(&innermost) = self.open.last() else {
            self.out.skipped.push(at);
            return self.problem(ProblemKind::StrayClose, at, None);
        };
        if named.is_none_or(|outer| outer + 1 < self.open.len()) && bare.is_some() {
            let opened = self.out.words_of(innermost)[0].bytes();
            self.problem(ProblemKind::WrongClose, at, Some(opened));
        }
        match named {
            Some(outer) => {
                while self.open.len() > outer {
                    self.close(at.end);
                }
            }
            None => self.out.skipped.push(at),
        }
    }

    fn close(&mut self, end: u32) {
        if let Some(id) = self.open.pop() {
            let next = self.out.nodes.len() as u32;
            let node = &mut self.out.nodes[id.0 as usize];
            (node.next, node.end) = (next, end);
        }
    }

    fn end(&mut self) {
        let end = self.text.len() as u32;
        if let Some(&innermost) = self.open.last() {
            self.unclosed(innermost);
        }
        while let Some(&id) = self.open.last() {
            self.out.nodes[id.0 as usize].shape = Shape::Unfinished;
            self.close(end);
        }
    }

    /// The server names the line of the section that the file ends in.
    fn unclosed(&mut self, id: DirectiveId) {
        let at = self.out.words_of(id)[0].bytes();
        self.problem(ProblemKind::EndInBlock, at, Some(at));
    }
}

/// Where a line's first word ends, and what matters of its bytes.
fn first_word(line: &[u8], at: usize) -> (usize, u8) {
    match line[at] {
        b'"' | b'\'' => (quoted(line, at), MOST),
        _ => bare(line, at),
    }
}

/// Any byte may be in a word that was not looked at.
const MOST: u8 = u8::MAX;

/// C strings end at a NUL, and the rest of the physical line is lost.
fn up_to_nul(line: &[u8]) -> &[u8] {
    memchr::memchr(0, line).map_or(line, |at| &line[..at])
}

fn is_one_of(name: &[u8], known: &[&str]) -> bool {
    known.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, Text};

    fn shown(text: &str) -> Vec<String> {
        let text = Text::plain(text.as_bytes().to_vec());
        let document = parse(text.parsed(), |_| NameId::UNKNOWN);
        let all = (0..document.len() as u32).map(|id| document.directive(FileId(0), &text, DirectiveId(id)));
        let words = |directive: super::super::Directive| {
            let args = directive.args().map(|word| word.show());
            std::iter::once(String::from_utf8_lossy(&directive.name()).into_owned())
                .chain(args)
                .collect::<Vec<_>>()
        };
        all.map(|directive| words(directive).join("|")).collect()
    }

    fn problems(text: &str) -> Vec<ProblemKind> {
        parse(text.as_bytes(), |_| NameId::UNKNOWN).problems.iter().map(|problem| problem.kind).collect()
    }

    #[test]
    fn lines_have_the_words_that_httpd_reads() {
        for (text, expected) in [
            ("ProxyPass \"/ws\"\"ws://b\"\n", "ProxyPass|/ws|ws://b"),
            ("  ProxyPass\t/ws ws://b  \r\n", "ProxyPass|/ws|ws://b"),
            ("ServerAdmin \"a \\\"b\\\" \\x\"", "ServerAdmin|a \"b\" \\x"),
            ("ServerAdmin 'it\\'s'", "ServerAdmin|it's"),
            ("ServerAdmin a\"b\"c\\\\", "ServerAdmin|a\"b\"c\\"),
            ("ServerAdmin \"a b", "ServerAdmin|a b"),
            ("Proxy\\\nPass /ws \\\n  ws://b", "ProxyPass|/ws|ws://b"),
            ("ProxyPass /w\\\r\ns ws://b", "ProxyPass|/ws|ws://b"),
            ("ProxyPass /ws \\\n# ws://b", "ProxyPass|/ws|#|ws://b"),
            ("ProxyPass /ws \\", "ProxyPass|/ws|\\"),
            ("RewriteRule ^/a\\ b \"x y\" [P]", "RewriteRule|^/a\\ b|x y|[P]"),
            ("ProxyTimeout 5\0 6", "ProxyTimeout|5"),
        ] {
            assert_eq!(shown(text), [expected], "{text:?}");
        }
    }

    #[test]
    fn sections_end_at_the_last_bracket_of_their_line() {
        assert_eq!(shown("<VirtualHost *:80> # note\n</VirtualHost>"), ["<VirtualHost|*:80"]);
        assert_eq!(shown("<VirtualHost *:80> # a > b\n</virtualhost> x"), ["<VirtualHost|*:80>|#|a"]);
        assert_eq!(shown("<IfModule>\n</IfModule>"), ["<IfModule"]);
        assert_eq!(shown("<If \"%{X} > 1\">\nA b\n</If>"), ["<If|%{X} > 1", "A|b"]);
    }

    #[test]
    fn a_comment_that_ends_in_a_backslash_swallows_the_next_line() {
        assert_eq!(shown("# note \\\nProxyPass /a http://b/\nListen 80\n"), ["Listen|80"]);
    }

    #[test]
    fn sections_that_do_not_pair_are_named() {
        assert_eq!(problems("</VirtualHost>"), [ProblemKind::StrayClose]);
        assert_eq!(problems("<VirtualHost *>\n</VirtualHost >"), [ProblemKind::MissingBracket]);
        assert_eq!(problems("<VirtualHost *>\n<Location />\n</VirtualHost>\n"), [ProblemKind::WrongClose]);
        assert_eq!(problems("<VirtualHost *>\n"), [ProblemKind::EndInBlock]);
        assert_eq!(
            problems("< VirtualHost *>\n</VirtualHost>\n"),
            [ProblemKind::WrongClose, ProblemKind::EndInBlock]
        );
        assert_eq!(problems("<Macro A>\n<VirtualHost *>\n</Macro>\n"), []);
    }

    #[test]
    fn sections_a_million_deep_are_read() {
        let text = "<If x>\n".repeat(1_000_000);
        assert_eq!(problems(&text), [ProblemKind::TooDeep, ProblemKind::EndInBlock]);
    }
}
