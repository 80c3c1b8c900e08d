//! One handshake each through small configurations, as nginx 1.22.1 was seen to answer it.

use std::path::Path;

use super::*;
use crate::effective::Target;
use crate::effective::nginx::directives::name_id;
use crate::effective::nginx::{Config, NEWEST};
use crate::source::files::Memory;
use crate::tree::{Limits, Options, Tree};

const WS: &str = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                  proxy_set_header Connection upgrade;";

/// Verdict and status of the handshake for `ws://a.test:8080/ws` or `wss://...`.
fn outcome(text: &str, tls: bool) -> (Verdict, Option<u16>) {
    let text = format!("events {{}} {}", text.replace("@WS@", WS));
    let files = Memory::default().with("/n/nginx.conf", text.as_str());
    let options = Options {
        prefix: "/n".into(),
        root: "/n".into(),
        maps: Vec::new(),
        limits: Limits::default(),
        apache: None,
    };
    let tree = Tree::read(&files, Path::new("/n/nginx.conf"), name_id, &options).expect("readable");
    let config = Config::new(&tree, Target::default());
    let roots = Roots { root: "/n".into(), prefix: "/n".into(), maps: Vec::new() };
    let url =
        Url { text: String::new(), tls, host: "a.test".to_string(), port: 8080, target: b"/ws".to_vec() };
    let trace = Tracer::new(&tree, &config, &files, &roots, NEWEST).trace(&url, &[]);
    (trace.verdict, trace.status)
}

const UPGRADED: (Verdict, Option<u16>) = (Verdict::Upgraded, Some(101));

fn intercepted(status: impl Into<Option<u16>>) -> (Verdict, Option<u16>) {
    (Verdict::Intercepted, status.into())
}

#[test]
fn streams_have_maps_of_their_own_and_tell_names_only_of_tls() {
    let text = "http { map $uri $to { default none; } }
        stream {
            map $ssl_preread_server_name $to { '' 10.0.0.1:80; default 10.0.0.2:80; }
            server { listen 8080; ssl_preread on; proxy_pass $to; }
        }";
    assert_eq!(outcome(text, false), UPGRADED);
}

#[test]
fn connections_that_a_stream_does_not_take_go_nowhere() {
    for words in ["listen 8080 udp;", "listen 8080 proxy_protocol;", "listen 8080; deny all;"] {
        let text = format!("stream {{ server {{ {words} proxy_pass 10.0.0.1:80; }} }}");
        assert_eq!(outcome(&text, false), intercepted(None), "{words}");
    }
}

#[test]
fn a_proxy_line_is_read_where_it_is_asked_for() {
    let text = "stream { server { listen 8080; proxy_protocol on; proxy_pass 127.0.0.1:8081; } }
        http { server { listen 8081 @PP@; location / { @WS@ proxy_pass http://10.0.0.1; } } }";
    assert_eq!(outcome(&text.replace("@PP@", "proxy_protocol"), false), UPGRADED);
    assert_eq!(outcome(&text.replace("@PP@", ""), false), intercepted(400));
}

#[test]
fn a_loopback_socket_knows_its_client() {
    let text = "http { server { listen @AT@; location / { @RULES@ @WS@ proxy_pass http://10.0.0.1; } } }";
    let asked = |at: &str, rules: &str| outcome(&text.replace("@AT@", at).replace("@RULES@", rules), false);
    assert_eq!(asked("127.0.0.1:8080", "allow 127.0.0.0/8; deny all;"), UPGRADED);
    assert_eq!(asked("127.0.0.1:8080", "allow 10.0.0.0/8; deny all;"), intercepted(403));
    assert_eq!(asked("8080", "allow 127.0.0.0/8; deny all;"), (Verdict::Unknown, None));
    let behind = "set_real_ip_from 127.0.0.1; allow 10.0.0.0/8; deny all;";
    assert_eq!(asked("127.0.0.1:8080", behind), (Verdict::Unknown, None));
}

#[test]
fn a_port_for_tls_tells_plain_requests_by_error_page_and_rejects_names() {
    let text = "http { server { listen 8080 ssl; server_name @NAME@; @REST@ } 
        server { listen 8080 ssl default_server; ssl_reject_handshake on; } }";
    let asked =
        |name: &str, rest: &str, tls| outcome(&text.replace("@NAME@", name).replace("@REST@", rest), tls);
    assert_eq!(asked("a.test", "", false), intercepted(400));
    assert_eq!(asked("a.test", "error_page 497 =301 https://a.test/;", false), intercepted(301));
    assert_eq!(asked("a.test", "return 204;", true), intercepted(204));
    assert_eq!(asked("b.test", "return 204;", true), intercepted(None));
}

#[test]
fn the_last_handler_of_a_block_handles_and_servers_that_are_down_are_not_asked() {
    let text =
        "http { upstream be { server 10.0.0.1 @DOWN@; } server { listen 8080; location / { @WS@ @PASS@ } } }";
    let asked =
        |down: &str, pass: &str| outcome(&text.replace("@DOWN@", down).replace("@PASS@", pass), false);
    assert_eq!(asked("", "fastcgi_pass 10.0.0.1:9; proxy_pass http://be;"), UPGRADED);
    assert_eq!(asked("", "proxy_pass http://be; fastcgi_pass 10.0.0.1:9;"), intercepted(None));
    assert_eq!(asked("down", "proxy_pass http://be;"), intercepted(502));
}
