//! From a template to what a parser reads: what tags print is a hole, what they decide is a branch. Knows tags and places,
//! no directive.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use super::marks;
use super::place::Place;
use super::tags::{self, Engines, Found, Kind, Tag};
use super::words::{is_placeholder, literal, shown};
use crate::source::BYTE_ORDER_MARK;
use crate::source::discover::Server;
use crate::source::text::{Branches, Piece};

/// What is made of a template.
#[derive(Debug, Default)]
pub struct Made {
    pub parsed: Vec<u8>,
    pub pieces: Vec<Piece>,
    pub holes: Vec<Range<u32>>,
    pub branches: Branches,
    pub first_tag: Option<Range<u32>>,
    /// Something stands for any number of directives.
    pub has_items: bool,
    /// Blocks open in one branch and close in another.
    pub tangled: bool,
    /// The tag that never closes; nothing behind it was read.
    pub unclosed: Option<Range<u32>>,
}

/// Bytes that a condition inside a directive may have.
const MAX_INSIDE: usize = 16 << 10;

/// Names of what is printed as comments only.
const COMMENTS: [&[u8]; 3] = [b"ansible_managed", b"| comment", b"|comment"];

pub fn make(bytes: &[u8], server: Server, engines: Engines, lines: bool) -> Made {
    let mut maker = Maker {
        bytes,
        server,
        made: Made::default(),
        place: Place::new(server),
        open: Vec::new(),
        torn: 0,
        row: Cell::default(),
        line: Cell::default(),
        looked: RefCell::default(),
    };
    maker.run(engines, lines);
    maker.finish()
}

/// Whether a tag is `${name}` of a name that begins one of these.
fn is_own(own: &BTreeSet<&[u8]>, tag: &[u8]) -> bool {
    let name = tag.strip_prefix(b"${").and_then(|rest| rest.strip_suffix(b"}"));
    name.is_some_and(|name| own.range(name..).next().is_some_and(|known| known.starts_with(name)))
}

/// A condition or loop whose end is not reached.
struct Open {
    /// Where the tag stands in the grammar.
    place: Place,
    /// The first branch's end.
    after_first: Option<Place>,
    /// The tag stands inside a directive.
    inside: bool,
    /// It or one around it does.
    within: bool,
    /// Text up to the next tag of this one is not looked at.
    skipped: bool,
    /// The branch around it.
    around: u32,
    /// What was made before the branch that is being read.
    mark: Mark,
    line: usize,
}

#[derive(Clone, Copy)]
struct Mark {
    parsed: usize,
    pieces: usize,
    holes: usize,
    branches: usize,
}

struct Maker<'a> {
    bytes: &'a [u8],
    server: Server,
    made: Made,
    place: Place,
    open: Vec<Open>,
    /// Branches that open or close blocks.
    torn: usize,
    /// The last row of tags that was looked along, and whether nothing else follows it on its line.
    row: Cell<(usize, usize, bool)>,
    /// The last place whose line was looked for, and where that begins.
    line: Cell<(usize, usize)>,
    looked: RefCell<Looked>,
}

/// How far conditions were followed in vain, and those among them that end before that.
#[derive(Default)]
struct Looked {
    to: usize,
    closed: HashSet<usize>,
}

impl Maker<'_> {
    fn run(&mut self, mut engines: Engines, lines: bool) {
        let own = if engines.marks { marks::own_names(self.bytes) } else { BTreeSet::new() };
        let mut at = self.begin();
        while let Some(start) = tags::next(self.bytes, at, engines) {
            self.plain(at..start, lines);
            // Lua's tables: tags among them have as many braces of one kind as of the other.
            if self.place.in_lua() && self.bytes[start..].starts_with(b"{{") {
                self.copy(start..start + 2);
                at = start + 2;
                continue;
            }
            match tags::at(self.bytes, start, engines) {
                Found::Tag(tag) if engines.marks && is_own(&own, &self.bytes[tag.range.clone()]) => {
                    self.copy(tag.range.clone());
                    at = tag.range.end;
                }
                Found::Tag(tag) => at = self.tag(&tag, engines),
                Found::Unclosed(range) if self.place.in_lua() => {
                    self.copy(range.clone());
                    at = range.end;
                }
                Found::Unclosed(range) => {
                    self.made.unclosed = Some(range.start as u32..range.end as u32);
                    self.item(range.start..self.bytes.len());
                    self.made.tangled = true;
                    return;
                }
                Found::Nothing => {
                    engines.hashless |= self.bytes[start..].starts_with(b"{#");
                    self.plain(start..start + 1, lines);
                    at = start + 1;
                }
            }
        }
        self.plain(at..self.bytes.len(), lines);
    }

    /// Behind a byte order mark.
    fn begin(&self) -> usize {
        if self.bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 }
    }

    fn finish(mut self) -> Made {
        let uneven = self.place.depth != 0;
        // What an expression makes may open blocks, or close them.
        let elsewhere = self.made.has_items && (uneven || self.place.lowest < 0);
        self.made.tangled |= (uneven && self.torn > 0) || elsewhere || !self.open.is_empty();
        if self.made.pieces.first().is_none_or(|first| first.parsed > 0) {
            self.made.pieces.insert(0, Piece { parsed: 0, original: 0 });
        }
        self.made
    }

    fn is_skipped(&self) -> bool {
        self.open.last().is_some_and(|open| open.skipped)
    }

    fn mark(&self) -> Mark {
        Mark {
            parsed: self.made.parsed.len(),
            pieces: self.made.pieces.len(),
            holes: self.made.holes.len(),
            branches: self.made.branches.len(),
        }
    }

    fn forget(&mut self, mark: Mark) {
        self.made.parsed.truncate(mark.parsed);
        self.made.pieces.truncate(mark.pieces);
        self.made.holes.truncate(mark.holes);
        self.made.branches.truncate(mark.branches);
    }

    /// Text between tags; `lines` are looked at for those that are one placeholder and no more.
    fn plain(&mut self, range: Range<usize>, lines: bool) {
        if !lines || self.is_skipped() {
            return self.copy(range);
        }
        let mut at = range.start;
        while at < range.end {
            let end = memchr::memchr(b'\n', &self.bytes[at..range.end]).map_or(range.end, |end| at + end + 1);
            let line = &self.bytes[at..end];
            let begins = at == self.begin() || self.bytes[at - 1] == b'\n';
            if begins && self.place.is_start() && is_placeholder(line.trim_ascii()) {
                let from = at + line.len() - line.trim_ascii_start().len();
                let to = from + line.trim_ascii().len();
                self.copy(at..from);
                self.item(from..to);
                self.copy(to..end);
            } else {
                self.copy(at..end);
            }
            at = end;
        }
    }

    fn copy(&mut self, range: Range<usize>) {
        if range.is_empty() || self.is_skipped() {
            return;
        }
        self.piece(range.start);
        let bytes = &self.bytes[range];
        let start = self.made.parsed.len();
        self.made.parsed.extend_from_slice(bytes);
        self.place.read(bytes);
        if self.open.last().is_some_and(|open| open.within) {
            self.hole(start);
        }
    }

    /// The bytes that come next stand at `original`.
    fn piece(&mut self, original: usize) {
        let parsed = self.made.parsed.len() as u32;
        let original = original as u32;
        let goes_on = |last: &Piece| last.original + (parsed - last.parsed) == original;
        if !self.made.pieces.last().is_some_and(goes_on)
            || self.made.holes.last().is_some_and(|hole| hole.end == parsed)
        {
            self.made.pieces.push(Piece { parsed, original });
        }
    }

    /// What was made from `start` on is not known.
    fn hole(&mut self, start: usize) {
        let range = start as u32..self.made.parsed.len() as u32;
        match self.made.holes.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ if range.is_empty() => {}
            _ => self.made.holes.push(range),
        }
    }

    /// Text that stands for a tag.
    fn stand_in(&mut self, tag: Range<usize>) {
        if self.is_skipped() {
            return;
        }
        let in_quotes = self.place.in_quotes() || self.place.in_comment();
        // Beside a quoted word it is another word.
        if !in_quotes && matches!(self.made.parsed.last(), Some(b'"' | b'\'')) {
            self.blank(tag.start);
        }
        self.made.pieces.push(Piece { parsed: self.made.parsed.len() as u32, original: tag.start as u32 });
        let start = self.made.parsed.len();
        self.made.parsed.extend_from_slice(&shown(&self.bytes[tag.clone()]));
        self.hole(start);
        self.place.read(b"x");
        self.made.pieces.push(Piece { parsed: self.made.parsed.len() as u32, original: tag.end as u32 });
        if !in_quotes && matches!(self.bytes.get(tag.end), Some(b'"' | b'\'')) {
            self.blank(tag.end);
        }
    }

    /// A blank that stands nowhere in the file.
    fn blank(&mut self, original: usize) {
        self.made.pieces.push(Piece { parsed: self.made.parsed.len() as u32, original: original as u32 });
        self.made.parsed.push(b' ');
        self.place.read(b" ");
        self.made.pieces.push(Piece { parsed: self.made.parsed.len() as u32, original: original as u32 });
    }

    /// What may be any number of directives, or none.
    fn item(&mut self, tag: Range<usize>) {
        if self.is_skipped() {
            return;
        }
        let end = tag.end;
        self.made.has_items = true;
        self.stand_in(tag);
        let terminator: &[u8] = match self.server {
            Server::Nginx => b";",
            Server::Apache => b"\n",
        };
        self.made.pieces.push(Piece { parsed: self.made.parsed.len() as u32, original: end as u32 });
        self.made.parsed.extend_from_slice(terminator);
        self.place.read(terminator);
        self.made.pieces.push(Piece { parsed: self.made.parsed.len() as u32, original: end as u32 });
    }

    /// Does what a tag asks for; where reading goes on.
    fn tag(&mut self, tag: &Tag, engines: Engines) -> usize {
        if !engines.shell || tag.kind != Kind::Silent {
            self.made.first_tag.get_or_insert(tag.range.start as u32..tag.range.end as u32);
        }
        match tag.kind {
            Kind::Silent => {}
            Kind::Expression | Kind::Insert => self.expression(tag, engines),
            Kind::Open => {
                if let Some(end) = self.end_in_directive(tag, engines) {
                    self.stand_in(tag.range.start..end);
                    return end;
                }
                self.enter(tag, false);
            }
            Kind::Apart => {
                let prints = self.bytes[tag.content.clone()].starts_with(b"call");
                if prints {
                    self.expression(tag, engines);
                }
                self.enter(tag, true);
            }
            Kind::Middle => self.middle(tag),
            Kind::Close => self.close(tag),
            Kind::Raw => return self.raw(tag, engines),
            Kind::Extends => {
                self.item(tag.range.start..self.bytes.len());
                self.made.tangled = true;
                return self.bytes.len();
            }
        }
        tag.range.end
    }

    /// Where a condition that lies in one directive ends: it is a word, or a part of one, and whatever it holds with it.
    fn end_in_directive(&self, tag: &Tag, engines: Engines) -> Option<usize> {
        let begins = &self.place;
        if begins.is_start() || begins.in_comment() || begins.in_lua() || self.is_skipped() {
            return None;
        }
        let mut looked = self.looked.borrow_mut();
        if tag.range.start < looked.to && !looked.closed.contains(&tag.range.start) {
            return None;
        }
        let mut open = vec![tag.range.start];
        let (end, to) = self.follow(tag, engines, &mut open, &mut looked.closed);
        if end.is_none() {
            looked.to = looked.to.max(to);
        }
        end
    }

    /// The end of that, and how far was looked; those that are closed before that are noted in `closed`.
    fn follow(
        &self,
        tag: &Tag,
        engines: Engines,
        open: &mut Vec<usize>,
        closed: &mut HashSet<usize>,
    ) -> (Option<usize>, usize) {
        let begins = &self.place;
        let (mut place, mut at) = (begins.clone(), tag.range.end);
        let most = self.bytes.len().min(tag.range.end + MAX_INSIDE);
        loop {
            let Some(start) = tags::next(&self.bytes[..most], at, engines) else { return (None, most) };
            // A line feed ends httpd's, a `;` or a block nginx's.
            for (offset, &byte) in self.bytes[at..start].iter().enumerate() {
                place.read(&[byte]);
                if place.is_start() || place.in_comment() {
                    return (None, at + offset);
                }
            }
            let Found::Tag(inner) = tags::at(&self.bytes[..most], start, engines) else {
                return (None, start);
            };
            at = inner.range.end;
            match inner.kind {
                Kind::Open => open.push(start),
                Kind::Close if open.len() == 1 => {
                    return ((place.in_quotes() == begins.in_quotes()).then_some(at), start);
                }
                Kind::Close => closed.extend(open.pop()),
                Kind::Middle if open.len() == 1 => place = begins.clone(),
                Kind::Expression => place.read(b"x"),
                Kind::Middle | Kind::Silent => {}
                _ => return (None, start),
            }
        }
    }

    fn expression(&mut self, tag: &Tag, engines: Engines) {
        let content = &self.bytes[tag.content.clone()];
        let is_braced = matches!(self.bytes[tag.range.start], b'{' | b'<');
        if let Some(literal) = literal(content).filter(|_| is_braced) {
            if !self.is_skipped() {
                self.piece(tag.content.start + 1);
                self.made.parsed.extend_from_slice(literal);
                self.place.read(literal);
                let parsed = self.made.parsed.len() as u32;
                self.made.pieces.push(Piece { parsed, original: tag.range.end as u32 });
            }
            return;
        }
        if !self.place.is_start() {
            if tag.trims.0 && self.server == Server::Nginx && !self.place.in_comment() && !self.is_skipped() {
                self.join();
            }
            return self.stand_in(tag.range.clone());
        }
        let is_comment = COMMENTS.iter().any(|name| memchr::memmem::find(content, name).is_some());
        if is_comment {
            return;
        }
        if tag.kind == Kind::Insert || self.is_alone(tag.range.end, engines) {
            self.item(tag.range.clone());
        } else {
            self.stand_in(tag.range.clone());
        }
    }

    /// Takes back white space that a tag trims.
    fn join(&mut self) {
        let kept = self.made.parsed.trim_ascii_end().len();
        let last = self.made.pieces.last().map_or(0, |piece| piece.parsed as usize);
        self.made.parsed.truncate(kept.max(last));
    }

    /// Whether nothing but tags and comments follows on the line.
    fn is_alone(&self, from: usize, engines: Engines) -> bool {
        let (start, end, alone) = self.row.get();
        if (start..end).contains(&from) {
            return alone;
        }
        let (end, alone) = self.look_along(from, engines);
        self.row.set((from, end, alone));
        alone
    }

    fn look_along(&self, from: usize, engines: Engines) -> (usize, bool) {
        let mut at = from;
        let alone = loop {
            match self.bytes.get(at) {
                None | Some(b'\n' | b'\r' | b'#') => break true,
                // The end of the block around it.
                Some(b'}') if self.server == Server::Nginx => break true,
                Some(b' ' | b'\t') => at += 1,
                Some(b';') if self.server == Server::Nginx => break false,
                Some(_) if tags::next(self.bytes, at, engines) == Some(at) => {
                    match tags::at(self.bytes, at, engines) {
                        Found::Tag(tag) if self.bytes[at] != b'{' || tag.range.end > at => at = tag.range.end,
                        _ => break false,
                    }
                }
                Some(_) => break false,
            }
        };
        (at, alone)
    }

    fn raw(&mut self, tag: &Tag, engines: Engines) -> usize {
        let mut at = tag.range.end;
        while let Some(start) = tags::next(self.bytes, at, engines) {
            if let Found::Tag(end) = tags::at(self.bytes, start, engines)
                && matches!(&self.bytes[end.content.clone()], b"endraw" | b"endverbatim")
            {
                self.copy(tag.range.end..start);
                return end.range.end;
            }
            at = start + 1;
        }
        self.copy(tag.range.end..self.bytes.len());
        self.bytes.len()
    }

    fn enter(&mut self, tag: &Tag, apart: bool) {
        let inside = !self.place.is_start() && !self.place.in_comment();
        let skipped = apart || self.is_skipped();
        if inside && !skipped {
            self.stand_in(tag.range.clone());
        }
        let around = self.made.branches.current();
        let mark = self.mark();
        let (place, line) = (self.place.clone(), self.line_start(tag.range.start));
        if !skipped {
            let parsed = self.made.parsed.len() as u32;
            self.made.branches.enter(parsed, tag.range.end as u32, around);
        }
        let within = inside || self.open.last().is_some_and(|open| open.within);
        self.open.push(Open { place, after_first: None, inside, within, skipped, around, mark, line });
    }

    fn line_start(&self, at: usize) -> usize {
        let (last, start) = self.line.get();
        let (from, start) = if last <= at { (last, start) } else { (0, 0) };
        let start = memchr::memrchr(b'\n', &self.bytes[from..at]).map_or(start, |end| from + end + 1);
        self.line.set((at, start));
        start
    }

    /// Whether what is open was to be skipped from its beginning.
    fn is_apart(&self, open: &Open) -> bool {
        open.skipped && open.after_first.is_none()
    }

    fn middle(&mut self, tag: &Tag) {
        let Some(open) = self.open.last() else { return self.made.tangled = true };
        if self.is_apart(open) {
            return;
        }
        self.end_line(tag);
        self.end_branch(tag);
        let Some(open) = self.open.last_mut() else { return };
        if open.skipped {
            return;
        }
        // What the branches have in common is where they begin.
        let (place, around) = (open.place.clone(), open.around);
        self.place = place;
        let (parsed, original) = (self.made.parsed.len() as u32, tag.range.end as u32);
        self.made.branches.enter(parsed, original, around);
        let mark = self.mark();
        if let Some(open) = self.open.last_mut() {
            open.mark = mark;
        }
    }

    /// httpd: a line that is there or not ends where the tag stands.
    fn end_line(&mut self, tag: &Tag) {
        let Some(open) = self.open.last() else { return };
        let began = open.place.is_start() && !open.inside && !open.skipped;
        let same_line = open.line == self.line_start(tag.range.start);
        if began && same_line && self.server == Server::Apache && !self.place.is_start() {
            self.piece(tag.range.start);
            self.made.parsed.push(b'\n');
            self.place.read(b"\n");
        }
    }

    /// Ends a branch at `else` or at the end.
    fn end_branch(&mut self, tag: &Tag) {
        let Some(open) = self.open.last() else { return };
        let is_first = open.after_first.is_none();
        let even = self.place.depth == open.place.depth
            && (open.inside || self.place.in_comment() || self.place.is_start() == open.place.is_start());
        let (mark, begin) = (open.mark, open.place.clone());
        let has_more = tag.kind == Kind::Middle;
        if open.skipped {
            return;
        }
        if !even {
            self.torn += 1;
        }
        if is_first {
            let after = self.place.clone();
            let mid = self.place.is_start() != begin.is_start() && !self.place.in_comment();
            if !even && mid {
                // Half a directive: what it is depends on the branch.
                let start = mark.parsed;
                self.hole(start);
                self.made.tangled = true;
            }
            let Some(open) = self.open.last_mut() else { return };
            open.after_first = Some(after);
            if !even && has_more {
                open.skipped = true;
                self.unknown_here(tag);
            }
        } else if !even {
            // Only one branch can be followed where blocks differ.
            self.made.tangled = true;
            self.forget(mark);
            self.place = begin;
            if self.place.is_start() {
                self.item(tag.range.clone());
            }
        }
    }

    /// What other branches hold is not looked at.
    fn unknown_here(&mut self, tag: &Tag) {
        let skipped = self.open.last_mut().map(|open| std::mem::replace(&mut open.skipped, false));
        if self.place.is_start() {
            self.item(tag.range.clone());
        }
        if let (Some(open), Some(_)) = (self.open.last_mut(), skipped) {
            open.skipped = true;
        }
    }

    /// `{% if x %}#{% endif %} line`: whether the line is one is not known.
    fn end_comment(&mut self, tag: &Tag) {
        let Some(open) = self.open.last() else { return };
        let goes_on = self.bytes.get(tag.range.end).is_some_and(|byte| !b"\r\n".contains(byte));
        let same_line = open.line == self.line_start(tag.range.start);
        if !open.skipped && same_line && goes_on && self.place.in_comment() && open.place.is_start() {
            self.piece(tag.range.start);
            self.made.parsed.push(b'\n');
            self.place.read(b"\n");
            self.item(tag.range.clone());
            let after = self.place.clone();
            if let Some(open) = self.open.last_mut() {
                open.after_first = Some(after);
            }
        }
    }

    fn close(&mut self, tag: &Tag) {
        let Some(open) = self.open.last() else { return self.made.tangled = true };
        let apart = self.is_apart(open);
        if !apart {
            self.end_line(tag);
            self.end_branch(tag);
            self.end_comment(tag);
        }
        let Some(open) = self.open.pop() else { return };
        if apart {
            return;
        }
        if let Some(after) = open.after_first {
            // A comment may end in one branch only.
            let comment = self.place.in_comment() && !after.in_comment();
            if !comment {
                self.place = after;
            }
        }
        let (parsed, original) = (self.made.parsed.len() as u32, tag.range.start as u32);
        self.made.branches.leave(parsed, original, open.around);
        if open.inside && !self.place.is_start() {
            self.stand_in(tag.range.clone());
        }
    }
}
