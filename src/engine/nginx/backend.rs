//! Where a route's handshakes go: the address behind variables, the servers of an upstream. Knows no header.

use hashbrown::HashSet;

use super::Facts;
use crate::effective::nginx::names::SERVER;
use crate::effective::nginx::values::{Piece, pieces};
use crate::effective::{BlockId, Value};
use crate::routes::Route;
use crate::routes::address::Address;
use crate::syntax::NameId;

/// Variables that begin with a `/` or a `?`, or are empty: host and port end before them.
const URI_VARIABLES: [&str; 4] = ["document_uri", "is_args", "request_uri", "uri"];

impl Facts<'_> {
    /// Scheme, host and port that a handshake is sent to; None where a variable or a template decides that.
    pub fn address(&self, route: &Route) -> Option<Address> {
        let ended = |text: &[u8]| {
            let start = memchr::memmem::find(text, b"://").map(|at| at + 3);
            start.is_some_and(|start| {
                let rest = &text[start..];
                !rest.starts_with(b"unix:") && memchr::memchr2(b'/', b'?', rest).is_some()
            })
        };
        let text = self.backend_until(route, ended)?;
        Address::parse(std::str::from_utf8(&text).ok()?)
    }

    /// The scheme that a handshake is sent by, in lower case; None where a variable or a template decides that.
    pub fn scheme(&self, route: &Route) -> Option<String> {
        let text = self.backend_until(route, |text| memchr::memmem::find(text, b"://").is_some())?;
        let end = memchr::memmem::find(&text, b"://")?;
        Some(String::from_utf8_lossy(&text[..end]).to_ascii_lowercase())
    }

    /// What a handshake makes of the backend's text, as far as it is asked for.
    fn backend_until(&self, route: &Route, is_enough: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let word = self.directive(route.node).arg(0).filter(|word| !word.is_hole())?;
        let written = word.value();
        let mut text = Vec::new();
        for piece in pieces(&written) {
            match piece.ok()? {
                _ if is_enough(&text) => break,
                Piece::Literal(literal) => text.extend_from_slice(literal),
                Piece::Variable(name) if is_uri(name) && memchr::memmem::find(&text, b"://").is_some() => {
                    break;
                }
                Piece::Variable(name) => match self.handshake.evaluate(route.block, &[b"$", name].concat()) {
                    Value::Known(value) => text.extend_from_slice(&value),
                    Value::Unknown(_) => return None,
                },
                Piece::Capture(_) => return None,
            }
        }
        Some(text)
    }

    /// The upstream block that a handshake is sent to, also by way of a variable.
    pub fn upstream(&self, route: &Route) -> Option<BlockId> {
        let by_variable = || {
            let address = self.address(route).filter(|address| address.port.is_none())?;
            self.config.upstreams.get(address.host.as_bytes()).copied()
        };
        route.backend.upstream.or_else(by_variable)
    }

    /// How many servers of an upstream share its connections: neither `down` nor only a `backup`, each address once.
    /// None where not all of them are seen, or a module of somebody else's may balance them.
    pub fn sharing_servers(&self, upstream: BlockId) -> Option<usize> {
        *self.sharing.borrow_mut().entry(upstream).or_insert_with(|| {
            let block = self.config.block(upstream);
            let foreign = self.config.all(upstream).any(|(name, _)| name == NameId::UNKNOWN);
            let lines = self.config.own(upstream, SERVER).map(|node| self.directive(node));
            let sharing =
                lines.filter(|line| !line.args().skip(1).any(|word| word.is("backup") || word.is("down")));
            let addresses = sharing.filter_map(|line| Some(line.arg(0)?.value()));
            (!block.opaque && !block.broken && !foreign).then(|| addresses.collect::<HashSet<_>>().len())
        })
    }
}

fn is_uri(name: &[u8]) -> bool {
    URI_VARIABLES.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}
