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
    AUTH_REQUEST_SET = "auth_request_set";
    EVENTS = "events";
    FASTCGI_PASS = "fastcgi_pass";
    GEO = "geo";
    GRPC_PASS = "grpc_pass";
    HASH = "hash";
    HTTP = "http";
    IF = "if";
    INCLUDE = "include";
    IP_HASH = "ip_hash";
    KEEPALIVE = "keepalive";
    KEEPALIVE_TIMEOUT = "keepalive_timeout";
    LEAST_CONN = "least_conn";
    LEAST_TIME = "least_time";
    LIMIT_EXCEPT = "limit_except";
    LISTEN = "listen";
    LOAD_MODULE = "load_module";
    LOCATION = "location";
    MAIL = "mail";
    MAP = "map";
    PROXY_CONNECT_TIMEOUT = "proxy_connect_timeout";
    PROXY_HIDE_HEADER = "proxy_hide_header";
    PROXY_HTTP_VERSION = "proxy_http_version";
    PROXY_PASS = "proxy_pass";
    PROXY_PASS_HEADER = "proxy_pass_header";
    PROXY_PASS_REQUEST_HEADERS = "proxy_pass_request_headers";
    PROXY_READ_TIMEOUT = "proxy_read_timeout";
    PROXY_SEND_TIMEOUT = "proxy_send_timeout";
    PROXY_SET_HEADER = "proxy_set_header";
    PROXY_TIMEOUT = "proxy_timeout";
    RANDOM = "random";
    RETURN = "return";
    REWRITE = "rewrite";
    SCGI_PASS = "scgi_pass";
    SEND_TIMEOUT = "send_timeout";
    SERVER = "server";
    SERVER_NAME = "server_name";
    SET = "set";
    SPLIT_CLIENTS = "split_clients";
    STICKY = "sticky";
    STREAM = "stream";
    TYPES = "types";
    UPSTREAM = "upstream";
    UWSGI_PASS = "uwsgi_pass";
    WORKER_SHUTDOWN_TIMEOUT = "worker_shutdown_timeout";
}
