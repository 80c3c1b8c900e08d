//! nginx's grammar, as `ngx_conf_read_token` and `ngx_conf_parse` read it. Knows nothing of which directives
//! exist.

mod lua;

use std::cell::Cell;

use nom::bytes::complete::{take_till, take_while};
use nom::{IResult, Parser};

use super::{
    Bytes, DirectiveId, Document, NameId, Names, Node, Problem, ProblemKind, STOP, Shape, TRAITS, Written,
};

/// `NGX_CONF_BUFFER`: a word or comment must fit into the server's read buffer, together with the byte that ends
/// it and, after white space, the one that comes next (measured: `set $x aaa…;` passes with 4095 bytes, with a
/// space before the `;` only with 4094).
const BUFFER: usize = 4096;

/// Blocks inside one another that are followed; what lies deeper is skipped and reported once.
pub const MAX_DEPTH: usize = 1000;

/// Reads a whole file. Never fails: what the server would refuse is in `problems`, and reading goes on at the
/// next directive.
pub fn parse(text: &[u8], names: Names) -> Document {
    Reader::new(text, names).run()
}

/// Where the next token begins, past white space and comments.
pub fn next_token(input: &[u8]) -> usize {
    let mut rest = input;
    loop {
        rest = gap(rest);
        match rest.first() {
            Some(b'#') => rest = comment(rest),
            _ => return input.len() - rest.len(),
        }
    }
}

type Input<'a> = &'a [u8];

const SPACE: [bool; 256] = class(b" \t\r\n");

const fn class(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    table
}

fn is_space(byte: u8) -> bool {
    SPACE[byte as usize]
}

fn gap(input: Input) -> Input {
    let spaces: IResult<Input, Input, ()> = take_while(is_space).parse_complete(input);
    spaces.map_or(input, |(rest, _)| rest)
}

/// The rest after a comment; its line feed stays.
fn comment(input: Input) -> Input {
    memchr::memchr(b'\n', input).map_or(&input[input.len()..], |at| &input[at..])
}

/// An unquoted word: up to white space, `;` or `{`, with the traits of its bytes. A backslash protects the next byte,
/// and `{` after `$` is part of the word.
fn bare(input: Input) -> (Input, u8) {
    let seen = Cell::new(0);
    let ends = |byte: u8| {
        let traits = TRAITS[byte as usize];
        seen.set(seen.get() | traits);
        traits & STOP != 0
    };
    let mut rest = input;
    loop {
        let piece: IResult<Input, Input, ()> = take_till(ends).parse_complete(rest);
        let Ok((stopped, piece)) = piece else { return (&[], seen.get()) };
        rest = match stopped {
            [b'\\', _, after @ ..] => after,
            [b'\\'] => &[],
            [b'{', ..] if piece.ends_with(b"$") => braces(stopped),
            _ => return (stopped, seen.get()),
        };
    }
}

fn braces(input: Input) -> Input {
    let braces: IResult<Input, Input, ()> = take_while(|byte| byte == b'{').parse_complete(input);
    braces.map_or(input, |(rest, _)| rest)
}

/// A quoted word with its quotes; `Err` where the file ends first.
fn quoted(input: Input) -> Result<Input, ()> {
    let quote = input[0];
    let mut rest = &input[1..];
    loop {
        let at = memchr::memchr2(quote, b'\\', rest).ok_or(())?;
        let (found, after) = (rest[at], &rest[at + 1..]);
        if found == quote {
            return Ok(after);
        }
        rest = after.get(1..).ok_or(())?;
    }
}

/// The driver: tokens in, nodes out, with the open blocks on a stack of its own.
struct Reader<'a> {
    text: Input<'a>,
    rest: Input<'a>,
    names: Names,
    out: Document,
    open: Vec<Open>,
    /// Where the words of the directive being read begin; none read yet where it equals their number.
    first_word: usize,
    /// Blocks open beyond `MAX_DEPTH`.
    too_deep: usize,
}

enum Open {
    Block(DirectiveId),
    /// A `{` without a name before it.
    Nameless(Bytes),
}

impl<'a> Reader<'a> {
    fn new(text: Input<'a>, names: Names) -> Self {
        // A directive takes 40 bytes or so, a word 16; an estimate too low costs one more copy.
        let out = Document {
            nodes: Vec::with_capacity(text.len() / 40),
            words: Vec::with_capacity(text.len() / 16),
            ..Document::default()
        };
        Self { text, rest: text, names, out, open: Vec::new(), first_word: 0, too_deep: 0 }
    }

    fn run(mut self) -> Document {
        if let Some(rest) = self.text.strip_prefix(crate::source::BYTE_ORDER_MARK) {
            self.rest = rest;
            let mark = Bytes { start: 0, end: 3 };
            self.out.skipped.push(mark);
            self.problem(ProblemKind::ByteOrderMark, mark, None);
        }
        loop {
            self.rest = gap(self.rest);
            match self.rest.first() {
                None => break,
                Some(b'#') => self.comment(),
                Some(b';') => self.semicolon(),
                Some(b'{') => self.opening(),
                Some(b'}') => self.closing(),
                Some(b'"' | b'\'') => self.quoted(),
                Some(_) => self.bare(),
            }
        }
        self.end();
        self.out.nodes.shrink_to_fit();
        self.out.words.shrink_to_fit();
        self.out
    }

    fn here(&self) -> u32 {
        (self.text.len() - self.rest.len()) as u32
    }

    /// Moves on to `rest` and returns what was passed.
    fn pass(&mut self, rest: Input<'a>) -> Bytes {
        let start = self.here();
        self.rest = rest;
        Bytes { start, end: self.here() }
    }

    fn pass_byte(&mut self) -> Bytes {
        self.pass(&self.rest[1..])
    }

    fn problem(&mut self, kind: ProblemKind, at: Bytes, near: Option<Bytes>) {
        self.out.problems.push(Problem { kind, at, near });
    }

    fn in_directive(&self) -> bool {
        self.out.words.len() > self.first_word
    }

    fn comment(&mut self) {
        let bytes = self.pass(comment(self.rest));
        // The server keeps a comment in its buffer to the end of the line, like a word.
        if (bytes.end - bytes.start) as usize >= BUFFER {
            self.problem(ProblemKind::TooLong, first_byte(bytes), None);
        }
        self.out.comments.push(bytes);
    }

    fn bare(&mut self) {
        let (rest, traits) = bare(self.rest);
        let word = self.pass(rest);
        let raw = &self.text[word.start as usize..word.end as usize];
        self.out.words.push(Written::bare(word, raw, traits));
        if self.fills_buffer((word.end - word.start) as usize) {
            self.problem(ProblemKind::TooLong, first_byte(word), None);
        }
    }

    fn push_quoted(&mut self, word: Bytes) {
        let raw = &self.text[word.start as usize..word.end as usize];
        self.out.words.push(Written::new(word, raw, true));
    }

    /// Whether the server runs out of buffer on a word of `len` bytes that ends here.
    fn fills_buffer(&self, len: usize) -> bool {
        match self.rest.first() {
            Some(b';' | b'{' | b')') | None => len >= BUFFER,
            Some(_) => len + 1 >= BUFFER,
        }
    }

    fn quoted(&mut self) {
        let quote = self.rest[0];
        let Ok(rest) = quoted(self.rest) else {
            let word = self.pass(&[]);
            if (word.end - word.start) as usize > BUFFER {
                self.problem(ProblemKind::TooLongQuoted(quote), first_byte(word), None);
            }
            self.push_quoted(word);
            return;
        };
        let word = self.pass(rest);
        self.push_quoted(word);
        let after_quote = (word.end - word.start) as usize - 1;
        if after_quote > BUFFER {
            self.problem(ProblemKind::TooLongQuoted(quote), first_byte(word), None);
        } else if self.fills_buffer(after_quote) {
            self.problem(ProblemKind::TooLong, first_byte(word), None);
        }
        if let Some(&next) = self.rest.first()
            && !is_space(next)
            && !matches!(next, b';' | b'{' | b')')
        {
            let start = self.here();
            let at = Bytes { start, end: start + 1 };
            self.problem(ProblemKind::Unexpected(next), at, Some(word));
        }
    }

    fn semicolon(&mut self) {
        let at = self.pass_byte();
        if self.in_directive() {
            self.finish(Shape::Line, at.end);
        } else {
            self.skip(b';', at);
        }
    }

    fn skip(&mut self, byte: u8, at: Bytes) {
        self.out.skipped.push(at);
        self.problem(ProblemKind::Unexpected(byte), at, None);
    }

    fn opening(&mut self) {
        let at = self.pass_byte();
        if self.open.len() >= MAX_DEPTH {
            if self.too_deep == 0 {
                self.problem(ProblemKind::TooDeep, at, None);
            }
            self.too_deep += 1;
            self.drop_words(at.end);
        } else if !self.in_directive() {
            self.skip(b'{', at);
            self.open.push(Open::Nameless(at));
        } else if self.is_lua() {
            let id = self.finish(Shape::Raw, at.end);
            match lua::body(self.rest) {
                Some(rest) => {
                    self.pass(rest);
                }
                None => {
                    self.pass(&[]);
                    self.unclosed(id);
                }
            }
            self.out.nodes[id.0 as usize].end = self.here();
        } else {
            let id = self.finish(Shape::Block, at.end);
            self.open.push(Open::Block(id));
        }
    }

    fn is_lua(&self) -> bool {
        let name = self.out.words[self.first_word].bytes();
        self.text[name.start as usize..name.end as usize].ends_with(b"_by_lua_block")
    }

    fn closing(&mut self) {
        if self.in_directive() {
            let last = self.out.words[self.out.words.len() - 1].bytes();
            let start = self.here();
            self.problem(ProblemKind::Unexpected(b'}'), Bytes { start, end: start + 1 }, Some(last));
            self.finish_or_drop(last.end);
        }
        let at = self.pass_byte();
        if self.too_deep > 0 {
            self.too_deep -= 1;
            self.out.skipped.push(at);
            return;
        }
        match self.open.pop() {
            Some(Open::Block(id)) => self.close(id),
            Some(Open::Nameless(_)) => self.out.skipped.push(at),
            None => self.skip(b'}', at),
        }
    }

    fn close(&mut self, id: DirectiveId) {
        let (next, end) = (self.out.nodes.len() as u32, self.here());
        let node = &mut self.out.nodes[id.0 as usize];
        node.next = next;
        node.end = end;
    }

    /// Makes a directive of the words read since the last one.
    fn finish(&mut self, shape: Shape, end: u32) -> DirectiveId {
        let id = DirectiveId(self.out.nodes.len() as u32);
        if self.too_deep > 0 {
            self.drop_words(end);
            return id;
        }
        let name = self.out.words[self.first_word];
        let Bytes { start, end: name_end } = name.bytes();
        let raw = &self.text[start as usize..name_end as usize];
        let value = if name.is_plain() { raw.into() } else { super::unescape(raw) };
        if *value == *b"include" {
            self.out.includes.push(id);
        }
        let name = if value.is_empty() { NameId::UNKNOWN } else { (self.names)(&value) };
        self.out.nodes.push(Node { words: self.first_word as u32, next: id.0 + 1, end, name, shape });
        self.first_word = self.out.words.len();
        id
    }

    fn finish_or_drop(&mut self, end: u32) {
        if self.in_directive() {
            self.finish(Shape::Unfinished, end);
        }
    }

    fn drop_words(&mut self, end: u32) {
        if let Some(first) = self.out.words.get(self.first_word) {
            self.out.skipped.push(Bytes { start: first.start, end });
            self.out.words.truncate(self.first_word);
        } else {
            self.out.skipped.push(Bytes { start: end - 1, end });
        }
    }

    fn end(&mut self) {
        let end = self.text.len() as u32;
        let at = Bytes { start: end, end };
        let too_long = self.out.problems.last().is_some_and(|problem| {
            matches!(problem.kind, ProblemKind::TooLongQuoted(_)) && self.in_directive()
        });
        if self.in_directive() {
            let last = self.out.words[self.out.words.len() - 1].bytes();
            if !too_long {
                let first = self.text[last.start as usize];
                let raw = &self.text[last.start as usize..last.end as usize];
                let open_quote = matches!(first, b'"' | b'\'') && quoted(raw).is_err();
                self.problem(
                    ProblemKind::EndInDirective,
                    at,
                    Some(if open_quote { first_byte(last) } else { last }),
                );
            }
            self.finish_or_drop(end);
        } else if let Some(open) = self.open.last() {
            let near = match *open {
                Open::Block(id) => self.out.words_of(id)[0].bytes(),
                Open::Nameless(at) => at,
            };
            self.problem(ProblemKind::EndInBlock, at, Some(near));
        }
        while let Some(open) = self.open.pop() {
            if let Open::Block(id) = open {
                self.close(id);
            }
        }
    }

    fn unclosed(&mut self, id: DirectiveId) {
        let end = self.text.len() as u32;
        let near = self.out.words_of(id)[0].bytes();
        self.problem(ProblemKind::EndInBlock, Bytes { start: end, end }, Some(near));
    }
}

fn first_byte(bytes: Bytes) -> Bytes {
    Bytes { start: bytes.start, end: bytes.start + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(ProblemKind, u32)> {
        let document = parse(text.as_bytes(), |_| NameId::UNKNOWN);
        document.problems.iter().map(|problem| (problem.kind, problem.at.start)).collect()
    }

    fn words(text: &str) -> Vec<Vec<String>> {
        let document = parse(text.as_bytes(), |_| NameId::UNKNOWN);
        let word = |bytes: &Bytes| text[bytes.start as usize..bytes.end as usize].to_string();
        let ids = (0..document.len() as u32).map(DirectiveId);
        ids.map(|id| document.words_of(id).iter().map(|written| word(&written.bytes())).collect()).collect()
    }

    #[test]
    fn quotes_count_only_at_the_beginning_of_a_word() {
        assert_eq!(words("a up\"gr\"ade;"), [["a", "up\"gr\"ade"]]);
        assert_eq!(words("a \"b c\"d;").concat(), ["a", "\"b c\"", "d"]);
        assert_eq!(problems("a \"b\"x;"), [(ProblemKind::Unexpected(b'x'), 5)]);
        assert_eq!(
            problems("a \"b\"#x;\n;"),
            [(ProblemKind::Unexpected(b'#'), 5), (ProblemKind::EndInDirective, 10)][..1]
        );
    }

    #[test]
    fn a_closing_parenthesis_after_a_quote_is_a_word_of_its_own() {
        assert_eq!(words("if ($a = \"b\") { }"), [["if", "($a", "=", "\"b\"", ")"]]);
    }

    #[test]
    fn braces_belong_to_a_word_after_a_dollar_or_a_backslash_and_when_they_close() {
        assert_eq!(words("a ${b}c d}e \\{f;"), [["a", "${b}c", "d}e", "\\{f"]]);
        assert_eq!(words("location ~ a{2}$ { }")[0], ["location", "~", "a"]);
    }

    #[test]
    fn a_hash_inside_a_word_is_no_comment() {
        assert_eq!(words("a b#c; #d;\n e f;"), [["a", "b#c"], ["e", "f"]]);
    }

    #[test]
    fn reading_goes_on_after_a_problem() {
        assert_eq!(words("a {\n b c }\n d; } e;").concat(), ["a", "b", "c", "d", "e"]);
        assert_eq!(words("a { b\n} c d;").concat(), ["a", "b", "c", "d"]);
        assert_eq!(problems("a { b\n} c d;"), [(ProblemKind::Unexpected(b'}'), 6)]);
        assert_eq!(words("; a;"), [["a"]]);
        assert_eq!(words("{ a; } b;"), [["a"], ["b"]]);
    }

    #[test]
    fn lua_is_not_read_as_directives() {
        let lua =
            "x_by_lua_block { s = \"}\" -- }\n t = { 1, [[}]], [==[ ]] } ]==] } --[[ } ]] # '}' \n} a b;";
        assert_eq!(words(lua), [&["x_by_lua_block"][..], &["a", "b"]]);
        assert_eq!(problems(lua), []);
        assert_eq!(problems("x_by_lua_block { {"), [(ProblemKind::EndInBlock, 18)]);
    }

    #[test]
    fn words_and_comments_must_fit_into_the_buffer() {
        let kinds = |text: String| problems(&text).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(kinds(format!("a {};", "b".repeat(4095))), []);
        assert_eq!(kinds(format!("a {};", "b".repeat(4096))), [ProblemKind::TooLong]);
        assert_eq!(kinds(format!("a {} ;", "b".repeat(4094))), []);
        assert_eq!(kinds(format!("a {} ;", "b".repeat(4095))), [ProblemKind::TooLong]);
        assert_eq!(kinds(format!("a \"{}\" ;", "b".repeat(4093))), []);
        assert_eq!(kinds(format!("a \"{}\" ;", "b".repeat(4094))), [ProblemKind::TooLong]);
        assert_eq!(kinds(format!("a \"{}\";", "b".repeat(4094))), []);
        assert_eq!(kinds(format!("a \"{}\";", "b".repeat(4095))), [ProblemKind::TooLong]);
        assert_eq!(kinds(format!("a \"{}\";", "b".repeat(4096))), [ProblemKind::TooLongQuoted(b'"')]);
        assert_eq!(kinds(format!("#{}\n", "b".repeat(4094))), []);
        assert_eq!(kinds(format!("#{}\n", "b".repeat(4095))), [ProblemKind::TooLong]);
    }

    #[test]
    fn what_lies_too_deep_is_skipped_and_reported_once() {
        let text = format!("{}x y;{}z;", "a { ".repeat(1500), "} ".repeat(1500));
        assert_eq!(problems(&text).len(), 1);
        assert_eq!(words(&text).last(), Some(&vec!["z".to_string()]));
        assert_eq!(words(&text).len(), MAX_DEPTH + 1);
    }
}
