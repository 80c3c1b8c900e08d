//! nginx configurations of any size, in the mix that stands before real applications: static files, plain proxies,
//! WebSockets, some of them broken. Must not know rules, nor who reads what it writes.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::counted::Counted;
use crate::random::Random;

/// Needs nothing of the machine's: what nginx writes lies below its prefix.
const HEAD: &str = "\
# One machine in front of many applications.
worker_processes 4;
pid nginx.pid;
error_log /dev/null;

events {
    worker_connections 512;
}

http {
    types {
        text/html html htm;
        text/css css;
        application/javascript js;
    }
    default_type application/octet-stream;
    access_log off;
    client_body_temp_path client-body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    sendfile on;
    server_tokens off;
    keepalive_timeout 65s;
    server_names_hash_max_size 1048576;
    server_names_hash_bucket_size 256;

    log_format timed '$remote_addr [$time_local] \"$request\" $status '
                     '$body_bytes_sent $request_time $upstream_response_time';

    map $http_upgrade $connection_upgrade {
        default upgrade;
        ''      close;
    }
    map $http_user_agent $is_robot {
        default  0;
        ~*bot\\b  1;
        ~*spider 1;
    }

    server {
        listen 127.0.0.1:18000;
        server_name chat.example.com;
        location /ws {
            proxy_pass http://127.0.0.1:3000;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 1h;
        }
    }
";

const HEADERS: &str = "    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;";

const SNIPPET: &str = "\
proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
proxy_read_timeout 1h;
proxy_send_timeout 1h;
";

/// A whole server of few lines.
const TEN_LINES: &str = "\
pid nginx.pid; error_log /dev/null;
events {}
http {
    server {
        listen 127.0.0.1:18000;
        location /ws {
            proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade;
        }
    }
}
";

const WORDS: [&str; 24] = [
    "account", "archive", "billing", "board", "build", "catalog", "console", "editor", "events", "gallery",
    "invoice", "journal", "library", "market", "notes", "orders", "planner", "portal", "queue", "reports",
    "search", "tickets", "uploads", "wiki",
];

pub fn ten_lines(directory: &Path) -> io::Result<()> {
    fs::write(directory.join("nginx.conf"), TEN_LINES)
}

/// One file of about `bytes`, in which `broken` of a hundred WebSocket locations have a defect.
pub fn single(directory: &Path, bytes: u64, broken: usize) -> io::Result<()> {
    let mut out = Counted::create(&directory.join("nginx.conf"))?;
    out.write_all(HEAD.as_bytes())?;
    let mut sites = Sites::new(broken);
    while out.bytes < bytes {
        sites.write(&mut out)?;
    }
    out.write_all(b"}\n")?;
    out.flush()
}

/// `files` files, a site each but for the main one and the snippet that a third of them includes.
pub fn tree(directory: &Path, files: usize, broken: usize) -> io::Result<()> {
    let mut main = Counted::create(&directory.join("nginx.conf"))?;
    write!(main, "{HEAD}    include sites/*/*.conf;\n}}\n")?;
    main.flush()?;
    write_snippet(directory)?;
    let mut sites = Sites::new(broken);
    for index in 0..files - 2 {
        let group = directory.join(format!("sites/{:03}", index / 100));
        if index % 100 == 0 {
            fs::create_dir_all(&group)?;
        }
        let mut out = Counted::create(&group.join(format!("site-{index}.conf")))?;
        sites.write_small(&mut out)?;
        out.flush()?;
    }
    Ok(())
}

/// One snippet, included by `sites` locations.
pub fn snippet(directory: &Path, sites: usize) -> io::Result<()> {
    write_snippet(directory)?;
    let include = "include snippets/websocket.conf;";
    many_locations(directory, sites, |out, index| {
        writeln!(out, "        location /ws/{index} {{")?;
        writeln!(out, "            proxy_pass http://127.0.0.1:{};", 3000 + index % 90)?;
        writeln!(out, "            {include}\n        }}")
    })
}

/// `locations` locations, each with the same two faults: one that stops the handshake, one that cuts the tunnel.
pub fn findings(directory: &Path, locations: usize) -> io::Result<()> {
    many_locations(directory, locations, |out, index| {
        writeln!(out, "        location /ws/{index} {{")?;
        writeln!(out, "            proxy_pass http://127.0.0.1:{};", 3000 + index % 90)?;
        writeln!(out, "            proxy_http_version 1.1;\n            proxy_set_header Host $host;")?;
        writeln!(out, "            proxy_set_header Upgrade $http_upgrade;")?;
        writeln!(out, "            proxy_set_header Connection keep-alive;")?;
        writeln!(out, "            proxy_read_timeout 20s;\n        }}")
    })
}

fn many_locations(
    directory: &Path,
    count: usize,
    write: impl Fn(&mut Counted, usize) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = Counted::create(&directory.join("nginx.conf"))?;
    out.write_all(HEAD.as_bytes())?;
    for index in 0..count {
        if index % 100 == 0 {
            let site = index / 100;
            writeln!(out, "    server {{\n        listen 127.0.0.1:{};", 18000 + site % 100)?;
            writeln!(out, "        server_name site{site}.example.com;")?;
        }
        write(&mut out, index)?;
        if index % 100 == 99 || index + 1 == count {
            writeln!(out, "    }}")?;
        }
    }
    out.write_all(b"}\n")?;
    out.flush()
}

/// Servers whose locations stand `levels` deep in one another, with settings at every level.
pub fn nested(directory: &Path, levels: usize) -> io::Result<()> {
    let mut out = Counted::create(&directory.join("nginx.conf"))?;
    out.write_all(HEAD.as_bytes())?;
    for site in 0..20 {
        writeln!(out, "    server {{\n        listen 127.0.0.1:{};", 18000 + site)?;
        writeln!(out, "        server_name site{site}.example.com;\n        proxy_http_version 1.1;")?;
        writeln!(out, "{HEADERS}")?;
        let mut path = String::new();
        for level in 0..levels {
            path.push_str(if level % 9 == 0 { "/ws" } else { "/a" });
            writeln!(out, "location {path} {{\n    proxy_pass http://127.0.0.1:{};", 3000 + level)?;
            writeln!(out, "    proxy_read_timeout {}s;\n    proxy_buffering off;", 600 + level)?;
            // Settings of its own throw the inherited ones away.
            if level % 10 == 9 {
                writeln!(out, "    proxy_set_header Host $host;\n{HEADERS}")?;
            }
        }
        for _ in 0..levels {
            out.write_all(b"}\n")?;
        }
        writeln!(out, "    }}")?;
    }
    out.write_all(b"}\n")?;
    out.flush()
}

fn write_snippet(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory.join("snippets"))?;
    fs::write(directory.join("snippets/websocket.conf"), SNIPPET)
}

/// Sites one after the other.
struct Sites {
    random: Random,
    /// Percent of the WebSocket locations.
    broken: usize,
    written: usize,
}

impl Sites {
    fn new(broken: usize) -> Self {
        Self { random: Random(1), broken, written: 0 }
    }

    fn word(&mut self) -> &'static str {
        self.random.pick(&WORDS)
    }

    /// A site of some 2,500 bytes; every fourth brings its own backends, which the next ones share.
    fn write(&mut self, out: &mut Counted) -> io::Result<()> {
        let site = self.written;
        if site.is_multiple_of(4) {
            self.upstream(out, site / 4)?;
        }
        let name = format!("{}{site}.example.com", self.word());
        writeln!(out, "\n    # {name}: ask team {}\n    server {{", self.word())?;
        writeln!(out, "        listen 127.0.0.1:{};", 18000 + site % 100)?;
        writeln!(out, "        server_name {name} www.{name};\n        access_log /dev/null timed;")?;
        writeln!(
            out,
            "        root /srv/www/{site};\n        client_max_body_size {}m;",
            1 + self.random.below(64)
        )?;
        writeln!(out, "        add_header X-Frame-Options \"SAMEORIGIN\" always;")?;
        let backend = format!("http://pool{}", site / 4);
        for index in 0..5 + self.random.below(5) {
            writeln!(out)?;
            if self.random.once_in(4) {
                let path = format!("/{}/ws{index}", self.word());
                self.websocket(out, &path, &backend)?;
            } else {
                self.plain(out, index, &backend)?;
            }
        }
        self.written += 1;
        writeln!(out, "    }}")
    }

    /// A site of three locations, for a file of its own.
    fn write_small(&mut self, out: &mut Counted) -> io::Result<()> {
        let site = self.written;
        let backend = format!("http://127.0.0.1:{}", 3000 + site % 999);
        writeln!(out, "server {{\n    listen 127.0.0.1:{};", 18000 + site % 100)?;
        writeln!(out, "    server_name site{site}.example.com;")?;
        if self.random.once_in(3) {
            writeln!(out, "    location /ws {{\n        proxy_pass {backend};")?;
            writeln!(out, "        include snippets/websocket.conf;\n    }}")?;
        } else {
            self.websocket(out, "/ws", &backend)?;
        }
        self.plain(out, 0, &backend)?;
        self.written += 1;
        writeln!(out, "}}")
    }

    fn upstream(&mut self, out: &mut Counted, pool: usize) -> io::Result<()> {
        writeln!(out, "\n    upstream pool{pool} {{")?;
        match self.random.below(3) {
            0 => writeln!(out, "        ip_hash;")?,
            1 => writeln!(out, "        hash $remote_addr consistent;")?,
            _ => writeln!(out, "        hash $arg_session;")?,
        }
        for member in 1..3 + self.random.below(3) {
            let (high, low) = (pool / 250 % 250, pool % 250);
            writeln!(out, "        server 10.{high}.{low}.{member}:8080 max_fails=3 fail_timeout=10s;")?;
        }
        writeln!(out, "        keepalive {};\n    }}", 8 << self.random.below(4))
    }

    fn websocket(&mut self, out: &mut Counted, path: &str, backend: &str) -> io::Result<()> {
        let defect = if self.random.below(100) < self.broken { self.random.below(4) } else { usize::MAX };
        writeln!(out, "        location {path} {{\n            proxy_pass {backend};")?;
        writeln!(out, "            proxy_http_version {};", if defect == 0 { "1.0" } else { "1.1" })?;
        writeln!(out, "            proxy_set_header Host $host;")?;
        writeln!(out, "            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")?;
        if defect != 1 {
            writeln!(out, "            proxy_set_header Upgrade $http_upgrade;")?;
        }
        let connection = if defect == 2 { "\"keep-alive\"" } else { "$connection_upgrade" };
        writeln!(out, "            proxy_set_header Connection {connection};")?;
        let seconds = if defect == 3 { 20 } else { 3600 + 60 * self.random.below(10) };
        writeln!(out, "            proxy_read_timeout {seconds}s;\n            proxy_send_timeout 1h;")?;
        if self.random.once_in(2) {
            writeln!(out, "            proxy_buffering off;")?;
        }
        writeln!(out, "        }}")
    }

    /// A location without any WebSocket; `index` tells it from its site's others.
    fn plain(&mut self, out: &mut Counted, index: usize, backend: &str) -> io::Result<()> {
        let word = self.word();
        match self.random.below(5) {
            0 => {
                writeln!(
                    out,
                    "        location ~* ^/{word}{index}/.+\\.(?:css|js|png|jpe?g|svg|woff2?)$ {{"
                )?;
                writeln!(out, "            expires 30d;\n            access_log off;")?;
                writeln!(out, "            add_header Cache-Control \"public, max-age=2592000\";")?;
            }
            1 => {
                writeln!(out, "        location = /{word}{index}/health {{")?;
                writeln!(out, "            access_log off;\n            return 200 'fine\\n';")?;
            }
            2 => {
                writeln!(
                    out,
                    "        location /{word}{index}/ {{\n            # moved with the last release"
                )?;
                writeln!(out, "            return 301 https://$host/{}$request_uri;", self.word())?;
            }
            _ => {
                writeln!(out, "        location /{word}{index}/ {{\n            proxy_pass {backend};")?;
                for header in
                    ["Host $host", "X-Real-IP $remote_addr", "X-Forwarded-Proto $scheme", "X-Robot $is_robot"]
                {
                    writeln!(out, "            proxy_set_header {header};")?;
                }
                let seconds = 30 + self.random.below(90);
                writeln!(
                    out,
                    "            proxy_connect_timeout 5s;\n            proxy_read_timeout {seconds}s;"
                )?;
                if self.random.once_in(2) {
                    writeln!(out, "            proxy_buffers 16 16k;\n            proxy_buffer_size 32k;")?;
                }
                if self.random.once_in(3) {
                    writeln!(
                        out,
                        "            if ($request_method = OPTIONS) {{\n                return 204;"
                    )?;
                    writeln!(out, "            }}")?;
                }
            }
        }
        writeln!(out, "        }}")
    }
}
