//! The backend is to be spoken to with TLS, and httpd is not set up for that. Knows httpd's side of TLS, not the
//! backend's certificate.

use std::net::IpAddr;

use crate::engine::apache::Facts;
use crate::engine::apache::fate::{Fate, Serving};
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::apache::{NAME_IS_ADDRESS, NO_AUTHORITIES, Outcome, PROXY_TLS_OFF};
use crate::routes::{Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "ssl-proxy-engine-off",
    level: Level::Error,
    card: include_str!("../../rules/ssl-proxy-engine-off.md"),
    cause: Some(2),
    intent: Intent::Named,
    options: &[],
    check: Check::ApacheRoute(check),
};

/// What such a fix changes beside.
const OTHERS: &str = "other requests to backends that speak TLS no longer fail either";

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let Fate::Taken(passage) = &*facts.fate(route) else { return None };
    let Outcome::Answered { why, at, .. } = &passage.outcome else { return None };
    match why.as_str() {
        PROXY_TLS_OFF => Some(engine_off(facts, route, at.filter(|&at| at != route.node))),
        NO_AUTHORITIES if facts.is_complete() => no_authorities(facts, route, (*at)?),
        NAME_IS_ADDRESS if facts.is_complete() => address(facts, route),
        _ => None,
    }
}

fn engine_off(facts: &Facts, route: &Route, off: Option<NodeRef>) -> Finding {
    let message = "httpd speaks TLS to a backend only where SSLProxyEngine is on, and answers 500";
    let place = backend(facts, route);
    match off {
        Some(off) => RULE
            .finding(facts.head(off), message)
            .label(place, "TLS is asked for here")
            .fix(facts.rewrite_but(off, "SSLProxyEngine On", OTHERS))
            .help("write\nSSLProxyEngine On"),
        None => {
            let server = facts.config.server(facts.server_of(route)).block;
            let name = facts.block_name(server);
            let finding = RULE.finding(place, message).here("TLS is asked for here");
            let fix = facts.in_server(route, "SSLProxyEngine On");
            let fix = fix.risky(format!("write `SSLProxyEngine On`; {OTHERS}"));
            finding.fix(fix).help(format!("write in {name}\nSSLProxyEngine On"))
        }
    }
}

fn no_authorities(facts: &Facts, route: &Route, at: NodeRef) -> Option<Finding> {
    let text = facts.text(at);
    let message = format!("`{text}` trusts no backend's certificate, since no authority is named");
    let finding =
        RULE.finding(facts.head(at), message).label(backend(facts, route), "every connection ends in 500");
    Some(finding.help("write beside it, with the file that holds the authority's certificate\nSSLProxyCACertificateFile \"/path/to/ca.pem\""))
}

/// A certificate has to carry the address as its common name: an address among its alternative names is not looked
/// at.
fn address(facts: &Facts, route: &Route) -> Option<Finding> {
    let hosts = match facts.serving(route) {
        Serving::Members(members) => {
            members.iter().map(|member| member.url.bare_host().to_string()).collect()
        }
        _ => vec![route.backend.host.clone()],
    };
    let bare = |host: &String| {
        let host = match host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.ends_with(':') => {
                host
            }
            _ => host.as_str(),
        };
        host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()
    };
    let address = hosts.iter().find_map(bare)?;
    let message =
        format!("the backend's certificate must carry `{address}` as its common name, or httpd answers 500");
    let finding = RULE.finding(backend(facts, route), message).severity(Severity::Warning);
    Some(
        finding.help(
            "name the backend as its certificate does, or let every name pass\nSSLProxyCheckPeerName off",
        ),
    )
}

/// The target where it is written, or the whole line.
fn backend(facts: &Facts, route: &Route) -> crate::source::Span {
    facts.word(route.node, &format!("{}://", route.backend.scheme))
}
