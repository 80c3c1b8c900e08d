//! Random configurations of Apache httpd: most of them load, and their handshakes end in every way.
//! Knows nothing of how wslint reads them.

mod support;

use std::collections::BTreeMap;

use support::client::{self, Outcome};
use support::compare::{Happened, Predicted, Tally, Upstream};
use support::httpd::Httpd;
use support::random::{Random, asked_for};
use support::random_httpd::{Config, configuration};
use support::server::{Installed, Refusal, Running};
use support::{in_parallel, installed, say};

/// Configurations of one run.
const COUNT: u64 = 100;
/// Handshakes of one configuration.
const TRIES: usize = 5;

#[test]
fn random_configurations_load_and_their_handshakes_end_in_every_way() {
    let Some(httpd) = installed(Httpd::find()) else { return };
    let (count, seed) = asked_for(COUNT);
    let ends = in_parallel(usize::try_from(count).unwrap(), |index| {
        let mut random = Random(seed * 1_000_003 + index as u64);
        let config = configuration(&mut random);
        let Ok(running) = start(&httpd, &config) else { return vec!["not loaded".to_owned()] };
        let tries = (0..TRIES).map(|_| Try::new(&mut random, &config).happened(&running));
        tries.map(|happened| told(&happened)).collect()
    });
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    for end in ends.into_iter().flatten() {
        *tally.entry(end).or_default() += 1;
    }
    say(&format!("{count} random configurations (seed {seed}): {tally:?}"));
    let share = |name: &str, all: usize| 100 * tally.get(name).copied().unwrap_or(0) / all;
    let configs = usize::try_from(count).unwrap();
    assert!(share("not loaded", configs) <= 15, "too few of them load");
    assert!(share("101", configs * TRIES) >= 10, "hardly any handshake upgrades");
    assert!(share("refused 426", configs * TRIES) >= 5, "hardly any handshake is refused");
    if count >= COUNT {
        for end in ["200", "301", "302", "403", "404", "500", "503"] {
            assert!(tally.contains_key(end), "none ends with {end}");
        }
    }
}

#[test]
fn a_prediction_that_is_wrong_is_caught() {
    let Some(httpd) = installed(Httpd::find()) else { return };
    let lines = "Listen 127.0.0.1:@PORT@\nProxyPass /ws ws://@BACKEND@/ws\nProxyPass /none !\nProxyPass / http://@BACKEND@/";
    let running = httpd.start(lines).unwrap_or_else(|refusal| panic!("{}", refusal.message));
    let [address, other] =
        [&running.site.backend, &running.site.backend2].map(|backend| backend.address().to_string());
    let sent = |address: &str, line: &str, connection: &str| {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![header("Connection", connection), header("host", address)];
        Some(Upstream { address: address.to_owned(), request_line: line.to_owned(), headers })
    };
    let (ws, chat) = ("GET /ws HTTP/1.1", "GET /chat HTTP/1.1");
    // The first of each path is right.
    let predictions = [
        ("/ws", "upgraded", Some(101), sent(&address, ws, "Upgrade")),
        ("/ws", "upgraded", Some(101), sent(&other, ws, "Upgrade")),
        ("/ws", "upgraded", Some(101), sent(&address, "GET / HTTP/1.1", "Upgrade")),
        ("/ws", "upgraded", Some(101), sent(&address, ws, "upgrade")),
        ("/ws", "upgraded", Some(101), None),
        ("/ws", "refused", None, sent(&address, ws, "Upgrade")),
        ("/ws", "config-error", None, None),
        ("/chat", "refused", None, sent(&address, chat, "Keep-Alive")),
        ("/chat", "refused", Some(404), sent(&address, chat, "Keep-Alive")),
        ("/chat", "intercepted", Some(426), sent(&address, chat, "Keep-Alive")),
        ("/chat", "upgraded", Some(101), sent(&address, chat, "Keep-Alive")),
        ("/none", "intercepted", Some(404), None),
        ("/none", "intercepted", Some(403), None),
        ("/none", "intercepted", None, None),
        ("/none", "intercepted", Some(404), sent(&address, "GET /none HTTP/1.1", "Keep-Alive")),
    ];
    let mut before = "";
    for (path, verdict, status, upstream) in predictions {
        let happened = Happened::at(&running.site, || client::handshake(running.site.port, None, path));
        let predicted = Predicted { verdict: verdict.to_owned(), status, why: String::new(), upstream };
        let result = Tally::default().compare(&predicted, &happened, &["Host", "Connection"], &running);
        assert_eq!(result.is_ok(), path != before, "{predicted:?}: {result:?}");
        before = path;
    }
}

/// Hosts to ask for.
const HOSTS: [&str; 7] = ["a.test", "x.a.test", "b.test", "c1.test", "A.Test", "other.example", "127.0.0.1"];
/// Paths to ask for.
const PATHS: [&str; 19] = [
    "/",
    "/ws",
    "/ws",
    "/ws/",
    "/ws/room",
    "/ws/room",
    "/ws/room",
    "/ws/room?a=1&b=2",
    "/wsx",
    "/api",
    "/api/ws",
    "/api/ws?a=2",
    "/api/ws/x%20y?q",
    "/api/../ws",
    "/a/b",
    "/index.html",
    "//ws//room",
    "/WS",
    "/ws/a%2Fb",
];
/// How a handshake may differ from a browser's.
const CHANGES: [&str; 9] = [
    "Upgrade: WebSocket",
    "Upgrade:",
    "Upgrade: foo",
    "Connection: keep-alive, Upgrade",
    "Connection: keep-alive",
    "Host: b.test",
    "Origin:",
    "X-Token: secret",
    "Cookie: ROUTEID=.1",
];

/// A handshake to make.
struct Try<'a> {
    host: &'a str,
    path: &'a str,
    second_port: bool,
    changes: Vec<&'a str>,
}

impl Try<'_> {
    fn new(random: &mut Random, config: &Config) -> Self {
        Self {
            host: random.pick(&HOSTS),
            path: random.pick(&PATHS),
            second_port: config.second_port && random.once_in(3),
            changes: if random.once_in(4) { vec![random.pick(&CHANGES)] } else { Vec::new() },
        }
    }

    fn happened(&self, running: &Running) -> Happened {
        let site = &running.site;
        let port = if self.second_port { site.port2 } else { site.port };
        Happened::at(site, || client::handshake_with(port, Some(self.host), self.path, &self.changes))
    }
}

fn start(httpd: &Httpd, config: &Config) -> Result<Running, Refusal> {
    let files: Vec<(&str, &str)> = config.files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    httpd.start_with(&config.main, &files)
}

fn told(happened: &Happened) -> String {
    match &happened.outcome {
        Outcome::Upgraded(_) => "101".to_owned(),
        Outcome::Status(status) if happened.received.is_some() => format!("refused {status}"),
        Outcome::Status(status) => status.to_string(),
        Outcome::ClientRejects(why) | Outcome::NoAnswer(why) => why.clone(),
    }
}
