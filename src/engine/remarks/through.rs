//! What is brought in by an include line that allows rules: grafts, and places of files that are included more than once.
//! Knows no rule by name.

use hashbrown::{HashMap, HashSet};
use std::rc::Rc;

use crate::routes::Route;
use crate::source::{FileId, Span};
use crate::syntax::DirectiveId;
use crate::tree::{GraftId, NodeRef, Tree};

/// Where an include line stands: its file, and its first byte there.
pub type Site = (FileId, u32);

/// A rule, by its id.
type Rule = &'static str;

/// Lines, a block around them, and a rule.
type Asked = (Lines, Option<NodeRef>, Rule);

/// The grafts that a place of a file may be found at.
#[derive(Default)]
struct Grafts {
    all: Vec<GraftId>,
    /// The same by the block that they stand in; None at the top. Sorted out when first asked for.
    by_block: Option<HashMap<Option<NodeRef>, Vec<GraftId>>>,
    /// By rule: the allows through which all of them are brought in, where each has one.
    allowed: HashMap<Rule, Option<Rc<[u32]>>>,
}

/// A file's own lines, or those of a macro that is defined in it, by the byte at which they begin.
type Lines = (FileId, Option<u32>);

/// The include lines that allow rules, and what they bring in.
#[derive(Default)]
pub struct Through {
    /// By include line and rule: an allow.
    allows: HashMap<(Site, Rule), u32>,
    sites: HashSet<Site>,
    /// By graft: the nearest one, itself included, that such a line brings in.
    nearest: Vec<Option<GraftId>>,
    grafts: HashMap<Lines, Grafts>,
    /// Where each macro's lines stand, by its file.
    macros: HashMap<FileId, HashSet<(u32, u32)>>,
    /// What was asked of one block.
    asked: HashMap<Asked, Option<Rc<[u32]>>>,
    /// By graft: the block around each directive.
    around: HashMap<GraftId, Vec<Option<DirectiveId>>>,
}

impl Through {
    pub fn new(tree: &Tree, lines: impl Iterator<Item = (Site, Rule, u32)>) -> Self {
        let mut through = Self::default();
        for (site, rule, allow) in lines {
            through.sites.insert(site);
            through.allows.entry((site, rule)).or_insert(allow);
        }
        if through.sites.is_empty() {
            return through;
        }
        for graft in tree.grafts() {
            let nearest = tree.include_chain(graft).next().and_then(|line| {
                let is_site = through.sites.contains(&site(tree, line));
                if is_site { Some(graft) } else { through.nearest[line.graft.0 as usize] }
            });
            through.nearest.push(nearest);
            let lines = tree.macro_lines(graft);
            if let Some(lines) = lines {
                through.macros.entry(lines.file).or_default().insert((lines.start, lines.end));
            }
            let key = (tree.file(graft), lines.map(|lines| lines.start));
            through.grafts.entry(key).or_default().all.push(graft);
        }
        through
    }

    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// The allows that silence a rule about a place wherever it is found, or about a route for which it is found.
    pub fn silencing(&mut self, tree: &Tree, rule: Rule, primary: Span, route: Option<&Route>) -> Vec<u32> {
        if self.is_empty() {
            return Vec::new();
        }
        if let Some(allow) = route.and_then(|route| self.allow(tree, rule, route.node.graft)) {
            return vec![allow];
        }
        let lines = self.lines(primary);
        let everywhere = self.everywhere(tree, rule, lines);
        match route {
            Some(route) if everywhere.is_empty() => self.beside(tree, rule, lines, route.node),
            _ => everywhere.to_vec(),
        }
    }

    /// The nearest include line on the way to a graft that allows the rule.
    fn allow(&self, tree: &Tree, rule: Rule, graft: GraftId) -> Option<u32> {
        let mut nearest = self.nearest[graft.0 as usize];
        while let Some(graft) = nearest {
            let line = tree.include_chain(graft).next()?;
            if let Some(&allow) = self.allows.get(&(site(tree, line), rule)) {
                return Some(allow);
            }
            nearest = self.nearest[line.graft.0 as usize];
        }
        None
    }

    fn lines(&self, place: Span) -> Lines {
        let macros = self.macros.get(&place.file);
        let around = macros.into_iter().flatten().find(|(start, end)| (*start..*end).contains(&place.start));
        (place.file, around.map(|&(start, _)| start))
    }

    /// The allows through which all grafts of these lines are brought in; empty where one has none.
    fn everywhere(&mut self, tree: &Tree, rule: Rule, lines: Lines) -> Rc<[u32]> {
        let none = || Rc::from([]);
        let Some(grafts) = self.grafts.get(&lines) else { return none() };
        if let Some(known) = grafts.allowed.get(rule) {
            return known.clone().unwrap_or_else(none);
        }
        let found = self.through_all(tree, rule, &grafts.all);
        if let Some(grafts) = self.grafts.get_mut(&lines) {
            grafts.allowed.insert(rule, found.clone());
        }
        found.unwrap_or_else(none)
    }

    fn through_all(&self, tree: &Tree, rule: Rule, grafts: &[GraftId]) -> Option<Rc<[u32]>> {
        let allows = grafts.iter().map(|&graft| self.allow(tree, rule, graft));
        let mut allows: Vec<u32> = allows.collect::<Option<_>>()?;
        allows.sort_unstable();
        allows.dedup();
        Some(allows.into())
    }

    /// The same for those grafts only that stand in the nearest block around the route which has any: what is in force
    /// for it.
    fn beside(&mut self, tree: &Tree, rule: Rule, lines: Lines, route: NodeRef) -> Vec<u32> {
        self.sort_by_block(tree, lines);
        let mut block = Some(route);
        while let Some(inner) = block {
            block = self.block_around(tree, inner);
            let by_block = self.grafts.get(&lines).and_then(|grafts| grafts.by_block.as_ref());
            if let Some(grafts) = by_block.and_then(|by_block| by_block.get(&block)) {
                let key = (lines, block, rule);
                let allows = match self.asked.get(&key) {
                    Some(known) => known.clone(),
                    None => {
                        let allows = self.through_all(tree, rule, grafts);
                        self.asked.insert(key, allows.clone());
                        allows
                    }
                };
                return allows.map(|allows| allows.to_vec()).unwrap_or_default();
            }
        }
        Vec::new()
    }

    fn sort_by_block(&mut self, tree: &Tree, lines: Lines) {
        let Some(grafts) = self.grafts.get(&lines).filter(|grafts| grafts.by_block.is_none()) else { return };
        let mut by_block: HashMap<_, Vec<GraftId>> = HashMap::new();
        for graft in grafts.all.clone() {
            if let Some(line) = tree.include_chain(graft).next() {
                by_block.entry(self.block_around(tree, line)).or_default().push(graft);
            }
        }
        if let Some(grafts) = self.grafts.get_mut(&lines) {
            grafts.by_block = Some(by_block);
        }
    }

    /// The block that a directive stands in, includes resolved.
    fn block_around(&mut self, tree: &Tree, node: NodeRef) -> Option<NodeRef> {
        let mut node = node;
        loop {
            let around =
                self.around.entry(node.graft).or_insert_with(|| tree.document_at(node.graft).around());
            if let Some(id) = around[node.id.0 as usize] {
                return Some(NodeRef { id, ..node });
            }
            node = tree.include_chain(node.graft).next()?;
        }
    }
}

fn site(tree: &Tree, line: NodeRef) -> Site {
    let head = tree.head(line);
    (head.file, head.start)
}
