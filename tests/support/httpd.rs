//! How the installed Apache httpd is found, and what it needs to run an example as whatever user the tests run.
//! Must not know cards, nor what the configuration is meant to show.
//!
//! An example may leave out what only a place to run in needs: `ServerRoot` (it is the site's directory), `ServerName`,
//! `DefaultRuntimeDir`, `Mutex`, `User`, `Group`, `PidFile` and `ErrorLog`; the last two are this file's whatever the
//! example writes. Where the example loads no module, `MODULES` are loaded. Where it loads any, it loads all of them,
//! but for those that no server runs without: the multi-processing module and `authz_core`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use wslint::effective::version::Version;
use wslint::engine::card::Server;

use super::Site;
use super::server::{self, Installed, LOG};

/// What an example can use that loads no module itself; a module that links to another stands after it.
const MODULES: [&str; 24] = [
    "access_compat",
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_host",
    "authz_user",
    "dir",
    "env",
    "headers",
    "http2",
    "lbmethod_bybusyness",
    "lbmethod_byrequests",
    "lbmethod_bytraffic",
    "macro",
    "proxy",
    "proxy_balancer",
    "proxy_http",
    "proxy_wstunnel",
    "reqtimeout",
    "rewrite",
    "setenvif",
    "slotmem_shm",
    "ssl",
];

/// The installed httpd.
pub struct Httpd {
    program: PathBuf,
    version: Version,
    /// Where its loadable modules lie.
    modules: PathBuf,
}

impl Httpd {
    pub fn find() -> Option<Self> {
        let program = server::program(&["apache2", "httpd"])?;
        let output = Command::new(&program).arg("-V").output().ok()?;
        let about = String::from_utf8_lossy(&output.stdout).into_owned();
        let version =
            about.split_once("Apache/")?.1.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
        let root = about.split_once("HTTPD_ROOT=\"")?.1.split('"').next()?;
        let places = [
            Path::new(root).join("modules"),
            "/usr/lib/apache2/modules".into(),
            "/usr/lib64/httpd/modules".into(),
        ];
        let modules = places.into_iter().find(|place| place.join("mod_proxy.so").is_file())?;
        Some(Self { program, version: version.parse().ok()?, modules })
    }

    /// The `LoadModule` lines that `config` leaves to whoever runs it.
    pub fn modules_for(&self, config: &str) -> Vec<String> {
        let loaded: Vec<&str> = config.lines().filter_map(loaded_module).collect();
        let wanted: &[&str] = if loaded.is_empty() { &MODULES } else { &[] };
        let mpm = (!loaded.iter().any(|name| name.starts_with("mpm_"))).then_some("mpm_event");
        let authz = (!loaded.contains(&"authz_core_module")).then_some("authz_core");
        let names = mpm.into_iter().chain(authz).chain(wanted.iter().copied());
        // What has no file is linked in, or is missed by the configuration test.
        let files = names.map(|name| (name, self.modules.join(format!("mod_{name}.so"))));
        files
            .filter(|(_, file)| file.is_file())
            .map(|(name, file)| format!("LoadModule {name}_module \"{}\"", file.display()))
            .collect()
    }
}

impl Installed for Httpd {
    const SERVER: Server = Server::Apache;
    const NAME: &'static str = "httpd";
    const MAIN_FILE: &'static str = "httpd.conf";
    const TEST: &'static [&'static str] = &["-t"];
    const RUN: &'static [&'static str] = &["-DFOREGROUND"];
    const PID_FILE: &'static str = "httpd.pid";
    const HAS_CHILDREN: bool = true;

    fn version(&self) -> Version {
        self.version
    }

    fn command(&self, site: &Site, config: &str) -> Command {
        let dir = site.dir().display();
        let mut before = vec![
            format!("ServerRoot \"{dir}\""),
            format!("DefaultRuntimeDir \"{dir}\""),
            // The other mechanisms outlive a server that is killed.
            format!("Mutex \"file:{dir}\" default"),
            "ServerName localhost".to_owned(),
        ];
        before.extend(self.modules_for(config));
        before.push("StartServers 1".to_owned());
        if fs::metadata(site.dir()).unwrap().uid() == 0 {
            // Started by root, its child is somebody else, who has to read the site.
            fs::set_permissions(site.dir(), Permissions::from_mode(0o755)).unwrap();
            before.extend(["User nobody".to_owned(), "Group #65534".to_owned()]);
        }
        let after = [format!("PidFile \"{dir}/{}\"", Self::PID_FILE), format!("ErrorLog \"{dir}/{LOG}\"")];
        let mut command = Command::new(&self.program);
        command.arg("-f").arg(site.dir().join(Self::MAIN_FILE));
        // Lines before and after the file move none in it.
        command.args(before.iter().flat_map(|line| ["-C", line]));
        command.args(after.iter().flat_map(|line| ["-c", line]));
        command
    }

    fn adapted(&self, text: &str) -> String {
        text.replace("@MODDIR@", &self.modules.display().to_string())
    }
}

/// The module that a line loads.
fn loaded_module(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let loads = words.next()?.eq_ignore_ascii_case("LoadModule");
    words.next().filter(|_| loads)
}
