//! Expressions and what the real server makes of them.

use super::*;

/// A handshake, with an environment of which one variable is not known.
struct Handshake;

impl Request for Handshake {
    fn variable(&self, name: &str) -> Value {
        Value::Known(match name {
            "REQUEST_URI" => b"/ws/room".to_vec(),
            "SERVER_PORT" => b"443".to_vec(),
            "HTTPS" => b"on".to_vec(),
            "REMOTE_ADDR" => b"10.1.2.3".to_vec(),
            "QUERY_STRING" => Vec::new(),
            _ => return Value::Unknown(format!("%{{{name}}}")),
        })
    }

    fn header(&self, name: &[u8]) -> Value {
        Value::Known(match name.to_ascii_lowercase().as_slice() {
            b"upgrade" => b"WebSocket".to_vec(),
            b"host" => b"chat.test".to_vec(),
            _ => Vec::new(),
        })
    }

    fn environment(&self, name: &[u8]) -> Value {
        if name == b"OPEN" { Value::Unknown("OPEN".to_string()) } else { Value::empty() }
    }

    fn file_test(&self, test: u8, path: &[u8]) -> Option<bool> {
        (test != b'U').then(|| test == b'f' && path == b"/srv/file")
    }
}

fn holds(text: &str) -> Result<bool, String> {
    Expr::parse(text.as_bytes()).unwrap_or_else(|refused| panic!("{text}: {refused}")).holds(&Handshake)
}

#[test]
fn comparisons_are_those_of_bytes_or_of_numbers() {
    for (text, expected) in [
        ("%{HTTP:Upgrade} == 'websocket'", false),
        ("%{HTTP:Upgrade} = 'WebSocket'", true),
        ("tolower(%{http:upgrade}) == \"websocket\"", true),
        ("%{tolower:%{req:Upgrade}} eq 0", true),
        ("%{SERVER_PORT} -eq 443", true),
        ("%{SERVER_PORT} -lt 1000 && %{SERVER_PORT} > '1000'", true),
        ("'a' . 'b' . %{QUERY_STRING} == 'ab'", true),
        ("'x%{HTTP_HOST}y' == 'xchat.testy'", true),
        ("%{SERVER_PORT} in {'80', '443'}", true),
        ("%{SERVER_PORT} -in {'80', '8080'}", false),
        ("'\\x\\101' == 'xA'", true),
        ("-5 -lt '-4x'", true),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn operators_test_what_they_are_given() {
    for (text, expected) in [
        ("-n %{HTTP:Upgrade}", true),
        ("-z %{HTTP:Nothing}", true),
        ("-T %{HTTPS}", true),
        ("-T 'Off' || -T '0' || -T ''", false),
        ("-R '10.0.0.0/8'", true),
        ("%{REMOTE_ADDR} -ipmatch '192.168.0.0/16'", false),
        ("%{REQUEST_URI} -strmatch '/ws/*'", true),
        ("%{REQUEST_URI} -fnmatch '/*'", false),
        ("%{HTTP:Upgrade} -strcmatch 'websocket'", true),
        ("-f '/srv/file'", true),
        ("-d '/srv/file'", false),
        ("%{REQUEST_URI} =~ /^.WS/", false),
        ("%{REQUEST_URI} =~ m#^/WS/#i", true),
        ("%{REQUEST_URI} !~ /chat/", true),
        ("%{REQUEST_URI} =~ m#^/(.+)/(.+)$# && $1 == 'ws' && '$2' == 'room'", true),
        ("%{REQUEST_URI} =~ /^.(ws)/ && %{HTTPS} =~ /on/ && $1 == 'ws'", true),
        ("%{REQUEST_URI} =~ /(ws)/ && ! %{HTTPS} =~ /(off)/ && $1 == ''", true),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    for (text, expected) in [
        ("true || false && false", true),
        ("(true || false) && false", false),
        ("! true || true", true),
        ("not (true or true)", false),
        ("!!true and not not true", true),
        ("! 'a' == 'b'", true),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_known_matters_only_where_it_decides() {
    let unknown = || Err("OPEN".to_string());
    for (text, expected) in [
        ("-n env('OPEN')", unknown()),
        ("false && -n env('OPEN')", Ok(false)),
        ("-n env('OPEN') && false", Ok(false)),
        ("-n env('OPEN') || true", Ok(true)),
        ("! -n env('OPEN')", unknown()),
        ("-n env('OPEN') || false", unknown()),
        ("'a' -in {env('OPEN'), 'a'}", Ok(true)),
        ("'a' -in {env('OPEN'), 'b'}", unknown()),
        // Whether the second pattern is looked at, and takes the groups, is open.
        ("'a' =~ /(a)/ && (-n env('OPEN') || 'b' =~ /(b)/) && $1 == 'a'", unknown()),
    ] {
        assert_eq!(holds(text), expected, "{text}");
    }
    assert!(holds("-U '/x'").is_err() && holds("%{TIME_HOUR} -gt 8").is_err());
}

#[test]
fn what_is_wrong_is_said_in_the_servers_words() {
    for (text, expected) in [
        ("", "syntax error, unexpected $end"),
        ("%{HTTP:Upgrade}", "syntax error, unexpected $end"),
        ("%{HTTP_HOST} == chat", "syntax error, unexpected $end"),
        ("%{HTTP_HOST} 'chat'", "syntax error, unexpected T_STR_BEGIN"),
        ("'a' =~ 'b'", "syntax error, unexpected T_STR_BEGIN"),
        ("'a' == 'b' @", "syntax error, unexpected T_ERROR: Parse error near '@'"),
        ("@", "Parse error near '@'"),
        ("'a", "Unterminated string or variable"),
        ("%{a b} == 'x'", "syntax error, unexpected T_ERROR: Invalid character in variable name ' '"),
        ("%{} == 'x'", "syntax error, unexpected T_VAR_END"),
        ("'a' =~ /(/", "Failed to compile regular expression"),
        ("%{HTTP_UPGRADE} == 'x'", "Variable 'HTTP_UPGRADE' does not exist"),
        ("nope('x') == 'x'", "Function 'nope' does not exist"),
        ("-q 'x'", "Unary operator '-q' does not exist"),
        ("'x' -like 'y'", "Binary operator '-like' does not exist"),
        ("'x' -in nope('y')", "List-returning function 'nope' does not exist"),
        ("-R %{REMOTE_ADDR}", "-R requires subnet/netmask as constant argument"),
        ("'x' -ipmatch '10.0.0.0/64'", "parsing of subnet/netmask failed"),
        ("'\\9' == 'x'", "Bad escape sequence"),
        ("%{HTTP:Upgrade == 'x'", "flex scanner jammed"),
        ("true == 'x'", "syntax error, unexpected T_OP_STR_EQ"),
    ] {
        assert_eq!(Expr::parse(text.as_bytes()).err().as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn names_that_modules_add_are_taken_for_known() {
    assert!(Expr::parse(b"%{SSL_PROTOCOL} == 'TLSv1.3' && %{SSL:SSL_CIPHER} != ''").is_ok());
    assert!(Expr::parse(b"'x' -in PeerExtList('1.2')").is_ok());
}

#[test]
fn nesting_has_an_end() {
    let deep = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(holds(&deep(50)), Ok(true));
    assert!(holds(&deep(100_000)).is_err());
    let calls = format!("{}'a'{} == 'a'", "tolower(".repeat(10_000), ")".repeat(10_000));
    assert!(holds(&calls).is_err());
    let names = format!("%{{tolower:{}a{} == 'a'", "%{tolower:".repeat(10_000), "}".repeat(10_001));
    assert!(holds(&names).is_err());
    let nots = format!("{}true", "!".repeat(100_000));
    assert_eq!(holds(&nots), Ok(true));
}

#[test]
fn strings_are_filled_in() {
    let value = |text: &str| StringExpr::parse(text.as_bytes()).expect(text).value(&Handshake);
    let known = |text: &str| Value::Known(text.into());
    assert_eq!(value("host=%{HTTP_HOST}, 'up'=%{req:Upgrade}$1}"), known("host=chat.test, 'up'=WebSocket}"));
    assert_eq!(value("%{escape:a b}%{unescape:%{escape:c d}}"), known("a%20bc d"));
    assert_eq!(value(""), known(""));
    assert_eq!(value("%{env:OPEN}x"), Value::Unknown("OPEN".to_string()));
    assert_eq!(StringExpr::parse(b"%{NOPE}").err().as_deref(), Some("Variable 'NOPE' does not exist"));
}
