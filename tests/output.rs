//! What reaches a terminal or a program: nothing raw from a configuration, and never half an answer in silence.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wslint"));
    command.args(arguments).current_dir(directory).env_remove("NO_COLOR").env_remove("FORCE_COLOR");
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().expect("wslint runs")
}

const CHAT: &str = "events {}\nhttp { server { listen 80; location /ws { proxy_pass http://127.0.0.1:9000; \
    proxy_set_header Upgrade $http_upgrade; } } }\n";

/// Every verb, with its status for `CHAT`.
const VERBS: [(&[&str], i32); 17] = [
    (&["."], 1),
    (&[".", "--format", "concise"], 1),
    (&[".", "--format", "json"], 1),
    (&[".", "--format", "sarif"], 1),
    (&[".", "--format", "github"], 1),
    (&[".", "--format", "gitlab"], 1),
    (&[".", "--format", "junit"], 1),
    (&[".", "--statistics"], 1),
    (&["routes", "."], 0),
    (&["routes", ".", "--format", "json"], 0),
    (&["trace", ".", "ws://a.test/ws"], 1),
    (&["trace", ".", "ws://a.test/ws", "--format", "json"], 1),
    (&["rules"], 0),
    (&["rules", "--format", "json"], 0),
    (&["explain", "syntax"], 0),
    (&["--help"], 0),
    (&["--version"], 0),
];

fn chat() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("nginx.conf"), CHAT).expect("writable");
    directory
}

#[test]
fn a_reader_that_goes_away_changes_no_status_and_is_not_complained_about() {
    let directory = chat();
    for (arguments, status) in VERBS {
        let mut child = command(directory.path(), arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wslint starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("wslint ends");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), told), (Some(status), String::new()), "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_told_and_fails() {
    let directory = chat();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    for (arguments, _) in VERBS {
        let output = command(directory.path(), arguments).stdout(full()).output().expect("wslint runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.starts_with("wslint: standard output: "), "{arguments:?}: {told}");
    }
    // Nor does it matter that nobody can be told.
    for arguments in [&["."][..], &["no-such-path"], &["--no-such-flag"], &["explain", "no-such-rule"]] {
        let mut command = command(directory.path(), arguments);
        let status = command.stdout(full()).stderr(full()).status().expect("wslint runs");
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}

/// The standard library opens `/dev/null` in the place of a descriptor that is closed, so nothing fails.
#[test]
fn closed_descriptors_change_no_status() {
    let directory = chat();
    for (arguments, status) in VERBS.into_iter().chain([(&["no-such-path"][..], 2)]) {
        for closed in [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
            let script = format!("exec \"$0\" \"$@\" {closed}");
            let output = Command::new("sh")
                .args(["-c", &script, env!("CARGO_BIN_EXE_wslint")])
                .args(arguments)
                .current_dir(directory.path())
                .output()
                .expect("sh runs");
            assert_eq!(output.status.code(), Some(status), "{arguments:?} {closed}");
        }
    }
}

/// An escape sequence, a control sequence of eight bits, a bell, a turn of direction, line ends, bytes that are no UTF-8,
/// and what other formats are made of.
const HOSTILE: &[u8] =
    b"\x1b]0;owned\x07\x1b[2J\xc2\x9b31m\xe2\x80\xae\xe2\x80\xa8\r\nforged: nothing found\x7f\xff%s::error::</a>&'";

/// `text` with what is hostile in the place of `@`.
fn hostile(text: &str) -> Vec<u8> {
    text.split('@').map(str::as_bytes).collect::<Vec<_>>().join(HOSTILE)
}

fn is_raw(c: char) -> bool {
    (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c)
}

/// Without the colours that are our own.
fn uncoloured(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match part.split_once('m') {
            Some((code, rest)) if code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';') => {
                out += rest
            }
            _ => out += &format!("\x1b[{part}"),
        }
    }
    out
}

fn assert_fit(output: &Output, what: &str) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).unwrap_or_else(|error| panic!("{what}: {error}"));
    let plain = uncoloured(&text);
    assert!(!plain.contains(is_raw), "{what}: {plain:?}");
    let forged = plain.lines().find(|line| line.starts_with("forged"));
    assert_eq!(forged, None, "{what}: {plain}");
    text
}

#[test]
fn nothing_hostile_reaches_the_terminal_and_json_stays_json_and_xml_xml() {
    let nginx = hostile(
        "upstream \"b@\" { server 127.0.0.1:9; }\nserver { listen 80; server_name \"a.test\" \"@\";\n\
         location \"/ws@\" { proxy_pass \"http://b@\"; proxy_set_header \"Upgrade\" $http_upgrade; \
         proxy_set_header \"X-@\" \"@\"; proxy_http_version \"@\"; }\n\
         location /r { return 302 \"ws://@\"; }\nlocation /live { proxy_pass http://127.0.0.1:9; \
         proxy_set_header Upgrade \"@\"; proxy_set_header Connection \"@$nothing\"; proxy_set_header Host \"@\"; } }\n\
         server { listen 80; server_name u.test; include \"/no/such/@.conf\"; location \"/ws@\" { proxy_pass \
         http://127.0.0.1:9; proxy_set_header Upgrade $http_upgrade; } location ~ ^/ws { return 204; } }\n",
    );
    // A line of httpd's ends where it ends.
    let one_line = |text: Vec<u8>| text.split(|&byte| byte == b'\n').collect::<Vec<_>>().join(&b"\\\n"[..]);
    let mut apache: Vec<u8> = Vec::new();
    for line in [
        "<VirtualHost *:80>",
        "ServerName a.test",
        "ServerAlias \"@\"",
        "ProxyPass \"/ws@\" \"ws://127.0.0.1:9/@\"",
        "ProxyPass \"/live\" \"http://127.0.0.1:9/@\" \"@\"",
        "RequestHeader set \"X@\" \"@\"",
        "Redirect \"/r@\" \"http://b/@\"",
        "Include \"@.conf\"",
        "Define \"@\" \"@\"",
        "Bogus@ \"@\"",
        "ProxyTimeout \"@\"",
        "</VirtualHost>",
    ] {
        apache.extend(one_line(hostile(line)));
        apache.push(b'\n');
    }
    let head = "Listen 80\nLoadModule mpm_event_module m.so\nLoadModule authz_core_module m.so\n\
        LoadModule proxy_module m.so\nLoadModule proxy_http_module m.so\nLoadModule headers_module m.so\n\
        LoadModule alias_module m.so\nLoadModule rewrite_module m.so\nIncludeOptional part*.conf\n";
    for (main, text, part) in
        [("nginx.conf", "events {}\nhttp { include part*.conf; }\n", nginx), ("httpd.conf", head, apache)]
    {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join(main), text).expect("writable");
        let mut name = hostile("part@.conf");
        name.retain(|&byte| byte != b'/');
        fs::write(directory.path().join(OsString::from_vec(name)), part).expect("writable");
        let url = "ws://a.test/live\u{9b}31m\u{202e}\u{2028}";
        let arguments: [&[&str]; 17] = [
            &["."],
            &[".", "--notes", "--color", "always"],
            &[".", "--color", "always"],
            &[".", "--format", "concise"],
            &[".", "--format", "json"],
            &[".", "--format", "sarif"],
            &[".", "--format", "github"],
            &[".", "--format", "gitlab"],
            &[".", "--format", "junit"],
            &[".", "--statistics"],
            &["routes", "."],
            &["routes", ".", "--format", "json"],
            &["trace", ".", url],
            &["trace", ".", url, "--format", "json"],
            &["trace", ".", "ws://u.test/"],
            &["trace", ".", "ws://a.test/r", "--header", "Host: \u{9b}\u{202e}"],
            &["explain", "\x1b]0;owned\x07"],
        ];
        for arguments in arguments {
            let output = run(directory.path(), arguments);
            let what = format!("{main} {arguments:?}");
            let text = assert_fit(&output, &what);
            assert_ne!(output.status.code(), None, "{what}");
            if arguments.contains(&"junit") {
                roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{what}: {error}"));
            }
            if ["json", "sarif", "gitlab"].iter().any(|format| arguments.contains(format)) {
                serde_json::from_str::<serde_json::Value>(&text)
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
            } else if arguments[0] == "." {
                assert!(text.contains("\\u{1b}]0;owned\\u{7}"), "{what}: {text}");
            }
        }
    }
}

#[test]
fn hostile_arguments_are_told_without_harm() {
    let directory = chat();
    let evil = OsStr::from_bytes(HOSTILE);
    let text = String::from_utf8_lossy(HOSTILE).into_owned();
    for arguments in [
        &["--format", &text][..],
        &["--output", &text],
        &["--output", &format!("json={text}")],
        &["--output", &format!("json=/{text}")],
        &["--select", &text],
        &["--target", &text],
        &["-D", &text],
        &["trace", ".", &text],
        &["trace", ".", "ws://a/", "--header", &text],
        &["--path-map", &text],
        &[&format!("--{text}")],
        &["explain", &text],
    ] {
        let output = run(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains(is_raw), "{output:?}");
    }
    let output = command(directory.path(), &[]).arg(evil).output().expect("wslint runs");
    assert_eq!(output.status.code(), Some(2));
    assert_fit(&output, "a path");
}

#[test]
fn an_excerpt_of_a_file_with_carriage_returns_shows_none() {
    let directory = chat();
    fs::write(directory.path().join("nginx.conf"), CHAT.replace("; ", ";\r\n")).expect("writable");
    let text = String::from_utf8(run(directory.path(), &["."]).stdout).expect("UTF-8");
    assert!(text.contains("proxy_pass") && !text.contains("\\r") && !text.contains('\u{fffd}'), "{text}");
}

#[test]
fn a_run_that_takes_its_time_shows_that_on_a_terminal_alone() {
    let server = |number: usize| {
        format!(
            "server {{ listen 80; server_name a{number}.test; location /ws {{ proxy_pass http://127.0.0.1:9; proxy_set_header Upgrade $http_upgrade; }} }}\n"
        )
    };
    let servers: String = (0..20_000).map(server).collect();
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("nginx.conf"), format!("events {{}}\nhttp {{\n{servers}}}\n"))
        .expect("writable");
    let piped = run(directory.path(), &["--format", "concise"]);
    assert_eq!((piped.status.code(), piped.stderr.as_slice()), (Some(1), &b""[..]));
    // A terminal of its own, from which only standard error is left.
    let on_terminal = |arguments: &str| {
        let line = format!("'{}' --format concise {arguments} >/dev/null", env!("CARGO_BIN_EXE_wslint"));
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(directory.path()).env("TERM", "xterm");
        match script.output() {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(_) => {
                assert!(std::env::var_os("WSLINT_SERVERS").is_none(), "there is no `script`");
                eprintln!("SKIPPED: there is no `script` to give a terminal");
                "1 file read".to_string()
            }
        }
    };
    let shown = on_terminal("");
    assert!(shown.contains("1 file read"), "{shown:?}");
    assert_eq!(on_terminal("--quiet").replace("1 file read", ""), "");
}
