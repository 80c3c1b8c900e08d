//! A variable that is always empty stands where the client's own header is meant. Knows the names near to it and the
//! prefixes of which nginx never complains, not what any other variable holds.

use crate::effective::Value;
use crate::effective::nginx::{Evaluator, Request, values};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::model::Handshake;
use crate::routes::{Header, Intent, Route, has_token};
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "misspelled-variable",
    level: Level::Error,
    card: include_str!("../../rules/misspelled-variable.md"),
    cause: Some(2),
    intent: Intent::Lost,
    options: &[],
    check: Check::Route(check),
};

/// Letters that may be wrong.
const MAX_DISTANCE: usize = 2;

/// Maps inside one another that are followed.
const MAX_MAPS: usize = 8;

/// The client's headers as a prefix, and those of an answer, which does not exist while the request is made.
const REQUEST: &str = "http_";
const ANSWER: [&str; 4] = ["sent_http_", "sent_trailer_", "upstream_http_", "upstream_trailer_"];

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    [("Upgrade", "websocket"), ("Connection", "upgrade")].into_iter().find_map(|(name, token)| {
        let undecided = !route.headers.opaque && route.headers.carries(name, token) != Some(true);
        let mut written = route.headers.named(name).filter(|_| undecided);
        written
            .find_map(|header| misspelled(facts, header, name))
            .filter(|found| found.breaks(facts, route, name, token))
            .map(|found| found.tell(facts, route))
    })
}

struct Misspelled<'a> {
    header: &'a Header,
    /// The line that names the variable: the header's own, or a map's.
    at: NodeRef,
    /// As written, without `$`.
    name: String,
    /// What is meant, without `$`; none where a constant is.
    meant: Option<&'static str>,
}

/// The first such variable in the header's value or in the source of a map that it uses.
fn misspelled<'a>(facts: &Facts, header: &'a Header, name: &str) -> Option<Misspelled<'a>> {
    let mut lines = vec![(header.at, facts.directive(header.at).arg(1)?)];
    for index in 0..MAX_MAPS {
        let &(at, word) = lines.get(index)?;
        if word.is_hole() {
            continue;
        }
        for variable in values::variables(&word.value()) {
            if let Some(map) = facts.config.map(variable) {
                lines.push((map.node, map.source(facts.tree)));
                continue;
            }
            let place = if at != header.at { "map" } else { name };
            let variable = String::from_utf8_lossy(variable).into_owned();
            if let Some(meant) = meant(&variable.to_ascii_lowercase(), place)
                && !facts.config.defines(variable.as_bytes())
            {
                return Some(Misspelled { header, at, name: variable, meant });
            }
        }
    }
    None
}

/// What is meant by a variable in this place; the outer None where nothing else is.
fn meant(name: &str, place: &str) -> Option<Option<&'static str>> {
    let header = ANSWER.iter().find_map(|prefix| name.strip_prefix(prefix));
    let own = name
        .strip_prefix(REQUEST)
        .filter(|rest| !["upgrade", "connection"].contains(rest) && !rest.starts_with("x_"));
    let rest = header.or(own)?;
    let is = |known: &str| strsim::osa_distance(rest, known) <= MAX_DISTANCE;
    match place {
        "Upgrade" if is("upgrade") || is("connection_upgrade") => Some(Some("http_upgrade")),
        "Connection" if is("upgrade") => Some(None),
        "Connection" if is("connection_upgrade") => Some(Some("connection_upgrade")),
        "Connection" if is("connection") => Some(Some("http_connection")),
        "map" if is("upgrade") => Some(Some("http_upgrade")),
        "map" if is("connection") => Some(Some("http_connection")),
        _ => None,
    }
}

/// A handshake by a client that sends no such header, as none does.
struct Without<'a>(&'a str);

impl Request for Without<'_> {
    fn variable(&self, name: &[u8]) -> Value {
        if name.eq_ignore_ascii_case(self.0.as_bytes()) { Value::empty() } else { Handshake.variable(name) }
    }
}

impl Misspelled<'_> {
    /// Whether the header comes out wrong because of it.
    fn breaks(&self, facts: &Facts, route: &Route, name: &str, token: &str) -> bool {
        let without = Without(&self.name);
        let handshake = Evaluator::new(facts.tree, facts.config, &without);
        route.headers.named(name).all(|header| {
            let word = facts.directive(header.at).arg(1).filter(|word| !word.is_hole());
            let value = word.map(|word| handshake.evaluate(route.block, &word.value()));
            matches!(value, Some(Value::Known(value)) if !has_token(&value, token))
        })
    }

    fn tell(self, facts: &Facts, route: &Route) -> Finding {
        let Self { header, at, name, meant } = self;
        let lower = name.to_ascii_lowercase();
        let of_answer = ANSWER.iter().any(|prefix| lower.starts_with(prefix));
        let empty = match of_answer {
            true => format!("`${name}` is a header of the answer, so it is empty while the request is made"),
            false => format!("`${name}` is a header that no client sends, so it is always empty"),
        };
        let known =
            meant.filter(|&meant| meant != "connection_upgrade" || facts.config.defines(meant.as_bytes()));
        let (message, help, fix) = match known {
            Some(meant) => {
                let mut line = facts.text(at).replacen(&name, meant, 1);
                line.push_str(if at == header.at { ";" } else { " {" });
                let fix = facts.rewrite(at, &line);
                (format!("{empty}; `${meant}` is meant"), line, fix)
            }
            None => {
                let wanted = facts.announcement(route);
                let repair = wanted.defined(facts.repair().rewrite(at, &wanted.line()));
                (empty, wanted.text(), repair.with(wanted.safety(), format!("write `{}`", wanted.line())))
            }
        };
        let word = facts.directive(at).arg(if at == header.at { 1 } else { 0 });
        let span = word.map_or_else(|| facts.head(at), |word| word.span());
        let mut finding = RULE.finding(span, message).fix(fix).help(format!("write\n{help}"));
        if !of_answer {
            finding = finding.here("nginx takes every `$http_...` for a header and never complains");
        }
        if at != header.at {
            finding = finding.label(facts.head(header.at), "this header depends on it");
        }
        facts.with_route(finding, route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_near_to_the_headers_own_is_taken_for_it() {
        for name in
            ["http_upgarde", "http_upgade", "http_upgrades", "sent_http_upgrade", "upstream_http_upgarde"]
        {
            assert_eq!(meant(name, "Upgrade"), Some(Some("http_upgrade")), "{name}");
            assert_eq!(meant(name, "Connection"), Some(None), "{name}");
        }
        for name in [
            "http_upgrade",
            "http_connection",
            "http_x_upgrade",
            "http_upgrade_insecure_requests",
            "http_update",
            "http_user_agent",
            "arg_upgrade",
            "cookie_upgrade",
            "upgarde",
        ] {
            for place in ["Upgrade", "Connection", "map"] {
                assert_eq!(meant(name, place), None, "{name} in {place}");
            }
        }
    }
}
