//! Whole repositories, single files in their trees, standard input, dumps.

#[path = "support/tree.rs"]
mod tree;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use tree::tree;

const MAIN: &str = "events {}\nhttp {\n    include sites/*.conf;\n}\n";
/// Its third line is wrong.
const BAD: &str = "server {\n    listen 80;\n    location /ws { proxy_pass http://127.0.0.1:9000; \
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; }\n}\n";
const GOOD: &str = "server {\n    listen 81;\n    location / { proxy_pass http://127.0.0.1:9000; }\n}\n";

fn fed(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wslint"))
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wslint starts");
    // It need not read what it refuses.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("wslint ends")
}

fn wslint(directory: &Path, arguments: &[&str]) -> Output {
    fed(directory, arguments, b"")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `path:line rule` of every error and warning.
fn found_by(output: &Output) -> Vec<String> {
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    let words = |line: &str| {
        let mut parts = line.splitn(4, ':');
        let (path, number) = (parts.next()?, parts.next()?);
        let rule = line.split_once('[')?.1.split(']').next()?;
        let is_told = line.contains(": error[") || line.contains(": warning[");
        is_told.then(|| format!("{path}:{number} {rule}"))
    };
    text(&output.stdout).lines().filter_map(words).collect()
}

fn found(directory: &TempDir, arguments: &[&str]) -> Vec<String> {
    let arguments = [arguments, &["--format", "concise"]].concat();
    found_by(&wslint(directory.path(), &arguments))
}

fn listed(directory: &TempDir, arguments: &[&str]) -> Vec<String> {
    let output = wslint(directory.path(), &[&["--list-files"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let spaces = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text(&output.stdout).lines().map(spaces).collect()
}

fn refused(directory: &TempDir, arguments: &[&str]) -> String {
    let output = wslint(directory.path(), arguments);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{arguments:?}");
    text(&output.stderr)
}

#[test]
fn a_repository_is_all_its_mains_and_all_fragments_outside_them() {
    let apache = "ServerRoot \"/etc/httpd\"\nListen 80\n";
    let directory = tree(&[
        ("edge/nginx.conf", MAIN),
        ("edge/sites/a.conf", GOOD),
        ("edge/off/b.conf", BAD),
        ("web/conf/httpd.conf", apache),
        ("snippets/chat", BAD),
        ("snippets/chat.conf.bak", BAD),
        ("snippets/proxy.vhost", "<VirtualHost *:80>\n  ProxyPass /ws ws://a/\n</VirtualHost>\n"),
        ("README.md", BAD),
        ("deploy.sh", BAD),
        ("node_modules/x/nginx.conf", MAIN),
    ]);
    assert_eq!(
        listed(&directory, &[]),
        [
            "main nginx edge/nginx.conf",
            "included nginx edge/sites/a.conf (edge/nginx.conf:3)",
            "main apache web/conf/httpd.conf",
            "fragment nginx (http) snippets/chat",
            "fragment apache (server config) snippets/proxy.vhost",
            "not included nginx (http) edge/off/b.conf",
            "not included nginx (http) snippets/chat.conf.bak",
        ]
    );
    assert_eq!(found(&directory, &[]), ["snippets/chat:3 connection-not-upgrade"]);
    let report = text(&wslint(directory.path(), &[]).stdout);
    assert!(report.contains("; 2 more files not included (--list-files)\n"), "{report}");
    let all = ["edge/off/b.conf:3", "snippets/chat:3", "snippets/chat.conf.bak:3"];
    assert_eq!(
        found(&directory, &["--all-files"]),
        all.map(|place| format!("{place} connection-not-upgrade"))
    );
    let json = text(&wslint(directory.path(), &["--format", "json"]).stdout);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["summary"]["not_included"], 2);
}

#[test]
fn fragments_alone_are_fine_and_nothing_at_all_is_not() {
    let directory = tree(&[("a/site", BAD), ("b/x.json", "{}")]);
    assert_eq!(found(&directory, &[]), ["a/site:3 connection-not-upgrade"]);
    let words = refused(&directory, &["b"]);
    assert!(words.starts_with("wslint: b: no configuration below it; looked for nginx.conf"), "{words}");
    let words = refused(&directory, &[".", "--server", "apache"]);
    assert!(words.contains("no configuration of Apache below it"), "{words}");
}

#[test]
fn what_a_fragment_lacks_may_stand_around_it() {
    let site = "server {\n    listen 80;\n    include snippets/tls.conf;\n    location /ws { proxy_pass http://chat; \
        proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $my_upgrade; \
        proxy_read_timeout 1h; }\n}\n";
    let vhost =
        "<VirtualHost *:80>\n  ProxyPass /ws ws://127.0.0.1:9/ws\n  Include conf/tls.conf\n</VirtualHost>\n";
    let directory = tree(&[("site", site), ("vhost", vhost), ("proxy.inc", "proxy_pass http://chat;\n")]);
    assert_eq!(listed(&directory, &[]).len(), 3);
    assert_eq!(found(&directory, &[]), [""; 0]);
}

#[test]
fn a_fragment_is_read_once_whoever_names_it() {
    let outer = "server {\n    listen 80;\n    include ws.inc;\n}\n";
    let inner = "location /ws { proxy_pass http://a; proxy_set_header Upgrade $http_upgrade; proxy_http_version 1.1; }\n";
    let directory = tree(&[("x/outer", outer), ("x/ws.inc", inner), ("y/again", GOOD)]);
    symlink("../y/again", directory.path().join("x/again")).expect("a link");
    fs::hard_link(directory.path().join("y/again"), directory.path().join("y/once-more")).expect("a link");
    assert_eq!(
        listed(&directory, &[]),
        [
            "fragment nginx (http) x/outer",
            "included nginx x/ws.inc (x/outer:3)",
            "fragment nginx (http) y/again"
        ]
    );
    assert_eq!(found(&directory, &[]), ["x/ws.inc:1 connection-not-upgrade"]);
    let ring = tree(&[
        ("a", "server {\n  listen 80;\n}\ninclude b;\n"),
        ("b", "server {\n  listen 81;\n}\ninclude a;\n"),
    ]);
    assert_eq!(listed(&ring, &[]), ["fragment nginx (http) a", "included nginx b (a:4)"]);
}

#[test]
fn what_git_ignores_is_left_alone() {
    let directory = tree(&[
        (".git/info/exclude", "local/\n"),
        (".gitignore", "/build\n*.gen\n!keep.gen\n"),
        ("build/site", BAD),
        ("a.gen", BAD),
        ("keep.gen", BAD),
        ("local/site", BAD),
        ("sub/.gitignore", "one\n!a.gen\n"),
        ("sub/one", BAD),
        ("sub/a.gen", BAD),
        ("sub/deep/one", BAD),
        ("sub/build/site", BAD),
    ]);
    let rule = "connection-not-upgrade";
    let seen = ["keep.gen:3", "sub/a.gen:3", "sub/build/site:3"].map(|place| format!("{place} {rule}"));
    assert_eq!(found(&directory, &[]), seen);
    assert_eq!(found(&directory, &["--no-ignore"]).len(), 8);
    // What is named is never ignored, nor is a file; what lies in it is judged by the files above.
    assert_eq!(found(&directory, &["build"]), [format!("build/site:3 {rule}")]);
    assert_eq!(found(&directory, &["a.gen"]), [format!("a.gen:3 {rule}")]);
    assert_eq!(
        found(&directory, &["sub"]),
        ["sub/a.gen:3", "sub/build/site:3"].map(|place| format!("{place} {rule}"))
    );
}

#[test]
fn ignore_files_outside_the_roots_are_not_looked_at() {
    let directory = tree(&[(".git/HEAD", ""), (".gitignore", "site\n"), ("sub/site", BAD)]);
    assert!(refused(&directory, &["sub"]).contains("no configuration below it"));
    assert_eq!(found(&directory, &["sub", "--restrict-includes"]).len(), 1);
}

#[test]
fn a_single_file_is_judged_in_its_tree() {
    // Alone, this site would be fine: the map decides.
    let main = "events {}\nhttp {\n    map $http_upgrade $up { default keep-alive; }\n    include sites/*.conf;\n}\n";
    let site = |port| {
        format!(
            "server {{\n    listen {port};\n    location /ws {{ proxy_pass http://a; proxy_http_version 1.1; proxy_set_header \
             Upgrade $http_upgrade;\n        proxy_set_header Connection $up; }}\n}}\n"
        )
    };
    let (a, b) = (site(80), site(81));
    let directory =
        tree(&[(".git/HEAD", ""), ("n/nginx.conf", main), ("n/sites/a.conf", &a), ("n/sites/b.conf", &b)]);
    let whole = found(&directory, &["n/nginx.conf"]);
    assert!(!whole.is_empty());
    for names in [&["n/sites/a.conf"][..], &["n/sites/a.conf", "n/sites/b.conf"]] {
        let own: Vec<String> =
            whole.iter().filter(|found| names.iter().any(|name| found.starts_with(name))).cloned().collect();
        assert_eq!(found(&directory, names), own, "{names:?}");
        let main = listed(&directory, names).into_iter().filter(|line| line.starts_with("main")).count();
        assert_eq!(main, 1, "{names:?}");
    }
}

#[test]
fn a_single_file_finds_its_main_file_beside_it_above_it_or_elsewhere_in_the_work_tree() {
    for (name, include) in [
        ("w/nginx.conf", "a/b/site"),
        ("w/a/b/nginx.conf", "site"),
        ("w/conf/nginx.conf", "../a/b/site"),
        ("w/a/edge.cfg", "b/site"),
        ("w/other/place/nginx.conf", "../../a/b/site"),
        ("w/other/place/edge.conf", "../../a/b/site"),
    ] {
        let main = MAIN.replace("sites/*.conf", include);
        let directory =
            tree(&[("w/.git/HEAD", ""), (name, &main), ("w/a/b/site", BAD), ("nginx.conf", MAIN)]);
        let listed = listed(&directory, &["w/a/b/site"]);
        assert_eq!(listed, [format!("main nginx {name}"), format!("included nginx w/a/b/site ({name}:3)")]);
        assert_eq!(found(&directory, &["w/a/b/site"]), ["w/a/b/site:3 connection-not-upgrade"], "{name}");
    }
    let alone = tree(&[("w/.git/HEAD", ""), ("nginx.conf", &MAIN.replace("sites", "w")), ("w/a.conf", BAD)]);
    assert_eq!(listed(&alone, &["w/a.conf"]), ["fragment nginx (http) w/a.conf"], "outside the work tree");
    assert_eq!(found(&alone, &["w/a.conf"]).len(), 1);
}

#[test]
fn an_access_file_stands_in_its_directory() {
    let access = "RewriteEngine on\nRewriteCond %{HTTP:Upgrade} websocket [NC]\nRewriteRule ^ws/(.*) ws://127.0.0.1:9/$1 [P,L]\n";
    let directory = tree(&[("a/.htaccess", access), ("b/.htaccess", "ProxyPass /ws ws://a/\n")]);
    assert_eq!(found(&directory, &["a"]), [""; 0]);
    assert_eq!(found(&directory, &["a/.htaccess"]), [""; 0]);
    assert_eq!(found(&directory, &["b/.htaccess"]), ["b/.htaccess:1 config-refused"]);
    let report = text(&wslint(directory.path(), &["a/.htaccess"]).stdout);
    assert!(report.starts_with("1 file, 1 route"), "{report}");
}

#[test]
fn standard_input_stands_in_the_place_of_a_file() {
    let directory = tree(&[("n/nginx.conf", MAIN), ("n/sites/a.conf", GOOD), ("n/sites/b.conf", BAD)]);
    let lint = |name: &str, input: &str| {
        found_by(&fed(
            directory.path(),
            &["-", "--stdin-filename", name, "--format", "concise"],
            input.as_bytes(),
        ))
    };
    let wrong = |name: &str| vec![format!("{name}:3 connection-not-upgrade")];
    assert_eq!(lint("n/sites/a.conf", BAD), wrong("n/sites/a.conf"));
    assert_eq!(lint("n/sites/a.conf", GOOD), [""; 0]);
    assert_eq!(lint("n/sites/b.conf", GOOD), [""; 0]);
    assert_eq!(lint("n/sites/new.conf", BAD), wrong("n/sites/new.conf"), "not there yet");
    assert_eq!(lint("n/elsewhere.conf", BAD), wrong("n/elsewhere.conf"), "in no tree");
    assert_eq!(lint("gone/a.conf", BAD), wrong("gone/a.conf"), "in no directory");
    // What is wrong in other files is not the buffer's.
    assert_eq!(lint("n/nginx.conf", MAIN), [""; 0]);
    let clash =
        "server {\n    listen 81;\n    no_such_thing;\n    location /ws { proxy_pass http://a; } }\n}\n";
    assert!(lint("n/sites/b.conf", clash).iter().any(|found| found.contains("b.conf:")));
    let listed = fed(
        directory.path(),
        &["-", "--stdin-filename", "n/sites/new.conf", "--list-files"],
        GOOD.as_bytes(),
    );
    assert!(text(&listed.stdout).contains("n/sites/new.conf  (n/nginx.conf:3)"), "{}", text(&listed.stdout));
}

#[test]
fn standard_input_without_a_name_is_what_it_looks_like() {
    let directory = tree(&[("sites/a.conf", BAD)]);
    let lint =
        |input: &str| found_by(&fed(directory.path(), &["-", "--format", "concise"], input.as_bytes()));
    assert_eq!(lint(BAD), ["<stdin>:3 connection-not-upgrade"]);
    assert_eq!(lint(MAIN), [""; 0], "found in another file");
    let trace = |input: &str| {
        text(&fed(directory.path(), &["trace", "-", "ws://a.test/ws"], input.as_bytes()).stdout)
    };
    assert!(trace(MAIN).contains("sites/a.conf:3"), "{}", trace(MAIN));
    let routes = text(&fed(directory.path(), &["routes", "-"], GOOD.as_bytes()).stdout);
    assert!(routes.contains("<stdin>:3"), "{routes}");
}

#[test]
fn standard_input_is_asked_for_in_one_way() {
    let directory = tree(&[("nginx.conf", MAIN), ("sub/a.conf", GOOD)]);
    for (arguments, words) in [
        (&["-", "nginx.conf"][..], "must be the only path"),
        (&["-", "-"], "must be the only path"),
        (&["nginx.conf", "--stdin-filename", "a"], "write `-` as the path"),
        (&["-", "--stdin-filename", "sub"], "sub is a directory"),
        (&["-", "--stdin-filename", "/etc/a.conf", "--restrict-includes"], "outside the current directory"),
        (&["-", "--stdin-filename", "../a.conf", "--restrict-includes"], "outside the current directory"),
    ] {
        let said = refused(&directory, arguments);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    symlink("/etc", directory.path().join("out")).expect("a link");
    let said = refused(&directory, &["-", "--stdin-filename", "out/a.conf", "--restrict-includes"]);
    assert!(said.contains("leads out"), "{said}");
    let large = fed(directory.path(), &["-", "--limit", "file-bytes=10"], GOOD.as_bytes());
    assert_eq!(text(&large.stderr), "wslint: standard input: has more than 10 bytes\n");
}

/// What `nginx -T` prints of files.
fn printed(files: &[(&str, &str)]) -> String {
    let remark = "nginx: the configuration file /x/nginx.conf syntax is ok\n";
    let file = |(path, text): &(&str, &str)| format!("# configuration file {path}:\n{text}\n");
    remark.to_string() + &files.iter().map(file).collect::<String>()
}

#[test]
fn a_dump_of_nginx_is_the_files_it_came_from() {
    let dump = printed(&[
        ("/x/nginx.conf", &MAIN.replace("}\n", "include /x/no/*.conf; include /gone/x.conf; }\n")),
        ("/x/sites/a.conf", BAD),
    ]);
    let directory = tree(&[("dump.txt", &dump)]);
    let expected = ["/x/sites/a.conf:3 connection-not-upgrade"];
    assert_eq!(found(&directory, &["dump.txt"]), expected);
    assert_eq!(found_by(&fed(directory.path(), &["-", "--format", "concise"], dump.as_bytes())), expected);
    assert_eq!(found(&directory, &["dump.txt", "--restrict-includes"]), expected);
    let trace = text(&wslint(directory.path(), &["trace", "dump.txt", "ws://a.test/ws"]).stdout);
    assert!(trace.contains("/x/sites/a.conf:3"), "{trace}");
    let notes = text(&wslint(directory.path(), &["dump.txt", "--format", "concise"]).stdout);
    assert!(notes.contains("`include /gone/x.conf` was not seen"), "{notes}");
    assert!(!notes.contains("/x/no"), "{notes}");
}

#[test]
fn nothing_of_this_machine_is_mixed_into_a_dump() {
    let directory = tree(&[("sites/a.conf", BAD), ("map/a.conf", BAD)]);
    let place = directory.path().display();
    let main = MAIN
        .replace("sites", &format!("{place}/sites"))
        .replace("http {", &format!("http {{\n include {place}/sites/a.conf;"));
    let dump = printed(&[(&format!("{place}/nginx.conf"), &main)]);
    fs::write(directory.path().join("dump"), dump).expect("writable");
    assert_eq!(found(&directory, &["dump"]), [""; 0]);
    let map = format!("{place}/sites={place}/map");
    assert_eq!(found(&directory, &["dump", "--path-map", &map]), [""; 0]);
}

#[test]
fn a_dump_of_httpd_is_the_files_it_came_from() {
    let dump = "AH00558: apache2: Could not reliably determine the server's fully qualified domain name\n\
        # In file: /x/apache2.conf\n#   3:\nPidFile /run/a.pid\n#   9:\nListen 80\n\
        # In file: /x/sites/a.conf\n#   1:\n<VirtualHost *:80>\n\
        # In file: /x/proxy.inc\n  #   4:\n  RewriteEngine on\n  #   5:\n  RewriteRule ^ws/(.*) ws://127.0.0.1:9/$1 [P]\n\
        # In file: /x/sites/a.conf\n  #   7:\n  ProxyPreserveHost maybe\n</VirtualHost>\n\
        # In file: /x/sites/b.conf\n#   1:\n<VirtualHost *:80>\n\
        # In file: /x/proxy.inc\n  #   4:\n  RewriteEngine on\n  #   5:\n  RewriteRule ^ws/(.*) ws://127.0.0.1:9/$1 [P]\n\
        # In file: /x/sites/b.conf\n  #   3:\n  ProxyPass /ws ws://127.0.0.1:9/ws\n</VirtualHost>\nSyntax OK\n";
    let directory = tree(&[("dump", dump)]);
    let expected = ["/x/sites/a.conf:7 config-refused", "/x/proxy.inc:5 rewrite-never-runs"];
    assert_eq!(found(&directory, &["dump"]), expected);
    let modules = "Loaded Modules:\n core_module (static)\n mpm_event_module (shared)\n authz_core_module (shared)\n \
        proxy_module (shared)\n rewrite_module (shared)\n";
    let knows = found_by(&fed(
        directory.path(),
        &["-", "--format", "concise"],
        (dump.to_string() + modules).as_bytes(),
    ));
    assert_eq!(knows, [expected[0], expected[1], "/x/sites/b.conf:3 proxy-module-missing"]);
    let report = text(&wslint(directory.path(), &["dump"]).stdout);
    assert!(report.contains("\n4 files, ") && !report.contains("Include"), "{report}");
}

#[test]
fn a_named_file_that_is_no_configuration_is_a_failure_unless_others_are_skipped() {
    let directory = tree(&[
        ("nginx.conf", MAIN),
        ("sites/bad.conf", BAD),
        ("redis.conf", "bind 0.0.0.0\nport 6379\n"),
        ("notes.md", "# Notes\n"),
        ("empty.conf", ""),
        ("gzip.conf", "gzip on;\n"),
    ]);
    for name in ["redis.conf", "notes.md"] {
        assert!(refused(&directory, &[name]).contains("no configuration of nginx or Apache"), "{name}");
        assert!(refused(&directory, &[name, "sites/bad.conf"]).contains(name));
        let run = wslint(directory.path(), &["--skip-others", "--format", "concise", name, "sites/bad.conf"]);
        assert_eq!(run.status.code(), Some(1), "{name}");
        assert!(text(&run.stdout).starts_with("sites/bad.conf:3:"), "{}", text(&run.stdout));
        assert!(text(&run.stderr).contains(&format!("{name}: ")) && text(&run.stderr).contains("left out"));
        assert_eq!(wslint(directory.path(), &["--skip-others", name]).status.code(), Some(0));
    }
    for name in ["empty.conf", "gzip.conf"] {
        assert_eq!(wslint(directory.path(), &[name]).status.code(), Some(0), "{name}");
    }
    assert_eq!(wslint(directory.path(), &["--server", "apache", "redis.conf"]).status.code(), Some(0));
}

#[test]
fn settings_name_the_main_configuration_of_single_files() {
    let lone = "location /ws {\n    proxy_pass http://127.0.0.1:9000;\n}\n";
    let main = "events {}\nhttp {\n    server {\n        include /srv/*.conf;\n    }\n}\n";
    let settings = "[paths]\nmain = [\"edge/front.conf\"]\nmap = { \"/srv\" = \"apps\" }\n";
    let directory =
        tree(&[(".git/HEAD", ""), ("edge/front.conf", main), ("apps/chat.conf", lone), ("wslint.toml", "")]);
    assert_eq!(found(&directory, &["apps/chat.conf"]), [""; 0], "the headers may stand around it");
    fs::write(directory.path().join("wslint.toml"), settings).expect("writable");
    assert_eq!(found(&directory, &["apps/chat.conf"]), ["apps/chat.conf:2 upgrade-not-forwarded"]);
    fs::remove_file(directory.path().join("edge/front.conf")).expect("removed");
    assert!(refused(&directory, &["apps/chat.conf"]).contains("`paths.main` of the settings: no such file"));
}

#[test]
fn what_may_not_be_looked_into_is_told_and_is_a_failure() {
    let directory = tree(&[("sites/good.conf", GOOD), ("sites/secret.conf", GOOD), ("private/a.conf", GOOD)]);
    let open = |path: &str, mode: u32| {
        fs::set_permissions(directory.path().join(path), fs::Permissions::from_mode(mode)).expect("a mode");
    };
    open("", 0o755);
    open("sites", 0o755);
    open("sites/secret.conf", 0o000);
    open("private", 0o000);
    let nobody = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        let identity = ["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_wslint")];
        command.args(identity).args(arguments).current_dir(directory.path()).output()
    };
    let is_root = fs::read(directory.path().join("sites/secret.conf")).is_ok();
    let verbs: [&[&str]; 4] = [&["."], &["routes", "."], &["--list-files"], &["--diff"]];
    let run = |arguments: &&[&str]| match is_root {
        true => nobody(arguments).ok().filter(|output| !text(&output.stderr).contains("setpriv")),
        false => Some(wslint(directory.path(), arguments)),
    };
    let outputs: Vec<Option<Output>> = verbs.iter().map(run).collect();
    open("private", 0o755);
    for (arguments, output) in verbs.iter().zip(outputs) {
        let Some(output) = output else {
            eprintln!("SKIPPED: nobody here is without the right to read everything");
            return;
        };
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("sites/secret.conf: could not be looked into"), "{arguments:?}: {said}");
        assert!(said.contains("private: could not be looked into"), "{arguments:?}: {said}");
        assert!(!said.contains("good.conf"), "{arguments:?}: {said}");
    }
}
