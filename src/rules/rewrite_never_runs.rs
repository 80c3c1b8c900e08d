//! A rewrite rule that proxies WebSockets is never run, or never matches. Knows where rules count and what their
//! patterns see, not what their conditions ask.

use crate::effective::apache::directives::Section;
use crate::effective::apache::names;
use crate::effective::apache::rewrite::RuleLine;
use crate::effective::apache::server::{Host, Listen, Server, ServerId, listens};
use crate::engine::apache::Facts;
use crate::engine::apache::samples;
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::apache::Outcome;
use crate::routes::{By, Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "rewrite-never-runs",
    level: Level::Error,
    card: include_str!("../../rules/rewrite-never-runs.md"),
    cause: Some(4),
    intent: Intent::Written,
    options: &[],
    check: Check::ApacheRoute(check),
};

/// What such a fix changes beside.
const OTHERS: &str = "rewrite rules count for other requests too";

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if !matches!(route.by, By::Rewrite { .. }) {
        return None;
    }
    let line = facts.rule_line(route)?;
    let section = facts.config.block(route.block).section;
    let in_directory = matches!(section, Section::Directory | Section::DirectoryMatch);
    let in_server = matches!(section, Section::Main | Section::VirtualHost);
    if !in_directory && !in_server {
        return None;
    }
    if in_server && section != Section::Main && facts.goes_straight(route) {
        return None;
    }
    let ways = facts.ways(route);
    let arrives = !ways.is_empty() && ways.iter().all(|way| way.upgrades());
    match section {
        Section::Main => not_inherited(facts, line),
        _ => None,
    }
    .or_else(|| if arrives { None } else { engine_off(facts, route, in_server) })
    .or_else(|| if arrives { None } else { wrong_slash(facts, route, line, in_server) })
    .or_else(|| if in_directory { proxied_before(facts, route) } else { None })
}

/// `RewriteEngine` is not on where the rule stands.
fn engine_off(facts: &Facts, route: &Route, in_server: bool) -> Option<Finding> {
    let rewriting = facts.config.rewriting(route.block)?;
    let server = facts.tracer.rewriting(facts.server_of(route));
    if rewriting.unknown.is_some() || (in_server && server.unknown.is_some()) {
        return None;
    }
    let own = rewriting.engine;
    if let Some((false, at)) = own {
        let message = format!("`{}` keeps this rule from being run", facts.text(at));
        let finding =
            RULE.finding(facts.head(route.node), message).label(facts.head(at), "switched off here");
        let fix = facts.rewrite_but(at, "RewriteEngine On", OTHERS);
        return Some(finding.severity(Severity::Warning).fix(fix).help("write\nRewriteEngine On"));
    }
    let inherited = match in_server {
        true => server.engine,
        false => None,
    };
    let on = own.or(inherited).is_some_and(|(on, _)| on);
    // A section around the directory, or a file in it, may switch the rules on.
    let elsewhere = || {
        let mut blocks = facts.config.blocks();
        !in_server
            && blocks.any(|(id, block)| {
                !matches!(block.section, Section::Main | Section::VirtualHost)
                    && facts.config.last(id, names::REWRITE_ENGINE).is_some()
            })
    };
    if on || !facts.is_complete() || elsewhere() {
        return None;
    }
    let message = "no `RewriteEngine On` is in force, so this rule is never run";
    let finding = RULE.finding(facts.head(route.node), message);
    let finding = match inherited {
        Some((_, at)) => finding.label(facts.head(at), "inherited from here"),
        None => finding,
    };
    // Conditions belong to the rule below them.
    let own = facts.config.rewriting(route.block)?.rules.first();
    let first =
        own.map_or(route.node, |rule| rule.conditions.first().map_or(rule.at, |condition| condition.at));
    let fix = facts
        .repair()
        .above(first, &["RewriteEngine On"])
        .risky(format!("write `RewriteEngine On`; {OTHERS}"));
    Some(finding.fix(fix).help("write above it\nRewriteEngine On"))
}

/// The pattern begins with a slash where paths have none, or without one where they have.
fn wrong_slash(facts: &Facts, route: &Route, line: &RuleLine, in_server: bool) -> Option<Finding> {
    let pattern = &line.rule.pattern;
    let text = String::from_utf8_lossy(&pattern.text).into_owned();
    let body = text.strip_prefix('^').filter(|_| !line.rule.negated)?;
    let starts_right = |part: &str| {
        let part = part.trim_start_matches("(?:").trim_start_matches('(');
        let part = part.strip_prefix('\\').unwrap_or(part);
        let first = part.bytes().next();
        let varies = part.as_bytes().get(1).is_some_and(|byte| b"?*{".contains(byte));
        match in_server {
            true => !first.is_some_and(|byte| byte.is_ascii_alphanumeric()) || varies,
            false => first != Some(b'/') || varies,
        }
    };
    if (body.contains('|') && !body.starts_with('(')) || body.split('|').any(starts_right) {
        return None;
    }
    let compiled = pattern.compiled.as_ref()?;
    let made_up = samples(&pattern.text);
    let mended = |text: &Vec<u8>| match in_server {
        true => [b"/", &text[..]].concat(),
        false => text.strip_prefix(b"/").unwrap_or(text).to_vec(),
    };
    let is_wrong = |text: &Vec<u8>| {
        compiled.is_match(text) == Some(true) && compiled.is_match(&mended(text)) == Some(false)
    };
    if made_up.is_empty() || !made_up.iter().all(is_wrong) {
        return None;
    }
    let server = facts.server_of(route);
    let arrives = in_server
        && made_up.iter().all(|text| {
            let passage = facts.socket_passage(server, &mended(text), &[]);
            matches!(passage.outcome, Outcome::Forwarded(forwarded) if forwarded.upgrades)
        });
    // A rule before may have made another path.
    let is_fed =
        facts.config.rewriting(route.block)?.rules.iter().take_while(|before| before.at != line.at).any(
            |before| {
                let rule = &before.rule;
                !(rule.keeps || rule.proxy || rule.last || rule.end)
            },
        );
    if arrives || is_fed {
        return None;
    }
    let (message, to) = match in_server {
        true => (format!("`{text}` never matches, for here every path begins with a slash"), "^/"),
        false => (format!("`{text}` never matches, for in a directory paths begin without a slash"), "^"),
    };
    let from = match () {
        () if in_server => "^",
        () if body.starts_with("\\/") => "^\\/",
        () => "^/",
    };
    let finding = RULE.finding(facts.head(route.node), message);
    let finding = match facts.config.block(route.block).node {
        Some(node) if !in_server => finding.label(facts.head(node), "patterns see what follows this path"),
        _ => finding,
    };
    let written = facts.text(route.node);
    let changed = written.replacen(from, to, 1);
    Some(match body.starts_with('(') && !in_server {
        true => finding.help("write the pattern without its leading slash"),
        false => {
            finding.fix(facts.rewrite_but(route.node, &changed, OTHERS)).help(format!("write\n{changed}"))
        }
    })
}

/// A rule of the main server, while virtual hosts take all requests and inherit none.
fn not_inherited(facts: &Facts, line: &RuleLine) -> Option<Finding> {
    let takers = takers(facts)?;
    let inherits = |&server: &ServerId| {
        facts.tracer.rewriting(server).rules.iter().any(|inherited| inherited.at == line.at)
    };
    let paths = facts.fitting_paths(line, ServerId::MAIN);
    let arrives = |&server: &ServerId| {
        paths.iter().any(|path| {
            let passage = facts.socket_passage(server, path, &[]);
            matches!(passage.outcome, Outcome::Forwarded(forwarded) if forwarded.upgrades)
        })
    };
    if takers.iter().any(|server| inherits(server) || arrives(server)) {
        return None;
    }
    let first = facts.config.server(*takers.first()?).node?;
    let message = "virtual hosts take every request, and none of them inherits this rule";
    let finding = RULE.finding(facts.head(line.at), message);
    let others = match takers.len() - 1 {
        0 => String::new(),
        1 => ", as another one does".to_string(),
        others => format!(", as {others} others do"),
    };
    let finding =
        finding.label(facts.head(first), format!("answers without the main server's rules{others}"));
    let down = facts.tracer.rewriting(ServerId::MAIN).options;
    Some(match down.inherit_down || down.inherit_down_before {
        true => finding.help("a virtual host inherits nothing unless it has a line of mod_rewrite's own; write in it\nRewriteEngine On"),
        false => finding.help("move it into the virtual host, or write there\nRewriteEngine On\nRewriteOptions Inherit"),
    })
}

/// The virtual hosts that take what arrives at any socket; None where something is left to the main server.
fn takers(facts: &Facts) -> Option<Vec<ServerId>> {
    let mut takers: Vec<ServerId> = Vec::new();
    let sockets = listens(facts.tree, facts.config);
    for listen in &sockets {
        listen.port?;
        let before = takers.len();
        let on_it = facts.config.server_ids().skip(1).filter(|&id| takes(facts.config.server(id), listen));
        let on_it: Vec<ServerId> = on_it.collect();
        if on_it.is_empty() {
            return None;
        }
        takers.extend(on_it.into_iter().filter(|id| !takers[..before].contains(id)).collect::<Vec<_>>());
    }
    (!takers.is_empty() && facts.is_complete()).then_some(takers)
}

fn takes(server: &Server, listen: &Listen) -> bool {
    server.addresses.iter().any(|address| {
        let port_fits = address.port.is_none() || address.port == listen.port;
        port_fits && (address.host == Host::Any || Some(&address.host) == listen.host.as_ref())
    })
}

/// A rule in a directory, while ProxyPass has sent the request on before any directory counts.
fn proxied_before(facts: &Facts, route: &Route) -> Option<Finding> {
    let ways = facts.ways(route);
    let taker = |way: &crate::engine::apache::Way| {
        let (by, upgrades) = way.sent_by()?;
        let is_pass = matches!(facts.directive(by).name_id(), names::PROXY_PASS | names::PROXY_PASS_MATCH);
        (is_pass && !upgrades && !way.looked_at(route.node)).then_some(by)
    };
    let takers: Option<Vec<NodeRef>> = ways.iter().map(taker).collect();
    let by = *takers?.first()?;
    let message = format!("`{}` sends requests on before rules in a directory are run", facts.short(by));
    let finding = RULE.finding(facts.head(route.node), message).label(facts.head(by), "takes them first");
    let written = facts.text(route.node).replacen('^', "^/", 1);
    Some(finding.help(format!(
        "write the rule in the virtual host itself, where it comes before ProxyPass\n{written}"
    )))
}
