//! What a configuration that nobody has looked at may reach and cost.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

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
    for format in ["human", "json"] {
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
        ] {
            symlink(target, directory.path().join(link)).expect("a link");
        }
        let restricted = ["--restrict-includes", "--path-map", "/mapped=out"];
        let nothing_there = said(&directory, &restricted);
        let told = nothing_there.contains("leads outside the given roots") || what == "IfFile";
        assert!(told, "{what} of {name}: {nothing_there}");
        fs::create_dir(&out).expect("a directory");
        let empty = said(&directory, &restricted);
        fs::write(out.join("secret.conf"), "root:x:0:0; hidden_secret\n").expect("writable");
        let there = said(&directory, &restricted);
        assert_eq!((&empty, &there), (&nothing_there, &nothing_there), "{what} of {name}");
        assert!(!there.contains("hidden_secret"), "{what} of {name}: {there}");
        // Without the option the same tree shows it.
        let unrestricted = said(&directory, &restricted[1..]);
        assert_ne!(unrestricted, there, "{what} of {name}");
    }
}

#[test]
fn what_is_named_may_lead_no_further_than_the_current_directory() {
    let directory = tree(&[
        ("here/x", ""),
        ("out/nginx.conf", "hidden_secret }\n"),
        ("here/available/a.conf", "hidden }\n"),
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
    let try_files = "root html; location /ws { try_files $uri @b; } location @b { return 204; }";
    let condition = "DocumentRoot \"ROOT/html\"\nRewriteCond \"ROOT/html/ws\" -f\nRewriteRule ^ - [R=204]";
    for (name, text) in [
        ("in/nginx.conf", NGINX.replace("HERE", try_files)),
        ("in/httpd.conf", APACHE.replace("HERE", condition)),
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
        assert!(restricted.contains("unknown: it depends on"), "{name}: {restricted}");
        let open = trace(&[]);
        write(&directory, "out/ws", "");
        assert_eq!(trace(&["--restrict-includes"]), restricted, "{name}");
        assert_ne!(trace(&[]), open, "{name}");
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
