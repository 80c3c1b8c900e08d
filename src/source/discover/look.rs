//! What the beginning of a file shows of whose configuration it is, and whether it is a main one. Knows the look of
//! lines, no grammar.

use super::Server;
use crate::source::BYTE_ORDER_MARK;

/// Sections of httpd. What they hold counts for the file only in those that `TRANSPARENT` names.
const SECTIONS: [&str; 25] = [
    "authnprovideralias",
    "authzprovideralias",
    "directory",
    "directorymatch",
    "else",
    "elseif",
    "files",
    "filesmatch",
    "if",
    "ifdefine",
    "ifdirective",
    "iffile",
    "ifmodule",
    "ifsection",
    "ifversion",
    "limit",
    "limitexcept",
    "location",
    "locationmatch",
    "macro",
    "proxy",
    "proxymatch",
    "requireall",
    "requireany",
    "virtualhost",
];

const TRANSPARENT: [&str; 6] = ["ifdefine", "ifdirective", "iffile", "ifmodule", "ifsection", "ifversion"];

/// How many includes of a file are remembered.
const MAX_INCLUDES: usize = 100;

/// What the lines of a file show.
#[derive(Default)]
pub struct Look {
    /// How many lines look like nginx's.
    nginx: usize,
    /// How many lines look like httpd's.
    apache: usize,
    /// `events` or `http` opens a block at the beginning of a line.
    nginx_blocks: bool,
    /// httpd's directives outside of its sections.
    server_root: bool,
    mpm: bool,
    load_module: bool,
    include: bool,
    listen: bool,
    /// `User` or `PidFile`.
    process: bool,
    /// What is included, the first of it.
    pub includes: Vec<Vec<u8>>,
}

impl Look {
    pub fn at(head: &[u8]) -> Self {
        let mut look = Self::default();
        let mut depth = 0_usize;
        let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
        for line in head.split(|&byte| byte == b'\n') {
            look.nginx_blocks |= opens_main_block(line);
            let line = line.trim_ascii();
            match line.first() {
                None | Some(b'#') => {}
                Some(b'<') => look.section(line, &mut depth),
                _ if is_nginx(line) => look.nginx_line(line),
                _ => look.apache_line(line, depth == 0),
            }
        }
        look
    }

    /// Whose the lines are, where most of them tell.
    pub fn server(&self) -> Option<Server> {
        match self.nginx.cmp(&self.apache) {
            std::cmp::Ordering::Less => Some(Server::Apache),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Server::Nginx),
        }
    }

    /// Whose main configuration it is, whatever it is called. Files that only a main one includes (ports, modules,
    /// virtual hosts, the process's files and numbers) hold one of these signs, not several.
    pub fn main_of(&self) -> Option<Server> {
        let apache = self.server_root
            || (self.mpm && (self.listen || self.include || self.process))
            || (self.process && (self.include || self.listen || self.load_module));
        match self.server()? {
            Server::Nginx => self.nginx_blocks.then_some(Server::Nginx),
            Server::Apache => apache.then_some(Server::Apache),
        }
    }

    /// Whether a file that is called like the main configuration of `server` may be one.
    pub fn may_be_main_of(&self, server: Server) -> bool {
        self.server() == Some(server)
            && match server {
                Server::Nginx => self.nginx_blocks,
                Server::Apache => {
                    self.server_root || self.load_module || self.include || self.listen || self.process
                }
            }
    }

    fn section(&mut self, line: &[u8], depth: &mut usize) {
        let (closes, name) = match line[1..].strip_prefix(b"/") {
            Some(rest) => (true, rest),
            None => (false, &line[1..]),
        };
        let end = name.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(name.len());
        let name = name[..end].to_ascii_lowercase();
        let is = |known: &&str| known.as_bytes() == name;
        if !SECTIONS.iter().any(is) {
            return;
        }
        self.apache += 1;
        if !TRANSPARENT.iter().any(is) {
            *depth = if closes { depth.saturating_sub(1) } else { *depth + 1 };
        }
    }

    fn nginx_line(&mut self, line: &[u8]) {
        self.nginx += 1;
        let (name, rest) = first_word(line);
        if name == b"include" {
            let end = rest.iter().position(|&byte| byte == b';').unwrap_or(rest.len());
            self.included(&rest[..end]);
        }
    }

    fn apache_line(&mut self, line: &[u8], top: bool) {
        let (word, rest) = first_word(line);
        let name = word.to_ascii_lowercase();
        let mut telling = true;
        match &name[..] {
            b"serverroot" => self.server_root |= top,
            b"loadmodule" => {
                self.load_module |= top;
                self.mpm |= top && rest.len() >= 4 && rest[..4].eq_ignore_ascii_case(b"mpm_");
            }
            b"include" | b"includeoptional" => {
                self.include |= top;
                self.included(rest);
            }
            b"listen" => self.listen |= top,
            b"user" | b"pidfile" => self.process |= top,
            b"proxypass" | b"rewritecond" | b"rewriteengine" | b"rewriterule" | b"servername" => {}
            // No name of nginx's has a capital letter.
            _ => telling = word[0].is_ascii_uppercase() && word.iter().all(u8::is_ascii_alphanumeric),
        }
        self.apache += usize::from(telling);
    }

    fn included(&mut self, path: &[u8]) {
        if self.includes.len() == MAX_INCLUDES {
            return;
        }
        let path = path.trim_ascii();
        let path = path.strip_prefix(b"\"").unwrap_or(path);
        let path = path.strip_suffix(b"\"").unwrap_or(path);
        self.includes.push(path.to_vec());
    }
}

/// Whether httpd has a section of this name, in lower case.
pub fn is_section(name: &[u8]) -> bool {
    SECTIONS.iter().any(|known| known.as_bytes() == name)
}

fn opens_main_block(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    [&b"events"[..], b"http"].iter().any(|name| {
        let rest = line.strip_prefix(*name);
        rest.is_some_and(|rest| rest.trim_ascii_start().first().is_none_or(|&byte| byte == b'{'))
    })
}

/// Whether a line ends as nginx's do: `;`, `{` or `}`, but for a comment.
fn is_nginx(line: &[u8]) -> bool {
    let comment = line.windows(2).position(|pair| pair[0].is_ascii_whitespace() && pair[1] == b'#');
    let line = line[..comment.unwrap_or(line.len())].trim_ascii_end();
    match line.last() {
        Some(b';' | b'{') => true,
        // `${NAME}` and `%{NAME}` end words of httpd.
        Some(b'}') => line.len() == 1 || line.contains(&b';') || line.windows(2).any(|pair| pair == b" {"),
        _ => false,
    }
}

fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    (&line[..end], line[end..].trim_ascii_start())
}
