//! A request on its way through one server, phase by phase (`ap_process_request_internal`). Knows the order of the
//! phases, not what they do.

use super::mapping::Target;
use super::{Go, Outcome, Passage, Request, Tracer};
use crate::effective::apache::directives::Section;
use crate::effective::apache::server::ServerId;
use crate::effective::{BlockId, Value};
use crate::source::files::Found;
use crate::tree::NodeRef;

/// Requests inside requests, one in the other, and redirects inside the server, one after the other, that the server
/// follows (`AP_DEFAULT_MAX_INTERNAL_REDIRECTS`).
const MAX_INSIDE: usize = 10;

/// A request on its way through one server.
#[derive(Clone)]
pub(super) struct Session<'t> {
    pub tracer: &'t Tracer<'t>,
    pub request: &'t Request,
    pub server: ServerId,
    /// The server whose limits were in force while the headers were read, and no name was known.
    pub read_by: ServerId,
    /// Path and query as they came.
    pub written: Vec<u8>,
    /// Decoded, without `.` and `..`.
    pub path: Vec<u8>,
    pub query: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Value)>,
    /// What `SetEnv` and its like have given.
    pub environment: Vec<(Vec<u8>, Value)>,
    /// What is in force for the request, the last one first in rank.
    pub sections: Vec<BlockId>,
    /// The URL it is sent to.
    pub target: Option<Target>,
    /// The file it stands for, as far as its directories are there; empty where nothing is known of it.
    pub filename: Vec<u8>,
    /// It was asked what file it stands for.
    pub mapped: bool,
    /// What of the path lies behind the file.
    pub path_info: Vec<u8>,
    /// What the file is.
    pub found: Found,
    /// What a rewrite rule makes the handler, and which does.
    pub handler: Option<(Value, NodeRef)>,
    pub steps: Vec<(Option<NodeRef>, String)>,
    pub looks: Vec<(NodeRef, Option<bool>)>,
    /// No rewrite rule is run any more.
    pub rewriting_ended: bool,
    /// The request's path is no file's, whether files can be seen or not.
    pub is_no_file: bool,
    /// The line that keeps ProxyPass away.
    pub kept: Option<NodeRef>,
    /// What a rule in a section begins the request again with.
    pub restart: Option<Vec<u8>>,
    pub restarts: usize,
    /// The sections by which access was last checked.
    pub checked: Option<Vec<BlockId>>,
    /// How many requests this one is inside of.
    pub depth: usize,
    /// `Timeout 0`: no connection to a backend is waited for.
    pub no_time: Option<NodeRef>,
    /// The line that sends it on, whether it then can or not.
    pub taken_by: Option<NodeRef>,
    /// Nobody asks who the client is.
    pub is_welcome: bool,
}

impl<'t> Session<'t> {
    pub fn new(tracer: &'t Tracer<'t>, request: &'t Request, server: ServerId) -> Self {
        Self {
            tracer,
            request,
            server,
            read_by: server,
            written: request.target.clone(),
            path: Vec::new(),
            query: None,
            headers: joined(request),
            environment: Vec::new(),
            sections: Vec::new(),
            target: None,
            filename: Vec::new(),
            mapped: false,
            path_info: Vec::new(),
            found: Found::Unseen,
            handler: None,
            steps: Vec::new(),
            looks: Vec::new(),
            rewriting_ended: false,
            is_no_file: false,
            kept: None,
            restart: None,
            restarts: 0,
            checked: None,
            depth: 0,
            no_time: None,
            taken_by: None,
            is_welcome: false,
        }
    }

    pub fn run(mut self) -> Passage {
        let outcome = match self.phases() {
            Ok(outcome) | Err(outcome) => self.explained(outcome),
        };
        let Self { server, steps, looks, taken_by, kept, .. } = self;
        Passage { server, outcome, steps, looks, taken_by, kept }
    }

    fn phases(&mut self) -> Go<Outcome> {
        self.check_limits()?;
        self.handle()
    }

    fn handle(&mut self) -> Go<Outcome> {
        loop {
            self.receive()?;
            self.look_up()?;
            match self.restart.take() {
                Some(written) => self.begin_again(written)?,
                None => break,
            }
        }
        match self.target.take() {
            Some(target) => self.forward(target),
            None => self.serve(),
        }
    }

    /// What `ErrorDocument` makes of an answer: another request inside the server, which may be sent on like any
    /// (`ap_die`).
    fn explained(&mut self, outcome: Outcome) -> Outcome {
        let Outcome::Answered { status: Some(status), at, .. } = outcome else { return outcome };
        let Some((document, line)) = self.error_document(status) else { return outcome };
        if crate::handshake::apache::redirects::is_url(&document) {
            let why = format!("ErrorDocument sends the client elsewhere for {status}");
            return Outcome::Answered { status: Some(302), why, at: Some(line), location: Some(document) };
        }
        if !document.starts_with(b"/") {
            return outcome;
        }
        let again = self.begin_again(document).and_then(|()| self.handle());
        match again {
            Ok(again @ (Outcome::Forwarded(_) | Outcome::Unknown { .. }))
            | Err(again @ Outcome::Unknown { .. }) => {
                if let Some(at) = at {
                    self.note(
                        at,
                        format!("the answer is {status}, and ErrorDocument begins the request again"),
                    );
                }
                again
            }
            _ => outcome,
        }
    }

    /// What modules do as soon as the request is read (`ap_post_read_request`).
    pub fn receive(&mut self) -> Go {
        self.change_headers(true);
        // What is asked of the path now is asked of it as it came.
        self.path = self.written.split(|&byte| byte == b'?').next().unwrap_or_default().to_vec();
        self.set_environment(&[])
    }

    /// From the path to what is sent on or served.
    fn look_up(&mut self) -> Go {
        self.read_path()?;
        if self.maps_encoded() {
            self.find_sections()?;
            self.map_to_target(true)?;
            // What keeps these lines away keeps nothing else.
            self.kept = None;
            self.sections.clear();
        }
        if self.target.is_none() {
            self.decode_path()?;
        }
        self.find_sections()?;
        self.map()?;
        self.find_sections()?;
        if self.depth == 0 {
            let sections = self.sections.clone();
            self.set_environment(&sections)?;
        }
        self.check_access_once()?;
        self.fix_up()
    }

    /// A redirect inside the server is not checked again where the very same sections are for it, whatever was said then.
    /// Sections for targets are merged anew each time, and so are all of them where one module looks at each request.
    fn check_access_once(&mut self) -> Go {
        let config = self.tracer.config;
        let is_new =
            |&block: &BlockId| matches!(config.block(block).section, Section::Proxy | Section::ProxyMatch);
        let is_shared = !config.modules(self.tracer.tree).is_loaded("mod_allowmethods.c");
        if is_shared && self.checked.as_ref() == Some(&self.sections) && !self.sections.iter().any(is_new) {
            return Ok(());
        }
        self.checked = Some(self.sections.clone());
        self.check_access()
    }

    /// The translation phase: the first that takes the path has it.
    fn map(&mut self) -> Go {
        if !self.rewriting_ended {
            self.rewrite_for_server()?;
        }
        // A rule that makes the path a file's leaves nothing for others to take.
        let is_free = self.kept.is_none() && self.filename.is_empty();
        if self.target.is_none() && is_free {
            self.map_to_target(false)?;
        }
        if self.target.is_none() && is_free {
            self.map_to_file()?;
        }
        self.mapped = true;
        self.sections.clear();
        match &self.target {
            Some(target) => {
                let url = target.url.clone();
                self.find_proxy_sections(url.as_deref())
            }
            None => {
                self.walk_directories()?;
                self.find_file_sections()
            }
        }
    }

    /// A redirect inside the server: another path, and nothing decided yet.
    fn begin_again(&mut self, written: Vec<u8>) -> Go {
        self.restarts += 1;
        if self.restarts >= MAX_INSIDE {
            return Err(Outcome::answered(
                500,
                "the request is sent round and round inside the server",
                None,
            ));
        }
        self.forget(written);
        for (name, _) in &mut self.environment {
            name.splice(..0, *b"REDIRECT_");
        }
        Ok(())
    }

    fn forget(&mut self, written: Vec<u8>) {
        self.written = written;
        (self.target, self.handler, self.kept) = (None, None, None);
        (self.mapped, self.found) = (false, Found::Unseen);
        self.filename.clear();
        self.path_info.clear();
        self.sections.clear();
    }

    /// What would become of a request for this path, asked by a module (`ap_sub_req_lookup_uri`).
    pub fn inside(&self, written: Vec<u8>) -> Go<Self> {
        if self.depth + self.restarts + 1 >= MAX_INSIDE {
            return Err(Outcome::answered(500, "requests inside requests without an end", None));
        }
        let mut inside = self.clone();
        inside.depth += 1;
        // `[END]` is for the request around it alone.
        inside.rewriting_ended = false;
        inside.forget(written);
        inside.look_up()?;
        Ok(inside)
    }

    pub fn note(&mut self, at: NodeRef, text: impl Into<String>) {
        self.steps.push((Some(at), text.into()));
    }

    /// The header's value, of several the first; None where it is not sent.
    pub fn header(&self, name: &[u8]) -> Option<Value> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }
}

/// The request's headers; several of one name are one (`apr_table_compress`).
fn joined(request: &Request) -> Vec<(Vec<u8>, Value)> {
    let mut headers: Vec<(Vec<u8>, Value)> = Vec::with_capacity(request.headers.len());
    for (name, _) in &request.headers {
        let is_there = headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some(value) = request.header(name).filter(|_| !is_there) {
            headers.push((name.clone(), value));
        }
    }
    headers
}
