//! One walk over the tree that lists every block's directives. Knows which blocks open which context.

use hashbrown::{HashMap, HashSet};

use super::check::{Places, Refusal, RefusalKind};
use super::directives::*;
use super::map::Map;
use super::{Block, Config, Everywhere, Listed, names, unknown, variables};
use crate::effective::{BlockId, Target};
use crate::source::{FileId, Span};
use crate::syntax::{Directive, DirectiveId, NameId, Problem, ProblemKind, Shape, to_span};
use crate::tree::{NodeRef, Step, Tree, Walk};

/// What a block opens, by the context it stands in.
const BLOCKS: [(NameId, Contexts, Contexts); 12] = [
    (names::EVENTS, MAIN, EVENTS),
    (names::HTTP, MAIN, HTTP),
    (names::MAIL, MAIN, MAIL),
    (names::STREAM, MAIN, STREAM),
    (names::SERVER, HTTP, SERVER),
    (names::SERVER, STREAM, STREAM_SERVER),
    (names::SERVER, MAIL, MAIL_SERVER),
    (names::UPSTREAM, HTTP, UPSTREAM),
    (names::UPSTREAM, STREAM, STREAM_UPSTREAM),
    (names::LOCATION, SERVER | LOCATION, LOCATION),
    (names::IF, SERVER, IF_SERVER),
    (names::LIMIT_EXCEPT, LOCATION, LIMIT_EXCEPT),
];

/// Blocks whose lines are entries of a table rather than directives.
const TABLES: [NameId; 4] = [names::GEO, names::MAP, names::SPLIT_CLIENTS, names::TYPES];

/// Lines of which several stand beside each other, each about what its first word names.
const NAMED_LINES: [NameId; 4] =
    [names::ADD_HEADER, names::PROXY_HIDE_HEADER, names::PROXY_PASS_HEADER, names::PROXY_SET_HEADER];

/// Where a fragment's first line may stand, and what then surrounds it: the likeliest first.
const SURROUNDINGS: [(Contexts, &[Contexts]); 8] = [
    (MAIN, &[]),
    (HTTP, &[MAIN]),
    (SERVER, &[MAIN, HTTP]),
    (LOCATION, &[MAIN, HTTP, SERVER]),
    (UPSTREAM, &[MAIN, HTTP]),
    (STREAM, &[MAIN]),
    (STREAM_SERVER, &[MAIN, STREAM]),
    (EVENTS, &[MAIN]),
];

pub(super) fn build(tree: &Tree, target: Target) -> Config {
    let unseen = tree.problems.iter().map(|problem| (tree.file(problem.at.graft), problem.at.id));
    let derailed: HashMap<_, _> =
        tree.files().filter_map(|file| Some((file, derailment(tree, file)?))).collect();
    let config = Config {
        blocks: Vec::new(),
        listed: Vec::new(),
        everywhere: Everywhere::default(),
        conditions: Vec::new(),
        target,
        refusals: Vec::new(),
        unknown: Vec::new(),
        maps: Vec::new(),
        stream_maps: HashMap::new(),
        map_by_name: HashMap::new(),
        sets: HashMap::new(),
        defined: HashMap::new(),
        upstreams: HashMap::new(),
        stream_upstreams: HashMap::new(),
        complete: tree.complete && derailed.is_empty(),
        fragment: false,
        unseen: unseen.collect::<HashSet<_>>(),
        conditional: HashSet::new(),
        unsettled: HashSet::new(),
        derailed,
    };
    let is_tangled = |file: &FileId| tree.sources.get(*file).text.as_cut().is_some_and(|cut| cut.tangled);
    let mut builder = Builder {
        tree,
        config,
        tangled: tree.files().filter(is_tangled).collect(),
        places: Places::new(target),
        open: Vec::new(),
        pending: Vec::new(),
        misspelt: HashMap::new(),
    };
    builder.surround();
    builder.run(tree.walk());
    let mut config = builder.config;
    config.everywhere = Everywhere::new(&config.blocks, &config.listed);
    let ifs = config.blocks().filter(|(_, block)| block.context & (IF_SERVER | IF_LOCATION) != 0);
    config.conditions = ifs.filter_map(|(id, block)| Some((block.parent?, id))).collect();
    config.conditions.sort_unstable();
    config
}

/// Where a file's first problem lies after which blocks or quotes may no longer pair as they were meant to. A line
/// without its `;` before a `}` is none: what follows is clear.
fn derailment(tree: &Tree, file: FileId) -> Option<u32> {
    if tree.sources.get(file).text.as_cut().is_some_and(|cut| cut.tangled) {
        return Some(0);
    }
    let derails = |problem: &&Problem| match problem.kind {
        ProblemKind::Unexpected(b'}') => problem.near.is_none(),
        ProblemKind::Unexpected(byte) => byte != b';',
        _ => false,
    };
    let first = tree.document(file).problems.iter().find(derails)?;
    Some(to_span(file, &tree.sources.get(file).text, first.at).start)
}

struct Builder<'t> {
    tree: &'t Tree,
    config: Config,
    /// Templates whose blocks need not be what they look like.
    tangled: HashSet<FileId>,
    places: Places,
    /// Open blocks, and where their directives begin among the pending ones.
    open: Vec<(BlockId, usize)>,
    /// Directives of the open blocks, the innermost block's last.
    pending: Vec<Listed>,
    /// What is known of unknown names, each looked at once.
    misspelt: HashMap<Vec<u8>, bool>,
}

impl Builder<'_> {
    fn surround(&mut self) {
        let (context, around) = self.surroundings();
        for &context in around {
            self.open(context, None);
            let block = self.block();
            self.config.blocks[block.0 as usize].opaque = true;
        }
        self.open(context, None);
        if context != MAIN || self.is_quoted_in_part() {
            self.config.fragment = true;
            self.config.complete = false;
            let block = self.block();
            self.config.blocks[block.0 as usize].opaque = true;
        }
    }

    /// Whether a text in another language, a manual most of all, shows `http` without the `events` that go with it.
    fn is_quoted_in_part(&self) -> bool {
        let root = self.tree.sources.get(self.tree.file(self.tree.root()));
        let mut steps = self.tree.walk();
        let is_events = |step| matches!(step, Step::Directive(node) if *self.tree.directive(node).name() == b"events"[..]);
        root.text.as_cut().is_some_and(|cut| cut.is_embedded) && !steps.any(is_events)
    }

    /// The first surroundings in which everything at the top of the file may stand.
    fn surroundings(&self) -> (Contexts, &'static [Contexts]) {
        let top = self.tree.walk().filter_map(|step| match step {
            Step::Directive(node) => Some(self.tree.directive(node).name_id()),
            Step::Leave => None,
        });
        let mut names: Vec<NameId> = top.filter(|&name| name != NameId::UNKNOWN).collect();
        names.sort_unstable();
        names.dedup();
        let contexts = |name: NameId| forms(name).iter().fold(0, |all, form| all | form.contexts);
        // One directive that only a main file has outweighs any that stand in the wrong place.
        if names.iter().any(|&name| contexts(name) == MAIN) {
            return SURROUNDINGS[0];
        }
        let fitting = |context: Contexts| names.iter().filter(|&&name| contexts(name) & context != 0).count();
        let mut best = SURROUNDINGS[0];
        for surroundings in SURROUNDINGS {
            if fitting(surroundings.0) > fitting(best.0) {
                best = surroundings;
            }
        }
        best
    }

    fn run(&mut self, mut walk: Walk) {
        while let Some(step) = walk.next() {
            match step {
                Step::Directive(node) => self.directive(node, &mut walk),
                Step::Leave => self.close(),
            }
        }
        while !self.open.is_empty() {
            self.close();
        }
    }

    fn block(&self) -> BlockId {
        self.open.last().expect("internal: a directive stands in a block").0
    }

    fn open(&mut self, context: Contexts, node: Option<NodeRef>) {
        let id = BlockId(self.config.blocks.len() as u32);
        self.config.blocks.push(Block {
            context,
            node,
            parent: self.open.last().map(|&(parent, _)| parent),
            opaque: false,
            scripted: false,
            broken: false,
            listed: 0..0,
            end: id.0 + 1,
        });
        self.open.push((id, self.pending.len()));
    }

    fn close(&mut self) {
        let (id, mark) = self.open.pop().expect("internal: every block that ends was open");
        let end = self.config.blocks.len() as u32;
        let own = &mut self.pending[mark..];
        own.sort_by_key(|entry| entry.name);
        let start = self.config.listed.len() as u32;
        let context = self.config.blocks[id.0 as usize].context;
        for pair in own.windows(2) {
            let [first, second] = pair else { continue };
            if first.name != second.name || !self.places.is_once(first.name, context) {
                continue;
            }
            if !self.tree.agree(first.node, second.node) {
                self.config.unsettled.insert((id, first.name));
            } else {
                let kind = RefusalKind::Duplicate { first: first.node };
                self.config.refuse(self.tree, Refusal { node: second.node, block: id, kind });
            }
        }
        self.unsettle(id, mark);
        self.config.listed.extend(self.pending.drain(mark..));
        let block = &mut self.config.blocks[id.0 as usize];
        block.listed = start..self.config.listed.len() as u32;
        block.end = end;
    }

    /// Finds the names whose lines a template chooses from.
    fn unsettle(&mut self, block: BlockId, mark: usize) {
        let lines_of = |name: NameId| {
            let own = &self.pending[mark..];
            let rest = &own[own.partition_point(|entry| entry.name < name)..];
            &rest[..rest.iter().take_while(|entry| entry.name == name).count()]
        };
        for name in NAMED_LINES {
            let lines = lines_of(name);
            let subject = |entry: &Listed| self.tree.directive(entry.node).arg(0);
            let is_hole = |entry: &Listed| subject(entry).is_some_and(|word| word.is_hole());
            let about = |entry: &Listed| subject(entry).map(|word| word.value().to_ascii_lowercase());
            let rivals = |index: usize, one: &Listed| {
                lines[index + 1..]
                    .iter()
                    .any(|other| !self.tree.agree(one.node, other.node) && about(one) == about(other))
            };
            let has_rivals = || {
                let conditional = lines.iter().any(|entry| self.config.is_conditional(entry.node));
                conditional && lines.iter().enumerate().any(|(index, one)| rivals(index, one))
            };
            if lines.iter().any(is_hole) || has_rivals() {
                self.config.unsettled.insert((block, name));
            }
        }
    }

    fn directive(&mut self, node: NodeRef, walk: &mut Walk) {
        let directive = self.tree.directive(node);
        let name = directive.name_id();
        let block = self.block();
        let context = self.config.block(block).context;
        self.pending.push(Listed { name, node });
        if self.tree.is_conditional(node, self.config.block(block).node) {
            self.config.conditional.insert(node);
        }
        if directive.name_word().is_hole() || self.tangled.contains(&self.tree.file(node.graft)) {
            self.config.blocks[block.0 as usize].opaque = true;
            self.config.complete = false;
        }
        if directive.name_word().is_hole() {
            self.config.unseen.insert((self.tree.file(node.graft), node.id));
            return;
        }
        if name == NameId::UNKNOWN {
            self.config.unknown.push((block, node));
            self.define_arguments(directive, node);
            self.define_inside(directive, node);
            if unknown::is_script(&directive.name()) {
                self.config.blocks[block.0 as usize].scripted = true;
            }
            if self.is_misspelt(&directive.name()) {
                self.mark_broken(block);
            }
            return;
        }
        if directive.shape() == Shape::Unfinished {
            self.mark_broken(block);
        }
        if let Some(kind) = self.places.refusal(&directive, context) {
            self.mark_broken(block);
            let derails = kind == RefusalKind::NotTerminated
                && directive.args().all(|word| name_id(&word.value()) == NameId::UNKNOWN);
            self.config.refuse(self.tree, Refusal { node, block, kind });
            if derails {
                self.derail(&directive);
            }
            return;
        }
        if name == names::INCLUDE {
            if self.config.is_unseen(self.tree, node) {
                self.config.blocks[block.0 as usize].opaque = true;
            }
        } else if !directive.is_block() {
            self.define(directive, block, node);
        } else if TABLES.contains(&name) {
            self.table(directive, block, node);
        } else if name == names::IF && context == LOCATION {
            self.enter(IF_LOCATION, node, walk);
        } else if let Some(&(_, _, opens)) =
            BLOCKS.iter().find(|(block, within, _)| *block == name && within & context != 0)
        {
            self.enter(opens, node, walk);
        }
    }

    /// A `{` inside a word was read as a block's: from here on no block ends where it was meant to.
    fn derail(&mut self, directive: &Directive) {
        let Span { file, start, .. } = directive.terminator();
        let from = self.config.derailed.entry(file).or_insert(start);
        *from = start.min(*from);
        self.config.complete = false;
    }

    /// A block inside a location that runs in its place breaks the location too.
    fn mark_broken(&mut self, block: BlockId) {
        let marked = &mut self.config.blocks[block.0 as usize];
        marked.broken = true;
        if marked.context & (IF_LOCATION | LIMIT_EXCEPT) != 0
            && let Some(around) = marked.parent
        {
            self.config.blocks[around.0 as usize].broken = true;
        }
    }

    fn is_misspelt(&mut self, name: &[u8]) -> bool {
        if let Some(&known) = self.misspelt.get(name) {
            return known;
        }
        let misspelt = unknown::meant(name).is_some();
        self.misspelt.insert(name.to_vec(), misspelt);
        misspelt
    }

    fn enter(&mut self, context: Contexts, node: NodeRef, walk: &mut Walk) {
        self.open(context, Some(node));
        walk.enter(node);
        let upstreams = match context {
            UPSTREAM => Some(&mut self.config.upstreams),
            STREAM_UPSTREAM => Some(&mut self.config.stream_upstreams),
            _ => None,
        };
        if let (Some(upstreams), Some(word)) = (upstreams, self.tree.directive(node).arg(0)) {
            let block = self.open.last().expect("internal: a block was just opened").0;
            upstreams.entry(word.value().to_ascii_lowercase()).or_insert(block);
        }
        self.define_groups(node);
    }

    /// Notes the variables that a line gives a value.
    fn define(&mut self, directive: Directive, block: BlockId, node: NodeRef) {
        let name = directive.name_id();
        if name == names::SET {
            if let Some(variable) = directive.arg(0).and_then(|word| variable_name(&word.value())) {
                self.config.sets.entry(variable).or_default().push((block, node));
            }
        } else if variables::DEFINERS.contains(&name) {
            self.define_arguments(directive, node);
        } else if name == names::REWRITE || name == names::SERVER_NAME {
            self.define_groups(node);
        }
    }

    /// A directive of an unknown module may give a value to any variable it names.
    fn define_arguments(&mut self, directive: Directive, node: NodeRef) {
        for word in directive.args() {
            if let Some(variable) = variable_name(&word.value()) {
                self.config.defined.entry(variable).or_insert(node);
            }
        }
    }

    /// The lines of an unknown module's block may do the same, also by their first word (`geoip2`).
    fn define_inside(&mut self, block: Directive, node: NodeRef) {
        for id in block.body() {
            let line = self.tree.directive(NodeRef { graft: node.graft, id: DirectiveId(id) });
            if let Some(variable) = variable_name(&line.name()) {
                self.config.defined.entry(variable).or_insert(node);
            }
            self.define_arguments(line, node);
        }
    }

    /// Named groups of regular expressions are variables.
    fn define_groups(&mut self, node: NodeRef) {
        let directive = self.tree.directive(node);
        // A map's line has its regular expression where others have their name.
        for word in std::iter::once(directive.name_word()).chain(directive.args()) {
            if memchr::memchr(b'(', word.raw()).is_none() {
                continue;
            }
            let value = word.value();
            for start in memchr::memchr_iter(b'(', &value) {
                let Some(after) = value[start + 1..].strip_prefix(b"?") else { continue };
                let after = after.strip_prefix(b"P").unwrap_or(after);
                let Some((b'<' | b'\'', name)) = after.split_first() else { continue };
                let len =
                    name.iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'_').count();
                if len > 0 {
                    self.config.defined.entry(name[..len].to_ascii_lowercase()).or_insert(node);
                }
            }
        }
    }

    fn table(&mut self, directive: Directive, block: BlockId, node: NodeRef) {
        let name = directive.name_id();
        let nested = self.tree.children(node).find(|&child| self.tree.directive(child).is_block());
        if let Some(node) = nested {
            self.config.refuse(self.tree, Refusal { node, block, kind: RefusalKind::BlockInTable });
        }
        if name == names::MAP && self.config.block(block).context == HTTP {
            let Some(target) = directive.arg(1).and_then(|word| variable_name(&word.value())) else { return };
            let before = self.config.map_by_name.insert(target.clone(), self.config.maps.len() as u32);
            let before = before.map(|index| &self.config.maps[index as usize]);
            let is_one_of_several =
                before.is_some_and(|map| map.is_one_of_several || !self.tree.agree(map.node, node));
            self.config.maps.push(Map { node, name: target, is_one_of_several });
            for line in
                self.tree.children(node).filter(|&line| self.tree.directive(line).name().starts_with(b"~"))
            {
                self.define_groups(line);
            }
        } else if let Some(target) =
            directive.args().next_back().and_then(|word| variable_name(&word.value()))
        {
            if name == names::MAP && self.config.block(block).context == STREAM && directive.arg_count() == 2
            {
                self.config
                    .stream_maps
                    .insert(target.clone(), Map { node, name: target.clone(), is_one_of_several: false });
            }
            self.config.defined.entry(target).or_insert(node);
        }
    }
}

/// `$Name` as the key under which variables are kept.
fn variable_name(word: &[u8]) -> Option<Vec<u8>> {
    let name = word.strip_prefix(b"$")?;
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::files::Memory;
    use crate::tree::{Limits, Options};

    #[test]
    fn variables_are_also_defined_by_blocks_of_unknown_modules_and_by_named_groups_in_maps() {
        let text = "events {}
            http {
                geoip2 /db { $geo_country country iso_code; $geo_city default=x city; }
                map $uri $section { ~^/(?<part>[^/]+)/ $part; }
            }";
        let files = Memory::default().with("/n/nginx.conf", text);
        let options = Options {
            prefix: "/n".into(),
            root: "/n".into(),
            maps: Vec::new(),
            limits: Limits::default(),
            apache: None,
        };
        let tree = Tree::read(&files, Path::new("/n/nginx.conf"), name_id, &options).expect("readable");
        let config = Config::new(&tree, Target::default());
        for name in ["geo_country", "geo_city", "part", "section"] {
            assert!(config.defines(name.as_bytes()), "{name}");
        }
        assert!(!config.defines(b"country"));
    }
}
