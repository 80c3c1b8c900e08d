//! `--fix -` and `--diff -`: what an editor gets back of its buffer, and that no file is touched.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const MAIN: &str = "events {}\nhttp {\n    include sites/*.conf;\n}\n";
const SITE: &str = "server {\n    listen 8080;\n    location /ws {\n        proxy_pass http://127.0.0.1:9000; # chat\n        \
                    proxy_set_header Upgrade $http_upgrade;\n        proxy_set_header Connection upgrade;\n    }\n}";
const LINE: &str = "        proxy_http_version 1.1;\n";

/// What is fixed in `SITE`.
fn fixed() -> String {
    SITE.replace("upgrade;\n    }", &format!("upgrade;\n{LINE}    }}"))
}

/// A tree whose site holds something else than the buffer.
fn tree() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("sites")).expect("created");
    fs::write(directory.path().join("nginx.conf"), MAIN).expect("written");
    fs::write(directory.path().join("sites/chat.conf"), "# as it was saved\n").expect("written");
    directory
}

fn wslint(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wslint"));
    command.args(arguments).current_dir(directory).env_remove("NO_COLOR").env_remove("FORCE_COLOR");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().expect("wslint runs");
    // It need not read what it refuses.
    let _ = running.stdin.take().expect("a pipe").write_all(input.as_bytes());
    running.wait_with_output().expect("wslint ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fails where a file of `tree` is not what it was.
fn hold_untouched(directory: &TempDir) {
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect("readable");
    assert_eq!(read("nginx.conf"), MAIN);
    assert_eq!(read("sites/chat.conf"), "# as it was saved\n");
    assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 2);
    assert_eq!(fs::read_dir(directory.path().join("sites")).expect("listed").count(), 1);
}

#[test]
fn a_fixed_buffer_is_all_of_standard_output_and_the_report_goes_to_standard_error() {
    let directory = tree();
    let output = wslint(directory.path(), &["--fix", "--stdin-filename", "sites/chat.conf", "-"], SITE);
    assert_eq!(text(&output.stdout), fixed());
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("sites/chat.conf:5: fixed http-1-0-hop"), "{told}");
    assert!(told.contains("fixed 1 finding in standard input"), "{told}");
    assert!(told.contains("2 files, 1 route: 2 notes"), "{told}");
    hold_untouched(&directory);
}

#[test]
fn a_buffer_without_a_name_is_a_configuration_of_its_own() {
    let directory = tree();
    let whole = format!("events {{}}\nhttp {{\n{SITE}\n}}\n");
    let output = wslint(directory.path(), &["--fix", "--format", "json", "-"], &whole);
    assert_eq!(text(&output.stdout), format!("events {{}}\nhttp {{\n{}\n}}\n", fixed()));
    let told = text(&output.stderr);
    assert!(told.contains("<stdin>:7: fixed http-1-0-hop"), "{told}");
    let report = &told[told.find("{\n").expect("a report")..];
    let report: serde_json::Value = serde_json::from_str(report).expect("JSON");
    assert_eq!(report["summary"]["warnings"], 0);
    hold_untouched(&directory);
}

#[test]
fn what_needs_another_file_stays_and_the_buffer_comes_back_as_it_was() {
    let directory = tree();
    let bare =
        "server {\r\n    listen 8080;\r\n    location /ws { proxy_pass http://127.0.0.1:9000; }\r\n}\r\n";
    let arguments = ["--fix", "--stdin-filename", "sites/chat.conf", "-"];
    let output = wslint(directory.path(), &arguments, bare);
    assert_eq!(text(&output.stdout), bare);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("nginx.conf lies outside"), "{told}");
    assert!(!told.contains("can be fixed with --fix ("), "{told}");
    hold_untouched(&directory);
}

#[test]
fn a_diff_of_a_buffer_is_what_fix_would_hand_back() {
    let directory = tree();
    let arguments = ["--diff", "--stdin-filename", "sites/chat.conf", "-"];
    let output = wslint(directory.path(), &arguments, SITE);
    assert_eq!(output.status.code(), Some(1));
    let diff = text(&output.stdout);
    assert!(diff.starts_with("--- a/sites/chat.conf\n+++ b/sites/chat.conf\n"), "{diff}");
    assert!(diff.contains(&format!("\n+{LINE}")), "{diff}");
    let none = wslint(directory.path(), &arguments, &fixed());
    assert!(none.status.code() == Some(0) && none.stdout.is_empty());
    hold_untouched(&directory);
}

#[test]
fn what_cannot_be_judged_gives_nothing_back() {
    let directory = tree();
    let arguments = ["--fix", "-", "nginx.conf"];
    let output = wslint(directory.path(), &arguments, SITE);
    assert!(output.status.code() == Some(2) && output.stdout.is_empty());
    let dump = format!("# configuration file /etc/nginx/nginx.conf:\nevents {{}}\nhttp {{\n{SITE}\n}}\n");
    for arguments in [["--fix", "-"], ["--diff", "-"]] {
        let output = wslint(directory.path(), &arguments, &dump);
        assert!(output.status.code() == Some(2) && output.stdout.is_empty(), "{}", text(&output.stdout));
        assert!(text(&output.stderr).contains("a dump is a copy"), "{}", text(&output.stderr));
    }
    let judged = text(&wslint(directory.path(), &["-"], &dump).stdout);
    assert!(judged.contains("http-1-0-hop") && !judged.contains("--fix"), "{judged}");
    hold_untouched(&directory);
}
