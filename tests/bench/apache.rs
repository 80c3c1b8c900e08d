//! Apache httpd configurations of any size: virtual hosts with plain and WebSocket targets, some of them broken. Must
//! not know rules, nor who reads what it writes.

use std::io::{self, Write};
use std::path::Path;

use crate::counted::Counted;
use crate::random::Random;

/// The modules' paths are relative, so that whoever runs httpd says with `-d` where they lie.
const HEAD: &str = "\
# One machine in front of many applications.
ServerName localhost
PidFile httpd.pid
ErrorLog /dev/null
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule headers_module modules/mod_headers.so
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
LoadModule proxy_wstunnel_module modules/mod_proxy_wstunnel.so
LoadModule rewrite_module modules/mod_rewrite.so
Listen 127.0.0.1:18000

<Directory />
    AllowOverride None
    Require all granted
</Directory>

<VirtualHost *:18000>
    ServerName chat.example.com
    ProxyPreserveHost On
    ProxyPass /ws ws://127.0.0.1:3000/ws timeout=3600
</VirtualHost>
";

const WORDS: [&str; 12] = [
    "account", "archive", "billing", "catalog", "editor", "events", "journal", "orders", "portal", "reports",
    "search", "wiki",
];

/// One file of about `bytes`, in which `broken` of a hundred WebSocket targets have a defect.
pub fn single(directory: &Path, bytes: u64, broken: usize) -> io::Result<()> {
    let mut out = Counted::create(&directory.join("httpd.conf"))?;
    out.write_all(HEAD.as_bytes())?;
    let mut hosts = Hosts { random: Random(1), broken, written: 0 };
    while out.bytes < bytes {
        hosts.write(&mut out)?;
    }
    out.flush()
}

struct Hosts {
    random: Random,
    /// Percent of the WebSocket targets.
    broken: usize,
    written: usize,
}

impl Hosts {
    /// A virtual host of some 1,300 bytes.
    fn write(&mut self, out: &mut Counted) -> io::Result<()> {
        let host = self.written;
        let name = format!("{}{host}.example.com", self.random.pick(&WORDS));
        let backend = format!("10.{}.{}.{}:8080", host / 62500 % 250, host / 250 % 250, host % 250);
        writeln!(
            out,
            "\n# {name}\n<VirtualHost *:18000>\n    ServerName {name}\n    ServerAlias www.{name}"
        )?;
        writeln!(out, "    DocumentRoot /srv/www/{host}\n    <Directory /srv/www/{host}>")?;
        writeln!(out, "        Options -Indexes +FollowSymLinks\n        AllowOverride None")?;
        writeln!(out, "        Require all granted\n    </Directory>\n    ProxyPreserveHost On")?;
        writeln!(out, "    RequestHeader set X-Forwarded-Proto \"http\"")?;
        if self.random.once_in(2) {
            self.rewritten(out, &backend)?;
        }
        for index in 0..3 + self.random.below(4) {
            let path = format!("/{}{index}", self.random.pick(&WORDS));
            match self.random.below(8) {
                0 | 1 => self.websocket(out, &format!("{path}/ws"), &backend)?,
                2 | 3 => {
                    writeln!(
                        out,
                        "    <Location \"{path}\">\n        ProxyPass \"http://{backend}{path}\" retry=0"
                    )?;
                    writeln!(out, "        ProxyPassReverse \"http://{backend}{path}\"")?;
                    writeln!(
                        out,
                        "        Header always set X-Content-Type-Options \"nosniff\"\n    </Location>"
                    )?;
                }
                _ => {
                    writeln!(out, "    ProxyPass {path} http://{backend}{path}")?;
                    writeln!(out, "    ProxyPassReverse {path} http://{backend}{path}")?;
                }
            }
        }
        writeln!(out, "    <IfModule mod_headers.c>\n        Header set Cache-Control \"no-cache, \\")?;
        writeln!(out, "            must-revalidate\"\n    </IfModule>\n</VirtualHost>")?;
        self.written += 1;
        Ok(())
    }

    fn websocket(&mut self, out: &mut Counted, path: &str, backend: &str) -> io::Result<()> {
        let defect = if self.random.below(100) < self.broken { self.random.below(2) } else { usize::MAX };
        let scheme = if defect == 0 { "http" } else { "ws" };
        let seconds = if defect == 1 { 20 } else { 3600 };
        writeln!(out, "    ProxyPass {path} {scheme}://{backend}{path} timeout={seconds}")
    }

    /// The way it is done where one path carries both.
    fn rewritten(&mut self, out: &mut Counted, backend: &str) -> io::Result<()> {
        writeln!(
            out,
            "    ProxyTimeout 3600\n    RewriteEngine On\n    RewriteCond %{{HTTP:Upgrade}} =websocket [NC]"
        )?;
        writeln!(out, "    RewriteRule \"^/(live/.*)$\" \"ws://{backend}/$1\" [P,L]")
    }
}
