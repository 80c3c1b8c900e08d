//! What expressions and rewrite conditions may ask about a request, and the names they ask by. Knows no
//! configuration.

use crate::effective::Value;

/// A request, as far as expressions and conditions ask about it.
pub trait Request {
    /// The value of a variable of httpd's own, named in upper case: one of `VARIABLES` that is neither a header nor a
    /// time. `SSL:NAME` stands for what mod_ssl knows by that name. Empty where the server knows the name and the
    /// request has nothing to say to it.
    fn variable(&self, name: &str) -> Value;

    /// A request header, several of one name joined; empty where it is not sent.
    fn header(&self, name: &[u8]) -> Value;

    /// What `SetEnv` and its like have given to the request; empty where the name is not set.
    fn environment(&self, name: &[u8]) -> Value;

    /// Whether a file passes a test of the expression language: one of `defsLhx` (`l` is told as `L`), or `F`, `U`,
    /// `A`, which ask by a request inside the request. None where that is not known.
    fn file_test(&self, test: u8, path: &[u8]) -> Option<bool>;

    /// Whether the server that answers goes by this name on this port (`ap_matches_request_vhost`): the port must be
    /// the one that `ServerName` gives, and without one none is right; or both are the address of its `<VirtualHost>`
    /// as it is written there. None where that is not known.
    fn is_served_as(&self, _host: &[u8], _port: u16) -> Option<bool> {
        None
    }
}

/// Who knows a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    Expression,
    Rewrite,
}

/// Where a variable's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The request is asked.
    Request,
    Header(&'static str),
    /// The time of the request, or something else that no file tells.
    Moment,
}

use Origin::{Header, Moment, Request as Asked};

/// Name, origin, whether expressions know it, whether mod_rewrite does (`core_expr_lookup`, `lookup_variable`).
const VARIABLES: &[(&str, Origin, bool, bool)] = &[
    ("API_VERSION", Moment, true, true),
    ("AUTH_TYPE", Asked, true, true),
    ("CONN_LOG_ID", Moment, true, false),
    ("CONN_REMOTE_ADDR", Asked, true, true),
    ("CONTENT_TYPE", Asked, true, false),
    ("CONTEXT_DOCUMENT_ROOT", Asked, true, true),
    ("CONTEXT_PREFIX", Asked, true, true),
    ("DOCUMENT_ROOT", Asked, true, true),
    ("DOCUMENT_URI", Asked, true, false),
    ("HANDLER", Asked, true, false),
    ("HTTP2", Asked, true, false),
    ("HTTPS", Asked, true, true),
    ("HTTP_ACCEPT", Header("Accept"), true, true),
    ("HTTP_COOKIE", Header("Cookie"), true, true),
    ("HTTP_FORWARDED", Header("Forwarded"), true, true),
    ("HTTP_HOST", Header("Host"), true, true),
    ("HTTP_PROXY_CONNECTION", Header("Proxy-Connection"), true, true),
    ("HTTP_REFERER", Header("Referer"), true, true),
    ("HTTP_USER_AGENT", Header("User-Agent"), true, true),
    ("IPV6", Asked, true, true),
    ("IS_SUBREQ", Asked, true, true),
    ("LAST_MODIFIED", Moment, true, false),
    ("PATH_INFO", Asked, true, true),
    ("QUERY_STRING", Asked, true, true),
    ("REMOTE_ADDR", Asked, true, true),
    ("REMOTE_HOST", Asked, true, true),
    ("REMOTE_IDENT", Asked, true, true),
    ("REMOTE_PORT", Moment, true, true),
    ("REMOTE_USER", Asked, true, true),
    ("REQUEST_FILENAME", Asked, true, true),
    ("REQUEST_LOG_ID", Moment, true, false),
    ("REQUEST_METHOD", Asked, true, true),
    ("REQUEST_SCHEME", Asked, true, true),
    ("REQUEST_STATUS", Asked, true, false),
    ("REQUEST_URI", Asked, true, true),
    ("SCRIPT_FILENAME", Asked, true, true),
    ("SCRIPT_GROUP", Moment, true, true),
    ("SCRIPT_USER", Moment, true, true),
    ("SERVER_ADDR", Asked, false, true),
    ("SERVER_ADMIN", Asked, true, true),
    ("SERVER_NAME", Asked, true, true),
    ("SERVER_PORT", Asked, true, true),
    ("SERVER_PROTOCOL", Asked, true, true),
    ("SERVER_SOFTWARE", Moment, true, true),
    ("THE_REQUEST", Asked, true, true),
    ("TIME", Moment, true, true),
    ("TIME_DAY", Moment, true, true),
    ("TIME_HOUR", Moment, true, true),
    ("TIME_MIN", Moment, true, true),
    ("TIME_MON", Moment, true, true),
    ("TIME_SEC", Moment, true, true),
    ("TIME_WDAY", Moment, true, true),
    ("TIME_YEAR", Moment, true, true),
];

/// Whether a name, in any case, is a variable for who asks.
pub fn is_variable(name: &str, asker: Asker) -> bool {
    find(&name.to_ascii_uppercase(), asker).is_some()
}

/// A variable's value, its name in any case; empty where nobody knows it, as the server has it.
pub fn variable(request: &dyn Request, name: &str, asker: Asker) -> Value {
    let name = name.to_ascii_uppercase();
    match find(&name, asker) {
        Some(Header(header)) => request.header(header.as_bytes()),
        Some(Moment) => Value::Unknown(format!("%{{{name}}}")),
        Some(Asked) => request.variable(&name),
        None => Value::empty(),
    }
}

fn find(name: &str, asker: Asker) -> Option<Origin> {
    let at = VARIABLES.binary_search_by_key(&name, |entry| entry.0).ok()?;
    let (_, origin, expression, rewrite) = VARIABLES[at];
    let known = match asker {
        Asker::Expression => expression,
        Asker::Rewrite => rewrite,
    };
    known.then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(VARIABLES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn names_are_known_to_those_who_know_them() {
        assert!(is_variable("Request_Uri", Asker::Rewrite));
        assert!(is_variable("handler", Asker::Expression) && !is_variable("handler", Asker::Rewrite));
        assert!(!is_variable("SERVER_ADDR", Asker::Expression) && is_variable("SERVER_ADDR", Asker::Rewrite));
        assert!(!is_variable("HTTP_UPGRADE", Asker::Rewrite));
    }
}
