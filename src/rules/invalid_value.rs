//! A value that nginx does not take for the directive. Knows how each directive reads its value, not the timeouts
//! that have a rule of their own.

use crate::effective::nginx::directives::{self, Setter};
use crate::effective::nginx::versions::NEW_PROXY_DEFAULTS;
use crate::effective::nginx::{RefusalKind, names};
use crate::effective::version::Version;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "invalid-value",
    level: Level::Error,
    card: include_str!("../../rules/invalid-value.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

/// `listen` knows `quic` from here on (nginx's change log).
const QUIC: Version = Version::new(1, 25, 0);

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for refusal in &facts.config.refusals {
        let RefusalKind::InvalidValue(words) = &refusal.kind else { continue };
        if !names::TUNNEL_TIMES.contains(&facts.directive(refusal.node).name_id()) {
            findings.push(finding(facts, refusal.node, words));
        }
    }
    if facts.config.target.nginx.all_before(QUIC) {
        quic(facts, findings);
    }
    if facts.config.target.nginx.all_before(NEW_PROXY_DEFAULTS) {
        keepalive(facts, findings);
    }
}

fn finding(facts: &Facts, node: NodeRef, words: &str) -> Finding {
    let finding = facts.refused(&RULE, node, words);
    let name = facts.directive(node).name_id();
    let help = directives::forms(name).iter().find_map(|form| match form.setter {
        Setter::Flag => Some("write `on` or `off`".to_string()),
        Setter::Msec => Some("write a number and a unit: `500ms`, `30s`, `5m`, `1h`, `1d`".to_string()),
        Setter::Sec => Some("write a number and a unit: `30s`, `5m`, `1h`, `1d`, `1M`, `1y`".to_string()),
        Setter::Size => Some("write a number and a unit: `8k`, `1m`".to_string()),
        Setter::Offset => Some("write a number and a unit: `8k`, `10m`, `1g`".to_string()),
        Setter::Number => Some("write a whole number".to_string()),
        Setter::Buffers => Some("write a number and a size: `8 16k`".to_string()),
        Setter::Enum(words) => Some(format!("write one of: {}", words.join(", "))),
        Setter::Bits(words) => Some(format!("write some of: {}", words.join(", "))),
        _ => None,
    });
    let written = facts.directive(node).arg(0).map(|word| word.show()).unwrap_or_default();
    let is_old = written.trim_start_matches(|c: char| !c.is_ascii_digit()).starts_with('1');
    if name == names::PROXY_HTTP_VERSION && is_old {
        let line = "proxy_http_version 1.1;";
        return finding.fix(facts.rewrite(node, line)).help(format!("write\n{line}"));
    }
    match help {
        Some(help) => finding.help(help),
        None => finding,
    }
}

/// `keepalive 0` turns the default off, and older versions have no default.
fn keepalive(facts: &Facts, findings: &mut Vec<Finding>) {
    for (block, _) in facts.config.blocks() {
        for node in facts.config.own(block, names::KEEPALIVE) {
            if facts.directive(node).arg(0).is_some_and(|word| word.is("0")) {
                let finding = facts.refused(&RULE, node, "invalid value \"0\" in \"keepalive\" directive");
                findings.push(finding.here("nginx takes a 0 since 1.29.7").help("remove the line"));
            }
        }
    }
}

fn quic(facts: &Facts, findings: &mut Vec<Finding>) {
    for (block, _) in facts.config.blocks() {
        for node in facts.config.own(block, names::LISTEN) {
            let Some(word) = facts.directive(node).args().skip(1).find(|word| word.is("quic")) else {
                continue;
            };
            let finding = RULE
                .refusal(word.span(), "invalid parameter \"quic\"")
                .here("`listen` knows it since nginx 1.25.0");
            findings.push(facts.with_server_line(finding.help("remove the line"), node));
        }
    }
}
