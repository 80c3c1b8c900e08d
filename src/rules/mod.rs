//! Every rule, one file each. The table below is the only list of them.

mod backend_cannot_upgrade;
mod balancer_incomplete;
mod baseline_stale;
mod cached_handshake;
mod comment_swallows_line;
mod config_refused;
mod connection_hardcoded;
mod connection_map_broken;
mod connection_map_loose;
mod connection_map_missing;
mod connection_not_upgrade;
mod directive_not_allowed_here;
mod duplicate_directive;
mod duplicate_handshake_header;
mod endpoint_not_upgraded;
mod h2c_smuggling;
mod h2websockets_unusable;
mod handshake_header_stripped;
mod handshake_not_get;
mod handshake_redirected;
mod host_not_forwarded;
mod http2_plaintext_listen;
mod http3_only_listen;
mod http_1_0_hop;
mod http_2_hop;
mod idle_timeout_short;
mod include_loop;
mod include_not_found;
mod inherited_headers_lost;
mod invalid_value;
mod ip_hash_sees_one_client;
mod limit_exceeded;
mod locationmatch_proxypass;
mod malformed_handshake_header;
mod map_disables_keepalive;
mod map_redefined;
mod misspelled_variable;
mod open_proxy;
mod origin_removed;
mod path_mangled;
mod protocols_misspelled;
mod proxy_module_missing;
mod real_wstunnel_never_idles;
mod reload_cuts_tunnels;
mod remark_unclear;
mod remark_unused;
mod rewrite_condition_broken;
mod rewrite_loses_path;
mod rewrite_never_runs;
mod rewrite_not_proxied;
mod route_shadowed;
mod scheme_disagrees;
mod send_timeout_short;
mod sethandler_path;
mod settings_unclear;
mod ssl_proxy_engine_off;
mod sticky_cookie_never_set;
mod sticky_ignored;
mod subrequest_upgrades;
mod syntax;
mod template_not_expanded;
mod template_unclosed;
mod timeout_invalid;
mod timeout_unit_ignored;
mod timeout_without_effect;
mod try_files_before_proxy;
mod undefined_define;
mod unknown_directive;
mod unreadable;
mod upgrade_hardcoded;
mod upgrade_not_forwarded;
mod upgrade_parameter_invalid;
mod upstream_not_sticky;
mod useless_request_header;
mod variable_backend_without_resolver;
mod worker_shared;
mod wrong_argument_count;
mod wrong_header_directive;
mod ws_scheme_in_proxy_pass;
mod wss_not_served;

use hashbrown::HashSet;
use std::path::{Path, PathBuf};

use crate::engine::baseline::Entry;
use crate::engine::levels::Levels;
use crate::engine::settings::Problem;
use crate::engine::{Linted, Rule, near, promises};
use crate::finding::{Finding, Severity};
use crate::source::Span;

/// In the order of their names.
pub static ALL: [&Rule; 80] = [
    &backend_cannot_upgrade::RULE,
    &balancer_incomplete::RULE,
    &baseline_stale::RULE,
    &cached_handshake::RULE,
    &comment_swallows_line::RULE,
    &config_refused::RULE,
    &connection_hardcoded::RULE,
    &connection_map_broken::RULE,
    &connection_map_loose::RULE,
    &connection_map_missing::RULE,
    &connection_not_upgrade::RULE,
    &directive_not_allowed_here::RULE,
    &duplicate_directive::RULE,
    &duplicate_handshake_header::RULE,
    &endpoint_not_upgraded::RULE,
    &h2c_smuggling::RULE,
    &h2websockets_unusable::RULE,
    &handshake_header_stripped::RULE,
    &handshake_not_get::RULE,
    &handshake_redirected::RULE,
    &host_not_forwarded::RULE,
    &http_1_0_hop::RULE,
    &http_2_hop::RULE,
    &http2_plaintext_listen::RULE,
    &http3_only_listen::RULE,
    &idle_timeout_short::RULE,
    &include_loop::RULE,
    &include_not_found::RULE,
    &inherited_headers_lost::RULE,
    &invalid_value::RULE,
    &ip_hash_sees_one_client::RULE,
    &limit_exceeded::RULE,
    &locationmatch_proxypass::RULE,
    &malformed_handshake_header::RULE,
    &map_disables_keepalive::RULE,
    &map_redefined::RULE,
    &misspelled_variable::RULE,
    &open_proxy::RULE,
    &origin_removed::RULE,
    &path_mangled::RULE,
    &protocols_misspelled::RULE,
    &proxy_module_missing::RULE,
    &real_wstunnel_never_idles::RULE,
    &reload_cuts_tunnels::RULE,
    &remark_unclear::RULE,
    &remark_unused::RULE,
    &rewrite_condition_broken::RULE,
    &rewrite_loses_path::RULE,
    &rewrite_never_runs::RULE,
    &rewrite_not_proxied::RULE,
    &route_shadowed::RULE,
    &scheme_disagrees::RULE,
    &send_timeout_short::RULE,
    &sethandler_path::RULE,
    &settings_unclear::RULE,
    &ssl_proxy_engine_off::RULE,
    &sticky_cookie_never_set::RULE,
    &sticky_ignored::RULE,
    &subrequest_upgrades::RULE,
    &syntax::RULE,
    &template_not_expanded::RULE,
    &template_unclosed::RULE,
    &timeout_invalid::RULE,
    &timeout_unit_ignored::RULE,
    &timeout_without_effect::RULE,
    &try_files_before_proxy::RULE,
    &undefined_define::RULE,
    &unknown_directive::RULE,
    &unreadable::RULE,
    &upgrade_hardcoded::RULE,
    &upgrade_not_forwarded::RULE,
    &upgrade_parameter_invalid::RULE,
    &upstream_not_sticky::RULE,
    &useless_request_header::RULE,
    &variable_backend_without_resolver::RULE,
    &worker_shared::RULE,
    &wrong_argument_count::RULE,
    &wrong_header_directive::RULE,
    &ws_scheme_in_proxy_pass::RULE,
    &wss_not_served::RULE,
];

/// The rule of this name.
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.binary_search_by(|rule| rule.id.cmp(id)).ok().map(|index| ALL[index])
}

/// The rule that was probably meant by a name that none has.
pub fn nearest(id: &str) -> Option<&'static str> {
    near::nearest(id, ALL.iter().map(|rule| rule.id))
}

/// Settles what no configuration can tell alone: a remark that does nothing in one and something in another that has
/// the same file is not told, and an endpoint is judged once.
pub fn agree(linted: &mut [Linted]) {
    let place = |part: &Linted, at: Span| (part.tree.sources.path(at.file).to_owned(), at.start);
    let heeded: HashSet<(PathBuf, u32)> =
        linted.iter().flat_map(|part| part.heeded.iter().map(move |&at| place(part, at))).collect();
    for part in &mut *linted {
        let mut findings = std::mem::take(&mut part.findings);
        findings.retain(|finding| {
            finding.rule != remark_unused::RULE.id || !heeded.contains(&place(part, finding.primary))
        });
        part.findings = findings;
    }
    promises::settle(linted);
}

/// What is told of an entry of a baseline that nothing is found for, at the level that it has in the baseline's file.
pub fn stale(entry: &Entry, at: Span, levels: &Levels, file: &Path) -> Option<Finding> {
    levels.apply(&baseline_stale::RULE, baseline_stale::check(entry, at), file, false)
}

/// What is told of a mistake in the settings, at the level that they give it. A file that is none of settings cannot say
/// how loud that is.
pub fn unclear(problem: &Problem, at: Span, levels: &Levels, file: &Path) -> Option<Finding> {
    let finding = settings_unclear::check(problem, at);
    match problem.severity {
        Severity::Error => Some(finding),
        _ => levels.apply(&settings_unclear::RULE, finding, file, false),
    }
}
