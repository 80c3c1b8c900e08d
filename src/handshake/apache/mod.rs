//! One handshake through httpd's phases, in the order in which the server runs them. Knows no rule.

mod access;
mod canonical;
mod content;
mod fixups;
mod listen;
mod mapping;
mod outgoing;
mod path;
mod proxy;
mod reach;
mod redirects;
mod rewrite;
mod rules;
mod sections;
mod session;
mod storage;
mod variables;

use std::sync::OnceLock;

use super::{Chosen, Hop, Request, Roots, Step, Trace, Upstream, Url, Verdict, refusal};
use crate::effective::BlockId;
use crate::effective::apache::directives::Section;
use crate::effective::apache::rewrite::ConditionLine;
use crate::effective::apache::rewriting::Rewriting;
use crate::effective::apache::server::{Listen, Server, ServerId, listens};
use crate::effective::apache::{Config, Refusal};
use crate::effective::version::Version;
use crate::source::files::Files;
use crate::tree::{NodeRef, Tree};
use sections::Model;
use session::Session;

pub use proxy::{Forwarded, Handler};
pub use reach::{NAME_IS_ADDRESS, NO_AUTHORITIES, PROXY_TLS_OFF};
pub use sections::own_path;

/// Passages through this configuration that are followed.
const MAX_HOPS: usize = 8;

/// Follows handshakes through one configuration.
pub struct Tracer<'a> {
    pub tree: &'a Tree,
    pub config: &'a Config,
    pub files: &'a dyn Files,
    pub roots: &'a Roots,
    /// Where versions differ, this one is followed.
    pub version: Version,
    listens: Vec<Listen>,
    /// The main server's sections but for virtual hosts, of which there may be thousands.
    main_sections: Vec<BlockId>,
    /// By server, the hosts of its section as they are written, when first asked for.
    written_hosts: OnceLock<Vec<Vec<Vec<u8>>>>,
    /// What is compiled of each server, when first asked for.
    models: Vec<OnceLock<Box<Model>>>,
}

/// Where a request ends in this server.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is sent on.
    Forwarded(Box<Forwarded>),
    /// The server answers itself, or drops the client, where there is no status.
    Answered {
        status: Option<u16>,
        why: String,
        at: Option<NodeRef>,
        location: Option<Vec<u8>>,
    },
    Unknown {
        why: String,
        at: Option<NodeRef>,
    },
}

impl Outcome {
    fn answered(status: u16, why: impl Into<String>, at: Option<NodeRef>) -> Self {
        Self::Answered { status: Some(status), why: why.into(), at, location: None }
    }

    fn dropped(why: impl Into<String>) -> Self {
        Self::Answered { status: None, why: why.into(), at: None, location: None }
    }

    fn unknown(why: impl Into<String>, at: Option<NodeRef>) -> Self {
        Self::Unknown { why: why.into(), at }
    }
}

/// What became of a request, and what was decided on the way.
#[derive(Clone, Debug)]
pub struct Passage {
    pub server: ServerId,
    pub outcome: Outcome,
    pub steps: Vec<(Option<NodeRef>, String)>,
    /// Rewrite conditions and rules that were looked at, and whether they held.
    pub looks: Vec<(NodeRef, Option<bool>)>,
    /// The line that the server would send the request on by, whether it then can or not.
    pub taken_by: Option<NodeRef>,
    /// The line for which ProxyPass does not send the request on: a rewrite rule that makes it a file's, a `!`, what sets
    /// `no-proxy`.
    pub kept: Option<NodeRef>,
}

/// `Err` ends the request.
type Go<T = ()> = Result<T, Outcome>;

impl<'a> Tracer<'a> {
    pub fn new(
        tree: &'a Tree,
        config: &'a Config,
        files: &'a dyn Files,
        roots: &'a Roots,
        version: Version,
    ) -> Self {
        let models = config.servers.iter().map(|_| OnceLock::new()).collect();
        let is_host = |block: &BlockId| config.block(*block).section == Section::VirtualHost;
        let main_sections = config.children(config.main().block).filter(|block| !is_host(block)).collect();
        let (listens, written_hosts) = (listens(tree, config), OnceLock::new());
        Self { tree, config, files, roots, version, listens, main_sections, written_hosts, models }
    }

    /// The hosts of a server's section as they are written, in lower case.
    fn written_hosts(&self, server: ServerId) -> &[Vec<u8>] {
        let of = |server: &Server| server.written_hosts(self.tree);
        let all = self.written_hosts.get_or_init(|| self.config.servers.iter().map(of).collect());
        &all[server.0 as usize]
    }

    /// The sections directly inside a block, in order; virtual hosts are none.
    fn sections(&self, block: BlockId) -> Vec<BlockId> {
        match block == self.config.main().block {
            true => self.main_sections.clone(),
            false => self.config.children(block).collect(),
        }
    }

    /// What keeps the server from starting though its own test passes.
    pub fn start_refusal(&self) -> Option<Refusal> {
        crate::effective::apache::start::refusal(self.tree, self.config)
    }

    fn model(&self, server: ServerId) -> &Model {
        self.models[server.0 as usize].get_or_init(|| Box::new(Model::new(self, server)))
    }

    /// Follows a browser's handshake; each of `headers` replaces one of its own.
    pub fn trace(&self, url: &Url, headers: &[(String, String)]) -> Trace {
        let mut request = Request::handshake(url, headers);
        let mut hops: Vec<Hop> = Vec::new();
        let mut idle: Option<u64> = None;
        loop {
            let mut hop = Hop { request_line: request.request_line(), ..Hop::default() };
            let arrived = match self.arrive(&request) {
                Ok(arrived) => arrived,
                Err(outcome) => {
                    hops.push(hop);
                    return self.ended(outcome, hops);
                }
            };
            hop.server = Some(self.chosen_server(&arrived));
            let session =
                Session { read_by: arrived.read_by, ..Session::new(self, &request, arrived.server) };
            let passage = self.settled(arrived.server, session.run());
            hop.steps.extend(passage.steps.iter().map(|(at, text)| self.step(*at, text)));
            let forwarded = match passage.outcome {
                Outcome::Forwarded(forwarded) => forwarded,
                outcome => {
                    hops.push(hop);
                    return self.ended(outcome, hops);
                }
            };
            hop.route = Some(self.chosen_route(&forwarded));
            hop.upstream = forwarded.failure.is_none().then(|| forwarded.upstream.clone());
            idle = match (idle, forwarded.idle_timeout_ms) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            hops.push(hop);
            if let Some(answer) = forwarded.failure.clone() {
                return self.ended(answer, hops);
            }
            let again = self.listens_at(&forwarded);
            if again && hops.len() >= MAX_HOPS {
                let outcome = Outcome::unknown("it goes from hop to hop without an end", None);
                return self.ended(outcome, hops);
            }
            if again {
                request = forwarded.next;
                continue;
            }
            return self.delivered(&forwarded, hops, idle);
        }
    }

    /// What the backend says to what it receives.
    fn delivered(&self, forwarded: &Forwarded, hops: Vec<Hop>, idle: Option<u64>) -> Trace {
        let (verdict, status, why) = match refusal(&forwarded.next) {
            Ok(None) if forwarded.upgrades => {
                (Verdict::Upgraded, Some(101), "the backend sees a sound handshake".to_string())
            }
            Ok(None) => {
                let why = "the backend's 101 is not passed on: nothing here lets this line upgrade";
                (Verdict::Intercepted, Some(502), why.to_string())
            }
            Ok(Some(why)) => {
                let because = forwarded.because.as_ref().map(|because| format!("; {because}"));
                (Verdict::Refused, None, format!("{why}{}", because.unwrap_or_default()))
            }
            Err(why) => (Verdict::Unknown, None, format!("it depends on {why}")),
        };
        Trace { verdict, status, why, hops, idle_timeout_ms: idle }
    }

    fn ended(&self, outcome: Outcome, mut hops: Vec<Hop>) -> Trace {
        let (verdict, status, why, at) = match outcome {
            Outcome::Answered { status, why, at, .. } => (Verdict::Intercepted, status, why, at),
            Outcome::Unknown { why, at } => (Verdict::Unknown, None, format!("it depends on {why}"), at),
            Outcome::Forwarded(_) => unreachable!("internal: what is sent on has not ended"),
        };
        if let (Some(hop), Some(at)) = (hops.last_mut(), at) {
            hop.steps.push(self.step(Some(at), &why));
        }
        Trace { verdict, status, why, hops, idle_timeout_ms: None }
    }

    fn step(&self, at: Option<NodeRef>, text: &str) -> Step {
        Step { at: at.map(|node| self.tree.head(node)), by: at, text: text.to_string() }
    }

    fn chosen_server(&self, arrived: &listen::Arrived) -> Chosen {
        let server = self.config.server(arrived.server);
        Chosen {
            name: server.shown(),
            at: server.node.map(|node| self.tree.head(node)),
            why: arrived.why.to_string(),
        }
    }

    fn chosen_route(&self, forwarded: &Forwarded) -> Chosen {
        let text =
            String::from_utf8_lossy(self.tree.sources.slice(self.tree.head(forwarded.by))).into_owned();
        let words: Vec<&str> = text.split_whitespace().take(2).collect();
        Chosen { name: words.join(" "), at: Some(self.tree.head(forwarded.by)), why: forwarded.why.clone() }
    }

    /// Whether the backend is this very configuration.
    fn listens_at(&self, forwarded: &Forwarded) -> bool {
        let next = &forwarded.next;
        let is_here = next.host == "localhost"
            || next.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let here = self.listens.iter().any(|listen| {
            listen.port == Some(next.port)
                && match &listen.host {
                    None => is_here,
                    Some(host) => listen::is_same_host(host, &next.host),
                }
        });
        here && forwarded.socket.is_none()
    }

    /// One request through one server.
    pub fn pass(&self, request: &Request, server: ServerId) -> Passage {
        self.settled(server, Session::new(self, request, server).run())
    }

    /// An answer that a line gives which a template need not write, or that one it may write would keep from being given,
    /// is not known.
    fn settled(&self, server: ServerId, passage: Passage) -> Passage {
        let Outcome::Answered { at, .. } = passage.outcome else { return passage };
        let around = self.config.server(server).node;
        let is_settled = match at {
            _ if !self.tree.has_open_templates => true,
            Some(node) => !self.tree.is_conditional(node, around),
            None => false,
        };
        match is_settled {
            true => passage,
            false => Passage { outcome: Outcome::unknown("what the template writes", at), ..passage },
        }
    }

    /// The same for a client that has logged in and has the right address, wherever such a one is let in.
    pub fn pass_welcome(&self, request: &Request, server: ServerId) -> Passage {
        self.settled(server, Session { is_welcome: true, ..Session::new(self, request, server) }.run())
    }

    /// The same for such a client and a path at which nobody has put a file, wherever the files are: that of a WebSocket.
    pub fn pass_as_socket(&self, request: &Request, server: ServerId) -> Passage {
        let session = Session { is_no_file: true, is_welcome: true, ..Session::new(self, request, server) };
        self.settled(server, session.run())
    }

    /// Whether a rewrite condition holds for a request to a server, whatever stands around it; None where that is not
    /// known.
    pub fn condition_holds(
        &self,
        condition: &ConditionLine,
        request: &Request,
        server: ServerId,
    ) -> Option<bool> {
        Session::new(self, request, server).rewrite_condition_holds(condition)
    }

    /// The rewrite rules in force in a server, its virtual host's and what it inherits.
    pub fn rewriting(&self, server: ServerId) -> &Rewriting {
        &self.model(server).rewriting
    }

    /// A browser's handshake for a path of one server, whatever its address and name.
    pub fn handshake(&self, server: ServerId, path: &[u8]) -> Request {
        let host = self.host_of(server);
        let port = self.config.server(server).addresses.iter().find_map(|address| address.port);
        let port = port.or_else(|| self.listens.iter().find_map(|listen| listen.port)).unwrap_or(80);
        let tls = self.is_tls(server, port);
        let target =
            String::from_utf8_lossy(&crate::effective::apache::escape::escape_uri(path)).into_owned();
        let scheme = if tls { "wss" } else { "ws" };
        let url = Url {
            text: format!("{scheme}://{host}:{port}{target}"),
            tls,
            host,
            port,
            target: target.into_bytes(),
        };
        Request::handshake(&url, &[])
    }
}

/// What `trace` of the command line asks.
pub fn trace(
    tree: &Tree,
    config: &Config,
    files: &dyn Files,
    roots: &Roots,
    url: &Url,
    headers: &[(String, String)],
) -> Trace {
    let version = config.target.apache.last;
    let tracer = Tracer::new(tree, config, files, roots, version);
    if let Some(refusal) = tracer.start_refusal() {
        return Trace::stopped(Verdict::ConfigError, refusal.message, tree.head(refusal.node));
    }
    tracer.trace(url, headers)
}

/// What is sent on, for an upstream that is told of.
fn upstream(address: String, request: &Request) -> Upstream {
    Upstream { address, request_line: request.request_line(), headers: Vec::new() }
}
