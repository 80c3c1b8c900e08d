//! How the text around a directive is laid out: indentation, line ends, comments. Knows bytes, no grammar but `#`.

use std::ops::Range;

/// A directive in its file.
pub(super) struct Layout<'t> {
    bytes: &'t [u8],
    /// The directive with its terminator; a block to its end.
    own: Range<usize>,
    line_start: usize,
    /// Before the line's `\n`, or `\r\n`.
    line_end: usize,
    indent: &'t str,
    newline: &'static str,
    /// What one level of blocks is indented by.
    unit: String,
}

impl<'t> Layout<'t> {
    /// `child` is where the first directive of a block begins.
    pub(super) fn new(bytes: &'t [u8], own: Range<u32>, child: Option<u32>) -> Self {
        let own = own.start as usize..own.end as usize;
        let line_start = line_start(bytes, own.start);
        let end =
            bytes[own.end..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| own.end + at);
        let line_end = if end > own.end && bytes[end - 1] == b'\r' { end - 1 } else { end };
        let indent = indent(bytes, line_start);
        let crlf = match memchr::memchr(b'\n', &bytes[line_start..]) {
            Some(at) => bytes[..line_start + at].ends_with(b"\r"),
            None => memchr::memmem::find(bytes, b"\r\n").is_some(),
        };
        let inner = child.map(|child| line_start_indent(bytes, child as usize)).unwrap_or_default();
        let unit = match inner.strip_prefix(indent) {
            Some(unit) if !unit.is_empty() => unit,
            _ if indent.starts_with('\t') => "\t",
            _ => "    ",
        };
        let newline = if crlf { "\r\n" } else { "\n" };
        Self { bytes, line_start, line_end, indent, newline, unit: unit.to_string(), own }
    }

    /// Nothing but white space stands before the directive on its line.
    fn starts_line(&self) -> bool {
        let before = &self.bytes[self.line_start..self.own.start];
        before.strip_prefix(crate::source::BYTE_ORDER_MARK).unwrap_or(before).iter().all(is_blank)
    }

    /// Nothing but a comment stands behind the directive on its line.
    fn ends_line(&self) -> bool {
        let behind = &self.bytes[self.own.end..self.line_end];
        behind.iter().find(|byte| !is_blank(byte)).is_none_or(|&byte| byte == b'#')
    }

    /// A line with its inner indentation in the file's own unit.
    fn indented(&self, line: &str) -> String {
        let inner = line.trim_start_matches(' ');
        let levels = (line.len() - inner.len()) / 4;
        match inner.is_empty() {
            true => String::new(),
            false => format!("{}{}{inner}", self.indent, self.unit.repeat(levels)),
        }
    }

    /// Offset and text of an insertion above the directive and its comments.
    pub(super) fn above(&self, lines: &[String]) -> (u32, String) {
        if !self.starts_line() {
            return (self.own.start as u32, format!("{} ", inline(lines)));
        }
        let mut at = self.line_start;
        while at > 0 {
            let before = line_start(self.bytes, at - 1);
            let line = self.bytes[before..at].trim_ascii_start();
            if line.first() != Some(&b'#') {
                break;
            }
            at = before;
        }
        let mark = usize::from(self.bytes[at..].starts_with(crate::source::BYTE_ORDER_MARK)) * 3;
        let text = lines.iter().map(|line| format!("{}{}", self.indented(line), self.newline));
        ((at + mark) as u32, text.collect())
    }

    /// The same below it.
    pub(super) fn below(&self, lines: &[String]) -> (u32, String) {
        if !(self.starts_line() || self.bytes[self.own.clone()].contains(&b'\n')) || !self.ends_line() {
            return (self.own.end as u32, format!(" {}", inline(lines)));
        }
        let text = lines.iter().map(|line| format!("{}{}", self.newline, self.indented(line)));
        (self.line_end as u32, text.collect())
    }

    /// Text for the beginning of an empty block that opens before `at`.
    pub(super) fn within(&self, at: u32, lines: &[String]) -> String {
        let rest = &self.bytes[at as usize..];
        let gap = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if !rest[..gap].contains(&b'\n') {
            let space = if gap == 0 { " " } else { "" };
            return format!(" {}{space}", inline(lines));
        }
        let text =
            lines.iter().map(|line| format!("{}{}", self.newline, self.indented(&format!("    {line}"))));
        text.collect()
    }

    /// Text in place of the directive itself.
    pub(super) fn instead(&self, lines: &[String]) -> String {
        if !self.starts_line() {
            return inline(lines);
        }
        let rest = lines.iter().skip(1).map(|line| format!("{}{}", self.newline, self.indented(line)));
        lines.first().map(|line| line.trim_start().to_string()).into_iter().chain(rest).collect()
    }

    /// The bytes that are no more needed without the directive: its line, unless something else stands there.
    pub(super) fn whole_line(&self) -> Range<u32> {
        let behind = &self.bytes[self.own.end..self.line_end];
        let gap = behind.iter().take_while(|byte| is_blank(byte)).count();
        let alone = self.starts_line() && gap == behind.len();
        match alone {
            true => {
                let next = self.bytes[self.line_end..].iter().position(|&byte| byte == b'\n');
                let end = next.map_or(self.bytes.len(), |at| self.line_end + at + 1);
                self.line_start as u32..end as u32
            }
            false if gap < behind.len() => self.own.start as u32..(self.own.end + gap) as u32,
            false => {
                let before = self.bytes[self.line_start..self.own.start].iter().rev();
                let blanks = before.take_while(|byte| is_blank(byte)).count();
                (self.own.start - blanks) as u32..self.own.end as u32
            }
        }
    }
}

/// Lines on one line. A comment would swallow what follows.
fn inline(lines: &[String]) -> String {
    let lines =
        lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect::<Vec<_>>().join(" ")
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn line_start(bytes: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |feed| feed + 1)
}

/// The white space that a line begins with.
fn indent(bytes: &[u8], line_start: usize) -> &str {
    let line = &bytes[line_start..];
    let mark = usize::from(line_start == 0 && line.starts_with(crate::source::BYTE_ORDER_MARK)) * 3;
    let len = line[mark..].iter().take_while(|byte| is_blank(byte)).count();
    std::str::from_utf8(&line[mark..mark + len]).unwrap_or_default()
}

fn line_start_indent(bytes: &[u8], at: usize) -> &str {
    let start = line_start(bytes, at);
    let indent = indent(bytes, start);
    if start + indent.len() == at { indent } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where `part` stands in `text`, laid out.
    fn layout<'t>(text: &'t str, part: &str) -> Layout<'t> {
        let start = text.find(part).expect("there");
        Layout::new(text.as_bytes(), start as u32..(start + part.len()) as u32, None)
    }

    fn edited(text: &str, range: Range<u32>, new: &str) -> String {
        format!("{}{new}{}", &text[..range.start as usize], &text[range.end as usize..])
    }

    fn lines() -> [String; 2] {
        ["one {".to_string(), "    two;".to_string()]
    }

    #[test]
    fn lines_go_above_the_comments_of_a_directive_and_below_the_one_behind_it() {
        let text = "\ta;\n\n\t# of b\n\tb; # too\n\tc;\n";
        let (at, new) = layout(text, "b;").above(&lines());
        assert_eq!(edited(text, at..at, &new), "\ta;\n\n\tone {\n\t\ttwo;\n\t# of b\n\tb; # too\n\tc;\n");
        let (at, new) = layout(text, "b;").below(&lines());
        assert_eq!(edited(text, at..at, &new), "\ta;\n\n\t# of b\n\tb; # too\n\tone {\n\t\ttwo;\n\tc;\n");
    }

    #[test]
    fn what_shares_its_line_keeps_doing_so() {
        let text = "x { a; b; }\n";
        for (part, expected) in [("a;", "x { one { two; a; b; }\n"), ("b;", "x { a; one { two; b; }\n")] {
            let (at, new) = layout(text, part).above(&lines());
            assert_eq!(edited(text, at..at, &new), expected);
        }
        let (at, new) = layout(text, "a;").below(&lines());
        assert_eq!(edited(text, at..at, &new), "x { a; one { two; b; }\n");
    }

    #[test]
    fn a_directive_goes_with_its_line_and_without_its_comment() {
        for (text, expected) in [
            ("  a;\r\n  b;\r\n", "  a;\r\n"),
            ("  a;\n  b; # kept\n", "  a;\n  # kept\n"),
            ("x { a; b; }", "x { a; }"),
            ("x { b; a; }", "x { a; }"),
            ("  a;\n  b;", "  a;\n"),
        ] {
            let range = layout(text, "b;").whole_line();
            assert_eq!(edited(text, range, ""), expected);
        }
    }

    #[test]
    fn a_last_line_without_its_end_and_a_byte_order_mark_are_no_hindrance() {
        let text = "a;\r\nb;";
        let (at, new) = layout(text, "b;").below(&["c;".to_string()]);
        assert_eq!(edited(text, at..at, &new), "a;\r\nb;\r\nc;");
        let text = "\u{feff}a;\n";
        let (at, new) = layout(text, "a;").above(&["c;".to_string()]);
        assert_eq!(edited(text, at..at, &new), "\u{feff}c;\na;\n");
    }
}
