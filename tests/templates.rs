//! Templates of every engine and configurations inside other files: the sound ones are met with silence, a mistake in the
//! others is found where it stands, and whatever is read has its place in the file.

#[path = "support/tree.rs"]
mod tree;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;
use proptest::sample::Index;

use tree::tree;
use wslint::source::Text;
use wslint::source::discover::Server;
use wslint::source::extract::{self, embedded};
use wslint::syntax::{apache, nginx};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/templates")
}

fn wslint(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wslint"))
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .expect("wslint runs")
}

fn stdout(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn files(kind: &str) -> Vec<String> {
    let entries = fs::read_dir(testdata().join(kind)).expect("testdata can be listed");
    let mut names: Vec<String> = entries
        .map(|entry| format!("{kind}/{}", entry.expect("entry").file_name().to_string_lossy()))
        .collect();
    names.sort();
    assert!(names.len() > 10);
    names
}

/// Lines, columns and rules of errors and warnings.
fn found(file: &str) -> BTreeSet<(usize, usize, String)> {
    let text = stdout(&wslint(&testdata(), &[file, "--format", "json"]));
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let findings = report["findings"].as_array().expect("findings").iter();
    let number = |value: &serde_json::Value| value.as_u64().expect("a number") as usize;
    let loud = findings.filter(|finding| finding["severity"] != "note");
    loud.map(|finding| {
        let start = &finding["range"]["start"];
        let rule = finding["rule"].as_str().expect("a rule").to_string();
        (number(&start["line"]), number(&start["column"]), rule)
    })
    .collect()
}

/// What `# finds: rule column` above a line says.
fn expected(file: &str) -> BTreeSet<(usize, usize, String)> {
    let text = fs::read_to_string(testdata().join(file)).expect("testdata can be read");
    let marks = text.lines().enumerate().filter_map(|(index, line)| {
        let (rule, column) = line.split_once("# finds: ")?.1.split_once(' ')?;
        Some((index + 2, column.parse().expect("a column"), rule.to_string()))
    });
    marks.collect()
}

#[test]
fn sound_templates_are_met_with_silence() {
    for file in files("ok") {
        assert_eq!(found(&file), BTreeSet::new(), "{file}");
    }
}

#[test]
fn mistakes_in_templates_are_found_where_they_stand() {
    for file in files("err") {
        let expected = expected(&file);
        assert!(!expected.is_empty(), "{file}");
        assert_eq!(found(&file), expected, "{file}");
    }
}

#[test]
fn templates_say_so_in_one_note_and_plain_files_do_not() {
    for (file, engine) in [
        ("ok/jinja-site.conf.j2", "a Jinja2 template"),
        ("ok/rails.conf.erb", "an ERB template"),
        ("ok/vhosts.tmpl", "a Go template"),
        ("ok/site.conf.hbs", "a Handlebars template"),
        ("ok/store.conf.liquid", "a Liquid template"),
        ("ok/instance.tf", "a Terraform template"),
        ("ok/puppet.conf.epp", "an EPP template"),
        ("ok/install.sh", "a here-document of the shell"),
        ("ok/lua.conf.tpl", "a template"),
    ] {
        let text = stdout(&wslint(&testdata(), &[file, "--format", "concise"]));
        assert!(text.contains(&format!("note[template-not-expanded] read as {engine}:")), "{file}: {text}");
    }
    let plain = stdout(&wslint(&testdata(), &["ok/guide.md", "--format", "concise"]));
    assert!(!plain.contains("template"), "{plain}");
}

#[test]
fn routes_show_expressions_as_they_are_written() {
    let text = stdout(&wslint(&testdata(), &["routes", "ok/jinja-site.conf.j2"]));
    assert!(text.contains("{{ path }}") && text.contains("http://{{ pool }}{{ path if"), "{text}");
}

#[test]
fn a_handshake_through_a_hole_has_an_unknown_end() {
    for (file, url) in [
        ("ok/jinja-site.conf.j2", "wss://chat.test/live"),
        ("ok/rails.conf.erb", "ws://chat.test/cable"),
        ("ok/vhosts.tmpl", "ws://chat.test/"),
        ("ok/unbalanced.conf.j2", "ws://chat.test/ws"),
        ("ok/vhost.conf.j2", "ws://chat.test/ws"),
    ] {
        let output = wslint(&testdata(), &["trace", file, url, "--format", "json"]);
        assert_eq!(output.status.code(), Some(1), "{file}");
        let trace: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(trace["verdict"], "unknown", "{file}: {trace}");
        assert!(!trace["why"].as_str().unwrap_or_default().is_empty(), "{file}");
    }
}

const WRONG: &str =
    "location /ws {\n    proxy_pass http://a;\n    proxy_set_header Upgrade $http_upgrade;\n}\n";

#[test]
fn a_template_that_is_included_keeps_quiet_of_what_may_be_missing() {
    let main = "events {}\nhttp {\n    include parts/*.conf;\n    server {\n        listen 80;\n        location /ws {\n\
        \x20           proxy_pass http://app;\n            proxy_http_version 1.1;\n\
        \x20           proxy_set_header Upgrade $http_upgrade;\n\
        \x20           proxy_set_header Connection $connection_upgrade;\n        }\n    }\n}\n";
    let conditional = "{% if a %}\nmap $http_upgrade $connection_upgrade { default upgrade; '' close; }\n{% else %}\n\
        map $http_upgrade $connection_upgrade { default Upgrade; '' close; }\n{% endif %}\n\
        {% if b %}\nupstream app { server a; }\n{% else %}\nupstream app { server b; }\n{% endif %}\n";
    for part in [conditional, "{{ maps }}\n", "{% include 'maps' %}\n"] {
        let directory = tree(&[("nginx.conf", main), ("parts/maps.conf", part)]);
        let text = stdout(&wslint(directory.path(), &[".", "--format", "concise"]));
        assert!(text.lines().all(|line| line.contains(": note[")), "{part}: {text}");
    }
    // Without the template the variable is nobody's.
    let directory = tree(&[("nginx.conf", main), ("parts/maps.conf", "\n")]);
    let text = stdout(&wslint(directory.path(), &[".", "--format", "concise"]));
    assert!(text.contains("error["), "{text}");
}

#[test]
fn embedded_text_is_looked_for_where_a_directory_is_no_configuration() {
    let fenced = format!("# Title\n\n```nginx\n{WRONG}```\n");
    let chart = format!("data:\n  a.conf: |\n    {}", WRONG.replace('\n', "\n    "));
    let files = [("docs/guide.md", &fenced[..]), ("chart.yaml", &chart), ("node_modules/x/y.md", &fenced)];
    let repository = tree(&files);
    let concise = |directory: &Path, flags: &[&str]| {
        let output = wslint(directory, &[&[".", "--format", "concise"], flags].concat());
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
    };
    let places = |text: &str| -> Vec<String> {
        let loud = text.lines().filter(|line| line.contains("error["));
        loud.map(|line| line.split(": ").next().unwrap_or_default().to_string()).collect()
    };
    let (text, code) = concise(repository.path(), &[]);
    assert_eq!((places(&text), code), (vec!["chart.yaml:5:9".into(), "docs/guide.md:6:5".into()], Some(1)));
    assert_eq!(concise(repository.path(), &["--no-embedded"]).1, Some(2));
    let whole = tree(&[files[0], ("nginx.conf", "events {}\nhttp {}\n")]);
    assert_eq!(concise(whole.path(), &[]), (String::new(), Some(0)));
    let (text, code) = concise(whole.path(), &["--embedded"]);
    assert_eq!((places(&text), code), (vec!["docs/guide.md:6:5".into()], Some(1)));
}

#[test]
fn a_named_file_that_holds_no_configuration_is_a_failure() {
    let directory = tree(&[
        ("a.yaml", "a: |\n  text\n\tb: [\n"),
        ("b.sh", "cat <<EOF\nserver {\n"),
        ("c.md", "```nginx"),
    ]);
    for file in ["a.yaml", "b.sh", "c.md"] {
        let output = wslint(directory.path(), &[file]);
        assert_eq!(output.status.code(), Some(2), "{file}");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(file) && message.contains("no configuration"), "{message}");
    }
}

/// What holds for any text, whatever it was made of.
fn holds(text: &Text, file: &[u8]) {
    assert!(text.original() == file, "the original is the file");
    let len = file.len() as u32;
    let parsed = text.parsed().len() as u32;
    let mut last = 0;
    for at in 0..=parsed {
        let original = text.to_original(at);
        assert!(last <= original && original <= len, "byte {at} stands at {original} behind {last} of {len}");
        let end = text.end_to_original(at);
        assert!(end <= len, "byte {at} ends at {end} of {len}");
        last = original;
        if at < parsed && !text.has_hole(at..at + 1) && !b"; \n".contains(&text.parsed()[at as usize]) {
            assert_eq!(file.get(original as usize), Some(&text.parsed()[at as usize]), "byte {at}");
        }
    }
}

fn extracted(path: &str, bytes: &[u8]) {
    let path = Path::new(path);
    for server in [Server::Nginx, Server::Apache] {
        let text = extract::text(path, bytes.to_vec(), server);
        holds(&text, bytes);
        match server {
            Server::Nginx => drop(nginx::parse(text.parsed(), wslint::effective::nginx::directives::name_id)),
            Server::Apache => {
                drop(apache::parse(text.parsed(), wslint::effective::apache::directives::name_id))
            }
        }
    }
    for part in embedded::parts(path, bytes) {
        holds(&extract::part_text(path, bytes.to_vec(), &part, part.server), bytes);
    }
}

#[test]
fn every_byte_that_is_read_stands_in_the_file() {
    for file in files("ok").into_iter().chain(files("err")) {
        let bytes = fs::read(testdata().join(&file)).expect("testdata can be read");
        extracted(&file, &bytes);
    }
}

const WORDS: [&str; 34] = [
    "{{ a }}",
    "{{",
    "}}",
    "{% if a %}",
    "{% else %}",
    "{% endif %}",
    "{%",
    "%}",
    "{# a #}",
    "{{{ b }}}",
    "{{#if c}}",
    "{{else}}",
    "{{/if}}",
    "<% if d %>",
    "<% end %>",
    "<%= e %>",
    "<%",
    "{{ range . }}",
    "{{ end }}",
    "${A}",
    "${b}",
    "$c",
    "%{ if f }",
    "%{ endif }",
    "server {",
    "}",
    ";",
    "\"",
    "'",
    "#",
    "\n",
    "a: |\n  listen 80;\n  ",
    "<<EOF\n",
    "\nEOF\n",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn whatever_is_read_has_its_place_in_the_file(
        words in prop::collection::vec((any::<Index>(), "[ a-z\\n\\\\`é]{0,5}"), 0..40),
        path in prop::sample::select(&["a.conf", "a.conf.j2", "a.tmpl", "a.yaml", "a.md", "a.tf", "a.sh", "a.tftpl"][..]),
    ) {
        let text: String = words.iter().map(|(word, between)| format!("{}{between}", word.get(&WORDS))).collect();
        extracted(path, text.as_bytes());
    }

    #[test]
    fn changed_templates_have_their_place_too(file in any::<Index>(), cut in any::<Index>(), len in 0..60_usize) {
        let files = files("ok");
        let name = file.get(&files[..]);
        let mut bytes = fs::read(testdata().join(name)).expect("testdata can be read");
        let from = cut.index(bytes.len());
        let to = (from + len).min(bytes.len());
        bytes.drain(from..to);
        extracted(name, &bytes);
    }
}

#[test]
fn a_backslash_before_a_dollar_is_the_shells_also_where_it_replaces_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let site = "server {\n    listen 8080;\n    location /ws {\n        proxy_pass http://127.0.0.1:9000;\n        \
                proxy_http_version 1.1;\n        proxy_set_header Upgrade \\$http_upgrade;\n        \
                proxy_set_header Connection upgrade;\n    }\n}\n";
    let script =
        |word: &str| format!("cat > /etc/nginx/nginx.conf <<{word}\nevents {{}}\nhttp {{\n{site}}}\nEOF\n");
    std::fs::write(directory.path().join("open.sh"), script("EOF")).expect("written");
    std::fs::write(directory.path().join("quoted.sh"), script("'EOF'")).expect("written");
    let of = |name| stdout(&wslint(directory.path(), &[name, "--quiet", "--format", "concise"]));
    assert_eq!(of("open.sh"), "");
    assert!(of("quoted.sh").contains("upgrade-not-forwarded"), "{}", of("quoted.sh"));
}
