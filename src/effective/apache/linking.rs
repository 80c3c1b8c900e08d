//! Which modules need another's code, and so are not loaded before it. Data, with its one law.

use crate::tree::apache::{Modules, Presence};

/// Beginnings of source files' names, and the module that they link to.
const LINKS: [(&str, &str); 5] = [
    ("mod_cache_", "mod_cache.c"),
    ("mod_dav_fs", "mod_dav.c"),
    ("mod_dav_lock", "mod_dav.c"),
    ("mod_proxy_", "mod_proxy.c"),
    ("mod_session_", "mod_session.c"),
];

/// What begins alike and links to nothing.
const FREE: &str = "mod_proxy_html.c";

/// The module that should have been loaded before this one and was not.
pub fn lacks(modules: &Modules, module: &str) -> Option<&'static str> {
    let (_, needed) = LINKS.iter().find(|(begin, _)| module.starts_with(begin) && module != FREE)?;
    let order = modules.order(module)?;
    let is_late = modules.order(needed).is_some_and(|other| other > order);
    (is_late || modules.presence(needed) == Presence::NotLoaded).then_some(*needed)
}
