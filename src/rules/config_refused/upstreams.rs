//! Upstreams that nginx refuses (`ngx_http_upstream`, `ngx_http_upstream_server`,
//! `ngx_http_upstream_init_round_robin`). Knows how their servers are listed, not who uses them.

use hashbrown::HashMap;

use super::{RULE, passes};
use crate::effective::BlockId;
use crate::effective::nginx::directives::{STREAM_UPSTREAM, UPSTREAM};
use crate::effective::nginx::{names, values};
use crate::effective::version::Version;
use crate::engine::Facts;
use crate::finding::Finding;
use crate::syntax::NameId;
use crate::tree::NodeRef;

/// Parameters of `server` that came later (nginx's change log).
const SINCE: [(&str, Version); 4] = [
    ("drain", Version::new(1, 29, 6)),
    ("resolve", Version::new(1, 27, 3)),
    ("route", Version::new(1, 29, 6)),
    ("service", Version::new(1, 27, 3)),
];

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut seen: HashMap<(u32, Vec<u8>), NodeRef> = HashMap::new();
    let blocks = facts.config.blocks().filter(|(_, block)| block.context & (UPSTREAM | STREAM_UPSTREAM) != 0);
    for (id, block) in blocks {
        let Some(node) = block.node.filter(|&node| !facts.config.is_derailed(facts.tree, node)) else {
            continue;
        };
        let Some(name) = facts.directive(node).arg(0).filter(|word| !word.is_hole()) else { continue };
        let key = (block.context, name.value().to_ascii_lowercase());
        match seen.get(&key) {
            Some(&first) => findings.push(duplicate(facts, first, node, &name.show())),
            None => {
                seen.insert(key, node);
            }
        }
        servers(facts, id, node, findings);
    }
}

fn duplicate(facts: &Facts, first: NodeRef, second: NodeRef, name: &str) -> Finding {
    let finding = facts.refused(&RULE, second, format!("duplicate upstream \"{name}\""));
    let finding = match facts.head(first) == facts.head(second) {
        true => finding.here("brought in twice"),
        false => finding.here("once more").label(facts.head(first), "written here already"),
    };
    finding.labels(facts.included_from(second.graft)).help("give one of them another name, or remove it")
}

fn servers(facts: &Facts, id: BlockId, node: NodeRef, findings: &mut Vec<Finding>) {
    let block = facts.config.block(id);
    let mut backups_taken = Some(true);
    let mut method = None;
    let mut servers = 0;
    let mut backups = 0;
    for line in facts.tree.children(node) {
        let directive = facts.directive(line);
        match directive.name_id() {
            // A directive of another module may be a method of its own, or list servers.
            NameId::UNKNOWN => backups_taken = None,
            names::HASH | names::IP_HASH | names::RANDOM => {
                backups_taken = Some(false);
                method = Some(line);
            }
            names::LEAST_CONN | names::LEAST_TIME => backups_taken = Some(true),
            names::SERVER => {
                servers += 1;
                let backup = directive.args().skip(1).any(|word| word.is("backup"));
                backups += usize::from(backup);
                findings.extend(scheme(facts, line).or_else(|| parameter(facts, line)));
                // In http another rule says so, with the line to write.
                if backup
                    && block.context == STREAM_UPSTREAM
                    && backups_taken == Some(false)
                    && let Some(method) = method
                {
                    findings.push(backup_refused(facts, line, method));
                }
            }
            _ => {}
        }
    }
    let other = facts.config.own(id, NameId::UNKNOWN).len() > 0;
    if block.opaque || block.broken || other || backups < servers {
        return;
    }
    let end = facts.directive(node).last_byte();
    findings.push(match servers {
        0 => RULE
            .refusal(facts.head(node), "no servers are inside upstream")
            .label(end, "nginx complains about this line, where the block ends")
            .help("write in it\nserver 127.0.0.1:8080;"),
        _ => {
            let name = facts.directive(node).arg(0).map(|word| word.show()).unwrap_or_default();
            let finding = facts.refused(&RULE, node, format!("no servers in upstream \"{name}\""));
            finding.here("every one of its servers is a backup").help("remove `backup` from one of them")
        }
    });
}

/// An address here has no scheme and no path.
fn scheme(facts: &Facts, line: NodeRef) -> Option<Finding> {
    let word = facts.directive(line).arg(0).filter(|word| !word.is_hole())?;
    let text = word.show();
    if text.starts_with("unix:") || !text.contains('/') {
        return None;
    }
    let address = text.split_once("://").map_or(&*text, |(_, rest)| rest);
    let address = address.split('/').next().unwrap_or_default();
    let finding = facts.refused(&RULE, line, format!("invalid host in upstream \"{text}\""));
    let says = match text.contains("://") {
        true => "the scheme belongs to `proxy_pass`",
        false => "the path belongs to `proxy_pass`",
    };
    Some(finding.here(says).help(format!("write\n{};", facts.text(line).replacen(&text, address, 1))))
}

/// A port or a parameter that no version of the target takes.
fn parameter(facts: &Facts, line: NodeRef) -> Option<Finding> {
    let directive = facts.directive(line);
    if directive.args().any(|word| word.is_hole()) || facts.config.is_derailed(facts.tree, line) {
        return None;
    }
    let address = directive.arg(0)?.value();
    if !address.starts_with(b"unix:")
        && let Some(finding) = passes::invalid_port(facts, line, &address)
    {
        return Some(finding);
    }
    let target = facts.config.target.nginx;
    directive.args().skip(1).find_map(|word| {
        let text = word.show();
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        let says = match name {
            "weight" if values::number(value.as_bytes()).is_none_or(|weight| weight == 0) => {
                "takes a number from 1".to_string()
            }
            "max_conns" | "max_fails" if values::number(value.as_bytes()).is_none() => {
                "takes a number".to_string()
            }
            "fail_timeout" if values::seconds(value.as_bytes()).is_none() => {
                "takes a time: `10s`, `1m`".to_string()
            }
            _ => {
                let (_, since) = SINCE.iter().find(|(known, _)| *known == name)?;
                target.all_before(*since).then(|| format!("nginx knows it since {since}"))?
            }
        };
        let finding = RULE.refusal(word.span(), format!("invalid parameter \"{text}\"")).here(says);
        Some(facts.with_server_line(finding, line))
    })
}

fn backup_refused(facts: &Facts, line: NodeRef, method: NodeRef) -> Finding {
    facts
        .refused(&RULE, line, "balancing method does not support parameter \"backup\"")
        .label(facts.head(method), "the method, which knows no backup servers")
        .help("remove `backup`, or use `least_conn`")
}
