//! The grammar as a whole: every byte has a place, nothing panics, everything ends.

#[path = "support/case.rs"]
mod case;
#[path = "support/invariants.rs"]
mod invariants;

use proptest::prelude::*;
use wslint::effective::nginx::directives::name_id;
use wslint::syntax::{Document, nginx};

use case::Case;

fn check(bytes: &[u8]) {
    invariants::nginx_grammar(bytes);
    invariants::apache_grammar(bytes);
}

/// Reads and judges bytes as httpd's main file.
fn read(bytes: &[u8]) {
    let case = Case::parse(&[b"#= apache httpd.conf\n", bytes].concat());
    invariants::check(&case);
    invariants::trace(&case);
}

/// Text made of what the grammar is about, so that most of it comes close to being a configuration.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "server",
        "<VirtualHost *:80",
        ">",
        "</VirtualHost",
        "<Macro",
        "</Macro>",
        "\\\n",
        "RewriteRule ",
        "${A}",
        "location",
        "/ws",
        "{",
        "}",
        ";",
        " ",
        "\n",
        "\r\n",
        "#",
        "\"",
        "'",
        "\\",
        "$",
        "${",
        "a",
        "\t",
        "include",
        "x_by_lua_block",
        "--",
        "[[",
        "]]",
        ")",
        "~",
        "\u{feff}",
        "\u{a0}",
        "\u{201c}",
        "\0",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

const SAMPLE: &str = "events {}\nhttp {\n  map $http_upgrade $c { default upgrade; '' close; } # map\n  server {\n    \
    listen 80; location ~ \"^/a{2}\" { proxy_pass http://b; proxy_set_header X \"a\\\"b\"; }\n    \
    content_by_lua_block { ngx.say(\"}\") -- }\n }\n  }\n}\n";

const APACHE_SAMPLE: &str = "Define A 1\nServerName \"a\\\"b\" # x\n<VirtualHost *:80> # note\n  ProxyPass /ws \\\n    \
    ws://${A}/ws\n  RewriteRule ^/a\\ b \"x\" [P]\n# comment \\\nlost\n  <If \"%{X} > 1\">\n  </If>\n</VirtualHost>\n\
    <Macro M $x>\n<Location $x>\n</Location>\n</Macro>\nUse M /a\n";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn every_byte_of_a_configuration_like_text_has_a_place(bytes in pieces()) {
        check(&bytes);
    }

    #[test]
    fn every_byte_of_any_text_has_a_place(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }

    #[test]
    fn a_changed_byte_does_no_harm(at in 0..SAMPLE.len(), byte in any::<u8>()) {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        bytes[at] = byte;
        check(&bytes);
    }
}

proptest! {
    // Every rule is asked and every report written, which takes longer.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_changed_byte_does_httpd_no_harm(at in 0..APACHE_SAMPLE.len(), byte in any::<u8>()) {
        let mut bytes = APACHE_SAMPLE.as_bytes().to_vec();
        bytes[at] = byte;
        check(&bytes);
        read(&bytes);
    }

    #[test]
    fn what_looks_like_a_configuration_of_httpd_is_judged(bytes in pieces()) {
        read(&bytes);
    }
}

#[test]
fn every_prefix_of_a_configuration_can_be_read() {
    for end in 0..=SAMPLE.len() {
        check(&SAMPLE.as_bytes()[..end]);
    }
}

#[test]
fn every_prefix_of_httpds_configuration_can_be_read() {
    for end in 0..=APACHE_SAMPLE.len() {
        let bytes = &APACHE_SAMPLE.as_bytes()[..end];
        check(bytes);
        read(bytes);
    }
}

#[test]
fn a_million_nested_blocks_are_read_without_recursion() {
    let document: Document = nginx::parse("a{".repeat(1_000_000).as_bytes(), name_id);
    assert_eq!(document.len(), nginx::MAX_DEPTH);
}
