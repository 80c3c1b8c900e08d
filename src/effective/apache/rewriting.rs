//! Which rewrite rules are in force in a server or a section, and whether they run at all. Knows no request.

use super::rewrite::{Condition, ConditionLine, HOLE, Inheritance, Map, Options, Rule, RuleLine, base};
use super::server::ServerId;
use super::{Config, names};
use crate::effective::BlockId;
use crate::syntax::Word;
use crate::tree::{NodeRef, Tree};

/// mod_rewrite's settings of one level, or of a level and what it inherits.
#[derive(Clone, Debug, Default)]
pub struct Rewriting {
    /// `RewriteEngine`; None where no level says anything.
    pub engine: Option<(bool, NodeRef)>,
    pub rules: Vec<RuleLine>,
    pub options: Options,
    pub base: Option<Vec<u8>>,
    pub maps: Vec<Map>,
    /// The level has some directive of mod_rewrite's.
    pub is_written: bool,
    /// A line that a template completes: what it does is not known.
    pub unknown: Option<NodeRef>,
    /// What the server refuses, in its words.
    pub refusals: Vec<(NodeRef, String)>,
}

impl Rewriting {
    /// Reads what stands directly in one block.
    pub(super) fn read(tree: &Tree, config: &Config, block: BlockId) -> Self {
        let mut rewriting = Self::default();
        let mut waiting: Vec<ConditionLine> = Vec::new();
        let mut options: Option<Options> = None;
        // Rules of several branches of a template need not meet.
        let around = config.block(block).node;
        let branch = |node: NodeRef| tree.is_conditional(node, around).then(|| tree.branch(node));
        let mut first = None;
        for entry in config.all(block) {
            let at = entry.node;
            if !is_rewrite_line(entry.name) {
                continue;
            }
            rewriting.is_written = true;
            let directive = tree.directive(at);
            // A colon between the braces is one of mod_rewrite's own maps.
            let is_switch =
                matches!(entry.name, names::REWRITE_ENGINE | names::REWRITE_OPTIONS | names::REWRITE_BASE);
            let is_apart = !is_switch && *first.get_or_insert(branch(at)) != branch(at);
            // A target that a template completes is known to be one.
            let target = directive.arg(1).filter(|_| entry.name == names::REWRITE_RULE);
            let target = target.and_then(|word| word.raw_with(HOLE));
            let is_known = |(index, word): (usize, Word)| !word.is_hole() || (index == 1 && target.is_some());
            if !directive.args().enumerate().all(is_known) || is_apart {
                rewriting.unknown = rewriting.unknown.or(Some(at));
                waiting.clear();
                continue;
            }
            let raw: Vec<std::borrow::Cow<[u8]>> =
                directive.args().map(|word| crate::syntax::apache::join(word.raw())).collect();
            let mut raw: Vec<&[u8]> = raw.iter().map(|word| &**word).collect();
            if let Some(target) = &target {
                raw[1] = target;
            }
            let values = || directive.args().map(|word| word.value().into_owned());
            let outcome = match entry.name {
                names::REWRITE_ENGINE => {
                    let on = directive.arg(0).is_some_and(|word| word.value().eq_ignore_ascii_case(b"on"));
                    rewriting.engine = Some((on, at));
                    Ok(())
                }
                names::REWRITE_COND => {
                    Condition::parse(&raw).map(|condition| waiting.push(ConditionLine { at, condition }))
                }
                names::REWRITE_RULE => Rule::parse(&raw).map(|rule| {
                    let mut conditions = std::mem::take(&mut waiting);
                    conditions.shrink_to_fit();
                    rewriting.rules.push(RuleLine { at, rule, conditions });
                }),
                names::REWRITE_OPTIONS => {
                    let mut own = options.unwrap_or_default();
                    let added = values().try_for_each(|word| own.add(&word));
                    options = Some(own);
                    added
                }
                names::REWRITE_BASE => {
                    let word = values().next().unwrap_or_default();
                    base(&word).map(|path| rewriting.base = Some(path.to_vec()))
                }
                names::REWRITE_MAP => {
                    let mut words = values();
                    let (name, source) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                    Map::parse(&name, &source).map(|map| rewriting.maps.push(map))
                }
                _ => Ok(()),
            };
            if let Err(message) = outcome {
                rewriting.refusals.push((at, message));
            }
        }
        rewriting.options = options.unwrap_or_default();
        rewriting.rules.shrink_to_fit();
        rewriting
    }

    /// What is in force in a server: a virtual host inherits the engine's state, and rules only where it or the main
    /// server asks for that, and not without a line of its own, be it in a section.
    pub fn of_server(config: &Config, server: ServerId) -> Self {
        let block = config.server(server).block;
        let own = config.rewriting(block).cloned();
        if server == ServerId::MAIN {
            return own.unwrap_or_default();
        }
        let outer = config.rewriting(config.main().block).cloned().unwrap_or_default();
        let has_any = own.is_some() || config.inside(block).any(|inner| config.rewriting(inner).is_some());
        match has_any {
            true => own.unwrap_or_default().within(outer),
            false => Self { rules: Vec::new(), unknown: None, refusals: Vec::new(), ..outer },
        }
    }

    /// What a server's sections inherit of it: whether the engine is on, and options.
    pub fn around_sections(&self) -> Self {
        Self { engine: self.engine, options: self.options, ..Self::default() }
    }

    /// This level's settings merged into those around it.
    pub fn within(self, outer: Self) -> Self {
        let own_options = (self.options != Options::default()).then_some(self.options);
        let (options, inheritance) = Options::merged(outer.options, own_options);
        let (rules, maps) = match inheritance {
            Inheritance::None => (self.rules, self.maps),
            Inheritance::After => (joined(self.rules, outer.rules), joined(outer.maps, self.maps)),
            Inheritance::Before => (joined(outer.rules, self.rules), joined(self.maps, outer.maps)),
        };
        Self {
            engine: self.engine.or(outer.engine),
            rules,
            options,
            base: self.base.or(outer.base.filter(|_| options.merge_base)),
            maps,
            is_written: self.is_written,
            unknown: self.unknown.or(outer.unknown.filter(|_| inheritance != Inheritance::None)),
            refusals: self.refusals,
        }
    }

    pub fn is_on(&self) -> bool {
        self.engine.is_some_and(|(on, _)| on)
    }
}

fn joined<T>(first: Vec<T>, second: Vec<T>) -> Vec<T> {
    first.into_iter().chain(second).collect()
}

/// Whether a directive is mod_rewrite's.
pub(super) fn is_rewrite_line(name: crate::syntax::NameId) -> bool {
    matches!(
        name,
        names::REWRITE_BASE
            | names::REWRITE_COND
            | names::REWRITE_ENGINE
            | names::REWRITE_MAP
            | names::REWRITE_OPTIONS
            | names::REWRITE_RULE
    )
}
