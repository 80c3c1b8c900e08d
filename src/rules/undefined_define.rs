//! Variables that nothing defines, in lines that decide where requests go. Knows what the files define, not what the
//! server's environment holds.

use crate::effective::apache::names;
use crate::engine::apache::Facts;
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::Intent;
use crate::syntax::NameId;

pub static RULE: Rule = Rule {
    id: "undefined-define",
    level: Level::Warning,
    card: include_str!("../../rules/undefined-define.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::ApacheTree(check),
};

/// Lines that decide where requests go.
const DECISIVE: [NameId; 14] = [
    names::BALANCER_MEMBER,
    names::LISTEN,
    names::LOCATION,
    names::PROXY,
    names::PROXY_PASS,
    names::PROXY_PASS_MATCH,
    names::PROXY_SET,
    names::PROXY_TIMEOUT,
    names::REWRITE_COND,
    names::REWRITE_RULE,
    names::SERVER_NAME,
    names::SET_HANDLER,
    names::TIMEOUT,
    names::VIRTUAL_HOST,
];

/// Variables of rewriting that people write with a dollar.
const OF_REWRITING: [&str; 7] =
    ["HTTPS", "HTTP_HOST", "HTTP_UPGRADE", "QUERY_STRING", "REMOTE_ADDR", "REQUEST_URI", "SERVER_NAME"];

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    if !facts.is_complete() {
        return;
    }
    let lines = facts.config.blocks().flat_map(|(block, _)| facts.config.own(block, names::DEFINE));
    let defined: Vec<String> =
        lines.filter_map(|node| facts.directive(node).arg(0)).map(|word| word.show()).collect();
    for (node, name) in &facts.tree.reading.undefined {
        let name = String::from_utf8_lossy(name).into_owned();
        let is_refused = facts.config.refusals.iter().any(|refusal| refusal.node == *node);
        let told = DECISIVE.contains(&facts.directive(*node).name_id()) && !name.starts_with("APACHE_");
        if !told || is_refused {
            continue;
        }
        let message = format!("nothing defines `${{{name}}}`, so httpd takes it letter by letter");
        let finding = RULE.finding(facts.head(*node), message);
        let rewriting = matches!(facts.directive(*node).name_id(), names::REWRITE_COND | names::REWRITE_RULE);
        if rewriting && OF_REWRITING.contains(&name.as_str()) {
            let help = format!("write `%` where the server's own variable is meant\n%{{{name}}}");
            findings.push(finding.help(help));
            continue;
        }
        // A name in capitals may come from the environment, which no file shows.
        let may_be_given = !name.contains(|c: char| c.is_ascii_lowercase());
        let near = defined.iter().find(|known| is_near(known, &name));
        let finding = match near {
            Some(known) => finding.help(format!("write the name that is defined\n${{{known}}}")),
            None if may_be_given => finding.severity(Severity::Note).help(format!(
                "make sure that the server's environment has it, or write above it\nDefine {name} value"
            )),
            None => finding.help(format!("write above it\nDefine {name} value")),
        };
        findings.push(finding);
    }
}

/// Whether one letter more, less or other makes one name of the other.
fn is_near(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase().into_bytes(), other.to_ascii_lowercase().into_bytes());
    if one.len().abs_diff(other.len()) > 1 || one.len().min(other.len()) < 3 {
        return false;
    }
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let rest = |name: &[u8], skip: usize| name[(same + skip).min(name.len())..].to_vec();
    match one.len().cmp(&other.len()) {
        std::cmp::Ordering::Equal => rest(&one, 1) == rest(&other, 1),
        std::cmp::Ordering::Less => rest(&one, 0) == rest(&other, 1),
        std::cmp::Ordering::Greater => rest(&one, 1) == rest(&other, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn one_letter_makes_one_name_of_the_other() {
        assert!(
            is_near("backend", "Backnd") && is_near("wshost", "wshosts") && is_near("backend", "bockend")
        );
        assert!(!is_near("backend", "frontend") && !is_near("ws", "wz") && !is_near("port_a", "portbb"));
    }
}
