//! Flags, exit status, and input that cannot be read.

#[path = "support/tree.rs"]
mod tree;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use tree::tree;

const GOOD: &str = "events {}\nhttp { server { listen 80; location /ws { proxy_pass http://127.0.0.1:9000; \
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; \
    proxy_set_header Host $host; proxy_read_timeout 1h; } } }\n";
const APACHE: &str = "ServerRoot \"/etc/httpd\"\nListen 80\nProxyPreserveHost yes\n";
const BAD: &str = "events {}\nhttp { server { listen 80; location /ws { proxy_pass http://127.0.0.1:9000; \
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; } } }\n";

fn wslint(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wslint"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("NO_COLOR")
        .env_remove("FORCE_COLOR")
        .output()
        .expect("wslint runs")
}

fn status(directory: &TempDir, arguments: &[&str]) -> Option<i32> {
    wslint(directory.path(), arguments).status.code()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_status_is_0_without_and_1_with_findings() {
    assert_eq!(status(&tree(&[("nginx.conf", GOOD)]), &[]), Some(0));
    assert_eq!(status(&tree(&[("nginx.conf", BAD)]), &[]), Some(1));
    assert_eq!(status(&tree(&[("nginx.conf", BAD)]), &["check", "nginx.conf"]), Some(1));
}

#[test]
fn fail_on_moves_the_bar() {
    let directory = tree(&[("nginx.conf", BAD)]);
    assert_eq!(status(&directory, &["--fail-on", "never"]), Some(0));
    assert_eq!(status(&directory, &["--fail-on", "error"]), Some(1));
    let noted = tree(&[("nginx.conf", &GOOD.replace("proxy_read_timeout 1h;", ""))]);
    assert_eq!(status(&noted, &[]), Some(0));
    assert_eq!(status(&noted, &["--fail-on", "note"]), Some(1));
}

#[test]
fn a_format_never_changes_the_status() {
    let directory = tree(&[("nginx.conf", BAD)]);
    for format in ["human", "concise", "json"] {
        assert_eq!(status(&directory, &["--format", format]), Some(1), "{format}");
    }
}

#[test]
fn rules_can_be_chosen() {
    let directory = tree(&[("nginx.conf", BAD)]);
    assert_eq!(status(&directory, &["--ignore", "connection-not-upgrade"]), Some(0));
    assert_eq!(status(&directory, &["--select", "http-1-0-hop,syntax"]), Some(0));
    assert_eq!(status(&directory, &["--select", "connection-not-upgrade"]), Some(1));
    let unknown = wslint(directory.path(), &["--select", "connection-not-upgraded"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("did you mean `connection-not-upgrade`?"), "{}", stderr(&unknown));
}

#[test]
fn what_cannot_be_read_is_a_failure_that_says_why() {
    let directory = tree(&[("readme.txt", "nothing")]);
    for (path, words) in [
        ("missing.conf", "missing.conf: no such file"),
        (".", "looked for nginx.conf"),
        ("/dev/zero", "/dev/zero: is a device"),
    ] {
        let output = wslint(directory.path(), &[path]);
        assert_eq!(output.status.code(), Some(2), "{path}");
        assert!(stderr(&output).contains(words), "{path}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{path}");
    }
    assert_eq!(status(&directory, &["--no-such-flag"]), Some(2));
}

#[test]
fn a_fifo_is_not_waited_for() {
    let directory = tree(&[("nginx.conf", "events {}\nhttp { include fifo.conf; }\n")]);
    let fifo = directory.path().join("fifo.conf");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    assert_eq!(status(&directory, &["fifo.conf"]), Some(2));
    let output = wslint(directory.path(), &["--format", "concise"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("error[unreadable]"), "{}", stdout(&output));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let many = BAD.replace("location /ws {", &"location /ws { }".repeat(20_000));
    let directory = tree(&[("nginx.conf", &many)]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_wslint"))
        .args(["--format", "json"])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wslint starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("wslint ends");
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), String::new()));
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let directory = tree(&[("nginx.conf", GOOD)]);
    for arguments in [&["--format", "json"][..], &["routes"], &["rules"], &["explain", "syntax"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output = Command::new(env!("CARGO_BIN_EXE_wslint"))
            .args(arguments)
            .current_dir(directory.path())
            .stdout(full)
            .output()
            .expect("wslint runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("standard output"), "{}", stderr(&output));
    }
}

#[test]
fn a_tree_checked_out_elsewhere_is_read_through_a_path_map() {
    let main = GOOD.replace("http {", "http { include /etc/wslint-test/site.conf;");
    let directory = tree(&[("nginx.conf", &main), ("etc/site.conf", "server { listen 81; bogus")]);
    assert_eq!(status(&directory, &[]), Some(0));
    assert!(stdout(&wslint(directory.path(), &[])).contains("include-not-found"));
    let mapped = wslint(directory.path(), &["--path-map", "/etc/wslint-test=etc", "--format", "concise"]);
    assert!(stdout(&mapped).contains("etc/site.conf:1:"), "{}", stdout(&mapped));
    assert_eq!(mapped.status.code(), Some(1));
}

#[test]
fn includes_are_relative_to_the_main_file_or_the_prefix() {
    let main = "events {}\nhttp { include sites/*.conf; }\n";
    let site = BAD.lines().nth(1).expect("a line").replace("http { ", "").replace("} } }", "} }");
    let directory = tree(&[("a/nginx.conf", main), ("a/sites/x.conf", &site), ("b/nothing", "")]);
    assert_eq!(status(&directory, &["a"]), Some(1));
    assert_eq!(status(&directory, &["a/nginx.conf", "--prefix", "b"]), Some(0));
}

#[test]
fn quiet_prints_nothing_where_nothing_is_wrong() {
    let output = wslint(tree(&[("nginx.conf", GOOD)]).path(), &["-q"]);
    assert_eq!((stdout(&output), output.status.code()), (String::new(), Some(0)));
}

#[test]
fn colour_is_printed_only_where_it_is_wanted() {
    let directory = tree(&[("nginx.conf", BAD)]);
    let colourful = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wslint"));
        command
            .args(arguments)
            .current_dir(directory.path())
            .env_remove("NO_COLOR")
            .env_remove("FORCE_COLOR");
        if let Some((name, value)) = variable {
            command.env(name, value);
        }
        stdout(&command.output().expect("wslint runs")).contains('\x1b')
    };
    assert!(!colourful(&[], None));
    assert!(colourful(&["--color", "always"], Some(("NO_COLOR", "1"))));
    assert!(colourful(&[], Some(("FORCE_COLOR", "1"))));
    assert!(!colourful(&["--color", "never"], Some(("FORCE_COLOR", "1"))));
}

#[test]
fn escape_sequences_in_a_configuration_do_not_reach_the_terminal() {
    let hostile = BAD.replace("location /ws", "location /ws\x1b]0;owned\x07");
    let directory = tree(&[("nginx.conf", &hostile)]);
    for format in ["human", "concise", "json"] {
        let output = wslint(directory.path(), &["--format", format, "--select", "connection-not-upgrade"]);
        assert!(!stdout(&output).contains(['\x1b', '\x07']), "{format}");
    }
    assert!(!stdout(&wslint(directory.path(), &["routes"])).contains('\x1b'));
}

#[test]
fn target_makes_the_verdict_exact() {
    let old_default = GOOD.replace("proxy_http_version 1.1;", "");
    let directory = tree(&[("nginx.conf", &old_default)]);
    assert_eq!(status(&directory, &["--target", "nginx=1.28"]), Some(1));
    assert_eq!(status(&directory, &["--target", "nginx=1.30.1"]), Some(0));
    assert_eq!(status(&directory, &["--target", "apache=2.4.62", "--target", "nginx=1.30.1"]), Some(0));
    for refused in ["nginx=soon", "apache=soon", "caddy=2.0", "nginx"] {
        assert_eq!(status(&directory, &["--target", refused]), Some(2), "{refused}");
    }
}

#[test]
fn the_server_is_found_by_content_or_given() {
    let directory = tree(&[("web/conf/httpd.conf", APACHE), ("edge/nginx.conf", GOOD), ("empty/x", "")]);
    for arguments in [&["web"][..], &["web/conf/httpd.conf"], &[".", "--server", "apache"], &["."]] {
        assert_eq!(status(&directory, arguments), Some(1), "{arguments:?}");
        let found = stdout(&wslint(directory.path(), arguments));
        assert!(found.contains("must be On or Off"), "{arguments:?}: {found}");
    }
    assert_eq!(status(&directory, &[".", "--server", "nginx"]), Some(0));
    assert_eq!(status(&directory, &["trace", ".", "ws://a.test/ws", "--server", "nginx"]), Some(0));
    let both = stderr(&wslint(directory.path(), &["trace", ".", "ws://a.test/ws"]));
    assert!(both.contains("edge/nginx.conf") && both.contains("web/conf/httpd.conf"), "{both}");
    let none = stderr(&wslint(directory.path(), &["edge", "--server", "apache"]));
    assert!(none.contains("no configuration of Apache below it; looked for"), "{none}");
}

/// What every main file of httpd begins with here.
const APACHE_HEAD: &str = "ServerRoot \"/etc/httpd\"\nListen 80\nLoadModule mpm_event_module m.so\n\
    LoadModule authz_core_module m.so\nLoadModule proxy_module m.so\nLoadModule proxy_http_module m.so\n\
    LoadModule macro_module m.so\n";

#[test]
fn what_httpd_cannot_read_is_told_and_ends() {
    let bomb: String = (0..40).fold(String::new(), |text, index| {
        text + &format!("<Macro m{index}>\nUse m{}\nUse m{}\n</Macro>\n", index + 1, index + 1)
    });
    let includes = (0..40).map(|index| {
        let next = index + 1;
        (format!("i{index}.conf"), format!("Include i{next}.conf\nInclude i{next}.conf\n"))
    });
    let includes: Vec<(String, String)> = includes.collect();
    let main = |rest: &str| format!("{APACHE_HEAD}{rest}\n");
    for (rest, rule) in [
        ("Include httpd.conf".to_string(), "include-loop"),
        ("<Macro a>\nUse a\n</Macro>\nUse a".to_string(), "config-refused"),
        (format!("{bomb}<Macro m40>\nTimeout 60\n</Macro>\nUse m0"), "limit-exceeded"),
        ("Include i0.conf".to_string(), "limit-exceeded"),
        ("Include pipe".to_string(), "unreadable"),
        ("ProxyPass /ws ws://${NOWHERE}/ws".to_string(), "undefined-define"),
        ("<If true>\n".repeat(1_000_000), "limit-exceeded"),
        ("\u{feff}Timeout 60".to_string(), "config-refused"),
        ("<VirtualHost *:80>".to_string(), "syntax"),
    ] {
        let mut files = vec![("httpd.conf", main(&rest))];
        files.extend(includes.iter().map(|(name, text)| (name.as_str(), text.clone())));
        files.push(("i40.conf", "Timeout 60\n".to_string()));
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let directory = tree(&files);
        let fifo = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
        let output = wslint(directory.path(), &["httpd.conf", "--format", "concise"]);
        let found = stdout(&output);
        assert!(
            found.contains(&format!("[{rule}]")),
            "{rule} in {}",
            found.chars().take(600).collect::<String>()
        );
        assert!(output.stderr.is_empty(), "{}", stderr(&output));
    }
}

#[test]
fn what_apache_is_started_with_can_be_given() {
    let directory = tree(&[("nginx.conf", GOOD)]);
    let given = ["-D", "SSL", "--define", "ROOT=/srv/a=b", "--define=EMPTY=", "--server-root", "/etc/httpd"];
    assert_eq!(status(&directory, &given), Some(0));
    let text = format!(
        "{APACHE_HEAD}<IfDefine SSL>\nTimeout soon\nProxyPass ${{ROOT}} http://b/\nFoo\n</IfDefine>\n"
    );
    let apache = tree(&[("httpd.conf", &text)]);
    assert_eq!(status(&apache, &[]), Some(0), "nothing defines SSL");
    assert_eq!(status(&apache, &["-D", "SSL", "-D", "ROOT=/srv"]), Some(1));
    for refused in ["=x", "a b", "a:b", "x}"] {
        assert_eq!(status(&directory, &["-D", refused]), Some(2), "{refused}");
    }
}

#[test]
fn every_rule_is_listed_and_explained() {
    let directory = tree(&[]);
    let listed = stdout(&wslint(directory.path(), &["rules"]));
    assert_eq!(listed.lines().count(), wslint::rules::ALL.len());
    for rule in wslint::rules::ALL {
        let output = wslint(directory.path(), &["explain", rule.id]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).starts_with(&format!("{} ({})", rule.id, rule.level.name())));
    }
    assert_eq!(status(&directory, &["explain", "no-such-rule"]), Some(2));
}

#[test]
fn the_same_input_gives_the_same_output() {
    let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/err/chat");
    let once = || stdout(&wslint(&trees, &["--format", "json"]));
    assert_eq!(once(), once());
}

#[test]
fn a_trace_names_what_was_not_seen() {
    let location = "location /ws { proxy_pass http://10.0.0.5:3000; }\n";
    let server = format!("server {{ listen 80; server_name a.test; include /srv/x/tls.conf;\n{location}}}\n");
    let directory = tree(&[("location.conf", location), ("server.conf", &server)]);
    let trace = |file| stdout(&wslint(directory.path(), &["trace", file, "ws://a.test/ws"]));
    let (bare, including) = (trace("location.conf"), trace("server.conf"));
    assert!(bare.ends_with("unknown: it depends on what stands around this fragment\n"), "{bare}");
    let include = "unknown: it depends on `include /srv/x/tls.conf`, which was not seen\n";
    assert!(including.ends_with(include), "{including}");
}

#[test]
fn a_trace_knows_what_a_server_name_caught() {
    let server = |names: &str| {
        format!(
            "events {{}}\nhttp {{ server {{ listen 80; server_name {names};\nlocation / {{ proxy_pass \
             http://10.0.0.$node:90/$1$request_uri; }} }} }}\n"
        )
    };
    let directory = tree(&[
        ("regex.conf", &server(r"~^node(?<node>\d+)\.(\w+)\.test$")),
        ("exact.conf", &server(r"~^node(?<node>\d+)\.(\w+)\.test$ node7.a.test")),
    ]);
    let trace = |file| stdout(&wslint(directory.path(), &["trace", file, "ws://NODE7.a.test/ws"]));
    let (regex, exact) = (trace("regex.conf"), trace("exact.conf"));
    assert!(regex.contains("10.0.0.7:90") && regex.contains("GET /7/ws "), "{regex}");
    assert!(!exact.contains("10.0.0.7"), "{exact}");
}

#[test]
fn completions_are_what_shells_read_and_know_verbs_options_and_rules() {
    let directory = tree(&[]);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&wslint(directory.path(), &["completions", shell]));
        for word in ["trace", "restrict-includes"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    fs::write(directory.path().join("complete"), wslint(directory.path(), &["completions", "bash"]).stdout)
        .expect("writable");
    let asked = |words: &str, current: usize| {
        let line = format!(
            "source ./complete; COMP_WORDS=(wslint {words}); COMP_CWORD={current}; \
             _wslint wslint \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$((COMP_CWORD - 1))]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let bash = Command::new("bash").args(["-c", &line]).current_dir(directory.path()).output();
        stdout(&bash.expect("bash runs")).trim().to_string()
    };
    assert_eq!(asked("tra", 1), "trace");
    assert_eq!(asked("explain inherited", 2), "inherited-headers-lost");
    assert_eq!(asked("check --fail-on w", 3), "warning");
}

#[test]
fn manual_pages_are_roff() {
    let directory = tree(&[]);
    let page = |arguments: &[&str]| stdout(&wslint(directory.path(), arguments));
    assert!(page(&["man"]).contains(".TH wslint 1"));
    let trace = page(&["man", "trace"]);
    assert!(trace.contains(".TH wslint-trace 1") && trace.contains("\\fB\\-\\-header\\fR"), "{trace}");
    assert_eq!(status(&directory, &["man", "no-such-verb"]), Some(2));
}
