//! What changed in nginx with which version. Data only.

use super::directives::known;
use crate::effective::version::Version;
use crate::syntax::NameId;

/// The newest version that was measured.
pub const NEWEST: Version = Version::new(1, 31, 5);

/// The two columns of the directive table.
pub const OLD_COLUMN: Version = Version::new(1, 22, 1);
pub const NEW_COLUMN: Version = NEWEST;

/// `proxy_http_version` 1.1, no Connection header and kept-alive upstreams by default (commits 6bb27a631, 4fbe4b627).
pub const NEW_PROXY_DEFAULTS: Version = Version::new(1, 29, 7);

/// `proxy_http_version 2` (commit 9bf758ea4).
pub const PROXY_HTTP_2: Version = Version::new(1, 29, 4);

/// A duplicate Host is dropped, the last one wins (commit dea68dbf1).
pub const ONE_HOST: Version = Version::new(1, 31, 4);

/// A port without TLS tells HTTP/1.1 and HTTP/2 apart by the first bytes; before, `listen ... http2` refused the
/// former.
pub const HTTP2_BESIDE_HTTP1: Version = Version::new(1, 25, 1);

/// Every version from which a handshake may go another way, in order.
pub const CHANGES: [Version; 3] = [HTTP2_BESIDE_HTTP1, NEW_PROXY_DEFAULTS, ONE_HOST];

/// The table's two columns are far apart; for these the change is dated (nginx's change log).
pub const CHANGED: [(NameId, Version); 17] = [
    (known("add_header_inherit"), Version::new(1, 29, 3)),
    (known("add_trailer_inherit"), Version::new(1, 29, 3)),
    (known("early_hints"), Version::new(1, 29, 0)),
    (known("http2"), Version::new(1, 25, 1)),
    (known("http3"), Version::new(1, 25, 0)),
    (known("keepalive"), Version::new(1, 29, 7)),
    (known("keepalive_min_timeout"), Version::new(1, 27, 4)),
    (known("least_time"), Version::new(1, 31, 0)),
    (known("proxy_http_version"), PROXY_HTTP_2),
    (known("proxy_socket_rcvbuf"), Version::new(1, 31, 3)),
    (known("proxy_socket_sndbuf"), Version::new(1, 31, 3)),
    (known("quic_retry"), Version::new(1, 25, 0)),
    (known("resolver"), Version::new(1, 27, 3)),
    (known("resolver_timeout"), Version::new(1, 27, 3)),
    (known("ssl"), Version::new(1, 25, 1)),
    (known("sticky"), Version::new(1, 29, 6)),
    (known("tunnel_pass"), Version::new(1, 31, 0)),
];

/// The version from which a directive's newer form holds, where the change is dated.
pub fn changed(name: NameId) -> Option<Version> {
    CHANGED.iter().find(|(changed, _)| *changed == name).map(|(_, version)| *version)
}
