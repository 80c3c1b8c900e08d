//! A small tree as one text, so that one input can be several files: lines that begin with `#=` say what the lines below
//! them are. Must not know what a server or wslint makes of any of it.
//!
//! ```text
//! #= apache conf/httpd.conf      (or nginx: whose the tree is, and the name of its main file)
//! #= target 2.4.62               (versions; without it, all in use)
//! #= url wss://a.test/ws         (the handshake to follow)
//! #= header Origin: http://b     (a header of it)
//! Include conf.d/*.conf
//! #= file conf.d/site.conf
//! ProxyPass /ws ws://127.0.0.1:9000/ws
//! ```

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::path::{Path, PathBuf};

use wslint::effective::Target;
use wslint::effective::version::Versions;
use wslint::handshake::Url;
use wslint::source::files::{Memory, normal};
use wslint::tree::apache::Given;
use wslint::tree::{Limits, Options};

/// A tree, and what is asked of it.
#[derive(Clone, Debug)]
pub struct Case {
    pub apache: bool,
    pub versions: Option<Versions>,
    pub url: Url,
    pub headers: Vec<(String, String)>,
    /// Paths relative to the linted root; the first is the main file.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

/// Far below wslint's own, so that an input that grows without end is soon met by them.
const LIMITS: Limits = Limits {
    file_bytes: 1 << 16,
    total_bytes: 1 << 20,
    files: 100,
    include_depth: 12,
    grafted_directives: 20_000,
    glob_results: 100,
};

impl Case {
    /// Reads the form above; whatever cannot be read so is text of a file.
    pub fn parse(input: &[u8]) -> Self {
        let mut case = Self {
            apache: false,
            versions: None,
            url: "ws://a.test/ws".parse().expect("a URL"),
            headers: Vec::new(),
            files: vec![("nginx.conf".into(), Vec::new())],
        };
        for line in input.split_inclusive(|&byte| byte == b'\n') {
            let said = line.strip_prefix(b"#= ").and_then(|said| std::str::from_utf8(said).ok());
            if said.and_then(|said| case.obey(said.trim())).is_none() {
                let (_, text) = case.files.last_mut().expect("the main file is there");
                text.extend_from_slice(line);
            }
        }
        case
    }

    fn obey(&mut self, said: &str) -> Option<()> {
        let (what, value) = said.split_once(' ')?;
        match what {
            "nginx" | "apache" => {
                self.apache = what == "apache";
                self.files[0].0 = value.into();
            }
            "target" => self.versions = Some(value.parse().ok()?),
            "url" => self.url = value.parse().ok()?,
            "header" => {
                let (name, value) = value.split_once(':')?;
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                if name.is_empty() || !name.bytes().all(is_name) {
                    return None;
                }
                self.headers.push((name.to_string(), value.trim().to_string()));
            }
            "file" => self.files.push((value.into(), Vec::new())),
            _ => return None,
        }
        Some(())
    }

    /// The text that `parse` reads.
    pub fn text(&self) -> Vec<u8> {
        let server = if self.apache { "apache" } else { "nginx" };
        let mut text = format!("#= {server} {}\n", self.files[0].0.display()).into_bytes();
        text.extend(format!("#= url {}\n", self.url.text).bytes());
        for (name, value) in &self.headers {
            text.extend(format!("#= header {name}: {value}\n").bytes());
        }
        for (index, (path, content)) in self.files.iter().enumerate() {
            if index > 0 {
                text.extend(format!("#= file {}\n", path.display()).bytes());
            }
            text.extend_from_slice(content);
            if !content.ends_with(b"\n") && !content.is_empty() {
                text.push(b'\n');
            }
        }
        text
    }

    fn root(&self) -> &'static Path {
        Path::new(if self.apache { "/etc/apache2" } else { "/etc/nginx" })
    }

    fn path(&self, name: &Path) -> PathBuf {
        normal(&self.root().join(name))
    }

    pub fn main(&self) -> PathBuf {
        self.path(&self.files[0].0)
    }

    pub fn memory(&self) -> Memory {
        let memory = Memory::default().with_device("/dev/null").with_device("/dev/zero");
        let files = self.files.iter().rev();
        files.fold(memory, |memory, (name, text)| memory.with(self.path(name), text.clone()))
    }

    pub fn options(&self) -> Options {
        let last = self.target().apache.last;
        let given = || Given { version: [last.major, last.minor, last.patch], ..Given::default() };
        Options {
            prefix: self.main().parent().unwrap_or(self.root()).into(),
            root: self.root().into(),
            maps: Vec::new(),
            limits: LIMITS,
            apache: self.apache.then(given),
        }
    }

    pub fn target(&self) -> Target {
        let all = Target::default();
        match self.versions {
            None => all,
            Some(apache) if self.apache => Target { apache, named: true, ..all },
            Some(nginx) => Target { nginx, named: true, ..all },
        }
    }
}
