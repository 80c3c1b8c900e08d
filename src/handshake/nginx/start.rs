//! What nginx knows once it has started: the hosts it has looked up, and what speaks on each listening socket.
//! Knows no request.

use hashbrown::{HashMap, HashSet};

use super::Tracer;
use super::sockets::Sockets;
use crate::effective::BlockId;
use crate::effective::nginx::directives::{IF_LOCATION, LIMIT_EXCEPT, LOCATION, SERVER};
use crate::effective::nginx::names;
use crate::routes::address::Address;
use crate::tree::NodeRef;

/// One listening socket of a server. Servers that listen at the same address share it, and its options.
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    /// The server's own `listen`; none where nginx listens on port 80 by itself.
    pub at: Option<NodeRef>,
    pub ssl: bool,
    /// The `listen ... http2` that turns HTTP/2 on here, maybe another server's.
    pub http2: Option<NodeRef>,
    pub quic: bool,
}

/// Directives that look their host up when nginx starts, all into one list (`ngx_http_upstream_add`).
const PASSES: [crate::syntax::NameId; 6] = [
    names::FASTCGI_PASS,
    names::GRPC_PASS,
    names::MEMCACHED_PASS,
    names::PROXY_PASS,
    names::SCGI_PASS,
    names::UWSGI_PASS,
];

impl Tracer<'_> {
    /// Whether an address that a variable makes can be connected to without a `resolver`: an IP address, a socket, an
    /// upstream block's name without a port, or host and port of a line without variables
    /// (`ngx_http_upstream_init_request`).
    pub fn is_known_at_start(&self, address: &Address) -> bool {
        let is_upstream = || self.config.upstreams.contains_key(address.host.as_bytes());
        let looked_up = || self.lists.looked_up.get_or_init(|| self.looked_up_at_start());
        !address.is_name()
            || (address.port.is_none() && is_upstream())
            || looked_up().contains(&(address.host.clone(), address.port()))
    }

    fn looked_up_at_start(&self) -> HashSet<(String, u16)> {
        let config = self.config;
        let places =
            config.blocks().filter(|(_, block)| block.context & (LOCATION | IF_LOCATION | LIMIT_EXCEPT) != 0);
        let lines =
            places.flat_map(|(block, _)| PASSES.into_iter().flat_map(move |name| config.own(block, name)));
        let words = lines.filter_map(|node| self.tree.directive(node).arg(0)).filter(|word| !word.is_hole());
        words
            .map(|word| word.show())
            .filter(|text| !text.contains('$'))
            .filter_map(|text| {
                let text = if text.contains("://") { text } else { format!("fastcgi://{text}") };
                let address = Address::parse(&text.replacen("grpcs://", "https://", 1))?;
                Some((address.host.clone(), address.port()))
            })
            .collect()
    }

    pub(super) fn all_sockets(&self) -> &Sockets {
        self.lists.all_sockets.get_or_init(|| Sockets::new(self.tree, self.config))
    }

    /// The servers of `http` that have this name among those that stand for one host, in lower case.
    pub fn servers_named(&self, host: &str) -> &[BlockId] {
        let list = || {
            let mut named: HashMap<String, Vec<BlockId>> = HashMap::new();
            for (server, _) in self.config.blocks().filter(|(_, block)| block.context == SERVER) {
                for host in self.hosts(server).0 {
                    named.entry(host.to_ascii_lowercase()).or_default().push(server);
                }
            }
            named
        };
        self.lists.named.get_or_init(list).get(host).map_or(&[], Vec::as_slice)
    }

    /// The sockets a server listens on; none where one of them is not known.
    pub fn sockets(&self, server: BlockId) -> &[Socket] {
        let known = self.lists.sockets.get_or_init(|| self.all_sockets().by_server());
        let sockets = known.get(&server).map_or(&[][..], Vec::as_slice);
        let written = self.config.own(server, names::LISTEN).len();
        if self.config.block(server).opaque || sockets.len() != written.max(1) { &[] } else { sockets }
    }
}

pub(super) type ByServer = HashMap<BlockId, Vec<Socket>>;
