//! The cards' complete examples on the real servers: each must fail, or work, exactly as it says.
//! Must not know how wslint comes to its verdicts.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use support::backend::{Backend, Request};
use support::client::{self, Outcome};
use support::httpd::Httpd;
use support::nginx::Nginx;
use support::server::Installed;
use support::wire::{self, Frame};
use support::{in_parallel, installed, listener, say};
use wslint::engine::card::{Card, Example, Proof, Server};

#[test]
fn every_complete_nginx_example_does_on_nginx_what_its_card_says() {
    hold_cards(Nginx::find());
}

#[test]
fn every_complete_apache_example_does_on_httpd_what_its_card_says() {
    hold_cards(Httpd::find());
}

#[test]
fn an_nginx_example_that_claims_another_outcome_is_caught() {
    let both = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                proxy_set_header Connection upgrade; proxy_pass http://@BACKEND@;";
    let locations = [
        ("good", both.to_owned()),
        ("bad refused", "proxy_pass http://@BACKEND@;".to_owned()),
        (
            "bad refused",
            "error_page 426 =404 /none; proxy_intercept_errors on; proxy_pass http://@BACKEND@;".to_owned(),
        ),
        ("bad config-error", format!("{both} proxy_websocket on;")),
        ("bad intercepted", both.replace("@BACKEND@", "@DEAD@")),
        ("bad intercepted", format!("{both} proxy_read_timeout 0;")),
        ("bad intercepted", "root @DIR@/html; try_files $uri /index.html;".to_owned()),
        ("bad intercepted", "return 444;".to_owned()),
        ("bad client-rejects", format!("{both} proxy_hide_header Upgrade;")),
        ("bad client-rejects", format!("{both} proxy_hide_header Sec-WebSocket-Accept;")),
        ("bad cut 1s", format!("{both} proxy_read_timeout 1s;")),
    ];
    let around = "events {}\nhttp {\n    server {\n        listen 127.0.0.1:@PORT@;\n        location / { @ }\n    }\n}";
    catch_false_claims(
        Nginx::find(),
        &locations.map(|(truth, lines)| (truth, around.replace(" @ ", &lines))),
    );
}

#[test]
fn an_apache_example_that_claims_another_outcome_is_caught() {
    let both = "ProxyPass / http://@BACKEND@/ upgrade=websocket";
    let loads = |names: &[&str]| -> String {
        names.iter().map(|name| format!("LoadModule {name}_module \"@MODDIR@/mod_{name}.so\"\n")).collect()
    };
    let balancer =
        "<Proxy balancer://chat>\nBalancerMember ws://@BACKEND@\n</Proxy>\nProxyPass / balancer://chat/";
    let servers = [
        ("good", both.to_owned()),
        ("good", "ProxyPass / ws://@BACKEND@/\nServerRoot /\nPidFile none/pid\nErrorLog none/log".to_owned()),
        ("good", balancer.to_owned()),
        (
            "good",
            loads(&["mpm_worker", "authz_core", "proxy", "proxy_wstunnel"]) + "ProxyPass / ws://@BACKEND@/",
        ),
        ("bad refused", "ProxyPass / http://@BACKEND@/".to_owned()),
        (
            "bad refused",
            "ProxyPass / http://@BACKEND@/\nProxyErrorOverride On\nErrorDocument 426 /none".to_owned(),
        ),
        ("bad config-error", format!("{both}\nProxyWebSocket On")),
        ("bad config-error", loads(&["proxy"]) + both + "\nRewriteEngine On"),
        // Only when it starts does httpd see what is missing.
        ("bad config-error", loads(&["proxy", "proxy_balancer", "proxy_http"]) + balancer),
        ("bad intercepted", both.replace("@BACKEND@", "@DEAD@")),
        ("bad intercepted", loads(&["proxy"]) + both),
        ("bad intercepted", format!("{both}\n<Location />\nRequire all denied\n</Location>")),
        ("bad intercepted", "DocumentRoot html\nFallbackResource /index.html".to_owned()),
        (
            "bad client-rejects",
            format!("{both}\nRequestHeader set Sec-WebSocket-Key dGhlIHNhbXBsZSBub25jZQ=="),
        ),
        ("bad cut 1s", format!("{both}\nTimeout 1")),
    ];
    catch_false_claims(
        Httpd::find(),
        &servers.map(|(truth, lines)| (truth, format!("Listen 127.0.0.1:@PORT@\n{lines}"))),
    );
}

#[test]
fn the_backend_upgrades_a_sound_handshake_and_echoes() {
    let backend = Backend::start();
    let outcome = client::handshake(backend.address().port(), None, "/ws");
    let Outcome::Upgraded(tunnel) = outcome else { panic!("{outcome:?}") };
    let requests = backend.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].head.line, "GET /ws HTTP/1.1");
    assert!(requests[0].refusal.is_none());
    assert_eq!(tunnel.closed_after(Duration::from_millis(300)), None);
}

#[test]
fn the_backend_refuses_every_handshake_that_is_not_sound() {
    let sound = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, UPGRADE\r\nUpgrade: WebSocket\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let edits = [
        ("", "", 101),
        ("GET", "POST", 426),
        ("HTTP/1.1", "HTTP/1.0", 426),
        ("Host: a\r\n", "", 426),
        ("Host: a\r\n", "Host: a\r\nHost: a\r\n", 426),
        ("Connection: keep-alive, UPGRADE\r\n", "", 426),
        ("keep-alive, UPGRADE", "keep-alive", 426),
        ("keep-alive, UPGRADE", "\u{201c}upgrade\u{201d}", 426),
        ("Upgrade: WebSocket\r\n", "", 426),
        ("Upgrade: WebSocket\r\n", "Upgrade: WebSocket\r\nUpgrade: WebSocket\r\n", 426),
        ("Upgrade: WebSocket", "Upgrade:: WebSocket", 426),
        ("Upgrade: WebSocket", "Upgrade : WebSocket", 426),
        ("Upgrade: WebSocket", "Upgrade: h2c", 426),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 426),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ===", 426),
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 426),
        ("Version: 13", "Version: 8", 426),
        ("Sec-WebSocket-Version: 13\r\n", "", 426),
    ];
    for (from, to, status) in edits {
        let backend = Backend::start();
        let request = sound.replacen(from, to, 1);
        let (head, _) = client::ask(backend.address().port(), &request).unwrap();
        assert_eq!(client::status(&head), Some(status), "{request}");
        assert_eq!(head.values("X-Backend"), ["strict"]);
        let requests = backend.requests();
        assert_eq!(requests[0].refusal.is_some(), status == 426, "{request}");
    }
    let backend = Backend::start();
    let (head, _) = client::ask(backend.address().port(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(client::status(&head), Some(426));
    let (head, _) = client::ask(backend.address().port(), "\u{16}\u{3}\u{1}").unwrap();
    assert_eq!(client::status(&head), Some(426));
    assert_eq!(backend.requests().len(), 1, "bytes that are no HTTP are no request");
}

#[test]
fn the_client_accepts_only_a_sound_101_through_which_data_flows() {
    let answers = [
        (
            "HTTP/1.1 101 X\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: @\r\n\r\n",
            "no data",
        ),
        ("HTTP/1.1 101 X\r\nConnection: upgrade\r\nSec-WebSocket-Accept: @\r\n\r\n", "rejects"),
        ("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: @\r\n\r\n", "rejects"),
        (
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            "rejects",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "status"),
        ("SSH-2.0\r\n", "no answer"),
        ("", "no answer"),
    ];
    for (answer, expected) in answers {
        let listener = listener();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let head = wire::Head::read(&mut std::io::BufReader::new(&stream)).unwrap();
            let accept = wire::accept(head.values("Sec-WebSocket-Key")[0]);
            stream.write_all(answer.replace('@', &accept).as_bytes()).unwrap();
        });
        let got = match client::handshake(port, None, "/ws") {
            Outcome::Upgraded(_) => "upgraded",
            Outcome::ClientRejects(_) => "rejects",
            Outcome::Status(_) => "status",
            Outcome::NoAnswer(why) if why.starts_with("101") => "no data",
            Outcome::NoAnswer(_) => "no answer",
        };
        server.join().unwrap();
        assert_eq!(got, expected, "{answer}");
    }
}

#[test]
fn the_accept_value_is_that_of_the_standard() {
    // RFC 6455, 1.3
    assert_eq!(wire::accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(wire::is_key(&wire::fresh_key()));
}

#[test]
fn a_frame_of_any_length_survives_the_wire() {
    for length in [0, 125, 126, 65_535, 65_536] {
        for masked in [true, false] {
            let frame = Frame::new(2, masked, &vec![7; length]);
            let mut bytes = Vec::new();
            frame.write(&mut bytes).unwrap();
            assert_eq!(Frame::read(&mut bytes.as_slice()).unwrap(), frame);
        }
    }
}

/// Every card by its file name, and what is wrong with those that can't be read.
fn cards() -> (BTreeMap<String, Card>, Vec<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let (mut cards, mut unreadable) = (BTreeMap::new(), Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".md") && name != "README.md" {
            match Card::parse(&fs::read_to_string(&path).unwrap()) {
                Ok(card) => drop(cards.insert(format!("rules/{name}"), card)),
                Err(why) => unreadable.push(format!("rules/{name}: {why}")),
            }
        }
    }
    unreadable.sort();
    (cards, unreadable)
}

fn hold_cards<S: Installed>(server: Option<S>) {
    let (cards, unreadable) = cards();
    let Some(server) = installed(server) else { return };
    let examples =
        cards.iter().flat_map(|(name, card)| card.examples.iter().map(move |one| (name.as_str(), one)));
    let complete = examples.filter(|(_, example)| example.server == S::SERVER && example.is_complete());
    let mut runnable = Vec::new();
    for (name, example) in complete {
        match obstacle(&server, example) {
            None => runnable.push((name, example)),
            Some(why) => say(&format!("held by trace alone: {name}:{}: {why}", example.line)),
        }
    }
    let about = format!("{} {}", S::NAME, server.version());
    let of_this_server = cards.values().any(|card| card.servers.contains(&S::SERVER));
    assert!(
        !of_this_server || !runnable.is_empty(),
        "there are cards, and no example of them runs on {about}"
    );
    let mut disagreements = disagreements(&server, &runnable);
    disagreements.extend(unreadable);
    assert!(
        disagreements.is_empty(),
        "{} disagreements between the cards ({} examples) and {about}:\n\n{}",
        disagreements.len(),
        runnable.len(),
        disagreements.join("\n\n")
    );
    say(&format!("{} examples ran on {about}", runnable.len()));
}

/// Why this server can't show what the example claims.
fn obstacle<S: Installed>(server: &S, example: &Example) -> Option<String> {
    let version = server.version();
    if !example.versions.is_none_or(|bounds| bounds.contains(version)) {
        return Some(format!("it is not for {} {version}", S::NAME));
    }
    server.lacks(&example.body)
}

/// Holds every claim against every configuration, of which each makes one claim true.
fn catch_false_claims<S: Installed>(server: Option<S>, configs: &[(&str, String)]) {
    let Some(server) = installed(server) else { return };
    let claims =
        ["good", "bad refused", "bad config-error", "bad intercepted", "bad client-rejects", "bad cut 1s"];
    in_parallel(configs.len() * claims.len(), |index| {
        let (claim, (truth, config)) = (claims[index % claims.len()], &configs[index / claims.len()]);
        // A tunnel that is cut when idle is a good one until then.
        let agrees = claim == *truth || (claim == "good" && *truth == "bad cut 1s");
        let result = judge(&server, &example(S::SERVER, claim, config));
        assert_eq!(result.is_ok(), agrees, "`{claim}` for `{config}`: {result:?}");
    });
}

/// A whole configuration as an example that claims `info`.
fn example(server: Server, info: &str, config: &str) -> Example {
    let server = if server == Server::Nginx { "nginx" } else { "apache" };
    let text = format!(
        "+++\ntitle = \"T\"\nseverity = \"note\"\nservers = [\"{server}\"]\nsince = \"0.1.0\"\n+++\n\
         ```{server} {info}\n{config}\n```\n"
    );
    Card::parse(&text).unwrap().examples.remove(0)
}

/// What disagrees, in the order given.
fn disagreements<S: Installed>(server: &S, examples: &[(&str, &Example)]) -> Vec<String> {
    let found = in_parallel(examples.len(), |index| {
        let (name, example) = examples[index];
        let got = judge(server, example).err()?;
        let expected = example.proof.as_ref().map_or("good".to_owned(), |proof| format!("{proof:?}"));
        Some(format!("{name}:{}\n  expected: {expected}\n  got: {got}", example.line))
    });
    found.into_iter().flatten().collect()
}

/// The error tells what happened instead of what the example claims.
fn judge<S: Installed>(server: &S, example: &Example) -> Result<(), String> {
    let running = match (server.start(&example.body), &example.proof) {
        (Ok(running), _) => running,
        (Err(_), Some(Proof::ConfigError)) => return Ok(()),
        (Err(refusal), _) => return Err(format!("it does not load: {}", refusal.message.trim())),
    };
    if let Some(Proof::Static { .. }) = example.proof {
        return Ok(());
    }
    let (path, host) = example.handshake();
    let outcome = client::handshake(running.site.port, host, path);
    let requests = running.site.requests();
    let told = format!("{outcome:?}");
    let refused = requests.iter().any(|request| request.refusal.is_some());
    let agrees = match (&example.proof, outcome) {
        (None, Outcome::Upgraded(_)) | (Some(Proof::ClientRejects), Outcome::ClientRejects(_)) => true,
        (Some(Proof::Refused), Outcome::Status(_) | Outcome::NoAnswer(_)) => refused,
        (Some(Proof::Intercepted), Outcome::Status(_) | Outcome::NoAnswer(_)) => !refused,
        (Some(Proof::Cut { seconds }), Outcome::Upgraded(tunnel)) => {
            let expected = f64::from(*seconds);
            let closed = tunnel.closed_after(Duration::from_secs_f64(expected + 2.0));
            return match closed.map(|after| after.as_secs_f64()) {
                Some(after) if (after - expected).abs() <= 1.0 => Ok(()),
                Some(after) => Err(format!("cut after {after:.1} s")),
                None => Err(format!("still open after {:.1} s", expected + 2.0)),
            };
        }
        _ => false,
    };
    if agrees { Ok(()) } else { Err(format!("{told}{}{}", seen(&requests), log::<S>(&running.log()))) }
}

fn seen(requests: &[Request]) -> String {
    if requests.is_empty() {
        return "\n  no backend was asked".to_owned();
    }
    let told = requests.iter().map(|request| {
        let headers = request.head.headers.iter().map(|(name, value)| format!("\n      {name}: {value}"));
        let verdict = request.refusal.as_deref().unwrap_or("accepted");
        format!("\n  backend: {verdict}\n      {}{}", request.head.line, headers.collect::<String>())
    });
    told.collect()
}

fn log<S: Installed>(text: &str) -> String {
    text.lines().map(|line| format!("\n  {}: {line}", S::NAME)).collect()
}
