//! Values that httpd 2.4.71 takes and refuses, as its own test of a configuration said.

use std::borrow::Cow;

use super::*;
use crate::effective::apache::directives::{Section::*, name_id};

/// What is said of a line whose words are separated by blanks; `""` is an empty word.
fn said_of(line: &str, within: &[Section]) -> Option<String> {
    let (name, words) = line.split_once(' ').unwrap_or((line, ""));
    let words = words.split_whitespace().map(|word| if word == "\"\"" { "" } else { word });
    let words: Vec<Cow<[u8]>> = words.map(|word| Cow::Borrowed(word.as_bytes())).collect();
    refused_value(name_id(name.as_bytes()), &words, within)
}

fn assert_taken(lines: &[&str], within: &[Section]) {
    for line in lines {
        assert_eq!(said_of(line, within), None, "{line}");
    }
}

fn assert_refused(lines: &[(&str, &str)], within: &[Section]) {
    for (line, message) in lines {
        assert_eq!(said_of(line, within).as_deref(), Some(*message), "{line}");
    }
}

#[test]
fn numbers_end_at_the_first_other_byte() {
    for (text, number) in [("5", 5), ("1min", 1), (" +3s", 3), ("-2", -2), ("x", 0), ("", 0), ("0x10", 0)] {
        assert_eq!(leading_number(text.as_bytes()), number, "{text}");
    }
    // An `int` wraps, after a `long` has reached its end.
    assert_eq!(leading_number(b"4294967296"), 0);
    assert_eq!(leading_number(b"99999999999999999999"), -1);
}

#[test]
fn a_time_with_a_unit_takes_the_unit_by_its_first_letters() {
    let of = |text: &str| timeout_parameter(text.as_bytes(), "s");
    let cases =
        [("5", 5000), ("5s", 5000), ("500ms", 500), ("1min", 60_000), ("1mi", 60_000), ("1hour", 3_600_000)];
    for (text, milliseconds) in cases {
        assert_eq!(of(text), Some(milliseconds), "{text}");
    }
    assert_eq!(of("s"), Some(0));
    assert_eq!(timeout_parameter(b"5", "ms"), Some(5));
    assert_eq!(of("9223372036854"), Some(9_223_372_036_854_000));
    for text in ["1m", "1d", "-1", "abc", "5x", "9223372036855", "99999999999999999999"] {
        assert_eq!(of(text), None, "{text}");
    }
}

#[test]
fn an_address_is_a_port_a_host_or_both() {
    let of = |text: &'static str| {
        address_and_port(text.as_bytes())
            .map(|(host, port)| (host.map(|host| std::str::from_utf8(host).unwrap()), port))
    };
    assert_eq!(of("80"), Some((None, 80)));
    assert_eq!(of("*:80"), Some((Some("*"), 80)));
    assert_eq!(of("localhost"), Some((Some("localhost"), 0)));
    assert_eq!(of("10.0.0.1"), Some((Some("10.0.0.1"), 0)));
    assert_eq!(of("[::1]:80"), Some((Some("::1"), 80)));
    assert_eq!(of("[fe80::1%lo]:80"), Some((Some("fe80::1%lo"), 80)));
    for text in ["0", "65536", ":80", "a:0", "a:99999", "[::1]x:80", "[zz]:80", "[fe80::1%]:80"] {
        assert_eq!(of(text), None, "{text}");
    }
}

#[test]
fn directives_of_the_server_take_what_httpd_takes() {
    assert_taken(
        &[
            "Listen 80",
            "Listen 443 https",
            "<VirtualHost *:80 [::1]:*",
            "<VirtualHost _default_:443",
            "ServerName http://a:80x",
            "ServerName a[b",
            "Options +Indexes -FollowSymLinks",
            "Options All +Indexes",
            "LogLevel info ssl:trace3",
            "Protocols h2,http/1.1",
            "RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500",
            "SSLEngine Optional",
            "ProxyErrorOverride On 404 Off",
            "ProxyErrorOverride 404",
            "Header always set A %{FOO}e",
            "Header set A 100%",
            "Header unset A early",
            "Header edit A ^ \"\" env=X",
            "RequestHeader unset Upgrade",
        ],
        &[],
    );
    assert_refused(
        &[
            ("ProxyTimeout 0", "Proxy Timeout must be at least 1 second."),
            ("Listen localhost", "Port must be specified"),
            ("Listen 80 https x", "Listen requires 1 or 2 arguments."),
            ("<VirtualHost 80", "Missing address for VirtualHost"),
            ("ServerName *.a", "Invalid ServerName \"*.a\" use ServerAlias to set multiple server names."),
            (
                "Options +Indexes FollowSymLinks",
                "Either all Options must start with + or -, or no Option may.",
            ),
            ("Options Indexes None", "'Options None' must be the first Option given."),
            ("LogLevel rewrite:", "Module specifier 'rewrite' must be followed by a log level keyword"),
            (
                "RequestReadTimeout header=40-20,minrate=5",
                "RequestReadTimeout: header=40-20,minrate=5: Maximum timeout must be larger than initial timeout",
            ),
            ("H2WebSockets maybe", "value must be On or Off"),
            ("AllowEncodedSlashes maybe", "AllowEncodedSlashes must be On, Off, or NoDecode"),
            ("SSLProxyVerify foo", "SSLProxyVerify: Invalid argument 'foo'"),
            (
                "ProxyErrorOverride On 399",
                "ProxyErrorOverride: status codes to intercept must be valid HTTP Status Codes >=400 && <600",
            ),
            (
                "ProxyRemote * http://a:x",
                "ProxyRemote: Bad syntax for a remote proxy server (bad port number)",
            ),
            ("Header unset A b", "Unknown parameter: b"),
            ("Header set A %x", "Unrecognized header format %x"),
            ("RequestHeader note A b", "RequestHeader does not support the 'note' action"),
            ("SetEnvIf A b", "Missing envariable expression for SetEnvIf"),
            ("BrowserMatch", "Missing regular expression for BrowserMatch"),
            ("Define A:B 1", "Variable name must not contain ':'"),
        ],
        &[],
    );
}

#[test]
fn some_directives_take_other_words_in_a_section() {
    assert_taken(
        &["Redirect permanent /a http://b", "Redirect gone /a", "ProxyPassReverse /a http://b"],
        &[],
    );
    assert_refused(
        &[
            ("Redirect /a b", "Redirect to non-URL"),
            ("Redirect 301 /a", "URL to redirect to is missing"),
            ("Redirect 404 /a http://b", "Redirect URL not valid for this status"),
            ("Redirect foo /a http://b", "Redirect: invalid first argument (of three)"),
            ("Alias /a", "Alias must have two arguments when used globally"),
            ("ProxyPassReverse http://b", "ProxyPassReverse needs a path when not defined in a location"),
            ("RewriteBase /", "RewriteBase: only valid in per-directory config files"),
            ("ServerAlias a", "ServerAlias only used in <VirtualHost>"),
        ],
        &[],
    );
    let location = [VirtualHost, Location];
    assert_taken(
        &[
            "Redirect 301 /a",
            "Redirect http://b",
            "Redirect 404",
            "Alias /a",
            "ProxyPassReverse http://b",
            "RewriteBase /",
        ],
        &location,
    );
    assert_refused(
        &[(
            "ProxyPassReverse /a http://b",
            "ProxyPassReverse can not have a path when defined in a location",
        )],
        &location,
    );
}

#[test]
fn a_requirement_is_refused_only_for_what_every_httpd_refuses() {
    assert_taken(
        &[
            "Require all granted",
            "Require ip 10. ::1 10.0.0.0/8",
            "Require claim a:b",
            "Require method SEARCH",
        ],
        &[Location],
    );
    assert_refused(
        &[
            ("Require all granted #", "Argument for 'Require all' must be 'granted' or 'denied'"),
            ("Require ip 10.0.0.1, 10.0.0.2", "ip address '10.0.0.1,' appears to be invalid"),
            ("Require method get", "Invalid Method 'get'"),
            ("Require not ip 10.0.0.1", "negative Require directive has no effect in <RequireAny> directive"),
        ],
        &[Location],
    );
    assert_taken(&["Require not ip 10.0.0.1"], &[Location, RequireAll]);
    assert_refused(
        &[("Require not ip ::1", "negative Require directive has no effect in <RequireNone> directive")],
        &[Location, RequireAll, RequireNone],
    );
    assert_taken(&["AllowMethods GET SEARCH", "AllowMethods RESET"], &[Location]);
}
