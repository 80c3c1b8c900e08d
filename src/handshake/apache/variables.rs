//! What expressions and rewrite conditions learn of a request. Knows no rule and no section.

use std::net::IpAddr;

use super::Session;
use super::listen::{asked_name, ip_of};
use crate::effective::Value;
use crate::effective::apache::names;
use crate::effective::apache::request::Request;
use crate::source::files::Found;

/// A session as expressions see it.
pub(super) struct View<'s, 't>(&'s Session<'t>);

impl<'t> Session<'t> {
    pub(super) fn view(&self) -> View<'_, 't> {
        View(self)
    }

    /// A directory's path, in which what a request names is looked for; None where it is not written.
    pub(super) fn document_root(&self) -> Option<Vec<u8>> {
        let (config, tree) = (self.tracer.config, self.tracer.tree);
        let word = tree.directive(config.in_force(self.server, names::DOCUMENT_ROOT)?).arg(0)?;
        if word.is_hole() {
            return None;
        }
        let path = word.value();
        Some(self.below_server_root(path.strip_suffix(b"/").unwrap_or(&path)))
    }

    /// The client's address and the server's own, where both are the loopback's.
    pub(super) fn client(&self) -> Option<IpAddr> {
        let arrival = self.tracer.arrival(self.request);
        let address = ip_of(arrival.as_deref().unwrap_or(&self.request.host));
        address.filter(IpAddr::is_loopback)
    }

    /// The name that the server takes itself to go by (`ap_get_server_name`).
    fn server_name(&self) -> Value {
        match self.header(b"host").filter(|_| !self.goes_by_canonical_name()) {
            Some(Value::Known(host)) => known(asked_name(&host)),
            Some(unknown) => unknown,
            None => known(self.tracer.host_of(self.server)),
        }
    }

    /// The port that goes with it (`ap_get_server_port`).
    fn server_port(&self) -> u16 {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let is_asked = !self.goes_by_canonical_name();
        // A request inside the request knows nothing of the port that the client asked for.
        let asks = is_asked && self.depth == 0;
        let asked = self.header(b"host").filter(|_| asks).and_then(|host| port_of(host.known()?));
        let physical = config.in_sections(&self.sections, self.server, names::USE_CANONICAL_PHYSICAL_PORT);
        let physical = (config.flag(tree, physical) == Some(true)).then_some(self.request.port);
        let own = config.server(self.server).port;
        let behind = if is_asked { physical.or(own) } else { own.or(physical) };
        asked.or(behind).unwrap_or(if self.request.tls { 443 } else { 80 })
    }

    fn goes_by_canonical_name(&self) -> bool {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let node = config.in_sections(&self.sections, self.server, names::USE_CANONICAL_NAME);
        config.flag(tree, node) == Some(true)
    }

    /// A file as the server finds it: what isn't absolute lies below the server root.
    pub(super) fn below_server_root(&self, path: &[u8]) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        let root = self.tracer.tree.reading.server_root.as_os_str().as_bytes();
        match path.first() {
            Some(b'/') => path.to_vec(),
            _ => [root, b"/", path].concat(),
        }
    }
}

/// The port in a Host header.
fn port_of(host: &[u8]) -> Option<u16> {
    let colon = host.iter().rposition(|&byte| byte == b':')?;
    std::str::from_utf8(&host[colon + 1..]).ok()?.parse().ok()
}

fn known(value: impl Into<Vec<u8>>) -> Value {
    Value::Known(value.into())
}

impl Request for View<'_, '_> {
    fn variable(&self, name: &str) -> Value {
        let session = self.0;
        let request = session.request;
        let unknown = || Value::Unknown(format!("%{{{name}}}"));
        let flag = |on: bool| known(if on { "on" } else { "off" });
        match name {
            "REQUEST_METHOD" => known(request.method.clone()),
            "REQUEST_SCHEME" => known(if request.tls { "https" } else { "http" }),
            "HTTPS" => flag(request.tls),
            "IS_SUBREQ" => known(if session.depth > 0 { "true" } else { "false" }),
            "HTTP2" => flag(false),
            "IPV6" => flag(request.host.contains(':')),
            "REQUEST_URI" | "DOCUMENT_URI" => known(session.path.clone()),
            "QUERY_STRING" => known(session.query.clone().unwrap_or_default()),
            "THE_REQUEST" => known(request.request_line()),
            "SERVER_PROTOCOL" => known(format!("HTTP/{}.{}", request.version / 10, request.version % 10)),
            "SERVER_PORT" => known(session.server_port().to_string()),
            "SERVER_NAME" => session.server_name(),
            "REMOTE_ADDR" | "CONN_REMOTE_ADDR" | "SERVER_ADDR" => {
                session.client().map_or_else(unknown, |address| known(address.to_string()))
            }
            "REQUEST_FILENAME" | "SCRIPT_FILENAME" => match &session.target {
                Some(target) => {
                    target.url.as_ref().map_or_else(unknown, |url| known([b"proxy:", &url[..]].concat()))
                }
                None if session.mapped && session.filename.is_empty() => unknown(),
                None => known(session.filename.clone()),
            },
            "PATH_INFO" => known(session.path_info.clone()),
            "REMOTE_USER" | "REMOTE_IDENT" | "AUTH_TYPE" | "CONTEXT_PREFIX" => Value::empty(),
            "DOCUMENT_ROOT" | "CONTEXT_DOCUMENT_ROOT" => session.document_root().map_or_else(unknown, known),
            "HANDLER" if session.target.is_some() => known("proxy-server"),
            "HANDLER" => session.handler.clone().map_or_else(Value::empty, |(value, _)| value),
            name if name.starts_with("SSL:") && !request.tls => Value::empty(),
            _ => unknown(),
        }
    }

    fn header(&self, name: &[u8]) -> Value {
        self.0.header(name).unwrap_or_else(Value::empty)
    }

    fn environment(&self, name: &[u8]) -> Value {
        let found = self.0.environment.iter().rfind(|(known, _)| known == name);
        found.map_or_else(Value::empty, |(_, value)| value.clone())
    }

    fn is_served_as(&self, host: &[u8], port: u16) -> Option<bool> {
        let session = self.0;
        let server = session.tracer.config.server(session.server);
        let host = host.to_ascii_lowercase();
        let written = session.tracer.written_hosts(session.server);
        let mut addresses = server.addresses.iter().zip(written);
        let by_address = addresses
            .any(|(address, written)| address.port.is_none_or(|own| own == port) && *written == host);
        match by_address {
            true => Some(true),
            false if server.port.unwrap_or(0) != port => Some(false),
            false => session.tracer.has_name(session.server, &host),
        }
    }

    fn file_test(&self, test: u8, path: &[u8]) -> Option<bool> {
        let tracer = self.0.tracer;
        if self.0.is_no_file && matches!(test, b'd' | b'e' | b'f' | b's') && path.ends_with(&self.0.path) {
            return Some(false);
        }
        if !path.starts_with(b"/") {
            // Relative to where the server runs, which is no place for files.
            return b"defsLhx".contains(&test).then_some(false);
        }
        let place = tracer.place(path)?;
        let found = tracer.files.look(&place);
        if found == Found::Unseen {
            return None;
        }
        Some(match test {
            b'd' => found == Found::Directory,
            b'e' => found.is_there(),
            b'f' => found == Found::File,
            b's' => {
                let read = tracer.files.read(&place, 1);
                !matches!(read, Ok(bytes) if bytes.is_empty()) && found.is_there()
            }
            _ => return None,
        })
    }
}
