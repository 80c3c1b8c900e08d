//! What mod_rewrite's directives say: rules, conditions, maps, options, bases. Knows no request; what they do to
//! one is for those who follow it.

mod condition;
mod flags;
mod line;
mod map;
mod options;
mod rule;
mod template;

use crate::effective::regex::{self, NotCompiled};
use crate::tree::NodeRef;

pub use condition::{Condition, ConditionTest};
pub use line::{split_line, unquoted};
pub use map::{Map, MapKind};
pub use options::{Inheritance, Options, base};
pub use rule::{Escape, Queries, Rule};
pub use template::{HOLE, Piece, pieces};

/// A pattern of a rule or a condition.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub text: Vec<u8>,
    /// None where only the server can compile it.
    pub compiled: Option<regex::Pattern>,
}

impl Pattern {
    /// Whether the pattern matches anything at all, so that its subject need not be known.
    pub fn is_certain(&self) -> bool {
        matches!(
            self.text.as_slice(),
            b"" | b"^" | b".*" | b"^.*" | b"^.*$" | b".*$" | b"$" | b"(.*)" | b"^(.*)$" | b"^(.*)"
        )
    }

    fn compile(directive: &str, text: &[u8], caseless: bool) -> Result<Self, String> {
        let compiled = match regex::Pattern::httpd(text, caseless) {
            Ok(compiled) => Some(compiled),
            Err(NotCompiled::Unreadable) => None,
            Err(NotCompiled::Invalid) => {
                let shown = String::from_utf8_lossy(text);
                return Err(format!("{directive}: cannot compile regular expression '{shown}'"));
            }
        };
        Ok(Self { text: text.to_vec(), compiled })
    }
}

/// A rule where it stands, with the conditions before it.
#[derive(Clone, Debug)]
pub struct RuleLine {
    pub at: NodeRef,
    pub rule: Rule,
    pub conditions: Vec<ConditionLine>,
}

#[derive(Clone, Debug)]
pub struct ConditionLine {
    pub at: NodeRef,
    pub condition: Condition,
}
