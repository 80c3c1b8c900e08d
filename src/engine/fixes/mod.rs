//! A fix being put together: lines written beside others as those are written, words replaced. Knows files and places,
//! not what to write there.

mod layout;

use crate::finding::{Edit, Fix, Safety};
use crate::source::{FileId, Span};
use crate::syntax::{Directive, DirectiveId, Shape};
use crate::tree::{NodeRef, Tree};

use layout::Layout;

/// Directives of the neighbourhood whose quotes show how quotes are written there.
const NEIGHBOURS: u32 = 40;

/// Edits that belong together. Where one of them cannot be made (the place is a template's, a comment is in the way),
/// there is no fix at all.
#[must_use]
pub struct Repair<'t> {
    tree: &'t Tree,
    edits: Vec<Edit>,
    possible: bool,
}

impl<'t> Repair<'t> {
    pub fn new(tree: &'t Tree) -> Self {
        Self { tree, edits: Vec::new(), possible: true }
    }

    /// The fix, whose edits change nothing but handshakes.
    pub fn safe(self, title: impl Into<String>) -> Option<Fix> {
        self.done(title.into(), Safety::Safe)
    }

    /// The fix, whose title says what else its edits change.
    pub fn risky(self, title: impl Into<String>) -> Option<Fix> {
        self.done(title.into(), Safety::Unsafe)
    }

    /// One of the two.
    pub fn with(self, safety: Safety, title: impl Into<String>) -> Option<Fix> {
        self.done(title.into(), safety)
    }

    fn done(self, title: String, safety: Safety) -> Option<Fix> {
        let Self { mut edits, possible, tree } = self;
        edits.sort_by_key(|edit| edit.span);
        let overlaps = edits
            .windows(2)
            .any(|pair| pair[0].span.file == pair[1].span.file && pair[1].span.start < pair[0].span.end);
        let may_edit =
            |edit: &Edit| tree.sources.get(edit.span.file).text.may_edit(edit.span.start..edit.span.end);
        (possible && !edits.is_empty() && !overlaps && edits.iter().all(may_edit)).then_some(Fix {
            title,
            safety,
            edits,
        })
    }

    /// No fix after all.
    pub fn unless(mut self, impossible: bool) -> Self {
        self.possible &= !impossible;
        self
    }

    /// Lines above a directive and the comments that stand over it.
    pub fn above(self, node: NodeRef, lines: &[impl AsRef<str>]) -> Self {
        self.beside(node, lines, |layout, text| layout.above(text))
    }

    /// Lines below a directive.
    pub fn below(self, node: NodeRef, lines: &[impl AsRef<str>]) -> Self {
        self.beside(node, lines, |layout, text| layout.below(text))
    }

    fn beside(
        mut self,
        node: NodeRef,
        lines: &[impl AsRef<str>],
        edit: impl FnOnce(&Layout, &[String]) -> (u32, String),
    ) -> Self {
        let directive = self.tree.directive(node);
        self.possible &= directive.is_verbatim() && directive.shape() != Shape::Unfinished;
        if !self.possible || lines.is_empty() {
            return self;
        }
        let text = self.quoted_alike(node, lines);
        let file = self.tree.file(node.graft);
        let layout = self.layout(node, directive);
        let (at, text) = edit(&layout, &text);
        self.push(file, at..at, text);
        self
    }

    /// Lines at the beginning of a block.
    pub fn inside(mut self, block: NodeRef, lines: &[impl AsRef<str>]) -> Self {
        let directive = self.tree.directive(block);
        self.possible &= directive.is_verbatim() && directive.shape() == Shape::Block;
        if !self.possible || lines.is_empty() {
            return self;
        }
        // Another file's lines may come first, but then nothing of this one stands before them.
        let first = directive.body().next().map(|id| NodeRef { graft: block.graft, id: DirectiveId(id) });
        if let Some(first) = first {
            return self.above(first, lines);
        }
        let text = self.quoted_alike(block, lines);
        let opening = directive.terminator().end;
        let layout = self.layout(block, directive);
        let text = layout.within(opening, &text);
        self.push(self.tree.file(block.graft), opening..opening, text);
        self
    }

    /// Other lines in a directive's place.
    pub fn replace(mut self, node: NodeRef, lines: &[impl AsRef<str>]) -> Self {
        let directive = self.tree.directive(node);
        let span = directive.span();
        self.possible &= self.is_plain(directive) && !self.has_comment(span);
        if !self.possible {
            return self;
        }
        let text = self.quoted_alike(node, lines);
        let text = self.layout(node, directive).instead(&text);
        self.push(span.file, span.start..span.end, text);
        self
    }

    /// The directive's words written anew; what ends it stays.
    pub fn rewrite(mut self, node: NodeRef, line: &str) -> Self {
        let directive = self.tree.directive(node);
        let head = directive.head();
        let holds = std::iter::once(directive.name_word()).chain(directive.args()).any(|word| word.is_hole());
        self.possible &= directive.is_verbatim() && !holds && !self.has_comment(head) && !line.contains('\n');
        let line = line.trim_end_matches('{').trim_end().trim_end_matches(';');
        self.push(head.file, head.start..head.end, line.to_string());
        self
    }

    /// Without the directive; comments stay.
    pub fn remove(mut self, node: NodeRef) -> Self {
        let directive = self.tree.directive(node);
        let span = directive.span();
        self.possible &= self.is_plain(directive) && !self.has_comment(span);
        if self.possible {
            let range = self.layout(node, directive).whole_line();
            self.push(span.file, range, String::new());
        }
        self
    }

    /// Another word for the argument at `index`, in the quotes of the one that stands there.
    pub fn word(mut self, node: NodeRef, index: usize, text: &str) -> Self {
        let directive = self.tree.directive(node);
        let word = directive.arg(index).filter(|word| !word.is_hole());
        self.possible &= directive.is_verbatim() && word.is_some();
        if let Some(word) = word {
            let quote = word.raw().first().filter(|byte| matches!(byte, b'"' | b'\''));
            let text = match quote.map(|&byte| char::from(byte)) {
                // Nobody quotes a variable that stands alone.
                Some(quote) if !text.starts_with(['"', '\'', '$']) => format!("{quote}{text}{quote}"),
                _ => text.to_string(),
            };
            let span = word.span();
            self.push(span.file, span.start..span.end, text);
        }
        self
    }

    /// Another name for the directive.
    pub fn name(mut self, node: NodeRef, text: &str) -> Self {
        let directive = self.tree.directive(node);
        self.possible &= directive.is_verbatim();
        let span = directive.name_word().span();
        self.push(span.file, span.start..span.end, text.to_string());
        self
    }

    /// One more word behind the last.
    pub fn append(mut self, node: NodeRef, text: &str) -> Self {
        let directive = self.tree.directive(node);
        self.possible &= directive.is_verbatim();
        let last = directive.args().next_back().unwrap_or(directive.name_word()).span();
        self.push(last.file, last.end..last.end, format!(" {text}"));
        self
    }

    /// Without the argument at `index`, and the white space before it.
    pub fn drop_word(mut self, node: NodeRef, index: usize) -> Self {
        let directive = self.tree.directive(node);
        let word = directive.arg(index).map(|word| word.span());
        let before = match index {
            0 => Some(directive.name_word().span()),
            _ => directive.arg(index - 1).map(|word| word.span()),
        };
        self.possible &= directive.is_verbatim() && word.is_some();
        if let (Some(word), Some(before)) = (word, before) {
            self.possible &= !self.has_comment(Span { start: before.end, ..word });
            self.push(word.file, before.end..word.end, String::new());
        }
        self
    }

    /// Other text for a part of what stands in a word or line.
    pub fn text(mut self, node: NodeRef, span: Span, text: &str) -> Self {
        self.possible &= self.tree.directive(node).is_verbatim();
        self.push(span.file, span.start..span.end, text.to_string());
        self
    }

    /// Text behind a place of a plain file, in which no directive may have been read.
    pub fn behind(mut self, place: Span, text: &str) -> Self {
        let file = &self.tree.sources.get(place.file).text;
        self.possible &= file.is_verbatim(0..file.parsed().len() as u32);
        self.push(place.file, place.end..place.end, text.to_string());
        self
    }

    /// Without these bytes of a comment in a plain file.
    pub fn erase(mut self, span: Span) -> Self {
        let text = &self.tree.sources.get(span.file).text;
        self.possible &= text.is_verbatim(0..text.parsed().len() as u32);
        self.push(span.file, span.start..span.end, String::new());
        self
    }

    fn push(&mut self, file: FileId, range: std::ops::Range<u32>, text: String) {
        let span = Span { file, start: range.start, end: range.end };
        // Two texts at one place are one text.
        match self.edits.iter_mut().find(|edit| edit.span == span && span.start == span.end) {
            Some(edit) => edit.text.push_str(&text),
            None => self.edits.push(Edit { span, text }),
        }
    }

    /// It stands in its file as it was read, and nothing in it is a tool's to fill in.
    fn is_plain(&self, directive: Directive) -> bool {
        directive.is_verbatim()
            && directive.shape() == Shape::Line
            && !std::iter::once(directive.name_word()).chain(directive.args()).any(|word| word.is_hole())
    }

    fn has_comment(&self, span: Span) -> bool {
        let document = self.tree.document(span.file);
        let text = &self.tree.sources.get(span.file).text;
        let from = document.comments.partition_point(|comment| text.to_original(comment.start) < span.start);
        document.comments.get(from).is_some_and(|comment| text.to_original(comment.start) < span.end)
    }

    fn layout(&self, node: NodeRef, directive: Directive) -> Layout<'t> {
        let file = self.tree.file(node.graft);
        let bytes = self.tree.sources.get(file).text.original();
        let child = directive.body().next().map(|id| NodeRef { graft: node.graft, id: DirectiveId(id) });
        let child = child.map(|child| self.tree.directive(child).span().start);
        let span = directive.span();
        Layout::new(bytes, span.start..span.end, child)
    }

    /// Lines with the quotes that are used around the place.
    fn quoted_alike(&self, node: NodeRef, lines: &[impl AsRef<str>]) -> Vec<String> {
        let lines = lines.iter().map(AsRef::as_ref);
        let mut lines: Vec<String> = lines.flat_map(|line| line.split('\n')).map(str::to_string).collect();
        let holds = |line: &String, quote: char| line.contains(quote);
        let mixed = lines.iter().any(|line| holds(line, '"') && holds(line, '\''));
        if mixed || !lines.iter().any(|line| holds(line, '"') || holds(line, '\'')) {
            return lines;
        }
        let document = self.tree.document_at(node.graft);
        let near = node.id.0.saturating_sub(NEIGHBOURS)..(node.id.0 + NEIGHBOURS).min(document.len() as u32);
        let (mut double, mut single) = (0, 0);
        for id in near {
            for word in self.tree.directive(NodeRef { graft: node.graft, id: DirectiveId(id) }).args() {
                match word.raw().first() {
                    Some(b'"') => double += 1,
                    Some(b'\'') => single += 1,
                    _ => {}
                }
            }
        }
        let (from, to) = match () {
            () if single > 0 && double == 0 => ("\"", "'"),
            () if double > 0 && single == 0 => ("'", "\""),
            () => return lines,
        };
        lines.iter_mut().for_each(|line| *line = line.replace(from, to));
        lines
    }
}
