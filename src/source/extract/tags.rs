//! The tags of template engines: where one ends, and what it does with the text around it. Knows no configuration.

use std::ops::Range;

use super::marks::{format, marks, prose, shell, terraform};

/// What a tag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It makes text.
    Expression,
    /// The same, of another file or of several lines: `{% include %}`.
    Insert,
    /// Text up to the tag that closes it is there or not, or several times.
    Open,
    /// `else`: another text instead.
    Middle,
    Close,
    /// Text up to the tag that closes it is used elsewhere: a macro.
    Apart,
    /// Text up to its end is no template: `{% raw %}`.
    Raw,
    /// What stands here fills places of another file: `{% extends %}`.
    Extends,
    /// No text at all: a comment, an assignment.
    Silent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub range: Range<usize>,
    pub kind: Kind,
    /// What the tag says, without its marks.
    pub content: Range<usize>,
    /// White space before or behind is removed.
    pub trims: (bool, bool),
}

/// Which tags a text has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Engines {
    /// `{{ }}`.
    pub braces: bool,
    /// `{% %}` and `{# #}`, with which `{{ }}` holds no more than expressions.
    pub percent: bool,
    /// No `#}` closes what `{#` opens from here on.
    pub hashless: bool,
    /// `<% %>`.
    pub erb: bool,
    /// `${ }` and `%{ }` of Terraform.
    pub terraform: bool,
    /// `$NAME`, `${NAME}` and `$(command)`, and the backslashes that keep them.
    pub shell: bool,
    /// `%name%` and `${name}`, as scripts of one's own fill them in.
    pub marks: bool,
    /// `<your backend>` and the like.
    pub prose: bool,
    /// `{name}`, and `{{` for a brace, as Python's `format` has them.
    pub format: bool,
}

impl Engines {
    /// The tags of either.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            braces: self.braces || other.braces,
            percent: self.percent || other.percent,
            hashless: self.hashless && other.hashless,
            erb: self.erb || other.erb,
            terraform: self.terraform || other.terraform,
            shell: self.shell || other.shell,
            marks: self.marks || other.marks,
            prose: self.prose || other.prose,
            format: self.format || other.format,
        }
    }
}

impl Engines {
    pub fn any(self) -> bool {
        self.braces
            || self.percent
            || self.erb
            || self.terraform
            || self.shell
            || self.marks
            || self.prose
            || self.format
    }

    /// As a person calls it.
    pub fn name(self, bytes: &[u8]) -> &'static str {
        let has = |needle: &str| memchr::memmem::find(bytes, needle.as_bytes()).is_some();
        match self {
            Self { percent: true, .. } if has("{% assign") || has("{% unless") => "Liquid",
            Self { percent: true, .. } => "Jinja2",
            Self { terraform: true, .. } => "Terraform",
            Self { shell: true, .. } => "shell",
            Self { marks: true, braces: false, .. } => "",
            Self { erb: true, .. } => "ERB",
            Self { braces: true, .. } if has("{{#") || has("{{/") && !has("{{/*") || has("{{>") => {
                "Handlebars"
            }
            _ if has("{{ end")
                || has("{{- end")
                || has("{{end")
                || has("{{ .")
                || has("{{.")
                || has("{{ $") =>
            {
                "Go"
            }
            _ => "",
        }
    }
}

/// What begins at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Tag(Tag),
    /// A tag that never closes.
    Unclosed(Range<usize>),
    Nothing,
}

/// The next place from `at` on where a tag may begin.
pub fn next(bytes: &[u8], at: usize, engines: Engines) -> Option<usize> {
    let mut from = at;
    let outer = engines.terraform || engines.shell || engines.marks || engines.format || engines.prose;
    loop {
        let rest = bytes.get(from..)?;
        let place = from
            + match outer {
                true => rest
                    .iter()
                    .position(|byte| b"{}<$%\\`".contains(byte) || (engines.prose && b"[:".contains(byte)))?,
                false => memchr::memchr2(b'{', b'<', rest)?,
            };
        let braces = engines.braces || engines.percent;
        match (bytes[place], bytes.get(place + 1)) {
            (b'{', Some(b'{' | b'%')) if braces => return Some(place),
            (b'{', Some(b'#')) if engines.percent && !engines.hashless => return Some(place),
            (b'<', Some(b'%')) if engines.erb => return Some(place),
            (b'{' | b'}', Some(_)) if engines.format && format(bytes, place) != Found::Nothing => {
                return Some(place);
            }
            (b'<' | b'[' | b':', Some(_)) if engines.prose && prose(bytes, place) != Found::Nothing => {
                return Some(place);
            }
            (b'$' | b'%', Some(_)) if engines.marks && marks(bytes, place) != Found::Nothing => {
                return Some(place);
            }
            (b'$' | b'%', Some(_)) if engines.terraform && terraform(bytes, place) != Found::Nothing => {
                return Some(place);
            }
            (b'$' | b'`' | b'\\', Some(_)) if engines.shell && shell(bytes, place) != Found::Nothing => {
                return Some(place);
            }
            _ => from = place + 1,
        }
    }
}

/// The tag that begins at a place.
pub fn at(bytes: &[u8], start: usize, engines: Engines) -> Found {
    match &bytes[start..(start + 2).min(bytes.len())] {
        [b'{' | b'}', _] if engines.format => format(bytes, start),
        [b'$' | b'%', _] if engines.marks => marks(bytes, start),
        [b'<' | b'[' | b':', _] if engines.prose && prose(bytes, start) != Found::Nothing => {
            prose(bytes, start)
        }
        b"{{" => braces(bytes, start, engines),
        b"{%" => percent(bytes, start),
        b"{#" => hash(bytes, start),
        b"<%" => erb(bytes, start),
        [b'$' | b'%', _] if engines.terraform => terraform(bytes, start),
        [b'$' | b'`' | b'\\', _] if engines.shell => shell(bytes, start),
        _ => Found::Nothing,
    }
}

/// A tag whose content is `content` with its marks still there.
pub fn tag(bytes: &[u8], range: Range<usize>, mut content: Range<usize>, marks: &[u8]) -> Tag {
    let is_mark = |at: usize| bytes.get(at).is_some_and(|byte| marks.contains(byte));
    let before = content.start < content.end && is_mark(content.start);
    content.start += usize::from(before);
    let behind = content.start < content.end && is_mark(content.end - 1);
    content.end -= usize::from(behind);
    let inner = &bytes[content.clone()];
    content.start += inner.len() - inner.trim_ascii_start().len();
    content.end = content.start + inner.trim_ascii().len();
    Tag { range, kind: Kind::Expression, content, trims: (before, behind) }
}

fn braces(bytes: &[u8], start: usize, engines: Engines) -> Found {
    let triple = !engines.percent && bytes.get(start + 2) == Some(&b'{');
    let open = if triple { 3 } else { 2 };
    let inner = start + open;
    let trimmed = bytes[inner..].strip_prefix(b"-").unwrap_or(&bytes[inner..]).trim_ascii_start();
    // Comments hold anything.
    let comments: [(&[u8], &[u8]); 2] = [(b"/*", b"*/"), (b"!--", b"--")];
    if let Some((_, closing)) =
        comments.iter().find(|(opening, _)| !engines.percent && trimmed.starts_with(opening))
    {
        let found = memchr::memmem::find(&bytes[inner..], closing);
        let Some(end) = found.and_then(|at| end_of(bytes, inner + at, b"}}")) else {
            return Found::Unclosed(start..inner);
        };
        let tag = tag(bytes, start..end + 2, inner..end, b"-~");
        return Found::Tag(Tag { kind: Kind::Silent, ..tag });
    }
    let closing: &[u8] = if triple { b"}}}" } else { b"}}" };
    let Some(end) = code_end(bytes, inner, closing) else { return Found::Unclosed(start..inner) };
    let tag = tag(bytes, start..end + closing.len(), inner..end, b"-~");
    let kind = match engines.percent || triple {
        true => Kind::Expression,
        false => brace_kind(&bytes[tag.content.clone()]),
    };
    Found::Tag(Tag { kind, ..tag })
}

/// What a tag of Go's or Handlebars' does.
fn brace_kind(content: &[u8]) -> Kind {
    let word = first_word(content);
    match content.first() {
        Some(b'!') => return Kind::Silent,
        Some(b'#') => return Kind::Open,
        Some(b'/') => return Kind::Close,
        Some(b'^') if content.len() == 1 => return Kind::Middle,
        Some(b'^') => return Kind::Open,
        Some(b'>') => return Kind::Insert,
        Some(b'$') => {
            let name =
                content[1..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            let mut rest = content[1 + name..].trim_ascii_start();
            if let Some(second) = rest.strip_prefix(b",") {
                rest = second.trim_ascii_start();
            }
            let assigns = rest.starts_with(b":=") || (rest.starts_with(b"=") && !rest.starts_with(b"=="));
            return if assigns { Kind::Silent } else { Kind::Expression };
        }
        _ => {}
    }
    match word {
        b"if" | b"range" | b"with" | b"block" if content.len() > word.len() => Kind::Open,
        b"define" if content.len() > word.len() => Kind::Apart,
        b"else" => Kind::Middle,
        b"end" if content.len() == word.len() => Kind::Close,
        b"break" | b"continue" if content.len() == word.len() => Kind::Silent,
        b"template" | b"include" | b"tpl" => Kind::Insert,
        _ => Kind::Expression,
    }
}

fn percent(bytes: &[u8], start: usize) -> Found {
    let inner = start + 2;
    let Some(end) = code_end(bytes, inner, b"%}") else { return Found::Unclosed(start..inner) };
    let tag = tag(bytes, start..end + 2, inner..end, b"-+");
    let content = &bytes[tag.content.clone()];
    let word = first_word(content);
    let kind = match word {
        b"raw" | b"verbatim" => Kind::Raw,
        b"if" | b"for" | b"unless" | b"case" | b"block" | b"with" | b"filter" | b"autoescape" | b"trans"
        | b"tablerow" | b"spaceless" | b"ifchanged" => Kind::Open,
        b"else" | b"elif" | b"elsif" | b"elseif" | b"when" | b"empty" | b"pluralize" => Kind::Middle,
        b"macro" | b"call" | b"capture" | b"comment" | b"schema" => Kind::Apart,
        // Without `=` it is a block.
        b"set" if !content.contains(&b'=') => Kind::Apart,
        b"include" | b"render" | b"section" | b"sections" => Kind::Insert,
        b"extends" | b"layout" => Kind::Extends,
        _ if word.starts_with(b"end") => Kind::Close,
        _ => Kind::Silent,
    };
    Found::Tag(Tag { kind, ..tag })
}

fn hash(bytes: &[u8], start: usize) -> Found {
    let Some(end) = memchr::memmem::find(&bytes[start + 2..], b"#}").map(|at| start + 2 + at) else {
        return Found::Nothing;
    };
    let tag = tag(bytes, start..end + 2, start + 2..end, b"-+");
    Found::Tag(Tag { kind: Kind::Silent, ..tag })
}

fn erb(bytes: &[u8], start: usize) -> Found {
    let inner = start + 2;
    // Where another one opens first, this one was never closed.
    let mark = memchr::memchr_iter(b'%', &bytes[inner..]).map(|at| inner + at).find(|&at| {
        let opens = at > inner && bytes[at - 1] == b'<';
        bytes.get(at + 1) == Some(&b'>') || opens
    });
    let Some(end) = mark.filter(|&at| bytes.get(at + 1) == Some(&b'>')) else {
        return Found::Unclosed(start..inner);
    };
    let (kind, from) = match bytes[inner] {
        b'%' => return Found::Nothing,
        b'#' => (Some(Kind::Silent), inner + 1),
        b'=' => (Some(Kind::Expression), inner + 1),
        b'-' if bytes.get(inner + 1) == Some(&b'=') => (Some(Kind::Expression), inner + 2),
        _ => (None, inner),
    };
    let mut tag = tag(bytes, start..end + 2, from..end.max(from), b"-=~_");
    tag.kind = kind.unwrap_or_else(|| erb_kind(&bytes[tag.content.clone()]));
    Found::Tag(tag)
}

/// What a line of Ruby does, or of JavaScript (EJS) and Puppet (EPP).
fn erb_kind(code: &[u8]) -> Kind {
    let word = first_word(code);
    let opens_brace = code.ends_with(b"{") || opens_parameters(code, b'{');
    match word {
        b"else" | b"elsif" | b"when" | b"in" | b"rescue" | b"ensure" => Kind::Middle,
        b"end" => Kind::Close,
        _ if code.starts_with(b"}") => {
            if opens_brace {
                Kind::Middle
            } else {
                Kind::Close
            }
        }
        _ if opens_brace => Kind::Open,
        _ if code.ends_with(b"end") && code.len() > 3 && !code[code.len() - 4].is_ascii_alphanumeric() => {
            Kind::Silent
        }
        b"content_for" => Kind::Apart,
        b"if" | b"unless" | b"case" | b"while" | b"until" | b"for" | b"begin" => Kind::Open,
        _ if code.ends_with(b" do") || opens_parameters(code, b'o') => Kind::Open,
        b"yield" | b"render" | b"concat" => Kind::Insert,
        _ => Kind::Silent,
    }
}

/// `each do |x|` and `each { |x|`.
fn opens_parameters(code: &[u8], before: u8) -> bool {
    let Some(rest) = code.strip_suffix(b"|") else { return false };
    let Some(open) = memchr::memrchr(b'|', rest) else { return false };
    rest[..open].trim_ascii_end().last() == Some(&before)
}

pub fn first_word(content: &[u8]) -> &[u8] {
    let len = content.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    &content[..len]
}

/// Where code that holds strings and braces ends with `closing`; None where another tag opens first.
pub fn code_end(bytes: &[u8], from: usize, closing: &[u8]) -> Option<usize> {
    let mut at = from;
    let mut depth = 0_u32;
    loop {
        let rest = bytes.get(at..)?;
        let stop = at + rest.iter().position(|byte| b"{}%\"'`".contains(byte))?;
        let here = &bytes[stop..];
        if depth == 0 && here.starts_with(closing) {
            return Some(stop);
        }
        at = stop + 1;
        match here[0] {
            b'{' if closing.len() > 1 && matches!(here.get(1), Some(b'{' | b'%')) => return None,
            b'{' => depth += 1,
            b'}' if depth == 0 => return None,
            b'}' => depth -= 1,
            b'%' => {}
            quote => at = string_end(bytes, at, quote).unwrap_or(at),
        }
    }
}

/// Behind a string's closing quote; None where it isn't closed on its line, so that it is no string.
fn string_end(bytes: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut at = from;
    loop {
        match bytes.get(at)? {
            b'\\' if quote != b'`' => at += 2,
            b'\n' if quote != b'`' => return None,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The end of a comment: white space and trim marks may stand before `closing`.
fn end_of(bytes: &[u8], from: usize, closing: &[u8]) -> Option<usize> {
    memchr::memmem::find(&bytes[from..], closing).map(|at| from + at)
}
