//! A request's way through nginx, phase by phase. Knows the order of the phases; what happens in each stands in a
//! file of its own.

mod access;
mod arrive;
mod content;
mod listen;
mod location;
mod phases;
mod proxy;
mod reached;
mod rewrite;
mod session;
mod sockets;
mod start;
mod stream;
#[cfg(test)]
mod tests;
mod uri;

use hashbrown::{HashMap, HashSet};
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use super::{Hop, Request, Roots, Trace, Url, Verdict};
use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::{Config, Evaluator, names, versions};
use crate::effective::regex::Pattern;
use crate::effective::version::Version;
use crate::routes::Route;
use crate::source::Span;
use crate::source::files::Files;
use crate::tree::{NodeRef, Tree};
pub use arrive::Arrival;
use listen::Listener;
use session::Session;
use sockets::Sockets;
use start::ByServer;

pub use start::Socket;

/// Hops through the same configuration that are followed.
const MAX_HOPS: usize = 8;

/// `NGX_HTTP_MAX_URI_CHANGES`: how often a request may be sent to another location.
const MAX_URI_CHANGES: u32 = 10;

/// The status that `error_page` knows a plain request to a port for TLS by; a client is told 400.
const PLAIN_TO_TLS: u16 = 497;

/// Follows the handshake for a URL, for every version of the target; each of `headers` replaces or removes one that
/// a browser sends. Where versions differ in the verdict it is unknown.
pub fn trace(
    tree: &Tree,
    config: &Config,
    files: &dyn Files,
    roots: &Roots,
    url: &Url,
    headers: &[(String, String)],
) -> Trace {
    let follow = |version| Tracer::new(tree, config, files, roots, version).trace(url, headers);
    let versions = config.target.nginx;
    let mut newest = follow(versions.last);
    for since in
        versions::CHANGES.into_iter().rev().filter(|&since| versions.first < since && since <= versions.last)
    {
        let before = follow(since.before());
        if (before.verdict, before.status) != (newest.verdict, newest.status) {
            newest.why = format!(
                "it depends on the version: before {since} {} ({}), since then {} ({})",
                before.verdict.name(),
                before.why,
                newest.verdict.name(),
                newest.why
            );
            newest.verdict = Verdict::Unknown;
            newest.status = None;
            break;
        }
    }
    newest
}

fn answer(status: u16, why: String) -> End {
    let status = if status == PLAIN_TO_TLS { 400 } else { status };
    End::Answer { status: Some(status), why }
}

/// Everything that a handshake is followed through.
pub struct Tracer<'a> {
    tree: &'a Tree,
    config: &'a Config,
    files: &'a dyn Files,
    roots: &'a Roots,
    /// The one version that is asked about.
    version: Version,
    /// The locations of each block, indexed when first asked for.
    levels: RefCell<HashMap<BlockId, Rc<location::Level<'a>>>>,
    /// The lines of the rewrite module in each block, listed when first run.
    scripts: RefCell<HashMap<NodeRef, Rc<[NodeRef]>>>,
    lists: Arc<Lists>,
    /// The regular expressions of `if` and `rewrite`, with whether case is ignored; None for one that is not valid.
    patterns: RefCell<Patterns>,
}

/// What is listed for a whole configuration, when first asked for.
#[derive(Default)]
pub struct Lists {
    /// Hosts and ports that are looked up when nginx starts.
    looked_up: OnceLock<HashSet<(String, u16)>>,
    all_sockets: OnceLock<Sockets>,
    sockets: OnceLock<ByServer>,
    /// The servers of each host.
    named: OnceLock<HashMap<String, Vec<BlockId>>>,
}

type Patterns = HashMap<(Vec<u8>, bool), Option<Rc<Pattern>>>;

/// How a request comes into a server.
#[derive(Clone, Copy, Default)]
struct Entrance {
    /// As a subrequest, to which `internal` locations are open.
    internal: bool,
    /// Files that cannot be looked up are taken not to exist.
    assumes_no_files: bool,
    /// Without TLS, at a port for it.
    plain_to_tls: bool,
    /// From this address.
    client: Option<IpAddr>,
}

/// How a request's passage through a server ends.
enum End {
    /// The server answers by itself; no status where it says nothing that is HTTP.
    Answer { status: Option<u16>, why: String },
    /// The request is sent on.
    Proxied(Box<proxy::Proxied>),
}

/// Why the way cannot be followed further.
struct Unknown(String);

type Followed<T> = Result<T, Unknown>;

impl<'a> Tracer<'a> {
    pub fn new(
        tree: &'a Tree,
        config: &'a Config,
        files: &'a dyn Files,
        roots: &'a Roots,
        version: Version,
    ) -> Self {
        let (levels, scripts, patterns, lists) = Default::default();
        Self { tree, config, files, roots, version, levels, scripts, patterns, lists }
    }

    /// The same with lists that other threads' tracers of this configuration have made, or will use.
    pub fn sharing(self, lists: &Arc<Lists>) -> Self {
        Self { lists: Arc::clone(lists), ..self }
    }

    /// Follows the handshake for a URL; each of `headers` replaces or removes one that a browser sends.
    pub fn trace(&self, url: &Url, headers: &[(String, String)]) -> Trace {
        let mut trace = Trace {
            verdict: Verdict::Unknown,
            status: None,
            why: String::new(),
            hops: Vec::new(),
            idle_timeout_ms: None,
        };
        let request = Request::handshake(url, headers);
        match self.follow(self.all_sockets(), request, &mut trace) {
            Ok(()) => {}
            Err(Unknown(why)) => {
                trace.verdict = Verdict::Unknown;
                trace.status = None;
                trace.why = format!("it depends on {why}");
            }
        }
        trace
    }

    /// Whether some server goes by the name of a host.
    pub fn names(&self, host: &str) -> bool {
        listen::is_named(self, host.as_bytes())
    }

    /// Whether a hop's way ends in a route.
    pub fn takes(&self, hop: &Hop, route: &Route) -> bool {
        let location = self.config.enclosing(route.block, LOCATION);
        hop.locations.last().is_some_and(|last| Some(*last) == location || *last == route.block)
    }

    fn follow(&self, sockets: &Sockets, mut request: Request, trace: &mut Trace) -> Followed<()> {
        let mut client_upgrades = true;
        loop {
            if trace.hops.len() == MAX_HOPS {
                return Err(Unknown(format!("what comes after {MAX_HOPS} hops through this configuration")));
            }
            let first = trace.hops.is_empty();
            trace.hops.push(Hop { request_line: request.request_line(), ..Hop::default() });
            let hop = trace.hops.last_mut().expect("internal: a hop was just added");
            let end = match sockets.accept(self, &request, hop)? {
                Listener::Nobody(why) => End::Answer { status: None, why },
                Listener::Refuses { status, why } => End::Answer { status, why },
                Listener::Stream(server) => self.stream(server, &request, hop)?,
                Listener::Http(server) => {
                    client_upgrades &= request.header(b"upgrade").is_some();
                    let entrance = Entrance { client: sockets.client(&request), ..Entrance::default() };
                    self.serve(server, &request, hop, entrance)?
                }
                Listener::PlainToTls(server) => {
                    let entrance = Entrance { plain_to_tls: true, ..Entrance::default() };
                    self.serve(server, &request, hop, entrance)?
                }
            };
            match end {
                End::Answer { status, why } => {
                    trace.verdict = Verdict::Intercepted;
                    // A server in front makes 502 of an answer that is none.
                    trace.status = if first { status } else { status.or(Some(502)) };
                    trace.why = why;
                    return Ok(());
                }
                End::Proxied(proxied) => {
                    hop.upstream = Some(proxied.upstream);
                    if let Some(limit) = proxied.idle_timeout_ms {
                        trace.idle_timeout_ms =
                            Some(trace.idle_timeout_ms.map_or(limit, |known| known.min(limit)));
                    }
                    let own = sockets.is_own(&proxied.request);
                    let read_here = own && proxied.request.proxy_line;
                    if let Some((verdict, status, why)) = proxied.ends.filter(|_| !read_here) {
                        trace.verdict = verdict;
                        trace.status = status;
                        trace.why = why;
                        return Ok(());
                    }
                    if own {
                        request = proxied.request;
                        continue;
                    }
                    match super::refusal(&proxied.request).map_err(Unknown)? {
                        Some(why) => {
                            trace.verdict = Verdict::Refused;
                            trace.status = proxied.masked;
                            trace.why = why;
                        }
                        None if !client_upgrades => {
                            trace.verdict = Verdict::Intercepted;
                            trace.why =
                                "the client asks for no upgrade, so nginx does not pass the answer on"
                                    .to_string();
                        }
                        None if proxied.overwritten.is_some() => {
                            trace.verdict = Verdict::Intercepted;
                            trace.status = proxied.overwritten;
                            trace.why = "error_page replaces the status 101".to_string();
                        }
                        None => {
                            trace.verdict = Verdict::Upgraded;
                            trace.status = Some(101);
                            trace.why = "the backend receives a handshake it accepts".to_string();
                        }
                    }
                    return Ok(());
                }
            }
        }
    }

    /// All phases of one request in one server.
    fn serve(&self, server: BlockId, request: &Request, hop: &mut Hop, entrance: Entrance) -> Followed<End> {
        let session = Session::new(self.tree, self.config, server, request).with_client(entrance.client);
        if let Some((groups, pattern)) = listen::name_groups(self, server, request) {
            session.matched(groups, pattern.names());
        }
        let evaluator = Evaluator::new(self.tree, self.config, &session);
        let mut passage = Passage {
            tracer: self,
            session: &session,
            evaluator: &evaluator,
            server,
            block: server,
            hop,
            uri_changes: MAX_URI_CHANGES + 1,
            internal: entrance.internal,
            entrance,
            proxies: false,
            in_error_page: false,
            err_status: None,
        };
        let mut flow = match entrance.plain_to_tls {
            true => Flow::Fail {
                status: PLAIN_TO_TLS,
                why: "the plain request was sent to a port for TLS".to_string(),
            },
            false => Flow::Go(Phase::ServerRewrite),
        };
        loop {
            flow = match flow {
                Flow::Go(phase) => passage.run(phase)?,
                Flow::Fail { status, why } => match passage.error_page(status)? {
                    Some(Flow::Fail { status, why }) => return Ok(answer(status, why)),
                    Some(flow) => flow,
                    None => return Ok(answer(status, why)),
                },
                Flow::End(end) => return Ok(end),
            }
        }
    }

    fn pattern(&self, pattern: &[u8], caseless: bool) -> Option<Rc<Pattern>> {
        let key = (pattern.to_vec(), caseless);
        self.patterns
            .borrow_mut()
            .entry(key)
            .or_insert_with(|| Pattern::new(pattern, caseless).map(Rc::new))
            .clone()
    }

    /// What a location matches, as written.
    fn location_name(&self, node: NodeRef) -> String {
        self.tree.directive(node).args().map(|word| word.show()).collect::<Vec<_>>().join(" ")
    }

    /// A server by its names, or by where it listens.
    fn server_name(&self, server: BlockId) -> String {
        let first = |name| {
            let node = self.config.own(server, name).next()?;
            self.tree.directive(node).arg(0).map(|word| word.show())
        };
        first(names::SERVER_NAME)
            .filter(|name| !name.is_empty())
            .or_else(|| first(names::LISTEN))
            .unwrap_or_default()
    }

    /// What was not seen and may decide over a block: an include in it or around it, or what a fragment stands in.
    fn unseen(&self, block: BlockId) -> Unknown {
        let config = self.config;
        let opaque = config.chain(block).find(|&level| config.block(level).opaque);
        let include = opaque.and_then(|level| {
            config.own(level, names::INCLUDE).find(|&node| config.is_unseen(self.tree, node))
        });
        Unknown(match include.and_then(|node| self.tree.directive(node).arg(0)) {
            Some(file) => format!("`include {}`, which was not seen", file.show()),
            None if config.fragment => "what stands around this fragment".to_string(),
            None => "an include that was not seen".to_string(),
        })
    }

    fn span(&self, node: NodeRef) -> Span {
        self.tree.head(node)
    }
}

/// nginx's phases, as far as a handshake meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    ServerRewrite,
    FindLocation,
    LocationRewrite,
    Access,
    TryFiles,
    Content,
}

/// Where a phase leads.
enum Flow {
    Go(Phase),
    /// A status that `error_page` may still turn into something else.
    Fail {
        status: u16,
        why: String,
    },
    End(End),
}

/// A request inside a server.
struct Passage<'p, 'a> {
    tracer: &'p Tracer<'a>,
    session: &'p Session<'p>,
    evaluator: &'p Evaluator<'p>,
    server: BlockId,
    /// The block whose settings are in force: the server, a location, or an `if` or `limit_except` inside one.
    block: BlockId,
    hop: &'p mut Hop,
    uri_changes: u32,
    /// The request was redirected inside the server, so `internal` locations are open to it.
    internal: bool,
    /// A block that was in force since the location was found proxies: nginx keeps to that even where a later one
    /// does not (`ngx_http_update_location_config`).
    proxies: bool,
    entrance: Entrance,
    in_error_page: bool,
    /// The status that `error_page` writes over the answer.
    err_status: Option<u16>,
}
