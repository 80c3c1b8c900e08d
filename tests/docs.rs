//! What can rot is run: the README's commands, and the index of the rules.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use wslint::engine::card::Card;
use wslint::rules;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every `$ wslint ...` of the README's console blocks with the output printed below it.
fn readme_commands(readme: &str) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().expect("a first part");
        for command in block.split("$ ").skip(1) {
            let (line, output) = command.split_once('\n').unwrap_or((command, ""));
            commands.push((line.to_string(), output.to_string()));
        }
    }
    commands
}

#[test]
fn the_commands_of_the_readme_print_what_it_shows() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let commands = readme_commands(&readme);
    assert!(commands.len() >= 3, "the README shows {} commands", commands.len());
    for (line, expected) in commands {
        let arguments = line.strip_prefix("wslint ").unwrap_or_else(|| panic!("no wslint command: {line}"));
        let output = Command::new(env!("CARGO_BIN_EXE_wslint"))
            .args(arguments.split(' '))
            .current_dir(root())
            .env("NO_COLOR", "1")
            .output()
            .expect("wslint runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "README.md: {line}");
    }
}

#[test]
fn the_readme_names_the_two_commands_and_they_exist() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(readme.contains("cargo run --release --locked -- testdata/err/chat"));
    assert!(readme.contains("tests/run.sh"));
    assert!(root().join("tests/run.sh").exists() && root().join("testdata/err/chat/nginx.conf").exists());
}

fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().expect("a number")).collect()
}

#[test]
fn no_dependency_needs_a_newer_rust_than_is_promised() {
    let promised = env!("CARGO_PKG_RUST_VERSION");
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(
        readme.contains(&format!("Rust {promised} or newer")),
        "README.md says another version than {promised}"
    );
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let stated: Vec<(&str, &str)> = packages
        .iter()
        .filter_map(|package| Some((package["name"].as_str()?, package["rust_version"].as_str()?)))
        .collect();
    assert!(stated.len() > 20, "only {} packages state a version", stated.len());
    let newer: Vec<_> =
        stated.into_iter().filter(|(_, needed)| version(needed) > version(promised)).collect();
    assert!(newer.is_empty(), "{newer:?} need a newer Rust than {promised}");
}

/// `rules/README.md` as it should be. With `WSLINT_UPDATE_INDEX` set, the test writes it.
fn index() -> String {
    let mut text = "# The rules\n\nOne card each: what is wrong, why it matters, what to write. `wslint explain RULE` prints a card.\n\n\
        | rule | level | what it finds |\n| --- | --- | --- |\n"
        .to_string();
    for rule in rules::ALL {
        let card = Card::parse(rule.card).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        writeln!(text, "| [{0}]({0}.md) | {1} | {2} |", rule.id, rule.level.name(), card.title)
            .expect("writable");
    }
    text
}

#[test]
fn the_index_lists_every_rule() {
    let path = root().join("rules/README.md");
    if std::env::var_os("WSLINT_UPDATE_INDEX").is_some() {
        fs::write(&path, index()).expect("rules/README.md can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, index(), "run `WSLINT_UPDATE_INDEX=1 cargo test --test docs`");
}
