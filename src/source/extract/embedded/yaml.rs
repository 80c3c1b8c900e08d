//! Literal block scalars of YAML (`key: |`), line by line, so that a Helm template, which is no YAML, is read too. Knows
//! their indentation, nothing else of YAML.

use super::{Quoted, indentation, lines};
use crate::source::discover::Server;

pub(super) fn read(bytes: &[u8]) -> Vec<Quoted> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in lines(bytes) {
        if let Some(block) = &mut open {
            if block.take(at, line) {
                continue;
            }
            found.extend(open.take().and_then(Block::finish));
        }
        open = Header::read(line).map(Block::new);
    }
    found.extend(open.and_then(Block::finish));
    if is_compose(bytes) {
        found.iter_mut().for_each(Quoted::halve_dollars);
    }
    found
}

/// Whether it is a file of Compose, for which a dollar sign is written `$$`.
fn is_compose(bytes: &[u8]) -> bool {
    let begins = |start: &[u8]| lines(bytes).any(|(_, line)| line.starts_with(start));
    begins(b"services:") && !begins(b"apiVersion:")
}

/// The line before a block scalar.
struct Header<'a> {
    key: &'a [u8],
    /// The column of the key, or of the dash.
    column: usize,
    /// How much further in the text stands, where the header says so.
    indentation: Option<usize>,
    folded: bool,
}

impl<'a> Header<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        let column = indentation(line);
        if line.get(column) == Some(&b'#') {
            return None;
        }
        let (start, header) = header_at(line)?;
        let before = line[column..start].trim_ascii_end();
        let mut rest = before;
        let mut column = column;
        let mut dash = None;
        while let Some(behind) = rest.strip_prefix(b"-") {
            dash = Some(column);
            let gap = indentation(behind);
            column += 1 + gap;
            rest = &behind[gap..];
        }
        // A tag or an anchor may stand before the mark.
        while let Some(place) = rest.iter().rposition(|&byte| byte == b' ')
            && matches!(rest.get(place + 1), Some(b'!' | b'&'))
        {
            rest = rest[..place].trim_ascii_end();
        }
        let key = match rest {
            [] => b"",
            rest => rest.strip_suffix(b":")?.trim_ascii(),
        };
        let column = if key.is_empty() { dash? } else { column };
        let mut indentation = None;
        for byte in &header[1..] {
            match byte {
                b'1'..=b'9' if indentation.is_none() => indentation = Some(usize::from(byte - b'0')),
                b'+' | b'-' => {}
                _ => return None,
            }
        }
        let key = key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\"")).unwrap_or(key);
        Some(Self { key, column, indentation, folded: header[0] == b'>' })
    }
}

/// `|` or `>` and what belongs to it, at the end of a line or before a comment; and where it begins.
fn header_at(line: &[u8]) -> Option<(usize, &[u8])> {
    let comment = line.windows(2).position(|pair| pair == b" #").unwrap_or(line.len());
    let line = line[..comment].trim_ascii_end();
    let start = line.iter().rposition(|&byte| byte == b' ').map_or(0, |at| at + 1);
    let word = &line[start..];
    (matches!(word.first(), Some(b'|' | b'>')) && word.len() <= 3 && start > 0).then_some((start, word))
}

struct Block {
    quoted: Quoted,
    column: usize,
    /// That of the text, once it is known.
    indentation: Option<usize>,
    folded: bool,
}

impl Block {
    fn new(header: Header) -> Self {
        let mut quoted = Quoted::new(header.key);
        quoted.server = snippet(header.key);
        let indentation = header.indentation.map(|further| header.column + further);
        Self { quoted, column: header.column, indentation, folded: header.folded }
    }

    /// Whether a line still belongs to the block.
    fn take(&mut self, at: usize, line: &[u8]) -> bool {
        let own = indentation(line);
        let is_empty = line.trim_ascii().is_empty();
        if is_empty {
            let cut = self.indentation.unwrap_or(own).min(own).min(line.len());
            self.quoted.line(&line[cut..], at + cut);
            return true;
        }
        let tag = is_tag(line.trim_ascii());
        if self.indentation.is_none() && !tag {
            if own <= self.column {
                return false;
            }
            self.indentation = Some(own);
        }
        let cut = self.indentation.unwrap_or(own);
        if own < cut && !tag {
            return false;
        }
        let cut = cut.min(own);
        self.quoted.line(&line[cut..], at + cut);
        true
    }

    fn finish(self) -> Option<Quoted> {
        (!self.folded && self.indentation.is_some()).then_some(self.quoted)
    }
}

/// A line of Helm's alone, which is gone before anybody looks at indentation.
fn is_tag(line: &[u8]) -> bool {
    line.starts_with(b"{{") && line.ends_with(b"}}") && memchr::memmem::find(&line[2..], b"{{").is_none()
}

/// Annotations of the ingress controller that hold lines of nginx's.
fn snippet(key: &[u8]) -> Option<Server> {
    const SNIPPETS: [&[u8]; 6] = [
        b"auth-snippet",
        b"configuration-snippet",
        b"http-snippet",
        b"location-snippet",
        b"server-snippet",
        b"stream-snippet",
    ];
    let name = key.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let name = name.strip_suffix(b"s").unwrap_or(name);
    SNIPPETS.contains(&name).then_some(Server::Nginx)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<(String, String)> {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        read(text.as_bytes()).iter().map(|quoted| (shown(&quoted.name), shown(&quoted.text))).collect()
    }

    fn pair(key: &str, text: &str) -> (String, String) {
        (key.to_string(), text.to_string())
    }

    #[test]
    fn blocks_end_where_their_indentation_does() {
        let text = "data:\n  a.conf: |\n    x {\n      y;\n\n    }\n  b: |-\n\n    z;\n  c: 1\n- d: |\n    u;\n  e: |\n  f: |\n  v\n";
        assert_eq!(
            blocks(text),
            [pair("a.conf", "x {\n  y;\n\n}\n"), pair("b", "\nz;\n"), pair("d", "u;\n")]
        );
    }

    #[test]
    fn headers_have_indentation_tags_and_comments_and_folded_text_is_none() {
        let text = "a: |2  # text\n    x;\nb: !!str |+\n y;\nc: >\n z;\n- |\n u;\n- - k: |1-\n     v;\nd: a | b\n# e: |\n w;\n";
        let expected = [pair("a", "  x;\n"), pair("b", "y;\n"), pair("", "u;\n"), pair("k", "v;\n")];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn lines_of_helm_do_not_end_a_block() {
        let text = "a: |\n{{- if .x }}\n  y;\n{{- end }}\n  z;\nb: 1\n";
        assert_eq!(blocks(text), [pair("a", "{{- if .x }}\ny;\n{{- end }}\nz;\n")]);
    }

    #[test]
    fn tabs_and_what_is_no_yaml_end_nothing_badly() {
        for text in
            ["a: |\n\tx;\n", "a: |", "|\n x", ": |\n x", "- - |\n", "a: |99\n x\n", "\u{0}: |\n\u{ff}"]
        {
            blocks(text);
        }
        assert_eq!(blocks("a: |\n  x;\n\ty;\nb: 1\n"), [pair("a", "x;\n")]);
    }
}
