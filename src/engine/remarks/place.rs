//! Which directives a comment speaks of: the one below it, or those of its own line. Knows no remark, nor what a directive
//! means.

use hashbrown::HashMap;
use std::cell::{OnceCell, RefCell};

use crate::source::{FileId, Text};
use crate::syntax::{Bytes, Directive, DirectiveId, Document};

/// What is read as lines, asked where its comments stand.
pub struct Places<'t> {
    file: FileId,
    text: &'t Text,
    document: &'t Document,
    /// A comment may follow a directive on its line, as nginx's do.
    ends_lines: bool,
    /// By comment, where the first byte stands that is neither white space nor part of a comment.
    next_word: Vec<u32>,
    /// By directive, the one around it.
    around: OnceCell<Vec<Option<DirectiveId>>>,
    /// The rule that a RewriteCond belongs to, for those that were asked about.
    rewrite_rules: RefCell<HashMap<u32, Option<u32>>>,
}

impl<'t> Places<'t> {
    pub fn new(file: FileId, text: &'t Text, document: &'t Document, ends_lines: bool) -> Self {
        let bytes = text.parsed();
        let mut next_word = vec![0; document.comments.len()];
        let mut below: Option<(u32, u32)> = None;
        for (index, comment) in document.comments.iter().enumerate().rev() {
            let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t'..=b'\r');
            let gap = bytes[comment.end as usize..].iter().take_while(is_space).count() as u32;
            let next = comment.end + gap;
            next_word[index] = match below {
                Some((start, after)) if start == next => after,
                _ => next,
            };
            below = Some((comment.start, next_word[index]));
        }
        let (around, rewrite_rules) = (OnceCell::new(), RefCell::default());
        Self { file, text, document, ends_lines, next_word, around, rewrite_rules }
    }

    pub fn directive(&self, id: DirectiveId) -> Directive<'t> {
        self.document.directive(self.file, self.text, id)
    }

    /// The directives that a comment speaks of, by its number in the document; none where nothing follows it in its block.
    pub fn spoken_of(&self, comment: usize) -> Vec<DirectiveId> {
        let (bytes, next_word) = (self.document.comments[comment], self.next_word[comment]);
        let below = self.first_from(bytes.start);
        if self.ends_lines
            && let Some(line) = self.line_before(bytes)
        {
            return self.on_line(line, below, bytes, next_word);
        }
        if (below as usize) < self.document.len() && self.start(below) == next_word {
            let rule = self.rewrite_rule(below).map(DirectiveId);
            return std::iter::once(DirectiveId(below)).chain(rule).collect();
        }
        self.begun_before(below, next_word).into_iter().collect()
    }

    fn start(&self, id: u32) -> u32 {
        self.directive(DirectiveId(id)).parsed().start
    }

    fn end(&self, id: u32) -> u32 {
        self.directive(DirectiveId(id)).parsed().end
    }

    /// The first directive that begins at an offset or after it.
    fn first_from(&self, offset: u32) -> u32 {
        let (mut low, mut high) = (0, self.document.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.start(middle) < offset { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Where the comment's line begins, if anything else stands on it before the comment.
    fn line_before(&self, comment: Bytes) -> Option<u32> {
        let before = &self.text.parsed()[..comment.start as usize];
        let line = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let before = before[line..].trim_ascii();
        let is_mark = line == 0 && before == crate::source::BYTE_ORDER_MARK;
        (!before.is_empty() && !is_mark).then_some(line as u32)
    }

    /// What begins on the line; where nothing does, what ends on it; else what goes on below.
    fn on_line(&self, line: u32, below: u32, comment: Bytes, next_word: u32) -> Vec<DirectiveId> {
        let first = self.first_from(line);
        if first < below {
            let next =
                |&id: &DirectiveId| Some(DirectiveId(self.document.next(id))).filter(|id| id.0 < below);
            return std::iter::successors(Some(DirectiveId(first)), next).collect();
        }
        let Some(last) = below.checked_sub(1) else { return Vec::new() };
        let around = self.around.get_or_init(|| self.document.around());
        let chain = std::iter::successors(Some(DirectiveId(last)), |id| around[id.0 as usize]);
        let ended = chain.take_while(|id| self.end(id.0) <= comment.start);
        match ended.filter(|id| self.end(id.0) > line).last() {
            Some(ended) => vec![ended],
            None => self.begun_before(below, next_word).into_iter().collect(),
        }
    }

    /// The directive between whose words a comment stands, or before whose `{`.
    fn begun_before(&self, below: u32, next_word: u32) -> Option<DirectiveId> {
        let begun = self.directive(DirectiveId(below.checked_sub(1)?));
        let opens = begun.is_block() && self.text.parsed().get(next_word as usize) == Some(&b'{');
        (self.ends_lines && (begun.line().end > next_word || opens)).then_some(begun.id)
    }

    /// The rule that httpd asks a RewriteCond for: who remarks on the one means the other.
    fn rewrite_rule(&self, condition: u32) -> Option<u32> {
        let is = |id: u32, name: &[u8]| self.directive(DirectiveId(id)).name().eq_ignore_ascii_case(name);
        let mut known = self.rewrite_rules.borrow_mut();
        let mut passed = Vec::new();
        let mut id = condition;
        let rule = loop {
            match known.get(&id) {
                Some(&rule) => break rule,
                None if id as usize >= self.document.len() => break None,
                None if is(id, b"rewritecond") => passed.push(id),
                None => break (id != condition && is(id, b"rewriterule")).then_some(id),
            }
            id = self.document.next(DirectiveId(id));
        };
        known.extend(passed.into_iter().map(|id| (id, rule)));
        rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{NameId, apache, nginx};

    /// The names of what each comment speaks of.
    fn spoken_of(text: &str, of_apache: bool) -> Vec<String> {
        let text = Text::plain(text.as_bytes().to_vec());
        let parse = if of_apache { apache::parse } else { nginx::parse };
        let document = parse(text.parsed(), |_| NameId::UNKNOWN);
        let places = Places::new(FileId(0), &text, &document, !of_apache);
        let name = |id: DirectiveId| String::from_utf8_lossy(&places.directive(id).name()).into_owned();
        let names = |comment| places.spoken_of(comment).into_iter().map(name).collect::<Vec<_>>();
        (0..document.comments.len()).map(|comment| names(comment).join(" ")).collect()
    }

    #[test]
    fn a_comment_of_its_own_line_speaks_of_the_directive_below() {
        assert_eq!(spoken_of("#1\n\n #2\na {\n  # 3\n b;\n}", false), ["a", "a", "b"]);
        assert_eq!(spoken_of("\u{feff}#1\na;", false), ["a"]);
        assert_eq!(spoken_of("#1\n<A>\n#2\n\tB c\n</A>\n#3\nD\n", true), ["<A", "B", "D"]);
    }

    #[test]
    fn nothing_follows_at_the_end_of_a_block_or_file() {
        assert_eq!(spoken_of("a {\n b;\n #1\n}\nc;\n#2", false), ["", ""]);
        assert_eq!(spoken_of("<A>\nB c\n#1\n</A>\nD\n#2\n", true), ["", ""]);
        assert_eq!(spoken_of("#1", false), [""]);
        assert_eq!(spoken_of("; #1\na;", false), [""]);
    }

    #[test]
    fn a_comment_behind_something_speaks_of_its_own_line() {
        assert_eq!(spoken_of("a; #1\nb;", false), ["a"]);
        assert_eq!(spoken_of("a { #1\n b; #2\n}\nc;", false), ["a", "b"]);
        assert_eq!(spoken_of("x;\na { b; c; } d; #1\ne;", false), ["a d"]);
        assert_eq!(spoken_of("x {\n a; } b; #1\ne;", false), ["a b"]);
    }

    #[test]
    fn behind_a_closing_brace_it_speaks_of_what_is_closed() {
        assert_eq!(spoken_of("x {\na {\n b;\n} #1\nc;\n}", false), ["a"]);
        assert_eq!(spoken_of("x {\na {\n}} #1\nc;\n", false), ["x"]);
        assert_eq!(spoken_of("a\n b; #1\nc;", false), ["a"]);
    }

    #[test]
    fn between_the_words_of_a_directive_it_speaks_of_that() {
        for text in ["a\n #1\n b;\nc;", "a #1\n b;\nc;", "a\n b #1\n c;\nd;", "a\n #1\n {\nc; }"] {
            assert_eq!(spoken_of(text, false), ["a"], "{text}");
        }
    }

    #[test]
    fn above_a_condition_it_speaks_of_the_rule_too() {
        let text = "#1\nRewriteCond a b\n#2\nRewriteCond c d\nRewriteRule e f\n#3\nRewriteRule g h\n#4\nRewriteCond x y\n";
        let expected = ["RewriteCond RewriteRule", "RewriteCond RewriteRule", "RewriteRule", "RewriteCond"];
        assert_eq!(spoken_of(text, true), expected);
    }
}
