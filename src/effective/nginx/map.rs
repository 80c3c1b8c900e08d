//! `map` blocks: their entries, and which one a value finds. Knows nothing of what the variable is used for.

use std::borrow::Cow;

use super::{Config, names};
use crate::effective::regex::Pattern;
use crate::syntax::{NameId, Word};
use crate::tree::{NodeRef, Tree};

/// `map $source $name { ... }`
#[derive(Clone, Debug)]
pub struct Map {
    pub node: NodeRef,
    /// The variable it defines, in lower case, without `$`.
    pub name: Vec<u8>,
    /// A template chooses from several maps of this name.
    pub(super) is_one_of_several: bool,
}

/// A line of a map.
pub struct MapEntry<'t> {
    pub key: MapKey<'t>,
    pub value: Word<'t>,
    pub node: NodeRef,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapKey<'t> {
    Default,
    /// Compared without regard to case.
    Literal(Cow<'t, [u8]>),
    Regex {
        pattern: Vec<u8>,
        caseless: bool,
    },
}

/// What a value finds in a map.
pub(super) enum Found<'t> {
    Entry(MapEntry<'t>),
    /// No entry and no default: the variable is empty.
    Nothing,
    Unknown(&'static str),
}

impl Map {
    /// The expression whose value is looked up.
    pub fn source<'t>(&self, tree: &'t Tree) -> Word<'t> {
        tree.directive(self.node).arg(0).expect("internal: a map has two words")
    }

    /// Whether the value is looked up anew each time it is asked for.
    pub(super) fn is_volatile(&self, tree: &Tree) -> bool {
        tree.children(self.node).any(|node| {
            let line = tree.directive(node);
            line.arg_count() == 0 && *line.name() == *b"volatile"
        })
    }

    /// The entries in order; lines that are none (`volatile`, `hostnames`, includes) are left out.
    pub fn entries<'t>(&self, tree: &'t Tree) -> impl Iterator<Item = MapEntry<'t>> + 't {
        tree.children(self.node).filter_map(|node| {
            let line = tree.directive(node);
            let value = line.arg(0).filter(|_| line.arg_count() == 1)?;
            (line.name_id() != names::INCLUDE).then(|| MapEntry { key: key(line.name()), value, node })
        })
    }

    /// Lines that nginx refuses, with its words.
    pub fn refused(&self, tree: &Tree) -> Vec<(NodeRef, String)> {
        let mut refused = Vec::new();
        let mut seen = hashbrown::HashMap::new();
        for node in tree.children(self.node) {
            let line = tree.directive(node);
            let single = line.arg_count() == 0 && matches!(&*line.name(), b"volatile" | b"hostnames");
            if single
                || line.is_block()
                || line.name_word().is_hole()
                || line.args().any(|word| word.is_hole())
            {
                continue;
            }
            if line.arg_count() != 1 {
                refused.push((node, "invalid number of the map parameters".to_string()));
                continue;
            }
            if line.name_id() == names::INCLUDE {
                continue;
            }
            let entry = match key(line.name()) {
                MapKey::Default => None,
                MapKey::Literal(key) => Some(key.to_ascii_lowercase()),
                MapKey::Regex { .. } => continue,
            };
            let words = match &entry {
                None => "duplicate default map parameter".to_string(),
                Some(_) => {
                    let name = line.name();
                    let shown = name.strip_prefix(b"\\").unwrap_or(&name);
                    format!(
                        "conflicting parameter \"{}\"",
                        String::from_utf8_lossy(shown).to_ascii_lowercase()
                    )
                }
            };
            // Of a template's branches only one is there.
            if seen.get(&entry).is_some_and(|&first| tree.agree(first, node)) {
                refused.push((node, words));
            }
            seen.insert(entry, node);
        }
        refused
    }

    /// Whether a template chooses from lines for the same value.
    fn has_rivals(&self, tree: &Tree) -> bool {
        if !tree.children(self.node).any(|line| tree.is_conditional(line, Some(self.node))) {
            return false;
        }
        let entries: Vec<MapEntry> = self.entries(tree).collect();
        let rivals =
            |one: &MapEntry, other: &MapEntry| one.key == other.key && !tree.agree(one.node, other.node);
        entries
            .iter()
            .enumerate()
            .any(|(index, one)| entries[index + 1..].iter().any(|other| rivals(one, other)))
    }

    /// Looks a value up as `ngx_http_map_find` does: exact keys, then regular expressions in order, then the default.
    pub(super) fn find<'t>(&self, tree: &'t Tree, config: &Config, value: &[u8]) -> Found<'t> {
        if self.is_one_of_several || self.has_rivals(tree) {
            return Found::Unknown("which of several lines a template writes");
        }
        let mut exact = None;
        let mut default = None;
        let mut patterns = Vec::new();
        for entry in self.entries(tree) {
            match entry.key {
                MapKey::Default => default = Some(entry),
                MapKey::Literal(ref key) if key.eq_ignore_ascii_case(value) => {
                    exact.get_or_insert(entry);
                }
                MapKey::Literal(_) => {}
                MapKey::Regex { .. } => patterns.push(entry),
            }
        }
        if let Some(entry) = exact {
            return Found::Entry(entry);
        }
        let lines = || tree.children(self.node);
        if lines().any(|node| config.is_unseen(tree, node)) {
            return Found::Unknown("an include inside the map that was not seen");
        }
        if lines().any(|node| tree.directive(node).name_word().is_hole()) {
            return Found::Unknown("a template's expression");
        }
        if lines().any(|node| tree.directive(node).name_id() == NameId::UNKNOWN && is_hostnames(tree, node)) {
            return Found::Unknown("a map of host names");
        }
        for entry in patterns {
            let MapKey::Regex { pattern, caseless } = &entry.key else { continue };
            match Pattern::new(pattern, *caseless).and_then(|pattern| pattern.is_match(value)) {
                Some(true) => return Found::Entry(entry),
                Some(false) => {}
                None => return Found::Unknown("a regular expression that was not evaluated"),
            }
        }
        default.map_or(Found::Nothing, Found::Entry)
    }
}

fn is_hostnames(tree: &Tree, node: NodeRef) -> bool {
    let line = tree.directive(node);
    line.arg_count() == 0 && *line.name() == *b"hostnames"
}

fn key(word: Cow<'_, [u8]>) -> MapKey<'_> {
    let strip = |word: Cow<'_, [u8]>, len: usize| word[len..].to_vec();
    match &*word {
        b"default" => MapKey::Default,
        [b'~', b'*', ..] => MapKey::Regex { pattern: strip(word, 2), caseless: true },
        [b'~', ..] => MapKey::Regex { pattern: strip(word, 1), caseless: false },
        [b'\\', ..] => MapKey::Literal(Cow::Owned(strip(word, 1))),
        _ => MapKey::Literal(word),
    }
}
