//! Remarks in comments: what they silence, what they declare, and what is told of those that do nothing. Must not know how
//! they are read.

use std::fs;
use std::path::Path;
use std::process::Command;

use wslint::effective::Target;
use wslint::engine::{Linted, Selection};
use wslint::routes::Intent;
use wslint::source::files::Memory;
use wslint::tree::apache::Given;
use wslint::tree::{Limits, Options};

/// The first file is the main one.
fn lint_with(selection: &Selection, of_apache: bool, files: &[(&str, &str)]) -> Linted {
    let root = Path::new("/conf");
    let memory =
        files.iter().fold(Memory::default(), |memory, (name, text)| memory.with(root.join(name), *text));
    let options = Options {
        prefix: root.into(),
        root: root.into(),
        maps: Vec::new(),
        limits: Limits::default(),
        apache: of_apache.then(|| Given { version: [2, 4, 62], ..Given::default() }),
    };
    let read = wslint::lint(&memory, &root.join(files[0].0), &options, Target::default(), selection);
    read.expect("the main file can be read")
}

fn lint(of_apache: bool, files: &[(&str, &str)]) -> Linted {
    lint_with(&Selection::default(), of_apache, files)
}

/// `file:line rule` of what is told of some rules.
fn told(linted: &Linted, rules: &[&str]) -> Vec<String> {
    let of = linted.findings.iter().filter(|finding| rules.contains(&finding.rule));
    of.map(|finding| place(linted, finding)).collect()
}

fn suppressed(linted: &Linted) -> Vec<String> {
    linted.suppressed.iter().map(|suppressed| place(linted, &suppressed.finding)).collect()
}

fn place(linted: &Linted, finding: &wslint::finding::Finding) -> String {
    let path = linted.tree.sources.path(finding.primary.file);
    let name = path.strip_prefix("/conf").unwrap_or(path).display();
    format!("{name}:{} {}", linted.tree.sources.line(finding.primary), finding.rule)
}

const REMARKS: [&str; 2] = ["remark-unclear", "remark-unused"];
const CONNECTION: &str = "connection-not-upgrade";

fn server(locations: &str) -> String {
    format!("events {{}}\nhttp {{ server {{ listen 80;\n{locations}\n}} }}\n")
}

/// From line 4 on: a location whose Connection is wrong on its last line but one.
fn location(before: &str, at_line: &str) -> String {
    format!(
        "{before}\nlocation /ws {{ proxy_pass http://127.0.0.1:9000; proxy_http_version 1.1; \
         proxy_read_timeout 1h; proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade;\n\
         proxy_set_header Connection \"keep-alive\"; {at_line}\n}}"
    )
}

const ALLOW: &str = "# wslint: allow(connection-not-upgrade) the backend looks at Upgrade alone";

#[test]
fn an_allow_silences_above_a_block_above_a_line_at_its_end_and_for_a_file() {
    let with = |text: String| lint(false, &[("nginx.conf", &text)]);
    let found = with(server(&location("", "")));
    assert_eq!(told(&found, &[CONNECTION]), ["nginx.conf:5 connection-not-upgrade"]);
    let whole_file = ALLOW.replace("allow(", "allow-file(");
    let texts = [
        server(&location(ALLOW, "")),
        server(&location("", ALLOW)),
        server(
            &location("", "")
                .replace("proxy_set_header Connection", &format!("{ALLOW}\nproxy_set_header Connection")),
        ),
        server(&location("", "")).replace("http {", &format!("{ALLOW}\nhttp {{")),
        server(&location("", "")) + &whole_file,
        server(&location("", "").replace("location /ws {", &format!("location /ws {{ {ALLOW}\n"))),
        server(&format!("{} {ALLOW}", location("", ""))),
    ];
    for text in texts {
        let linted = with(text.clone());
        assert_eq!(told(&linted, &[CONNECTION, REMARKS[0], REMARKS[1]]), [""; 0], "{text}");
        let [silenced] = &linted.suppressed[..] else { panic!("{text}: {:?}", linted.suppressed) };
        assert_eq!(silenced.finding.rule, CONNECTION);
        assert_eq!(&*silenced.why.reason, "the backend looks at Upgrade alone");
        assert_eq!(linted.tree.sources.slice(silenced.why.at), CONNECTION.as_bytes());
    }
}

#[test]
fn an_allow_silences_neither_its_neighbours_nor_other_rules() {
    let other = location("", "").replace("/ws", "/other-ws");
    let text = server(&format!("{}\n{other}", location(ALLOW, "")));
    let linted = lint(false, &[("nginx.conf", &text)]);
    assert_eq!(told(&linted, &[CONNECTION]), ["nginx.conf:9 connection-not-upgrade"]);
    assert_eq!(suppressed(&linted), ["nginx.conf:5 connection-not-upgrade"]);
    let text = server(&location(&ALLOW.replace(CONNECTION, "idle-timeout-short"), ""));
    let linted = lint(false, &[("nginx.conf", &text)]);
    let expected = ["nginx.conf:3 remark-unused", "nginx.conf:5 connection-not-upgrade"];
    assert_eq!(told(&linted, &[CONNECTION, "remark-unused"]), expected);
}

#[test]
fn a_finding_that_stands_elsewhere_is_silenced_for_the_routes_that_allow_it_alone() {
    let head = "proxy_http_version 1.1; proxy_read_timeout 1h; proxy_set_header Upgrade $http_upgrade;\n\
                proxy_set_header Connection close;\n";
    let text = |second: &str| {
        let body = "{ proxy_pass http://127.0.0.1:9000; }";
        server(&format!("{head}{ALLOW}\nlocation /ws {body}\n{second}\nlocation /b/ws {body}"))
    };
    let linted = lint(false, &[("nginx.conf", &text(""))]);
    assert_eq!(told(&linted, &[CONNECTION, "remark-unused"]), ["nginx.conf:4 connection-not-upgrade"]);
    let finding = linted.findings.iter().find(|finding| finding.rule == CONNECTION).expect("it is told");
    assert_eq!((finding.route_count, finding.routes[0].matcher.as_str()), (1, "/b/ws"));
    assert_eq!(suppressed(&linted), [""; 0]);
    let linted = lint(false, &[("nginx.conf", &text(ALLOW))]);
    assert_eq!(told(&linted, &[CONNECTION, "remark-unused"]), [""; 0]);
    assert_eq!(suppressed(&linted), ["nginx.conf:4 connection-not-upgrade"]);
}

const SNIPPET: &str = "proxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection close;\n";

#[test]
fn on_an_include_line_it_silences_what_is_brought_in_there_and_only_there() {
    let location = |path: &str, remark: &str| {
        format!(
            "location {path} {{ proxy_pass http://127.0.0.1:9000; proxy_http_version 1.1; proxy_read_timeout 1h;\n\
             {remark}\ninclude ws.conf;\n}}\n"
        )
    };
    let text = |second: &str| server(&(location("/ws", ALLOW) + &location("/b/ws", second)));
    let of = |second: &str| lint(false, &[("nginx.conf", &text(second)), ("ws.conf", SNIPPET)]);
    let linted = of("");
    assert_eq!(told(&linted, &[CONNECTION, "remark-unused"]), ["ws.conf:2 connection-not-upgrade"]);
    let finding = linted.findings.iter().find(|finding| finding.rule == CONNECTION).expect("it is told");
    assert_eq!((finding.route_count, finding.routes[0].matcher.as_str()), (1, "/b/ws"));
    let linted = of(ALLOW);
    assert_eq!(told(&linted, &[CONNECTION, "remark-unused"]), [""; 0]);
    assert_eq!(suppressed(&linted), ["ws.conf:2 connection-not-upgrade"]);
}

#[test]
fn whole_sites_are_allowed_where_they_are_included() {
    let main = format!("events {{}}\nhttp {{\n{ALLOW}\ninclude site.conf;\n}}\n");
    let site = format!("server {{ listen 80;\n{}\n}}\n", location("", ""));
    let linted = lint(false, &[("nginx.conf", &main), ("site.conf", &site)]);
    assert_eq!(told(&linted, &[CONNECTION, "remark-unused"]), [""; 0]);
    // What is about no route has to be allowed at every place.
    let site = "server { listen 80;\nlocation / { proxy_read_timeout 1 h; }\n}\n";
    let refused = "wrong-argument-count";
    let remark = ALLOW.replace(CONNECTION, refused);
    for (second, found) in [("", &["site.conf:2 wrong-argument-count"][..]), (&remark, &[])] {
        let main =
            format!("events {{}}\nhttp {{\n{remark}\ninclude site.conf;\n{second}\ninclude site.conf;\n}}\n");
        let linted = lint(false, &[("nginx.conf", &main), ("site.conf", site)]);
        assert_eq!(told(&linted, &[refused, "remark-unused"]), found, "{main}");
    }
}

/// Loads what it needs, so that it is no fragment.
fn httpd(lines: &str) -> String {
    let modules = ["mpm_event", "authz_core", "proxy", "proxy_http", "macro", "rewrite"];
    let load = |name: &str| format!("LoadModule {name}_module modules/mod_{name}.so ");
    // In one line each, so that `lines` begin on line 8.
    modules.map(load).join("\n") + "\nListen 80\n" + lines
}

const FORWARDED: &str = "upgrade-not-forwarded";
const POLLING: &str = "# wslint: allow(upgrade-not-forwarded) the client polls";

#[test]
fn on_httpd_lines_sections_files_includes_and_macros_are_allowed() {
    let pass = "ProxyPass /ws http://127.0.0.1:9000/ws\n";
    let host = format!("<VirtualHost *:80>\n{pass}</VirtualHost>\n");
    let found = lint(true, &[("httpd.conf", &httpd(&host))]);
    assert_eq!(told(&found, &[FORWARDED]), ["httpd.conf:9 upgrade-not-forwarded"]);
    let whole_file = POLLING.replace("allow(", "allow-file(");
    let used = "<Macro Site $x>\n<VirtualHost *:80>\nProxyPass $x http://127.0.0.1:9000/ws\n</VirtualHost>\n</Macro>\n";
    let texts = [
        format!("{POLLING}\n{host}"),
        host.replace(pass, &format!("  # {}\n\n# more\n{pass}", &POLLING[2..])),
        format!("{host}{whole_file}\n"),
        format!("{POLLING}\nInclude site.conf\n"),
        format!("{used}{POLLING}\nUse Site /ws\n"),
        used.replace("ProxyPass", &format!("{POLLING}\nProxyPass")) + "Use Site /ws\n",
        format!("{POLLING}\n{used}Use Site /ws\n"),
        format!(
            "<VirtualHost *:80>\nRewriteEngine On\n{POLLING}\nRewriteCond %{{REQUEST_URI}} ^/ws\nRewriteRule ^/ws http://127.0.0.1:9000/ws [P]\n</VirtualHost>\n"
        ),
    ];
    for text in texts {
        let linted = lint(true, &[("httpd.conf", &httpd(&text)), ("site.conf", &host)]);
        assert_eq!(told(&linted, &[FORWARDED, REMARKS[0], REMARKS[1]]), [""; 0], "{text}");
        assert_eq!(linted.suppressed.len(), 1, "{text}: {:?}", suppressed(&linted));
    }
}

#[test]
fn a_macro_that_is_used_twice_is_told_where_it_is_not_allowed() {
    let lines = "<Macro Site $x>\nProxyPass $x http://127.0.0.1:9000/ws\n</Macro>\n";
    let text = httpd(&format!("{lines}{POLLING}\nUse Site /ws\nUse Site /b/ws\n"));
    let linted = lint(true, &[("httpd.conf", &text)]);
    assert_eq!(told(&linted, &[FORWARDED, "remark-unused"]), ["httpd.conf:9 upgrade-not-forwarded"]);
    let finding = linted.findings.iter().find(|finding| finding.rule == FORWARDED).expect("it is told");
    assert_eq!((finding.route_count, finding.routes[0].matcher.as_str()), (1, "/b/ws"));
}

#[test]
fn a_declared_route_is_judged_in_full() {
    let text =
        |remark: &str| server(&format!("{remark}\nlocation /chat {{ proxy_pass http://127.0.0.1:9000; }}"));
    let linted = lint(false, &[("nginx.conf", &text(""))]);
    assert_eq!(told(&linted, &[FORWARDED]), [""; 0]);
    let linted = lint(false, &[("nginx.conf", &text("# wslint: websocket"))]);
    assert_eq!(linted.routes[0].intent, Intent::Declared);
    let finding = linted.findings.iter().find(|finding| finding.rule == FORWARDED).expect("it is told");
    assert_eq!((finding.severity.name(), finding.confidence.name()), ("error", "certain"));
    let text = |remark: &str| httpd(&format!("{remark}\nProxyPass /chat http://127.0.0.1:9000/chat\n"));
    assert_eq!(told(&lint(true, &[("httpd.conf", &text(""))]), &[FORWARDED]), [""; 0]);
    let linted = lint(true, &[("httpd.conf", &text("# wslint: websocket"))]);
    let finding = linted.findings.iter().find(|finding| finding.rule == FORWARDED).expect("it is told");
    assert_eq!((finding.severity.name(), finding.confidence.name()), ("error", "certain"));
}

#[test]
fn what_is_declared_not_to_be_one_is_left_alone() {
    let text = server(&location("# wslint: not-websocket", ""));
    let linted = lint(false, &[("nginx.conf", &text)]);
    assert_eq!(linted.routes[0].intent, Intent::None);
    assert_eq!(told(&linted, &[CONNECTION, REMARKS[0], REMARKS[1]]), [""; 0]);
    let linted = lint(
        true,
        &[("httpd.conf", &httpd("# wslint: not-websocket\nProxyPass /ws http://127.0.0.1:9000/ws\n"))],
    );
    assert_eq!(linted.findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_nearest_declaration_counts_and_goes_through_includes() {
    let main = "events {}\nhttp {\n# wslint: not-websocket\nserver { listen 80;\ninclude a.conf;\n\
                location /ws { proxy_pass http://127.0.0.1:9000; }\n}\n}\n";
    let included = "location /a/ws { proxy_pass http://127.0.0.1:9000; }\n\
                    location /chat { # wslint: websocket\nproxy_pass http://127.0.0.1:9000; }\n";
    let linted = lint(false, &[("nginx.conf", main), ("a.conf", included)]);
    let intents: Vec<_> =
        linted.routes.iter().map(|route| (route.name.matcher.as_str(), route.intent)).collect();
    assert_eq!(intents, [("/a/ws", Intent::None), ("/chat", Intent::Declared), ("/ws", Intent::None)]);
    assert_eq!(told(&linted, &REMARKS), [""; 0]);
    let host = "# wslint: websocket\n<VirtualHost *:80>\nProxyPass /a http://127.0.0.1:9000/a\nInclude b.conf\n</VirtualHost>\n";
    let included = "# wslint: not-websocket\nProxyPass /b http://127.0.0.1:9000/b\nProxyPass /c http://127.0.0.1:9000/c\n";
    let linted = lint(true, &[("httpd.conf", &httpd(host)), ("b.conf", included)]);
    let intents: Vec<_> = linted.routes.iter().map(|route| route.intent).collect();
    assert_eq!(intents, [Intent::Declared, Intent::None, Intent::Declared]);
}

#[test]
fn a_declared_route_makes_the_next_hop_one_unless_that_says_otherwise() {
    let front = "# wslint: websocket\nlocation /chat { proxy_pass http://127.0.0.1:8080; }";
    for (remark, intent) in [("", Intent::Written), ("# wslint: not-websocket", Intent::None)] {
        let back = format!("{remark}\nlocation /chat {{ proxy_pass http://127.0.0.1:9000; }}");
        let text = server(&format!("{front} }}\nserver {{ listen 127.0.0.1:8080;\n{back}"));
        let linted = lint(false, &[("nginx.conf", &text)]);
        let intents: Vec<_> = linted.routes.iter().map(|route| route.intent).collect();
        assert_eq!(intents, [Intent::Declared, intent], "{text}");
    }
}

#[test]
fn lua_and_quoted_words_hold_no_remarks() {
    let text = server(
        "content_by_lua_block {\n# wslint: alow(x) y\n}\nadd_header X \"\n# wslint: alow(x) y\n\";\nreturn 204 a#wslint:alow;",
    );
    assert_eq!(told(&lint(false, &[("nginx.conf", &text)]), &REMARKS), [""; 0]);
}

#[test]
fn an_unused_remark_is_told_only_where_that_is_known() {
    let sound = location(ALLOW, "").replace("\"keep-alive\"", "upgrade");
    let text = server(&sound);
    let unused = |selection: &Selection, files: &[(&str, &str)]| {
        told(&lint_with(selection, false, files), &["remark-unused"])
    };
    let all = Selection::default();
    assert_eq!(unused(&all, &[("nginx.conf", &text)]), ["nginx.conf:3 remark-unused"]);
    let partial = Selection { ignore: vec!["syntax".into()], ..Selection::default() };
    assert_eq!(unused(&partial, &[("nginx.conf", &text)]), [""; 0]);
    let partial =
        Selection { select: vec![CONNECTION.into(), "remark-unused".into()], ..Selection::default() };
    assert_eq!(unused(&partial, &[("nginx.conf", &text)]), [""; 0]);
    // A rule that is off.
    let off = text.replace(CONNECTION, "h2c-smuggling");
    assert_eq!(unused(&all, &[("nginx.conf", &off)]), [""; 0]);
    // A fragment, an include that was not seen, a tree that nginx would not load.
    assert_eq!(unused(&all, &[("a.conf", &sound)]), [""; 0]);
    let unseen = text.replace("listen 80;", "listen 80; include /elsewhere/a.conf;");
    assert_eq!(unused(&all, &[("nginx.conf", &unseen)]), [""; 0]);
    let refused = text.replace("listen 80;", "listen;");
    assert_eq!(unused(&all, &[("nginx.conf", &refused)]), [""; 0]);
    // Kept on purpose.
    let kept = format!("{text}# wslint: allow-file(remark-unused) for older versions\n");
    let linted = lint(false, &[("nginx.conf", &kept)]);
    assert_eq!(told(&linted, &["remark-unused"]), [""; 0]);
    assert_eq!(suppressed(&linted), ["nginx.conf:3 remark-unused"]);
    let idle = kept.replace(ALLOW, "");
    assert_eq!(unused(&all, &[("nginx.conf", &idle)]), ["nginx.conf:8 remark-unused"]);
}

#[test]
fn a_section_that_httpd_passes_over_leaves_its_remarks_open() {
    let with = |lines: &str| told(&lint(true, &[("httpd.conf", &httpd(lines))]), &["remark-unused"]);
    assert_eq!(with(&format!("{POLLING}\nServerName a.test\n")), ["httpd.conf:8 remark-unused"]);
    assert_eq!(with(&format!("<IfDefine Chat>\n{POLLING}\nServerName a.test\n</IfDefine>\n")), [""; 0]);
    assert_eq!(with(&format!("{POLLING}\n<IfDefine Chat>\nServerName a.test\n</IfDefine>\n")), [""; 0]);
    assert_eq!(with("<IfDefine Chat>\n# wslint: websocket\nProxyPass /a http://b/\n</IfDefine>\n"), [""; 0]);
}

#[test]
fn a_deeper_cause_leaves_open_what_else_is_wrong_with_the_route() {
    let text = server(&format!("{ALLOW}\nlocation /ws {{ proxy_pass http://127.0.0.1:9000; }}"));
    let linted = lint(false, &[("nginx.conf", &text)]);
    assert_eq!(told(&linted, &[FORWARDED, "remark-unused"]), ["nginx.conf:4 upgrade-not-forwarded"]);
}

#[test]
fn what_contradicts_is_told_and_the_first_counts() {
    let remarks = "# wslint: websocket\n# wslint: not-websocket\n# wslint: websocket";
    let text = server(&format!("{remarks}\nlocation /chat {{ proxy_pass http://127.0.0.1:9000; }}"));
    let linted = lint(false, &[("nginx.conf", &text)]);
    assert_eq!(told(&linted, &REMARKS), ["nginx.conf:4 remark-unclear"]);
    assert_eq!(linted.routes[0].intent, Intent::Declared);
}

fn wslint(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wslint"))
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .expect("wslint runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn what_is_suppressed_is_counted_and_fails_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("nginx.conf"), server(&location(ALLOW, ""))).expect("writable");
    let (status, text) = wslint(directory.path(), &["--fail-on", "note"]);
    assert_eq!((status, text.as_str()), (Some(0), "1 file, 1 route: nothing found, 1 suppressed\n"));
    let (status, text) = wslint(directory.path(), &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &json["summary"]["suppressed"]), (Some(0), &1.into()));
    assert_eq!(json["findings"], serde_json::json!([]));
    assert_eq!(wslint(directory.path(), &["--format", "concise"]), (Some(0), String::new()));
    assert_eq!(wslint(directory.path(), &["-q"]), (Some(0), String::new()));
}

#[test]
fn a_shared_file_is_judged_by_all_configurations_of_a_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let shared = location("", "")
        .replace("proxy_set_header Connection \"keep-alive\";", &format!("{ALLOW}\ninclude own.conf;"));
    fs::write(directory.path().join("common.conf"), shared).expect("writable");
    for (name, connection) in [("a", "keep-alive"), ("b", "upgrade")] {
        let own = directory.path().join(name);
        fs::create_dir(&own).expect("a directory");
        fs::write(own.join("nginx.conf"), server("include ../common.conf;")).expect("writable");
        let header = format!("proxy_set_header Connection {connection};\n");
        fs::write(own.join("own.conf"), header).expect("writable");
    }
    let concise = |paths: &[&str]| wslint(directory.path(), &[&["--format", "concise"], paths].concat());
    assert_eq!(concise(&["a"]), (Some(0), String::new()));
    assert_eq!(concise(&["a", "b"]), (Some(0), String::new()));
    let (status, text) = concise(&["b"]);
    assert_eq!(status, Some(1));
    assert!(text.starts_with("common.conf:3:17: warning[remark-unused]"), "{text}");
}
