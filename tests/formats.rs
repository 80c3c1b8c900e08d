//! One rich report in every format.

use std::path::Path;
use std::process::Command;

fn wslint(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wslint"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"))
        .output()
        .expect("wslint runs");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn json_keeps_its_promise() {
    insta::assert_snapshot!("json", wslint(&["err/chat", "--format", "json"]));
}

#[test]
fn json_is_json_whatever_the_configuration_holds() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("nginx.conf");
    std::fs::write(
        &path,
        b"events {}\nhttp { server { location /ws\xFF\"\x1b { proxy_pass http://a; } } }\n",
    )
    .expect("writable");
    let json = wslint(&[path.to_str().expect("UTF-8"), "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["version"], 1);
    assert!(value["findings"].as_array().is_some_and(|findings| !findings.is_empty()));
    assert!(!json.contains('\x1b'));
}

#[test]
fn concise_is_one_line_a_finding() {
    insta::assert_snapshot!("concise", wslint(&["err/chat", "--format", "concise"]));
}

#[test]
fn human_is_drawn_for_narrow_and_wide_terminals_in_colour() {
    insta::assert_snapshot!("human-colour", wslint(&["err/chat", "--color", "always", "--notes"]));
}

#[test]
fn fingerprints_survive_edits_elsewhere_in_the_file() {
    let fingerprints = |text: &str| -> Vec<String> {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("nginx.conf"), text).expect("writable");
        let output = Command::new(env!("CARGO_BIN_EXE_wslint"))
            .args([".", "--format", "json"])
            .current_dir(directory.path())
            .output()
            .expect("wslint runs");
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let all = value["findings"].as_array().expect("findings");
        all.iter().map(|finding| finding["fingerprint"].as_str().expect("text").to_string()).collect()
    };
    let site = "location /ws { proxy_pass http://127.0.0.1:1; }";
    let before = fingerprints(&format!("events {{}}\nhttp {{ server {{ {site} }} }}\n"));
    let after = fingerprints(&format!(
        "# a comment\nevents {{}}\n\nhttp {{ gzip on;\n server {{\n\n {site}\n }} }}\n"
    ));
    assert!(!before.is_empty());
    assert_eq!(before, after);
}
