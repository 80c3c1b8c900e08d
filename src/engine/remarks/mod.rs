//! What people say to wslint in comments: rules that they allow, routes that they declare. Knows where a remark counts and
//! whether it did anything, not what any rule is about.

mod nest;
mod parse;
mod place;
mod through;

use hashbrown::{HashMap, HashSet};
use std::cell::OnceCell;
use std::sync::Arc;

use super::Rule;
use super::run::ALWAYS;
use crate::finding::Finding;
use crate::routes::{Intent, Route};
use crate::source::{FileId, Span, Text};
use crate::syntax::{Bytes, DirectiveId, Document};
use crate::tree::{NodeRef, Tree};
use nest::{Entry, Nest};
use place::Places;
use through::{Site, Through};

pub use parse::{Named, Problem, ProblemKind, Remark, WORDS, parse};

/// A remark that does not work.
#[derive(Clone, Debug)]
pub struct Unclear {
    pub at: Span,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not written as a remark is.
    Form(ProblemKind),
    UnknownRule(String),
    /// Nothing silences this rule.
    NotAllowable(&'static str),
    /// No directive follows in the same block.
    NothingFollows,
    /// The remark here says the opposite of the same directive.
    Contradicts(Span),
}

/// A remark that did nothing.
#[derive(Clone, Debug)]
pub struct Unused {
    pub at: Span,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The rule found nothing there.
    Allow(&'static str),
    /// No route is there.
    Meant { for_websockets: bool },
}

/// An allow of one rule.
struct Allow {
    rule: &'static Rule,
    at: Span,
    /// What it speaks of begins here.
    of: Span,
    reason: Arc<str>,
    used: bool,
}

/// What a declaration says, and whether there was a route to say it of.
struct Declared {
    for_websockets: bool,
    at: Span,
    of: Span,
    used: bool,
}

/// Every remark of a tree, each file's once however often it is included.
#[derive(Default)]
pub struct Remarks {
    allows: Vec<Allow>,
    declared: Vec<Declared>,
    unclear: Vec<Unclear>,
    allowed: HashMap<(&'static str, FileId), Nest>,
    meant: HashMap<FileId, Nest>,
    through: Through,
    rules: HashSet<&'static str>,
    /// Rules that explain a failure, of those that are allowed.
    causes: Vec<&'static str>,
}

impl Remarks {
    /// `ends_lines`: a comment may follow a directive on its line.
    pub fn read(tree: &Tree, rules: &[&'static Rule], ends_lines: bool) -> Self {
        let mut reader = Reader::new(tree, rules, ends_lines);
        for (file, text, document) in tree.read_texts() {
            reader.read(file, text, document);
        }
        reader.finish()
    }

    pub fn is_empty(&self) -> bool {
        self.allows.is_empty() && self.declared.is_empty() && self.unclear.is_empty()
    }

    pub fn unclear(&self) -> &[Unclear] {
        &self.unclear
    }

    /// Gives routes the intent that is declared for them, by the nearest remark around them, includes followed.
    pub fn declare(&mut self, tree: &Tree, routes: &mut [Route]) {
        if self.meant.is_empty() {
            return;
        }
        for route in routes {
            let around = std::iter::once(route.node).chain(tree.include_chain(route.node.graft));
            let nearest = around.map(|node| tree.head(node)).find_map(|place| {
                self.meant.get(&place.file).and_then(|nest| nest.around(place.start).next())
            });
            let Some(index) = nearest else { continue };
            let declared = &mut self.declared[index as usize];
            declared.used = true;
            route.intent = if declared.for_websockets { Intent::Declared } else { Intent::None };
        }
    }

    /// Whether some remark allows the rule somewhere.
    pub fn allows(&self, rule: &str) -> bool {
        self.rules.contains(rule)
    }

    /// Why a finding is silenced, if it is: where it stands, or on the route it is about, whose block `block` opens.
    pub fn silence(
        &mut self,
        tree: &Tree,
        finding: &Finding,
        route: Option<(&Route, Option<NodeRef>)>,
    ) -> Option<Suppression> {
        if !self.allows(finding.rule) {
            return None;
        }
        let mut allows: Vec<u32> = self.allowed_at(finding.rule, finding.primary).collect();
        if let Some((route, block)) = route {
            allows.extend(self.allowed_for(tree, finding.rule, route, block));
        }
        let route = route.map(|(route, _)| route);
        allows.extend(self.through.silencing(tree, finding.rule, finding.primary, route));
        self.use_up(&allows);
        let allow = &self.allows[*allows.first()? as usize];
        Some(Suppression { reason: allow.reason.clone(), at: allow.at })
    }

    /// Nothing is known of what these rules would say of a route on which another has explained the failure.
    pub fn leave_open(&mut self, tree: &Tree, route: &Route, block: Option<NodeRef>) {
        for rule in self.causes.clone() {
            let mut allows: Vec<u32> = self.allowed_for(tree, rule, route, block).collect();
            let primary = tree.head(route.node);
            allows.extend(self.through.silencing(tree, rule, primary, Some(route)));
            self.use_up(&allows);
        }
    }

    /// The remarks that did nothing, where `is_asked` says whether a rule was asked.
    pub fn unused(&self, tree: &Tree, is_asked: impl Fn(&Rule) -> bool) -> Vec<Unused> {
        let skipped = Skipped::new(tree);
        let allows = self.allows.iter().filter(|allow| {
            let is_unused = !allow.used && is_asked(allow.rule);
            is_unused && !skipped.holds(allow.of)
        });
        let declared = self.declared.iter().filter(|declared| !declared.used && !skipped.holds(declared.of));
        let allows = allows.map(|allow| Unused { at: allow.at, what: What::Allow(allow.rule.id) });
        let declared = declared.map(|declared| Unused {
            at: declared.at,
            what: What::Meant { for_websockets: declared.for_websockets },
        });
        allows.chain(declared).collect()
    }

    /// Where every remark stands that may be unused.
    pub fn places(&self) -> impl Iterator<Item = Span> + '_ {
        let allows = self.allows.iter().map(|allow| allow.at);
        allows.chain(self.declared.iter().map(|declared| declared.at))
    }

    fn use_up(&mut self, allows: &[u32]) {
        for &index in allows {
            self.allows[index as usize].used = true;
        }
    }

    fn allowed_at(&self, rule: &'static str, place: Span) -> impl Iterator<Item = u32> + '_ {
        let nest = self.allowed.get(&(rule, place.file));
        nest.into_iter().flat_map(move |nest| nest.around(place.start))
    }

    fn allowed_for(
        &self,
        tree: &Tree,
        rule: &'static str,
        route: &Route,
        block: Option<NodeRef>,
    ) -> impl Iterator<Item = u32> + '_ {
        let places = [Some(route.node), block].map(|node| node.map(|node| tree.head(node)));
        places.into_iter().flatten().flat_map(move |place| self.allowed_at(rule, place))
    }
}

/// Why a finding is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// In the words of who allowed it.
    pub reason: Arc<str>,
    /// The rule's name in the comment.
    pub at: Span,
}

/// Sections that httpd passes over, so that nothing is known of what remarks in them would do.
struct Skipped(HashMap<FileId, Nest>);

impl Skipped {
    fn new(tree: &Tree) -> Self {
        let mut by_file: HashMap<FileId, Vec<Entry>> = HashMap::new();
        for node in tree.reading.skipped() {
            let Span { file, start, end } = tree.directive(node).span();
            by_file.entry(file).or_default().push(Entry { start, end, of: 0 });
        }
        Self(nests(by_file))
    }

    fn holds(&self, place: Span) -> bool {
        self.0.get(&place.file).is_some_and(|nest| nest.around(place.start).next().is_some())
    }
}

fn nests<K: std::hash::Hash + Eq>(entries: HashMap<K, Vec<Entry>>) -> HashMap<K, Nest> {
    entries.into_iter().map(|(key, entries)| (key, Nest::new(entries))).collect()
}

/// Collects the remarks of a tree.
struct Reader<'a> {
    tree: &'a Tree,
    rules: &'a [&'static Rule],
    ends_lines: bool,
    remarks: Remarks,
    allowed: HashMap<(&'static str, FileId), Vec<Entry>>,
    meant: HashMap<FileId, Vec<Entry>>,
    /// Include lines that allow a rule.
    includes: Vec<(Site, &'static str, u32)>,
    /// The first declaration of each directive.
    declared: HashMap<Span, usize>,
    /// A macro's lines are read once however often it is used.
    seen: HashSet<(FileId, u32)>,
}

impl<'a> Reader<'a> {
    fn new(tree: &'a Tree, rules: &'a [&'static Rule], ends_lines: bool) -> Self {
        Self {
            tree,
            rules,
            ends_lines,
            remarks: Remarks::default(),
            allowed: HashMap::new(),
            meant: HashMap::new(),
            includes: Vec::new(),
            declared: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    fn read(&mut self, file: FileId, text: &Text, document: &Document) {
        let places = OnceCell::new();
        for (index, comment) in document.comments.iter().enumerate() {
            let Some(read) = parse(&text.parsed()[comment.start as usize..comment.end as usize]) else {
                continue;
            };
            if !self.seen.insert((file, text.to_original(comment.start))) {
                continue;
            }
            let span = |from: usize, to: usize| {
                let bytes = Bytes { start: comment.start + from as u32, end: comment.start + to as u32 };
                crate::syntax::to_span(file, text, bytes)
            };
            let spoken_of = || {
                let places = places.get_or_init(|| Places::new(file, text, document, self.ends_lines));
                let of = |id: DirectiveId| (places.directive(id).span(), document.is_include(id));
                places.spoken_of(index).into_iter().map(of).collect::<Vec<_>>()
            };
            let whole = span(0, (comment.end - comment.start) as usize);
            match read {
                Err(Problem { kind, at }) => self.unclear(span(at.start, at.end), Why::Form(kind)),
                Ok(Remark::Meant { for_websockets }) => {
                    let spoken_of = spoken_of();
                    self.meant(for_websockets, whole, &spoken_of);
                }
                Ok(Remark::Allow { rules, whole_file, reason }) => {
                    let file = Span { file, start: 0, end: u32::MAX };
                    let spoken_of = if whole_file { vec![(file, false)] } else { spoken_of() };
                    if spoken_of.is_empty() {
                        self.unclear(whole, Why::NothingFollows);
                        continue;
                    }
                    let reason: Arc<str> = reason.into();
                    for named in rules {
                        let at = span(named.at.start, named.at.end);
                        self.allow(&named.id, at, reason.clone(), &spoken_of);
                    }
                }
            }
        }
    }

    fn unclear(&mut self, at: Span, why: Why) {
        self.remarks.unclear.push(Unclear { at, why });
    }

    fn allow(&mut self, id: &str, at: Span, reason: Arc<str>, spoken_of: &[(Span, bool)]) {
        let Some(rule) = self.rules.iter().copied().find(|rule| rule.id == id) else {
            return self.unclear(at, Why::UnknownRule(id.to_string()));
        };
        if ALWAYS.contains(&rule.id) {
            return self.unclear(at, Why::NotAllowable(rule.id));
        }
        let Some(&(of, _)) = spoken_of.first() else { return };
        let index = self.remarks.allows.len() as u32;
        self.remarks.allows.push(Allow { rule, at, of, reason, used: false });
        if self.remarks.rules.insert(rule.id) && rule.cause.is_some() {
            self.remarks.causes.push(rule.id);
        }
        for &(Span { file, start, end }, is_include) in spoken_of {
            self.allowed.entry((rule.id, file)).or_default().push(Entry { start, end, of: index });
            if is_include {
                self.includes.push(((file, start), rule.id, index));
            }
        }
    }

    fn meant(&mut self, for_websockets: bool, at: Span, spoken_of: &[(Span, bool)]) {
        let Some(&(of, _)) = spoken_of.first() else { return self.unclear(at, Why::NothingFollows) };
        let known = self.declared.get(&of).map(|&index| &self.remarks.declared[index]);
        if let Some(known) = known {
            // Said twice is said.
            if known.for_websockets != for_websockets {
                self.unclear(at, Why::Contradicts(known.at));
            }
            return;
        }
        let index = self.remarks.declared.len();
        self.remarks.declared.push(Declared { for_websockets, at, of, used: false });
        for &(span, _) in spoken_of {
            self.declared.entry(span).or_insert(index);
            let Span { file, start, end } = span;
            self.meant.entry(file).or_default().push(Entry { start, end, of: index as u32 });
        }
    }

    fn finish(mut self) -> Remarks {
        self.remarks.allowed = nests(self.allowed);
        self.remarks.meant = nests(self.meant);
        self.remarks.through = Through::new(self.tree, self.includes.into_iter());
        self.remarks
    }
}
