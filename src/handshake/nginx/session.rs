//! What nginx knows of one request: its URI, its variables, its headers. Knows no phase.

use hashbrown::HashMap;
use std::cell::{Cell, RefCell};
use std::net::IpAddr;

use super::uri;
use crate::effective::nginx::{Config, names};
use crate::effective::{BlockId, Value};
use crate::handshake::Request;
use crate::tree::Tree;

/// One request in one server; what changes on its way is in cells, because variables are asked for meanwhile.
pub(super) struct Session<'a> {
    tree: &'a Tree,
    config: &'a Config,
    server: BlockId,
    pub(super) request: &'a Request,
    /// Decoded and normalized, without the query.
    pub(super) uri: RefCell<Vec<u8>>,
    pub(super) args: RefCell<Vec<u8>>,
    /// The URI was changed, so a location is to be found again.
    pub(super) uri_changed: Cell<bool>,
    /// The request line may be passed on as it came.
    pub(super) valid_unparsed_uri: Cell<bool>,
    /// The location that was found still fits the URI.
    pub(super) valid_location: Cell<bool>,
    pub(super) internal: Cell<bool>,
    /// The URI came percent-encoded.
    pub(super) quoted: bool,
    /// A query is being put together, in which groups of a path that came encoded are encoded again.
    pub(super) in_query: Cell<bool>,
    variables: RefCell<HashMap<Vec<u8>, Value>>,
    captures: RefCell<Vec<Vec<u8>>>,
    /// Where the client is, where that is known.
    client: Option<IpAddr>,
    /// Host and port of the `proxy_pass` that handles the request.
    pub(super) proxy: RefCell<Option<(String, u16)>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(tree: &'a Tree, config: &'a Config, server: BlockId, request: &'a Request) -> Self {
        let (path, args) = uri::split(&request.target);
        Self {
            tree,
            config,
            server,
            request,
            uri: RefCell::new(uri::normalized(path)),
            args: RefCell::new(args.to_vec()),
            uri_changed: Cell::new(false),
            valid_unparsed_uri: Cell::new(true),
            valid_location: Cell::new(true),
            internal: Cell::new(false),
            quoted: path.contains(&b'%'),
            in_query: Cell::new(false),
            variables: RefCell::default(),
            captures: RefCell::default(),
            client: None,
            proxy: RefCell::default(),
        }
    }

    /// The same for a client at this address, unless it may be another's (`ngx_http_realip_module`).
    pub(super) fn with_client(self, client: Option<IpAddr>) -> Self {
        let (config, server) = (self.config, self.server);
        let holds = |outer: BlockId, inner: BlockId| config.chain(inner).any(|block| block == outer);
        let mut lines = config.everywhere(names::SET_REAL_IP_FROM).iter();
        let replaced = lines.any(|&(block, _)| holds(server, block) || holds(block, server));
        Self { client: client.filter(|_| !replaced), ..self }
    }

    pub(super) fn client(&self) -> Option<IpAddr> {
        self.client
    }

    pub(super) fn set(&self, name: &[u8], value: Value) {
        self.variables.borrow_mut().insert(name.to_ascii_lowercase(), value);
    }

    /// Keeps the groups of a match: by number, and by name where they have one.
    pub(super) fn matched(&self, groups: Vec<Vec<u8>>, names: &[Option<String>]) {
        for (name, group) in names.iter().zip(&groups) {
            if let Some(name) = name {
                self.set(name.as_bytes(), Value::Known(group.clone()));
            }
        }
        *self.captures.borrow_mut() = groups;
    }

    pub(super) fn forget_captures(&self) {
        self.captures.borrow_mut().clear();
    }

    /// Another URI, as `ngx_http_internal_redirect` sets it.
    pub(super) fn redirect(&self, target: &[u8]) {
        let (path, args) = uri::split(target);
        *self.uri.borrow_mut() = path.to_vec();
        *self.args.borrow_mut() = args.to_vec();
        self.valid_unparsed_uri.set(false);
        self.internal.set(true);
        self.uri_changed.set(false);
    }

    /// The Host header without its port, in lower case; None where none is sent.
    pub(super) fn host(&self) -> Option<Vec<u8>> {
        let value = self.request.header(b"host")?;
        let host = value.known()?.to_ascii_lowercase();
        Some(uri::without_port(&host).to_vec())
    }

    fn server_name(&self) -> Vec<u8> {
        let first = self.config.own(self.server, names::SERVER_NAME).next();
        let word = first.and_then(|node| self.tree.directive(node).arg(0));
        let name = word.map(|word| word.value().to_ascii_lowercase()).unwrap_or_default();
        name.strip_prefix(b".").map(<[u8]>::to_vec).unwrap_or(name)
    }

    fn argument(&self, name: &[u8]) -> Vec<u8> {
        let args = self.args.borrow();
        let found = args.split(|&byte| byte == b'&').find_map(|pair| {
            let at = pair.iter().position(|&byte| byte == b'=')?;
            pair[..at].eq_ignore_ascii_case(name).then(|| pair[at + 1..].to_vec())
        });
        found.unwrap_or_default()
    }
}

impl crate::effective::nginx::Request for Session<'_> {
    fn variable(&self, name: &[u8]) -> Value {
        let known = |bytes: &[u8]| Value::Known(bytes.to_vec());
        if let Some(header) = name.strip_prefix(b"http_") {
            let header: Vec<u8> = header.iter().map(|&byte| if byte == b'_' { b'-' } else { byte }).collect();
            return self.request.header(&header).unwrap_or_else(Value::empty);
        }
        if let Some(argument) = name.strip_prefix(b"arg_") {
            return Value::Known(self.argument(argument));
        }
        if [
            &b"sent_http_"[..],
            b"sent_trailer_",
            b"upstream_http_",
            b"upstream_trailer_",
            b"upstream_cookie_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        {
            return Value::empty();
        }
        match name {
            b"host" => Value::Known(
                self.host().filter(|host| !host.is_empty()).unwrap_or_else(|| self.server_name()),
            ),
            b"uri" | b"document_uri" => known(&self.uri.borrow()),
            b"args" | b"query_string" => known(&self.args.borrow()),
            b"is_args" => known(if self.args.borrow().is_empty() { b"" } else { b"?" }),
            b"request_uri" => known(&self.request.target),
            b"request" => Value::Known(self.request.request_line().into_bytes()),
            b"request_method" => known(&self.request.method),
            b"scheme" => known(if self.request.tls { b"https" } else { b"http" }),
            b"https" => known(if self.request.tls { b"on" } else { b"" }),
            b"server_name" => Value::Known(self.server_name()),
            b"server_port" => Value::Known(self.request.port.to_string().into_bytes()),
            b"server_protocol" => known(if self.request.version == 10 { b"HTTP/1.0" } else { b"HTTP/1.1" }),
            b"http2" | b"http3" | b"content_length" | b"content_type" | b"request_body"
            | b"invalid_referer" => Value::empty(),
            b"remote_addr" if self.client.is_some() => {
                Value::Known(self.client.map(|client| client.to_string()).unwrap_or_default().into_bytes())
            }
            b"proxy_host" | b"proxy_port" => match &*self.proxy.borrow() {
                Some((host, _)) if name == b"proxy_host" => known(host.as_bytes()),
                Some((_, port)) => Value::Known(port.to_string().into_bytes()),
                None => Value::empty(),
            },
            name if name.starts_with(b"cookie_") && self.request.header(b"cookie").is_none() => {
                Value::empty()
            }
            name if name.starts_with(b"ssl_") && !self.request.tls => Value::empty(),
            b"ssl_server_name" => Value::Known(self.request.host.clone().into_bytes()),
            name => Value::Unknown(format!("${}", String::from_utf8_lossy(name))),
        }
    }

    fn assigned(&self, name: &[u8]) -> Option<Value> {
        let assigned = self.variables.borrow().get(name).cloned();
        // A variable that is set only further on is empty until then.
        let is_set = || !self.config.sets(name).is_empty() && self.config.map(name).is_none();
        assigned.or_else(|| is_set().then(Value::empty))
    }

    fn capture(&self, number: u8) -> Option<Vec<u8>> {
        let group = self.captures.borrow().get(usize::from(number)).cloned().unwrap_or_default();
        Some(if self.in_query.get() && self.quoted { uri::escaped_args(&group) } else { group })
    }

    fn is_followed(&self) -> bool {
        true
    }
}
