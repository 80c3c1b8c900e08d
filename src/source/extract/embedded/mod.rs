//! Configurations that stand inside files of other languages: where each begins and ends there, and whose it is. Knows
//! how those languages quote text, nothing of what it says.

mod fences;
mod heredocs;
mod looks;
mod yaml;

use std::path::{Path, PathBuf};

use super::tags::Engines;
use crate::source::BYTE_ORDER_MARK;
use crate::source::discover::Server;
use crate::source::files::{Entry, Files, Found, ReadError};
use crate::source::text::Piece;

/// How many configurations of one file are read.
const MAX_PARTS: usize = 1000;

/// A configuration inside a file.
#[derive(Clone, Debug)]
pub struct Part {
    /// Without what the file indents it by.
    pub text: Vec<u8>,
    /// Where its lines stand in the file; the first at 0.
    pub pieces: Vec<Piece>,
    pub server: Server,
    /// What the language around puts into it.
    pub(super) engines: Engines,
}

impl Part {
    /// The offset in the file of a byte of the text.
    pub fn to_file(&self, at: u32) -> u32 {
        to_file(&self.pieces, at)
    }
}

fn to_file(pieces: &[Piece], at: u32) -> u32 {
    let after = pieces.partition_point(|piece| piece.parsed <= at);
    after.checked_sub(1).map_or(at, |index| pieces[index].original + (at - pieces[index].parsed))
}

/// A language that configurations stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Markdown,
    Shell,
    Terraform,
    Yaml,
}

/// By a file's ending, that of a template around it left out.
const ENDINGS: [(&str, Language); 12] = [
    ("bash", Language::Shell),
    ("hcl", Language::Terraform),
    ("markdown", Language::Markdown),
    ("md", Language::Markdown),
    ("mdx", Language::Markdown),
    ("nomad", Language::Terraform),
    ("sh", Language::Shell),
    ("tf", Language::Terraform),
    ("tofu", Language::Terraform),
    ("yaml", Language::Yaml),
    ("yml", Language::Yaml),
    ("zsh", Language::Shell),
];

impl Language {
    pub fn of(path: &Path) -> Option<Self> {
        let stem = path.file_stem().map(Path::new).filter(|_| super::detect::is_named(path));
        let ending = stem.unwrap_or(path).extension()?.to_str()?;
        ENDINGS.iter().find(|(known, _)| ending.eq_ignore_ascii_case(known)).map(|&(_, language)| language)
    }

    /// For a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Markdown => "Markdown",
            Self::Shell => "shell script",
            Self::Terraform => "Terraform (HCL)",
            Self::Yaml => "YAML",
        }
    }
}

/// Text as a language quotes it.
struct Quoted {
    text: Vec<u8>,
    pieces: Vec<Piece>,
    /// What it is called: a key, the file that it is written to.
    name: Vec<u8>,
    /// Whose it is, where the language says so.
    server: Option<Server>,
    engines: Engines,
}

impl Quoted {
    fn new(name: &[u8]) -> Self {
        let (text, pieces) = (Vec::new(), Vec::new());
        Self { text, pieces, name: name.to_vec(), server: None, engines: Engines::default() }
    }

    fn part(self, server: Server) -> Part {
        let Self { text, pieces, engines, .. } = self;
        Part { text, pieces, server, engines }
    }

    /// Whether the text is a shell script, whatever the most of it is; what its language names is none.
    fn is_script(&self) -> bool {
        let begins = self.text.trim_ascii_start().starts_with(b"#!");
        self.server.is_none() && (begins || !heredocs::read(&self.text, true).is_empty())
    }

    /// Takes the second of two dollar signs out.
    fn halve_dollars(&mut self) {
        let (text, pieces) = (std::mem::take(&mut self.text), std::mem::take(&mut self.pieces));
        let mut pieces = pieces.into_iter().peekable();
        let mut doubled = false;
        let mut is_new = true;
        let mut original = 0;
        for (at, &byte) in text.iter().enumerate() {
            if let Some(piece) = pieces.next_if(|piece| piece.parsed as usize <= at) {
                original = piece.original as usize;
                is_new = true;
            }
            doubled = byte == b'$' && !doubled && at > 0 && text[at - 1] == b'$';
            if doubled {
                is_new = true;
            } else {
                if is_new {
                    let parsed = self.text.len() as u32;
                    self.pieces.push(Piece { parsed, original: original as u32 });
                    is_new = false;
                }
                self.text.push(byte);
            }
            original += 1;
        }
    }

    /// The configurations that the text writes to files, where it is a shell script.
    fn scripted(&self) -> Vec<Part> {
        let inner = heredocs::read(&self.text, true);
        let parts = inner.into_iter().filter(|quoted| !quoted.pieces.is_empty()).filter_map(|mut quoted| {
            for piece in &mut quoted.pieces {
                piece.original = to_file(&self.pieces, piece.original);
            }
            quoted.engines = quoted.engines.and(self.engines);
            let server = looks::server(&quoted)?;
            Some(quoted.part(server))
        });
        parts.collect()
    }

    /// Adds a line, which stands at `at` in the file.
    fn line(&mut self, line: &[u8], at: usize) {
        self.pieces.push(Piece { parsed: self.text.len() as u32, original: at as u32 });
        self.text.extend_from_slice(line);
    }
}

/// The configurations that stand in a file.
pub fn parts(path: &Path, bytes: &[u8]) -> Vec<Part> {
    let Some(language) = Language::of(path) else { return Vec::new() };
    let quoted = match language {
        Language::Markdown => fences::read(bytes),
        Language::Shell => heredocs::read(bytes, true),
        Language::Terraform => heredocs::read(bytes, false),
        Language::Yaml => yaml::read(bytes),
    };
    let quoted = quoted.into_iter().filter(|quoted| !quoted.pieces.is_empty());
    let parts = quoted.flat_map(|quoted| match looks::server(&quoted) {
        // A machine's first script, as Terraform and cloud-init have it, writes files in its turn.
        _ if language != Language::Shell && quoted.is_script() => quoted.scripted(),
        Some(server) => vec![quoted.part(server)],
        None => Vec::new(),
    });
    parts.take(MAX_PARTS).collect()
}

/// Lines with their line feeds, and where each begins.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mark = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut at = mark;
    bytes[mark..].split_inclusive(|&byte| byte == b'\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

/// How many blanks begin a line.
fn indentation(line: &[u8]) -> usize {
    line.iter().take_while(|&&byte| byte == b' ').count()
}

/// The file that holds a part, and nothing else: what the part includes lies where it is deployed.
pub struct Alone<'a> {
    files: &'a dyn Files,
    path: PathBuf,
    canonical: PathBuf,
    part: Part,
}

impl<'a> Alone<'a> {
    /// # Errors
    /// Where the file is not there.
    pub fn new(files: &'a dyn Files, path: &Path, part: Part) -> Result<Self, ReadError> {
        Ok(Self { files, path: path.to_owned(), canonical: files.canonical(path)?, part })
    }

    fn is_it(&self, path: &Path) -> bool {
        path == self.path || path == self.canonical
    }
}

impl Files for Alone<'_> {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        if self.is_it(path) { self.files.read(path, limit) } else { Err(ReadError::NotFound) }
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        if self.is_it(path) { self.files.head(path, limit) } else { Err(ReadError::NotFound) }
    }

    fn list(&self, _: &Path) -> Result<Vec<Entry>, ReadError> {
        Err(ReadError::NotFound)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        if self.is_it(path) { Ok(self.canonical.clone()) } else { Err(ReadError::NotFound) }
    }

    fn look(&self, path: &Path) -> Found {
        if self.is_it(path) { Found::File } else { Found::Unseen }
    }

    fn part(&self, path: &Path) -> Option<&Part> {
        self.is_it(path).then_some(&self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_inside_a_script_leads_back_to_the_file() {
        let server = "server {\n        listen 80;\n        location /ws { proxy_pass http://b; }\n    }";
        let terraform = format!(
            "user_data = <<-EOF\n    #!/bin/sh\n    cat > /etc/nginx/a.conf <<'CONF'\n    {server}\n    CONF\n  EOF\n"
        );
        let yaml = format!("runcmd: |\n    cat > /etc/nginx/a.conf <<'CONF'\n    {server}\n    CONF\n");
        for (path, text) in [("main.tf", terraform), ("cloud.yaml", yaml)] {
            let parts = parts(Path::new(path), text.as_bytes());
            let [part] = &parts[..] else { panic!("{path}: {} parts", parts.len()) };
            let at = memchr::memmem::find(&part.text, b"proxy_pass").expect("the line");
            assert_eq!(&text.as_bytes()[part.to_file(at as u32) as usize..][..10], b"proxy_pass", "{path}");
        }
    }

    #[test]
    fn two_dollar_signs_of_compose_are_one() {
        let text = "services:\n  a:\n    image: nginx\nconfigs:\n  nginx.conf:\n    content: |\n      events {}\n      http {\n        server {\n          location /ws {\n            proxy_pass http://b;\n            proxy_set_header Upgrade $$http_upgrade; proxy_set_header Host $$$$host;\n          }\n        }\n      }\n";
        let parts = parts(Path::new("compose.yaml"), text.as_bytes());
        let [part] = &parts[..] else { panic!("{} parts", parts.len()) };
        let read = String::from_utf8_lossy(&part.text).into_owned();
        assert!(read.contains("Upgrade $http_upgrade; proxy_set_header Host $$host;"), "{read}");
        for word in ["http_upgrade", "Host", "server {"] {
            let at = read.find(word).expect("the word") as u32;
            assert_eq!(&text[part.to_file(at) as usize..][..word.len()], word);
        }
        let other = text.replace("services:", "apiVersion: v1");
        let part = super::parts(Path::new("map.yaml"), other.as_bytes()).remove(0);
        assert!(String::from_utf8_lossy(&part.text).contains("$$http_upgrade"));
    }
}
