//! A sign of life for whoever waits at a terminal: shown after half a second, on standard error alone. Knows how many
//! files were read, nothing of what is in them.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::report::summary::counted;
use crate::source::files::{Entry, Files, Found, ReadError};

/// Who waits no longer than this sees nothing.
const PATIENCE: Duration = Duration::from_millis(500);

const TICK: Duration = Duration::from_millis(100);

/// Shows that wslint is at work, as long as it is kept.
pub struct Progress {
    shared: Arc<Shared>,
    shows: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    read: AtomicUsize,
    is_done: AtomicBool,
}

impl Progress {
    /// Nothing is shown where `quiet` is set or standard error is no terminal.
    pub fn start(quiet: bool) -> Self {
        let shared = Arc::new(Shared::default());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_wanted = !quiet && !is_dumb && std::io::stderr().is_terminal();
        let of_thread = shared.clone();
        let shows = is_wanted.then(|| thread::spawn(move || show(&of_thread)));
        Self { shared, shows }
    }

    /// The same files, of which those that are read are counted.
    pub fn counting<'a>(&self, files: &'a dyn Files) -> impl Files + use<'a> {
        Counting { files, shared: self.shared.clone() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.is_done.store(true, Ordering::Relaxed);
        if let Some(shows) = self.shows.take() {
            shows.thread().unpark();
            // A sign of life that failed is no reason to fail.
            let _ = shows.join();
        }
    }
}

fn show(shared: &Shared) {
    thread::park_timeout(PATIENCE);
    if shared.is_done.load(Ordering::Relaxed) {
        return;
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
        bar.set_style(style);
    }
    while !shared.is_done.load(Ordering::Relaxed) {
        let read = shared.read.load(Ordering::Relaxed);
        bar.set_message(format!("wslint: {} read", counted(read, "file")));
        bar.tick();
        thread::park_timeout(TICK);
    }
    bar.finish_and_clear();
}

struct Counting<'a> {
    files: &'a dyn Files,
    shared: Arc<Shared>,
}

impl Files for Counting<'_> {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        self.shared.read.fetch_add(1, Ordering::Relaxed);
        self.files.read(path, limit)
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        self.files.head(path, limit)
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        self.files.list(directory)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        self.files.canonical(path)
    }

    fn look(&self, path: &Path) -> Found {
        self.files.look(path)
    }
}
