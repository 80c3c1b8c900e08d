//! What a file is, by its first bytes: a main configuration, a fragment of one, a dump, or none of these. Knows which
//! lines are telling, no grammar and no other file.

use std::path::Path;

use super::look::Look;
use super::nginx_statements::{End, Statements};
use super::{Server, names};
use crate::source::BYTE_ORDER_MARK;
use crate::source::dump;

/// What a file was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Main(Server),
    /// A part of a configuration, and what it seems to stand in.
    Fragment(Server, &'static str),
    /// What a server printed of its whole configuration.
    Dump(Server),
    Neither,
}

/// What a file was taken for, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub kind: Kind,
    pub reason: &'static str,
    /// It holds expressions of a template language.
    pub template: bool,
}

impl Judgement {
    fn new(kind: Kind, reason: &'static str) -> Self {
        Self { kind, reason, template: false }
    }

    pub fn server(&self) -> Option<Server> {
        match self.kind {
            Kind::Main(server) | Kind::Fragment(server, _) | Kind::Dump(server) => Some(server),
            Kind::Neither => None,
        }
    }
}

/// How a file of something else begins, whatever it quotes further down.
const FOREIGN: [(&[u8], &str); 9] = [
    (b"#!", "a script"),
    (b"---\n", "YAML"),
    (b"---\r\n", "YAML"),
    (b"<!--", "markup"),
    (b"<!DOCTYPE", "markup"),
    (b"<?", "PHP or XML"),
    (b"<html", "markup"),
    (b"[", "sections of another kind, or a list"),
    (b"{\n", "JSON, or a block of something else"),
];

/// What only nginx's fragments hold, and what such a fragment stands in where that is at its top.
const NGINX: [(&str, Shape, &str); 13] = [
    ("events", Shape::BareBlock, "main"),
    ("grpc_pass", Shape::Line, "location"),
    ("limit_except", Shape::Block, "location"),
    ("location", Shape::Block, "server"),
    ("map", Shape::BlockOf(b"$http_"), "http"),
    ("proxy_http_version", Shape::Line, "location"),
    ("proxy_pass", Shape::Line, "location"),
    ("proxy_read_timeout", Shape::Line, "location"),
    ("proxy_set_header", Shape::Line, "location"),
    ("server", Shape::BareBlock, "http"),
    ("server_name", Shape::Line, "server"),
    ("upstream", Shape::Block, "http"),
    ("http", Shape::BareBlock, "main"),
];

/// How a directive has to be written to tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// With arguments and a `;`.
    Line,
    /// With arguments and a `{`.
    Block,
    /// With a `{` alone.
    BareBlock,
    /// With a `{`, and arguments of which the first begins like this.
    BlockOf(&'static [u8]),
}

/// Directives that nginx has in common with nobody, or that are at home beside the telling ones. A `*` stands for any end.
const NGINX_KNOWN: [&str; 71] = [
    "access_*",
    "add_*",
    "alias",
    "allow",
    "auth_*",
    "autoindex*",
    "break",
    "brotli*",
    "charset*",
    "chunked_*",
    "client_*",
    "default_type",
    "deny",
    "error_*",
    "etag",
    "events",
    "expires",
    "fastcgi_*",
    "geo*",
    "grpc_*",
    "gzip*",
    "hash",
    "http",
    "http2*",
    "http3*",
    "if",
    "ignore_*",
    "include",
    "index",
    "internal",
    "ip_hash",
    "js_*",
    "keepalive*",
    "large_*",
    "least_conn",
    "limit_*",
    "listen",
    "load_module",
    "location",
    "log_*",
    "lua_*",
    "map*",
    "merge_slashes",
    "mirror*",
    "more_*",
    "open_*",
    "pid",
    "port_in_redirect",
    "proxy_*",
    "quic_*",
    "random",
    "real_ip_*",
    "recursive_error_pages",
    "resolver*",
    "return",
    "rewrite*",
    "root",
    "satisfy",
    "send*",
    "server*",
    "set*",
    "split_clients",
    "ssl_*",
    "sticky",
    "stream",
    "stub_status",
    "sub_filter*",
    "tcp_*",
    "try_files",
    "types*",
    "uwsgi_*",
];

/// Blocks whose lines are no directives.
const NGINX_TABLES: [&[u8]; 4] = [b"geo", b"map", b"split_clients", b"types"];

/// What only httpd's fragments hold: lines, and sections with an argument.
const APACHE: [&str; 9] = [
    "balancermember",
    "proxypass",
    "proxypassinterpolateenv",
    "proxypassmatch",
    "proxypassreverse",
    "proxypreservehost",
    "proxytimeout",
    "proxywebsocketfallbacktoproxyhttp",
    "servername",
];
const APACHE_SECTIONS: [&str; 3] = ["virtualhost", "proxy", "proxymatch"];

/// httpd's other directives, by how they are called. A `*` stands for at least one more letter.
const APACHE_KNOWN: [&str; 78] = [
    "accept*",
    "access*",
    "action",
    "add*",
    "aliasmatch",
    "alias",
    "allow",
    "allow*",
    "asynch*",
    "auth*",
    "balancer*",
    "browsermatch*",
    "bufferedlogs",
    "cache*",
    "cgi*",
    "cookie*",
    "coredump*",
    "custom*",
    "dav*",
    "default*",
    "define",
    "deflate*",
    "deny",
    "directory*",
    "document*",
    "enable*",
    "error*",
    "expires*",
    "extended*",
    "fallback*",
    "fcgid*",
    "file*",
    "filter*",
    "force*",
    "group",
    "header",
    "hostname*",
    "http*",
    "h2*",
    "include",
    "include*",
    "index*",
    "keepalive*",
    "keepalive",
    "limit*",
    "listen",
    "load*",
    "log*",
    "max*",
    "md*",
    "mod*",
    "namevirtualhost",
    "options",
    "order",
    "passenger*",
    "php*",
    "pidfile",
    "protocols*",
    "protocols",
    "proxy*",
    "redirect*",
    "redirect",
    "remote*",
    "remove*",
    "request*",
    "require",
    "rewrite*",
    "satisfy",
    "script*",
    "sec*",
    "server*",
    "set*",
    "ssl*",
    "substitute",
    "timeout",
    "unset*",
    "use*",
    "wsgi*",
];

/// What is a file called `path` that begins with `head`?
pub fn what_is(path: &Path, head: &[u8]) -> Judgement {
    let head = &head[..head.len().min(super::HEAD as usize)];
    let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    if let Some(server) = dump::server_of(head) {
        return Judgement::new(Kind::Dump(server), "begins like what a server prints of its configuration");
    }
    if memchr::memchr(0, head).is_some() {
        return Judgement::new(Kind::Neither, "binary");
    }
    let start = head.trim_ascii_start();
    if let Some((_, reason)) = FOREIGN.iter().find(|(begin, _)| start.starts_with(begin)) {
        return Judgement::new(Kind::Neither, reason);
    }
    let (apache, Evidence { context: nginx, has_lines }) = (apache(head), nginx(head));
    // Prose and code quote configurations; what is called like one may be broken.
    let may_be = |server: Server| match server {
        Server::Nginx => nginx.is_some(),
        Server::Apache => apache.is_pure(),
    };
    let is_called = names::is_called_configuration(path);
    let is_looked_at = is_called || may_be(Server::Nginx) || may_be(Server::Apache);
    let main = is_looked_at.then(|| super::main_kind(path, &Look::at(head))).flatten();
    // Others' configurations have blocks called `http`, too.
    let has_own = |server| server == Server::Apache || has_lines || names::main_rank(path).is_some();
    let judged = match main.filter(|&server| may_be(server) || (is_called && has_own(server))) {
        Some(server) => Judgement::new(Kind::Main(server), "has what only a main configuration has"),
        None => fragment(path, &apache, nginx),
    };
    Judgement { template: names::is_template(path) || holds_expressions(head), ..judged }
}

fn fragment(path: &Path, apache: &Count, nginx: Option<&'static str>) -> Judgement {
    let is_htaccess = path.file_name().is_some_and(|name| name == ".htaccess");
    if is_htaccess && apache.telling > 0 {
        return Judgement::new(Kind::Fragment(Server::Apache, "directory"), "an .htaccess file that proxies");
    }
    if apache.is_fragment() && !is_htaccess {
        let kind = Kind::Fragment(Server::Apache, "server config");
        return Judgement::new(kind, "lines that only Apache's configurations have");
    }
    match nginx {
        Some(context) if !is_htaccess => {
            let kind = Kind::Fragment(Server::Nginx, context);
            Judgement::new(kind, "directives that only nginx's configurations have")
        }
        _ => Judgement::new(Kind::Neither, "nothing that only a configuration has"),
    }
}

#[derive(Default)]
struct Count {
    telling: usize,
    known: usize,
    odd: usize,
}

impl Count {
    /// Something telling, and little that is strange beside it.
    fn is_fragment(&self) -> bool {
        self.telling > 0 && self.is_pure()
    }

    /// Whatever else comes, it is not.
    fn is_hopeless(&self) -> bool {
        self.odd > MANY && self.odd > MANY * (self.telling + self.known)
    }

    fn is_pure(&self) -> bool {
        self.odd * 3 <= self.telling + self.known
    }
}

/// So many strange lines in a row are no accident.
const MANY: usize = 40;

/// What there is of nginx in a file.
#[derive(Default)]
struct Evidence {
    /// What the file stands in; None for anything else than a fragment of nginx's.
    context: Option<&'static str>,
    /// Some directives are nginx's and end as they have to.
    has_lines: bool,
}

fn nginx(head: &[u8]) -> Evidence {
    let mut count = Count::default();
    let mut lines = 0;
    let mut context = None;
    // The depth of the table that is passed over.
    let mut table: Option<usize> = None;
    for statement in Statements::new(head) {
        if table.is_some_and(|depth| statement.depth > depth) {
            continue;
        }
        table = None;
        let name = statement.words[0];
        let is_stray = statement.end == End::Closed && name.is_empty();
        if (statement.depth == 0 && !is_identifier(name) && !is_stray) || count.is_hopeless() {
            return Evidence { context: None, has_lines: lines > 0 };
        }
        let is_telling = |shape: Shape| match (shape, statement.end) {
            (Shape::Line, End::Semicolon) => !statement.words[1].is_empty(),
            (Shape::Block, End::Brace) => !statement.words[1].is_empty(),
            (Shape::BareBlock, End::Brace) => statement.words[1].is_empty(),
            (Shape::BlockOf(begin), End::Brace) => statement.words[1].starts_with(begin),
            _ => false,
        };
        let telling = NGINX
            .iter()
            .find(|(known, shape, _)| known.as_bytes() == name && is_telling(*shape))
            .map(|(_, _, stands_in)| *stands_in);
        let is_assignment = statement.words[1] == b"=" && name != b"location" && name != b"if";
        let is_known = || {
            let ends = matches!(statement.end, End::Semicolon | End::Brace);
            ends && !is_assignment && is_one_of(&NGINX_KNOWN, 0, name)
        };
        let kind = match (telling, is_known()) {
            (Some(_), _) => &mut count.telling,
            (None, true) => &mut count.known,
            // A module's, for all that is seen.
            (None, false) if statement.end != End::Closed && !is_assignment && is_identifier(name) => {
                continue;
            }
            (None, false) => &mut count.odd,
        };
        *kind += 1;
        lines += usize::from(statement.end == End::Semicolon && (telling.is_some() || is_known()));
        if statement.depth == 0 {
            context = context.or(telling);
        }
        if statement.end == End::Brace && NGINX_TABLES.contains(&name) {
            table = Some(statement.depth);
            lines += 1;
        }
    }
    let has_lines = lines > 0;
    let context = (count.is_fragment() && has_lines).then(|| context.unwrap_or("http"));
    Evidence { context, has_lines }
}

fn is_identifier(name: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_lowercase)
        && name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
}

fn apache(head: &[u8]) -> Count {
    let mut count = Count::default();
    let mut goes_on = false;
    for line in head.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        let is_rest = std::mem::replace(&mut goes_on, line.ends_with(b"\\"));
        if is_rest || line.is_empty() || line[0] == b'#' || is_control_line(line) {
            continue;
        }
        *match apache_line(line) {
            Some(true) => &mut count.telling,
            Some(false) => &mut count.known,
            None => &mut count.odd,
        } += 1;
        if count.is_hopeless() {
            break;
        }
    }
    count
}

/// Whether a line is telling, where it is httpd's at all.
fn apache_line(line: &[u8]) -> Option<bool> {
    if let Some(section) = line.strip_prefix(b"<") {
        let (closes, section) = match section.strip_prefix(b"/") {
            Some(rest) => (true, rest),
            None => (false, section),
        };
        let name = name_of(section);
        let rest = &section[name.len()..];
        let is_telling = APACHE_SECTIONS.iter().any(|known| known.as_bytes() == name);
        let is_section = line.ends_with(b">") && super::look::is_section(&name);
        // Markup has text behind a tag, or names alone in it.
        let fits = if closes { rest == b">" } else { rest.len() > 2 && rest[0].is_ascii_whitespace() };
        let alone = [&b"else"[..], b"requireall", b"requireany", b"requirenone"].contains(&&name[..]);
        return (is_section && (fits || alone)).then_some(is_telling && !closes);
    }
    let name = name_of(line);
    let rest = line[name.len()..].trim_ascii_start();
    let ends_alone = name.len() == line.len();
    if name.is_empty() || ends_alone || !line[name.len()].is_ascii_whitespace() || line.ends_with(b";") {
        return None;
    }
    if name == b"rewriterule" && proxies(rest) {
        return Some(true);
    }
    if name == b"sethandler" && rest.starts_with(b"\"proxy:") {
        return Some(true);
    }
    let is_telling = APACHE.iter().any(|known| known.as_bytes() == name);
    (is_telling || is_one_of(&APACHE_KNOWN, 1, &name)).then_some(is_telling)
}

/// In lower case.
fn name_of(line: &[u8]) -> Vec<u8> {
    let end = line.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(line.len());
    line[..end].to_ascii_lowercase()
}

/// Whether the flags of a rewrite rule hold `P`.
fn proxies(rule: &[u8]) -> bool {
    let Some(open) = memchr::memrchr(b'[', rule) else { return false };
    let flags = rule[open + 1..].strip_suffix(b"]").unwrap_or_default();
    flags
        .split(|&byte| byte == b',')
        .any(|flag| flag.trim_ascii().eq_ignore_ascii_case(b"P") || flag.eq_ignore_ascii_case(b"proxy"))
}

/// A line that a template language takes for itself.
fn is_control_line(line: &[u8]) -> bool {
    [&b"{%"[..], b"{{", b"{#", b"<%"].iter().any(|begin| line.starts_with(begin))
}

fn holds_expressions(head: &[u8]) -> bool {
    [(&b"{{"[..], &b"}}"[..]), (b"{%", b"%}"), (b"<%", b"%>")].iter().any(|(open, close)| {
        memchr::memmem::find(head, open).is_some_and(|at| memchr::memmem::find(&head[at..], close).is_some())
    })
}

/// Whether a name is one of those, of which a `*` stands for `least` or more bytes.
fn is_one_of(names: &[&str], least: usize, name: &[u8]) -> bool {
    let Some(first) = name.first() else { return false };
    names.iter().filter(|known| known.as_bytes()[0] == *first).any(|known| match known.strip_suffix('*') {
        Some(begin) => name.len() >= begin.len() + least && name.starts_with(begin.as_bytes()),
        None => known.as_bytes() == name,
    })
}

#[cfg(test)]
mod tests;
