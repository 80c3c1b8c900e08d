//! Every rule, one file each. The table below is the only list of them.

mod connection_not_upgrade;
mod inherited_headers_lost;
mod upgrade_not_forwarded;

use crate::engine::Rule;

/// In the order of their names.
pub static ALL: [&Rule; 3] = [
    &connection_not_upgrade::RULE,
    &inherited_headers_lost::RULE,
    &upgrade_not_forwarded::RULE,
];

/// The rule of this name.
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id == id).copied()
}
