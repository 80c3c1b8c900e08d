//! Random configurations: what `trace` predicts is what real httpd does, down to the request its backend receives.
//! Knows how configurations are tried, nothing of how wslint reads them.

mod support;

use std::process::Command;

use serde_json::Value;

use support::client;
use support::compare::{Happened, Predicted, Tally, Upstream};
use support::httpd::Httpd;
use support::random::{Random, asked_for};
use support::random_httpd::{Config, configuration};
use support::server::{Installed, Refusal, Running};
use support::{Site, in_parallel, installed, say};
use wslint::engine::card::{Card, Example, Proof, Server};

/// Configurations of one run.
const COUNT: u64 = 100;
/// Handshakes of one configuration.
const TRIES: usize = 5;
/// What is read instead of the main file, where that leaves something to whoever runs it.
const TRACED: &str = "traced.conf";
/// Headers whose values are compared.
const HEADERS: [&str; 3] = ["Host", "Connection", "Upgrade"];

#[test]
fn random_configurations_do_on_httpd_what_trace_predicts() {
    let Some(httpd) = installed(Httpd::find()) else { return };
    let (count, seed) = asked_for(COUNT);
    let tallies = in_parallel(usize::try_from(count).unwrap(), |index| {
        let seed = seed * 1_000_003 + index as u64;
        let mut random = Random(seed);
        let config = configuration(&mut random);
        let mut tally = Tally::default();
        if let Err(why) = compare(&httpd, &config, &mut random, &mut tally) {
            tally.wrong.push(format!("seed {seed}: {why}\n{}", shown(&config)));
        }
        tally
    });
    let mut tally = Tally::default();
    tallies.into_iter().for_each(|one| tally.add(one));
    say(&format!(
        "{count} random configurations (seed {seed}): {} handshakes agree, of them {} upgraded; {} unknown; {} \
         configurations refused by both",
        tally.agreed, tally.upgraded, tally.unknown, tally.refused
    ));
    let first: Vec<&str> = tally.wrong.iter().take(5).map(String::as_str).collect();
    assert!(first.is_empty(), "{} configurations disagree:\n\n{}", tally.wrong.len(), first.join("\n\n"));
    assert!(tally.upgraded * 10 > tally.agreed, "hardly any handshake upgrades, so little is compared");
    assert!(tally.unknown * 20 < tally.agreed, "too much is unknown");
    assert!(tally.refused as u64 * 100 <= count * 15, "too few configurations load");
}

#[test]
fn every_complete_example_does_on_httpd_what_trace_predicts() {
    let Some(httpd) = installed(Httpd::find()) else { return };
    let mut tally = Tally::default();
    for rule in wslint::rules::ALL {
        let card = Card::parse(rule.card).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        let runs = |example: &&Example| {
            let version = example.versions.as_ref().is_none_or(|bounds| bounds.contains(httpd.version()));
            // The backend here speaks no TLS.
            let shown_by_handshake =
                !["https://@BACKEND", "wss://@BACKEND"].iter().any(|text| example.body.contains(text));
            let is_run = !matches!(example.proof, Some(Proof::Static { .. })) && example.is_complete();
            example.server == Server::Apache && version && is_run && shown_by_handshake
        };
        for example in card.examples.iter().filter(runs) {
            let (path, host) = example.handshake();
            let asked =
                Try { host: host.unwrap_or("example.test"), path, second_port: false, changes: Vec::new() };
            // What runs the example loads modules for it, and whoever reads it should know.
            let loaded = httpd.modules_for(&example.body).join("\n");
            let traced = format!("{loaded}\n{}", example.body);
            let result = match httpd.start_with(&example.body, &[(TRACED, &traced)]) {
                Ok(running) => {
                    let several = example.body.to_ascii_lowercase().matches("balancermember").count() > 1;
                    compare_one(&httpd, &running, &asked, several, &mut tally)
                }
                Err(refusal) => compare_refused(&httpd, &refusal, &asked, &mut tally),
            };
            if let Err(why) = result {
                tally.wrong.push(format!("rules/{}.md:{}: {why}", rule.id, example.line));
            }
        }
    }
    say(&format!(
        "{} examples agree, {} are refused by both, {} unknown",
        tally.agreed, tally.refused, tally.unknown
    ));
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n\n"));
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
const HOSTS: [&str; 7] =
    ["a.test", "x.a.test", "b.test", "c1.test", "main.test", "other.example", "127.0.0.1"];
/// Paths to ask for.
const PATHS: [&str; 28] = [
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
    "/%77s",
    "/ws/%2e%2e/api",
    "/ws/./room",
    "/ws;x=1/room",
    "/ws/r%6Fom?x=%zz",
    "/ws/%zz",
    "/ws/a+b%C3%A9",
    "/../ws",
    "/api/ws/",
];
/// How a handshake may differ from a browser's.
const CHANGES: [&str; 15] = [
    "Upgrade: WebSocket",
    "Upgrade:",
    "Upgrade: foo",
    "Connection: keep-alive, Upgrade",
    "Connection: keep-alive",
    "Host: b.test",
    "Host: A.Test:1",
    "Origin:",
    "X-Token: secret",
    "Cookie: ROUTEID=.1",
    "Host:",
    "Host: c1.test.",
    "Sec-WebSocket-Key:",
    "Sec-WebSocket-Version: 12",
    "Connection: X-Token, Upgrade",
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
        Happened::at(site, || {
            client::handshake_with(self.port(site), Some(self.host), self.path, &self.changes)
        })
    }

    fn port(&self, site: &Site) -> u16 {
        if self.second_port { site.port2 } else { site.port }
    }

    fn url(&self, site: &Site) -> String {
        format!("ws://{}:{}{}", self.host, self.port(site), self.path)
    }
}

fn compare(httpd: &Httpd, config: &Config, random: &mut Random, tally: &mut Tally) -> Result<(), String> {
    let files: Vec<(&str, &str)> = config.files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    match httpd.start_with(&config.main, &files) {
        Ok(running) => (0..TRIES).try_for_each(|_| {
            let asked = Try::new(random, config);
            let result = compare_one(httpd, &running, &asked, config.several, tally);
            result.map_err(|why| format!("{} {:?}: {why}", asked.url(&running.site), asked.changes))
        }),
        Err(refusal) => compare_refused(httpd, &refusal, &Try::new(random, config), tally),
    }
}

/// `several`: which backend is asked may be a matter of turns.
fn compare_one(
    httpd: &Httpd,
    running: &Running,
    asked: &Try,
    several: bool,
    tally: &mut Tally,
) -> Result<(), String> {
    let happened = asked.happened(running);
    let mut predicted = trace(httpd, &running.site, asked)?;
    if several {
        predicted = predicted.sent_to_the_next(&happened);
    }
    tally.compare(&predicted, &happened, &HEADERS, running)
}

fn compare_refused(httpd: &Httpd, refusal: &Refusal, asked: &Try, tally: &mut Tally) -> Result<(), String> {
    let predicted = trace(httpd, &refusal.site, asked)?;
    tally.compare_refused(&predicted).map_err(|why| format!("{why}\n{}", refusal.message))
}

/// What `wslint trace` prints; the error is what keeps it from it.
fn trace(httpd: &Httpd, site: &Site, asked: &Try) -> Result<Predicted, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wslint"));
    let traced = Some(site.dir().join(TRACED)).filter(|path| path.exists());
    let main = traced.unwrap_or_else(|| site.dir().join(Httpd::MAIN_FILE));
    command.arg("trace").arg(main).arg(asked.url(site));
    command.args(["--format", "json", "--server", "apache", "--server-root"]).arg(site.dir());
    command.args(["--target", &format!("apache={}", httpd.version())]);
    command.args(asked.changes.iter().flat_map(|change| ["--header", change]));
    let output = command.output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        format!("wslint trace: {error}, {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
    })?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let headers = |value: &Value| {
        let pairs = value.as_array().into_iter().flatten();
        pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    };
    let upstream = Some(&document["upstream"]).filter(|upstream| !upstream.is_null());
    Ok(Predicted {
        verdict: text(&document["verdict"]),
        status: document["status"].as_u64().and_then(|status| status.try_into().ok()),
        why: text(&document["why"]),
        upstream: upstream.map(|upstream| Upstream {
            address: text(&upstream["address"]),
            request_line: text(&upstream["request_line"]),
            headers: headers(&upstream["headers"]),
        }),
    })
}

fn shown(config: &Config) -> String {
    let files = config.files.iter().map(|(path, text)| format!("--- {path}\n{text}"));
    files.fold(config.main.clone(), |all, file| all + &file)
}
