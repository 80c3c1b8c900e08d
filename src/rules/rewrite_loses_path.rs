//! A rewrite rule that proxies drops the path that was asked for. Knows what the rule fills in, not which paths the
//! backend has.

use crate::effective::apache::rewrite::{Piece, RuleLine, pieces};
use crate::effective::apache::url::Url;
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::intent::{is_polling_path, is_websocket_path};
use crate::routes::{By, Intent, Route};

pub static RULE: Rule = Rule {
    id: "rewrite-loses-path",
    level: Level::Warning,
    card: include_str!("../../rules/rewrite-loses-path.md"),
    cause: None,
    intent: Intent::Lost,
    options: &[],
    check: Check::ApacheRoute(check),
};

/// What such a fix changes beside.
const PATHS: &str = "other requests that match reach the backend by their own path too";

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if route.by != (By::Rewrite { proxies: true }) {
        return None;
    }
    let line = facts.rule_line(route)?;
    let groups = if line.rule.negated { 0 } else { line.rule.pattern.compiled.as_ref()?.groups() };
    let missing = filled_in(line).filter_map(|piece| match piece {
        Piece::RuleGroup(number) if usize::from(number) > groups => Some(number),
        _ => None,
    });
    match missing.min() {
        Some(number) => Some(empty(facts, route, line, number)),
        None => unused(facts, route, line, groups),
    }
}

/// What the substitution takes from the request.
fn filled_in(line: &RuleLine) -> impl Iterator<Item = Piece<'_>> {
    pieces(&line.rule.substitution).filter(|piece| !matches!(piece, Piece::Literal(_) | Piece::Escaped(_)))
}

/// `$1`, and the pattern has no such group.
fn empty(facts: &Facts, route: &Route, line: &RuleLine, number: u8) -> Finding {
    let pattern = String::from_utf8_lossy(&line.rule.pattern.text).into_owned();
    let not = if line.rule.negated { "!" } else { "" };
    let message =
        format!("`${number}` is empty, for `{not}{pattern}` has no such group, so the path is lost");
    let finding = RULE.finding(facts.head(route.node), message);
    let text = facts.text(route.node);
    let grouped = match (line.rule.negated, pattern.strip_suffix('$').unwrap_or(&pattern)) {
        (false, ".*" | "^.*" | "^") => Some("^/?(.*)".to_string()),
        (false, bare) if number == 1 && groupless(bare) => {
            bare.strip_suffix(".*").map(|before| format!("{before}(.*)"))
        }
        _ => None,
    };
    match grouped {
        Some(grouped) => {
            let line = text.replacen(&pattern, &grouped, 1);
            finding.fix(facts.rewrite_but(route.node, &line, PATHS)).help(format!("write\n{line}"))
        }
        None => finding.help("write round brackets around the part of the pattern that it stands for"),
    }
}

fn groupless(pattern: &str) -> bool {
    !pattern.contains('(')
}

/// A group catches what lies below, and nothing takes it on.
fn unused(facts: &Facts, route: &Route, line: &RuleLine, groups: usize) -> Option<Finding> {
    let pattern = &line.rule.pattern.text;
    let catches = [&b".*)"[..], b".+)", b".*)$", b".+)$", b".*)?$", b".*))?$"];
    if groups == 0 || filled_in(line).next().is_some() || !catches.iter().any(|end| pattern.ends_with(end)) {
        return None;
    }
    let path = Url::parse(&line.rule.substitution).ok()?.path().to_vec();
    let endpoint = is_websocket_path(&path) && !is_polling_path(&path);
    let shown = if path.is_empty() { "/".to_string() } else { String::from_utf8_lossy(&path).into_owned() };
    let message = format!(
        "`{}` sends every request to `{shown}`, for nothing takes on what it catches",
        facts.short(route.node)
    );
    let before = pattern.iter().rposition(|&byte| byte == b'(').and_then(|open| pattern[..open].last());
    let slash = if before == Some(&b'/') && !path.ends_with(b"/") { "/" } else { "" };
    let (text, target) =
        (facts.text(route.node), String::from_utf8_lossy(&line.rule.substitution).into_owned());
    let finding = RULE.finding(facts.head(route.node), message);
    let line = text.replacen(&target, &format!("{target}{slash}${groups}"), 1);
    let finding = finding.fix(facts.rewrite_but(route.node, &line, PATHS)).help(format!("write\n{line}"));
    Some(if endpoint { finding.severity(Severity::Note) } else { finding })
}
