//! A header that a request may have once reaches the backend twice. Knows which headers, not what any backend makes
//! of them.

use crate::effective::Value;
use crate::effective::nginx::values::{Piece, pieces};
use crate::effective::nginx::versions::ONE_HOST;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::{Header, Intent, Route};

pub static RULE: Rule = Rule {
    id: "duplicate-handshake-header",
    level: Level::Warning,
    card: include_str!("../../rules/duplicate-handshake-header.md"),
    cause: Some(3),
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

/// The headers that come once, the gravest first.
const SINGLE: [&str; 4] = ["Upgrade", "Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version"];

/// Variables that no handshake leaves empty.
const NEVER_EMPTY: [&[u8]; 5] = [b"host", b"http_host", b"proxy_host", b"proxy_port", b"server_port"];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    // A handshake that fails whatever is sent twice has a graver cause than this.
    let fails = |name, token| route.headers.carries(name, token) == Some(false);
    if route.headers.opaque || fails("upgrade", "websocket") || fails("connection", "upgrade") {
        return None;
    }
    SINGLE.iter().find_map(|name| duplicate(facts, route, name))
}

fn duplicate(facts: &Facts, route: &Route, name: &str) -> Option<Finding> {
    let versions = facts.config.target.nginx;
    let one_wins = name == "Host";
    if one_wins && !versions.any_before(ONE_HOST) {
        return None;
    }
    let mut sent = route.headers.named(name).filter(|header| is_sent(facts, header));
    let (first, second) = (sent.next()?, sent.next()?);
    let level = route.headers.level?;
    let when = match one_wins && !versions.all_before(ONE_HOST) {
        true => format!("before nginx {ONE_HOST} "),
        false => String::new(),
    };
    let message = format!("{when}the backend receives two {name} headers, and many backends refuse that");
    // Of two lines, one of them from an include, the reader edits the other.
    let (site, other_site) = (facts.site_in(level, second.at), facts.site_in(level, first.at));
    let (edit, other) = match () {
        () if site != second.at && other_site == first.at => (first.at, second),
        () if site != other_site => (site, first),
        () => (second.at, first),
    };
    let mut finding = RULE.finding(facts.head(edit), message);
    if edit == second.at || edit == first.at {
        finding = finding.here("nothing is replaced: both are sent");
    } else {
        finding =
            finding.here("brings in the second: both are sent").label(facts.head(second.at), "the second");
    }
    if facts.head(other.at) != facts.head(edit) {
        finding = finding
            .label(facts.head(other.at), if other.at == first.at { "the first" } else { "the second" });
    }
    let value = |header: &Header| facts.directive(header.at).arg(1).map(|word| word.value().into_owned());
    // Of two values nobody knows which is right.
    let same = value(first) == value(second);
    let spare = if edit == first.at { first.at } else { second.at };
    let fix = facts.repair().unless(!same).remove(spare).safe("remove the second line");
    Some(finding.fix(fix).help(format!("keep one of the two\n{};", facts.text(other.at))))
}

/// Whether a handshake makes the header appear: an empty value sends none.
fn is_sent(facts: &Facts, header: &Header) -> bool {
    let Some(word) = facts.directive(header.at).arg(1) else { return false };
    let never_empty = |name: &[u8]| {
        NEVER_EMPTY.iter().any(|known| name.eq_ignore_ascii_case(known)) && !facts.config.defines(name)
    };
    match &header.value {
        Value::Known(value) => !value.is_empty(),
        Value::Unknown(_) if word.is_hole() => false,
        Value::Unknown(_) => pieces(&word.value()).any(|piece| match piece {
            Ok(Piece::Literal(_)) => true,
            Ok(Piece::Variable(name)) => never_empty(name),
            Ok(Piece::Capture(_)) | Err(_) => false,
        }),
    }
}
