//! A map that does not turn a handshake into an upgrade. Knows what the map answers, not who else sets the header.

use crate::effective::nginx::{Map, MapEntry, MapKey, values};
use crate::effective::regex::Pattern;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Fix, Severity};
use crate::routes::{Header, Intent, Route, has_token};

pub static RULE: Rule = Rule {
    id: "connection-map-broken",
    level: Level::Error,
    card: include_str!("../../rules/connection-map-broken.md"),
    cause: Some(5),
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

/// A header of the handshake, what it must say, and what the other one says.
struct Wanted {
    name: &'static str,
    token: &'static str,
    others: &'static str,
}

const WANTED: [Wanted; 2] = [
    Wanted { name: "Connection", token: "upgrade", others: "websocket" },
    Wanted { name: "Upgrade", token: "websocket", others: "upgrade" },
];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    WANTED.iter().find_map(|wanted| broken(facts, route, wanted))
}

fn broken(facts: &Facts, route: &Route, wanted: &Wanted) -> Option<Finding> {
    if route.headers.carries(wanted.name, wanted.token)? {
        return None;
    }
    let header = route.headers.named(wanted.name).next_back()?;
    let (map, value) = (facts.map_in(header)?, header.value.known()?);
    // A sound map for the other header: the line that uses it is wrong, not the map.
    let meant = wanted.name == "Connection" && map.name.starts_with(b"connection");
    if has_token(value, wanted.others) && !meant {
        return None;
    }
    let case = case_sensitive_line(facts, route, map, wanted);
    let mut finding = match case {
        Some(line) => case_sensitive(facts, line, map, value, wanted),
        None => wrong(facts, route, header, map, value, wanted),
    };
    finding = finding.label(facts.head(header.at), format!("used for {} here", wanted.name));
    Some(finding)
}

/// The line that would have upgraded had it ignored case.
fn case_sensitive_line<'a>(
    facts: &Facts<'a>,
    route: &Route,
    map: &Map,
    wanted: &Wanted,
) -> Option<MapEntry<'a>> {
    let source = map.source(facts.tree).value();
    let looked_up = facts.handshake.evaluate(route.block, &source);
    map.entries(facts.tree).find(|entry| {
        let MapKey::Regex { pattern, caseless: false } = &entry.key else { return false };
        let matches =
            |value| Pattern::new(pattern, true).and_then(|pattern| pattern.is_match(value)) == Some(true);
        let gives = facts.handshake.evaluate(route.block, &entry.value.value());
        looked_up.known().is_some_and(matches)
            && gives.known().is_some_and(|value| has_token(value, wanted.token))
    })
}

fn case_sensitive(facts: &Facts, line: MapEntry, map: &Map, value: &[u8], wanted: &Wanted) -> Finding {
    let directive = facts.directive(line.node);
    let message = format!(
        "`{}` is case-sensitive and browsers send `websocket`, so a handshake gets {}",
        directive.name_word().show(),
        told(wanted, value),
    );
    let caseless = facts.text(line.node).replacen('~', "~*", 1);
    RULE.finding(facts.head(line.node), message)
        .fix(facts.rewrite(line.node, &caseless))
        .severity(Severity::Warning)
        .here(format!("gives `{}` its value only in this very case", variable(map)))
        .help(format!("write `~*`, which ignores case\n{caseless};"))
}

fn wrong<'a>(
    facts: &Facts<'a>,
    route: &Route,
    header: &Header,
    map: &'a Map,
    value: &[u8],
    wanted: &Wanted,
) -> Finding {
    let source = map.source(facts.tree);
    let name = variable(map);
    if !source.value().contains(&b'$') {
        let source = source.show();
        let message = format!(
            "the map looks up the text `{source}`, not the client's header, so a handshake gets {}",
            told(wanted, value)
        );
        return RULE
            .finding(facts.head(map.node), message)
            .here("a `$` is missing")
            .fix(mended(facts, route, map, wanted))
            .help(canonical(map, wanted));
    }
    let (decider, line) = facts.handshake.deciding(route.block, map);
    let Some(line) = line else {
        let message = format!(
            "the map has no line for `websocket` and no default, so `{name}` is empty for a handshake"
        );
        let fix = mended(facts, route, decider, wanted);
        return RULE.finding(facts.head(decider.node), message).fix(fix).help(canonical(map, wanted));
    };
    let reversed = facts.directive(header.at).arg(1).is_some_and(|word| {
        let plain = facts.plain.evaluate(route.block, &word.value());
        plain.known().is_some_and(|plain| has_token(plain, wanted.token))
    });
    let message = match reversed {
        true => format!(
            "`{name}` is the wrong way round: a plain request is upgraded, and a handshake gets {}",
            told(wanted, value)
        ),
        false => format!("`{name}` gives a handshake {}", told(wanted, value)),
    };
    let mut finding = RULE.finding(facts.head(line.node), message).here("this line decides for `websocket`");
    if decider.node != map.node {
        finding =
            finding.label(facts.head(map.node), format!("takes its value from `{}`", variable(decider)));
    }
    let fix = mended(facts, route, decider, wanted);
    finding.fix(fix).help(canonical(map, wanted))
}

/// The map's own lines, corrected: what it looks up, what a handshake gets, and what a plain request.
fn mended(facts: &Facts, route: &Route, map: &Map, wanted: &Wanted) -> Option<Fix> {
    let source = map.source(facts.tree).value();
    let mut repair = facts.repair();
    if !values::variables(&source).any(|name| name.eq_ignore_ascii_case(b"http_upgrade")) {
        repair = repair.word(map.node, 0, "$http_upgrade");
    }
    let entries = || map.entries(facts.tree);
    let keyed = |text: &[u8]| {
        entries().find(|entry| matches!(&entry.key, MapKey::Literal(key) if key.eq_ignore_ascii_case(text)))
    };
    let default = || entries().find(|entry| entry.key == MapKey::Default);
    let gives = |entry: &MapEntry| {
        let value = facts.handshake.evaluate(route.block, &entry.value.value());
        value.known().map(|value| has_token(value, wanted.token))
    };
    let (mut first, mut last) = (Vec::new(), Vec::new());
    match keyed(b"websocket").or_else(default) {
        Some(entry) if gives(&entry)? => {}
        Some(entry) => repair = repair.word(entry.node, 0, wanted.token),
        None => first.push(format!("default {};", wanted.token)),
    }
    // One that begins with nothing would else be told to upgrade by the default.
    let idle = if wanted.token == "upgrade" { "close" } else { "''" };
    match keyed(b"") {
        Some(entry) if !gives(&entry)? => {}
        Some(entry) => repair = repair.word(entry.node, 0, idle),
        None if keyed(b"websocket").is_some() => {}
        None => last.push(format!("''      {idle};")),
    }
    if let Some(entry) = entries().last() {
        repair = repair.above(entries().next()?.node, &first).below(entry.node, &last);
    } else {
        repair = repair.inside(map.node, &[first, last].concat());
    }
    repair.safe(format!("let `{}` follow the client's Upgrade", variable(map)))
}

fn variable(map: &Map) -> String {
    format!("${}", String::from_utf8_lossy(&map.name))
}

fn told(wanted: &Wanted, value: &[u8]) -> String {
    match value {
        [] => format!("no {} header", wanted.name),
        value => format!("`{}: {}`", wanted.name, String::from_utf8_lossy(value)),
    }
}

fn canonical(map: &Map, wanted: &Wanted) -> String {
    let lines = match wanted.token {
        "upgrade" => "default upgrade;\n    ''      close;",
        _ => "default   '';\n    websocket websocket;",
    };
    format!("write\nmap $http_upgrade {} {{\n    {lines}\n}}", variable(map))
}
