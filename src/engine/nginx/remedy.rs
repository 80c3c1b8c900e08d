//! The lines that bring a handshake to the backend, as far as a route lacks them. Knows what to write and where,
//! not which rule asks.

use super::Facts;
use crate::effective::nginx::directives::LOCATION;
use crate::effective::nginx::names::PROXY_HTTP_VERSION;
use crate::effective::nginx::versions::NEW_PROXY_DEFAULTS;
use crate::effective::{BlockId, Setting, Value};
use crate::routes::{Route, has_token};
use crate::tree::NodeRef;

/// The client's own token, or no header where the client sends none.
pub const UPGRADE_LINE: &str = "proxy_set_header Upgrade $http_upgrade;";

pub const VERSION_LINE: &str = "proxy_http_version 1.1;";

impl Facts<'_> {
    /// Where settings for a block's requests may be written: `if` and `limit_except` take none, the location
    /// around them does.
    pub fn settings_place(&self, block: BlockId) -> BlockId {
        self.config.enclosing(block, LOCATION).unwrap_or(block)
    }

    /// Whether the directive stands at that place itself, so that it is edited rather than overruled.
    pub fn is_written_at(&self, place: BlockId, directive: NodeRef) -> bool {
        self.config.own(place, self.directive(directive).name_id()).any(|node| node == directive)
    }

    /// The version's line where the route lacks it; none where `place` has one, because a second is refused.
    pub fn missing_version(&self, route: &Route, place: BlockId) -> Option<String> {
        let missing = match route.http_version {
            Setting::Default { .. } => !self.config.always_since(NEW_PROXY_DEFAULTS),
            Setting::Written { value, .. } => value != 11,
            Setting::Absent | Setting::Opaque => false,
        };
        let free = self.config.own(place, PROXY_HTTP_VERSION).len() == 0;
        (missing && free).then(|| VERSION_LINE.to_string())
    }

    /// A Connection header that asks for the upgrade: by a map that the configuration has for it, else the
    /// constant.
    pub fn connection_line(&self, block: BlockId) -> String {
        let asks = |name: &[u8]| match self.handshake.evaluate(block, &[b"$", name].concat()) {
            Value::Known(value) => has_token(&value, "upgrade"),
            Value::Unknown(_) => false,
        };
        match self.config.maps.iter().find(|map| asks(&map.name)) {
            Some(map) => format!("proxy_set_header Connection ${};", String::from_utf8_lossy(&map.name)),
            None => "proxy_set_header Connection \"upgrade\";".to_string(),
        }
    }
}
