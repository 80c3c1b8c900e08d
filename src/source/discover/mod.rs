//! What a file is, and which configurations lie below or above a place. Knows file names and the look of files, no
//! grammar.

mod above;
mod evidence;
mod look;
mod names;
mod nginx_statements;
mod survey;
#[cfg(test)]
mod tests;
mod walk;

use std::path::{Path, PathBuf};

use look::Look;
use names::{MAINS, PARTS, USUAL, main_rank};

use super::extract;
use super::files::{Files, Found};

pub use above::mains_above;
pub use evidence::{Judgement, Kind, what_is};
pub use names::may_hold;
pub use survey::{Other, Survey};
pub use walk::walk_for;

/// What is looked for, for a message.
pub const LOOKED_FOR: &str = "nginx.conf, apache2.conf, httpd.conf, another file with an `events` or `http` block or a \
    `ServerRoot` at its top, or a part of one, with `server {`, `location`, `proxy_pass`, `<VirtualHost>`, `ProxyPass` or the like";

/// The bytes of a file that are looked at.
pub const HEAD: u64 = 64 << 10;

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Nginx,
    Apache,
}

/// A main configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Main {
    pub path: PathBuf,
    pub server: Server,
}

/// The server of which a file is the main configuration.
fn main_kind(path: &Path, look: &Look) -> Option<Server> {
    let holds_parts = holds_parts(path);
    let called = main_rank(path).map(|rank| MAINS[rank].1);
    let by_name = called.filter(|&server| !holds_parts && look.may_be_main_of(server));
    by_name.or_else(|| look.main_of().filter(|&server| server == Server::Nginx || !holds_parts))
}

/// Whether a file's directory is one that holds parts of httpd's configuration.
fn holds_parts(path: &Path) -> bool {
    let name = path.parent().and_then(Path::file_name);
    name.is_some_and(|name| PARTS.iter().any(|part| name == *part))
}

/// Whether a directory is a server's configuration itself, rather than a place where some lie.
pub fn is_configuration(files: &dyn Files, directory: &Path) -> bool {
    USUAL.iter().any(|usual| files.look(&directory.join(usual)) == Found::File)
}

/// Whether a file that holds something is called like nothing of either server, and its beginning looks like no line of one.
pub fn is_other(path: &Path, judgement: &Judgement, head: &[u8]) -> bool {
    let says = |line: &[u8]| line.trim_ascii().first().is_some_and(|&byte| byte != b'#');
    judgement.kind == Kind::Neither
        && named_for(path).is_none()
        && Look::at(head).server().is_none()
        && head.split(|&byte| byte == b'\n').any(says)
}

/// Whose configuration a file is, by its first bytes; where they don't tell, by its name or a directory's; else nginx's.
pub fn server_of(path: &Path, bytes: &[u8]) -> Server {
    if path.file_name().is_some_and(|name| name == ".htaccess") {
        return Server::Apache;
    }
    let head = &bytes[..bytes.len().min(HEAD as usize)];
    let text = extract::without_tags(path, head);
    Look::at(text.as_deref().unwrap_or(head)).server().or_else(|| named_for(path)).unwrap_or(Server::Nginx)
}

/// Whose a file is by its name or a directory's.
fn named_for(path: &Path) -> Option<Server> {
    path.iter().rev().find_map(|part| {
        let part = part.as_encoded_bytes().to_ascii_lowercase();
        let is = |name: &[u8]| part.starts_with(name);
        match () {
            () if is(b"nginx") => Some(Server::Nginx),
            () if is(b"apache") || is(b"httpd") => Some(Server::Apache),
            () => None,
        }
    })
}
