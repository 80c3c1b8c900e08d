//! What an upstream's balancing method silently drops, or does not take. Knows the order of lines in an upstream, not
//! which applications need affinity.

use crate::effective::BlockId;
use crate::effective::nginx::directives::UPSTREAM;
use crate::effective::nginx::names::{HASH, IP_HASH, LEAST_CONN, LEAST_TIME, RANDOM, SERVER, STICKY};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::Intent;
use crate::syntax::NameId;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "sticky-ignored",
    level: Level::Warning,
    card: include_str!("../../rules/sticky-ignored.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

const METHODS: [NameId; 5] = [HASH, IP_HASH, LEAST_CONN, LEAST_TIME, RANDOM];

/// Methods that take no backup servers (the flags that each sets for the lines that follow it).
const WITHOUT_BACKUP: [NameId; 3] = [HASH, IP_HASH, RANDOM];

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let upstreams = facts.config.blocks().filter(|(_, block)| block.context == UPSTREAM);
    for (upstream, block) in upstreams {
        let Some(node) = block.node.filter(|&node| !facts.config.is_derailed(facts.tree, node)) else {
            continue;
        };
        let mut sticky = None;
        let mut method = None;
        for line in facts.tree.children(node) {
            match facts.directive(line).name_id() {
                STICKY if !block.broken => sticky = Some(line),
                name if METHODS.contains(&name) => {
                    findings.extend(sticky.take().map(|sticky| lost(facts, sticky, line)));
                    method = Some((name, line));
                }
                SERVER => {
                    let refusing = method.filter(|(name, _)| WITHOUT_BACKUP.contains(name));
                    findings.extend(refusing.and_then(|(_, method)| backup(facts, upstream, line, method)));
                }
                _ => {}
            }
        }
    }
}

fn lost(facts: &Facts, sticky: NodeRef, method: NodeRef) -> Finding {
    let (method_text, method_name) = (facts.text(method), facts.directive(method).name_word().show());
    let message = format!("`sticky` has no effect: `{method_name}` follows it and takes its place");
    let line = format!("{};", facts.text(sticky));
    let fix = facts.repair().remove(sticky).below(method, &[line]);
    RULE.finding(facts.head(sticky), message)
        .fix(fix.risky("write it after the method; other requests are balanced by it too"))
        .label(facts.head(method), "the last one balances alone")
        .help(format!("write it after the method\n{method_text};\n{};", facts.text(sticky)))
}

fn backup(facts: &Facts, upstream: BlockId, server: NodeRef, method: NodeRef) -> Option<Finding> {
    let line = facts.directive(server);
    if line.args().any(|word| word.is_hole()) || !line.args().skip(1).any(|word| word.is("backup")) {
        return None;
    }
    let method_name = facts.directive(method).name_word().show();
    let message = format!("`{method_name}` takes no backup server, so nginx does not start");
    let words = line.args().filter(|word| !word.is("backup"));
    let words: Vec<_> = words.map(|word| String::from_utf8_lossy(word.raw()).into_owned()).collect();
    let help = format!(
        "write it as one of the servers of `{}`: the clients of a server that fails go to the others anyway\nserver {};",
        facts.block_name(upstream),
        words.join(" ")
    );
    let index = line.args().position(|word| word.is("backup"))?;
    let fix = facts.repair().drop_word(server, index).risky("drop `backup`; the server then takes its share");
    let finding = facts.refused(&RULE, server, message).severity(Severity::Error).fix(fix);
    Some(finding.label(facts.head(method), "the method for every server below").help(help))
}
