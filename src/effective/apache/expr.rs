//! The expression language of `<If>`, `RewriteCond expr`, `Require expr` and `expr=` (`ap_expr`). Knows no directive
//! that holds expressions.

mod evaluate;
mod parse;
mod scan;
mod subnet;

use crate::effective::Value;
use crate::effective::regex::{self, Captures};

use super::request::Request;
pub use evaluate::number;
use parse::Stop;
pub use scan::{Comparison, Order};
pub use subnet::Subnet;

/// A condition. Where it depends on something that is not known, `Err` says on what.
#[derive(Clone, Debug)]
pub struct Expr(Option<Test>);

/// An expression whose value is a string.
#[derive(Clone, Debug)]
pub struct StringExpr(Option<Word>);

#[derive(Clone, Debug)]
enum Test {
    Constant(bool),
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
    Compare { left: Word, comparison: Comparison, right: Word },
    In { word: Word, list: List },
    Match { word: Word, pattern: Pattern, negated: bool },
    Unary { operator: u8, word: Word, subnet: Option<Subnet> },
    Binary { operator: String, left: Word, right: Word, subnet: Option<Subnet> },
}

#[derive(Clone, Debug)]
enum Word {
    Digits(Vec<u8>),
    Text(Vec<u8>),
    Group(u8),
    Variable(String),
    Call { function: String, argument: Box<Word> },
    Joined(Vec<Word>),
}

#[derive(Clone, Debug)]
enum List {
    Words(Vec<Word>),
    Function(String),
}

/// None where only the server can compile it.
#[derive(Clone, Debug)]
struct Pattern(Option<regex::Pattern>);

/// What `$0` to `$9`, or `%0` to `%9`, stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Groups {
    /// Nothing has matched: all are empty.
    #[default]
    None,
    Known(Captures),
    /// It depends on this what has matched.
    Unknown(String),
}

impl Groups {
    /// A group that took no part, and one that the pattern does not have, is empty.
    pub fn get(&self, number: u8) -> Value {
        match self {
            Self::None => Value::empty(),
            Self::Known(groups) => Value::Known(groups.get(usize::from(number)).cloned().unwrap_or_default()),
            Self::Unknown(why) => Value::Unknown(why.clone()),
        }
    }
}

impl Expr {
    /// # Errors
    /// What the server says to it, up to the list of what it would rather have seen.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        followed(parse::condition(text)).map(Self)
    }

    /// Whether it holds for a request.
    pub fn holds(&self, request: &dyn Request) -> Result<bool, String> {
        self.holds_keeping(request, &mut Groups::None)
    }

    /// The same, where the groups of a regular expression that matches are asked for later.
    pub fn holds_keeping(&self, request: &dyn Request, groups: &mut Groups) -> Result<bool, String> {
        match &self.0 {
            Some(test) => evaluate::holds(test, request, groups),
            None => Err("an expression that is nested too deeply".to_string()),
        }
    }
}

impl StringExpr {
    /// # Errors
    /// What the server says to it, up to the list of what it would rather have seen.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        followed(parse::string(text)).map(Self)
    }

    pub fn value(&self, request: &dyn Request) -> Value {
        match &self.0 {
            Some(word) => evaluate::value(word, request, &Groups::None),
            None => Value::Unknown("an expression that is nested too deeply".to_string()),
        }
    }
}

fn followed<T>(parsed: Result<T, Stop>) -> Result<Option<T>, String> {
    match parsed {
        Ok(tree) => Ok(Some(tree)),
        Err(Stop::TooDeep) => Ok(None),
        Err(Stop::Refused(words)) => Err(words),
    }
}

#[cfg(test)]
mod tests;
