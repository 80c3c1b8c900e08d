//! How the installed nginx is found, and what it needs to run an example as whatever user the tests run.
//! Must not know cards, nor what the configuration is meant to show.

use std::path::{Path, PathBuf};
use std::process::Command;

use wslint::effective::version::Version;
use wslint::engine::card::Server;

use super::Site;
use super::server::{self, Installed, LOG};

/// The installed nginx.
pub struct Nginx {
    program: PathBuf,
    version: Version,
    /// What `-g` has to load before a `stream` block: "" where that is built in, `None` where there is no such module.
    stream: Option<String>,
}

impl Nginx {
    pub fn find() -> Option<Self> {
        let program = server::program(&["nginx"])?;
        let output = Command::new(&program).arg("-V").output().ok()?;
        let about = String::from_utf8_lossy(&output.stderr).into_owned();
        let version =
            about.split_once("nginx/")?.1.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
        Some(Self { program, version: version.parse().ok()?, stream: stream_module(&about) })
    }
}

impl Installed for Nginx {
    const SERVER: Server = Server::Nginx;
    const NAME: &'static str = "nginx";
    const MAIN_FILE: &'static str = "nginx.conf";
    const TEST: &'static [&'static str] = &["-t"];
    const RUN: &'static [&'static str] = &[];
    const PID_FILE: &'static str = "nginx.pid";
    const HAS_CHILDREN: bool = false;

    fn version(&self) -> Version {
        self.version
    }

    fn command(&self, site: &Site, config: &str) -> Command {
        let dir = site.dir().display();
        let module = if has_stream(config) { self.stream.as_deref().unwrap_or("") } else { "" };
        // One process, which has no worker to take along.
        let globals = format!(
            "{module} daemon off; master_process off; pid {dir}/{}; error_log {dir}/{LOG} info;",
            Self::PID_FILE
        );
        let mut command = Command::new(&self.program);
        command.arg("-p").arg(site.dir()).arg("-c").arg(site.dir().join(Self::MAIN_FILE));
        command.args(["-g", &globals]);
        command
    }

    fn adapted(&self, text: &str) -> String {
        with_own_paths(text)
    }

    fn lacks(&self, config: &str) -> Option<String> {
        let needs = has_stream(config) && self.stream.is_none();
        needs.then(|| format!("nginx {} has no stream module here", self.version))
    }
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
