//! What every installed server does alike: it is asked whether it loads a configuration, runs it in a place of its
//! own, and is gone when dropped. Must not know cards, nor what a configuration is meant to show.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use wslint::effective::version::Version;
use wslint::engine::card::Server;

use super::Site;

/// A server that is installed here.
pub trait Installed: Sync {
    const SERVER: Server;
    /// What people call it.
    const NAME: &'static str;
    /// The name of the configuration in the site's directory.
    const MAIN_FILE: &'static str;
    /// What has it only test the configuration.
    const TEST: &'static [&'static str];
    /// What has it run in the foreground.
    const RUN: &'static [&'static str];
    /// Written in the site's directory as soon as it listens.
    const PID_FILE: &'static str;
    /// It has to be asked to end, so that it takes them along.
    const HAS_CHILDREN: bool;

    fn version(&self) -> Version;

    /// The command for a configuration in the site's directory, but for `TEST` or `RUN`. `config` is what the test wrote.
    fn command(&self, site: &Site, config: &str) -> Command;

    /// A file's text as it is written to the site's directory; every line stays where it is.
    fn adapted(&self, text: &str) -> String {
        text.to_owned()
    }

    /// Why `config` can't be loaded here, as far as that is a matter of what is installed.
    fn lacks(&self, _config: &str) -> Option<String> {
        None
    }

    /// Starts it on `config`, placeholders and all.
    fn start(&self, config: &str) -> Result<Running, Refusal> {
        self.start_with(config, &[])
    }

    /// Starts it on `config` beside further files, given as path and text, placeholders and all.
    fn start_with(&self, config: &str, files: &[(&str, &str)]) -> Result<Running, Refusal> {
        let mut attempts = 0;
        loop {
            match self.start_once(config, files) {
                // Somebody took the port between its choice and its use.
                Err(refusal) if refusal.message.contains("Address already in use") && attempts < 4 => {
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    fn start_once(&self, config: &str, files: &[(&str, &str)]) -> Result<Running, Refusal> {
        let site = Site::new();
        for (path, text) in files.iter().chain([&(Self::MAIN_FILE, config)]) {
            let path = site.dir().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, site.fill(&self.adapted(text))).unwrap();
        }
        let mut test = Process::spawn::<Self>(self.command(&site, config).args(Self::TEST), &site);
        match test.wait(|| false) {
            Some(status) if status.success() => {}
            Some(_) => return Err(Refusal { message: site.read(OUTPUT), site: site.into() }),
            None => {
                let message = format!("its own test did not end\n{}", site.read(OUTPUT));
                return Err(Refusal { message, site: site.into() });
            }
        }
        let process = Process::spawn::<Self>(self.command(&site, config).args(Self::RUN), &site);
        let mut running = Running { process, site };
        let pid = running.site.dir().join(Self::PID_FILE);
        let started = || fs::metadata(&pid).is_ok_and(|file| file.len() > 0);
        match running.process.wait(started) {
            None if started() => Ok(running),
            _ => Err(Refusal { message: running.log(), site: running.site.into() }),
        }
    }
}

/// A running server; dropped, it is gone.
pub struct Running {
    // First, so that it ends before its place goes.
    process: Process,
    pub site: Site,
}

/// What a server says where it does not load a configuration or does not start, and the place it was tried in.
pub struct Refusal {
    pub message: String,
    pub site: Box<Site>,
}

/// What a server says before it has its log, in the site's directory.
const OUTPUT: &str = "output";
/// The log in the site's directory, to which every server here writes.
pub const LOG: &str = "error.log";

impl Running {
    /// What the server wrote: its error log, or what it said before it had one.
    pub fn log(&self) -> String {
        let log = self.site.read(LOG);
        let told: Vec<&str> = log.lines().filter(|line| !is_chatter(line)).collect();
        if told.is_empty() { self.site.read(OUTPUT) } else { told.join("\n") }
    }
}

/// nginx names the level, httpd the module before it.
fn is_chatter(line: &str) -> bool {
    ["notice]", "info]", "debug]"].iter().any(|level| line.contains(level))
}

/// A child that does not outlive this.
struct Process {
    child: Child,
    has_children: bool,
}

impl Process {
    fn spawn<S: Installed + ?Sized>(command: &mut Command, site: &Site) -> Self {
        let output = File::create(site.dir().join(OUTPUT)).unwrap();
        command.current_dir(site.dir()).stdin(Stdio::null());
        if S::HAS_CHILDREN {
            // httpd with prefork ends by a signal to its whole group, which the tests had better not be in.
            command.process_group(0);
        }
        let child = command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        Self { child, has_children: S::HAS_CHILDREN }
    }

    /// Waits until it ends (its status) or `ready`, at most 20 s.
    fn wait(&mut self, ready: impl Fn() -> bool) -> Option<ExitStatus> {
        let start = Instant::now();
        while !ready() && start.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.has_children && matches!(self.child.try_wait(), Ok(None)) {
            // Killed, it would leave them behind; asked, it waits for tunnels, which they need not survive.
            let end = "children=$(cat /proc/$0/task/$0/children); kill -TERM $0; kill -KILL $children";
            let pid = self.child.id().to_string();
            // Should this fail, it is killed all the same.
            let _ = Command::new("sh").args(["-c", end, &pid]).stderr(Stdio::null()).status();
            self.wait(|| false);
        }
        // Both fail only if it ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first of `names` that lies on `PATH` or where servers lie, which an ordinary user's `PATH` lacks.
pub fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.extend(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let candidates = places.iter().flat_map(|place| names.iter().map(|name| place.join(name)));
    candidates.into_iter().find(|program| program.is_file())
}
