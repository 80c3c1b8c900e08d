//! Directives as they are written: names, words, blocks, comments and what the server's parser refuses.
//! Knows nothing of what a directive means, nor of other files.

pub mod apache;
pub mod nginx;
mod words;
mod written;

use std::borrow::Cow;
use std::ops::Range;

use crate::source::{FileId, Span, Text};

pub use words::unescape;
use written::{STOP, TRAITS, Written};

/// A directive of one file, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectiveId(pub u32);

/// A directive's name as a number of the table the parser was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub u16);

impl NameId {
    /// Every name that is not in the table.
    pub const UNKNOWN: Self = Self(u16::MAX);
}

/// Gives a name its number.
pub type Names = fn(&[u8]) -> NameId;

/// A file's directives in preorder, its words and comments in the order of the text. Offsets are of the parsed
/// text. Flat, so that no input can make anything here recurse.
#[derive(Debug, Default)]
pub struct Document {
    nodes: Vec<Node>,
    words: Vec<Written>,
    pub comments: Vec<Bytes>,
    /// What belongs to no directive: a stray `;` or `}`, bytes after a closing quote.
    pub skipped: Vec<Bytes>,
    pub problems: Vec<Problem>,
    /// The directives that bring in lines from elsewhere.
    pub includes: Vec<DirectiveId>,
    /// What httpd acts on while it reads, and every line that names one of its variables.
    pub read_time: Vec<DirectiveId>,
}

/// Bytes `start..end` of one file's parsed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    pub start: u32,
    pub end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The first word, which is the name; the last one stands before the next node's first.
    words: u32,
    /// The first directive that is no longer inside this one.
    next: u32,
    /// After the terminator: `;`, or the `}` of a block.
    end: u32,
    name: NameId,
    shape: Shape,
}

/// How a directive ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `name words;`
    Line,
    /// `name words { directives }`, or a section of httpd's.
    Block,
    /// `name words { text of another language }`, or a macro, whose lines are read where it is used.
    Raw,
    /// The terminator is missing; a problem says so.
    Unfinished,
}

/// Something the server's parser refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// On the line where the server reports it.
    pub at: Bytes,
    /// The better place to look, where there is one.
    pub near: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// `unexpected "}"` and the like: the byte is met where the server cannot go on.
    Unexpected(u8),
    /// The file ends inside a directive, whose last word is `near`, or inside a quoted word, whose quote is `near`.
    EndInDirective,
    /// The file ends inside a block.
    EndInBlock,
    /// A word or comment longer than the server's buffer.
    TooLong,
    /// The same for a quoted word whose quote may be missing.
    TooLongQuoted(u8),
    /// httpd: `</Location>` closes a section that is another, at `near`.
    WrongClose,
    /// httpd: no section is open for this to close.
    StrayClose,
    /// httpd: a closing tag without its `>`.
    MissingBracket,
    /// The file begins with a byte order mark, which the server reads as part of the first word.
    ByteOrderMark,
    /// More blocks in one another than wslint follows.
    TooDeep,
}

impl Document {
    /// The directives at the top level of the file.
    pub fn top(&self) -> Range<u32> {
        0..self.nodes.len() as u32
    }

    /// The first directive that is no longer inside this one.
    pub fn next(&self, id: DirectiveId) -> u32 {
        self.nodes[id.0 as usize].next
    }

    /// Whether the directive brings in lines from elsewhere.
    pub fn is_include(&self, id: DirectiveId) -> bool {
        !self.includes.is_empty() && self.includes.binary_search(&id).is_ok()
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// By directive, the one that it stands in.
    pub fn around(&self) -> Vec<Option<DirectiveId>> {
        let mut open: Vec<u32> = Vec::new();
        let around = (0..self.nodes.len() as u32).map(|id| {
            while open.last().is_some_and(|&outer| self.nodes[outer as usize].next <= id) {
                open.pop();
            }
            let around = open.last().copied().map(DirectiveId);
            open.push(id);
            around
        });
        around.collect()
    }

    /// One directive, seen together with its text.
    pub fn directive<'a>(&'a self, file: FileId, text: &'a Text, id: DirectiveId) -> Directive<'a> {
        Directive { document: self, text, file, id, place: id }
    }

    /// Another document's directive, read anew from the first line of this one: its words are here, its place there.
    pub fn standing_in<'a>(&'a self, text: &'a Text, of: Directive<'a>) -> Directive<'a> {
        Directive { document: self, text, id: of.id, place: DirectiveId(0), ..of }
    }

    /// Makes the first directive the block that another document's is.
    pub fn take_shape(&mut self, of: Directive) {
        let node = of.node();
        if let Some(first) = self.nodes.first_mut() {
            (first.next, first.shape) = (node.next, node.shape);
        }
    }

    fn words_of(&self, id: DirectiveId) -> &[Written] {
        let start = self.nodes[id.0 as usize].words as usize;
        let end = self.nodes.get(id.0 as usize + 1).map_or(self.words.len(), |next| next.words as usize);
        &self.words[start..end]
    }
}

/// A directive of one file: a cheap view, made when asked for.
#[derive(Clone, Copy)]
pub struct Directive<'a> {
    document: &'a Document,
    text: &'a Text,
    file: FileId,
    pub id: DirectiveId,
    /// Its number in `document`: another than `id` where a variable was replaced in its line.
    place: DirectiveId,
}

impl<'a> Directive<'a> {
    fn node(&self) -> &'a Node {
        &self.document.nodes[self.place.0 as usize]
    }

    fn words(&self) -> &'a [Written] {
        self.document.words_of(self.place)
    }

    pub fn name_id(&self) -> NameId {
        self.node().name
    }

    /// The name as the server sees it.
    pub fn name(&self) -> Cow<'a, [u8]> {
        self.name_word().value()
    }

    pub fn name_word(&self) -> Word<'a> {
        self.word(self.words()[0])
    }

    pub fn args(&self) -> impl ExactSizeIterator<Item = Word<'a>> + DoubleEndedIterator + 'a + use<'a> {
        let this = *self;
        self.words()[1..].iter().map(move |&written| this.word(written))
    }

    /// The argument at `index`, counted from 0.
    pub fn arg(&self, index: usize) -> Option<Word<'a>> {
        self.words().get(index + 1).map(|&written| self.word(written))
    }

    pub fn arg_count(&self) -> usize {
        self.words().len() - 1
    }

    fn word(&self, written: Written) -> Word<'a> {
        Word { text: self.text, file: self.file, written, bytes: written.bytes() }
    }

    pub fn shape(&self) -> Shape {
        self.node().shape
    }

    pub fn is_block(&self) -> bool {
        matches!(self.shape(), Shape::Block | Shape::Raw)
    }

    /// The directives inside, each followed by its own; empty for one that is no block.
    pub fn body(&self) -> Range<u32> {
        self.id.0 + 1..self.node().next
    }

    /// The first directive of the file that is no longer inside this one.
    pub fn next(&self) -> u32 {
        self.node().next
    }

    /// The same as `span`, in the text that was parsed.
    pub fn parsed(&self) -> Range<u32> {
        self.words()[0].start..self.node().end
    }

    /// The line that the directive begins, continuations included, in the text that was parsed: a section's up to its
    /// `>`, where it has one.
    pub fn line(&self) -> Range<u32> {
        let words = self.words();
        let last = words[words.len() - 1].bytes().end;
        let end = match self.shape() {
            Shape::Line => self.node().end,
            _ => self.bracket().map_or(last, |bracket| bracket.end),
        };
        words[0].start..end
    }

    /// From the name to the terminator, a block's content included.
    pub fn span(&self) -> Span {
        self.to_span(Bytes { start: self.words()[0].start, end: self.node().end })
    }

    /// From the name to the last word: what a finding underlines.
    pub fn head(&self) -> Span {
        let words = self.words();
        let end = self.bracket().unwrap_or(words[words.len() - 1].bytes()).end;
        self.to_span(Bytes { start: words[0].start, end })
    }

    /// The `>` of a section's first line; None for what is no section, and where it is missing.
    fn bracket(&self) -> Option<Bytes> {
        let words = self.words();
        let parsed = self.text.parsed();
        if !self.is_section() {
            return None;
        }
        let after = words[words.len() - 1].bytes().end;
        let gap =
            parsed[after as usize..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count() as u32;
        let at = after + gap;
        (parsed.get(at as usize) == Some(&b'>')).then_some(Bytes { start: at, end: at + 1 })
    }

    /// Whether this is one of httpd's sections.
    pub fn is_section(&self) -> bool {
        let first = self.words()[0];
        first.is_apache() && self.text.parsed()[first.start as usize] == b'<'
    }

    /// Whether a section's first line has its `>`.
    pub fn has_bracket(&self) -> bool {
        self.bracket().is_some()
    }

    /// The `;` or `{` that makes the server look at the directive, and on whose line it complains.
    pub fn terminator(&self) -> Span {
        let node = self.node();
        if matches!(self.shape(), Shape::Line | Shape::Unfinished) {
            return self.to_span(Bytes { start: node.end.saturating_sub(1), end: node.end });
        }
        if let Some(bracket) = self.bracket() {
            return self.to_span(bracket);
        }
        let words = self.words();
        let after = words[words.len() - 1].bytes().end;
        if self.is_section() {
            return self.to_span(Bytes { start: after - 1, end: after });
        }
        let opening = nginx::next_token(&self.text.parsed()[after as usize..]) as u32 + after;
        self.to_span(Bytes { start: opening, end: opening + 1 })
    }

    /// The `}` of a block, or the terminator of a line.
    pub fn last_byte(&self) -> Span {
        let end = self.node().end;
        self.to_span(Bytes { start: end.saturating_sub(1), end })
    }

    /// Whether the line that the directive begins stands in its file just as it was parsed.
    pub fn is_verbatim(&self) -> bool {
        self.text.is_verbatim(self.line())
    }

    fn to_span(self, bytes: Bytes) -> Span {
        to_span(self.file, self.text, bytes)
    }
}

/// A place in the parsed text as a place in the original file.
pub fn to_span(file: FileId, text: &Text, bytes: Bytes) -> Span {
    let start = text.to_original(bytes.start);
    let end = if bytes.start < bytes.end { text.end_to_original(bytes.end) } else { start };
    Span { file, start, end: end.max(start) }
}

/// One word of a directive.
#[derive(Clone, Copy)]
pub struct Word<'a> {
    text: &'a Text,
    file: FileId,
    written: Written,
    bytes: Bytes,
}

impl<'a> Word<'a> {
    /// As written, quotes and backslashes included.
    pub fn raw(&self) -> &'a [u8] {
        &self.text.parsed()[self.bytes.start as usize..self.bytes.end as usize]
    }

    /// As written, with `stand_in` for every expression of a template; None where there is none, or where one cannot be told
    /// from the text around it.
    pub fn raw_with(&self, stand_in: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut at = self.bytes.start;
        for hole in self.text.holes(self.parsed()) {
            out.extend_from_slice(&self.text.parsed()[at as usize..hole.start.max(at) as usize]);
            out.extend_from_slice(stand_in);
            at = hole.end.min(self.bytes.end);
        }
        out.extend_from_slice(&self.text.parsed()[at as usize..self.bytes.end as usize]);
        (at > self.bytes.start && !self.written.has_placeholder()).then_some(out)
    }

    /// As the server stores it: without quotes, escapes resolved.
    pub fn value(&self) -> Cow<'a, [u8]> {
        match self.written {
            written if written.is_plain() => Cow::Borrowed(self.raw()),
            written if written.is_apache() => apache::unescape(self.raw()),
            _ => unescape(self.raw()),
        }
    }

    /// The value for a message: invalid UTF-8 replaced, a template's expression as it is written.
    pub fn show(&self) -> String {
        let value = match self.text.has_hole(self.parsed()) {
            true => self.text.original_of(self.parsed()).into(),
            false => self.value(),
        };
        // Nearly every word is UTF-8, and asking only that takes a fraction of the time.
        match std::str::from_utf8(&value) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(&value).into_owned(),
        }
    }

    pub fn is(&self, text: &str) -> bool {
        *self.value() == *text.as_bytes()
    }

    /// Part of it is a template's expression, so its value is not known.
    pub fn is_hole(&self) -> bool {
        self.text.has_hole(self.bytes.start..self.bytes.end) || self.written.has_placeholder()
    }

    /// Its place in the text that was parsed.
    pub fn parsed(&self) -> Range<u32> {
        self.bytes.start..self.bytes.end
    }

    pub fn span(&self) -> Span {
        to_span(self.file, self.text, self.bytes)
    }
}
