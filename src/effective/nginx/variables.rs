//! Which variables nginx has of its own. Data only; their values come from a request.

use super::directives::known;
use super::names;
use crate::syntax::NameId;

/// Directives that give a value to the variables they name.
pub(super) const DEFINERS: [NameId; 4] =
    [names::AUTH_REQUEST_SET, known("geoip_city"), known("perl_set"), known("userid")];

/// Every name that begins so is a variable: nginx never complains about one of them (nginx 1.22.1,
/// `ngx_http_core_variables` and the upstream's).
const PREFIXES: [&str; 9] = [
    "arg_",
    "cookie_",
    "http_",
    "sent_http_",
    "sent_trailer_",
    "upstream_cookie_",
    "upstream_http_",
    "upstream_trailer_",
    "proxy_protocol_tlv_",
];

/// Families in which other versions and modules have more than one list can hold.
const FAMILIES: [&str; 21] = [
    "acme_",
    "angie",
    "brotli_",
    "connections_",
    "echo_",
    "fastcgi_",
    "geoip",
    "gzip_",
    "jwt_",
    "limit_",
    "naxsi_",
    "njs_",
    "otel_",
    "proxy_",
    "realip_",
    "secure_",
    "session_",
    "ssl_",
    "tcpinfo_",
    "upstream_",
    "zstd_",
];

const BUILTIN: [&str; 66] = [
    "ancient_browser",
    "args",
    "binary_remote_addr",
    "body_bytes_sent",
    "bytes_sent",
    "connection",
    "connection_requests",
    "connection_time",
    "content_length",
    "content_type",
    "date_gmt",
    "date_local",
    "document_root",
    "document_uri",
    "host",
    "hostname",
    "http2",
    "http3",
    "https",
    "invalid_referer",
    "is_args",
    "is_request_port",
    "memcached_key",
    "modern_browser",
    "msec",
    "msie",
    "nginx_version",
    "pid",
    "pipe",
    "process",
    "protocol",
    "query_string",
    "quic",
    "realpath_root",
    "remote_addr",
    "remote_port",
    "remote_user",
    "request",
    "request_body",
    "request_body_file",
    "request_completion",
    "request_filename",
    "request_id",
    "request_length",
    "request_method",
    "request_port",
    "request_time",
    "request_uri",
    "scheme",
    "server_addr",
    "server_name",
    "server_port",
    "server_protocol",
    "slice_range",
    "spdy",
    "spdy_request_priority",
    "ssl",
    "status",
    "time_iso8601",
    "time_local",
    "uid_got",
    "uid_reset",
    "uid_set",
    "upstream",
    "uri",
    "worker_id",
];

/// Whether nginx takes any name that begins like this one for a variable.
pub fn is_prefixed(name: &[u8]) -> bool {
    starts_with_one(name, &PREFIXES)
}

/// Whether nginx or one of its usual modules has the variable, or may have it.
pub fn is_builtin(name: &[u8]) -> bool {
    let by_bytes = |builtin: &&str| {
        let lower = name.iter().map(u8::to_ascii_lowercase);
        builtin.bytes().cmp(lower)
    };
    BUILTIN.binary_search_by(by_bytes).is_ok() || is_prefixed(name) || starts_with_one(name, &FAMILIES)
}

fn starts_with_one(name: &[u8], prefixes: &[&str]) -> bool {
    let Some(first) = name.first().map(u8::to_ascii_lowercase) else { return false };
    prefixes.iter().any(|prefix| {
        prefix.as_bytes()[0] == first
            && name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_by_prefix() {
        assert!(BUILTIN.is_sorted());
        assert!(is_builtin(b"Host") && is_builtin(b"http_upgarde") && is_builtin(b"ssl_client_verify"));
        assert!(!is_builtin(b"connection_upgrade") && !is_builtin(b"http"));
    }
}
