//! Several arguments that lead to the same files.

#[path = "support/tree.rs"]
mod tree;

use std::process::Command;

use tempfile::TempDir;
use tree::tree;

const MAIN: &str = "events {}\nhttp {\n    include conf.d/*.conf;\n}\n";
/// Its third line is wrong.
const BAD: &str = "server {\n    listen 80;\n    location /ws { proxy_pass http://127.0.0.1:9000; \
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; }\n}\n";

fn run(directory: &TempDir, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wslint"));
    let output = command.args(arguments).current_dir(directory.path()).env("NO_COLOR", "1").output();
    let output = output.expect("wslint starts");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn errors(directory: &TempDir, arguments: &[&str]) -> Vec<String> {
    let (_, text) = run(directory, &[arguments, &["--format", "concise"]].concat());
    let errors = text.lines().filter(|line| line.contains(": error["));
    errors.map(|line| line.split(": ").next().unwrap_or_default().to_string()).collect()
}

#[test]
fn a_file_is_told_of_once_whatever_arguments_lead_to_it() {
    let directory = tree(&[
        ("ng/nginx.conf", MAIN),
        ("ng/conf.d/a.conf", BAD),
        ("ng/conf.d/b.conf", BAD),
        ("c.conf", BAD),
    ]);
    let (a, b) = ("ng/conf.d/a.conf", "ng/conf.d/b.conf");
    let (at_a, at_b) = ("ng/conf.d/a.conf:3:5", "ng/conf.d/b.conf:3:5");
    let places = |arguments: &[&str]| -> Vec<String> {
        let line =
            |place: String| place.rsplit_once(':').map(|(line, _)| format!("{line}:5")).unwrap_or_default();
        errors(&directory, arguments).into_iter().map(line).collect()
    };
    for arguments in [
        &[a, "ng/nginx.conf"][..],
        &["ng/nginx.conf", a],
        &["ng", "ng"],
        &["ng", "ng/conf.d"],
        &["ng/conf.d", "ng"],
        &["ng/conf.d", a],
        &[a, "ng/conf.d"],
        &["ng/nginx.conf", "ng"],
        &[a, b],
        &[a, b, a],
    ] {
        assert_eq!(places(arguments), [at_a, at_b], "{arguments:?}");
    }
    assert_eq!(places(&[a]), [at_a]);
    assert_eq!(places(&["c.conf", "./c.conf"]), ["c.conf:3:5"]);
    assert_eq!(places(&["c.conf", a]), ["c.conf:3:5", at_a]);
}

#[test]
fn what_two_configurations_share_is_told_once_and_dumps_of_two_machines_are_not_one() {
    let main = "events {}\nhttp {\n    include ../common.conf;\n}\n";
    let dump = format!("# configuration file /etc/nginx/nginx.conf:\nevents {{}}\nhttp {{\n{BAD}}}\n");
    let directory = tree(&[
        ("one/nginx.conf", main),
        ("two/nginx.conf", main),
        ("common.conf", BAD),
        ("dumps/one.txt", &dump),
        ("dumps/two.txt", &dump),
    ]);
    let mains = ["one/nginx.conf", "two/nginx.conf"];
    assert_eq!(errors(&directory, &mains).len(), 1);
    assert_eq!(errors(&directory, &["one", "two"]).len(), 1);
    assert_eq!(errors(&directory, &["dumps/one.txt", "dumps/two.txt"]).len(), 2);
    for format in ["gitlab", "junit", "sarif"] {
        let (_, text) = run(&directory, &[&mains[..], &["--format", format]].concat());
        assert!(text.contains("connection-not-upgrade"), "{text}");
    }
    run(&directory, &["one", "two", "--write-baseline", "base.json"]);
    let (code, _) = run(&directory, &["two", "one", "--baseline", "base.json"]);
    assert_eq!(code, Some(0), "one entry knows it in both");
}

#[test]
fn junit_tells_every_finding_whatever_order_files_have() {
    let directory = tree(&[(".htaccess", "ProxyPass /x ws://y\n"), ("wslint.toml", "foo = 1\n")]);
    let (_, json) = run(&directory, &[".htaccess", "--format", "concise"]);
    let (_, junit) = run(&directory, &[".htaccess", "--format", "junit"]);
    let told = |severity: &str| json.matches(severity).count();
    let failures = told(": error[") + told(": warning[");
    assert!(failures > 1, "{json}");
    assert_eq!(junit.matches("<failure ").count(), failures, "{junit}");
}
