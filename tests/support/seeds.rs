//! Sound and broken trees to begin with: the examples of all cards and the trees of testdata. Must not know what is made
//! of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;
use wslint::effective::{apache, nginx};
use wslint::engine::card::{Card, Example, Server};
use wslint::rules;
use wslint::source::discover;
use wslint::source::files::Disk;

use super::case::Case;
use super::filled::filled;

/// Every seed with a name of its own.
pub fn cases(testdata: &Path) -> Vec<(String, Case)> {
    let mut cases = Vec::new();
    for rule in rules::ALL {
        let card = Card::parse(rule.card).unwrap_or_else(|error| panic!("rules/{}.md: {error}", rule.id));
        let named = |example: &Example| (format!("{}-{}", rule.id, example.line), of_example(example));
        cases.extend(card.examples.iter().map(named));
    }
    for kind in ["ok", "err", "broken"] {
        let trees = fs::read_dir(testdata.join(kind)).expect("testdata can be listed");
        for tree in trees {
            let tree = tree.expect("an entry");
            let name = format!("{kind}-{}", tree.file_name().to_string_lossy());
            cases.push((name, of_tree(&tree.path())));
        }
    }
    cases.sort_by(|(one, _), (other, _)| one.cmp(other));
    cases
}

fn of_example(example: &Example) -> Case {
    let apache = matches!(example.server, Server::Apache);
    let (path, host) = example.handshake();
    let url =
        format!("ws://{}:{}{path}", host.unwrap_or("a.test"), if example.is_complete() { 8080 } else { 80 });
    Case {
        apache,
        url: url.parse().unwrap_or(Case::parse(b"").url),
        files: vec![("main.conf".into(), filled(example, "").into_bytes())],
        ..Case::parse(b"")
    }
}

fn of_tree(tree: &Path) -> Case {
    let main = discover::Survey::of(&Disk, tree, false).mains.into_iter().next().expect("a main file");
    let mut paths: Vec<_> = WalkDir::new(tree)
        .into_iter()
        .map(|entry| entry.expect("testdata can be listed"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.into_path())
        .collect();
    paths.sort_by_key(|path| (*path != main.path, path.clone()));
    let file = |path: &Path| {
        let name = path.strip_prefix(tree).expect("below the tree").to_owned();
        (name, fs::read(path).expect("testdata can be read"))
    };
    Case {
        apache: main.server == discover::Server::Apache,
        files: paths.iter().map(|path| file(path)).collect(),
        ..Case::parse(b"#= url ws://chat.example.com/socket.io/\n")
    }
}

/// What remarks in comments are made of: every word, with every rule.
pub fn remarks() -> impl Iterator<Item = String> {
    let allows = rules::ALL.iter().map(|rule| format!("# wslint: allow({}) x\n", rule.id));
    let others =
        ["# wslint: websocket\n", "# wslint: not-websocket\n", "# wslint: allow-file(", "wslint:", "allow("];
    allows.chain(others.map(String::from))
}

/// Longer words make poor building blocks.
const MAX_WORD: usize = 40;

/// The words of a server's trees: every directive it knows, and what the seeds hold.
pub fn words<'a>(of_apache: bool, cases: impl IntoIterator<Item = &'a Case>) -> BTreeSet<String> {
    let mut words: BTreeSet<String> = match of_apache {
        true => apache::directives::FORMS.iter().map(|form| form.name.to_string()).collect(),
        false => nginx::directives::ENTRIES.iter().map(|entry| entry.name.to_string()).collect(),
    };
    for case in cases.into_iter().filter(|case| case.apache == of_apache) {
        for (_, text) in &case.files {
            let text = String::from_utf8_lossy(text);
            // A comment is no part of the language.
            let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
            words.extend(lines.flat_map(str::split_whitespace).map(str::to_string));
        }
    }
    words.retain(|word| (1..=MAX_WORD).contains(&word.len()) && word.is_ascii());
    words
}
