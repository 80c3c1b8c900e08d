//! What expressions and rewrite conditions learn of a request. Knows no rule and no section.

use super::Session;
use crate::effective::Value;
use crate::effective::apache::names;
use crate::effective::apache::request::Request;

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
        let path = path.strip_suffix(b"/").unwrap_or(&path);
        match path.first() {
            Some(b'/') => Some(path.to_vec()),
            _ => {
                use std::os::unix::ffi::OsStrExt;
                let root = tree.reading.server_root.as_os_str().as_bytes();
                Some([root, b"/", path].concat())
            }
        }
    }
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
            "HTTP2" | "IPV6" | "IS_SUBREQ" if name == "IS_SUBREQ" => known("false"),
            "HTTP2" => flag(false),
            "IPV6" => flag(request.host.contains(':')),
            "REQUEST_URI" | "DOCUMENT_URI" => known(session.path.clone()),
            "QUERY_STRING" => known(session.query.clone().unwrap_or_default()),
            "THE_REQUEST" => known(request.request_line()),
            "SERVER_PROTOCOL" => known(format!("HTTP/{}.{}", request.version / 10, request.version % 10)),
            "SERVER_PORT" => known(request.port.to_string()),
            "SERVER_NAME" => known(session.tracer.host_of(session.server)),
            "REQUEST_FILENAME" | "SCRIPT_FILENAME" if session.filename.is_empty() => {
                known(session.path.clone())
            }
            "REQUEST_FILENAME" | "SCRIPT_FILENAME" => known(session.filename.clone()),
            "PATH_INFO" | "REMOTE_USER" | "REMOTE_IDENT" | "AUTH_TYPE" | "CONTEXT_PREFIX" => Value::empty(),
            "DOCUMENT_ROOT" | "CONTEXT_DOCUMENT_ROOT" => session.document_root().map_or_else(unknown, known),
            "HANDLER" => session.handler.clone().unwrap_or_else(Value::empty),
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

    fn file_test(&self, test: u8, path: &[u8]) -> Option<bool> {
        let tracer = self.0.tracer;
        if self.0.is_no_file && matches!(test, b'd' | b'e' | b'f' | b's') && path.ends_with(&self.0.path) {
            return Some(false);
        }
        let place = tracer.place(path)?;
        Some(match test {
            b'd' => tracer.files.is_directory(&place),
            b'e' => tracer.files.exists(&place),
            b'f' => tracer.files.exists(&place) && !tracer.files.is_directory(&place),
            b's' => {
                let read = tracer.files.read(&place, 1);
                !matches!(read, Ok(bytes) if bytes.is_empty()) && tracer.files.exists(&place)
            }
            _ => return None,
        })
    }
}
