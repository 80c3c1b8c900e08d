//! Words of `Protocols` that name no protocol. Knows those of httpd's own modules, not what a module of somebody else's
//! may add.

use crate::effective::apache::names;
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "protocols-misspelled",
    level: Level::Warning,
    card: include_str!("../../rules/protocols-misspelled.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::ApacheTree(check),
};

/// What people write, in lower case, and what httpd calls it.
const NAMES: [(&str, &str); 11] = [
    ("acme-tls/1", "acme-tls/1"),
    ("h2", "h2"),
    ("h2c", "h2c"),
    ("http/1", "http/1.1"),
    ("http/1.1", "http/1.1"),
    ("http/2", "h2"),
    ("http/2.0", "h2"),
    ("http1", "http/1.1"),
    ("http1.1", "http/1.1"),
    ("http2", "h2"),
    ("http2.0", "h2"),
];

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(route) = facts.routes.iter().find(|route| route.intent >= Intent::Lost) else { return };
    for server in facts.config.server_ids() {
        let block = facts.config.server(server).block;
        for node in facts.config.own(block, names::PROTOCOLS) {
            findings.extend(of_line(facts, node).map(|finding| {
                finding.label(facts.head(route.node), "WebSockets are proxied here, by HTTP/1.1 all the same")
            }));
        }
    }
}

fn of_line(facts: &Facts, node: NodeRef) -> Option<Finding> {
    let directive = facts.directive(node);
    if directive.args().any(|word| word.is_hole()) {
        return None;
    }
    let wrong = directive.args().find(|word| {
        let written = word.show();
        meant(&written).is_some_and(|meant| meant != [written.as_str()])
    })?;
    let mut all: Vec<String> = Vec::new();
    for word in directive.args() {
        let written = word.show();
        let names = meant(&written).map(|names| names.into_iter().map(str::to_string).collect());
        for name in names.unwrap_or_else(|| vec![written.clone()]) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    let message = format!("`{}` is no protocol that httpd knows, and it says nothing of that", wrong.show());
    let name = String::from_utf8_lossy(&directive.name()).into_owned();
    let line = format!("{name} {}", all.join(" "));
    let fix = facts.rewrite_but(node, &line, "clients may speak those protocols then");
    let finding = RULE.finding(wrong.span(), message).here("so this offers nothing to clients").fix(fix);
    Some(finding.help(format!("write names in small letters, with blanks between them\n{line}")))
}

/// The names that a word stands for; None where it may be one of somebody else's.
fn meant(word: &str) -> Option<Vec<&'static str>> {
    let parts = word.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let bare = part.trim_start_matches(['+', '-']).to_ascii_lowercase();
            NAMES.iter().find(|(written, _)| *written == bare).map(|(_, name)| *name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_shape() {
        assert_eq!(meant("h2,http/1.1"), Some(vec!["h2", "http/1.1"]));
        assert_eq!(meant("+H2"), Some(vec!["h2"]));
        assert_eq!(meant("http/2"), Some(vec!["h2"]));
        assert_eq!(meant("spdy/3"), None);
    }
}
