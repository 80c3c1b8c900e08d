//! What is measured: which configurations there are, and where they lie once they are made. Must not know who reads
//! them.

use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use crate::{apache, nginx};

/// Percent of the WebSocket routes that have a defect, where nothing else is said.
const BROKEN: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Nginx,
    Apache,
}

pub struct Input {
    pub name: &'static str,
    pub server: Server,
    /// Takes long enough to be measured only where it is asked for.
    pub large: bool,
    make: fn(&Path) -> io::Result<()>,
}

pub const NGINX_1M: Input = nginx("nginx-1m", |to| nginx::single(to, 1 << 20, BROKEN));
pub const NGINX_10M: Input = nginx("nginx-10m", |to| nginx::single(to, 10 << 20, BROKEN));
pub const NGINX_105M: Input =
    Input { large: true, ..nginx("nginx-105m", |to| nginx::single(to, 100 << 20, BROKEN)) };
pub const NGINX_TREE: Input = nginx("nginx-10000-files", |to| nginx::tree(to, 10_000, BROKEN));
pub const NGINX_SNIPPET: Input = nginx("nginx-10000-includes", |to| nginx::snippet(to, 10_000));
pub const NGINX_NESTED: Input = nginx("nginx-200-levels", |to| nginx::nested(to, 200));
pub const NGINX_FINDINGS: Input = nginx("nginx-100000-findings", |to| nginx::findings(to, 50_000));
pub const APACHE_1M: Input = apache("apache-1m", |to| apache::single(to, 1 << 20, BROKEN));
pub const APACHE_10M: Input = apache("apache-10m", |to| apache::single(to, 10 << 20, BROKEN));
pub const TEN_LINES: Input = nginx("ten-lines", nginx::ten_lines);

/// All but `TEN_LINES`, which is too short to say anything but how long a start takes.
pub const ALL: [Input; 9] = [
    NGINX_1M,
    NGINX_10M,
    NGINX_105M,
    NGINX_TREE,
    NGINX_SNIPPET,
    NGINX_NESTED,
    NGINX_FINDINGS,
    APACHE_1M,
    APACHE_10M,
];

/// Those that are one file and nothing else.
pub const SINGLE: [Input; 5] = [NGINX_1M, NGINX_10M, NGINX_105M, APACHE_1M, APACHE_10M];

/// A handshake that upgrades in every one of `ALL`.
pub const URL: &str = "ws://chat.example.com:18000/ws";

const fn nginx(name: &'static str, make: fn(&Path) -> io::Result<()>) -> Input {
    Input { name, server: Server::Nginx, large: false, make }
}

const fn apache(name: &'static str, make: fn(&Path) -> io::Result<()>) -> Input {
    Input { name, server: Server::Apache, large: false, make }
}

/// What makes the inputs, so that a change of it makes them anew.
const MAKERS: [&str; 5] = [
    include_str!("apache.rs"),
    include_str!("counted.rs"),
    include_str!("inputs.rs"),
    include_str!("nginx.rs"),
    include_str!("../support/random.rs"),
];

/// A directory of cargo's for what benchmarks leave behind.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("speed")
}

impl Input {
    /// The main file; made the first time.
    pub fn main_file(&self) -> PathBuf {
        let directory = self.made().unwrap_or_else(|error| panic!("{}: {error}", self.name));
        directory.join(match self.server {
            Server::Nginx => "nginx.conf",
            Server::Apache => "httpd.conf",
        })
    }

    fn made(&self) -> io::Result<PathBuf> {
        let mut hasher = DefaultHasher::new();
        MAKERS.iter().for_each(|text| hasher.write(text.as_bytes()));
        let all = directory().join("inputs");
        let current = all.join(format!("{:016x}", hasher.finish()));
        let made = current.join(self.name);
        if made.is_dir() {
            return Ok(made);
        }
        if !current.is_dir() && all.is_dir() {
            fs::remove_dir_all(&all)?;
        }
        // Nothing that was interrupted is ever taken for an input.
        let part = current.join(format!("{}.part", self.name));
        if part.is_dir() {
            fs::remove_dir_all(&part)?;
        }
        fs::create_dir_all(&part)?;
        (self.make)(&part)?;
        fs::rename(&part, &made)?;
        Ok(made)
    }

    /// The main file and all it includes.
    pub fn files(&self) -> Vec<PathBuf> {
        let main = self.main_file();
        let entries = walkdir::WalkDir::new(main.parent().expect("a directory"));
        let files = entries.into_iter().map(|entry| entry.expect("a directory that can be listed"));
        files.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
    }

    pub fn bytes(&self) -> u64 {
        self.files().iter().map(|file| fs::metadata(file).expect("a file").len()).sum()
    }
}

impl fmt::Display for Input {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.pad(self.name)
    }
}
