//! Which of httpd's modules are loaded, as far as the files tell. Knows how modules are called, not what they do.

use hashbrown::{HashMap, HashSet};

use crate::tree::NodeRef;

/// What is known of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Loaded,
    /// All that loads modules was seen, and this one is not among them.
    NotLoaded,
    /// What loads modules was not all seen.
    Unknown,
}

/// Modules that are part of every build, or of Debian's.
const BUILT_IN: [&str; 8] = [
    "core.c",
    "http_core.c",
    "mod_log_config.c",
    "mod_logio.c",
    "mod_so.c",
    "mod_unixd.c",
    "mod_version.c",
    "mod_watchdog.c",
];

/// Identifiers that do not follow the rule `x_module` for `mod_x.c`.
const IRREGULAR: [(&str, &str); 6] = [
    ("core_module", "core.c"),
    ("evasive20_module", "mod_evasive20.c"),
    ("http_module", "http_core.c"),
    ("mpm_event_module", "event.c"),
    ("mpm_prefork_module", "prefork.c"),
    ("mpm_worker_module", "worker.c"),
];

/// The modules that the configuration loads.
#[derive(Debug, Default)]
pub struct Modules {
    /// By source file, in the order of loading.
    loaded: HashMap<String, (usize, NodeRef)>,
    /// Loaded in a section of which it is not known whether it is read.
    perhaps: HashSet<String>,
    /// What every server must load was seen to be loaded, so this is where modules are loaded.
    shows_loading: bool,
    /// Some file was not seen, or what was given is no main file.
    pub(super) incomplete: bool,
}

impl Modules {
    /// `identifier` is the first word of `LoadModule`.
    pub(super) fn load(&mut self, identifier: &str, at: NodeRef) {
        self.shows_loading |= identifier.starts_with("mpm_") || identifier == "authz_core_module";
        let order = self.loaded.len();
        self.loaded.entry(module_file(identifier)).or_insert((order, at));
    }

    pub(super) fn load_perhaps(&mut self, identifier: &str) {
        self.perhaps.insert(module_file(identifier));
    }

    /// `module` is a source file, `mod_proxy.c`.
    pub fn presence(&self, module: &str) -> Presence {
        match () {
            () if self.loaded.contains_key(module) => Presence::Loaded,
            () if BUILT_IN.contains(&module) => Presence::Loaded,
            () if !self.shows_loading || self.incomplete || self.perhaps.contains(module) => {
                Presence::Unknown
            }
            () => Presence::NotLoaded,
        }
    }

    pub fn is_loaded(&self, module: &str) -> bool {
        self.presence(module) == Presence::Loaded
    }

    /// Known not to be loaded.
    pub fn is_missing(&self, module: &str) -> bool {
        self.presence(module) == Presence::NotLoaded
    }

    /// What every server must load was seen to be loaded.
    pub fn shows_loading(&self) -> bool {
        self.shows_loading
    }

    /// Every module that is loaded was seen.
    pub fn are_all_known(&self) -> bool {
        self.shows_loading && !self.incomplete && self.perhaps.is_empty()
    }

    /// The source files of those that are loaded.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.loaded.keys().map(String::as_str)
    }

    /// The line that loads it.
    pub fn loaded_at(&self, module: &str) -> Option<NodeRef> {
        self.loaded.get(module).map(|&(_, at)| at)
    }

    /// Its place in the order of loading.
    pub fn order(&self, module: &str) -> Option<usize> {
        self.loaded.get(module).map(|&(order, _)| order)
    }

    /// What `<IfModule name>` asks for: a source file or an identifier, letter by letter; None where nobody's module is
    /// called so.
    pub fn asked(&self, name: &str) -> Option<Presence> {
        if name.ends_with("_module") {
            return Some(self.presence(&module_file(name)));
        }
        let is_file = name.ends_with(".c") && name == name.to_ascii_lowercase();
        is_file.then(|| self.presence(name))
    }
}

/// The source file of the module that an identifier of `LoadModule` names.
pub fn module_file(identifier: &str) -> String {
    let regular = || format!("mod_{}.c", identifier.strip_suffix("_module").unwrap_or(identifier));
    let irregular = IRREGULAR.iter().find(|(known, _)| *known == identifier);
    irregular.map_or_else(regular, |(_, file)| (*file).to_string())
}
