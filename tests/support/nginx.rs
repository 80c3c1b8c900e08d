//! Runs the installed nginx on a configuration, in a place of its own, as whatever user the tests run.
//! Must not know cards, nor what the configuration is meant to show.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use wslint::effective::version::Version;

use super::Site;

/// The installed nginx.
pub struct Nginx {
    program: PathBuf,
    pub version: Version,
    /// What `-g` has to load before a `stream` block: "" where that is built in, `None` where there is no such module.
    stream: Option<String>,
}

/// A running nginx; dropped, it is gone.
pub struct Running {
    child: Child,
    pub site: Site,
}

impl Nginx {
    /// Looks on `PATH` and in `/usr/sbin`, which an ordinary user's `PATH` lacks.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
        places.extend(["/usr/sbin".into(), "/usr/local/sbin".into()]);
        let program =
            places.into_iter().map(|place| place.join("nginx")).find(|program| program.is_file())?;
        let output = Command::new(&program).arg("-V").output().ok()?;
        let about = String::from_utf8_lossy(&output.stderr).into_owned();
        let version =
            about.split_once("nginx/")?.1.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
        Some(Self { program, version: version.parse().ok()?, stream: stream_module(&about) })
    }

    /// It can load `config` as far as its modules go.
    pub fn has_modules_for(&self, config: &str) -> bool {
        self.stream.is_some() || !has_stream(config)
    }

    /// Starts it on `config`, placeholders and all. The error is what nginx says where it doesn't load it or doesn't start.
    pub fn start(&self, config: &str) -> Result<Running, String> {
        let mut attempts = 0;
        loop {
            let site = Site::new();
            match self.start_at(site, config) {
                // Somebody took the port between its choice and its use.
                Err(message) if message.contains("Address already in use") && attempts < 4 => attempts += 1,
                result => return result,
            }
        }
    }

    fn start_at(&self, site: Site, config: &str) -> Result<Running, String> {
        fs::write(site.dir().join("nginx.conf"), site.fill(&with_own_paths(config))).unwrap();
        let mut test = self.spawn(&site, config, &["-t"]);
        match wait(&mut test, || false) {
            Some(status) if status.success() => {}
            Some(_) => return Err(site.read("output")),
            None => {
                stop(&mut test);
                return Err(format!("nginx -t did not end\n{}", site.read("output")));
            }
        }
        let mut running = Running { child: self.spawn(&site, config, &[]), site };
        // It writes its process id once it listens.
        let pid = running.site.dir().join("nginx.pid");
        let started = || fs::metadata(&pid).is_ok_and(|file| file.len() > 0);
        match wait(&mut running.child, started) {
            None if started() => Ok(running),
            _ => Err(running.log()),
        }
    }

    fn spawn(&self, site: &Site, config: &str, arguments: &[&str]) -> Child {
        let dir = site.dir().display();
        let module = if has_stream(config) { self.stream.as_deref().unwrap_or("") } else { "" };
        // One process, so that killing the child leaves no worker behind.
        let globals = format!(
            "{module} daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log info;"
        );
        let output = File::create(site.dir().join("output")).unwrap();
        Command::new(&self.program)
            .arg("-p")
            .arg(site.dir())
            .arg("-c")
            .arg(site.dir().join("nginx.conf"))
            .args(["-g", &globals])
            .args(arguments)
            .current_dir(site.dir())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap()
    }
}

impl Running {
    /// What nginx wrote: its error log, or what it said before it had one.
    pub fn log(&self) -> String {
        let log = self.site.read("error.log");
        let told = log.lines().filter(|line| !line.contains("[notice]") && !line.contains("[info]"));
        let told: Vec<&str> = told.collect();
        if told.is_empty() { self.site.read("output") } else { told.join("\n") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Waits until the child ends (its status) or `ready`, at most 20 s.
fn wait(child: &mut Child, ready: impl Fn() -> bool) -> Option<ExitStatus> {
    let start = Instant::now();
    while !ready() && start.elapsed() < Duration::from_secs(20) {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}

fn stop(child: &mut Child) {
    // Both fail only if it ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// Puts the files that nginx writes unasked, and an ordinary user may not, below `@DIR@`; no line moves.
fn with_own_paths(config: &str) -> String {
    let Some(start) = http_body(config) else { return config.to_owned() };
    let mut own = String::from(" access_log off;");
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        if !config.contains(&format!("{kind}_temp_path")) {
            own.push_str(&format!(" {kind}_temp_path @DIR@/temp/{kind};"));
        }
    }
    format!("{}{own}{}", &config[..start], &config[start..])
}

/// Where the body of the `http` block starts.
fn http_body(config: &str) -> Option<usize> {
    block_bodies(config, "http").next()
}

fn has_stream(config: &str) -> bool {
    block_bodies(config, "stream").next().is_some()
}

/// The places after every `name {` outside comment lines.
fn block_bodies<'a>(config: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    config.match_indices(name).filter_map(move |(at, _)| {
        let line_start = config[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let before = config[line_start..at].trim();
        let after = &config[at + name.len()..];
        let is_block = (before.is_empty() || before.ends_with(['}', ';'])) && !before.starts_with('#');
        let brace = after.len() - after.trim_start().len();
        (is_block && after[brace..].starts_with('{')).then_some(at + name.len() + brace + 1)
    })
}

fn stream_module(about: &str) -> Option<String> {
    let arguments = || about.split_whitespace();
    if arguments().any(|argument| argument == "--with-stream") {
        return Some(String::new());
    }
    let folder = arguments().find_map(|argument| argument.strip_prefix("--modules-path="))?;
    let module = Path::new(folder).join("ngx_stream_module.so");
    module.is_file().then(|| format!("load_module {};", module.display()))
}
