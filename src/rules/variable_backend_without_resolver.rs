//! A host name that nginx must look up while it runs, and no name server to ask. Knows which names are looked up when it
//! starts, not whether a name exists.

use crate::effective::Setting;
use crate::effective::nginx::names::RESOLVER;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "variable-backend-without-resolver",
    level: Level::Error,
    card: include_str!("../../rules/variable-backend-without-resolver.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

/// URIs that say no more than none at all.
const SAME_URI: [&str; 2] = ["$request_uri", "$uri$is_args$args"];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let written = &route.backend.text;
    if !written.contains('$') || !facts.config.complete {
        return None;
    }
    let address =
        facts.address(route).filter(|address| matches!(address.scheme.as_str(), "http" | "https"))?;
    let resolver = facts.config.nearest(route.block, RESOLVER);
    if resolver != Setting::Absent || facts.tracer.is_known_at_start(&address) {
        return None;
    }
    let host = &address.host;
    let finding = |message: String| RULE.finding(facts.head(route.node), message);
    if let Some(&upstream) = facts.config.upstreams.get(host.as_bytes()) {
        let block = facts.config.block(upstream).node?;
        let message =
            format!("with a port, `{host}` is not the upstream but a host that nginx cannot look up");
        let port = format!(":{}", address.port());
        let line = format!("proxy_pass {};", written.replacen(&port, "", 1));
        let fix = facts.repair().unless(!written.contains(&port)).rewrite(route.node, &line);
        let fix = fix.risky(format!("write `{line}`; other requests no longer get 502 either"));
        let help = match written.contains(&port) {
            true => format!("write it without the port\n{line}"),
            false => format!("take `{port}` out of the variable's value"),
        };
        return Some(
            finding(message)
                .fix(fix)
                .label(facts.head(block), "its servers have ports of their own")
                .help(help),
        );
    }
    let resolver = match host.as_str() {
        "localhost" => "write `127.0.0.1` for `localhost`: an address needs no look-up",
        _ => "write, with the address of your name server (127.0.0.11 in Docker)\nresolver 127.0.0.53;",
    };
    let literal =
        written.split_once("://").is_some_and(|(_, rest)| rest.to_ascii_lowercase().starts_with(host));
    if !literal {
        let message = format!("`{host}` comes from a variable, and no `resolver` looks it up");
        return Some(finding(message).here("nginx answers 502").help(resolver));
    }
    let message =
        format!("a variable makes nginx look `{host}` up for each request, and no `resolver` does so");
    let plain =
        SAME_URI.iter().find_map(|uri| written.strip_suffix(uri)).filter(|plain| !plain.contains('$'));
    let line = plain.map(|plain| format!("proxy_pass {plain};"));
    let fix = line
        .as_ref()
        .and_then(|line| facts.rewrite_but(route.node, line, "other requests no longer get 502 either"));
    let help = match line {
        Some(line) => format!("write it without the URI, which is passed on anyway\n{line}"),
        None => resolver.to_string(),
    };
    Some(finding(message).fix(fix).here("nginx answers 502").help(help))
}
