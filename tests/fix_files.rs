//! `--fix` and `--diff` on files as operators have them: what is written, what is told, and what stays where nothing can
//! be written.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const MAIN: &str = "events {}\nhttp {\n    # all sites\n    include sites/*.conf;\n}\n";
const SITE: &str = "server {\n    listen 8080;\n    location /ws {\n        proxy_pass http://127.0.0.1:9000; # chat\n    }\n}\n";

fn tree(site: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("sites")).expect("created");
    fs::write(directory.path().join("nginx.conf"), MAIN).expect("written");
    fs::write(directory.path().join("sites/chat.conf"), site).expect("written");
    directory
}

fn wslint(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wslint"));
    command.args(arguments).current_dir(directory).env_remove("NO_COLOR").env_remove("FORCE_COLOR");
    command.output().expect("wslint runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(directory: &TempDir, name: &str) -> String {
    fs::read_to_string(directory.path().join(name)).expect("readable")
}

#[test]
fn what_is_fixed_is_told_and_the_report_is_of_what_is_left() {
    let directory = tree(SITE);
    let output = wslint(directory.path(), &["--fix", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stderr);
    assert!(told.contains("sites/chat.conf:4: fixed upgrade-not-forwarded: set "), "{told}");
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("JSON alone on standard output");
    assert_eq!(report["summary"]["errors"], 0);
    let site = read(&directory, "sites/chat.conf");
    assert_eq!(
        site,
        SITE.replace(
            "# chat\n",
            "# chat\n        proxy_http_version 1.1;\n        proxy_set_header Upgrade $http_upgrade;\n        \
             proxy_set_header Connection $connection_upgrade;\n"
        )
    );
    let map = "    map $http_upgrade $connection_upgrade {\n        default upgrade;\n        ''      close;\n    }\n\n";
    assert_eq!(read(&directory, "nginx.conf"), MAIN.replace("    # all", &format!("{map}    # all")));
    let again = wslint(directory.path(), &["--fix"]);
    assert!(again.status.code() == Some(0) && again.stderr.is_empty(), "{}", text(&again.stderr));
    assert_eq!(read(&directory, "sites/chat.conf"), site);
}

#[test]
fn two_sites_that_need_the_same_map_get_it_once() {
    let directory = tree(SITE);
    fs::write(directory.path().join("sites/other.conf"), SITE.replace("8080", "8081")).expect("written");
    assert_eq!(wslint(directory.path(), &["--fix"]).status.code(), Some(0));
    assert_eq!(read(&directory, "nginx.conf").matches("map $http_upgrade").count(), 1);
}

#[test]
fn a_diff_is_what_fix_writes_and_writes_nothing() {
    let directory = tree(SITE);
    let output = wslint(directory.path(), &["--diff"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        (read(&directory, "nginx.conf"), read(&directory, "sites/chat.conf")),
        (MAIN.into(), SITE.into())
    );
    let fixed = tree(SITE);
    wslint(fixed.path(), &["--fix"]);
    fs::write(directory.path().join("fix.diff"), &output.stdout).expect("written");
    let patched =
        Command::new("patch").args(["-p1", "-i", "fix.diff"]).current_dir(directory.path()).output();
    match patched {
        Ok(patched) => {
            assert!(patched.status.success(), "{}", text(&patched.stdout));
            for name in ["nginx.conf", "sites/chat.conf"] {
                assert_eq!(read(&directory, name), read(&fixed, name));
            }
        }
        Err(_) => eprintln!("\nSKIPPED: `patch` is not installed"),
    }
    let none = wslint(fixed.path(), &["--diff"]);
    assert!(none.status.code() == Some(0) && none.stdout.is_empty());
}

#[test]
fn line_ends_tabs_and_quotes_are_those_around() {
    let site = "server {\r\n\tlisten 8080;\r\n\tlocation /ws {\r\n\t\tproxy_set_header X-A 'a';\r\n\t\tproxy_pass http://127.0.0.1:9000;\r\n\t}\r\n}\r\n";
    let directory = tree(site);
    let main = MAIN.replace('\n', "\r\n");
    fs::write(directory.path().join("nginx.conf"), &main).expect("written");
    assert_eq!(wslint(directory.path(), &["--fix"]).status.code(), Some(0));
    for name in ["nginx.conf", "sites/chat.conf"] {
        let text = read(&directory, name);
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
    }
    assert!(
        read(&directory, "sites/chat.conf").contains("\r\n\t\tproxy_set_header Upgrade $http_upgrade;\r\n")
    );
}

#[test]
fn a_block_on_one_line_stays_on_one_line() {
    let directory = tree("server { listen 8080; location /ws { proxy_pass http://127.0.0.1:9000; } }\n");
    assert_eq!(wslint(directory.path(), &["--fix"]).status.code(), Some(0));
    assert_eq!(read(&directory, "sites/chat.conf").lines().count(), 1);
}

#[test]
fn unsafe_fixes_need_a_word_of_their_own_and_rules_can_be_chosen() {
    let site = SITE.replace(
        "# chat",
        "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; \
         proxy_read_timeout 0;",
    );
    let directory = tree(&site);
    assert_eq!(wslint(directory.path(), &["--fix"]).status.code(), Some(1));
    assert_eq!(read(&directory, "sites/chat.conf"), site);
    let listed = text(&wslint(directory.path(), &["--unsafe-fixes"]).stdout);
    assert!(
        listed.contains("unsafe fix  sites/chat.conf:4: timeout-invalid: write `proxy_read_timeout 1h`"),
        "{listed}"
    );
    assert_eq!(read(&directory, "sites/chat.conf"), site);
    wslint(directory.path(), &["--fix", "--unsafe-fixes", "--fix-only", "http-1-0-hop"]);
    wslint(directory.path(), &["--fix", "--unsafe-fixes", "--ignore", "timeout-invalid"]);
    assert_eq!(read(&directory, "sites/chat.conf"), site);
    assert_eq!(wslint(directory.path(), &["--fix", "--unsafe-fixes"]).status.code(), Some(0));
    assert_eq!(read(&directory, "sites/chat.conf"), site.replace("timeout 0", "timeout 1h"));
    assert_eq!(wslint(directory.path(), &["--fix-only", "syntax"]).status.code(), Some(2));
    assert_eq!(wslint(directory.path(), &["--fix", "--diff"]).status.code(), Some(2));
}

#[test]
fn links_lead_to_the_file_whose_mode_stays_and_nothing_is_left_beside() {
    let directory = tree(SITE);
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("available")).expect("created");
    fs::rename(at("sites/chat.conf"), at("available/chat.conf")).expect("moved");
    symlink("../available/chat.conf", at("sites/chat.conf")).expect("a link");
    fs::set_permissions(at("available/chat.conf"), fs::Permissions::from_mode(0o604)).expect("mode");
    assert_eq!(wslint(directory.path(), &["--fix"]).status.code(), Some(0));
    assert!(fs::symlink_metadata(at("sites/chat.conf")).expect("there").is_symlink());
    assert_eq!(fs::metadata(at("available/chat.conf")).expect("there").mode() & 0o7777, 0o604);
    assert!(read(&directory, "available/chat.conf").contains("$connection_upgrade"));
    let names = |name: &str| fs::read_dir(at(name)).expect("listed").count();
    assert_eq!((names("available"), names("sites"), names(".")), (1, 1, 3));
}

#[test]
fn files_outside_the_paths_given_stay_and_so_does_what_would_need_them() {
    let directory = tree(SITE);
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("inner")).expect("created");
    fs::rename(at("nginx.conf"), at("inner/nginx.conf")).expect("moved");
    fs::write(at("inner/nginx.conf"), MAIN.replace("sites/", "../sites/")).expect("written");
    let output = wslint(directory.path(), &["--fix", "inner"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("stays") && told.contains("lies outside the paths given"), "{told}");
    assert_eq!(read(&directory, "sites/chat.conf"), SITE);
    assert_eq!(read(&directory, "inner/nginx.conf"), MAIN.replace("sites/", "../sites/"));
}

#[test]
fn a_file_that_may_not_be_written_keeps_all_files_as_they_are() {
    let directory = tree(SITE);
    let site = directory.path().join("sites/chat.conf");
    fs::set_permissions(&site, fs::Permissions::from_mode(0o444)).expect("mode");
    let output = wslint(directory.path(), &["--fix"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("nothing was fixed") && told.contains("sites/chat.conf was left as it is"),
        "{told}"
    );
    assert_eq!(
        (read(&directory, "nginx.conf"), read(&directory, "sites/chat.conf")),
        (MAIN.into(), SITE.into())
    );
}

#[test]
fn a_full_disk_keeps_all_files_as_they_are() {
    let directory = tree(SITE);
    let script = "mount -t tmpfs -o size=16k,nr_inodes=20 none disk && cp -r nginx.conf sites disk/ && \
                  { head -c 100000 /dev/zero > disk/fill 2>/dev/null; cd disk; \"$0\" --fix . ; echo \"status $?\"; \
                  cat nginx.conf sites/chat.conf; ls -A . sites | grep wslint; }";
    fs::create_dir(directory.path().join("disk")).expect("created");
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_wslint")]).current_dir(directory.path());
    let output = command.output().expect("unshare runs");
    let (out, told) = (text(&output.stdout), text(&output.stderr));
    if !out.contains("status ") {
        eprintln!("\nSKIPPED: no file system of a test's own here: {told}");
        return;
    }
    assert!(out.contains("status 2"), "{out}{told}");
    assert!(told.contains("nothing was fixed") && told.contains("No space left on device"), "{told}");
    assert!(out.ends_with(&format!("{MAIN}{SITE}")), "{out}");
}

#[test]
fn of_a_single_file_only_that_file_is_fixed() {
    let site = SITE
        .replace("# chat", "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;");
    let directory = tree(&site);
    fs::write(directory.path().join("sites/other.conf"), site.replace("8080", "8081")).expect("written");
    let output = wslint(directory.path(), &["--fix", "sites/chat.conf"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(read(&directory, "sites/chat.conf").contains("proxy_http_version 1.1;"));
    assert_eq!(read(&directory, "sites/other.conf"), site.replace("8080", "8081"));
}

/// As `SITE`, with HTTP/1.0 as all that is wrong.
fn old_hop() -> String {
    SITE.replace("# chat", "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;")
}

#[test]
fn what_a_baseline_knows_is_left_alone() {
    let directory = tree(&old_hop());
    fs::write(directory.path().join("sites/other.conf"), SITE.replace("8080", "8081")).expect("written");
    wslint(directory.path(), &["--select", "http-1-0-hop", "--write-baseline", "known.json"]);
    let output = wslint(directory.path(), &["--fix", "--baseline", "known.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(read(&directory, "sites/chat.conf"), old_hop());
    assert!(read(&directory, "sites/other.conf").contains("proxy_http_version 1.1;"));
}

#[test]
fn a_rule_that_is_off_is_fixed_where_it_is_asked_for() {
    let site = old_hop().replace("upgrade;\n", "upgrade; proxy_http_version 1.1;\n");
    for how in ["--select", "settings"] {
        let directory = tree(&site);
        let mut arguments = vec!["--fix", "--unsafe-fixes"];
        match how {
            "settings" => {
                fs::write(directory.path().join("wslint.toml"), "[rules]\nh2c-smuggling = \"warning\"\n")
                    .expect("written")
            }
            _ => arguments.extend(["--select", "h2c-smuggling"]),
        }
        let output = wslint(directory.path(), &arguments);
        assert!(
            text(&output.stderr).contains("fixed 1 finding in 2 files"),
            "{how}: {}",
            text(&output.stderr)
        );
        let fixed = site.replace("$http_upgrade", "$websocket_upgrade");
        let fixed = fixed.replace("Connection upgrade", "Connection $websocket_connection");
        assert_eq!(read(&directory, "sites/chat.conf"), fixed, "{how}");
        let maps = "    map $http_upgrade $websocket_upgrade {\n        default   '';\n        websocket websocket;\n    }\n\n    \
             map $http_upgrade $websocket_connection {\n        default   close;\n        websocket upgrade;\n    }\n\n";
        assert_eq!(
            read(&directory, "nginx.conf"),
            MAIN.replace("    # all", &format!("{maps}    # all")),
            "{how}"
        );
    }
}

#[test]
fn what_is_fixed_later_is_told_by_the_lines_that_were_there() {
    let site = "server {\n    listen 8080;\n    location /ws {\n        proxy_set_header Upgrade: $http_upgrade;\n        \
                proxy_set_header Upgrade $http_upgrade;\n        proxy_set_header Connection upgrade;\n        \
                proxy_http_version 1.1;\n        proxy_read_timeout 0;\n        proxy_pass http://127.0.0.1:9000;\n    }\n}\n";
    let directory = tree(site);
    let told = text(&wslint(directory.path(), &["--fix", "--unsafe-fixes"]).stderr);
    assert!(told.contains("sites/chat.conf:4: fixed malformed-handshake-header: remove the line"), "{told}");
    assert!(told.contains("sites/chat.conf:8: fixed timeout-invalid"), "{told}");
}
