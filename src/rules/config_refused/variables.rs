//! Variables that nothing gives a value (`ngx_http_variables_init_vars`). Knows where variables are named, not what
//! they hold; those of the Upgrade and Connection headers have a rule of their own.

use hashbrown::HashSet;

use super::{RULE, conditions, values};
use crate::effective::nginx::directives::{HTTP, IF_LOCATION, IF_SERVER, SERVER, STREAM, STREAM_SERVER};
use crate::effective::nginx::values::variables;
use crate::effective::nginx::{is_builtin, names};
use crate::engine::Facts;
use crate::finding::Finding;
use crate::routes::nginx::is_header;
use crate::tree::NodeRef;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    // What another module defines shows only where one of its directives stands, or where it is loaded.
    let loads = !facts.config.everywhere(names::LOAD_MODULE).is_empty();
    if !facts.config.complete || facts.config.fragment || !facts.config.unknown.is_empty() || loads {
        return;
    }
    let headers_of_http = facts.config.blocks().any(|(id, block)| {
        block.context == SERVER && facts.config.own(id, names::PROXY_SET_HEADER).len() == 0
    });
    let mut seen = HashSet::new();
    let mut report = |node: NodeRef, name: &[u8], stream: bool| {
        if seen.insert((facts.head(node), name.to_ascii_lowercase())) {
            findings.push(unknown(facts, node, name, stream));
        }
    };
    // Values of which every variable is known: hundreds of lines hold the same few.
    let mut known = HashSet::new();
    values::each(facts, |block, node, word| {
        if known.contains(word.raw()) {
            return;
        }
        let value = word.value();
        let unknown: Vec<&[u8]> = variables(&value).filter(|name| is_unknown(facts, name)).collect();
        if unknown.is_empty() {
            known.insert(word.raw());
        }
        let used = headers_of_http || facts.config.block(block).context != HTTP;
        if is_compiled(facts, node, used) {
            unknown.into_iter().for_each(|name| report(node, name, false));
        }
    });
    for map in &facts.config.maps {
        let entries = map.entries(facts.tree).map(|entry| (entry.node, entry.value));
        for (node, word) in std::iter::once((map.node, map.source(facts.tree))).chain(entries) {
            let value = word.value();
            let names = variables(&value).filter(|name| !word.is_hole() && is_unknown(facts, name));
            names.for_each(|name| report(node, name, false));
        }
    }
    for (_, block) in
        facts.config.blocks().filter(|(_, block)| block.context & (IF_SERVER | IF_LOCATION) != 0)
    {
        let Some(node) = block.node else { continue };
        let Ok(words) = conditions::words(&facts.directive(node)) else { continue };
        // The first word is a variable whole; a regular expression is taken as it stands.
        if let Some([b'$', name @ ..]) = words.first().map(Vec::as_slice)
            && is_unknown(facts, name)
        {
            report(node, name, false);
        }
        let compared = words.len() == 2 || words.get(1).is_some_and(|operator| operator.ends_with(b"="));
        if let Some(value) = words.get(1..).and_then(<[_]>::last).filter(|_| compared) {
            variables(value)
                .filter(|name| is_unknown(facts, name))
                .for_each(|name| report(node, name, false));
        }
    }
    in_stream(facts, &mut report);
}

/// `stream` knows nothing of HTTP: a request's headers, cookies and arguments are no variables there.
fn in_stream(facts: &Facts, report: &mut impl FnMut(NodeRef, &[u8], bool)) {
    for (id, block) in
        facts.config.blocks().filter(|(_, block)| block.context & (STREAM | STREAM_SERVER) != 0)
    {
        let words: &[_] = match block.context {
            STREAM => &[names::MAP],
            _ => &[names::PROXY_PASS, names::RETURN, names::SET],
        };
        for node in words.iter().flat_map(|&name| facts.config.own(id, name)) {
            let directive = facts.directive(node);
            let index = usize::from(directive.name_id() == names::SET);
            let Some(word) = directive.arg(index).filter(|word| !word.is_hole()) else { continue };
            let value = word.value();
            let of_http = |name: &&[u8]| is_of_http(name) && !facts.config.defines(name);
            variables(&value).filter(of_http).for_each(|name| report(node, name, true));
        }
    }
}

fn is_of_http(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    [&b"http_"[..], b"cookie_", b"arg_", b"sent_http_", b"upstream_http_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn is_unknown(facts: &Facts, name: &[u8]) -> bool {
    !name.is_empty() && !is_builtin(name) && !facts.config.defines(name)
}

/// A header is looked at where a server uses it (`used`); the handshake's own are another rule's.
fn is_compiled(facts: &Facts, node: NodeRef, used: bool) -> bool {
    let directive = facts.directive(node);
    if directive.name_id() != names::PROXY_SET_HEADER {
        return true;
    }
    let Some(header) = directive.arg(0) else { return false };
    if is_header(&header.value(), "upgrade") || is_header(&header.value(), "connection") {
        return false;
    }
    used
}

fn unknown(facts: &Facts, node: NodeRef, name: &[u8], stream: bool) -> Finding {
    let name = String::from_utf8_lossy(name);
    let finding = RULE.refusal(facts.head(node), format!("unknown \"{name}\" variable"));
    if stream {
        return finding
            .here("`stream` passes bytes on and knows no HTTP request")
            .help("write the address itself, or proxy in `http`");
    }
    if let Some((base, _)) = name.split_once('$') {
        return finding
            .here("one variable's name, as nginx reads it")
            .help(format!("ask about one variable\nif (${base}) {{"));
    }
    let known = facts.config.maps.iter().map(|map| String::from_utf8_lossy(&map.name).into_owned());
    let near = known.filter(|known| strsim::osa_distance(known, &name.to_ascii_lowercase()) <= 2).min();
    match near {
        Some(near) => finding.here(format!("did you mean `${near}`?")).help(format!("write\n${near}")),
        None => finding
            .here("nothing defines it")
            .help(format!("define it, or write the name of one that exists\nset ${name} \"\";")),
    }
}
