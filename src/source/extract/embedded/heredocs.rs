//! Here-documents of the shell and of Terraform. Knows how they begin and end and what is replaced in them, nothing else
//! of either language.

use super::{Quoted, lines};
use crate::source::extract::tags::Engines;

pub(super) fn read(bytes: &[u8], shell: bool) -> Vec<Quoted> {
    let mut found = Vec::new();
    let mut open: Option<Document> = None;
    for (at, line) in lines(bytes) {
        match &mut open {
            None => open = Document::opened(line, shell),
            Some(document) if document.ends(line) => found.extend(open.take().map(Document::finish)),
            Some(document) => document.lines.push((at, line)),
        }
    }
    // One that never ends is none.
    found
}

struct Document<'a> {
    word: &'a [u8],
    lines: Vec<(usize, &'a [u8])>,
    /// `<<-`.
    indented: bool,
    /// `<<'EOF'`.
    quoted: bool,
    name: &'a [u8],
    shell: bool,
}

impl<'a> Document<'a> {
    fn opened(line: &'a [u8], shell: bool) -> Option<Self> {
        let start = memchr::memmem::find(line, b"<<")?;
        if line.trim_ascii_start().starts_with(b"#") || line.get(start + 2) == Some(&b'<') {
            return None;
        }
        let rest = &line[start + 2..];
        let indented = rest.first() == Some(&b'-');
        let rest = rest[usize::from(indented)..].trim_ascii_start();
        let quote = rest.first().copied().filter(|first| shell && matches!(first, b'\'' | b'"' | b'\\'));
        let rest = &rest[usize::from(quote.is_some())..];
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let word = &rest[..len];
        if !word.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_') {
            return None;
        }
        let name = if shell { target(line) } else { line[..start].trim_ascii().trim_ascii_end() };
        Some(Self { word, lines: Vec::new(), indented, quoted: quote.is_some(), name, shell })
    }

    fn ends(&self, line: &[u8]) -> bool {
        let line = line.trim_ascii_end();
        let line = match (self.shell, self.indented) {
            (true, true) => line.trim_ascii_start(),
            (true, false) => line,
            (false, _) => line.trim_ascii_start(),
        };
        line == self.word
    }

    fn finish(self) -> Quoted {
        let mut quoted = Quoted::new(self.name);
        quoted.engines = match (self.shell, self.quoted) {
            (true, true) => Engines::default(),
            (true, false) => Engines { shell: true, ..Engines::default() },
            (false, _) => Engines { terraform: true, ..Engines::default() },
        };
        let blanks = |line: &[u8]| {
            let is_cut = |byte: &&u8| **byte == b'\t' || (!self.shell && **byte == b' ');
            line.iter().take_while(is_cut).count()
        };
        let full = self.lines.iter().filter(|(_, line)| !line.trim_ascii().is_empty());
        // Terraform cuts what all lines have, the shell every tab.
        let common = full.map(|(_, line)| blanks(line)).min().unwrap_or(0);
        for (at, line) in &self.lines {
            let cut = match (self.indented, self.shell) {
                (false, _) => 0,
                (true, true) => blanks(line),
                (true, false) => common.min(blanks(line)),
            };
            quoted.line(&line[cut..], at + cut);
        }
        quoted
    }
}

/// The file that the shell writes to.
fn target(line: &[u8]) -> &[u8] {
    let words = || line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let path = words().find(|word| word.contains(&b'/') || word.ends_with(b".conf"));
    path.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, shell: bool) -> Vec<String> {
        read(text.as_bytes(), shell)
            .iter()
            .map(|quoted| String::from_utf8_lossy(&quoted.text).into_owned())
            .collect()
    }

    #[test]
    fn documents_end_at_their_word() {
        let shell = "cat > /a.conf <<'EOF'\nx;\n EOF\nEOF\ncat <<-END\n\t\ty {\n\t}\n\tEND\n# <<A\ncat <<< b\ntee <<\"C\"\nz;\nC\n<<D\nlost\n";
        assert_eq!(found(shell, true), ["x;\n EOF\n", "y {\n}\n", "z;\n"]);
        let terraform = "a = <<-EOT\n    x {\n      y;\n    }\n  EOT\nb = <<E\n  z;\n  E\n";
        assert_eq!(found(terraform, false), ["x {\n  y;\n}\n", "  z;\n"]);
    }
}
