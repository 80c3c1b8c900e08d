//! The directives that wslint asks for by name. Data only.

use super::directives::known;
use crate::syntax::NameId;

macro_rules! names {
    ($($constant:ident = $name:literal;)*) => {
        $(pub const $constant: NameId = known($name);)*
    };
}

names! {
    ADD_HEADER = "add_header";
    ALIAS = "alias";
    ALLOW = "allow";
    AUTH_BASIC = "auth_basic";
    AUTH_REQUEST = "auth_request";
    AUTH_REQUEST_SET = "auth_request_set";
    AUTOINDEX = "autoindex";
    BREAK = "break";
    DENY = "deny";
    EMPTY_GIF = "empty_gif";
    ERROR_PAGE = "error_page";
    EVENTS = "events";
    FASTCGI_PASS = "fastcgi_pass";
    GEO = "geo";
    GRPC_PASS = "grpc_pass";
    HASH = "hash";
    HTTP = "http";
    IF = "if";
    INCLUDE = "include";
    INDEX = "index";
    INTERNAL = "internal";
    IP_HASH = "ip_hash";
    KEEPALIVE = "keepalive";
    KEEPALIVE_TIMEOUT = "keepalive_timeout";
    LEAST_CONN = "least_conn";
    LEAST_TIME = "least_time";
    LIMIT_CONN = "limit_conn";
    LIMIT_EXCEPT = "limit_except";
    LIMIT_REQ = "limit_req";
    LISTEN = "listen";
    LOAD_MODULE = "load_module";
    LOCATION = "location";
    MAIL = "mail";
    MAP = "map";
    MEMCACHED_PASS = "memcached_pass";
    MIRROR = "mirror";
    PASS = "pass";
    PROXY_CACHE = "proxy_cache";
    PROXY_CACHE_BYPASS = "proxy_cache_bypass";
    PROXY_CACHE_KEY = "proxy_cache_key";
    PROXY_CONNECT_TIMEOUT = "proxy_connect_timeout";
    PROXY_HIDE_HEADER = "proxy_hide_header";
    PROXY_HTTP_VERSION = "proxy_http_version";
    PROXY_INTERCEPT_ERRORS = "proxy_intercept_errors";
    PROXY_METHOD = "proxy_method";
    PROXY_NO_CACHE = "proxy_no_cache";
    PROXY_PASS = "proxy_pass";
    PROXY_PASS_HEADER = "proxy_pass_header";
    PROXY_PASS_REQUEST_HEADERS = "proxy_pass_request_headers";
    PROXY_PROTOCOL = "proxy_protocol";
    PROXY_READ_TIMEOUT = "proxy_read_timeout";
    PROXY_SEND_TIMEOUT = "proxy_send_timeout";
    PROXY_SET_HEADER = "proxy_set_header";
    PROXY_SSL = "proxy_ssl";
    PROXY_TIMEOUT = "proxy_timeout";
    RANDOM = "random";
    RECURSIVE_ERROR_PAGES = "recursive_error_pages";
    RESOLVER = "resolver";
    RETURN = "return";
    REWRITE = "rewrite";
    ROOT = "root";
    SATISFY = "satisfy";
    SCGI_PASS = "scgi_pass";
    SEND_TIMEOUT = "send_timeout";
    SERVER = "server";
    SERVER_NAME = "server_name";
    SET = "set";
    SET_REAL_IP_FROM = "set_real_ip_from";
    SPLIT_CLIENTS = "split_clients";
    SSL = "ssl";
    SSL_ALPN = "ssl_alpn";
    SSL_CERTIFICATE = "ssl_certificate";
    SSL_REJECT_HANDSHAKE = "ssl_reject_handshake";
    SSL_VERIFY_CLIENT = "ssl_verify_client";
    STICKY = "sticky";
    STREAM = "stream";
    STUB_STATUS = "stub_status";
    TRY_FILES = "try_files";
    TUNNEL_PASS = "tunnel_pass";
    TYPES = "types";
    UPSTREAM = "upstream";
    UWSGI_PASS = "uwsgi_pass";
    WORKER_SHUTDOWN_TIMEOUT = "worker_shutdown_timeout";
}

/// The times that a tunnel hangs on. What nginx refuses in one of them is told by the rule about timeouts.
pub const TUNNEL_TIMES: [NameId; 5] =
    [PROXY_CONNECT_TIMEOUT, PROXY_READ_TIMEOUT, PROXY_SEND_TIMEOUT, PROXY_TIMEOUT, SEND_TIMEOUT];
