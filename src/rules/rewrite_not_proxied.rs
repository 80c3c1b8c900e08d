//! A rewrite rule names a WebSocket's address, or the path of one, and does not send the request there. Knows the rule's
//! flags, not who could proxy otherwise.

use crate::effective::apache::Pass;
use crate::effective::apache::rewrite::RuleLine;
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::handshake::apache::Outcome;
use crate::routes::{By, Intent, Route};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "rewrite-not-proxied",
    level: Level::Error,
    card: include_str!("../../rules/rewrite-not-proxied.md"),
    cause: Some(5),
    intent: Intent::Written,
    options: &[],
    check: Check::ApacheRoute(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    match route.by {
        By::Rewrite { proxies: false } => redirected(facts, route),
        By::Pass { .. } | By::Section { .. } => passed_by(facts, route),
        _ => None,
    }
}

/// The rule's target is `ws://`, which without `[P]` becomes a redirect.
fn redirected(facts: &Facts, route: &Route) -> Option<Finding> {
    let line = facts.rule_line(route)?;
    if line.rule.redirect || line.rule.answers || line.rule.keeps {
        return None;
    }
    let ways = facts.ways(route);
    let sent_on = ways.iter().any(|way| match &way.passage.outcome {
        Outcome::Forwarded(_) => true,
        Outcome::Answered { at, .. } => *at != Some(route.node),
        Outcome::Unknown { .. } => false,
    });
    // A later rule may take the address up.
    let rules = &facts.config.rewriting(route.block)?.rules;
    let ends = line.rule.last || line.rule.end || rules.last().is_some_and(|last| last.at == line.at);
    if sent_on || (ways.is_empty() && !ends) {
        return None;
    }
    let scheme = &route.backend.scheme;
    let message = format!("without `[P]` this rule answers handshakes with a redirect to `{scheme}:`");
    let finding = RULE.finding(facts.head(route.node), message).here("the browser gets a 302");
    let line = with_flag(facts, route.node, "P");
    let fix = facts.rewrite_but(route.node, &line, "what else matches is proxied too, not redirected");
    Some(finding.fix(fix).help(format!("write\n{line}")))
}

/// A rule makes a path of a ProxyPass out of another one, and without `[PT]` no ProxyPass looks at it.
fn passed_by(facts: &Facts, route: &Route) -> Option<Finding> {
    let pass = facts.pass(route)?;
    if pass.path.len() < 2 || pass.pattern.is_some() {
        return None;
    }
    let server = facts.server_of(route);
    let has_one = |block| {
        let own = facts.config.rewriting(block);
        own.is_some_and(|own| own.rules.iter().any(|line| makes_path_of(line, pass)))
    };
    if !has_one(facts.config.server(server).block) && !has_one(facts.config.main().block) {
        return None;
    }
    let rewriting = facts.tracer.rewriting(server);
    let line = rewriting.rules.iter().find(|line| rewriting.is_on() && makes_path_of(line, pass))?;
    let is_kept = facts.fitting_paths(line, server).iter().any(|path| {
        let passage = facts.socket_passage(server, path, &[]);
        passage.kept == Some(line.at) && !matches!(passage.outcome, Outcome::Forwarded(_))
    });
    if !is_kept {
        return None;
    }
    let message = format!(
        "without `[PT]` the rewritten path is looked for among the files, and `{}` never sees it",
        facts.short(pass.at)
    );
    let finding =
        RULE.finding(facts.head(line.at), message).label(facts.head(pass.at), "meant to take it on");
    let new = with_flag(facts, line.at, "PT");
    let fix = facts.rewrite_but(line.at, &new, "what else matches is proxied too");
    Some(finding.fix(fix).help(format!("write\n{new}")))
}

fn makes_path_of(line: &RuleLine, pass: &Pass) -> bool {
    let rule = &line.rule;
    let goes_elsewhere = rule.proxy || rule.redirect || rule.answers || rule.keeps || rule.pass_through;
    let rest = rule.substitution.strip_prefix(&pass.path[..]);
    let is_below =
        rest.is_some_and(|rest| pass.path.ends_with(b"/") || rest.first().is_none_or(|&byte| byte == b'/'));
    !goes_elsewhere && is_below
}

/// The rule with one flag more.
fn with_flag(facts: &Facts, node: NodeRef, flag: &str) -> String {
    let text = facts.text(node);
    match (facts.directive(node).arg(2), text.rfind('[')) {
        (Some(_), Some(bracket)) => format!("{}[{flag},{}", &text[..bracket], &text[bracket + 1..]),
        _ => format!("{text} [{flag}]"),
    }
}
