//! What a configuration that nobody has looked at may reach and cost.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wslint::effective::Target;
use wslint::engine::Selection;
use wslint::source::files::{Entry, Files, Found, Memory, ReadError};
use wslint::tree::apache::Given;
use wslint::tree::{Limits, Options};

fn tree(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        write(&directory, name, text);
    }
    directory
}

fn write(directory: &TempDir, name: &str, text: &str) {
    let path = directory.path().join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    fs::write(path, text).expect("writable");
}

fn wslint(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wslint"));
    command.args(arguments).current_dir(directory).env("NO_COLOR", "1").env_remove("FORCE_COLOR");
    command.output().expect("wslint runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const NGINX: &str = "events {}\nhttp { server { listen 80; HERE\n location / { return 204; } } }\n";
const APACHE: &str = "ServerRoot \"ROOT\"\nListen 80\nLoadModule mpm_event_module m.so\nLoadModule authz_core_module m.so\n\
    LoadModule rewrite_module m.so\nLoadModule proxy_module m.so\nRewriteEngine On\nHERE\n";

/// Everything wslint says about a tree in `in/`, beside which lies `out/`.
fn said(directory: &TempDir, arguments: &[&str]) -> String {
    let mut all = String::new();
    for format in ["human", "json", "sarif", "github", "gitlab", "junit"] {
        let output = wslint(directory.path(), &[&["in", "--notes", "--format", format], arguments].concat());
        all += &format!("{}{}{:?}\n", stdout(&output), stderr(&output), output.status.code());
    }
    all
}

#[test]
fn restricted_includes_tell_nothing_of_what_lies_outside() {
    let nginx = |text: &str| ("in/nginx.conf", NGINX.replace("HERE", text));
    let apache = |text: &str| ("in/httpd.conf", APACHE.replace("HERE", text));
    for (what, (name, text)) in [
        ("absolute", nginx("include OUT/secret.conf;")),
        ("up", nginx("include ../out/secret.conf;")),
        ("pattern", nginx("include ../out/*.conf;")),
        ("pattern above", nginx("include ../*/secret.conf;")),
        ("link", nginx("include link.conf;")),
        ("links", nginx("include links/secret.conf;")),
        ("pattern through a link", nginx("include link*/*.conf;")),
        ("pattern above a name", nginx("include link*/secret.conf;")),
        ("pattern that matches a link", nginx("include link*.conf;")),
        ("map", nginx("include /mapped/secret.conf;")),
        ("absolute", apache("Include OUT/secret.conf")),
        ("up", apache("IncludeOptional ../out/secret.conf")),
        ("directory", apache("Include ../out")),
        ("pattern", apache("IncludeOptional ../out/*.conf")),
        ("link", apache("Include link.conf")),
        ("directory of links", apache("Include all")),
        ("links", apache("IncludeOptional links/secret.conf")),
        ("map", apache("Include /mapped/secret.conf")),
        (
            "server root",
            ("in/httpd.conf", APACHE.replace("ROOT", "/nope").replace("HERE", "Include out/secret.conf")),
        ),
        ("envvars", apache("ProxyPreserveHost ${SECRET}")),
        ("IfFile !", apache("<IfFile !link.conf>\nProxyPreserveHost yes\n</IfFile>")),
        ("IfFile", apache("<IfFile link.conf>\nProxyPreserveHost yes\n</IfFile>")),
    ] {
        let directory = tree(&[]);
        let out = directory.path().join("out");
        let replace = |text: &str| {
            let text = text.replace("OUT", &out.display().to_string());
            text.replace("ROOT", &directory.path().join("in").display().to_string())
        };
        write(&directory, name, &replace(&text));
        fs::create_dir_all(directory.path().join("in/all")).expect("a directory");
        for (target, link) in [
            ("../out/secret.conf", "in/link.conf"),
            ("../out", "in/links"),
            ("../../out/secret.conf", "in/all/x"),
            ("../out/secret.conf", "in/envvars"),
        ] {
            symlink(target, directory.path().join(link)).expect("a link");
        }
        let restricted = ["--restrict-includes", "--path-map", "/mapped=out"];
        let nothing_there = said(&directory, &restricted);
        let told = nothing_there.contains("leads outside the given roots")
            || ["IfFile", "IfFile !", "envvars"].contains(&what);
        assert!(told, "{what} of {name}: {nothing_there}");
        // Neither is it concluded that a file is there, nor that it isn't.
        assert!(!what.starts_with("IfFile") || nothing_there.contains("nothing found"), "{nothing_there}");
        fs::create_dir(&out).expect("a directory");
        let empty = said(&directory, &restricted);
        fs::write(out.join("secret.conf"), "root:x:0:0; hidden_secret\nexport SECRET=hidden_secret\n")
            .expect("writable");
        let there = said(&directory, &restricted);
        assert_eq!((&empty, &there), (&nothing_there, &nothing_there), "{what} of {name}");
        assert!(!there.contains("hidden_secret"), "{what} of {name}: {there}");
        // Without the option the same tree shows it; what is skipped where the file is there tells it beforehand.
        let unrestricted = said(&directory, &restricted[1..]);
        assert!(what == "IfFile !" || unrestricted != there, "{what} of {name}");
    }
}

#[test]
fn what_is_named_may_lead_no_further_than_the_current_directory() {
    let directory = tree(&[
        ("here/x", ""),
        ("out/nginx.conf", "hidden_secret on;\n}\n"),
        ("here/available/a.conf", "hidden on;\n}\n"),
    ]);
    for (target, link) in [
        ("../out", "here/nginx"),
        ("../out/nginx.conf", "here/main.conf"),
        ("available/a.conf", "here/near.conf"),
        ("available", "here/enabled"),
    ] {
        symlink(target, directory.path().join(link)).expect("a link");
    }
    fs::create_dir(directory.path().join("here/deep")).expect("a directory");
    symlink("../../out/nginx.conf", directory.path().join("here/deep/nginx.conf")).expect("a link");
    fs::create_dir(directory.path().join("here/deeper")).expect("a directory");
    symlink("../../out", directory.path().join("here/deeper/conf")).expect("a link");
    let here = directory.path().join("here");
    for path in ["nginx", "nginx/nginx.conf", "main.conf", "deep", "deep/nginx.conf", "deeper"] {
        assert_eq!(wslint(&here, &[path]).status.code(), Some(1), "{path}");
        for verb in [&["check", path][..], &["routes", path], &["trace", path, "ws://a.test/"]] {
            let output = wslint(&here, &[verb, &["--restrict-includes"]].concat());
            assert_eq!(output.status.code(), Some(2), "{verb:?}: {}", stdout(&output));
            assert!(!stderr(&output).contains("hidden"), "{}", stderr(&output));
        }
    }
    for path in ["near.conf", "enabled/a.conf", "../out", "../out/nginx.conf"] {
        let output = wslint(&here, &[path, "--restrict-includes"]);
        assert_eq!(output.status.code(), Some(1), "{path}: {}{}", stdout(&output), stderr(&output));
    }
    assert_eq!(wslint(&here, &["/no/such/path", "--restrict-includes"]).status.code(), Some(2));
}

#[test]
fn a_restricted_trace_looks_up_no_file_outside() {
    let nginx = |text: &str| ("in/nginx.conf", NGINX.replace("HERE", text));
    let apache = |text: &str| ("in/httpd.conf", APACHE.replace("HERE", text));
    for ((name, text), file) in [
        (nginx("root html; location /ws { try_files $uri @b; } location @b { return 204; }"), "ws"),
        (nginx("if (-f ROOT/html/ws) { return 403; }"), "ws"),
        (
            apache("DocumentRoot \"ROOT/html\"\nRewriteCond \"ROOT/html/ws\" !-f\nRewriteRule ^ - [R=204]"),
            "ws",
        ),
        (apache("DocumentRoot \"ROOT/html\"\n<Directory />\nAllowOverride All\n</Directory>"), ".htaccess"),
    ] {
        let directory = tree(&[]);
        let root = directory.path().join("in").display().to_string();
        write(&directory, name, &text.replace("ROOT", &root));
        fs::create_dir(directory.path().join("out")).expect("a directory");
        symlink("../out", directory.path().join("in/html")).expect("a link");
        let trace = |more: &[&str]| {
            stdout(&wslint(directory.path(), &[&["trace", "in", "ws://a.test/ws"], more].concat()))
        };
        let restricted = trace(&["--restrict-includes"]);
        assert!(restricted.contains("unknown: it depends on"), "{text}: {restricted}");
        let open = trace(&[]);
        write(&directory, &format!("out/{file}"), "Require all denied\n");
        assert_eq!(trace(&["--restrict-includes"]), restricted, "{text}");
        assert_ne!(trace(&[]), open, "{text}");
    }
}

#[test]
fn a_restricted_tree_that_keeps_to_itself_is_read_as_any_other() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    for name in ["err/chat", "err/debian", "err/redhat", "broken/httpd", "ok/debian"] {
        let said = |more: &[&str]| stdout(&wslint(&testdata, &[&[name, "--format", "json"], more].concat()));
        assert_eq!(said(&["--restrict-includes"]), said(&[]), "{name}");
    }
}

/// What is found in `nginx.conf` or `httpd.conf`, one line each.
fn found(directory: &TempDir, arguments: &[&str]) -> String {
    let output = wslint(directory.path(), &[&["--format", "concise"], arguments].concat());
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn each_limit_can_be_set_and_is_told() {
    let files = [
        ("nginx.conf", "events {}\nhttp { include a.conf; include more/*.conf; }\n"),
        ("a.conf", "include b.conf;\n"),
        ("b.conf", "include c.conf;\n"),
        ("c.conf", "# a long line of sixty bytes and more, and nothing else in it\n"),
        ("more/1.conf", ""),
        ("more/2.conf", ""),
    ];
    let nginx = tree(&files);
    assert_eq!(found(&nginx, &[]), "");
    for (limit, words) in [
        (
            "file-bytes=60",
            "b.conf:1:1: error[limit-exceeded] `include c.conf` leads to a file of more than 60 bytes",
        ),
        (
            "total-bytes=120",
            "b.conf:1:1: error[limit-exceeded] `include c.conf` leads to more than 120 bytes in all files",
        ),
        ("files=5", "b.conf:1:1: error[limit-exceeded] `include c.conf` leads to more than 5 files"),
        (
            "include-depth=2",
            "b.conf:1:1: error[limit-exceeded] `include c.conf` leads to includes nested more than 2 deep",
        ),
        (
            "directives=7",
            "error[limit-exceeded] `include b.conf` leads to includes that bring in more than 7 directives",
        ),
        (
            "glob-results=1",
            "nginx.conf:2:24: error[limit-exceeded] `include more/*.conf` leads to a pattern that matches 2 files, more than 1",
        ),
    ] {
        let said = found(&nginx, &["--limit", limit]);
        assert!(said.contains(words), "{limit}: {said}");
    }
    let apache = tree(&[
        ("httpd.conf", "ServerRoot .\nListen 80\nInclude httpd/a.conf\nInclude httpd/*.conf\n"),
        (
            "httpd/a.conf",
            "# a long line of more than ninety bytes, longer than the main file, and nothing else is in it at all\n",
        ),
        ("httpd/b.conf", "<Macro many>\nTimeout 60\nTimeout 60\n</Macro>\nUse many\n"),
    ]);
    for (limit, words) in [
        ("file-bytes=90", "leads to a file of more than 90 bytes"),
        ("total-bytes=120", "leads to more than 120 bytes in all files"),
        ("files=1", "leads to more than 1 files"),
        ("directives=12", "leads to macros that bring in more than 12 directives"),
        ("glob-results=1", "leads to a pattern that matches 2 files, more than 1"),
    ] {
        let said = found(&apache, &["--limit", limit]);
        assert!(said.contains(words) && said.contains("error[limit-exceeded]"), "{limit}: {said}");
    }
    for limit in ["files", "files=many", "files=-1", "colours=3"] {
        assert_eq!(wslint(nginx.path(), &["--limit", limit]).status.code(), Some(2), "{limit}");
    }
    assert_eq!(wslint(nginx.path(), &["--limit", "file-bytes=10"]).status.code(), Some(2));
}

#[test]
fn only_regular_files_are_read_and_those_as_far_as_they_go() {
    let directory = tree(&[("dir/x", "")]);
    let at = |name: &str| directory.path().join(name);
    assert!(Command::new("mkfifo").arg(at("fifo")).status().expect("mkfifo").success());
    let _socket = UnixListener::bind(at("socket")).expect("a socket");
    symlink("circle", at("circle")).expect("a link");
    symlink("there", at("here")).expect("a link");
    symlink("here", at("there")).expect("a link");
    symlink("/dev/zero", at("zero")).expect("a link");
    for (name, rule, words) in [
        ("fifo", "unreadable", "a FIFO"),
        ("socket", "unreadable", "a socket"),
        ("/dev/zero", "unreadable", "a device"),
        ("zero", "unreadable", "a device"),
        ("circle", "unreadable", "Too many levels of symbolic links"),
        ("here", "unreadable", "Too many levels of symbolic links"),
        // Its size is said to be 0; reading its beginning is an error.
        ("/proc/self/mem", "unreadable", "error"),
        ("/proc/version", "syntax", ""),
        ("fi*", "unreadable", "a FIFO"),
        ("cir*", "unreadable", "Too many levels of symbolic links"),
    ] {
        write(&directory, "nginx.conf", &format!("events {{}}\nhttp {{ include {name}; }}\n"));
        write(&directory, "httpd.conf", &format!("ServerRoot .\nListen 80\nInclude {name}\n"));
        for server in ["nginx", "apache"] {
            // What it holds are words to httpd, of some module.
            if server == "apache" && rule == "syntax" {
                continue;
            }
            let said = found(&directory, &["--server", server]);
            assert!(
                said.contains(&format!("[{rule}]")) && said.contains(words),
                "{name} of {server}: {said}"
            );
        }
    }
    symlink("nowhere", at("dangling")).expect("a link");
    for name in ["dangling", "dangl*", "circle", "circ*"] {
        for (include, expected) in [("Include", "error["), ("IncludeOptional", "")] {
            write(&directory, "httpd.conf", &format!("ServerRoot .\nListen 80\n{include} {name}\n"));
            let said = found(&directory, &["--server", "apache", "--server-root", "."]);
            let as_expected =
                if expected.is_empty() { !said.contains("error[") } else { said.contains(expected) };
            assert!(as_expected, "{include} {name}: {said}");
        }
    }
    write(&directory, "nginx.conf", "events {}\nhttp { include /proc/version; }\n");
    let cut = found(&directory, &["--server", "nginx", "--limit", "file-bytes=50"]);
    assert!(cut.contains("a file of more than 50 bytes"), "{cut}");
    write(&directory, "nginx.conf", "events {}\nhttp { include dir; }\n");
    assert!(found(&directory, &["--server", "nginx"]).contains("Is a directory"));
}

#[test]
fn what_grows_without_end_is_given_up() {
    let bomb: Vec<(String, String)> = (0..40)
        .map(|i| (format!("i{i}.conf"), format!("include i{0}.conf;\ninclude i{0}.conf;\n", i + 1)))
        .collect();
    let chain: Vec<(String, String)> =
        (0..70).map(|i| (format!("c{i}.conf"), format!("include c{}.conf;\n", i + 1))).collect();
    let mut files: Vec<(&str, &str)> =
        bomb.iter().chain(&chain).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.extend([("i40.conf", "# end\n"), ("c70.conf", "# end\n")]);
    let directory = tree(&files);
    for (http, rule, words) in [
        ("include i0.conf;".to_string(), "limit-exceeded", "more than 2000000 directives"),
        ("include c0.conf;".to_string(), "limit-exceeded", "nested more than 64 deep"),
        ("include nginx.conf;".to_string(), "include-loop", ""),
        ("include ngin*.conf;".to_string(), "include-loop", ""),
        ("server {".repeat(100_000), "limit-exceeded", "blocks nested more than 1000 deep"),
        ("server {}\n".repeat(1_000_000), "", ""),
        (format!("server {{ set $x \"{}\"; }}", "x ".repeat(10_000_000)), "", ""),
        ("x".repeat(20_000_000), "syntax", ""),
    ] {
        let what: String = http.chars().take(40).collect();
        write(&directory, "nginx.conf", &format!("events {{}}\nhttp {{\n{http}\n}}\n"));
        let said = found(&directory, &["nginx.conf"]);
        let few: String = said.chars().take(300).collect();
        assert!(rule.is_empty() || said.contains(&format!("[{rule}]")), "{what}: {few}");
        assert!(said.contains(words), "{what}: {few}");
    }
}

/// A tree in memory in which a listing names a file that is gone, and another that nobody may read.
struct Shifting(Memory);

fn denied() -> ReadError {
    ReadError::Other("Permission denied".to_string())
}

impl Files for Shifting {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        match path.file_stem().and_then(|name| name.to_str()) {
            Some("gone") => Err(ReadError::NotFound),
            Some("secret") => Err(denied()),
            _ if path.iter().any(|part| part == "closed") => Err(denied()),
            _ => self.0.read(path, limit),
        }
    }

    fn head(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
        self.0.head(path, limit)
    }

    fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        if directory.ends_with("closed") {
            return Err(denied());
        }
        self.0.list(directory)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, ReadError> {
        self.0.canonical(path)
    }

    fn look(&self, path: &Path) -> Found {
        self.0.look(path)
    }
}

#[test]
fn what_changes_while_it_is_read_or_may_not_be_read_is_told() {
    let memory = || {
        ["gone", "secret", "closed"]
            .iter()
            .fold(Memory::default(), |memory, name| memory.with(format!("/e/{name}/{name}.conf"), ""))
    };
    for (name, words) in
        [("gone", "No such file"), ("secret", "Permission denied"), ("closed", "Permission denied")]
    {
        for (main, text, apache) in [
            ("/e/nginx.conf", format!("events {{}}\nhttp {{ include {name}/*.conf; }}\n"), None),
            ("/e/httpd.conf", format!("Listen 80\nIncludeOptional {name}/*.conf\n"), Some(Given::default())),
            ("/e/httpd.conf", format!("Listen 80\nInclude {name}\n"), Some(Given::default())),
        ] {
            let files = Shifting(memory().with(main, text.clone()));
            let options = Options {
                prefix: "/e".into(),
                root: "/e".into(),
                maps: Vec::new(),
                limits: Limits::default(),
                apache: apache.map(|given| Given { server_root: Some("/e".into()), ..given }),
            };
            let linted =
                wslint::lint(&files, Path::new(main), &options, Target::default(), &Selection::default());
            let linted = linted.expect("the main file is there");
            // httpd passes over what is gone, and wslint says that it was not seen.
            let is_passed_over = name == "gone"
                && text.contains("Optional")
                && linted.findings.iter().any(|finding| finding.rule == "include-not-found");
            let told = linted.findings.iter().find(|finding| finding.rule == "unreadable");
            assert!(
                told.is_some_and(|finding| finding.message.contains(words)) || is_passed_over,
                "{text}: {:?}",
                linted.findings
            );
            assert!(!linted.tree.complete);
        }
    }
}

#[test]
fn patterns_that_blow_up_are_not_evaluated_and_a_trace_says_so() {
    let url = format!("ws://a.test/{}b", "a".repeat(60));
    let apache = |line: &str| {
        let head = "ServerName a.test\nLoadModule proxy_http_module m.so\nLoadModule alias_module m.so\n";
        ("httpd.conf", APACHE.replace("ROOT", ".").replace("HERE", &format!("{head}{line}")))
    };
    let nginx = |text: &str| ("nginx.conf", NGINX.replace("HERE", text));
    for ((name, text), expected) in [
        (nginx("location ~ \"^/(a+)+$\" { proxy_pass http://127.0.0.1:9; }"), "unknown: "),
        (nginx("rewrite \"^/(a+)+$\" /x;"), "unknown: "),
        (nginx("location ~ \"((x{1000}){1000}){100}\" { return 204; }"), "unknown: "),
        (apache("RewriteRule \"^/(a+)+$\" \"ws://127.0.0.1:9/\" [P]"), "unknown: "),
        (apache("ProxyPassMatch \"^/(a+)+$\" \"ws://127.0.0.1:9/\""), "unknown: "),
        (apache("RedirectMatch \"^/(a+)+$\" \"/x\""), "unknown: "),
        (apache("RewriteRule \"((x{1000}){1000}){100}\" \"-\" [F]"), "config-error: "),
    ] {
        let directory = tree(&[(name, &text)]);
        let traced = stdout(&wslint(directory.path(), &["trace", ".", &url]));
        let verdict = traced.lines().last().unwrap_or_default();
        let told = verdict.contains("regular expression that was not evaluated") || expected != "unknown: ";
        assert!(verdict.starts_with(expected) && told, "{text}: {traced}");
    }
}

#[test]
fn many_patterns_and_many_paths_end() {
    let path = "a".repeat(12);
    let rules: String =
        (0..400).map(|i| format!("location ~ \"^/(a+)+b{i}$\" {{ return 204; }}\n")).collect();
    let routes: String = (0..400)
        .map(|i| {
            format!(
                "location /{path}{i}/ws {{ proxy_pass http://127.0.0.1:9; proxy_set_header Upgrade $http_upgrade; }}\n"
            )
        })
        .collect();
    let directory = tree(&[("nginx.conf", &NGINX.replace("HERE", &format!("{rules}{routes}")))]);
    let start = Instant::now();
    found(&directory, &[]);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}
