//! Whether quoted text is a configuration, and whose. Knows the look of lines that hardly any other language has.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Quoted;
use crate::source::discover::{self, Kind, Server};
use crate::source::extract::template;

/// First words of nginx's lines that tell, with the byte that ends such a line.
const NGINX: [(&[u8], u8); 12] = [
    (b"events", b'{'),
    (b"http", b'{'),
    (b"listen", b';'),
    (b"location", b'{'),
    (b"map", b'{'),
    (b"proxy_http_version", b';'),
    (b"proxy_pass", b';'),
    (b"proxy_read_timeout", b';'),
    (b"proxy_set_header", b';'),
    (b"server", b'{'),
    (b"server_name", b';'),
    (b"upstream", b'{'),
];

/// First words of httpd's lines that tell.
const APACHE: [&[u8]; 14] = [
    b"<ifmodule",
    b"<location",
    b"<locationmatch",
    b"<proxy",
    b"<virtualhost",
    b"loadmodule",
    b"proxypass",
    b"proxypassmatch",
    b"proxypassreverse",
    b"proxypreservehost",
    b"requestheader",
    b"rewritecond",
    b"rewriterule",
    b"sslproxyengine",
];

/// Whose configuration it is; None where it hardly is one.
pub(super) fn server(quoted: &Quoted) -> Option<Server> {
    let mut counts = Counts::default();
    for line in quoted.text.split(|&byte| byte == b'\n') {
        counts.line(line.trim_ascii());
    }
    if let Some(server) = quoted.server {
        return (counts.nginx + counts.apache + counts.ends > 0).then_some(server);
    }
    let lines = counts.lines;
    let name = Path::new(OsStr::from_bytes(&quoted.name));
    if !quoted.name.is_empty() && !discover::may_hold(name) {
        return None;
    }
    let is_nginx = matches!(
        discover::what_is(name, &without_tags(quoted)).kind,
        Kind::Main(Server::Nginx) | Kind::Fragment(Server::Nginx, _)
    );
    let is = |part: &str| memchr::memmem::find(&quoted.name.to_ascii_lowercase(), part.as_bytes()).is_some();
    // A name that tells makes up for lines that do not.
    if (is("nginx") || quoted.name.ends_with(b".conf")) && is_nginx && counts.ends * 10 >= lines * 8 {
        return Some(Server::Nginx);
    }
    // Nearly every line has the right look, and some have no other.
    match () {
        () if counts.nginx > 0 && is_nginx && counts.ends * 10 >= lines * 7 => Some(Server::Nginx),
        () if counts.apache > 0 && counts.capitals * 10 >= lines * 8 => Some(Server::Apache),
        () => None,
    }
}

/// The text as it would be looked at in a file of its own, with a plain word for what is put into it.
fn without_tags(quoted: &Quoted) -> Vec<u8> {
    if !quoted.engines.any() {
        return quoted.text.clone();
    }
    let made = template::make(&quoted.text, Server::Nginx, quoted.engines, false);
    let mut text = made.parsed;
    for hole in made.holes {
        text[hole.start as usize..hole.end as usize].fill(b'x');
    }
    text
}

#[derive(Default)]
struct Counts {
    /// Lines that are neither empty nor comments nor a template's.
    lines: usize,
    nginx: usize,
    apache: usize,
    /// Lines that end as nginx's do.
    ends: usize,
    /// Lines that begin as httpd's do.
    capitals: usize,
}

impl Counts {
    fn line(&mut self, line: &[u8]) {
        let is_tag = [&b"{{"[..], b"{%", b"<%", b"%{"].iter().any(|mark| line.starts_with(mark));
        if line.is_empty() || line[0] == b'#' || is_tag {
            return;
        }
        self.lines += 1;
        let code =
            line.windows(2).position(|pair| pair == b" #").map_or(line, |at| line[..at].trim_ascii_end());
        let last = code.last().copied().unwrap_or_default();
        let end =
            line.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'>').unwrap_or(line.len());
        let word = &line[..end];
        self.ends += usize::from(
            matches!(last, b';' | b'{' | b'}') || code.starts_with(b"'") || code.starts_with(b"\""),
        );
        self.capitals +=
            usize::from(word.first().is_some_and(|first| first.is_ascii_uppercase() || *first == b'<'));
        self.nginx +=
            usize::from(NGINX.iter().any(|(name, ends)| *name == word && (last == *ends || last == b'}')));
        let lower = word.to_ascii_lowercase();
        self.apache += usize::from(APACHE.contains(&&lower[..]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(text: &str) -> Option<Server> {
        let mut quoted = Quoted::new(b"");
        quoted.line(text.as_bytes(), 0);
        server(&quoted)
    }

    #[test]
    fn scripts_prose_and_other_configurations_are_none() {
        for text in [
            "#!/bin/sh\nserver {\nif true; then\n  echo a;\nfi\nnginx -s reload\nexit 0\n",
            "server:\n  listen: 80\n",
            "The server {\nlistens\n",
            "package main\nfunc main() {\n}\n",
            "Listen to me.\nProxyPass is a directive\nand this is prose\n",
            "",
        ] {
            assert_eq!(looks(text), None, "{text}");
        }
        assert_eq!(looks("location /ws {\n  proxy_pass http://a;\n}\n"), Some(Server::Nginx));
        assert_eq!(
            looks("<VirtualHost *:80>\n  ProxyPass / http://a/\n</VirtualHost>\n"),
            Some(Server::Apache)
        );
    }
}
