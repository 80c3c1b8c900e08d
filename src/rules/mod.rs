//! Every rule, one file each. The table below is the only list of them.

mod config_refused;
mod connection_hardcoded;
mod connection_map_broken;
mod connection_map_loose;
mod connection_map_missing;
mod connection_not_upgrade;
mod directive_not_allowed_here;
mod duplicate_directive;
mod duplicate_handshake_header;
mod handshake_header_stripped;
mod http_1_0_hop;
mod http_2_hop;
mod idle_timeout_short;
mod include_loop;
mod include_not_found;
mod inherited_headers_lost;
mod invalid_value;
mod limit_exceeded;
mod malformed_handshake_header;
mod map_disables_keepalive;
mod map_redefined;
mod misspelled_variable;
mod reload_cuts_tunnels;
mod send_timeout_short;
mod syntax;
mod timeout_invalid;
mod timeout_without_effect;
mod unknown_directive;
mod unreadable;
mod upgrade_hardcoded;
mod upgrade_not_forwarded;
mod wrong_argument_count;
mod wrong_header_directive;

use crate::engine::Rule;

/// In the order of their names.
pub static ALL: [&Rule; 33] = [
    &config_refused::RULE,
    &connection_hardcoded::RULE,
    &connection_map_broken::RULE,
    &connection_map_loose::RULE,
    &connection_map_missing::RULE,
    &connection_not_upgrade::RULE,
    &directive_not_allowed_here::RULE,
    &duplicate_directive::RULE,
    &duplicate_handshake_header::RULE,
    &handshake_header_stripped::RULE,
    &http_1_0_hop::RULE,
    &http_2_hop::RULE,
    &idle_timeout_short::RULE,
    &include_loop::RULE,
    &include_not_found::RULE,
    &inherited_headers_lost::RULE,
    &invalid_value::RULE,
    &limit_exceeded::RULE,
    &malformed_handshake_header::RULE,
    &map_disables_keepalive::RULE,
    &map_redefined::RULE,
    &misspelled_variable::RULE,
    &reload_cuts_tunnels::RULE,
    &send_timeout_short::RULE,
    &syntax::RULE,
    &timeout_invalid::RULE,
    &timeout_without_effect::RULE,
    &unknown_directive::RULE,
    &unreadable::RULE,
    &upgrade_hardcoded::RULE,
    &upgrade_not_forwarded::RULE,
    &wrong_argument_count::RULE,
    &wrong_header_directive::RULE,
];

/// The rule of this name.
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.binary_search_by(|rule| rule.id.cmp(id)).ok().map(|index| ALL[index])
}
