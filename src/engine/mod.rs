//! What a rule is, and how all of them are asked. Knows no rule by name.

pub mod card;
mod fingerprint;
mod run;

use crate::effective::BlockId;
use crate::effective::nginx::{Config, Evaluator, directives};
use crate::finding::{Finding, Label, Severity};
use crate::routes::{Intent, Route};
use crate::source::Span;
use crate::syntax::{Directive, NameId};
use crate::tree::{GraftId, NodeRef, Tree};

pub use fingerprint::fingerprints;
pub use run::{Selection, run};

/// How a rule speaks unless it is told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Off,
    Note,
    Warning,
    Error,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The severity of its findings; a rule that is off finds notes when it is selected all the same.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Note | Self::Off => Severity::Note,
        }
    }
}

/// How a rule is asked.
#[derive(Clone, Copy)]
pub enum Check {
    /// Once for every route that is meant to carry WebSockets.
    Route(fn(&Facts, &Route) -> Option<Finding>),
    /// Once for the whole tree.
    Tree(fn(&Facts, &mut Vec<Finding>)),
}

/// A rule: a value in a static table.
pub struct Rule {
    pub id: &'static str,
    pub level: Level,
    /// `rules/<id>.md`.
    pub card: &'static str,
    /// Rules that explain the same failure of a route, the deepest cause lowest: the first that speaks silences
    /// the others on that route. None for a rule that tells of something else.
    pub cause: Option<u8>,
    /// The weakest evidence that a route is meant for WebSockets on which the rule speaks.
    pub intent: Intent,
    pub check: Check,
}

impl Rule {
    /// A finding of this rule, at its own level.
    pub fn finding(&self, primary: Span, message: impl Into<String>) -> Finding {
        Finding::new(self.id, self.level.severity(), primary, message)
    }
}

/// Everything a rule may look at.
pub struct Facts<'a> {
    pub tree: &'a Tree,
    pub config: &'a Config,
    pub routes: &'a [Route],
    /// Values as a browser's handshake makes them.
    pub handshake: Evaluator<'a>,
    /// Values as a plain request makes them.
    pub plain: Evaluator<'a>,
}

impl<'a> Facts<'a> {
    pub fn directive(&self, node: NodeRef) -> Directive<'a> {
        self.tree.directive(node)
    }

    /// What a finding about the directive underlines.
    pub fn head(&self, node: NodeRef) -> Span {
        self.tree.head(node)
    }

    /// The directive as written, for a message.
    pub fn text(&self, node: NodeRef) -> String {
        String::from_utf8_lossy(self.tree.sources.slice(self.head(node))).into_owned()
    }

    /// A finding about a directive that the server refuses. The server names the line of the `;` or `{` that ends the
    /// directive's words; where the reader edits another line, a label stands there.
    pub fn refused(&self, rule: &Rule, node: NodeRef, message: impl Into<String>) -> Finding {
        let finding = rule.finding(self.head(node), message);
        self.with_server_line(finding, node)
    }

    /// Labels the line on which the server complains about the directive, unless the finding touches it already.
    pub fn with_server_line(&self, finding: Finding, node: NodeRef) -> Finding {
        let end = self.directive(node).terminator();
        let line = |span: Span| (span.file, self.tree.sources.line(span));
        let mut places = std::iter::once(finding.primary).chain(finding.labels.iter().map(|label| label.span));
        if places.any(|place| line(place) == line(end)) {
            return finding;
        }
        finding.label(end, "nginx complains about this line, where the directive ends")
    }

    /// The includes that lead to a place, the nearest first.
    pub fn included_from(&self, graft: GraftId) -> impl Iterator<Item = Label> + '_ {
        let label = |node| Label { span: self.head(node), message: "which is included here".to_string() };
        self.tree.include_chain(graft).map(label)
    }

    /// Where a directive has swallowed the line below: the last word before, which lacks its `;`, and the name of the
    /// directive that begins the line.
    pub fn missing_semicolon(&self, node: NodeRef) -> Option<(Span, Span)> {
        let directive = self.directive(node);
        let mut before = directive.name_word().span();
        for word in directive.args() {
            let span = word.span();
            let between = Span { file: span.file, start: before.end, end: span.start };
            let begins_line = self.tree.sources.slice(between).contains(&b'\n');
            if begins_line && directives::name_id(&word.value()) != NameId::UNKNOWN {
                return Some((before, span));
            }
            before = span;
        }
        None
    }

    /// `location /ws`: how a message names a block.
    pub fn block_name(&self, block: BlockId) -> String {
        self.config.block(block).node.map_or_else(|| "this file".to_string(), |node| self.text(node))
    }

    /// `server`, `location`, `http`: what a block is.
    pub fn block_kind(&self, block: BlockId) -> &'static str {
        match self.config.block(block).context {
            directives::HTTP => "http block",
            directives::SERVER => "server",
            directives::LOCATION => "location",
            directives::IF_SERVER | directives::IF_LOCATION => "if block",
            directives::LIMIT_EXCEPT => "limit_except block",
            directives::UPSTREAM => "upstream",
            _ => "block",
        }
    }

    /// Where a directive of a block stands in the file in which the block begins: itself, or the include that
    /// brings it in.
    pub fn site_in(&self, block: BlockId, node: NodeRef) -> NodeRef {
        let Some(home) = self.config.block(block).node else { return node };
        let chain = std::iter::once(node).chain(self.tree.include_chain(node.graft));
        chain.into_iter().find(|place| place.graft == home.graft).unwrap_or(node)
    }
}
