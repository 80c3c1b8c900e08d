//! What changed in httpd with which version. Data only, from httpd's change log.

use crate::effective::version::{Version, Versions};

/// The newest version that was measured.
pub const NEWEST: Version = Version::new(2, 4, 71);

/// The oldest version that counts as in use.
pub const OLDEST: Version = Version::new(2, 4, 52);

/// mod_proxy_http upgrades by itself, for `upgrade=` and for `ws://`; before, mod_proxy_wstunnel alone did.
pub const HTTP_UPGRADES: Version = Version::new(2, 4, 47);

/// The directive `ProxyWebsocketFallbackToProxyHttp`.
pub const FALLBACK_DIRECTIVE: Version = Version::new(2, 4, 48);

/// A tunnel is cut after the longer of the client's and the backend's timeouts; before, after the shorter.
pub const LONGER_IDLE_LIMIT: Version = Version::new(2, 4, 53);

/// `H2WebSockets`, off by default.
pub const H2_WEBSOCKETS: Version = Version::new(2, 4, 58);

/// `H2WebSockets` no longer lets a client crash the server (CVE-2024-36387).
pub const H2_WEBSOCKETS_SAFE: Version = Version::new(2, 4, 60);

/// `RewriteCond expr` holds for every request (CVE-2025-54090).
pub const EXPR_ALWAYS_TRUE: Versions = Versions::new(Version::new(2, 4, 64), Version::new(2, 4, 64));

/// Every version from which a handshake may go another way, in order. Those that only open or mend a way by HTTP/2, or
/// allow a directive, are none.
pub const CHANGES: [Version; 4] =
    [HTTP_UPGRADES, LONGER_IDLE_LIMIT, EXPR_ALWAYS_TRUE.first, Version::new(2, 4, 65)];
