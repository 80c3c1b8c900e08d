//! The cards: every example says what is found in it, and nothing else is.

#[path = "support/filled.rs"]
mod filled;

use std::collections::BTreeSet;
use std::path::Path;

use wslint::effective::Target;
use wslint::effective::version::{Version, Versions};
use wslint::engine::card::{Card, Example, Server};
use wslint::engine::contracts::Endpoint;
use wslint::engine::settings::{Problem, Trust, read};
use wslint::engine::{Level, Rule, Selection};
use wslint::finding::Severity;
use wslint::rules;
use wslint::source::files::Memory;
use wslint::tree::apache::Given;
use wslint::tree::{Limits, Options};

use filled::{directory, filled};

fn card(rule: &Rule) -> Card {
    Card::parse(rule.card).unwrap_or_else(|error| panic!("rules/{}.md: {error}", rule.id))
}

fn body(example: &Example) -> String {
    let nested = match example.server {
        Server::Nginx => format!("{}{}", "location / { ".repeat(1001), "} ".repeat(1001)),
        // The remark stands above the section that is one too many.
        Server::Apache => format!(
            "{}# finds: limit-exceeded\n<If true>\n{}",
            "<If true>\n".repeat(1000),
            "</If>\n".repeat(1001)
        ),
    };
    filled(example, &nested)
}

/// The version an example is meant for, the newest that its bounds allow; none where they do not matter.
fn target(example: &Example) -> Target {
    let Some(bounds) = &example.versions else { return Target::default() };
    let candidates: &[[u16; 3]] = match example.server {
        Server::Nginx => &[[1, 31, 5], [1, 30, 0], [1, 28, 0], [1, 22, 1]],
        Server::Apache => &[[2, 4, 71], [2, 4, 64], [2, 4, 59], [2, 4, 57], [2, 4, 52], [2, 4, 46]],
    };
    let version = candidates
        .iter()
        .map(|&[major, minor, patch]| Version::new(major, minor, patch))
        .find(|version| bounds.contains(*version))
        .expect("bounds hold a known version");
    let versions = Versions::new(version, version);
    match example.server {
        Server::Nginx => Target { nginx: versions, named: true, ..Target::default() },
        Server::Apache => Target { apache: versions, named: true, ..Target::default() },
    }
}

/// `(line, rule)` of every finding in an example that is an error or a warning, or of the card's own rule. A rule that is
/// off is asked by itself as well.
fn found(rule: &Rule, example: &Example) -> BTreeSet<(usize, String)> {
    let mut found = found_by(&Selection::default(), rule, example);
    if rule.level == Level::Off {
        assert!(found.iter().all(|(_, id)| id != rule.id), "{} is off", rule.id);
        let only = Selection { select: vec![rule.id.to_string()], ..Selection::default() };
        found.extend(found_by(&only, rule, example));
    }
    found
}

fn found_by(selection: &Selection, rule: &Rule, example: &Example) -> BTreeSet<(usize, String)> {
    let directory = Path::new(directory(example.server));
    let (main, apache) = match example.server {
        Server::Nginx => (directory.join("nginx.conf"), None),
        Server::Apache => {
            let version = target(example).apache.last;
            let version = [version.major, version.minor, version.patch];
            (directory.join("apache2.conf"), Some(Given { version, ..Given::default() }))
        }
    };
    let files =
        Memory::default().with(&main, body(example)).with_device("/dev/null").with_device("/dev/zero");
    let options = Options {
        prefix: directory.into(),
        root: directory.into(),
        maps: Vec::new(),
        limits: Limits::default(),
        apache,
    };
    let body = body(example);
    let written = Example { body, ..example.clone() };
    let url = |text: &str| Endpoint::new(text.parse().unwrap_or_else(|error| panic!("{text}: {error}")));
    let endpoints = written.endpoints().map(url).collect();
    let selection = &Selection { endpoints, ..selection.clone() };
    let mut linted = [wslint::lint(&files, &main, &options, target(example), selection).expect("readable")];
    rules::agree(&mut linted);
    let [linted] = linted;
    let counts =
        |finding: &&wslint::finding::Finding| finding.severity > Severity::Note || finding.rule == rule.id;
    let place = |finding: &wslint::finding::Finding| {
        (linted.tree.sources.line(finding.primary) as usize, finding.rule.to_string())
    };
    linted.findings.iter().filter(counts).map(place).collect()
}

#[test]
fn every_example_gives_exactly_the_findings_it_names() {
    let mut wrong = Vec::new();
    for rule in rules::ALL {
        for example in &card(rule).examples {
            let written = Example { body: body(example), ..example.clone() };
            let expected: BTreeSet<_> = written.expected().into_iter().collect();
            let found = found(rule, example);
            if found != expected {
                wrong.push(format!(
                    "rules/{}.md:{}: names {expected:?}, found {found:?}",
                    rule.id, example.line
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_settings_file_gives_exactly_the_findings_it_names() {
    for rule in rules::ALL {
        for example in &card(rule).settings {
            let bytes = example.body.as_bytes();
            let settings = read(Path::new("/repository/wslint.toml"), bytes.into(), &rules::ALL, Trust::Full);
            let line = |problem: &Problem| bytes[..problem.at.start as usize].split(|&b| b == b'\n').count();
            let found: BTreeSet<(usize, String)> = settings
                .problems
                .iter()
                .map(|problem| (line(problem), "settings-unclear".to_string()))
                .collect();
            assert_eq!(found, example.expected().into_iter().collect(), "{}", example.body);
        }
    }
}

#[test]
fn every_card_shows_its_rule_speaking_and_silent_for_each_server() {
    for rule in rules::ALL {
        let card = card(rule);
        // A baseline's entries are held by tests of their own.
        if card.servers.is_empty() && rule.id != "baseline-stale" {
            let kinds = card.settings.iter().map(|example| (example.good, example.expected().is_empty()));
            let kinds: BTreeSet<(bool, bool)> = kinds.collect();
            assert_eq!(kinds, BTreeSet::from([(false, false), (true, true)]), "{}", rule.id);
        }
        for server in &card.servers {
            let of = |good| {
                card.examples.iter().filter(move |example| example.good == good && example.server == *server)
            };
            let speaks = of(false).any(|example| found(rule, example).iter().any(|(_, id)| id == rule.id));
            assert!(speaks, "{} has no bad example for {server:?} that finds it", rule.id);
            assert!(of(true).next().is_some(), "{} has no good example for {server:?}", rule.id);
        }
    }
}

#[test]
fn a_card_and_its_rule_agree_on_the_level() {
    for rule in rules::ALL {
        assert_eq!(card(rule).severity, rule.level.name(), "{}", rule.id);
    }
}

#[test]
fn every_rule_has_one_card_and_every_card_a_rule() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let cards: BTreeSet<String> = std::fs::read_dir(directory)
        .expect("rules/ can be listed")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    let ids: BTreeSet<String> = rules::ALL.iter().map(|rule| format!("{}.md", rule.id)).collect();
    assert_eq!(cards, ids);
}

#[test]
fn the_table_of_rules_is_sorted_and_levels_are_used() {
    assert!(rules::ALL.is_sorted_by(|a, b| a.id < b.id));
    assert!(rules::ALL.iter().any(|rule| rule.level == Level::Note));
    assert!(
        rules::ALL.iter().all(|rule| rules::find(rule.id).is_some_and(|found| std::ptr::eq(found, *rule)))
    );
}
