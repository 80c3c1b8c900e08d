//! Names that are no directive of nginx: what was meant by one, and which can be nobody's. Knows nothing of where
//! they stand.

use super::directives::name_id;
use crate::syntax::NameId;

/// What an unknown name was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// No module has or had it, and this is what to do instead.
    Invented(&'static str),
    /// A word that people type to see whether anybody complains.
    Placeholder,
    /// A directive and what belongs behind it, with no blank between them: `if($x)`; its name's length.
    Glued(usize),
    /// A directive in capitals.
    Cased(&'static str),
    /// A byte that no directive's name has stands here, and takes this many bytes.
    Foreign(usize, usize),
    /// Probably a directive that matters to WebSockets.
    Near(&'static str),
}

/// Directives that circulate and never existed, in nginx or any known module, and what to write instead.
const INVENTED: [(&str, &str); 9] = [
    ("proxy_request_dynamic", "remove it"),
    ("proxy_set_header_inherit", "write every `proxy_set_header` again in the inner block"),
    ("proxy_set_headers", "write one `proxy_set_header` a header"),
    (
        "proxy_upgrade",
        "write\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection \"upgrade\";",
    ),
    (
        "proxy_websocket",
        "write\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection \"upgrade\";",
    ),
    ("proxy_websocket_timeout", "write\nproxy_read_timeout 1h;"),
    (
        "proxy_websockets",
        "write\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection \"upgrade\";",
    ),
    ("websocket", "write\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection \"upgrade\";"),
    ("websocket_timeout", "write\nproxy_read_timeout 1h;"),
];

/// First words of names that stand for nothing.
const PLACEHOLDERS: [&str; 8] = ["asdf", "blah", "bogus", "foo", "foobar", "nonsense", "nosuch", "qwerty"];

/// The directives whose near misses are worth a word, in any of which a slip breaks a WebSocket.
const MATTER: [&str; 45] = [
    "access_log",
    "auth_request",
    "client_max_body_size",
    "error_log",
    "error_page",
    "include",
    "ip_hash",
    "keepalive_requests",
    "keepalive_timeout",
    "least_conn",
    "limit_except",
    "listen",
    "location",
    "proxy_bind",
    "proxy_buffer_size",
    "proxy_buffering",
    "proxy_buffers",
    "proxy_cache",
    "proxy_cache_bypass",
    "proxy_connect_timeout",
    "proxy_hide_header",
    "proxy_http_version",
    "proxy_ignore_headers",
    "proxy_intercept_errors",
    "proxy_next_upstream",
    "proxy_no_cache",
    "proxy_pass",
    "proxy_pass_header",
    "proxy_pass_request_headers",
    "proxy_protocol",
    "proxy_read_timeout",
    "proxy_redirect",
    "proxy_request_buffering",
    "proxy_send_timeout",
    "proxy_set_header",
    "proxy_ssl_name",
    "proxy_ssl_server_name",
    "proxy_ssl_verify",
    "proxy_timeout",
    "send_timeout",
    "server_name",
    "ssl_certificate",
    "ssl_certificate_key",
    "upstream",
    "worker_connections",
];

/// Directives of other modules that a slip of those above could be taken for, and beginnings of such.
const OTHERS: [&str; 6] = ["listen_", "proxy_connect", "proxy_ssl_", "server_", "ssl_", "upstream_"];

/// Bytes that only a template has in a directive's name.
const TEMPLATE: &[u8] = b"$%<>@[]{}#|\\`";

/// What is known of a name that is in no table; None where it may well be another module's.
pub fn meant(name: &[u8]) -> Option<Meant> {
    let text = String::from_utf8_lossy(name);
    if let Some((_, advice)) = INVENTED.iter().find(|(invented, _)| *invented == text) {
        return Some(Meant::Invented(advice));
    }
    let first = text.split('_').next().unwrap_or_default();
    if PLACEHOLDERS.iter().any(|word| first.eq_ignore_ascii_case(word)) {
        return Some(Meant::Placeholder);
    }
    if let Some(at) = name.iter().position(|byte| !byte.is_ascii() || byte.is_ascii_control()) {
        let len = text[at..].chars().next().map_or(1, char::len_utf8);
        return Some(Meant::Foreign(at, len.min(name.len() - at)));
    }
    let plain = name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    if plain < name.len() {
        let glued = name_id(&name[..plain]) != NameId::UNKNOWN && !TEMPLATE.contains(&name[plain]);
        return glued.then_some(Meant::Glued(plain));
    }
    let lower = text.to_ascii_lowercase();
    let known = |name: &str| {
        super::directives::ENTRIES.get(name_id(name.as_bytes()).0 as usize).map(|entry| entry.name)
    };
    if let Some(name) = known(&lower) {
        return Some(Meant::Cased(name));
    }
    near(&text)
}

/// Whether a directive of another module runs code before the content is made, which may set any variable.
pub fn is_script(name: &[u8]) -> bool {
    [
        &b"set_by_lua"[..],
        b"rewrite_by_lua",
        b"access_by_lua",
        b"content_by_lua",
        b"js_access",
        b"js_content",
        b"perl",
    ]
    .iter()
    .any(|script| name.starts_with(script))
}

fn near(name: &str) -> Option<Meant> {
    let allowed = if name.len() >= 9 { 2 } else { 1 };
    let close = |known: &&&str| {
        known.len().abs_diff(name.len()) <= allowed
            && known.as_bytes()[0] == name.as_bytes()[0]
            && strsim::osa_distance(known, name) <= allowed
    };
    let other = OTHERS.iter().any(|other| name.starts_with(other));
    let best = MATTER.iter().filter(close).min_by_key(|known| strsim::osa_distance(known, name))?;
    // Words apart (`proxy_connect`) are another module's; letters apart are a slip.
    let slip = !other || best.split('_').count() == name.split('_').count();
    slip.then_some(Meant::Near(best))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_known_and_other_modules_directives_are_left_alone() {
        assert_eq!(meant(b"proxy_set_hedaer"), Some(Meant::Near("proxy_set_header")));
        assert_eq!(meant(b"proxy_http_verison"), Some(Meant::Near("proxy_http_version")));
        assert_eq!(meant(b"proxypass"), Some(Meant::Near("proxy_pass")));
        assert_eq!(meant(b"Proxy_Pass"), Some(Meant::Cased("proxy_pass")));
        assert_eq!(meant(b"if($http_upgrade)"), Some(Meant::Glued(2)));
        assert_eq!(meant("proxy_http_version\u{a0}1.1".as_bytes()), Some(Meant::Foreign(18, 2)));
        assert_eq!(meant(b"proxy_pass\xFF"), Some(Meant::Foreign(10, 1)));
        assert_eq!(meant(b"bogus_q"), Some(Meant::Placeholder));
        for other in [
            "more_set_headers",
            "content_by_lua_block",
            "vhost_traffic_status_zone",
            "brotli",
            "fair",
            "proxy_cache_purge",
            "proxy_connect_read_timeout",
            "proxy_connect_send_timeout",
            "proxy_ssl_ntls",
            "server_info",
            "server_tag",
            "health_check",
            "status_zone",
            "check",
            "js_import",
            "sub",
            "${EXTRA_DIRECTIVES}",
            "{{",
            "include__EXTRA__",
        ] {
            assert_eq!(meant(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn lists_are_sorted_and_name_what_they_should() {
        assert!(INVENTED.is_sorted() && PLACEHOLDERS.is_sorted() && MATTER.is_sorted());
        assert!(INVENTED.iter().all(|(name, _)| name_id(name.as_bytes()) == NameId::UNKNOWN));
        assert!(MATTER.iter().all(|name| name_id(name.as_bytes()) != NameId::UNKNOWN));
    }
}
