//! One rich report in every format, each read again by something that wslint does not write it with.

#[path = "support/tree.rs"]
mod tree;

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tree::tree;
use wslint::effective::Target;
use wslint::engine::remarks::Suppression;
use wslint::engine::{Linted, Selection, Suppressed};
use wslint::finding::{Edit, Fix, Label, Safety, Severity};
use wslint::report::{Report, concise, github, gitlab, human, json, junit, sarif};
use wslint::source::files::Memory;
use wslint::source::{FileId, Span};
use wslint::tree::{Limits, Options};

/// All that `--format` takes.
const FORMATS: [&str; 7] = ["human", "concise", "json", "sarif", "github", "gitlab", "junit"];

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

/// A tree in a temporary directory.
/// What is printed of the tree, and the status.
fn printed(directory: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wslint"));
    let command = command.args(arguments).current_dir(directory).env("NO_COLOR", "1");
    let output = command.output().expect("wslint runs");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.code())
}

fn parsed(directory: &Path, format: &str) -> Value {
    serde_json::from_str(&printed(directory, &[".", "--format", format]).0).expect("JSON")
}

fn array<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

fn number(value: &Value, pointer: &str) -> usize {
    let number = value.pointer(pointer).and_then(Value::as_u64);
    number.unwrap_or_else(|| panic!("no {pointer} in {value}")) as usize
}

const CLEAN: &str = "events {}\nhttp { server { listen 80; location /ws { proxy_pass http://127.0.0.1:9000; \
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; \
    proxy_set_header Host $host; proxy_read_timeout 1h; } } }\n";

/// Every severity, a finding that is silenced, names that are not ASCII or have blanks, two places in other files, and
/// a file that two configurations share.
fn rich() -> TempDir {
    let main =
        "worker_shutdown_timeout 30s;\nevents {}\nhttp {\n    include \"../common/wäre es.conf\";\n}\n";
    let shared = "# Grüße 日本\nserver {\n    listen 80; # é\n    proxy_set_header Upgrade $http_upgrade;\n    \
        proxy_set_header Connection \"upgrade\";\n    location /ws { include ../common/host.conf; proxy_pass \
        http://127.0.0.1:9; }\n    # wslint: allow(inherited-headers-lost) it looks at Upgrade, and 50% of it\n    \
        location /chat {\n        proxy_set_header Upgrade $http_upgrade; proxy_pass http://ünd; \
        proxy_http_version 1.1;\n    }\n    location ~ \"^/[a-z](live)\" {\n        proxy_pass\n            http://127.0.0.1:9;\n    \
        proxy_set_header Upgrade $http_upgrade;\n    }\n}\nupstream \"ünd\" { server 127.0.0.1:9; }\n";
    tree(&[
        ("a/nginx.conf", main),
        ("b/nginx.conf", main),
        ("common/wäre es.conf", shared),
        ("common/host.conf", "proxy_set_header Host $host;\n"),
    ])
}

#[test]
fn annotations_are_one_line_a_finding() {
    insta::assert_snapshot!("github", wslint(&["err/chat", "--format", "github"]));
}

#[test]
fn code_quality_is_an_array_of_issues() {
    insta::assert_snapshot!("gitlab", wslint(&["err/chat", "--format", "gitlab"]));
}

#[test]
fn a_test_report_has_failures_and_files_that_pass() {
    insta::assert_snapshot!("junit", wslint(&["err/chat", "--format", "junit"]));
}

#[test]
fn code_scanning_gets_results_with_their_places() {
    let mut log: Value = serde_json::from_str(&wslint(&["err/chat", "--format", "sarif"])).expect("JSON");
    // One rule shows how all are described.
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array_mut().expect("rules");
    rules.retain(|rule| rule["id"] == "inherited-headers-lost");
    // Which changes with every new rule.
    for result in log["runs"][0]["results"].as_array_mut().expect("results") {
        result.as_object_mut().and_then(|result| result.remove("ruleIndex")).expect("an index");
    }
    insta::assert_snapshot!("sarif", serde_json::to_string_pretty(&log).expect("JSON"));
}

/// The schema as OASIS publishes it, which comes with the package that the log is written with.
fn schema() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let package = array(&metadata, "/packages").iter().find(|package| package["name"] == "serde-sarif");
    let manifest = PathBuf::from(text(package.expect("serde-sarif"), "/manifest_path"));
    let schema = fs::read_to_string(manifest.with_file_name("src/schema.json")).expect("the schema");
    // A bracket too many in the pattern for a language, which only some dialects of regular expressions let pass.
    assert_eq!(schema.matches("{2}]?$").count(), 2);
    serde_json::from_str(&schema.replace("{2}]?$", "{2}$")).expect("JSON")
}

#[test]
fn every_sarif_log_is_valid() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let errors = |log: &Value| -> Vec<String> {
        validator.iter_errors(log).map(|error| format!("{}: {error}", error.instance_path())).collect()
    };
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    for kind in ["ok", "err", "broken"] {
        for entry in fs::read_dir(testdata.join(kind)).expect("testdata") {
            let path = entry.expect("an entry").path();
            assert_eq!(errors(&parsed(&path, "sarif")), [""; 0], "{}", path.display());
        }
    }
    let log = parsed(rich().path(), "sarif");
    assert_eq!(errors(&log), [""; 0]);
    let fixed = logged(&mut [linted()]);
    assert_eq!(errors(&fixed), [""; 0]);
    // The schema is asked: it refuses what is not of the format.
    for (pointer, wrong) in [
        ("/version", Value::from("2.0.0")),
        ("/runs/0/results/0/level", Value::from("fatal")),
        ("/runs/0/columnKind", Value::from("bytes")),
        ("/runs/0/results/0/fixes/0/artifactChanges/0/replacements", Value::from("text")),
    ] {
        let mut log = fixed.clone();
        *log.pointer_mut(pointer).expect(pointer) = wrong;
        assert_ne!(errors(&log), [""; 0], "{pointer}");
    }
}

/// A configuration in memory, two findings of which have repairs.
fn linted() -> Linted {
    let main =
        "events {}\nhttp { server { location /ws { include x.conf;\nproxy_pass http://127.0.0.1:9; } } }\n";
    let files = Memory::default().with("/e/nginx.conf", main);
    let files = files.with("/e/x.conf", "proxy_set_header Upgrade $http_upgrade; # \u{1F600}");
    let options = Options {
        prefix: "/e".into(),
        root: "/e".into(),
        maps: Vec::new(),
        limits: Limits::default(),
        apache: None,
    };
    let main = Path::new("/e/nginx.conf");
    let mut linted = wslint::lint(&files, main, &options, Target::default(), &Selection::default())
        .unwrap_or_else(|error| panic!("{error:?}"));
    let edit = |file, start, end, text: &str| Edit {
        span: Span { file: FileId(file), start, end },
        text: text.to_string(),
    };
    let edits = vec![edit(1, 39, 39, "\n\u{1b}x;"), edit(0, 9, 10, ""), edit(1, 0, 17, "proxy_hide_header")];
    for finding in &mut linted.findings {
        let fix = Fix { title: "write it [so](1)".to_string(), safety: Safety::Unsafe, edits: edits.clone() };
        finding.fixes = vec![fix];
    }
    linted
}

fn logged(linted: &mut [Linted]) -> Value {
    let mut out = Vec::new();
    let report =
        Report { linted, directory: "/e".into(), left_out: 0, statistics: false, hint: String::new() };
    sarif::write(&report, &mut out).expect("written");
    serde_json::from_slice(&out).expect("JSON")
}

#[test]
fn sarif_tells_repairs_file_by_file() {
    let log = logged(&mut [linted()]);
    let fix = log.pointer("/runs/0/results/0/fixes/0").expect("a fix");
    assert_eq!(text(fix, "/description/text"), "write it [so\\](1)");
    assert_eq!(text(fix, "/properties/safety"), "unsafe");
    let mut edits = Vec::new();
    for change in array(fix, "/artifactChanges") {
        for replacement in array(change, "/replacements") {
            let region = ["byteOffset", "byteLength"]
                .map(|name| number(replacement, &format!("/deletedRegion/{name}")));
            edits.push((
                text(change, "/artifactLocation/uri"),
                region,
                text(replacement, "/insertedContent/text"),
            ));
        }
    }
    let expected = [
        ("nginx.conf", [9, 1], ""),
        ("x.conf", [39, 0], "\n\u{1b}x;"),
        ("x.conf", [0, 17], "proxy_hide_header"),
    ];
    assert_eq!(edits, expected);
    assert_eq!(array(fix, "/artifactChanges").len(), 2);
}

#[test]
fn no_words_of_a_finding_get_raw_into_any_format() {
    let hostile = "x\u{1b}[31m\u{9b}\u{202e}\u{2028}\r\u{7f}\0\nforged]](1)&<>\"'";
    let mut part = linted();
    let suppressed = part.findings.pop().expect("a finding");
    for finding in part.findings.iter_mut() {
        finding.message = hostile.to_string();
        finding.help = Some(format!("help\n  {hostile}"));
        finding.primary_label = Some(hostile.to_string());
        finding.labels = vec![Label { span: finding.primary, message: hostile.to_string() }];
        finding.severity = Severity::Error;
    }
    let why = Suppression { reason: hostile.into(), at: suppressed.primary };
    part.suppressed.push(Suppressed { finding: suppressed, why });
    let parts = [part];
    let report =
        Report { linted: &parts, directory: "/e".into(), left_out: 0, statistics: true, hint: String::new() };
    let style = human::Style { colour: false, width: 100, notes: true };
    for (format, write) in [
        ("human", &(|out: &mut Vec<u8>| human::write(&report, style, out)) as &dyn Fn(&mut Vec<u8>) -> _),
        ("concise", &|out| concise::write(&report, out)),
        ("json", &|out| json::write(&report, out)),
        ("sarif", &|out| sarif::write(&report, out)),
        ("github", &|out| github::write(&report, out)),
        ("gitlab", &|out| gitlab::write(&report, out)),
        ("junit", &|out| junit::write(&report, out)),
    ] {
        let mut out = Vec::new();
        write(&mut out).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        let is_raw = |c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c);
        assert!(!text.contains(is_raw) && text.contains("forged"), "{format}: {text:?}");
        // Whatever reads it shows no more than the terminal.
        let read: Vec<String> = match format {
            "sarif" | "gitlab" => {
                let value: Value = serde_json::from_str(&text).expect("JSON");
                strings(&value)
            }
            "junit" => {
                let document = roxmltree::Document::parse(&text).expect("XML");
                let attributes = document.descendants().flat_map(|node| node.attributes());
                let texts = document.descendants().filter_map(|node| node.text());
                attributes.map(|attribute| attribute.value()).chain(texts).map(str::to_string).collect()
            }
            _ => Vec::new(),
        };
        for text in read.iter().filter(|text| text.contains("forged")) {
            assert!(!text.contains(is_raw), "{format}: {text:?}");
        }
    }
}

/// Every string within a value.
fn strings(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Object(fields) => waiting.extend(fields.values()),
            Value::Array(values) => waiting.extend(values),
            _ => {}
        }
    }
    found
}

/// Every physical location within a value, however deep.
fn locations<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(fields) => {
                if fields.contains_key("artifactLocation") && fields.contains_key("region") {
                    found.push(value);
                }
                waiting.extend(fields.values());
            }
            Value::Array(values) => waiting.extend(values),
            _ => {}
        }
    }
}

/// The bytes from one line and column to another, counted without wslint.
fn between(text: &str, start: (usize, usize), end: (usize, usize)) -> &str {
    let offset = |(line, column): (usize, usize)| {
        let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        before + text[before..].chars().take(column - 1).map(char::len_utf8).sum::<usize>()
    };
    &text[offset(start)..offset(end)]
}

#[test]
fn sarif_places_are_the_same_in_bytes_and_in_lines_and_lead_to_the_files() {
    let directory = rich();
    let log = parsed(directory.path(), "sarif");
    let mut found = Vec::new();
    locations(&log["runs"][0]["results"], &mut found);
    assert!(found.len() > 10, "{}", found.len());
    for location in found {
        let uri = text(location, "/artifactLocation/uri");
        assert_eq!(text(location, "/artifactLocation/uriBaseId"), "%SRCROOT%");
        assert!(uri.is_ascii() && !uri.contains(' '), "{uri}");
        let path = uri.replace("%20", " ").replace("%C3%A4", "ä");
        let whole = fs::read_to_string(directory.path().join(&path))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let at = |name: &str| number(location, &format!("/region/{name}"));
        let bytes = &whole[at("byteOffset")..at("byteOffset") + at("byteLength")];
        let start = (at("startLine"), at("startColumn"));
        assert_eq!(bytes, between(&whole, start, (at("endLine"), at("endColumn"))), "{location}");
    }
}

#[test]
fn sarif_names_every_rule_and_what_is_silenced_with_the_reason() {
    let directory = rich();
    let log = parsed(directory.path(), "sarif");
    let rules = array(&log, "/runs/0/tool/driver/rules");
    assert_eq!(rules.len(), wslint::rules::ALL.len());
    let json = parsed(directory.path(), "json");
    let (silent, told): (Vec<&Value>, Vec<&Value>) =
        array(&log, "/runs/0/results").iter().partition(|result| result.get("suppressions").is_some());
    assert_eq!(told.len(), array(&json, "/findings").len());
    assert!(told.len() > 5 && number(&json, "/summary/suppressed") > 0);
    for (result, finding) in told.iter().zip(array(&json, "/findings")) {
        assert_eq!(rules[number(result, "/ruleIndex")]["id"], finding["rule"]);
        assert_eq!(result["ruleId"], finding["rule"]);
        assert_eq!(result["level"], finding["severity"]);
        assert_eq!(result["partialFingerprints"]["wslint/v1"], finding["fingerprint"]);
        assert_eq!(result["properties"]["confidence"], finding["confidence"]);
        let offset = "/locations/0/physicalLocation/region/byteOffset";
        assert_eq!(number(result, offset), number(finding, "/range/start/offset"));
        assert_eq!(array(result, "/relatedLocations").len(), array(finding, "/labels").len());
    }
    assert_eq!(silent.len(), number(&json, "/summary/suppressed"));
    for result in silent {
        assert_eq!(text(result, "/ruleId"), "inherited-headers-lost");
        let suppression = &result["suppressions"][0];
        assert_eq!(suppression["kind"], "inSource");
        assert_eq!(suppression["justification"], "it looks at Upgrade, and 50% of it");
        assert_eq!(number(suppression, "/location/physicalLocation/region/startLine"), 7);
    }
}

#[test]
fn what_looks_like_a_link_in_a_configuration_is_none_in_sarif() {
    let directory = rich();
    let (all, _) = printed(directory.path(), &[".", "--format", "concise"]);
    assert!(all.contains("[a-z](live)"), "{all}");
    let log = parsed(directory.path(), "sarif");
    for result in array(&log, "/runs/0/results") {
        let message = text(result, "/message/text");
        let links: Vec<&str> = message.match_indices("](").map(|(at, _)| &message[at..]).collect();
        let real = links.iter().filter(|link| link[2..].starts_with(|c: char| c.is_ascii_digit())).count();
        let escaped = message.matches("\\](").count();
        assert_eq!(links.len(), real + escaped, "{message}");
        assert_eq!(real, array(result, "/relatedLocations").len(), "{message}");
    }
}

#[test]
fn paths_outside_the_directory_are_absolute_uris() {
    let directory = rich();
    let other = tree(&[]);
    let path = directory.path().to_str().expect("UTF-8");
    let (log, _) = printed(other.path(), &[path, "--format", "sarif"]);
    let log: Value = serde_json::from_str(&log).expect("JSON");
    let place =
        log.pointer("/runs/0/results/0/locations/0/physicalLocation/artifactLocation").expect("a place");
    assert_eq!(text(place, "/uri"), format!("file://{path}/a/nginx.conf"));
    assert_eq!(place.get("uriBaseId"), None);
}

/// What a workflow command says, as the runner reads it.
fn command(line: &str) -> (String, Vec<(String, String)>, String) {
    let unescaped = |text: &str| text.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%");
    let property = |text: &str| unescaped(&text.replace("%3A", ":").replace("%2C", ","));
    let (head, message) = line.strip_prefix("::").and_then(|rest| rest.split_once("::")).expect("a command");
    let (name, properties) = head.split_once(' ').expect("properties");
    let properties = properties.split(',').map(|pair| {
        let (name, value) = pair.split_once('=').expect("a value");
        (name.to_string(), property(value))
    });
    (name.to_string(), properties.collect(), unescaped(message))
}

#[test]
fn annotations_say_what_json_says() {
    let directory = rich();
    let (out, _) = printed(directory.path(), &[".", "--format", "github"]);
    let mut lines: Vec<&str> = out.lines().collect();
    assert!(lines.pop().is_some_and(|summary| summary.contains("1 suppressed")), "{out}");
    let json = parsed(directory.path(), "json");
    assert_eq!(lines.len(), array(&json, "/findings").len());
    for (line, finding) in lines.iter().zip(array(&json, "/findings")) {
        let (name, properties, message) = command(line);
        let expected = if finding["severity"] == "note" { "notice" } else { text(finding, "/severity") };
        assert_eq!(name, expected);
        let property = |name: &str| {
            let (_, value) = properties.iter().find(|(property, _)| property == name).expect("a property");
            value.as_str()
        };
        assert_eq!(property("file"), text(finding, "/path"));
        assert_eq!(property("line"), finding["range"]["start"]["line"].to_string());
        assert_eq!(property("endLine"), finding["range"]["end"]["line"].to_string());
        let is_one_line = finding["range"]["start"]["line"] == finding["range"]["end"]["line"];
        assert_eq!(properties.iter().any(|(name, _)| name == "col"), is_one_line);
        assert_eq!(property("title"), format!("wslint: {}", text(finding, "/rule")));
        let help = finding["help"].as_str().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        assert_eq!(message, format!("{}{help}", text(finding, "/message")));
    }
}

#[test]
fn no_two_issues_of_a_code_quality_report_have_the_same_fingerprint() {
    let directory = rich();
    let issues = parsed(directory.path(), "gitlab");
    let issues = issues.as_array().expect("an array");
    let json = parsed(directory.path(), "json");
    assert_eq!(issues.len(), array(&json, "/findings").len());
    let json_has: HashSet<&str> =
        array(&json, "/findings").iter().map(|finding| text(finding, "/fingerprint")).collect();
    assert_eq!(json_has.len(), issues.len());
    let fingerprints: HashSet<&str> = issues.iter().map(|issue| text(issue, "/fingerprint")).collect();
    assert_eq!(fingerprints.len(), issues.len());
    for (issue, finding) in issues.iter().zip(array(&json, "/findings")) {
        assert_eq!(issue["check_name"], finding["rule"]);
        assert_eq!(issue["location"]["path"], finding["path"]);
        assert_eq!(issue["location"]["lines"]["begin"], finding["range"]["start"]["line"]);
        let severities: &[&str] = match text(finding, "/severity") {
            "error" => &["critical", "blocker"],
            "warning" => &["major"],
            _ => &["info"],
        };
        assert!(severities.contains(&text(issue, "/severity")), "{issue}");
    }
}

#[test]
fn a_test_report_counts_what_it_holds() {
    for (directory, clean) in [(rich(), false), (tree(&[("nginx.conf", CLEAN)]), true)] {
        let (xml, status) = printed(directory.path(), &[".", "--format", "junit"]);
        let document = roxmltree::Document::parse(&xml).expect("XML");
        let json = parsed(directory.path(), "json");
        let root = document.root_element();
        let count = |name: &str| root.descendants().filter(|node| node.has_tag_name(name)).count();
        let failures = number(&json, "/summary/errors") + number(&json, "/summary/warnings");
        assert_eq!((count("failure") == 0, status), (clean, Some(i32::from(!clean))));
        assert_eq!(count("failure"), failures);
        assert_eq!(count("skipped"), number(&json, "/summary/suppressed"));
        for (attribute, count) in
            [("tests", count("testcase")), ("failures", count("failure")), ("skipped", count("skipped"))]
        {
            assert_eq!(root.attribute(attribute), Some(&*count.to_string()), "{attribute}");
        }
        for suite in root.children().filter(roxmltree::Node::is_element) {
            let cases = || suite.children().filter(|node| node.has_tag_name("testcase"));
            let names: BTreeSet<(Option<&str>, Option<&str>)> =
                cases().map(|case| (case.attribute("classname"), case.attribute("name"))).collect();
            assert_eq!(names.len(), cases().count(), "two tests of one name");
            let files: BTreeSet<&str> = cases().filter_map(|case| case.attribute("file")).collect();
            assert_eq!(files.len(), if clean { 1 } else { 3 }, "every file has a test");
            assert!(files.iter().all(|file| directory.path().join(file).exists()));
            let notes = suite.descendants().filter(|node| node.has_tag_name("system-out"));
            assert_eq!(notes.filter_map(|node| node.text()).any(|text| text.contains(" note[")), !clean);
        }
    }
}

#[test]
fn a_format_never_changes_the_exit_status() {
    let bad = rich();
    let clean = tree(&[("nginx.conf", CLEAN)]);
    for format in FORMATS {
        for (directory, arguments, expected) in [
            (&bad, &[][..], 1),
            (&bad, &["--fail-on", "never"], 0),
            (&bad, &["--quiet"], 1),
            (&bad, &["--notes"], 1),
            (&clean, &[], 0),
            (&clean, &["--quiet"], 0),
        ] {
            let arguments = [&[".", "--format", format], arguments].concat();
            assert_eq!(printed(directory.path(), &arguments).1, Some(expected), "{arguments:?}");
        }
    }
}

#[test]
fn quiet_leaves_out_notes_in_every_format() {
    let directory = rich();
    let (loud, _) = printed(directory.path(), &[".", "--format", "concise"]);
    assert!(loud.contains("note["));
    for format in FORMATS {
        let (out, _) = printed(directory.path(), &[".", "--quiet", "--format", format]);
        // SARIF describes every rule.
        let out = out.split("\"results\"").last().expect("a part");
        assert!(!out.contains("every reload cuts"), "{format}: {out}");
        let (out, _) = printed(directory.path(), &[".", "--format", format]);
        assert!(out.contains("every reload cuts"), "{format}: {out}");
    }
}
