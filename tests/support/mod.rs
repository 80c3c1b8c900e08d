//! What the tests with real servers share: the place where an example runs, with its ports and its two backends.
//! Must not know wslint's verdicts, nor what any server makes of a configuration.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod backend;
pub mod client;
pub mod compare;
pub mod httpd;
pub mod nginx;
pub mod random;
pub mod random_httpd;
pub mod random_nginx;
pub mod server;
pub mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

use backend::{Backend, Request};
use server::Installed;

/// A temporary directory, ports and backends of its own: one running example knows nothing of another.
pub struct Site {
    dir: TempDir,
    pub port: u16,
    pub port2: u16,
    pub backend: Backend,
    pub backend2: Backend,
    dead: DeadPort,
}

impl Site {
    /// The directory holds `html/index.html` and empty `logs/` and `temp/`.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["html", "logs", "temp"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("html/index.html"), "static page\n").unwrap();
        // Both ports are held at once, so that they differ; the server must bind them soon.
        let (one, two) = (listener(), listener());
        Self {
            dir,
            port: one.local_addr().unwrap().port(),
            port2: two.local_addr().unwrap().port(),
            backend: Backend::start(),
            backend2: Backend::start(),
            dead: DeadPort::new(),
        }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// `text` with this site's values for `@PORT@`, `@PORT2@`, `@BACKEND@`, `@BACKEND2@`, `@DEAD@` and `@DIR@`.
    pub fn fill(&self, text: &str) -> String {
        text.replace("@PORT@", &self.port.to_string())
            .replace("@PORT2@", &self.port2.to_string())
            .replace("@BACKEND@", &self.backend.address().to_string())
            .replace("@BACKEND2@", &self.backend2.address().to_string())
            .replace("@DEAD@", &self.dead.address().to_string())
            .replace("@DIR@", &self.dir.path().display().to_string())
    }

    /// The content of a file of the directory, empty where there is none.
    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.dir.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What both backends received so far.
    pub fn requests(&self) -> Vec<Request> {
        let mut requests = self.backend.requests();
        requests.extend(self.backend2.requests());
        requests
    }
}

/// A port on which connections are refused for as long as this lives: it is the client's end of a connection,
/// so the system gives it to nobody else.
struct DeadPort {
    connection: TcpStream,
    _accepted: TcpStream,
}

impl DeadPort {
    fn new() -> Self {
        let listener = listener();
        let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Self { connection, _accepted: listener.accept().unwrap().0 }
    }

    fn address(&self) -> SocketAddr {
        self.connection.local_addr().unwrap()
    }
}

/// Listens on a loopback port of the system's choice.
pub fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// What `run` makes of every number below `count`, in order. A few run at a time, for most of them only wait.
pub fn in_parallel<T: Send>(count: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let result = run(index);
                    done.lock().unwrap().insert(index, result);
                }
            });
        }
    });
    done.into_inner().unwrap().into_values().collect()
}

/// `found`, or a skip that is seen even when the tests pass; with `WSLINT_SERVERS=required` a failure.
pub fn installed<S: Installed>(found: Option<S>) -> Option<S> {
    if found.is_none() {
        let required = std::env::var("WSLINT_SERVERS").is_ok_and(|value| value == "required");
        assert!(!required, "{} is not installed, and WSLINT_SERVERS=required", S::NAME);
        say(&format!("SKIPPED: {} is not installed, nothing was run on it", S::NAME));
    }
    found
}

/// Writes a line that the test runner does not swallow.
pub fn say(line: &str) {
    // Where nobody can read it, nobody misses it.
    let _ = writeln!(io::stderr(), "\n{line}");
}
