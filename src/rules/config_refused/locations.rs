//! Locations that nginx refuses (`ngx_http_core_location`, `ngx_http_join_exact_locations`). Knows how a location is
//! written, not what it does.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::borrow::Cow;

use super::RULE;
use crate::effective::BlockId;
use crate::effective::nginx::directives::LOCATION;
use crate::engine::Facts;
use crate::finding::Finding;
use crate::syntax::Directive;
use crate::tree::NodeRef;

/// What a location matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Exact,
    /// With `^~` or without.
    Prefix,
    Regex,
    Named,
}

pub(super) struct Matcher<'t> {
    pub(super) kind: Kind,
    pub(super) name: Cow<'t, [u8]>,
}

/// None where a template's expression stands in it; `Err` holds a modifier that nginx does not know.
pub(super) fn matcher<'t>(directive: &Directive<'t>) -> Option<Result<Matcher<'t>, String>> {
    if directive.args().any(|word| word.is_hole()) {
        return None;
    }
    let first = directive.arg(0)?;
    let value = first.value();
    let (kind, name) = match directive.arg(1) {
        Some(name) => match &*value {
            b"=" => (Kind::Exact, name.value()),
            b"^~" => (Kind::Prefix, name.value()),
            b"~" | b"~*" => (Kind::Regex, name.value()),
            _ => return Some(Err(first.show())),
        },
        None => match &*value {
            [b'=', name @ ..] => (Kind::Exact, Cow::Owned(name.to_vec())),
            [b'^', b'~', name @ ..] => (Kind::Prefix, Cow::Owned(name.to_vec())),
            [b'~', b'*', name @ ..] | [b'~', name @ ..] => (Kind::Regex, Cow::Owned(name.to_vec())),
            [b'@', ..] => (Kind::Named, value),
            _ => (Kind::Prefix, value),
        },
    };
    Some(Ok(Matcher { kind, name }))
}

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut seen: HashMap<(BlockId, Kind, Cow<[u8]>), NodeRef> = HashMap::new();
    let blocks = facts.config.blocks().filter(|(_, block)| block.context == LOCATION);
    for (node, parent) in blocks.filter_map(|(_, block)| Some((block.node?, block.parent?))) {
        if facts.config.is_derailed(facts.tree, node) {
            continue;
        }
        let directive = facts.directive(node);
        let matcher = match matcher(&directive) {
            Some(Ok(matcher)) => matcher,
            Some(Err(modifier)) => {
                let finding = facts.refused(&RULE, node, format!("invalid location modifier \"{modifier}\""));
                findings.push(finding.help("write one of `=`, `^~`, `~`, `~*` or none before the path"));
                continue;
            }
            None => continue,
        };
        if let Some(finding) = inside(facts, node, &matcher, parent) {
            findings.push(finding);
            continue;
        }
        // Two named locations of one name pass the test (nginx 1.22.1); regular expressions are never compared.
        if !matches!(matcher.kind, Kind::Exact | Kind::Prefix) {
            continue;
        }
        match seen.entry((parent, matcher.kind, matcher.name)) {
            Entry::Occupied(first) => {
                let name = String::from_utf8_lossy(&first.key().2);
                findings.push(duplicate(facts, *first.get(), node, &name));
            }
            Entry::Vacant(place) => {
                place.insert(node);
            }
        }
    }
}

fn duplicate(facts: &Facts, first: NodeRef, second: NodeRef, name: &str) -> Finding {
    let finding = facts.refused(&RULE, second, format!("duplicate location \"{name}\"")).here("once more");
    let finding = match facts.head(first) == facts.head(second) {
        true => finding.here("brought in twice"),
        false => finding.label(facts.head(first), "written here already"),
    };
    finding.labels(facts.included_from(second.graft)).help("write both into one location, or remove one")
}

fn inside(facts: &Facts, node: NodeRef, matcher: &Matcher, parent: BlockId) -> Option<Finding> {
    let outer_node =
        facts.config.block(parent).node.filter(|_| facts.config.block(parent).context == LOCATION)?;
    let outer = super::locations::matcher(&facts.directive(outer_node))?.ok()?;
    let (name, outer_name) = (String::from_utf8_lossy(&matcher.name), String::from_utf8_lossy(&outer.name));
    let (message, help) = match outer.kind {
        Kind::Exact => (
            format!("location \"{name}\" cannot be inside the exact location \"{outer_name}\""),
            "write it beside the outer location, in the server",
        ),
        Kind::Named => (
            format!("location \"{name}\" cannot be inside the named location \"{outer_name}\""),
            "write it beside the outer location, in the server",
        ),
        _ if matcher.kind == Kind::Named => (
            format!("named location \"{name}\" can be on the server level only"),
            "write it in the server, beside the other locations",
        ),
        _ if matcher.kind != Kind::Regex && !matcher.name.starts_with(&outer.name[..]) => (
            format!("location \"{name}\" is outside location \"{outer_name}\""),
            "write it in the server, beside the outer location; if it was meant to stand there, a `}` is missing before it",
        ),
        _ => return None,
    };
    let finding = facts.refused(&RULE, node, message).label(facts.head(outer_node), "the location around it");
    Some(finding.help(help))
}
