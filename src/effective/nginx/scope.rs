//! nginx's laws of inheritance. Knows which level decides, not what it decides.

use super::directives::{IF_LOCATION, LIMIT_EXCEPT};
use super::{Config, NEWEST, names, values, versions};
use crate::effective::BlockId;
use crate::effective::Setting;
use crate::effective::version::Version;
use crate::syntax::NameId;
use crate::tree::{NodeRef, Tree};

/// How far a directive reaches into the blocks inside its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Law {
    /// Into all of them, until a level has one or more of its own: that level then decides alone, and what stands
    /// further out is thrown away as a whole (`ngx_conf_merge_ptr_value`, `ngx_conf_merge_value`).
    Nearest,
    /// Only into the `if` and `limit_except` blocks of its location, which run in its place.
    Content,
}

/// The directives that are not simply inherited.
const LAWS: [(NameId, Law); 5] = [
    (names::FASTCGI_PASS, Law::Content),
    (names::GRPC_PASS, Law::Content),
    (names::PROXY_PASS, Law::Content),
    (names::SCGI_PASS, Law::Content),
    (names::UWSGI_PASS, Law::Content),
];

fn law(name: NameId) -> Law {
    LAWS.iter().find(|(known, _)| *known == name).map_or(Law::Nearest, |&(_, law)| law)
}

/// Which level's directives of a name are in force in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inherited {
    /// The deciding level; None where nothing is written.
    pub level: Option<BlockId>,
    /// Something that was not seen stands at that level, or nearer, or (with no level) anywhere around.
    pub opaque: bool,
    /// The next level outward that has some too, thrown away by the deciding one.
    pub dropped: Option<BlockId>,
}

/// Times in milliseconds that hold where nothing is written (`ngx_http_proxy_merge_loc_conf`,
/// `ngx_http_core_merge_loc_conf`).
const DEFAULT_TIMES: [(NameId, u64); 4] = [
    (names::PROXY_CONNECT_TIMEOUT, 60_000),
    (names::PROXY_READ_TIMEOUT, 60_000),
    (names::PROXY_SEND_TIMEOUT, 60_000),
    (names::SEND_TIMEOUT, 60_000),
];

impl Config {
    /// The level that decides over `name` in `block`.
    pub fn inherited(&self, block: BlockId, name: NameId) -> Inherited {
        let mut inherited = Inherited { level: None, opaque: false, dropped: None };
        if self.is_nowhere(name) {
            return inherited;
        }
        let reach = match law(name) {
            Law::Nearest => usize::MAX,
            Law::Content if self.block(block).context & (IF_LOCATION | LIMIT_EXCEPT) != 0 => 2,
            Law::Content => 1,
        };
        for level in self.chain(block).take(reach) {
            let present = self.own(level, name).len() > 0;
            match inherited.level {
                None => {
                    inherited.opaque |= self.block(level).opaque || self.is_unsettled(level, name);
                    inherited.level = present.then_some(level);
                }
                Some(_) if present => {
                    inherited.dropped = Some(level);
                    break;
                }
                Some(_) => {}
            }
        }
        inherited
    }

    /// The one directive of this name that holds in `block`: the nearest.
    pub fn nearest(&self, block: BlockId, name: NameId) -> Setting<NodeRef> {
        if self.is_nowhere(name) {
            return Setting::Absent;
        }
        for level in self.chain(block) {
            if self.is_unsettled(level, name) {
                return Setting::Opaque;
            }
            if let Some(at) = self.own(level, name).next() {
                return Setting::Written { value: at, at, inherited: level != block };
            }
            if self.block(level).opaque {
                return Setting::Opaque;
            }
        }
        Setting::Absent
    }

    /// A time in force, in milliseconds; Opaque where it is written but not valid.
    pub fn time(&self, tree: &Tree, block: BlockId, name: NameId) -> Setting<u64> {
        match self.nearest(block, name) {
            Setting::Written { at, inherited, .. } => {
                let directive = tree.directive(at);
                let word = directive.arg(0).filter(|word| directive.arg_count() == 1 && !word.is_hole());
                match word.and_then(|word| values::milliseconds(&word.value())) {
                    Some(value) => Setting::Written { value, at, inherited },
                    None => Setting::Opaque,
                }
            }
            Setting::Opaque => Setting::Opaque,
            Setting::Absent | Setting::Default { .. } => {
                let default = DEFAULT_TIMES.iter().find(|(known, _)| *known == name);
                default.map_or(Setting::Absent, |&(_, value)| Setting::Default { value, older: None })
            }
        }
    }

    /// The protocol version spoken to the backend: 10, 11 or 20; Opaque where it is written but not valid.
    pub fn proxy_http_version(&self, tree: &Tree, block: BlockId) -> Setting<u8> {
        match self.nearest(block, names::PROXY_HTTP_VERSION) {
            Setting::Written { at, inherited, .. } => {
                let value = tree.directive(at).arg(0).and_then(|word| match &*word.value() {
                    b"1.0" => Some(10),
                    b"1.1" => Some(11),
                    b"2" => Some(20),
                    _ => None,
                });
                value.map_or(Setting::Opaque, |value| Setting::Written { value, at, inherited })
            }
            Setting::Opaque => Setting::Opaque,
            Setting::Absent | Setting::Default { .. } => {
                Setting::Default { value: 11, older: Some((10, versions::NEW_PROXY_DEFAULTS)) }
            }
        }
    }

    /// Whether every version of the target is at least this one.
    pub fn always_since(&self, version: Version) -> bool {
        debug_assert!(version <= NEWEST);
        !self.target.nginx.any_before(version)
    }

    /// The `proxy_hide_header` that keeps a header of the backend's answer from the client. Both it and
    /// `proxy_pass_header`, which undoes it, are inherited each for itself (`ngx_http_upstream_hide_headers_hash`).
    pub fn hides(&self, tree: &Tree, block: BlockId, header: &str) -> Option<NodeRef> {
        let (hide, pass) = (
            self.inherited(block, names::PROXY_HIDE_HEADER),
            self.inherited(block, names::PROXY_PASS_HEADER),
        );
        if hide.opaque || pass.opaque {
            return None;
        }
        let names_it = |&node: &NodeRef| {
            tree.directive(node)
                .arg(0)
                .is_some_and(|word| word.value().eq_ignore_ascii_case(header.as_bytes()))
        };
        if pass
            .level
            .is_some_and(|level| self.own(level, names::PROXY_PASS_HEADER).any(|node| names_it(&node)))
        {
            return None;
        }
        self.own(hide.level?, names::PROXY_HIDE_HEADER).find(names_it)
    }

    /// The `add_header ... always` in force that adds a header to every answer, a 101 included.
    pub fn always_adds(&self, tree: &Tree, block: BlockId, header: &str) -> Option<NodeRef> {
        let add = self.inherited(block, names::ADD_HEADER);
        self.own(add.level.filter(|_| !add.opaque)?, names::ADD_HEADER).find(|&node| {
            let line = tree.directive(node);
            line.arg(0).is_some_and(|word| word.value().eq_ignore_ascii_case(header.as_bytes()))
                && line.arg(2).is_some_and(|word| word.is("always"))
        })
    }

    /// The `proxy_pass` that handles a block's requests.
    pub fn proxy_pass(&self, block: BlockId) -> Option<NodeRef> {
        self.own(self.inherited(block, names::PROXY_PASS).level?, names::PROXY_PASS).next()
    }
}
