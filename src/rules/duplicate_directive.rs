//! A directive that nginx takes once, written twice at one level. Knows the table of directives, not which of the
//! two was meant.

use crate::effective::nginx::RefusalKind;
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "duplicate-directive",
    level: Level::Error,
    card: include_str!("../../rules/duplicate-directive.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for refusal in &facts.config.refusals {
        if let RefusalKind::Duplicate { first } = refusal.kind {
            findings.push(duplicate(facts, first, refusal.node));
        }
    }
}

fn duplicate(facts: &Facts, first: NodeRef, second: NodeRef) -> Finding {
    let name = String::from_utf8_lossy(&facts.directive(second).name()).into_owned();
    let finding = facts.refused(&RULE, second, format!("\"{name}\" directive is duplicate"));
    let file = |node: NodeRef| facts.tree.file(node.graft);
    let finding = if facts.head(first) == facts.head(second) {
        let sites = [second, first].map(|node| facts.tree.include_chain(node.graft).next());
        let labels = sites.into_iter().flatten().zip(["by this include", "and already by this one"]);
        labels.fold(finding.here("brought in twice"), |finding, (site, says)| {
            finding.label(facts.head(site), says)
        })
    } else if file(first) == file(second) {
        finding.here("once more").label(facts.head(first), "written here already")
    } else {
        finding
            .here("once more")
            .label(facts.head(first), "written here already")
            .labels(facts.included_from(second.graft))
    };
    let path = facts.tree.sources.path(file(second)).to_string_lossy();
    if is_backup(&path) && !is_backup(&facts.tree.sources.path(file(first)).to_string_lossy()) {
        return finding.help("move the backup out of the directory, or write a pattern that it does not match\ninclude conf.d/*.conf;");
    }
    let words = |node: NodeRef| -> Vec<Vec<u8>> {
        facts.directive(node).args().map(|word| word.value().into_owned()).collect()
    };
    // Of two values nobody knows which is meant.
    let same = words(first) == words(second) && facts.head(first) != facts.head(second);
    let fix = facts.repair().unless(!same).remove(second).safe("remove the second line");
    finding.fix(fix).help("remove one of the two")
}

/// What editors and package managers leave beside a file.
fn is_backup(path: &str) -> bool {
    const ENDS: [&str; 8] = ["~", ".bak", ".dpkg-dist", ".dpkg-old", ".old", ".orig", ".rpmsave", ".save"];
    ENDS.iter().any(|end| path.ends_with(end))
}
