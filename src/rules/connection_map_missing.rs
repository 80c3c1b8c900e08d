//! A variable in Upgrade or Connection that nothing defines, so that nginx does not start. Knows names, not what a
//! map makes of a handshake.

use hashbrown::HashSet;

use crate::effective::BlockId;
use crate::effective::nginx::directives::{HTTP, SERVER};
use crate::effective::nginx::names::{LOAD_MODULE, PROXY_SET_HEADER};
use crate::effective::nginx::{Config, is_builtin, values};
use crate::engine::{Check, Facts, Level, Rule};
use crate::finding::{Finding, Fix};
use crate::routes::Intent;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "connection-map-missing",
    level: Level::Error,
    card: include_str!("../../rules/connection-map-missing.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

/// Further places that use the variable, shown beside the first.
const MAX_USES: usize = 3;

/// Edits that may lie between a name and the one that was meant.
const MAX_DISTANCE: usize = 2;

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let config = facts.config;
    if !config.complete {
        return;
    }
    let mut uses: Vec<(Vec<u8>, Vec<NodeRef>)> = Vec::new();
    // Values of which every variable is known: hundreds of lines hold the same few.
    let mut known = HashSet::new();
    for (block, node) in facts.variable_handshake_headers() {
        let Some(value) = facts.directive(node).arg(1).filter(|word| !known.contains(word.raw())) else {
            continue;
        };
        let text = value.value();
        let is_unknown = |name: &&[u8]| !config.defines(name) && !is_builtin(name);
        let mut unknown = values::variables(&text).filter(is_unknown).peekable();
        if unknown.peek().is_none() {
            known.insert(value.raw());
        }
        for name in unknown.filter(|_| is_compiled(config, block)) {
            let name = name.to_ascii_lowercase();
            match uses.iter_mut().find(|(known, _)| *known == name) {
                Some((_, nodes)) => nodes.push(node),
                None => uses.push((name, vec![node])),
            }
        }
    }
    findings.extend(uses.iter().filter_map(|(name, nodes)| finding(facts, name, nodes)));
}

/// Whether nginx looks at the headers of a block: those of `http` only for a server that sets none of its own
/// (`ngx_http_proxy_merge_loc_conf`).
fn is_compiled(config: &Config, block: BlockId) -> bool {
    config.block(block).context & HTTP == 0
        || config
            .blocks()
            .any(|(id, server)| server.context & SERVER != 0 && config.own(id, PROXY_SET_HEADER).len() == 0)
}

fn finding(facts: &Facts, name: &[u8], uses: &[NodeRef]) -> Option<Finding> {
    let first = *uses.first()?;
    let near = near_miss(facts.config, name);
    let by_a_module = || !contains(name, b"upgrade") && *name != *b"http" && has_modules(facts.config);
    if near.is_none() && by_a_module() {
        return None;
    }
    let shown = String::from_utf8_lossy(name).into_owned();
    let mut finding = RULE
        .refusal(facts.head(first), format!("nothing defines `${shown}`, so nginx does not start"))
        .here(format!("nginx -t says only `unknown \"{shown}\" variable`, and no line"));
    for &other in uses.iter().skip(1).take(MAX_USES) {
        finding = finding.label(facts.head(other), "used here too");
    }
    let directive = facts.directive(first);
    let (header, value) = (directive.arg(0)?.show(), directive.arg(1)?.show());
    let line = |value: String| format!("proxy_set_header {header} {value};");
    if name == b"http" && contains(value.as_bytes(), b"$http-") {
        let meant = value.replace('-', "_");
        let repair = uses.iter().fold(facts.repair(), |repair, &at| {
            let value = facts.directive(at).arg(1).map(|word| word.show().replace('-', "_"));
            repair.word(at, 1, &value.unwrap_or_default())
        });
        return Some(
            finding
                .fix(repair.safe(format!("write `{meant}`")))
                .help(format!("write `_`, where a variable's name ends at `-`\n{}", line(meant))),
        );
    }
    if let Some(near) = near {
        let meant = String::from_utf8_lossy(&near).into_owned();
        if let Some(map) = facts.config.map(&near) {
            finding = finding.label(facts.head(map.node), format!("did you mean `${meant}`?"));
        }
        let fix = named(facts, uses, &shown, &meant);
        return Some(finding.fix(fix).help(format!("write `${meant}`\n{}", line(format!("${meant}")))));
    }
    if header.eq_ignore_ascii_case("upgrade") {
        finding = finding.fix(named(facts, uses, &shown, "http_upgrade"));
        return Some(finding.help(format!("write the client's own value\n{}", line("$http_upgrade".into()))));
    }
    let http = facts.config.blocks().find(|(_, block)| block.context & HTTP != 0);
    if let Some(node) = http.and_then(|(_, block)| block.node) {
        finding = finding.label(facts.head(node), "the map belongs in this block, before its servers");
    }
    let map = format!("map $http_upgrade ${shown} {{\n    default upgrade;\n    ''      close;\n}}");
    let insert = |place| facts.repair().above(place, &[&map[..], ""]);
    let fix = facts.map_place().and_then(|place| insert(place).safe(format!("define `${shown}` in http")));
    Some(finding.fix(fix).help(format!("write in the http block, before its servers\n{map}")))
}

/// The fix that writes another variable wherever this one stands.
fn named(facts: &Facts, uses: &[NodeRef], name: &str, meant: &str) -> Option<Fix> {
    let repair = uses.iter().fold(facts.repair(), |repair, &at| {
        let value = facts.directive(at).arg(1).map(|word| word.show().to_string()).unwrap_or_default();
        let start = value.to_ascii_lowercase().find(name);
        let new = start.map(|start| format!("{}{meant}{}", &value[..start], &value[start + name.len()..]));
        repair.unless(new.is_none()).word(at, 1, &new.unwrap_or_default())
    });
    repair.safe(format!("write `${meant}`"))
}

/// The variable that was probably meant.
fn near_miss(config: &Config, name: &[u8]) -> Option<Vec<u8>> {
    let written = std::str::from_utf8(name).ok()?;
    let maps = config.maps.iter().map(|map| map.name.as_slice());
    let distance = |known: &&[u8]| {
        let known = std::str::from_utf8(known).ok()?;
        Some(strsim::damerau_levenshtein(known, written)).filter(|&distance| distance <= MAX_DISTANCE)
    };
    let near = maps.chain([&b"http_upgrade"[..]]).filter_map(|known| Some((distance(&known)?, known)));
    near.min_by_key(|(distance, _)| *distance)
        .filter(|_| written.len() > 2 * MAX_DISTANCE)
        .map(|(_, known)| known.to_vec())
}

/// Modules that wslint does not know may have variables of their own.
fn has_modules(config: &Config) -> bool {
    !config.unknown.is_empty() || !config.everywhere(LOAD_MODULE).is_empty()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
