//! What a rule is, and how all of them are asked. Knows no rule by name.

pub mod apache;
pub mod baseline;
pub mod card;
pub mod contracts;
mod fingerprint;
pub mod fixes;
mod ground;
mod heed;
pub mod levels;
mod merged;
pub mod near;
mod nginx;
pub mod options;
pub mod promises;
pub mod remarks;
mod run;
pub mod settings;
pub mod times;

use std::path::PathBuf;

use crate::effective;
use crate::finding::{Finding, Severity};
use crate::handshake::Roots;
use crate::routes::{Intent, Route};
use crate::source::Span;
use crate::tree::Tree;
use baseline::Entry;
use contracts::Contract;
use remarks::{Suppression, Unclear, Unused};
use settings::Problem;

pub use fingerprint::fingerprints;
pub use ground::{Given, Ground};
pub use nginx::{Facts, Way, Ways, remedy};
pub use options::RuleOption;
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
    /// nginx: once for every route that is meant to carry WebSockets.
    Route(fn(&Facts, &Route) -> Option<Finding>),
    /// nginx: once for the whole tree.
    Tree(fn(&Facts, &mut Vec<Finding>)),
    /// httpd: once for every such route.
    ApacheRoute(fn(&apache::Facts, &Route) -> Option<Finding>),
    /// httpd: once for the whole tree.
    ApacheTree(fn(&apache::Facts, &mut Vec<Finding>)),
    /// Once for the whole tree of either, where files alone tell.
    Files(fn(&Ground, &mut Vec<Finding>)),
    /// Once for every remark in a comment that does not work.
    Unclear(fn(&Ground, &Unclear) -> Finding),
    /// Once for every remark that did nothing, when all other rules were asked.
    Unused(fn(&Ground, &Unused) -> Finding),
    /// Once for every mistake in the settings, and its place.
    Settings(fn(&Problem, Span) -> Finding),
    /// Once for every URL at which a WebSocket must open, when all rules about routes were asked.
    Contract(fn(&Ground, &Contract) -> Option<Finding>),
    /// Once for every entry of a baseline that nothing is found for, and its place.
    Stale(fn(&Entry, Span) -> Finding),
    /// One for each server.
    Both(&'static Check, &'static Check),
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
    /// What can be set of it.
    pub options: &'static [RuleOption],
    pub check: Check,
}

impl Rule {
    /// A finding of this rule, at its own level.
    pub fn finding(&self, primary: Span, message: impl Into<String>) -> Finding {
        Finding::new(self.id, self.level.severity(), primary, message)
    }

    /// A finding about something for which the server's own test refuses the configuration.
    pub fn refusal(&self, primary: Span, message: impl Into<String>) -> Finding {
        Finding { refused: true, ..self.finding(primary, message) }
    }
}

/// One main configuration (or fragment), read and judged.
pub struct Linted {
    pub tree: Tree,
    pub effective: Effective,
    pub routes: Vec<Route>,
    /// Sorted by place.
    pub findings: Vec<Finding>,
    /// What remarks in the files silence, sorted by place; no part of `findings`.
    pub suppressed: Vec<Suppressed>,
    /// Where the remarks stand that did something, or of which that is not known.
    pub heeded: Vec<Span>,
    /// What came of every URL at which a WebSocket must open; no part of `findings` until `rules::agree` has compared
    /// all configurations.
    pub promises: Vec<Promise>,
    /// Findings that a baseline knows, sorted by place; no part of `findings`.
    pub known: Vec<Finding>,
    /// Where files of the target machine are looked up.
    pub roots: Roots,
}

impl Linted {
    pub fn new(tree: Tree, effective: Effective, routes: Vec<Route>, judged: Judged, roots: Roots) -> Self {
        let Judged { findings, suppressed, heeded, promises } = judged;
        Self { tree, effective, routes, findings, suppressed, heeded, promises, known: Vec::new(), roots }
    }
}

/// What came of an endpoint in one configuration.
#[derive(Clone, Debug)]
pub struct Promise {
    pub contract: Contract,
    /// The file that it is written in.
    pub settings: Option<PathBuf>,
    /// The configuration is one that can break it.
    pub decides: bool,
    /// What there is to tell; nothing where it is kept, or where another finding tells it.
    pub finding: Option<Finding>,
}

/// A finding that a remark silences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    pub finding: Finding,
    pub why: Suppression,
}

/// What asking all rules came to: parts of `Linted`.
#[derive(Debug, Default)]
pub struct Judged {
    pub findings: Vec<Finding>,
    pub suppressed: Vec<Suppressed>,
    pub heeded: Vec<Span>,
    pub promises: Vec<Promise>,
}

/// What is in force in the blocks of either server.
pub enum Effective {
    Nginx(Box<effective::nginx::Config>),
    Apache(Box<effective::apache::Config>),
}
