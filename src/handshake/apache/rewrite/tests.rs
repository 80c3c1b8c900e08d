//! Lists of rules and what the real server makes of them.

use super::*;
use crate::effective::apache::rewrite::{Condition, ConditionLine, Map, Rule, split_line};
use crate::syntax::DirectiveId;
use crate::tree::GraftId;

/// A handshake for `http://chat.test:8080` in a server whose document root is `/srv/www`.
#[derive(Clone)]
struct Handshake {
    headers: Vec<(&'static str, &'static str)>,
    target: &'static str,
    files: &'static [&'static str],
}

const BROWSER: &[(&str, &str)] =
    &[("Host", "chat.test:8080"), ("Upgrade", "websocket"), ("Connection", "Upgrade")];
const FIREFOX: &[(&str, &str)] =
    &[("Host", "chat.test:8080"), ("Upgrade", "websocket"), ("Connection", "keep-alive, Upgrade")];
const PLAIN: &[(&str, &str)] = &[("Host", "chat.test:8080")];

impl Request for Handshake {
    fn variable(&self, name: &str) -> Value {
        let path = self.target.split('?').next().unwrap_or_default();
        Value::Known(match name {
            "REQUEST_SCHEME" => b"http".to_vec(),
            "SERVER_NAME" => b"chat.test".to_vec(),
            "SERVER_PORT" => b"8080".to_vec(),
            "HTTPS" => b"off".to_vec(),
            "REQUEST_METHOD" => b"GET".to_vec(),
            "REQUEST_URI" => path.into(),
            "DOCUMENT_ROOT" | "CONTEXT_DOCUMENT_ROOT" => b"/srv/www".to_vec(),
            "CONTEXT_PREFIX" => Vec::new(),
            _ => return Value::Unknown(format!("%{{{name}}}")),
        })
    }

    fn header(&self, name: &[u8]) -> Value {
        let found = self.headers.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        Value::Known(found.map(|(_, value)| value.as_bytes().to_vec()).unwrap_or_default())
    }

    fn environment(&self, name: &[u8]) -> Value {
        if name == b"OPEN" { Value::Unknown("%{ENV:OPEN}".to_string()) } else { Value::empty() }
    }

    fn file_test(&self, test: u8, path: &[u8]) -> Option<bool> {
        let there = self.files.iter().any(|file| file.as_bytes() == path);
        (test != b'U' && test != b'F').then_some(there)
    }

    fn is_served_as(&self, host: &[u8], port: u16) -> Option<bool> {
        Some(host == b"chat.test" && port == 8080)
    }
}

fn place(line: usize) -> NodeRef {
    NodeRef { graft: GraftId(0), id: DirectiveId(line as u32) }
}

fn read(text: &str) -> (Vec<RuleLine>, Vec<Map>) {
    let (mut rules, mut maps, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
    for (number, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
        let (name, rest) = line.split_once(' ').expect("arguments");
        let words = split_line(rest.as_bytes());
        let at = place(number);
        match name {
            "RewriteCond" => {
                let condition = Condition::parse(&words).expect("a sound condition");
                conditions.push(ConditionLine { at, condition });
            }
            "RewriteRule" => {
                let rule = Rule::parse(&words).expect("a sound rule");
                rules.push(RuleLine { at, rule, conditions: std::mem::take(&mut conditions) });
            }
            _ => maps.push(Map::parse(words[0], words[1]).expect("a sound map")),
        }
    }
    (rules, maps)
}

/// What becomes of a handshake in a server.
fn run_in_server(text: &str, handshake: &Handshake) -> Run {
    let (rules, maps) = read(text);
    let (path, query) = match handshake.target.split_once('?') {
        Some((path, query)) => (path, Some(query.as_bytes())),
        None => (handshake.target, None),
    };
    run(&Input {
        context: Context::Server(Options::default()),
        rules: &rules.iter().collect::<Vec<_>>(),
        maps: &maps,
        is_inside: false,
        filename: path.as_bytes(),
        path_info: b"",
        query,
        request: handshake,
    })
}

fn handshake(headers: &[(&'static str, &'static str)], target: &'static str) -> Handshake {
    Handshake { headers: headers.to_vec(), target, files: &["/srv", "/srv/www/app.js"] }
}

/// An outcome in one line.
fn shown(run: &Run) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let value = |value: &Value| value.known().map_or("?".to_string(), text);
    let query = run.query.as_ref().map_or(String::new(), |query| format!("?{}", text(query)));
    match &run.outcome {
        Outcome::Unchanged => "unchanged".to_string(),
        Outcome::PassedThrough { path, .. } => format!("on as {}{query}", text(path)),
        Outcome::Local { path, below_root: Some(true), .. } => format!("serve {}{query}", text(path)),
        Outcome::Local { path, .. } => format!("serve file {}{query}", text(path)),
        Outcome::Restarted { path, .. } => format!("again as {}{query}", text(path)),
        Outcome::Proxied { url, verbatim: true, .. } => format!("proxy verbatim {}", value(url)),
        Outcome::Proxied { url, .. } => format!("proxy {}{query}", value(url)),
        Outcome::Redirected { status, location, .. } => format!("{status} {}", value(location)),
        Outcome::Answered { status, .. } => format!("answer {status}"),
        Outcome::Unknown { why, .. } => format!("unknown: {why}"),
    }
}

fn in_server(text: &str, headers: &[(&'static str, &'static str)], target: &'static str) -> String {
    shown(&run_in_server(text, &handshake(headers, target)))
}

#[test]
fn the_usual_rules_send_a_handshake_on() {
    let usual = "RewriteCond %{HTTP:Upgrade} websocket [NC]
                 RewriteCond %{HTTP:Connection} upgrade [NC]
                 RewriteRule ^/?(.*) ws://backend:9000/$1 [P,L]";
    assert_eq!(in_server(usual, BROWSER, "/ws"), "proxy ws://backend:9000/ws");
    assert_eq!(in_server(usual, FIREFOX, "/ws?a=b"), "proxy ws://backend:9000/ws?a=b");
    assert_eq!(in_server(usual, PLAIN, "/ws"), "unchanged");
}

#[test]
fn a_whole_url_without_p_is_a_redirect() {
    assert_eq!(in_server("RewriteRule ^/ws ws://b/ws [L]", BROWSER, "/ws"), "302 ws://b/ws");
}

#[test]
fn conditions_belong_to_the_next_rule_only() {
    let rules = "RewriteCond %{HTTP:Upgrade} nothing
                 RewriteRule ^/a http://a/ [P]
                 RewriteRule ^/ws ws://b/ws [P]";
    assert_eq!(in_server(rules, BROWSER, "/ws"), "proxy ws://b/ws");
    assert_eq!(in_server(rules, PLAIN, "/ws"), "proxy ws://b/ws");
}

#[test]
fn header_tests_tell_spellings_apart() {
    let holds = |condition: &str, headers: &[(&'static str, &'static str)]| {
        let rules = format!("RewriteCond {condition}\nRewriteRule ^ - [F]");
        in_server(&rules, headers, "/ws") == "answer 403"
    };
    let spelled = &[("Upgrade", "WebSocket"), ("Connection", "Upgrade")];
    for (condition, browser, other) in [
        ("%{HTTP:Upgrade} websocket [NC]", true, true),
        ("%{HTTP:Upgrade} =websocket", true, false),
        ("%{HTTP:Upgrade} =websocket [NC]", true, true),
        ("%{HTTP:Upgrade} WebSocket", false, true),
        ("%{HTTP_UPGRADE} websocket [NC]", false, false),
        ("%{HTTP_UPGRADE} ^$", true, true),
        ("expr \"%{HTTP:Upgrade} == 'websocket'\"", true, false),
        ("expr \"tolower(req('Upgrade')) == 'websocket'\"", true, true),
        ("%{HTTP:Upgrade} !=websocket [NC]", false, false),
    ] {
        assert_eq!(holds(condition, BROWSER), browser, "{condition}");
        assert_eq!(holds(condition, spelled), other, "{condition}");
    }
    assert!(!holds("%{HTTP:Connection} ^Upgrade$", FIREFOX));
    assert!(holds("%{HTTP:Connection} Upgrade$", FIREFOX));
    assert!(holds("%{HTTP:Connection} upgrade [NC]", FIREFOX));
}

#[test]
fn an_or_at_the_end_holds_whatever_comes() {
    let either = "RewriteCond %{HTTP:Upgrade} nothing [OR]
                  RewriteCond %{HTTP:Connection} upgrade [NC]
                  RewriteRule ^ - [F]";
    assert_eq!(in_server(either, BROWSER, "/"), "answer 403");
    assert_eq!(in_server(either, PLAIN, "/"), "unchanged");
    let dangling = "RewriteCond %{HTTP:Upgrade} nothing [OR]
                    RewriteRule ^ - [F]";
    assert_eq!(in_server(dangling, PLAIN, "/"), "answer 403");
}

#[test]
fn a_servers_patterns_see_the_leading_slash() {
    assert_eq!(in_server("RewriteRule ^ws$ ws://b/ws [P]", BROWSER, "/ws"), "unchanged");
    assert_eq!(in_server("RewriteRule (.*) ws://b/$1 [P]", BROWSER, "/ws"), "proxy ws://b//ws");
}

#[test]
fn the_two_sided_idiom_parts_handshakes_from_the_rest() {
    let rules = "RewriteCond %{HTTP:Upgrade} !=websocket [NC]
                 RewriteRule ^/?(.*) http://plain/$1 [P]
                 RewriteCond %{HTTP:Upgrade} =websocket [NC]
                 RewriteRule ^/?(.*) ws://b/$1 [P]";
    assert_eq!(in_server(rules, BROWSER, "/ws"), "proxy ws://b/ws");
    assert_eq!(in_server(rules, PLAIN, "/"), "proxy http://plain/");
}

#[test]
fn paths_are_passed_through_or_served() {
    let target = "/socket/a";
    assert_eq!(in_server("RewriteRule ^/socket/(.*) /ws/$1 [PT]", BROWSER, target), "on as /ws/a");
    assert_eq!(in_server("RewriteRule ^/socket/(.*) /ws/$1 [L]", BROWSER, target), "serve /ws/a");
    assert_eq!(in_server("RewriteRule ^/socket/ - [L]", BROWSER, target), "unchanged");
    assert_eq!(in_server("RewriteRule ^/socket/(.*) $1", BROWSER, target), "serve /a");
    assert_eq!(in_server("RewriteRule ^ /srv/www/$0x", BROWSER, target), "serve file /srv/www/x");
    assert_eq!(in_server("RewriteRule ^ /$0srv/x", BROWSER, target), "serve /srv/x");
}

#[test]
fn a_fallback_of_a_single_page_application_takes_the_handshake() {
    assert_eq!(in_server("RewriteRule ^ /index.html [L]", BROWSER, "/ws"), "serve /index.html");
    let unless_file = "RewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-f
                       RewriteRule ^ /index.html [L]";
    assert_eq!(in_server(unless_file, BROWSER, "/ws"), "serve /index.html");
    assert_eq!(in_server(unless_file, BROWSER, "/app.js"), "unchanged");
}

#[test]
fn redirects_to_https_answer_before_the_rules_behind_them() {
    let redirect = "RewriteCond %{HTTPS} =off
                    RewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]";
    let send = "RewriteRule ^/ws ws://b/ws [P]";
    let first = format!("{redirect}\n{send}");
    assert_eq!(in_server(&first, BROWSER, "/ws?a=b"), "301 https://chat.test:8080/ws?a=b");
    assert_eq!(in_server(&format!("{send}\n{redirect}"), BROWSER, "/ws"), "proxy ws://b/ws");
}

#[test]
fn queries_are_kept_replaced_or_dropped() {
    for (rule, expected) in [
        ("^/ws http://b/ws [P]", "proxy http://b/ws?a=b"),
        ("^/ws http://b/ws? [P]", "proxy http://b/ws"),
        ("^/ws http://b/ws [P,QSD]", "proxy http://b/ws"),
        ("^/ws http://b/ws?c=d [P]", "proxy http://b/ws?c=d"),
        ("^/ws http://b/ws?c=d [P,QSA]", "proxy http://b/ws?c=d&a=b"),
        ("^/ws http://b/x?y?z [P,QSL]", "proxy http://b/x?y?z"),
        ("^/ws http://b/ws [P,NE]", "proxy verbatim http://b/ws?a=b"),
        ("^/ws ftp://b/ws [P]", "proxy ftp://b/ws"),
        ("^/ws '/x?y z'", "answer 403"),
    ] {
        assert_eq!(in_server(&format!("RewriteRule {rule}"), BROWSER, "/ws?a=b"), expected, "{rule}");
    }
    assert_eq!(in_server("RewriteRule ^ http://b/?c=d&", BROWSER, "/"), "302 http://b/?c=d");
    assert_eq!(in_server("RewriteRule ^ http://b/?c [R,QSA]", BROWSER, "/?&"), "302 http://b/?c&");
}

#[test]
fn what_a_group_holds_is_escaped_on_demand() {
    let located = |rule: &str, target| in_server(&format!("RewriteRule {rule}"), BROWSER, target);
    assert_eq!(located("^/(.*) http://b/$1 [R]", "/a b"), "302 http://b/a%20b");
    assert_eq!(located("^/(.*) http://b/$1 [R,NE]", "/a b"), "302 http://b/a b");
    assert_eq!(located("^/(.*) http://b/$1 [P]", "/a b"), "proxy http://b/a b");
    assert_eq!(located("^/(.*) http://b/$1 [P,B]", "/a b/c"), "proxy http://b/a+b%2fc");
    assert_eq!(located("^/(.*) http://b/$1 [P,B,BNP,BNE=/]", "/a b/c"), "proxy http://b/a%20b/c");
    assert_eq!(located("^/(.*) http://b/$1 [P,BCTLS,BNP]", "/a b/c"), "proxy http://b/a%20b/c");
}

#[test]
fn a_question_mark_that_was_escaped_is_not_let_through() {
    let mut odd = handshake(BROWSER, "/a");
    odd.headers.push(("X", "b?c"));
    let rules = |flags: &str| format!("RewriteCond %{{HTTP:X}} (.*)\nRewriteRule ^/a /%1 {flags}");
    assert_eq!(shown(&run_in_server(&rules(""), &odd)), "answer 403");
    assert_eq!(shown(&run_in_server(&rules("[UnsafeAllow3F]"), &odd)), "serve /b?c");
    assert_eq!(shown(&run_in_server("RewriteRule ^/a /x?%{HTTP:X}", &odd)), "serve /x?b?c");
}

#[test]
fn chains_skips_rounds_and_ends_steer_the_list() {
    let chained = "RewriteRule ^/no - [C]
                   RewriteRule ^ - [F,C]
                   RewriteRule ^ - [G]
                   RewriteRule ^/ws /on";
    assert_eq!(in_server(chained, BROWSER, "/ws"), "serve /on");
    let skipping = "RewriteRule ^/ws - [S=1]
                    RewriteRule ^ - [F]
                    RewriteRule ^ - [G]";
    assert_eq!(in_server(skipping, BROWSER, "/ws"), "answer 410");
    let round = "RewriteRule ^/aa*(b*)$ /$1b [N]";
    assert_eq!(in_server(round, BROWSER, "/aab"), "serve /bb");
    assert_eq!(in_server("RewriteRule ^ /x [N=3]", BROWSER, "/"), "answer 500");
    assert!(in_server("RewriteRule ^ /x [N]", BROWSER, "/").starts_with("unknown"));
    let run = run_in_server("RewriteRule ^ - [END]\nRewriteRule ^ - [F]", &handshake(BROWSER, "/ws"));
    assert_eq!((shown(&run).as_str(), run.ended), ("unchanged", true));
}

#[test]
fn groups_come_from_the_rule_and_the_last_condition_that_held() {
    let rules = "RewriteCond %{HTTP_HOST} ^([^.]+)
                 RewriteCond %{HTTP:Upgrade} ^(web)
                 RewriteCond %{HTTP:Nothing} !^(x)
                 RewriteRule ^/(.)(.) ws://b/$2%1%{nothing}$3 [P]";
    assert_eq!(in_server(rules, BROWSER, "/ws"), "proxy ws://b/sweb");
}

#[test]
fn variables_of_the_environment_are_set_and_asked() {
    let rules = "RewriteRule ^/(.*) - [E=PATH_TAIL:$1,E=DROPPED:x]
                 RewriteRule ^ - [E=!DROPPED]
                 RewriteCond %{ENV:DROPPED} !.
                 RewriteCond %{ENV:path_tail} (.+)
                 RewriteRule ^ ws://b/%1%{ENV:SCRIPT_URL} [P]";
    let run = run_in_server(rules, &handshake(BROWSER, "/ws"));
    assert_eq!(shown(&run), "proxy ws://b/ws/ws");
    let last = run.environment.last().expect("changes");
    assert_eq!(*last, Change { name: Value::Known(b"DROPPED".into()), value: None });
}

#[test]
fn maps_inside_the_server_are_asked_and_others_are_not_known() {
    let maps = "RewriteMap lower int:tolower
                RewriteMap hosts txt:/etc/hosts.map\n";
    let rules = |rule: &str| format!("{maps}RewriteRule {rule}");
    assert_eq!(in_server(&rules("^/(.*) ws://b/${lower:$1} [P]"), BROWSER, "/WS"), "proxy ws://b/ws");
    assert_eq!(in_server(&rules("^/(.*) ws://b/${none:$1|$1x} [P]"), BROWSER, "/ws"), "proxy ws://b/wsx");
    assert_eq!(in_server(&rules("^/(.*) ws://${hosts:$1|c}/ [P]"), BROWSER, "/ws"), "proxy ?");
    assert_eq!(
        in_server(&rules("^/(.*) /${hosts:$1}"), BROWSER, "/ws"),
        "unknown: what the map `hosts` holds"
    );
}

#[test]
fn a_url_of_this_very_server_is_a_path_again() {
    let located = |rule: &str| in_server(&format!("RewriteRule {rule}"), BROWSER, "/ws");
    assert_eq!(located("^/ws http://chat.test:8080/on"), "serve /on");
    assert_eq!(located("^/ws http://chat.test/on"), "302 http://chat.test/on");
    assert_eq!(located("^/ws /on [R]"), "302 http://chat.test:8080/on");
    assert_eq!(located("^/ws /on [P]"), "proxy http://chat.test:8080/on");
}

#[test]
fn slashes_that_were_filled_in_are_merged() {
    assert_eq!(in_server("RewriteRule ^/ws(.*) /$1 [PT]", BROWSER, "/ws/a"), "on as /a");
    assert_eq!(in_server("RewriteRule ^/ws(.*) /$1 [PT,UNC]", BROWSER, "/ws/a"), "on as //a");
    assert_eq!(in_server("RewriteRule ^/ws(.*) //$1 [PT]", BROWSER, "/ws/a"), "on as ///a");
}

#[test]
fn what_is_not_known_stays_so_only_where_it_matters() {
    let unless_false = "RewriteCond %{ENV:OPEN} x
                        RewriteCond %{HTTP:Upgrade} nothing
                        RewriteRule ^ - [F]";
    assert_eq!(in_server(unless_false, BROWSER, "/ws"), "unchanged");
    let either = "RewriteCond %{ENV:OPEN} x [OR]
                  RewriteCond %{HTTP:Upgrade} websocket
                  RewriteRule ^ - [F]";
    assert_eq!(in_server(either, BROWSER, "/ws"), "answer 403");
    let open = "RewriteCond %{ENV:OPEN} x
                RewriteRule ^ - [F]";
    assert_eq!(in_server(open, BROWSER, "/ws"), "unknown: %{ENV:OPEN}");
    let only_sets = "RewriteCond %{ENV:OPEN} x
                     RewriteRule ^ - [E=SEEN:1]
                     RewriteRule ^/ws ws://b/ws [P]";
    assert_eq!(in_server(only_sets, BROWSER, "/ws"), "proxy ws://b/ws");
    let asked = "RewriteCond %{ENV:OPEN} x
                 RewriteRule ^ - [E=SEEN:1]
                 RewriteCond %{ENV:SEEN} 1
                 RewriteRule ^/ws ws://b/ws [P]";
    assert_eq!(in_server(asked, BROWSER, "/ws"), "unknown: %{ENV:OPEN}");
    let target = "RewriteRule ^ https://%{ENV:OPEN}/ [R=301,L]";
    assert_eq!(in_server(target, BROWSER, "/ws"), "301 ?");
    let groups = "RewriteCond %{ENV:OPEN} (.*) [OR]
                  RewriteCond %{HTTP:Upgrade} (.*)
                  RewriteRule ^ ws://b/%1 [P]";
    assert_eq!(in_server(groups, BROWSER, "/ws"), "proxy ?");
    assert_eq!(in_server("RewriteRule ^ /%{LA-U:REMOTE_USER}", BROWSER, "/"), "unknown: %{LA-U:REMOTE_USER}");
}

#[test]
fn what_was_looked_at_is_told_in_order() {
    let rules = "RewriteRule ^/no - [F]
                 RewriteCond %{HTTP:Upgrade} websocket
                 RewriteCond %{ENV:OPEN} x
                 RewriteCond %{HTTP:Upgrade} nothing
                 RewriteRule ^/ws - [F]";
    let run = run_in_server(rules, &handshake(BROWSER, "/ws"));
    let looks: Vec<(u32, Option<bool>)> = run.looks.iter().map(|look| (look.at.id.0, look.held)).collect();
    let expected = [(0, Some(false)), (1, Some(true)), (2, None), (3, Some(false)), (4, Some(false))];
    assert_eq!(looks, expected);
}

/// What becomes of a handshake in a directory or another section.
fn in_section(text: &str, path: &str, base: Option<&str>, file: &str, rest: &str) -> String {
    let (rules, maps) = read(text);
    let handshake = handshake(BROWSER, "/chat/ws");
    let directory = Directory {
        path: path.as_bytes(),
        engine: place(0),
        base: base.map(str::as_bytes),
        options: Options::default(),
        follows_links: Some(true),
    };
    shown(&run(&Input {
        context: Context::Directory(directory),
        rules: &rules.iter().collect::<Vec<_>>(),
        maps: &maps,
        is_inside: false,
        filename: file.as_bytes(),
        path_info: rest.as_bytes(),
        query: None,
        request: &handshake,
    }))
}

#[test]
fn a_directorys_patterns_see_what_follows_it() {
    let in_directory = |rules: &str| in_section(rules, "/srv/www/", None, "/srv/www/ws", "");
    assert_eq!(in_directory("RewriteRule ^ws$ ws://b/ws [P]"), "proxy ws://b/ws");
    assert_eq!(in_directory("RewriteRule ^/(.*)$ ws://b/$1 [P]"), "unchanged");
    assert_eq!(in_directory("RewriteRule ^ws$ new"), "again as /new");
    assert_eq!(in_directory("RewriteRule ^ws$ /other [R]"), "302 http://chat.test:8080/other");
    assert_eq!(in_directory("RewriteRule ^(.*)$ $1"), "unchanged");
}

#[test]
fn what_follows_the_file_is_added_for_every_rule() {
    let rules = "RewriteRule ^chat/x/(.*) chat/y/$1
                 RewriteRule ^(.*)$ ws://b/$1 [P]";
    assert_eq!(in_section(rules, "/srv/www/", None, "/srv/www/chat", "/x/z"), "proxy ws://b/chat/y/z/x/z");
    let dropped = rules.replacen("$1\n", "$1 [DPI]\n", 1);
    assert_eq!(in_section(&dropped, "/srv/www/", None, "/srv/www/chat", "/x/z"), "proxy ws://b/chat/y/z");
}

#[test]
fn a_base_stands_for_the_directory() {
    let based = |rules: &str, path: &str| in_section(rules, path, Some("/app"), "/data/app/ws", "");
    assert_eq!(based("RewriteRule ^ws$ new", "/data/app/"), "again as /app/new");
    assert_eq!(based("RewriteRule ^ws$ new [R]", "/data/app/"), "302 http://chat.test:8080/app/new");
    assert_eq!(
        in_section("RewriteRule ^ws$ new", "/data/app/", None, "/data/app/ws", ""),
        "again as /data/app/new"
    );
}

#[test]
fn a_locations_rules_see_the_file_and_what_a_proxy_made_of_it() {
    assert_eq!(in_section("RewriteRule ^ws$ - [F]", "/ws/", None, "/srv/www/ws", ""), "unchanged");
    assert_eq!(in_section("RewriteRule /ws$ new", "/ws/", None, "/srv/www/ws", ""), "again as /ws/new");
    assert_eq!(in_section("RewriteRule ^ new", "^/ws/", None, "/srv/www/ws", ""), "answer 400");
    let proxied = in_section("RewriteRule ^proxy: http://c/ [P]", "/ws/", None, "proxy:http://b/ws", "");
    assert_eq!(proxied, "proxy http://c/");
}

#[test]
fn rules_in_a_directory_need_links_to_be_followed() {
    let handshake = handshake(BROWSER, "/ws");
    let outcome = |follows_links, path: &[u8]| {
        let options = Options::default();
        let directory = Directory { path, engine: place(7), base: None, options, follows_links };
        let context = Context::Directory(directory);
        let filename = b"/srv/www";
        run(&Input {
            context,
            rules: &[],
            maps: &[],
            is_inside: false,
            filename,
            path_info: b"",
            query: None,
            request: &handshake,
        })
        .outcome
    };
    assert!(
        matches!(outcome(Some(false), b"/srv/"), Outcome::Answered { status: 403, at, .. } if at == place(7))
    );
    assert!(matches!(outcome(None, b"/srv/"), Outcome::Unknown { .. }));
    assert_eq!(outcome(Some(true), b"/srv/"), Outcome::Unchanged);
    assert_eq!(outcome(Some(false), b"/srv/www/"), Outcome::Unchanged);
}

#[test]
fn handlers_are_remembered() {
    let run = run_in_server("RewriteRule ^/(.*) - [H=Proxy-$1]", &handshake(BROWSER, "/ws"));
    assert_eq!(run.handler, Some(Value::Known(b"proxy-ws".into())));
}
