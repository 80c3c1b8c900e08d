//! Reports in files, and statistics.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const GOOD: &str = "events {}\nhttp { server { listen 80; location /ws { proxy_pass http://127.0.0.1:9000; \
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; \
    proxy_set_header Host $host; proxy_read_timeout 1h; } } }\n";
const BAD: &str = "events {}\nhttp { include conf.d/*.conf; }\n";
const SITE: &str = "server { listen 80; location /ws { proxy_pass http://127.0.0.1:9000; \
    proxy_set_header Upgrade $http_upgrade; }\nlocation /live { proxy_pass http://127.0.0.1:9000; \
    proxy_set_header Upgrade $http_upgrade; proxy_http_version 1.1; \
    proxy_set_header Connection \"upgrade\"; } }\n";

const KNOWN: &str = "{\"version\": 1, \"findings\": []}\n";

fn bad() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(directory.path().join("in/conf.d")).expect("directories");
    fs::write(directory.path().join("in/nginx.conf"), BAD).expect("writable");
    fs::write(directory.path().join("in/conf.d/site.conf"), SITE).expect("writable");
    directory
}

fn good() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("in")).expect("a directory");
    fs::write(directory.path().join("in/nginx.conf"), GOOD).expect("writable");
    directory
}

fn wslint(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wslint"));
    command.args(arguments).current_dir(directory).env_remove("NO_COLOR").env_remove("FORCE_COLOR");
    command.output().expect("wslint runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Names in a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

#[test]
fn every_format_can_go_to_a_file_all_at_once_and_is_what_standard_output_has() {
    let directory = bad();
    let formats = ["human", "concise", "json", "sarif", "github", "gitlab", "junit"];
    let files = formats.map(|format| format!("{format}=report.{format}"));
    for notes in [&[][..], &["--notes"]] {
        let mut arguments = vec!["in", "--color", "always", "--format", "concise"];
        arguments.extend(notes);
        files.iter().for_each(|file| arguments.extend(["--output", file]));
        let output = wslint(directory.path(), &arguments);
        assert_eq!((output.status.code(), stderr(&output)), (Some(1), String::new()));
        for format in formats {
            let printed = wslint(directory.path(), &[&["in", "--format", format], notes].concat());
            let written = fs::read(directory.path().join(format!("report.{format}"))).expect("written");
            assert_eq!(String::from_utf8_lossy(&written), stdout(&printed), "{format}");
            assert!(!written.is_empty() && !written.contains(&0x1b), "{format}");
        }
        let concise = fs::read_to_string(directory.path().join("report.concise")).expect("written");
        assert_eq!(stdout(&output), concise);
    }
    assert_eq!(names(directory.path()).len(), formats.len() + 1, "nothing else is left");
}

#[test]
fn a_report_that_was_there_is_replaced_and_keeps_its_mode() {
    let directory = good();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("private"), "an old report, longer than the new one".repeat(1000)).expect("writable");
    fs::set_permissions(at("private"), fs::Permissions::from_mode(0o600)).expect("a mode");
    let arguments = ["in", "--output", "concise=private", "--output", "human=new"];
    let output = wslint(directory.path(), &arguments);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    assert_eq!(fs::read(at("private")).expect("written"), b"");
    let mode = |name: &str| fs::metadata(at(name)).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode("private"), 0o600);
    // What the umask leaves to everybody, as for any file; `in` is as new as it is.
    assert_eq!(mode("new"), mode("in") & 0o666);
}

#[test]
fn what_cannot_be_a_report_is_refused_before_anything_is_written() {
    let directory = bad();
    let at = |name: &str| directory.path().join(name);
    symlink("in/conf.d/site.conf", at("to-site")).expect("a link");
    fs::hard_link(at("in/nginx.conf"), at("same-as-main")).expect("a link");
    symlink("in", at("to-in")).expect("a link");
    fs::write(at("in/wslint.toml"), "[rules]\n").expect("writable");
    fs::write(at("known"), KNOWN).expect("writable");
    let _socket = UnixListener::bind(at("socket")).expect("a socket");
    let before = names(directory.path());
    for (wrong, words) in [
        (&["json=nowhere/x"][..], "nowhere/x: not written: there is no directory nowhere"),
        (&["json=in"], "in: not written: it is a directory"),
        (&["json=.."], "..: not written: it is a directory"),
        (&["json=to-in"], "to-in: not written: it is a symbolic link"),
        (&["json=socket"], "socket: not written: it is no regular file"),
        (&["json=x", "--output", "sarif=./x"], "./x: not written: two reports do not fit in one file"),
        (
            &["json=in/x", "--output", "sarif=to-in/x"],
            "to-in/x: not written: two reports do not fit in one file",
        ),
        (&["json=in/nginx.conf"], "in/nginx.conf: not written: it is one of the files that were read"),
        (
            &["json=in/conf.d/site.conf"],
            "in/conf.d/site.conf: not written: it is one of the files that were read",
        ),
        (&["json=to-site"], "to-site: not written: it is a symbolic link"),
        (&["json=same-as-main"], "same-as-main: not written: it is one of the files that were read"),
        (&["json=in/wslint.toml"], "in/wslint.toml: not written: it is one of the files that were read"),
        (&["json=known", "--baseline", "known"], "known: not written: it is one of the files that were read"),
        (&["json=x", "--write-baseline", "known"], "cannot be used with"),
        (&["json"], "write FORMAT=FILE"),
        (&["json="], "write FORMAT=FILE"),
        (&["xml=x"], "no format `xml`; there are human, concise, json, sarif, github, gitlab, junit"),
        (&["json=-"], "standard output has --format"),
    ] {
        // One that could be written is not either.
        let mut arguments = vec!["in", "--output", "human=fine"];
        arguments.push("--output");
        arguments.push(wrong[0]);
        arguments.extend(&wrong[1..]);
        let output = wslint(directory.path(), &arguments);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{wrong:?}");
        assert!(stderr(&output).contains(words), "{wrong:?}: {}", stderr(&output));
        assert_eq!(names(directory.path()), before, "{wrong:?}");
    }
    assert_eq!(fs::read_to_string(at("in/nginx.conf")).expect("there"), BAD);
    assert_eq!(fs::read_to_string(at("in/conf.d/site.conf")).expect("there"), SITE);
}

#[test]
fn what_was_not_written_is_told_after_all_the_rest_was() {
    let directory = bad();
    // Nobody makes files there, root neither.
    let arguments =
        ["in", "--format", "concise", "--output", "json=/proc/wslint", "--output", "concise=fine"];
    let output = wslint(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("wslint: /proc/wslint: not written: "), "{}", stderr(&output));
    let fine = fs::read_to_string(directory.path().join("fine")).expect("written");
    assert_eq!(stdout(&output), fine);
    assert!(fine.lines().count() > 3);
}

#[test]
fn a_quiet_report_without_findings_is_an_empty_file() {
    let directory = good();
    let output = wslint(directory.path(), &["in", "-q", "--statistics", "--output", "human=report"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()));
    assert_eq!(fs::read(directory.path().join("report")).expect("written"), b"");
}

#[test]
fn statistics_count_each_rule_the_most_frequent_first() {
    let directory = bad();
    let human = stdout(&wslint(directory.path(), &["in", "--statistics"]));
    let (_, table) = human.split_once("\n\n  COUNT  RULE\n").expect("a table");
    let rows: Vec<(usize, &str)> = table
        .lines()
        .map(|row| row.trim().split_once("  ").expect("two columns"))
        .map(|(count, rule)| (count.parse().expect("a number"), rule))
        .collect();
    let concise = stdout(&wslint(directory.path(), &["in", "--format", "concise"]));
    for (count, rule) in &rows {
        assert_eq!(concise.matches(&format!("[{rule}]")).count(), *count, "{rule}");
    }
    assert_eq!(rows.iter().map(|(count, _)| count).sum::<usize>(), concise.lines().count());
    assert!(rows.len() > 2 && rows[0].0 > rows[rows.len() - 1].0, "{rows:?}");
    assert!(rows.is_sorted_by_key(|&(count, rule)| (std::cmp::Reverse(count), rule)), "{rows:?}");
    let json = stdout(&wslint(directory.path(), &["in", "--statistics", "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let counts = json["statistics"].as_array().expect("an array").iter();
    let counts: Vec<(usize, &str)> = counts
        .map(|count| {
            (count["count"].as_u64().expect("a number") as usize, count["rule"].as_str().expect("text"))
        })
        .collect();
    assert_eq!(counts, rows);
    let without = stdout(&wslint(directory.path(), &["in", "--format", "json"]));
    assert!(!without.contains("statistics"));
}

#[test]
fn statistics_of_nothing_say_so_and_no_format_without_them_is_asked_for_them() {
    let directory = good();
    let human = stdout(&wslint(directory.path(), &["in", "--statistics"]));
    assert!(human.ends_with(": nothing found\n\nno rule found anything\n"), "{human}");
    let refused = wslint(directory.path(), &["in", "--statistics", "--format", "sarif"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--statistics"), "{}", stderr(&refused));
    let arguments = ["in", "--statistics", "--format", "sarif", "--output", "json=report.json"];
    assert_eq!(wslint(directory.path(), &arguments).status.code(), Some(0));
    let report = fs::read_to_string(directory.path().join("report.json")).expect("written");
    assert!(report.contains("\"statistics\": []"), "{report}");
}
