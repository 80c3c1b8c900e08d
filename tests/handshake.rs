//! Random configurations: what `trace` predicts is what real nginx does, down to the request its backend receives.
//! Knows how to write configurations, nothing of how wslint reads them.

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;

use support::client::{self, Outcome};
use support::nginx::{Nginx, Running};
use support::{installed, say};
use wslint::effective::Target;
use wslint::effective::version::Versions;
use wslint::engine::card::{Card, Example, Proof, Server};
use wslint::handshake::{Trace, Verdict};
use wslint::source::files::Disk;
use wslint::tree::{Limits, Options};

/// Configurations of one run; `WSLINT_RANDOM=COUNT` and `WSLINT_SEED=NUMBER` ask for others.
const COUNT: u64 = 150;
const SEED: u64 = 1;

#[test]
fn random_configurations_do_on_nginx_what_trace_predicts() {
    let Some(nginx) = installed("nginx", Nginx::find()) else { return };
    let number =
        |name, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (count, seed) = (number("WSLINT_RANDOM", COUNT), number("WSLINT_SEED", SEED));
    let mut tally = Tally::default();
    for index in 0..count {
        compare(&nginx, seed * 1_000_003 + index, &mut tally);
        assert!(tally.wrong.len() < 5, "{}", tally.wrong.join("\n\n"));
    }
    say(&format!(
        "{count} random configurations (seed {seed}): {} handshakes agree, of them {} upgraded; {} unknown; {} \
         configurations refused by both",
        tally.agreed, tally.upgraded, tally.unknown, tally.refused
    ));
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n\n"));
    assert!(tally.upgraded * 20 > tally.agreed, "hardly any handshake upgrades, so little is compared");
    assert!(tally.unknown * 20 < tally.agreed, "too much is unknown");
}

#[test]
fn every_complete_example_does_on_nginx_what_trace_predicts() {
    let Some(nginx) = installed("nginx", Nginx::find()) else { return };
    let mut tally = Tally::default();
    for rule in wslint::rules::ALL {
        let card = Card::parse(rule.card).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        let runs = |example: &&Example| {
            let version = example.versions.as_ref().is_none_or(|bounds| bounds.contains(nginx.version));
            // The backend here speaks no TLS, and a mirror's answer kills the tunnel after the handshake is through.
            let shown_by_handshake =
                !["proxy_pass https", "mirror "].iter().any(|text| example.body.contains(text));
            let is_run = !matches!(example.proof, Some(Proof::Static { .. })) && example.is_complete();
            example.server == Server::Nginx
                && version
                && is_run
                && shown_by_handshake
                && nginx.has_modules_for(&example.body)
        };
        for example in card.examples.iter().filter(runs) {
            let place = format!("rules/{}.md:{}", rule.id, example.line);
            let (path, host) = example.handshake();
            match nginx.start(&example.body) {
                Ok(running) => {
                    let host = host.unwrap_or("example.test");
                    if let Err(why) = compare_one(&nginx, &running, host, path, &mut tally) {
                        tally.wrong.push(format!("{place}: {why}"));
                    }
                }
                Err(message) => {
                    let directory = tempfile::tempdir().unwrap();
                    std::fs::write(directory.path().join("nginx.conf"), standing_in(&example.body)).unwrap();
                    match trace(&nginx, directory.path(), "ws://a.test:8080/ws").verdict {
                        Verdict::ConfigError => tally.refused += 1,
                        Verdict::Unknown => tally.unknown += 1,
                        other => tally.wrong.push(format!(
                            "{place}: nginx refuses it, trace says {}: {message}",
                            other.name()
                        )),
                    }
                }
            }
        }
    }
    say(&format!(
        "{} examples agree, {} are refused by both, {} unknown",
        tally.agreed, tally.refused, tally.unknown
    ));
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n\n"));
    assert!(tally.agreed > 50, "only {} examples were compared", tally.agreed);
}

#[derive(Default)]
struct Tally {
    agreed: usize,
    upgraded: usize,
    unknown: usize,
    refused: usize,
    wrong: Vec<String>,
}

fn compare(nginx: &Nginx, seed: u64, tally: &mut Tally) {
    let mut random = Random(seed);
    let config = configuration(&mut random);
    match nginx.start(&config) {
        Ok(running) => {
            for _ in 0..4 {
                let (host, path) = (random.pick(&HOSTS), random.pick(&PATHS));
                if let Err(why) = compare_one(nginx, &running, host, path, tally) {
                    tally.wrong.push(format!("seed {seed}: ws://{host}{path}: {why}\n{config}"));
                    return;
                }
            }
        }
        Err(message) => {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("nginx.conf"), standing_in(&config)).unwrap();
            match trace(nginx, directory.path(), "ws://a.test:8080/ws").verdict {
                Verdict::ConfigError => tally.refused += 1,
                other => tally.wrong.push(format!(
                    "seed {seed}: nginx refuses it, trace says {}\n{message}\n{config}",
                    other.name()
                )),
            }
        }
    }
}

fn compare_one(
    nginx: &Nginx,
    running: &Running,
    host: &str,
    path: &str,
    tally: &mut Tally,
) -> Result<(), String> {
    let site = &running.site;
    let before = (site.backend.requests().len(), site.backend2.requests().len());
    let outcome = client::handshake(site.port, Some(host), path);
    let mut received = site.backend.requests().split_off(before.0);
    received.extend(site.backend2.requests().split_off(before.1));
    let trace = trace(nginx, site.dir(), &format!("ws://{host}:{}{path}", site.port));
    let said = format!("trace says {} {:?} ({})", trace.verdict.name(), trace.status, trace.why);
    let verdict_agrees = match (trace.verdict, &outcome) {
        (Verdict::Unknown, _) => {
            tally.unknown += 1;
            return Ok(());
        }
        (Verdict::Upgraded, Outcome::Upgraded(_)) => true,
        // 101 comes through; what a client then thinks of its headers is not the proxy's verdict.
        (Verdict::Upgraded, Outcome::ClientRejects(_)) => true,
        // Most backends take a handshake without Host, or with a second Upgrade; the one in these tests does not.
        (Verdict::Upgraded, Outcome::Status(426)) => {
            let refusal = received.last().and_then(|request| request.refusal.as_deref());
            refusal.is_some_and(|why| why.contains("Host") || why.contains("Upgrade"))
        }
        (Verdict::Refused, Outcome::Status(status)) => {
            received.last().is_some_and(|request| request.refusal.is_some())
                && trace.status.is_none_or(|said| said == *status)
        }
        // What another protocol's backend answers to bytes it does not understand is its own affair.
        (Verdict::Intercepted, Outcome::Status(_)) if trace.why.ends_with("carries no WebSocket") => true,
        (Verdict::Intercepted, Outcome::Status(status)) => trace.status == Some(*status),
        (Verdict::Intercepted, Outcome::NoAnswer(_)) => trace.status.is_none(),
        _ => false,
    };
    if !verdict_agrees {
        return Err(format!("{said}, nginx did {outcome:?}\n{}", running.log()));
    }
    let upstream = trace.hops.last().and_then(|hop| hop.upstream.as_ref());
    match (upstream, received.last()) {
        (None, None) => {}
        (Some(upstream), Some(request)) => {
            if upstream.request_line != request.head.line {
                return Err(format!(
                    "{said}; sent `{}`, received `{}`",
                    upstream.request_line, request.head.line
                ));
            }
            for name in ["Host", "Connection", "Upgrade", "X-Test", "Origin", "Sec-WebSocket-Version"] {
                let sent: Vec<&str> = upstream
                    .headers
                    .iter()
                    .filter(|header| header.name.eq_ignore_ascii_case(name))
                    .map(|header| header.shown.as_str())
                    .collect();
                if sent != request.head.values(name) {
                    return Err(format!(
                        "{said}; {name}: sent {sent:?}, received {:?}",
                        request.head.values(name)
                    ));
                }
            }
        }
        // Whether the backend still reads the request that is given up at once is a matter of luck.
        (Some(_), None) if trace.status == Some(504) => {}
        (upstream, request) => {
            let received = request.map(|request| &request.head.line);
            return Err(format!(
                "{said}; sent {:?}, received {received:?}",
                upstream.map(|upstream| &upstream.request_line)
            ));
        }
    }
    tally.agreed += 1;
    tally.upgraded += usize::from(trace.verdict == Verdict::Upgraded);
    Ok(())
}

fn trace(nginx: &Nginx, directory: &std::path::Path, url: &str) -> Trace {
    let options = Options {
        prefix: directory.into(),
        root: directory.into(),
        maps: Vec::new(),
        limits: Limits::default(),
    };
    let target =
        Target { nginx: Versions::new(nginx.version, nginx.version), named: true, ..Target::default() };
    let url = url.parse().unwrap();
    wslint::trace(&Disk, &directory.join("nginx.conf"), &options, target, &url, &[]).unwrap().1
}

/// The configuration with ports and addresses of nobody's.
fn standing_in(config: &str) -> String {
    let values = [
        ("@PORT@", "8080"),
        ("@PORT2@", "8081"),
        ("@BACKEND@", "127.0.0.1:9000"),
        ("@BACKEND2@", "127.0.0.1:9001"),
    ];
    values
        .iter()
        .fold(config.to_string(), |text, (name, value)| text.replace(name, value))
        .replace("@DIR@", "/srv")
}

/// A generator of numbers that is the same everywhere (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const HOSTS: [&str; 6] = ["a.test", "x.a.test", "b.test", "c1.test", "d.test", "other.example"];
const NAMES: [&str; 7] =
    ["a.test", "*.a.test", "b.*", "~^c\\d\\.test$", ".d.test", "x.a.test b.test", "\"\""];
const PATHS: [&str; 12] = [
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

fn configuration(random: &mut Random) -> String {
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
