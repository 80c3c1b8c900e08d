//! Fixes: what they make of the cards' bad examples is silent, goes on upgrading, and stays when fixed again; real servers
//! load it and upgrade. Must not know how a fix is built.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use support::client::{self, Outcome};
use support::httpd::Httpd;
use support::nginx::Nginx;
use support::random::{Random, asked_for};
use support::server::{Installed, Running};
use support::{in_parallel, installed, random_httpd, random_nginx, say};
use wslint::effective::Target;
use wslint::effective::version::{Version, Versions};
use wslint::engine::card::{Card, Example, Proof, Server};
use wslint::engine::{Linted, Selection};
use wslint::fix::{Choice, Fixed, fix};
use wslint::handshake::{Url, Verdict};
use wslint::rules;
use wslint::source::files::{Files, Memory};
use wslint::tree::apache::Given;
use wslint::tree::{Limits, Options};

/// Placeholders of cards and what stands for them, so that it can be told apart from everything else.
const PLACEHOLDERS: [(&str, &str); 8] = [
    ("@PORT@", "18081"),
    ("@PORT2@", "18082"),
    ("@BACKEND@", "127.0.0.1:19001"),
    ("@BACKEND2@", "127.0.0.1:19002"),
    ("@DEAD@", "127.0.0.1:19003"),
    ("@DIR@", "/wslint-site"),
    ("@MODDIR@", "/wslint-modules"),
    ("@NESTED@", ""),
];

fn filled(text: &str) -> String {
    PLACEHOLDERS.iter().fold(text.to_string(), |text, (name, value)| text.replace(name, value))
}

fn with_placeholders(text: &str) -> String {
    let values = PLACEHOLDERS.iter().filter(|(_, value)| !value.is_empty());
    values.fold(text.to_string(), |text, (name, value)| text.replace(value, name))
}

const MAIN: [&str; 2] = ["/wslint-site/nginx.conf", "/wslint-site/apache2.conf"];

fn is_apache(server: Server) -> bool {
    server == Server::Apache
}

fn memory(text: &str, server: Server) -> Memory {
    let main = MAIN[usize::from(is_apache(server))];
    Memory::default().with(main, text.as_bytes()).with_device("/dev/null").with_device("/dev/zero")
}

fn place(server: Server, target: Target) -> (PathBuf, Options) {
    let directory = Path::new("/wslint-site");
    let last = target.apache.last;
    let given = || Given { version: [last.major, last.minor, last.patch], ..Given::default() };
    let options = Options {
        prefix: directory.into(),
        root: directory.into(),
        maps: Vec::new(),
        limits: Limits::default(),
        apache: is_apache(server).then(given),
    };
    (MAIN[usize::from(is_apache(server))].into(), options)
}

fn lint(files: &dyn Files, server: Server, target: Target) -> Result<Vec<Linted>, String> {
    let (main, options) = place(server, target);
    let linted = wslint::lint(files, &main, &options, target, &Selection::default());
    Ok(vec![linted.map_err(|error| format!("{error:?}"))?])
}

fn fixed(text: &str, server: Server, target: Target, risky: bool) -> (Fixed, String) {
    let files = memory(text, server);
    let lint = |files: &dyn Files| lint(files, server, target);
    let choice = Choice {
        risky,
        rules: rules::ALL.map(|rule| rule.id).to_vec(),
        roots: vec!["/wslint-site".into()],
        only_inside: false,
    };
    let linted = lint(&files).expect("readable");
    let fixed = fix(&files, linted, &lint, &choice).expect("readable again");
    let after = match &fixed.changed[..] {
        [] => text.to_string(),
        [one] => String::from_utf8(one.after.clone()).expect("UTF-8"),
        more => panic!("{} files", more.len()),
    };
    (fixed, after)
}

fn target(example: &Example, version: Option<Version>) -> Target {
    let candidates: &[[u16; 3]] = match example.server {
        Server::Nginx => &[[1, 31, 5], [1, 30, 0], [1, 28, 0], [1, 22, 1]],
        Server::Apache => &[[2, 4, 71], [2, 4, 64], [2, 4, 59], [2, 4, 57], [2, 4, 52], [2, 4, 46]],
    };
    let known = candidates.iter().map(|&[major, minor, patch]| Version::new(major, minor, patch));
    let bounds = example.versions.as_ref();
    let chosen = match (version, bounds) {
        (Some(version), _) => version,
        (None, None) => return Target::default(),
        (None, Some(bounds)) => known.clone().find(|one| bounds.contains(*one)).expect("a known version"),
    };
    let versions = Versions::new(chosen, chosen);
    match example.server {
        Server::Nginx => Target { nginx: versions, named: true, ..Target::default() },
        Server::Apache => Target { apache: versions, named: true, ..Target::default() },
    }
}

fn bad_examples() -> Vec<(&'static str, Example)> {
    let card = |id: &'static str, text: &str| {
        let card = Card::parse(text).unwrap_or_else(|error| panic!("{id}: {error}"));
        card.examples.into_iter().filter(|example| !example.good).map(move |example| (id, example))
    };
    let all = rules::ALL.iter().flat_map(|rule| card(rule.id, rule.card).collect::<Vec<_>>());
    all.filter(|(_, example)| !example.body.contains("@NESTED@")).collect()
}

/// What was made of a rule's examples.
#[derive(Default)]
struct Count {
    found: usize,
    safe: usize,
    risky: usize,
    dropped: Vec<String>,
}

#[test]
fn what_is_fixed_in_the_cards_is_found_no_more_and_fixing_again_changes_nothing() {
    let mut table: BTreeMap<&str, Count> = BTreeMap::new();
    for (id, example) in bad_examples() {
        let text = filled(&example.body);
        let target = target(&example, None);
        let count = table.entry(id).or_default();
        count.found += 1;
        let (safe, after) = fixed(&text, example.server, target, false);
        let made = |fixed: &Fixed| fixed.told.iter().any(|told| told.rule == id && told.dropped.is_none());
        let (all, after_all) = fixed(&text, example.server, target, true);
        count.safe += usize::from(made(&safe));
        count.risky += usize::from(made(&all) && !made(&safe));
        let place = format!("rules/{id}.md:{}", example.line);
        for told in &all.told {
            if let Some(why) = &told.dropped {
                count.dropped.push(format!("{place}: {} ({}): {why}", told.rule, told.title));
            }
        }
        for (text, risky) in [(after, false), (after_all, true)] {
            let (again, same) = fixed(&text, example.server, target, risky);
            assert!(again.changed.is_empty() && same == text, "{place}: fixed again, it is\n{same}");
        }
    }
    for (id, Count { found, safe, risky, dropped }) in &table {
        say(&format!("{id:34} {found:3} examples: {safe:3} safe, {risky:3} unsafe\n{}", dropped.join("\n")));
    }
}

#[test]
fn fixed_nginx_examples_load_and_upgrade_on_nginx() {
    hold_fixes(Nginx::find());
}

#[test]
fn fixed_apache_examples_load_and_upgrade_on_httpd() {
    hold_fixes(Httpd::find());
}

/// Configurations of each server in one run.
const RANDOM: u64 = 25;

#[test]
fn fixing_random_configurations_keeps_what_upgrades_and_touches_only_what_is_found() {
    let (count, seed) = asked_for(RANDOM);
    let mut changed = [0, 0];
    for index in 0..count {
        let mut random = Random(seed * 1_000_003 + index);
        for server in [Server::Nginx, Server::Apache] {
            let text = match server {
                Server::Nginx => random_nginx::configuration(&mut random),
                Server::Apache => random_httpd::configuration(&mut random).main,
            };
            let text = filled(&text);
            for risky in [index % 2 == 0] {
                let said = || format!("seed {seed}, number {index}, {server:?}, unsafe: {risky}\n{text}");
                let (fixed, after) = fixed(&text, server, Target::default(), risky);
                changed[usize::from(is_apache(server))] += usize::from(after != text);
                let before = read(&text, server);
                let has_fix = before.findings.iter().any(|finding| !finding.fixes.is_empty());
                assert!(has_fix || fixed.changed.is_empty(), "nothing to fix: {}", said());
                let loads = |linted: &Linted| !linted.findings.iter().any(|finding| finding.refused);
                assert!(!loads(&before) || loads(&fixed.linted[0]), "it loads no more: {}", said());
                let (again, same) = self::fixed(&after, server, Target::default(), risky);
                assert!(
                    again.changed.is_empty() && same == after,
                    "fixed again: {}\nto\n{after}\nto\n{same}",
                    said()
                );
                for url in urls(&mut random) {
                    let verdict = |text: &str| trace(text, server, &url);
                    if verdict(&text) == Verdict::Upgraded {
                        let now = verdict(&after);
                        assert_eq!(now, Verdict::Upgraded, "{}: {}\nto\n{after}", url.text, said());
                    }
                }
            }
        }
    }
    say(&format!(
        "fixes changed {} of {count} nginx and {} of {count} httpd configurations, safe and unsafe",
        changed[0], changed[1]
    ));
    assert!(changed[0] > 0 && changed[1] > 0);
}

/// Configurations of each server that are run in one run, before and after.
const RUN: u64 = 25;

#[test]
fn safe_fixes_of_random_configurations_keep_on_nginx_what_it_did() {
    let written = |random: &mut Random| (random_nginx::configuration(random), Vec::new());
    hold_random(Nginx::find(), written);
}

#[test]
fn safe_fixes_of_random_configurations_keep_on_httpd_what_it_did() {
    let written = |random: &mut Random| {
        let config = random_httpd::configuration(random);
        (config.main, config.files)
    };
    hold_random(Httpd::find(), written);
}

type Written = (String, Vec<(&'static str, String)>);

fn hold_random<S: Installed>(server: Option<S>, written: impl Fn(&mut Random) -> Written + Sync) {
    let Some(server) = installed(server) else { return };
    let (count, seed) = asked_for(RUN);
    let versions = Versions::new(server.version(), server.version());
    let target = match S::SERVER {
        Server::Nginx => Target { nginx: versions, named: true, ..Target::default() },
        Server::Apache => Target { apache: versions, named: true, ..Target::default() },
    };
    let held = in_parallel(count as usize, |index| {
        let mut random = Random(seed * 1_000_003 + index as u64);
        let (text, files) = written(&mut random);
        let (_, after) = fixed(&filled(&text), S::SERVER, target, false);
        let after = with_placeholders(&after);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        if after == text {
            return None;
        }
        let before = server.start_with(&text, &files).ok()?;
        let said = || format!("seed {seed}, number {index}\n{text}\nto\n{after}");
        let now = match server.start_with(&after, &files) {
            Ok(now) => now,
            Err(refusal) => return Some(Err(format!("{}\n{}", refusal.message, said()))),
        };
        let mut gained = 0;
        for _ in 0..8 {
            let (host, path) = (random.pick(&random_nginx::HOSTS), random.pick(&random_nginx::PATHS));
            let upgrades = |running: &Running| {
                matches!(client::handshake(running.site.port, Some(host), path), Outcome::Upgraded(_))
            };
            let (did, does) = (upgrades(&before), upgrades(&now));
            if did && !does {
                return Some(Err(format!("ws://{host}{path} no longer upgrades: {}", said())));
            }
            gained += usize::from(does && !did);
            let plain = |running: &Running| {
                let port = running.site.port;
                let request =
                    format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
                client::ask(port, &request).ok().and_then(|(head, _)| client::status(&head))
            };
            let (got, gets) = (plain(&before), plain(&now));
            if got != gets {
                return Some(Err(format!("http://{host}{path} got {got:?} and gets {gets:?}: {}", said())));
            }
        }
        Some(Ok(gained))
    });
    let held: Vec<_> = held.into_iter().flatten().collect();
    let wrong: Vec<&String> = held.iter().filter_map(|one| one.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), held.len(), wrong[0]);
    let gained: usize = held.iter().flatten().sum();
    say(&format!(
        "{}: {} fixed configurations keep what they did, {gained} more handshakes upgrade",
        S::NAME,
        held.len()
    ));
}

fn urls(random: &mut Random) -> Vec<Url> {
    let url = |_| {
        let (host, path) = (random.pick(&random_nginx::HOSTS), random.pick(&random_nginx::PATHS));
        format!("ws://{host}:18081{path}").parse().expect("a URL")
    };
    (0..6).map(url).collect()
}

fn read(text: &str, server: Server) -> Linted {
    let files = memory(text, server);
    lint(&files, server, Target::default()).expect("readable").remove(0)
}

fn trace(text: &str, server: Server, url: &Url) -> Verdict {
    let files = memory(text, server);
    let (main, options) = place(server, Target::default());
    wslint::trace(&files, &main, &options, Target::default(), url, &[]).expect("readable").1.verdict
}

/// What an example has that nothing here answers as it would where it is from.
const ELSEWHERE: [(&str, &str); 5] = [
    ("proxy_pass wss://", "no backend here speaks TLS"),
    ("AuthType", "clients have to log in"),
    ("chat.internal", "a name that leads nowhere here"),
    ("auth_request", "the strict backend refuses every request that asks for no upgrade"),
    ("grpc_pass", "the server that the client finds is another"),
];

fn hold_fixes<S: Installed>(server: Option<S>) {
    let Some(server) = installed(server) else { return };
    let runs = |example: &Example| {
        example.server == S::SERVER
            && example.is_complete()
            && example.versions.is_none_or(|bounds| bounds.contains(server.version()))
            && server.lacks(&example.body).is_none()
            && !ELSEWHERE.iter().any(|(word, _)| example.body.contains(word))
            && !matches!(example.proof, Some(Proof::Static { .. }))
    };
    let examples: Vec<_> = bad_examples().into_iter().filter(|(_, example)| runs(example)).collect();
    let wrong = in_parallel(examples.len() * 2, |index| {
        let ((id, example), risky) = (&examples[index / 2], index % 2 == 1);
        let versions = example.versions.map(|_| server.version());
        let target = target(example, versions);
        let (fixed, after) = fixed(&filled(&example.body), example.server, target, risky);
        let is_made = |rule: &str| fixed.told.iter().any(|told| told.rule == rule && told.dropped.is_none());
        if !is_made(id) {
            return Held::Unfixed;
        }
        let place = format!("rules/{id}.md:{} ({})", example.line, if risky { "unsafe" } else { "safe" });
        let after = with_placeholders(&after);
        match compare(&server, example, &after, risky) {
            Ok(()) => Held::Upgrades,
            Err(why) => Held::Wrong(format!("{place}: {why}\n{after}")),
        }
    });
    let upgrades = |risky: usize| {
        wrong.iter().skip(risky).step_by(2).filter(|held| matches!(held, Held::Upgrades)).count()
    };
    let (safe, all) = (upgrades(0), upgrades(1));
    say(&format!(
        "{}: of {} examples that fail, {safe} upgrade with safe fixes, {all} with unsafe ones too",
        S::NAME,
        examples.len()
    ));
    let wrong: Vec<String> = wrong
        .into_iter()
        .filter_map(|held| match held {
            Held::Wrong(why) => Some(why),
            _ => None,
        })
        .collect();
    assert!(wrong.is_empty(), "{} fixed examples are wrong:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

enum Held {
    Unfixed,
    Upgrades,
    Wrong(String),
}

fn compare<S: Installed>(server: &S, example: &Example, after: &str, risky: bool) -> Result<(), String> {
    let (path, host) = example.handshake();
    let plain = |running: &Running| -> Vec<Option<u16>> {
        let ask = |path: &str| {
            let host = host.unwrap_or("127.0.0.1");
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}:{}\r\nConnection: close\r\n\r\n",
                running.site.port
            );
            client::ask(running.site.port, &request).ok().and_then(|(head, _)| client::status(&head))
        };
        ["/", path, "/index.html", "/other/page"].map(ask).to_vec()
    };
    let before = server.start(&example.body).ok().map(|running| plain(&running));
    let running = server.start(after).map_err(|refusal| format!("it does not load: {}", refusal.message))?;
    match client::handshake(running.site.port, host, path) {
        Outcome::Upgraded(_) => {}
        other => return Err(format!("{other:?}; {}", running.log())),
    }
    let now = plain(&running);
    match before {
        Some(before) if before != now && !risky => {
            Err(format!("plain requests got {before:?} and now get {now:?}"))
        }
        _ => Ok(()),
    }
}
