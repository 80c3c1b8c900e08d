//! `wslint.toml`, endpoints and baselines, as a team uses them.

#[path = "support/program.rs"]
mod program;
#[path = "support/tree.rs"]
mod tree;

use std::collections::BTreeSet;
use std::path::Path;

use program::wslint;
use serde_json::Value;
use tempfile::TempDir;
use tree::{tree, write};

const GOOD: &str = "events {}
http {
    server {
        listen 80;
        server_name chat.test;
        location /ws {
            proxy_pass http://127.0.0.1:9000;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection \"upgrade\";
            proxy_set_header Host $host;
            proxy_read_timeout 2m;
        }
        location /plain { return 301 https://$host$request_uri; }
    }
}
";

/// `path:line: severity[rule]` of everything that is told.
fn told(directory: &TempDir, arguments: &[&str]) -> Vec<String> {
    let run = wslint(directory.path(), &[&["--format", "concise"], arguments].concat());
    assert!(run.status < 2, "{}", run.stderr);
    let short = |line: &str| {
        let (place, rest) = line.split_once(": ").expect("a place");
        let (place, _) = place.rsplit_once(':').expect("a column");
        format!("{place}: {}", rest.split(' ').next().expect("a rule"))
    };
    run.stdout.lines().map(short).collect()
}

fn with(settings: &str) -> TempDir {
    tree(&[("nginx.conf", GOOD), ("wslint.toml", settings)])
}

#[test]
fn settings_are_found_upwards_as_far_as_the_repository_goes() {
    let directory = tree(&[
        ("wslint.toml", "rules.idle-timeout-short = \"error\"\n"),
        ("repository/.git/HEAD", ""),
        ("repository/deploy/nginx/nginx.conf", GOOD),
        ("other/deploy/nginx/nginx.conf", GOOD),
    ]);
    assert_eq!(
        told(&directory, &["other/deploy/nginx"]),
        ["other/deploy/nginx/nginx.conf:12: error[idle-timeout-short]"]
    );
    let of_repository =
        |level: &str| vec![format!("repository/deploy/nginx/nginx.conf:12: {level}[idle-timeout-short]")];
    assert_eq!(told(&directory, &["repository/deploy"]), of_repository("note"));
    write(directory.path(), "repository/.wslint.toml", "[rules]\nidle-timeout-short = \"warning\"\n");
    assert_eq!(told(&directory, &["repository/deploy"]), of_repository("warning"));
    assert_eq!(told(&directory, &["repository/deploy", "--isolated"]), of_repository("note"));
    assert_eq!(told(&directory, &["repository/deploy", "--config", "wslint.toml"]), of_repository("error"));
}

#[test]
fn settings_that_cannot_be_read_are_a_failure() {
    let directory = tree(&[("nginx.conf", GOOD)]);
    std::fs::create_dir(directory.path().join("wslint.toml")).expect("a directory");
    for arguments in [&["."][..], &["--config", "none.toml"], &["--config", "none.toml", "--isolated"]] {
        let run = wslint(directory.path(), arguments);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(
            run.stderr.contains("wslint.toml: is a directory")
                || run.stderr.contains("none.toml")
                || run.stderr.contains("--isolated"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn mistakes_in_settings_are_told_where_they_stand_and_the_rest_counts() {
    let directory = with("fail-on = \"eror\"\n[rules]\nidle-timeout-short = \"off\"\nno-such = \"off\"\n");
    assert_eq!(
        told(&directory, &["."]),
        ["wslint.toml:1: warning[settings-unclear]", "wslint.toml:4: warning[settings-unclear]"]
    );
    let malformed = with("[rules\nidle-timeout-short = \"off\"\n");
    assert_eq!(
        told(&malformed, &["."]),
        ["nginx.conf:12: note[idle-timeout-short]", "wslint.toml:1: error[settings-unclear]"]
    );
    assert_eq!(wslint(malformed.path(), &["."]).status, 1);
    std::fs::write(directory.path().join("wslint.toml"), b"\xff").expect("writable");
    assert_eq!(
        told(&directory, &["."]),
        ["nginx.conf:12: note[idle-timeout-short]", "wslint.toml:1: error[settings-unclear]"]
    );
    let bytes_before = with("\u{feff}fail-onn = \"error\"\n");
    let run = wslint(bytes_before.path(), &["--format", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let finding = report["findings"].as_array().expect("findings").last().expect("one").clone();
    assert_eq!(finding["range"]["start"]["column"], 1);
    assert_eq!(finding["range"]["start"]["offset"], 3);
}

#[test]
fn levels_options_and_the_bar_are_settled() {
    let idle = |level: &str| vec![format!("nginx.conf:12: {level}[idle-timeout-short]")];
    for (settings, expected, status) in [
        ("", idle("note"), 0),
        ("fail-on = \"note\"", idle("note"), 1),
        ("rules.idle-timeout-short = \"warning\"", idle("warning"), 1),
        ("fail-on = \"error\"\nrules.idle-timeout-short = \"warning\"", idle("warning"), 0),
        ("rules.idle-timeout-short = \"off\"", vec![], 0),
        ("rules.idle-timeout-short = { min = \"2m\" }", vec![], 0),
        ("rules.idle-timeout-short = { min = \"3m\", level = \"error\" }", idle("error"), 1),
        ("[[override]]\npaths = [\"*.conf\"]\nrules = { idle-timeout-short = \"off\" }", vec![], 0),
        (
            "[[override]]\npaths = [\"sites/*.conf\"]\nrules = { idle-timeout-short = \"off\" }",
            idle("note"),
            0,
        ),
        (
            "rules.idle-timeout-short = \"off\"\n[[override]]\npaths = [\"**\"]\nrules = { idle-timeout-short = \"error\" }",
            idle("error"),
            1,
        ),
    ] {
        let directory = with(settings);
        assert_eq!(told(&directory, &["."]), expected, "{settings}");
        assert_eq!(wslint(directory.path(), &["."]).status, status, "{settings}");
    }
    let strict = with("fail-on = \"note\"");
    assert_eq!(wslint(strict.path(), &["--fail-on", "warning"]).status, 0, "the command line counts more");
    let off = with("rules.idle-timeout-short = \"off\"");
    assert_eq!(told(&off, &["--select", "idle-timeout-short"]), idle("note"), "the command line counts more");
}

#[test]
fn a_louder_rule_makes_its_worse_findings_no_quieter() {
    let short = GOOD.replace("proxy_read_timeout 2m", "proxy_read_timeout 5s");
    for (level, expected) in [("note", "warning"), ("warning", "warning"), ("error", "error")] {
        let settings = format!("rules.idle-timeout-short = \"{level}\"");
        let directory = tree(&[("nginx.conf", &short), ("wslint.toml", &settings)]);
        assert_eq!(told(&directory, &["."]), [format!("nginx.conf:12: {expected}[idle-timeout-short]")]);
    }
}

#[test]
fn targets_and_paths_are_settled() {
    let plain = GOOD.replace("            proxy_http_version 1.1;\n", "");
    let directory = tree(&[
        ("conf/nginx.conf", &plain.replace("2m", "1h")),
        ("wslint.toml", "[target]\nnginx = \"1.31\"\n[paths]\nmap = { \"/etc/nginx\" = \"conf\" }\n"),
    ]);
    assert_eq!(told(&directory, &["conf"]), [""; 0]);
    assert_eq!(
        told(&directory, &["conf", "--target", "nginx=1.28"]),
        ["conf/nginx.conf:8: warning[http-1-0-hop]"]
    );
    let text = plain.replace("2m", "1h").replace("listen 80;", "listen 80; include /etc/nginx/a.conf;");
    write(directory.path(), "conf/nginx.conf", &text);
    assert_eq!(told(&directory, &["conf"]), ["conf/nginx.conf:4: error[include-not-found]"]);
    write(directory.path(), "conf/a.conf", "");
    assert_eq!(told(&directory, &["conf"]), [""; 0]);
}

#[test]
fn settings_that_were_found_raise_the_bar_for_untrusted_configurations_and_never_lower_it() {
    let directory = with(
        "fail-on = \"never\"\nbaseline = \"b.json\"\n[rules]\nidle-timeout-short = \"off\"\nopen-proxy = \"error\"\n\
         [target]\nnginx = \"1.31\"\n[[endpoint]]\nurl = \"ws://chat.test/ws\"\nping-interval = \"1s\"\n",
    );
    let notes = ["1: note", "2: note", "4: note", "7: note", "10: note"]
        .map(|place| format!("wslint.toml:{place}[settings-unclear]"));
    let mut expected = vec!["nginx.conf:12: note[idle-timeout-short]".to_string()];
    expected.extend(notes);
    assert_eq!(told(&directory, &[".", "--restrict-includes"]), expected);
    assert_eq!(told(&directory, &[".", "--restrict-includes", "--isolated"]), expected[..1]);
    write(directory.path(), "trusted.toml", "rules.idle-timeout-short = \"off\"\n");
    assert_eq!(told(&directory, &[".", "--restrict-includes", "--config", "trusted.toml"]), [""; 0]);
}

fn endpoint(lines: &str) -> TempDir {
    let directory = with(&format!("[[endpoint]]\n{lines}\n"));
    write(directory.path(), "nginx.conf", &GOOD.replace("2m", "1h"));
    directory
}

#[test]
fn an_endpoint_is_held_to_its_promise() {
    for (lines, expected) in [
        ("url = \"ws://chat.test/ws\"", ""),
        ("url = \"ws://chat.test/plain\"", "nginx.conf:14: error[endpoint-not-upgraded]"),
        ("url = \"wss://chat.test/ws\"", "wslint.toml:2: error[endpoint-not-upgraded]"),
        ("url = \"wss://chat.test/ws\"\nvia = \"http://:80\"", ""),
        (
            "url = \"wss://chat.test/ws\"\nvia = \"http://10.0.0.1:8080\"",
            "wslint.toml:2: error[endpoint-not-upgraded]",
        ),
        ("url = \"ws://chat.test/ws\"\nping-interval = \"59m\"", ""),
        ("url = \"ws://chat.test/ws\"\nping-interval = \"1h\"", "nginx.conf:12: error[idle-timeout-short]"),
        ("url = \"ws://chat.test/ws\"\nsticky = true", ""),
        ("url = \"ws://other.test/ws\"", ""),
        ("url = \"ws://chat.test/ws\"\nconfig = \"nginx.conf\"", ""),
        (
            "url = \"ws://chat.test/plain\"\nconfig = \"elsewhere/nginx.conf\"",
            "wslint.toml:2: warning[settings-unclear]",
        ),
    ] {
        let found = told(&endpoint(lines), &["."]);
        assert_eq!(found.join(" "), expected, "{lines}");
    }
    let directory = endpoint("url = \"ws://chat.test/ws\"");
    assert_eq!(
        told(&directory, &[".", "--endpoint", "ws://chat.test/plain"]),
        ["nginx.conf:14: error[endpoint-not-upgraded]"]
    );
    assert_eq!(wslint(directory.path(), &[".", "--endpoint", "chat.test"]).status, 2);
}

#[test]
fn a_sticky_endpoint_needs_a_sticky_upstream() {
    let upstream = "upstream chat { server 10.0.0.1; server 10.0.0.2; }\n    server {";
    let text = GOOD
        .replace("2m", "1h")
        .replace("server {", upstream)
        .replace("http://127.0.0.1:9000", "http://chat");
    let directory = endpoint("url = \"ws://chat.test/ws\"\nsticky = true");
    write(directory.path(), "nginx.conf", &text);
    assert_eq!(told(&directory, &["."]), ["nginx.conf:3: error[upstream-not-sticky]"]);
    write(directory.path(), "nginx.conf", &text.replace("chat { ", "chat { ip_hash; "));
    assert_eq!(told(&directory, &["."]), [""; 0]);
}

#[test]
fn another_error_on_its_route_tells_an_endpoint_as_part_of_its_story() {
    let directory = endpoint("url = \"ws://chat.test/ws\"");
    let text = GOOD.replace("2m", "1h").replace("Connection \"upgrade\"", "Connection close");
    write(directory.path(), "nginx.conf", &text);
    let run = wslint(directory.path(), &["--format", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["rule"], "connection-not-upgrade");
    let labels = findings[0]["labels"].as_array().expect("labels");
    assert!(
        labels.iter().any(|label| label["path"] == "wslint.toml" && label["range"]["start"]["line"] == 2)
    );
}

#[test]
fn an_endpoint_declares_its_route() {
    let directory = endpoint("url = \"ws://chat.test/api\"");
    let api = "location /api { proxy_pass http://127.0.0.1:9000; }\n        location /plain";
    write(directory.path(), "nginx.conf", &GOOD.replace("2m", "1h").replace("location /plain", api));
    assert_eq!(told(&directory, &[".", "--isolated"]), [""; 0]);
    assert_eq!(
        told(&directory, &["."]),
        [
            "nginx.conf:14: note[host-not-forwarded]",
            "nginx.conf:14: note[idle-timeout-short]",
            "nginx.conf:14: error[upgrade-not-forwarded]"
        ]
    );
}

#[test]
fn several_configurations_are_held_to_an_endpoint_once() {
    let other = GOOD.replace("2m", "1h").replace("chat.test", "shop.test");
    let good = GOOD.replace("2m", "1h");
    let settings = "[[endpoint]]\nurl = \"ws://chat.test/ws\"\n";
    let directory = tree(&[
        ("a/nginx.conf", &other),
        ("b/nginx.conf", &good),
        ("c/nginx.conf", &good),
        ("wslint.toml", settings),
    ]);
    assert_eq!(told(&directory, &["."]), [""; 0]);
    let broken = good.replace("location /ws", "location /live");
    write(directory.path(), "b/nginx.conf", &broken);
    assert_eq!(told(&directory, &["."]), [""; 0], "one of those that name the host keeps it");
    write(directory.path(), "c/nginx.conf", &broken);
    let found = told(&directory, &["."]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("b/nginx.conf:") && found[0].contains("endpoint-not-upgraded"), "{found:?}");
    // Of this one alone, nothing is known of the host.
    assert_eq!(told(&directory, &["a"]), [""; 0]);
    write(directory.path(), "wslint.toml", "[[endpoint]]\nurl = \"ws://nobody.test/ws\"\n");
    assert_eq!(told(&directory, &["."]), ["wslint.toml:2: warning[endpoint-not-upgraded]"]);
    write(
        directory.path(),
        "wslint.toml",
        "[[endpoint]]\nurl = \"ws://nobody.test/ws\"\nconfig = \"a/nginx.conf\"\n",
    );
    assert_eq!(told(&directory, &["."]), [""; 0]);
}

#[test]
fn httpd_is_held_to_endpoints_too() {
    let site = "ServerRoot \"/etc/httpd\"\nListen 80\n<VirtualHost *:80>\nServerName chat.test\n\
        ProxyPass \"/ws\" \"ws://127.0.0.1:9000/ws\" timeout=3600\nProxyPreserveHost on\n\
        Redirect \"/plain\" \"https://chat.test/\"\n</VirtualHost>\n";
    let settings = "[[endpoint]]\nurl = \"ws://chat.test/ws\"\n[[endpoint]]\nurl = \"ws://chat.test/plain\"\n\
        [[endpoint]]\nurl = \"ws://chat.test/ws/slow\"\nping-interval = \"2h\"\n";
    let directory = tree(&[("httpd.conf", site), ("wslint.toml", settings)]);
    assert_eq!(
        told(&directory, &["."]),
        ["httpd.conf:5: error[idle-timeout-short]", "httpd.conf:7: error[endpoint-not-upgraded]"]
    );
}

#[test]
fn the_gate_fails_for_exactly_what_is_new() {
    let broken = |path: &str, remark: &str| {
        format!(
            "        location {path} {{\n            proxy_pass http://127.0.0.1:9000;\n            proxy_http_version 1.1;\n\
             \x20           proxy_set_header Upgrade $http_upgrade;\n            {remark}\n            proxy_set_header Connection close;\n        }}\n"
        )
    };
    let with = |locations: &str| {
        GOOD.replace("2m", "1h")
            .replace("        location /plain", &format!("{locations}        location /plain"))
    };
    let old = broken("/old", "");
    let allowed = broken("/allowed", "# wslint: allow(connection-not-upgrade) its client does not care");
    let directory = tree(&[("nginx.conf", &with(&(old.clone() + &allowed)))]);
    let run = wslint(directory.path(), &[".", "--write-baseline", "known.json"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(wslint(directory.path(), &["."]).status, 1);
    assert_eq!(told(&directory, &[".", "--baseline", "known.json"]), [""; 0]);
    let new = broken("/new", "");
    write(directory.path(), "nginx.conf", &with(&(new + &old + &allowed)));
    let run = wslint(directory.path(), &[".", "--baseline", "known.json", "--format", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(run.status, 1);
    let errors: Vec<&Value> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .collect();
    assert_eq!(errors.len(), 1, "{}", run.stdout);
    assert_eq!(errors[0]["routes"][0]["match"], "/new");
    assert_eq!(
        (&report["summary"]["suppressed"], report["summary"]["known"].as_u64() > Some(0)),
        (&Value::from(1), true)
    );
    // The settings may name the file as well, whatever the directory wslint is run in.
    write(directory.path(), "wslint.toml", "baseline = \"known.json\"\n");
    let above = directory.path().parent().expect("a parent");
    let name = directory.path().file_name().expect("a name").to_str().expect("UTF-8");
    assert_eq!(
        wslint(above, &[name, "--select", "connection-not-upgrade", "--format", "concise"])
            .stdout
            .lines()
            .count(),
        1
    );
}

#[test]
fn entries_that_nothing_is_found_for_are_told() {
    let bad = GOOD.replace("2m", "1h").replace("Connection \"upgrade\"", "Connection close");
    let directory = tree(&[("a/nginx.conf", &bad), ("b/nginx.conf", &bad)]);
    assert_eq!(wslint(directory.path(), &[".", "--write-baseline", "known.json"]).status, 0);
    write(directory.path(), "a/nginx.conf", &GOOD.replace("2m", "1h"));
    let baseline = ["--baseline", "known.json"];
    assert_eq!(told(&directory, &[&["."], &baseline[..]].concat()), ["known.json:2: note[baseline-stale]"]);
    assert_eq!(told(&directory, &[&["b"], &baseline[..]].concat()), [""; 0], "nobody looked at a");
    assert_eq!(told(&directory, &[&[".", "--select", "http-1-0-hop"], &baseline[..]].concat()), [""; 0]);
    std::fs::remove_dir_all(directory.path().join("a")).expect("removed");
    assert_eq!(told(&directory, &[&["."], &baseline[..]].concat()), ["known.json:2: note[baseline-stale]"]);
}

#[test]
fn a_promise_that_is_broken_is_told_whatever_is_silenced_on_its_way() {
    let directory = endpoint("url = \"ws://chat.test/ws\"");
    let text = GOOD.replace("2m", "1h").replace(
        "proxy_set_header Connection \"upgrade\"",
        "# wslint: allow(connection-not-upgrade) our client does not care\n            proxy_set_header Connection close",
    );
    write(directory.path(), "nginx.conf", &text);
    assert_eq!(told(&directory, &["."]), ["nginx.conf:6: error[endpoint-not-upgraded]"]);
    assert_eq!(told(&directory, &[".", "--ignore", "endpoint-not-upgraded"]), [""; 0]);
    // An error that tells of silence tells nothing of the handshake.
    let quick =
        "url = \"ws://chat.test/ws\"\nping-interval = \"5m\"\n[rules]\nconnection-not-upgrade = \"off\"";
    let directory = endpoint(quick);
    write(directory.path(), "nginx.conf", &GOOD.replace("Connection \"upgrade\"", "Connection close"));
    assert_eq!(
        told(&directory, &["."]),
        ["nginx.conf:6: error[endpoint-not-upgraded]", "nginx.conf:12: error[idle-timeout-short]"]
    );
}

#[test]
fn what_lies_beside_a_fragment_may_keep_a_promise() {
    let redirect = "server {\n    listen 80;\n    server_name chat.test;\n    return 301 https://$host$request_uri;\n}\n";
    let site = "server {\n    listen 443 ssl;\n    server_name chat.test;\n    location /ws {\n        proxy_pass http://127.0.0.1:9000;\n        proxy_http_version 1.1;\n        proxy_set_header Upgrade $http_upgrade;\n        proxy_set_header Connection upgrade;\n        proxy_read_timeout 1h;\n        proxy_set_header Host $host;\n    }\n}\n";
    let settings = "[[endpoint]]\nurl = \"wss://chat.test/ws\"\n[[endpoint]]\nurl = \"ws://chat.test/ws\"\n";
    for (one, other) in [("a.conf", "b.conf"), ("b.conf", "a.conf")] {
        let directory = tree(&[(".git/HEAD", ""), (one, redirect), (other, site), ("wslint.toml", settings)]);
        let broken = format!("{one}:4: error[endpoint-not-upgraded]");
        assert_eq!(told(&directory, &["."]), std::slice::from_ref(&broken));
        assert_eq!(told(&directory, &[one]), [broken]);
        assert_eq!(told(&directory, &[other]), [""; 0]);
    }
    let elsewhere = "[[endpoint]]\nurl = \"ws://elsewhere.test/ws\"\n";
    let httpd = "ServerRoot \"/etc/httpd\"\nListen 81\nServerName elsewhere.test\nProxyPreserveHost on\nProxyPass \"/ws\" \"ws://b/ws\" timeout=3600\n";
    let directory = tree(&[
        ("nginx.conf", &GOOD.replace("2m", "1h")),
        ("httpd.conf", httpd),
        ("wslint.toml", &elsewhere.replace("/ws", ":81/ws")),
    ]);
    for arguments in [&["."][..], &["nginx.conf"], &["--server", "nginx", "."], &["httpd.conf"]] {
        assert_eq!(told(&directory, arguments), [""; 0], "{arguments:?}");
    }
}

#[test]
fn settings_that_are_none_are_told_by_every_verb_and_whatever_is_selected() {
    let directory = with("[rules\n");
    assert_eq!(told(&directory, &["--select", "http-1-0-hop"]), ["wslint.toml:1: error[settings-unclear]"]);
    for arguments in [&["routes", "."][..], &["trace", ".", "ws://chat.test/ws"], &["--list-files"]] {
        let run = wslint(directory.path(), arguments);
        assert!(run.stderr.contains("wslint.toml:1: not TOML"), "{arguments:?}: {}", run.stderr);
    }
    let fragments = tree(&[
        (".git/HEAD", ""),
        ("a.conf", "location /x { proxy_pass http://b; }\n"),
        ("b.conf", "server { listen 80; include a.conf; }\n"),
        ("wslint.toml", "no-such = 1\n"),
    ]);
    assert_eq!(told(&fragments, &["."]), ["wslint.toml:1: warning[settings-unclear]"]);
}

#[test]
fn patterns_that_nobody_would_write_do_no_harm() {
    let braces = format!("{}{}", "{".repeat(20_000), "}".repeat(20_000));
    let settings = format!(
        "[[override]]\npaths = [\"{braces}\", \"*.conf\"]\nrules = {{ idle-timeout-short = \"off\" }}\n"
    );
    let directory = with(&settings);
    write(directory.path(), ".gitignore", &format!("{}\n", "{a,".repeat(20_000)));
    write(directory.path(), ".git/HEAD", "");
    assert_eq!(
        told(&directory, &["."]),
        ["wslint.toml:2: warning[settings-unclear]"],
        "the other one counts"
    );
}

#[test]
fn paths_of_overrides_are_files_and_directories_however_they_are_written() {
    for (paths, is_silent) in [
        ("./nginx.conf", true),
        ("sites", true),
        ("sites/", true),
        ("./sites/**", true),
        ("site", false),
        ("/sites", false),
        ("../sites", false),
        ("", false),
    ] {
        let settings =
            format!("[[override]]\npaths = [\"{paths}\"]\nrules = {{ idle-timeout-short = \"off\" }}\n");
        let name = if paths.contains("nginx") { "nginx.conf" } else { "sites/nginx.conf" };
        let directory = tree(&[(name, GOOD), ("wslint.toml", &settings)]);
        let found = told(&directory, &["."]);
        let spoke = found.iter().any(|line| line.contains("idle-timeout-short"));
        assert_eq!(!spoke, is_silent, "{paths}: {found:?}");
        let is_wrong = paths.is_empty() || paths.starts_with('/') || paths.starts_with("..");
        assert_eq!(
            found.iter().any(|line| line.contains("settings-unclear")),
            is_wrong,
            "{paths}: {found:?}"
        );
    }
}

#[test]
fn a_baseline_is_written_over_nothing_but_a_baseline() {
    let directory = with("");
    std::os::unix::fs::symlink("nginx.conf", directory.path().join("link.json")).expect("a link");
    for (file, words) in [
        ("nginx.conf", "that were read"),
        ("wslint.toml", "that were read"),
        ("link.json", "symbolic link"),
        ("/dev/null", "no regular file"),
    ] {
        let run = wslint(directory.path(), &[".", "--write-baseline", file]);
        assert_eq!(run.status, 2, "{file}");
        assert!(run.stderr.contains(words), "{file}: {}", run.stderr);
    }
    assert_eq!(std::fs::read_to_string(directory.path().join("nginx.conf")).expect("readable"), GOOD);
    for _ in 0..2 {
        assert_eq!(wslint(directory.path(), &[".", "--write-baseline", "known.json"]).status, 0);
    }
}

#[test]
fn a_baseline_knows_its_findings_wherever_the_checkout_lies() {
    let bad = GOOD.replace("Connection \"upgrade\"", "Connection close");
    let one = tree(&[("deploy/nginx.conf", &bad), ("ci/x", "")]);
    assert_eq!(wslint(one.path(), &["deploy", "--write-baseline", "ci/known.json"]).status, 0);
    let known = std::fs::read_to_string(one.path().join("ci/known.json")).expect("readable");
    let other = tree(&[("deploy/nginx.conf", &bad), ("ci/known.json", &known)]);
    assert_eq!(told(&other, &["deploy", "--baseline", "ci/known.json"]), [""; 0]);
    assert!(known.contains("\"../deploy/nginx.conf\""), "{known}");
}

#[test]
fn nothing_is_mended_where_it_cannot_be_reported() {
    let bad = GOOD.replace("Connection \"upgrade\"", "Connection close");
    let directory = tree(&[("nginx.conf", &bad)]);
    for arguments in [["--fix", "--output", "json=nginx.conf"], ["--fix", "--baseline", "none.json"]] {
        assert_eq!(wslint(directory.path(), &arguments).status, 2, "{arguments:?}");
        assert_eq!(std::fs::read_to_string(directory.path().join("nginx.conf")).expect("readable"), bad);
    }
    assert_eq!(wslint(directory.path(), &["--fix"]).status, 0);
}

#[test]
fn restricted_nothing_is_learned_of_other_files() {
    let directory = with("");
    let entry = |path: &str| {
        format!(
            "{{\"version\": 1, \"findings\": [{{\"fingerprint\": \"00\", \"rule\": \"syntax\", \"path\": \"{path}\", \"message\": \"\"}}]}}"
        )
    };
    write(directory.path(), "known.json", &entry("/no/such/file"));
    let restricted = [".", "--baseline", "known.json", "--restrict-includes"];
    assert!(
        told(&directory, &[".", "--baseline", "known.json"])
            .iter()
            .any(|line| line.contains("baseline-stale"))
    );
    assert!(told(&directory, &restricted).iter().all(|line| !line.contains("baseline-stale")));
    for name in ["trusted.toml", "linked.json"] {
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join(name)).expect("a link");
    }
    for arguments in [
        [".", "--config", "trusted.toml", "--restrict-includes"],
        [".", "--baseline", "linked.json", "--restrict-includes"],
    ] {
        let run = wslint(directory.path(), &arguments);
        assert_eq!(run.status, 2, "{arguments:?}");
        assert!(!(run.stdout + &run.stderr).contains("root:"), "{arguments:?}");
    }
}

#[test]
fn a_baseline_that_is_none_is_a_failure() {
    let directory = with("");
    write(directory.path(), "text.json", "known");
    write(directory.path(), "later.json", "{\"version\": 2, \"findings\": []}");
    for (file, words) in [
        ("none.json", "no such file"),
        ("text.json", "not a baseline"),
        ("later.json", "version 2"),
        (".", "is a directory"),
    ] {
        let run = wslint(directory.path(), &["--baseline", file]);
        assert_eq!(run.status, 2, "{file}");
        assert!(run.stderr.contains(words) && run.stdout.is_empty(), "{file}: {}", run.stderr);
    }
    let run = wslint(directory.path(), &["--write-baseline", "none/known.json"]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("none/known.json: not written: there is no directory none"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_was_not_read_is_in_no_baseline() {
    let loops = GOOD.replace("listen 80;", "listen 80;\n        include loop.conf;");
    let directory = tree(&[("nginx.conf", &loops), ("loop.conf", "include loop.conf;\n")]);
    assert_eq!(wslint(directory.path(), &[".", "--write-baseline", "known.json"]).status, 0);
    let run = wslint(directory.path(), &[".", "--baseline", "known.json"]);
    assert_eq!(run.status, 1, "{}", run.stdout);
}

#[test]
fn init_writes_a_file_whose_examples_are_right() {
    let directory = tree(&[("nginx.conf", GOOD)]);
    assert_eq!(wslint(directory.path(), &["init"]).status, 0);
    let run = wslint(directory.path(), &["init"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("is there already"), "{}", run.stderr);
    assert_eq!(told(&directory, &["."]), ["nginx.conf:12: note[idle-timeout-short]"]);
    let path = directory.path().join("wslint.toml");
    let sample = std::fs::read_to_string(&path).expect("readable");
    let code = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).map(str::to_owned);
    let uncommented: Vec<String> = sample.lines().map(|line| code(line).unwrap_or_default()).collect();
    let uncommented = uncommented.join("\n").replace("baseline =", "# baseline =");
    let bytes = uncommented.clone().into_bytes();
    let settings = wslint::engine::settings::read(
        &path,
        bytes.into(),
        &wslint::rules::ALL,
        wslint::engine::settings::Trust::Full,
    );
    assert!(settings.problems.is_empty(), "{:?}", settings.problems);
    assert_eq!(keys(&uncommented), schema_keys(directory.path()));
}

/// Every key that a file has, but those of rules and path maps.
fn keys(text: &str) -> BTreeSet<String> {
    let mut table = String::new();
    let mut keys = BTreeSet::from(["baseline".to_string()]);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_matches(['[', ']']).to_string();
            keys.insert(table.clone());
        } else if table != "rules" {
            let name = line.split('=').next().expect("a key").trim();
            keys.insert(if table.is_empty() { name.to_string() } else { format!("{table}.{name}") });
        }
    }
    keys
}

fn schema_keys(directory: &Path) -> BTreeSet<String> {
    let run = wslint(directory, &["settings-schema"]);
    let schema: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let mut keys = BTreeSet::new();
    for (name, value) in schema["properties"].as_object().expect("properties") {
        keys.insert(name.clone());
        let inner =
            [&value["properties"], &value["items"]["properties"]].into_iter().find_map(Value::as_object);
        if name != "rules" {
            keys.extend(inner.into_iter().flatten().map(|(inner, _)| format!("{name}.{inner}")));
        }
    }
    keys
}

#[test]
fn nobody_is_missed_where_not_every_name_is_seen() {
    let settings = "[[endpoint]]\nurl = \"ws://nobody.test/ws\"\n";
    let other = GOOD.replace("2m", "1h");
    let unseen = other.replace("    server {", "    include /etc/unseen/*.conf;\n    server {");
    let hole = other.replace("server_name chat.test;", "server_name {{ name }};");
    let is_missed = |first: &str, name: &str| {
        let directory = tree(&[(name, first), ("b/nginx.conf", &other), ("wslint.toml", settings)]);
        told(&directory, &["."]).iter().any(|line| line.starts_with("wslint.toml:2: warning"))
    };
    assert!(is_missed(&other, "a/nginx.conf"));
    assert!(!is_missed(&unseen, "a/nginx.conf"), "one of the files that were not seen may be meant");
    assert!(!is_missed(&hole, "a/nginx.conf"), "the name that the template fills in may be meant");
}
