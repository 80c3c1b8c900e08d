//! Writes configurations of nginx at random, most of which it loads.
//! Must not know what nginx or wslint make of them.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::random::Random;

/// Names that clients ask for.
pub const HOSTS: [&str; 6] = ["a.test", "x.a.test", "b.test", "c1.test", "d.test", "other.example"];
const NAMES: [&str; 7] =
    ["a.test", "*.a.test", "b.*", "~^c\\d\\.test$", ".d.test", "x.a.test b.test", "\"\""];
pub const PATHS: [&str; 12] = [
    "/",
    "/ws",
    "/ws/",
    "/ws/room",
    "/ws/room?a=1&b=2",
    "/api",
    "/api/ws",
    "/api/ws/x%20y?q",
    "/a/b",
    "/x.php",
    "//ws//room",
    "/WS",
];
const MATCHERS: [&str; 13] = [
    "/",
    "/ws",
    "/ws/",
    "= /ws",
    "= /api/ws",
    "^~ /ws/",
    "^~ /api",
    "/api/",
    "~ ^/(ws|api)(/.*)?$",
    "~* \\.php$",
    "~ ^/ws/(?<room>.+)$",
    "/a/",
    "~* ^/ws",
];
/// Those that may stand inside another location.
const NESTED: [(&str, &[&str]); 4] = [
    ("/", &["/ws/room", "= /a/b", "~ room$"]),
    ("/ws", &["/ws/room", "~ oo"]),
    ("/api/", &["/api/ws", "= /api/ws"]),
    ("^~ /api", &["/api/ws", "~ /ws"]),
];

/// A main file, placeholders and all.
pub fn configuration(random: &mut Random) -> String {
    let mut out = "events {}\nhttp {\n".to_string();
    out += "    map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n";
    out += "    map $uri $by_path { default ''; ~^/ws upgrade; /api/ws upgrade; }\n";
    out += "    map $connection_upgrade $chained { upgrade Upgrade; default \"\"; }\n";
    headers(random, 1, &mut out);
    let servers = 1 + random.below(3);
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let default = random.below(servers + 1);
    for index in 0..servers {
        server(random, index == default, &mut names, &mut out);
    }
    out + "}\n"
}

fn server(random: &mut Random, default: bool, names: &mut BTreeSet<&str>, out: &mut String) {
    let flag = if default { " default_server" } else { "" };
    writeln!(out, "    server {{\n        listen 127.0.0.1:@PORT@{flag};\n        root html;").unwrap();
    let name = random.pick(&NAMES);
    if !random.once_in(5) && names.insert(name) {
        writeln!(out, "        server_name {name};").unwrap();
    }
    headers(random, 2, out);
    out.push_str("        set $seen no; set $tail none;\n");
    if random.once_in(4) {
        writeln!(out, "        set $backend {};", random.pick(&["@BACKEND@", "@BACKEND2@"])).unwrap();
    } else {
        out.push_str("        set $backend @BACKEND@;\n");
    }
    if random.once_in(6) {
        writeln!(out, "        {}", random.pick(&SERVER_LINES)).unwrap();
    }
    if random.once_in(6) {
        writeln!(out, "        {}", random.pick(&ERROR_PAGES)).unwrap();
    }
    out.push_str("        location @named { proxy_pass http://@BACKEND@; ");
    headers(random, 0, out);
    out.push_str("}\n        location @plain { return 418; }\n");
    let mut used = BTreeSet::new();
    for _ in 0..1 + random.below(5) {
        let matcher = random.pick(&MATCHERS);
        if used.insert(matcher.trim_start_matches("^~ ")) {
            location(random, matcher, 2, out);
        }
    }
    out.push_str("    }\n");
}

const SERVER_LINES: [&str; 7] = [
    "rewrite ^/api/(.*)$ /ws/$1;",
    "rewrite ^/a/(.*)$ /api/$1?from=a last;",
    "rewrite ^/ws$ /ws/ permanent;",
    "if ($http_upgrade = \"\") { return 400; }",
    "if ($uri ~ ^/x) { return 403 \"no\"; }",
    "if ($request_method != GET) { return 405; }",
    "if ($host = b.test) { rewrite ^ /ws/room break; }",
];
const ERROR_PAGES: [&str; 6] = [
    "error_page 403 418 = @named;",
    "error_page 404 =200 /index.html;",
    "error_page 418 @named;",
    "error_page 404 = @plain;",
    "error_page 301 403 =503 @named;",
    "error_page 404 /ws/room;",
];

fn location(random: &mut Random, matcher: &str, depth: usize, out: &mut String) {
    let indent = "    ".repeat(4 - depth);
    writeln!(out, "{indent}location {matcher} {{").unwrap();
    let lines: BTreeSet<&str> = (0..random.below(3)).map(|_| random.pick(&LOCATION_LINES)).collect();
    for line in lines {
        writeln!(out, "{indent}    {line}").unwrap();
    }
    if random.once_in(8) {
        writeln!(out, "{indent}    {}", random.pick(&ERROR_PAGES)).unwrap();
    }
    if random.once_in(6) {
        writeln!(out, "{indent}    {}", random.pick(&TRY_FILES)).unwrap();
    }
    let fixed = !matcher.contains('~') || matcher.starts_with('^');
    if !random.once_in(7) {
        let targets: &[&str] = if fixed { &TARGETS } else { &TARGETS[..4] };
        writeln!(out, "{indent}    proxy_pass {};", random.pick(targets)).unwrap();
    }
    headers(random, 4 - depth, out);
    if depth > 1
        && let Some((_, inner)) = NESTED.iter().find(|(outer, _)| *outer == matcher)
        && random.once_in(2)
    {
        let inner = random.pick(inner);
        location(random, inner, depth - 1, out);
    }
    writeln!(out, "{indent}}}").unwrap();
}

const LOCATION_LINES: [&str; 22] = [
    "deny all;",
    "allow all;",
    "auth_basic \"closed\"; auth_basic_user_file none;",
    "satisfy any;",
    "internal;",
    "limit_except POST { deny all; }",
    "limit_except GET { deny all; }",
    "return 301 /ws/;",
    "return 418;",
    "return 403 \"text\";",
    "return 204;",
    "rewrite ^/ws/(.*)$ /api/$1 last;",
    "rewrite ^/api/(.*)$ /a/$1 break;",
    "rewrite ^/(.*)$ /x/$1?y=$1 break;",
    "rewrite room /a/b;",
    "if ($http_upgrade) { set $seen yes; }",
    "if ($http_upgrade = websocket) { proxy_pass http://@BACKEND2@; }",
    "if ($http_upgrade !~* ^websocket$) { return 403; }",
    "if ($arg_a) { return 302 /; }",
    "if (-f $document_root/index.html) { set $found yes; }",
    "set $backend @BACKEND2@;",
    "if ($uri ~ /(r.*)$) { set $tail $1; }",
];
const TRY_FILES: [&str; 4] = [
    "try_files $uri @named;",
    "try_files $uri =404;",
    "try_files /index.html @named;",
    "try_files $uri $uri/ /ws;",
];
const TARGETS: [&str; 9] = [
    "http://@BACKEND@",
    "http://@BACKEND@",
    "http://$backend",
    "http://$backend/fixed?x=1",
    "http://@BACKEND@/",
    "http://@BACKEND@/base/",
    "http://@BACKEND@/base",
    "http://@BACKEND@/ws/",
    "http://$backend$uri",
];

/// Header lines of a level, mostly the ones a handshake needs.
fn headers(random: &mut Random, depth: usize, out: &mut String) {
    let indent = "    ".repeat(depth);
    let mut line = |text: &str| writeln!(out, "{indent}{text}").unwrap();
    if random.once_in(2) {
        line(if random.once_in(8) { "proxy_http_version 1.0;" } else { "proxy_http_version 1.1;" });
    }
    if random.once_in(2) {
        let value = match random.below(12) {
            0 => "websocket",
            1 => "\"\"",
            2 => "$connection_upgrade",
            3 => "$http_upgarde",
            _ => "$http_upgrade",
        };
        line(&format!("proxy_set_header Upgrade {value};"));
        let value = match random.below(12) {
            0 => "$http_connection",
            1 => "close",
            2 => "$by_path",
            3 => "$chained",
            4 => "\"keep-alive, Upgrade\"",
            5 => "$http_upgrade",
            6 => "upgrade",
            _ => "$connection_upgrade",
        };
        line(&format!("proxy_set_header Connection {value};"));
    }
    if random.once_in(6) {
        let value =
            random.pick(&["$host", "$http_host", "$proxy_host", "\"\"", "fixed.test", "$server_name"]);
        line(&format!("proxy_set_header Host {value};"));
    }
    if random.once_in(8) {
        let value = random.pick(&[
            "$uri$is_args$args",
            "$request_uri",
            "$scheme-$server_port",
            "${request_method}x",
            "$tail$seen",
        ]);
        line(&format!("proxy_set_header X-Test \"{value}\";"));
    }
}
