//! Random configurations: what `trace` predicts is what real nginx does, down to the request its backend receives.
//! Knows nothing of how wslint reads configurations.

mod support;

use support::client;
use support::compare::{Happened, Predicted, Tally, Upstream};
use support::nginx::Nginx;
use support::random::{Random, asked_for};
use support::random_nginx::{HOSTS, PATHS, configuration};
use support::server::{Installed, Running};
use support::{Site, installed, say};
use wslint::effective::Target;
use wslint::effective::version::Versions;
use wslint::engine::card::{Card, Example, Proof, Server};
use wslint::source::files::Disk;
use wslint::tree::{Limits, Options};

/// Configurations of one run.
const COUNT: u64 = 150;
/// Headers whose values are compared.
const HEADERS: [&str; 6] = ["Host", "Connection", "Upgrade", "X-Test", "Origin", "Sec-WebSocket-Version"];

#[test]
fn random_configurations_do_on_nginx_what_trace_predicts() {
    let Some(nginx) = installed(Nginx::find()) else { return };
    let (count, seed) = asked_for(COUNT);
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
    let Some(nginx) = installed(Nginx::find()) else { return };
    let mut tally = Tally::default();
    for rule in wslint::rules::ALL {
        let card = Card::parse(rule.card).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        let runs = |example: &&Example| {
            let version = example.versions.as_ref().is_none_or(|bounds| bounds.contains(nginx.version()));
            // The backend here speaks no TLS, and a mirror's answer kills the tunnel after the handshake is through.
            let shown_by_handshake =
                !["proxy_pass https", "mirror "].iter().any(|text| example.body.contains(text));
            let is_run = !matches!(example.proof, Some(Proof::Static { .. })) && example.is_complete();
            example.server == Server::Nginx
                && version
                && is_run
                && shown_by_handshake
                && nginx.lacks(&example.body).is_none()
        };
        for example in card.examples.iter().filter(runs) {
            let place = format!("rules/{}.md:{}", rule.id, example.line);
            let (path, host) = example.handshake();
            match nginx.start(&example.body) {
                Ok(running) => {
                    let host = host.unwrap_or("example.test");
                    let several = example.body.contains("upstream ");
                    if let Err(why) = compare_one(&nginx, &running, (host, path), several, &mut tally) {
                        tally.wrong.push(format!("{place}: {why}"));
                    }
                }
                Err(refusal) => match trace(&nginx, &refusal.site, "a.test", "/ws").verdict.as_str() {
                    "config-error" => tally.refused += 1,
                    "unknown" => tally.unknown += 1,
                    other => tally
                        .wrong
                        .push(format!("{place}: nginx refuses it, trace says {other}: {}", refusal.message)),
                },
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

fn compare(nginx: &Nginx, seed: u64, tally: &mut Tally) {
    let mut random = Random(seed);
    let config = configuration(&mut random);
    match nginx.start(&config) {
        Ok(running) => {
            for _ in 0..4 {
                let (host, path) = (random.pick(&HOSTS), random.pick(&PATHS));
                if let Err(why) = compare_one(nginx, &running, (host, path), false, tally) {
                    tally.wrong.push(format!("seed {seed}: ws://{host}{path}: {why}\n{config}"));
                    return;
                }
            }
        }
        Err(refusal) => {
            if let Err(why) = tally.compare_refused(&trace(nginx, &refusal.site, "a.test", "/ws")) {
                tally.wrong.push(format!("seed {seed}: {why}\n{}\n{config}", refusal.message));
            }
        }
    }
}

/// `several`: which backend is asked may be a matter of turns.
fn compare_one(
    nginx: &Nginx,
    running: &Running,
    (host, path): (&str, &str),
    several: bool,
    tally: &mut Tally,
) -> Result<(), String> {
    let site = &running.site;
    let happened = Happened::at(site, || client::handshake(site.port, Some(host), path));
    let mut predicted = trace(nginx, site, host, path);
    if several {
        predicted = predicted.sent_to_the_next(&happened);
    }
    tally.compare(&predicted, &happened, &HEADERS, running)
}

fn trace(nginx: &Nginx, site: &Site, host: &str, path: &str) -> Predicted {
    let options = Options {
        prefix: site.dir().into(),
        root: site.dir().into(),
        maps: Vec::new(),
        limits: Limits::default(),
        apache: None,
    };
    let target =
        Target { nginx: Versions::new(nginx.version(), nginx.version()), named: true, ..Target::default() };
    let url = format!("ws://{host}:{}{path}", site.port).parse().unwrap();
    let main = site.dir().join(Nginx::MAIN_FILE);
    let trace = wslint::trace(&Disk, &main, &options, target, &url, &[]).unwrap().1;
    let upstream = trace.hops.last().and_then(|hop| hop.upstream.as_ref()).map(|upstream| Upstream {
        address: upstream.address.clone(),
        request_line: upstream.request_line.clone(),
        headers: upstream.headers.iter().map(|one| (one.name.clone(), one.shown.clone())).collect(),
    });
    Predicted { verdict: trace.verdict.name().into(), status: trace.status, why: trace.why, upstream }
}
