//! What rules about either server stand on: the tree, and how places in it are told. Knows no server's laws.

use std::path::Path;

use super::contracts::Contract;
use super::fixes::Repair;
use super::options::Options;
use super::{Rule, RuleOption};
use crate::finding::{Finding, Fix, Label};
use crate::routes::Route;
use crate::source::Span;
use crate::syntax::Directive;
use crate::tree::{GraftId, NodeRef, Tree};

/// What people say beside the files.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub options: &'a Options,
    pub contracts: &'a [Contract],
}

/// A tree and whose it is.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub tree: &'a Tree,
    /// `nginx` or `httpd`.
    pub server: &'static str,
    /// The file given is not a main file.
    pub fragment: bool,
    pub given: Given<'a>,
}

impl<'a> Ground<'a> {
    /// A fix to be put together.
    pub fn repair(&self) -> Repair<'a> {
        Repair::new(self.tree)
    }

    /// The fix that writes a line anew.
    pub fn rewrite(&self, node: NodeRef, line: &str) -> Option<Fix> {
        self.repair().rewrite(node, line).safe(format!("write `{}`", shown(line)))
    }

    /// The same, where that changes something for other requests.
    pub fn rewrite_but(&self, node: NodeRef, line: &str, changes: &str) -> Option<Fix> {
        self.repair().rewrite(node, line).risky(format!("write `{}`; {changes}", shown(line)))
    }

    /// A rule's option, in milliseconds.
    pub fn option(&self, rule: &Rule, option: &RuleOption) -> u64 {
        self.given.options.get(rule, option)
    }

    /// The URLs whose handshakes a route carries, as it is promised.
    pub fn contracts<'r>(&self, route: &'r Route) -> impl Iterator<Item = &'a Contract> + use<'a, 'r> {
        let contracts = self.given.contracts;
        route.contracts.iter().map(move |&index| &contracts[index as usize])
    }

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

    /// A path as the configuration would write it: relative to the main file's directory inside it.
    pub fn path(&self, path: &Path) -> String {
        let main = self.tree.sources.path(self.tree.file(self.tree.root()));
        let relative = main.parent().and_then(|directory| path.strip_prefix(directory).ok());
        relative.filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// A finding about a directive that the server refuses. The server names the line of the `;` or `{` that ends the
    /// directive's words; where the reader edits another line, a label stands there.
    pub fn refused(&self, rule: &Rule, node: NodeRef, message: impl Into<String>) -> Finding {
        let finding = rule.refusal(self.head(node), message);
        self.with_server_line(finding, node)
    }

    /// Labels the line on which the server complains about the directive, unless the finding touches it already.
    pub fn with_server_line(&self, finding: Finding, node: NodeRef) -> Finding {
        let end = self.directive(node).terminator();
        let line = |span: Span| (span.file, self.tree.sources.line(span));
        let mut places =
            std::iter::once(finding.primary).chain(finding.labels.iter().map(|label| label.span));
        if places.any(|place| line(place) == line(end)) {
            return finding;
        }
        let words = format!("{} complains about this line, where the directive ends", self.server);
        finding.label(end, words)
    }

    /// The includes that lead to a place, the nearest first.
    pub fn included_from(&self, graft: GraftId) -> impl Iterator<Item = Label> + '_ {
        let label = |node| Label { span: self.head(node), message: "which is included here".to_string() };
        self.tree.include_chain(graft).map(label)
    }
}

/// A line in a title.
fn shown(line: &str) -> &str {
    line.trim_end_matches(';').trim_end_matches(" {")
}
