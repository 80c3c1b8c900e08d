//! Something is stuck to the name or the value of Upgrade or Connection and is sent with it. Knows what gets stuck in
//! typing and copying, not which values are right otherwise.

use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::nginx::{bare, is_header};
use crate::routes::{Header, Intent, Route, has_token};

pub static RULE: Rule = Rule {
    id: "malformed-handshake-header",
    level: Level::Error,
    card: include_str!("../../rules/malformed-handshake-header.md"),
    cause: Some(1),
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

/// The headers of a handshake and what they must say.
const HEADERS: [(&str, &str, &str); 2] =
    [("Upgrade", "websocket", "$http_upgrade"), ("Connection", "upgrade", "\"upgrade\"")];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    HEADERS.into_iter().find_map(|header| name(facts, route, header).or_else(|| value(facts, route, header)))
}

/// `Upgrade:` for `Upgrade`.
fn name(facts: &Facts, route: &Route, (name, token, usual): (&str, &str, &str)) -> Option<Finding> {
    let misnamed = |header: &&Header| {
        is_header(&header.name, name) && !header.name.eq_ignore_ascii_case(name.as_bytes())
    };
    let header = route.headers.written.iter().find(misnamed)?;
    if header.value.known().is_some_and(<[u8]>::is_empty) {
        return None;
    }
    let sound = |name, token| route.headers.carries(name, token) == Some(true);
    let severity = match route.headers.carries(name, token)? {
        false => Severity::Error,
        // The header is there as well, so only some backends stumble over the other one.
        true if HEADERS.iter().all(|(name, token, _)| sound(name, token)) => Severity::Warning,
        true => return None,
    };
    let value = facts.directive(header.at).arg(1)?;
    let sent = match header.value.known() {
        Some(value) => String::from_utf8_lossy(value).into_owned(),
        None => value.show(),
    };
    let written = String::from_utf8_lossy(&header.name);
    let message = format!(
        "{} part of the name here, so the backend receives `{written}: {sent}`",
        is_stuck(&header.name)
    );
    let wanted = if has_token(&value.value(), token) || value.value().contains(&b'$') {
        value.raw()
    } else {
        usual.as_bytes()
    };
    let line = format!("proxy_set_header {name} {};", String::from_utf8_lossy(wanted));
    let (help, fix) = match severity {
        Severity::Warning => {
            let fix = facts.repair().remove(header.at).safe("remove the line");
            ("remove this line; the header itself is set already".to_string(), fix)
        }
        _ => (format!("write\n{line}"), facts.rewrite(header.at, &line)),
    };
    let finding = RULE.finding(facts.head(header.at), message).severity(severity).fix(fix);
    Some(facts.with_route(finding.help(help), route))
}

/// `“upgrade”` for `"upgrade"`.
fn value(facts: &Facts, route: &Route, (name, token, usual): (&str, &str, &str)) -> Option<Finding> {
    if route.headers.carries(name, token)? {
        return None;
    }
    let header = route
        .headers
        .named(name)
        .find(|header| header.value.known().is_some_and(|value| has_token(bare(value), token)))?;
    let sent = header.value.known()?;
    let message = format!(
        "{} part of the value here, so the backend receives `{name}: {}`",
        is_stuck(sent),
        String::from_utf8_lossy(sent)
    );
    let finding = RULE.finding(facts.head(header.at), message);
    let line = format!("proxy_set_header {name} {usual};");
    let finding = finding.fix(match facts.switches_plain(route) {
        false => facts.rewrite(header.at, &line),
        true => {
            facts.rewrite_but(header.at, &line, "plain requests ask for no protocol of that name any more")
        }
    });
    Some(facts.with_route(finding.help(format!("write\n{line}")), route))
}

/// The subject and verb of a message: what is stuck to the word, in the order it is read.
fn is_stuck(word: &[u8]) -> String {
    let inner = bare(word);
    let start = memchr::memmem::find(word, inner).unwrap_or_default();
    let ends = [&word[..start], &word[start + inner.len()..]];
    let shown: Vec<String> = ends.iter().filter(|end| !end.is_empty()).map(|end| shown(end)).collect();
    format!("{} {}", shown.join(" and "), if shown.len() == 1 { "is" } else { "are" })
}

fn shown(stuck: &[u8]) -> String {
    let text = String::from_utf8_lossy(stuck);
    let seen = text.trim_matches(|c: char| c.is_whitespace() || "\u{200b}\u{feff}".contains(c));
    match &*text {
        " " => "a space".to_string(),
        _ if seen.is_empty() => "a character that cannot be seen".to_string(),
        _ => format!("`{seen}`"),
    }
}
