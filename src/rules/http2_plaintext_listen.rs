//! `http2` on a port without TLS, where older nginx takes no HTTP/1.1. Knows the sockets of a server, not who connects to
//! them.

use crate::effective::nginx::versions::HTTP2_BESIDE_HTTP1;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::nginx::Socket;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "http2-plaintext-listen",
    level: Level::Error,
    card: include_str!("../../rules/http2-plaintext-listen.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let versions = facts.config.target.nginx;
    // What is not seen may turn TLS on for the same socket.
    if !versions.any_before(HTTP2_BESIDE_HTTP1) || !facts.config.complete {
        return None;
    }
    let sockets = facts.tracer.sockets(route.server?).iter().filter(|socket| !socket.quic);
    let (secure, plain): (Vec<&Socket>, Vec<&Socket>) = sockets.partition(|socket| socket.ssl);
    // A port for HTTP/1.1 beside one for HTTP/2 is what a proxy in front asks for that tells them apart.
    if plain.iter().any(|socket| socket.http2.is_none()) {
        return None;
    }
    let socket = plain.first()?;
    let at = socket.http2?;
    let line = facts.directive(at);
    let always = versions.all_before(HTTP2_BESIDE_HTTP1);
    let which = if always { String::new() } else { format!(" before nginx {HTTP2_BESIDE_HTTP1}") };
    let message = format!(
        "`{}` without TLS takes no HTTP/1.1{which}, and a WebSocket begins with that",
        facts.text(at)
    );
    let severity = if always && secure.is_empty() { Severity::Error } else { Severity::Warning };
    let words = line.args().filter(|word| !word.is("http2"));
    let words: Vec<String> = words.map(|word| word.show()).collect();
    let mut finding = RULE.finding(facts.head(at), message).severity(severity);
    if let Some(own) = socket.at.filter(|&own| own != at) {
        finding = finding.label(facts.head(own), "the same socket, so it holds here too");
    }
    let line = format!("listen {};", words.join(" "));
    let index = facts.directive(at).args().position(|word| word.is("http2"));
    let fix = index.and_then(|index| {
        facts
            .repair()
            .drop_word(at, index)
            .risky(format!("write `{line}`; no client can begin with HTTP/2 there"))
    });
    Some(finding.fix(fix).help(format!("write\n{line}")))
}
