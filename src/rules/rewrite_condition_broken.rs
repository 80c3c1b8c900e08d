//! A rewrite condition that is meant to let handshakes through keeps them out, or lets through more than them. Knows
//! what browsers send, not what the rule behind the condition does.

use crate::effective::apache::rewrite::{Condition, ConditionLine, ConditionTest, Piece, RuleLine, pieces};
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::apache::Outcome;
use crate::routes::{By, Intent, Route};

pub static RULE: Rule = Rule {
    id: "rewrite-condition-broken",
    level: Level::Error,
    card: include_str!("../../rules/rewrite-condition-broken.md"),
    cause: Some(6),
    intent: Intent::Written,
    options: &[],
    check: Check::ApacheRoute(check),
};

/// Headers of a handshake, as they replace those of most browsers.
type Headers = &'static [(&'static str, &'static str)];

const BROWSER: Headers = &[];
const FIREFOX: Headers = &[("Connection", "keep-alive, Upgrade")];
const CAPITALS: Headers = &[("Upgrade", "WebSocket")];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if !matches!(route.by, By::Rewrite { .. }) || route.headers.carries("upgrade", "websocket") == Some(false)
    {
        return None;
    }
    let line = facts.rule_line(route)?;
    // What was said of a rule worded like this in a server like this is said again only if it was something.
    let is_usual = facts.goes_straight(route);
    if is_usual && facts.was_found_sound(RULE.id, line) {
        return None;
    }
    let found = broken(facts, route, line);
    if is_usual && found.is_none() {
        facts.remember_sound(RULE.id, line);
    }
    found
}

fn broken(facts: &Facts, route: &Route, line: &RuleLine) -> Option<Finding> {
    let said = |headers| first_false(facts, route, line, headers).filter(|_| !arrives(facts, route, headers));
    if let Some(condition) = said(BROWSER) {
        return Some(never(facts, condition));
    }
    if let Some(condition) = said(FIREFOX) {
        let message = "the condition keeps Firefox out, which sends `Connection: keep-alive, Upgrade`";
        let finding = RULE.finding(facts.head(condition.at), message).severity(Severity::Warning);
        let new = "RewriteCond %{HTTP:Connection} upgrade [NC]";
        return Some(finding.fix(facts.rewrite(condition.at, new)).help(format!("write\n{new}")));
    }
    if let Some((one, other)) = widened(line) {
        let message = "`[OR]` lets every request through for which either condition holds";
        let finding = RULE.finding(facts.head(one.at), message).severity(Severity::Warning);
        let finding = finding.label(facts.head(other.at), "no longer has to hold as well");
        let new = without_or(&facts.text(one.at));
        return Some(finding.fix(facts.rewrite(one.at, &new)).help(format!("write\n{new}")));
    }
    let condition = said(CAPITALS)?;
    // Browsers write it in small letters; who compares the whole value seems to count on that.
    let exact = !matches!(condition.condition.test, ConditionTest::Pattern(_));
    let message =
        "the condition keeps out clients that write `Upgrade: WebSocket`, for without `[NC]` case counts";
    let finding = RULE.finding(facts.head(condition.at), message);
    let finding = finding.severity(if exact { Severity::Warning } else { Severity::Note });
    let new = caseless(facts, condition);
    Some(finding.fix(facts.rewrite(condition.at, &new)).help(format!("write\n{new}")))
}

/// Whether handshakes upgrade all the same.
fn arrives(facts: &Facts, route: &Route, headers: Headers) -> bool {
    let ways = facts.ways(route);
    !ways.is_empty()
        && ways.iter().all(|way| match headers {
            BROWSER => way.upgrades(),
            headers => {
                let passage = facts.socket_passage(facts.server_of(route), &way.path, headers);
                matches!(passage.outcome, Outcome::Forwarded(forwarded) if forwarded.upgrades)
            }
        })
}

/// The first condition about the handshake for which the rule is not run, though it holds for nothing but such
/// headers: of several joined by `[OR]` none holds.
fn first_false<'l>(
    facts: &Facts,
    route: &Route,
    line: &'l RuleLine,
    headers: Headers,
) -> Option<&'l ConditionLine> {
    let server = facts.server_of(route);
    let mut request = facts.tracer.handshake(server, b"/ws");
    for (name, value) in headers {
        for (known, sent) in &mut request.headers {
            if known.eq_ignore_ascii_case(name.as_bytes()) {
                *sent = crate::effective::Value::Known(value.as_bytes().to_vec());
            }
        }
    }
    let holds = |condition: &ConditionLine| facts.tracer.condition_holds(condition, &request, server);
    let mut group: Vec<&ConditionLine> = Vec::new();
    for condition in &line.conditions {
        group.push(condition);
        if condition.condition.or_next {
            continue;
        }
        let asked = group.iter().find(|condition| is_about_handshake(facts, condition)).copied();
        let is_false =
            group.iter().all(|condition| !condition.condition.negated && holds(condition) == Some(false));
        if asked.is_some() && is_false {
            return asked;
        }
        group.clear();
    }
    None
}

/// Whether a condition asks for the headers of a handshake, and for nothing else.
fn is_about_handshake(facts: &Facts, line: &ConditionLine) -> bool {
    let is_handshake = |text: &str| mentions(text, "upgrade") || mentions(text, "connection");
    if matches!(line.condition.test, ConditionTest::Expr(_)) {
        let text = facts.text(line.at);
        return is_handshake(&text)
            && !["request_", "query", "host", "req("].iter().any(|word| mentions(&text, word));
    }
    let input = &line.condition.input;
    let only = pieces(input).all(|piece| match piece {
        Piece::Variable(name) => is_handshake(&String::from_utf8_lossy(name)),
        Piece::RuleGroup(_) | Piece::ConditionGroup(_) => false,
        _ => true,
    });
    only && is_handshake(&String::from_utf8_lossy(input))
}

fn mentions(text: &str, word: &str) -> bool {
    text.to_ascii_lowercase().contains(word)
}

fn mentions_connection(condition: &Condition) -> bool {
    mentions(&String::from_utf8_lossy(&condition.input), "connection")
}

/// A condition that no browser's handshake meets.
fn never(facts: &Facts, condition: &ConditionLine) -> Finding {
    let text = facts.text(condition.at);
    let corrected = |message: String, line: String| {
        let finding = RULE.finding(facts.head(condition.at), message);
        finding.fix(facts.rewrite(condition.at, &line)).help(format!("write\n{line}"))
    };
    let input = &condition.condition.input;
    for piece in pieces(input) {
        match piece {
            Piece::Map { name, key, .. } if name.eq_ignore_ascii_case(b"HTTP") => {
                let (name, key) = (String::from_utf8_lossy(name), String::from_utf8_lossy(key));
                let message = format!(
                    "`${{{name}:{key}}}` asks a rewrite map, not a header, so the condition never holds"
                );
                let written = text.replacen(&format!("${{{name}:"), &format!("%{{{name}:"), 1);
                return corrected(message, written);
            }
            Piece::Variable(name)
                if [&b"HTTP_UPGRADE"[..], b"HTTP_CONNECTION"].contains(&&name.to_ascii_uppercase()[..]) =>
            {
                let name = String::from_utf8_lossy(name);
                let message = format!("`%{{{name}}}` is always empty, so the condition never holds");
                let header = if mentions(&name, "connection") { "Connection" } else { "Upgrade" };
                let written = text.replacen(&format!("%{{{name}}}"), &format!("%{{HTTP:{header}}}"), 1);
                return corrected(message, written);
            }
            _ => {}
        }
    }
    let is_connection = mentions_connection(&condition.condition);
    let (sent, line) = match is_connection {
        true => ("Connection: Upgrade", "RewriteCond %{HTTP:Connection} upgrade [NC]"),
        false => ("Upgrade: websocket", "RewriteCond %{HTTP:Upgrade} =websocket [NC]"),
    };
    let message = format!("the condition never holds for a browser, which sends `{sent}`");
    corrected(message, line.to_string())
}

/// Two conditions joined by `[OR]` that both are asked of a handshake.
fn widened(line: &RuleLine) -> Option<(&ConditionLine, &ConditionLine)> {
    let asks = |condition: &Condition, header: &str| {
        let input = String::from_utf8_lossy(&condition.input).to_ascii_lowercase();
        input == format!("%{{http:{header}}}") && !condition.negated
    };
    line.conditions.windows(2).map(|pair| (&pair[0], &pair[1])).find(|(one, other)| {
        let (first, second) = (&one.condition, &other.condition);
        first.or_next
            && (asks(first, "upgrade") && asks(second, "connection")
                || asks(first, "connection") && asks(second, "upgrade"))
    })
}

fn without_or(text: &str) -> String {
    let Some(open) = text.rfind('[') else { return text.to_string() };
    let flags = text[open + 1..].trim_end_matches(']').split(',');
    let kept: Vec<&str> =
        flags.filter(|flag| !matches!(flag.trim().to_ascii_lowercase().as_str(), "or" | "ornext")).collect();
    match kept.is_empty() {
        true => text[..open].trim_end().to_string(),
        false => format!("{}[{}]", &text[..open], kept.join(",")),
    }
}

/// The condition with `[NC]`, or as an expression would say it.
fn caseless(facts: &Facts, condition: &ConditionLine) -> String {
    let text = facts.text(condition.at);
    if matches!(condition.condition.test, ConditionTest::Expr(_)) {
        return "RewriteCond %{HTTP:Upgrade} =websocket [NC]".to_string();
    }
    match (facts.directive(condition.at).arg(2), text.rfind('[')) {
        (Some(_), Some(bracket)) => format!("{}[NC,{}", &text[..bracket], &text[bracket + 1..]),
        _ => format!("{text} [NC]"),
    }
}
