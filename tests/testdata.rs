//! Whole trees against snapshots of what is said about them.

use std::path::Path;
use std::process::{Command, Output};

fn wslint(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wslint"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"))
        .env("NO_COLOR", "1")
        .output()
        .expect("wslint runs")
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The trees below a directory of testdata.
fn trees(kind: &str) -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(kind);
    let mut trees: Vec<String> = std::fs::read_dir(directory)
        .expect("testdata can be listed")
        .map(|entry| format!("{kind}/{}", entry.expect("entry").file_name().to_string_lossy()))
        .collect();
    trees.sort();
    assert!(!trees.is_empty());
    trees
}

#[test]
fn trees_that_are_right_are_met_with_silence() {
    for tree in trees("ok") {
        let output = wslint(&[&tree, "--format", "concise"]);
        let found = text(&output);
        let loud: Vec<&str> = found.lines().filter(|line| !line.contains(": note[")).collect();
        assert_eq!((loud, output.status.code()), (vec![], Some(0)), "{tree}");
    }
}

#[test]
fn trees_that_are_wrong_are_reported_as_before() {
    for tree in trees("err").into_iter().chain(trees("broken")) {
        let output = wslint(&[&tree]);
        assert_eq!(output.status.code(), Some(1), "{tree}");
        insta::assert_snapshot!(tree.replace('/', "-"), text(&output));
    }
}

#[test]
fn the_table_of_routes_is_as_before() {
    insta::assert_snapshot!("routes-err-chat", text(&wslint(&["routes", "err/chat"])));
}

#[test]
fn the_packaged_configurations_are_met_with_silence() {
    for (directory, main) in [("/etc/nginx", "nginx.conf"), ("/etc/apache2", "apache2.conf")] {
        if !Path::new(directory).join(main).exists() {
            let required = std::env::var_os("WSLINT_SERVERS").is_some_and(|value| value == "required");
            assert!(!required, "{directory} is not there, and WSLINT_SERVERS=required");
            eprintln!("SKIPPED: {directory} is not there");
            continue;
        }
        let output = wslint(&[directory, "--format", "concise"]);
        assert_eq!((text(&output), output.status.code()), (String::new(), Some(0)), "{directory}");
    }
}
