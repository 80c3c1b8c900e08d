//! What Debian's `envvars` puts into the server's environment. Knows as much of the shell as such a file needs; what
//! it doesn't follow makes the names on that line unknown.

use std::path::Path;

use hashbrown::HashMap;

/// The longest file that is read, and the longest value that is kept: each may be made of many others.
const MAX_FILE: usize = 64 << 10;
const MAX_VALUE: usize = 4 << 10;

/// What the shipped file asks first: whether this is a second instance, in `/etc/apache2-NAME`.
const IS_INSTANCE: &[u8] = b"if [ \"${APACHE_CONFDIR##/etc/apache2-}\" != \"${APACHE_CONFDIR}\" ]";

/// Words that open and close what is run under a condition.
const OPENING: [&[u8]; 6] = [b"case", b"for", b"if", b"until", b"while", b"{"];
const CLOSING: [&[u8]; 4] = [b"done", b"esac", b"fi", b"}"];

/// Commands that may set anything.
const ANYTHING: [&[u8]; 4] = [b".", b"eval", b"read", b"source"];

/// Commands after which perhaps nothing is run.
const ENDING: [&[u8]; 2] = [b"exit", b"return"];

/// The variables that the file is sure to export, by name, where the main file lies in `directory`. A name that isn't
/// among them may have any value, or none.
pub fn envvars(bytes: &[u8], directory: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    if bytes.len() > MAX_FILE {
        return Vec::new();
    }
    // apache2ctl sets it before it reads the file.
    let name = directory.file_name().unwrap_or_default().as_encoded_bytes();
    let is_instance = name.starts_with(b"apache2-");
    let place = [&b"/etc/"[..], if is_instance { name } else { b"apache2" }].concat();
    let mut shell = Shell::default();
    shell.variables.insert(b"APACHE_CONFDIR".to_vec(), Variable { value: place, exported: false });
    for line in logical_lines(bytes) {
        shell.line(&line, is_instance);
    }
    let exported = shell.variables.into_iter().filter(|(_, variable)| variable.exported);
    let mut known: Vec<_> = exported.map(|(name, variable)| (name, variable.value)).collect();
    known.sort_unstable();
    known
}

/// The lines, those that end in a backslash joined with the next.
fn logical_lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    for line in bytes.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let open = lines.last_mut().expect("internal: there is a line");
        match line.strip_suffix(b"\\") {
            Some(begun) if !open.is_empty() || !line.trim_ascii().starts_with(b"#") => {
                open.extend_from_slice(begun);
            }
            _ => {
                open.extend_from_slice(line);
                lines.push(Vec::new());
            }
        }
    }
    lines
}

#[derive(Default)]
struct Shell {
    /// Those whose value is known.
    variables: HashMap<Vec<u8>, Variable>,
    /// For each block that is open, whether it is run.
    blocks: Vec<Option<bool>>,
    /// Something was left open at the end of its line, or may have ended the file: nothing after it is sure.
    lost: bool,
}

struct Variable {
    value: Vec<u8>,
    exported: bool,
}

/// A word after expansion.
#[derive(Default)]
struct Word {
    text: Vec<u8>,
    /// A part of the text isn't known, and left out.
    unknown: bool,
}

impl Shell {
    fn line(&mut self, line: &[u8], is_instance: bool) {
        let line = line.trim_ascii();
        if line.is_empty() || line[0] == b'#' {
            return;
        }
        if self.lost {
            return self.forget(line);
        }
        let first = line.split(|byte| byte.is_ascii_whitespace() || *byte == b';').next().unwrap_or_default();
        match first {
            b"then" if first == line => return,
            b"else" if first == line => {
                if let Some(block) = self.blocks.last_mut() {
                    *block = block.map(|runs| !runs);
                }
                return;
            }
            b"elif" => {
                if let Some(block) = self.blocks.last_mut() {
                    *block = None;
                }
                return self.forget(line);
            }
            _ => {}
        }
        let count = |known: &[&[u8]]| {
            let words = line.split(|byte| byte.is_ascii_whitespace() || b";()".contains(byte));
            words.filter(|word| known.contains(word)).count()
        };
        let (opened, closed) = (count(&OPENING), count(&CLOSING));
        let condition = line.strip_prefix(IS_INSTANCE).map(<[u8]>::trim_ascii);
        if condition.is_some_and(|rest| rest.is_empty() || rest == b"; then" || rest == b";then") {
            self.blocks.push(Some(is_instance));
        } else if opened + closed > 0 {
            self.blocks.extend(std::iter::repeat_n(None, opened.saturating_sub(closed)));
            self.blocks.truncate(self.blocks.len().saturating_sub(closed.saturating_sub(opened)));
            self.forget(line);
        } else if !self.blocks.contains(&Some(false)) {
            let sure = !self.blocks.contains(&None);
            if !sure || self.commands(line).is_none() {
                self.forget(line);
            }
        }
    }

    /// Whatever the line names isn't known any more.
    fn forget(&mut self, line: &[u8]) {
        let words = || line.split(|byte| byte.is_ascii_whitespace() || b";&|(){}".contains(byte));
        if words().any(|word| ANYTHING.contains(&word)) {
            self.variables.clear();
        }
        self.lost |= words().any(|word| ENDING.contains(&word));
        for name in line.split(|byte| !is_of_name(byte)) {
            self.variables.remove(name);
        }
        self.lost |= line.windows(2).any(|pair| pair == b"<<") || has_open_quote(line);
    }

    /// Runs the commands of a line; None where there is something that isn't followed.
    fn commands(&mut self, line: &[u8]) -> Option<()> {
        let mut rest = line;
        while !rest.is_empty() {
            let words;
            (words, rest) = self.words(rest)?;
            self.command(&words)?;
        }
        Some(())
    }

    fn command(&mut self, words: &[Word]) -> Option<()> {
        let Some(first) = words.first() else { return Some(()) };
        match &first.text[..] {
            b"export" => {
                if words.iter().any(|word| word.text.starts_with(b"-")) {
                    return None;
                }
                for word in &words[1..] {
                    let name = self.assign(word);
                    self.variables.entry(name).and_modify(|variable| variable.exported = true);
                }
            }
            b"unset" => {
                for word in &words[1..] {
                    self.variables.remove(&word.text);
                }
            }
            _ if words.iter().all(|word| assignment(&word.text).is_some()) => {
                // The first may be used by the next, but all were expanded at once.
                if words.len() > 1 {
                    return None;
                }
                self.assign(first);
            }
            b"ulimit" | b"umask" => {}
            _ => return None,
        }
        Some(())
    }

    /// Does what `NAME=VALUE` says and returns the name, as for `NAME` alone.
    fn assign(&mut self, word: &Word) -> Vec<u8> {
        let Some((name, value)) = assignment(&word.text) else { return word.text.clone() };
        let exported = self.variables.remove(name).is_some_and(|variable| variable.exported);
        if !word.unknown && value.len() <= MAX_VALUE {
            self.variables.insert(name.to_vec(), Variable { value: value.to_vec(), exported });
        }
        name.to_vec()
    }

    /// The words of the first command, and what follows it.
    fn words<'a>(&self, line: &'a [u8]) -> Option<(Vec<Word>, &'a [u8])> {
        let mut words: Vec<Word> = Vec::new();
        let mut word: Option<Word> = None;
        let mut quoted = false;
        let mut at = 0;
        while let Some(&byte) = line.get(at) {
            at += 1;
            match byte {
                b'"' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                b'`' => return None,
                b'\\' => {
                    let escaped = *line.get(at)?;
                    let text = &mut word.get_or_insert_default().text;
                    if quoted && !b"\"\\$`".contains(&escaped) {
                        text.push(b'\\');
                    }
                    text.push(escaped);
                    at += 1;
                }
                b'$' => at += self.expand(&line[at..], word.get_or_insert_default())?,
                _ if quoted => word.get_or_insert_default().text.push(byte),
                b'\'' => {
                    let end = memchr::memchr(b'\'', &line[at..])?;
                    word.get_or_insert_default().text.extend_from_slice(&line[at..at + end]);
                    at += end + 1;
                }
                b'#' if word.is_none() => at = line.len(),
                b';' => break,
                b'&' | b'|' | b'(' | b')' | b'<' | b'>' | b'~' | b'*' | b'?' | b'[' => return None,
                _ if byte.is_ascii_whitespace() => words.extend(word.take()),
                _ => word.get_or_insert_default().text.push(byte),
            }
        }
        words.extend(word);
        (!quoted).then_some((words, &line[at..]))
    }

    /// Adds what stands after a `$` to a word; returns how many bytes that took.
    fn expand(&self, rest: &[u8], word: &mut Word) -> Option<usize> {
        let (inside, used) = match rest.strip_prefix(b"{") {
            Some(braced) => {
                let end = memchr::memchr(b'}', braced)?;
                (&braced[..end], end + 2)
            }
            None => {
                let end = rest.iter().position(|byte| !is_of_name(byte)).unwrap_or(rest.len());
                (&rest[..end], end)
            }
        };
        let end = inside.iter().position(|byte| !is_of_name(byte)).unwrap_or(inside.len());
        let (name, operation) = inside.split_at(end);
        if name.is_empty() || name[0].is_ascii_digit() {
            return None;
        }
        let value = self.variables.get(name).map(|variable| &variable.value[..]);
        match (value, operation.strip_prefix(b"##")) {
            (Some(value), None) if operation.is_empty() => word.text.extend_from_slice(value),
            (Some(value), Some(prefix))
                if prefix.iter().all(|byte| is_of_name(byte) || b"/-.".contains(byte)) =>
            {
                word.text.extend_from_slice(value.strip_prefix(prefix).unwrap_or(value));
            }
            (None, _) if operation.is_empty() => word.unknown = true,
            _ => return None,
        }
        (word.text.len() <= 2 * MAX_VALUE).then_some(used)
    }
}

fn assignment(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', text)?;
    let name = &text[..equals];
    let is_name = !name.is_empty() && !name[0].is_ascii_digit() && name.iter().all(is_of_name);
    is_name.then_some((name, &text[equals + 1..]))
}

fn is_of_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// Whether quotes are left open at the end of a line.
fn has_open_quote(line: &[u8]) -> bool {
    let mut open = None;
    let mut bytes = line.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, open) {
            (b'\\', None | Some(b'"')) => drop(bytes.next()),
            (b'"' | b'\'' | b'`', None) => open = Some(byte),
            _ if open == Some(byte) => open = None,
            _ => {}
        }
    }
    open.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, directory: &str) -> Vec<(String, String)> {
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let known = envvars(text.as_bytes(), Path::new(directory));
        known.into_iter().map(|(name, value)| (text_of(name), text_of(value))).collect()
    }

    fn value(text: &str, name: &str) -> Option<String> {
        read(text, "/etc/apache2").into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    #[test]
    fn an_instance_has_paths_of_its_own() {
        let text = "unset HOME\nif [ \"${APACHE_CONFDIR##/etc/apache2-}\" != \"${APACHE_CONFDIR}\" ] ; then\n\
            \tSUFFIX=\"-${APACHE_CONFDIR##/etc/apache2-}\"\nelse\n\tSUFFIX=\nfi\n\
            export APACHE_RUN_USER=web\nexport APACHE_RUN_DIR=/run/apache2$SUFFIX\nexport LANG=C\nexport LANG\n";
        let expected = |directory: &str| {
            let pairs = [("APACHE_RUN_DIR", directory), ("APACHE_RUN_USER", "web"), ("LANG", "C")];
            pairs.map(|(name, value)| (name.to_string(), value.to_string()))
        };
        assert_eq!(read(text, "/etc/apache2"), expected("/run/apache2"));
        assert_eq!(read(text, "/w/deploy"), expected("/run/apache2"));
        assert_eq!(read(text, "/etc/apache2-blue"), expected("/run/apache2-blue"));
    }

    #[test]
    fn values_are_those_of_a_shell() {
        for (text, expected) in [
            ("export A=b", Some("b")),
            ("A=b", None),
            ("A=b\nexport A", Some("b")),
            ("A=b; export A # why", Some("b")),
            ("export B=1 A=b", Some("b")),
            ("export A=", Some("")),
            ("export A=\"b c\"\r\n", Some("b c")),
            ("export A='b $c'\"d\"e", Some("b $cde")),
            ("export A=b\\ c", Some("b c")),
            ("export A=b\\\nc", Some("bc")),
            ("export A=\"a\\b\\$\"", Some("a\\b$")),
            ("export A=b#c", Some("b#c")),
            ("# x \\\nexport A=b", Some("b")),
            ("X=b\nexport A=${X}c", Some("bc")),
            ("X=b\nexport A=$X\nX=c", Some("b")),
            ("export A=b\nA=c", Some("c")),
            ("export A=b\nunset A", None),
        ] {
            assert_eq!(value(text, "A").as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_followed_is_left_out() {
        for text in [
            "export A=$(hostname)",
            "export A=`hostname`",
            "export A=$UNSET",
            "export A=${X:-b}",
            "export A=$1",
            "export A=b\n[ -d /x ] && A=c",
            "export A=b\nif [ -d /x ]; then A=c; fi",
            "export A=b\nif [ -d /x ]; then\nA=c\nfi",
            "export A=b\nif [ -d /x ]; then\nX=1\nelse\nexport A=c\nfi",
            "case $X in\n a) export A=b ;;\nesac",
            "set_it(){\nexport A=b\n}",
            "export A=b\n. /etc/default/more",
            "export A=b\n[ -f x ] && . x",
            "cat <<END\nexport A=b\nEND",
            "X='\nexport A=b\n'",
            ": ${A:=b}\nexport A",
            "export A=b\nexport -n A",
            "[ -d /x ] || return\nexport A=b",
            "export A=~/x",
        ] {
            assert_eq!(value(text, "A"), None, "{text}");
        }
        assert_eq!(value("if [ -d /x ]; then\nA=c\nfi\nexport A=b", "A").as_deref(), Some("b"));
    }

    #[test]
    fn a_value_made_of_itself_ends_somewhere() {
        let text = "export A=xxxxxxxx\n".to_string() + &"A=$A$A$A$A\n".repeat(40);
        assert_eq!(value(&text, "A"), None);
    }
}
