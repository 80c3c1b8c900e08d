//! mod_rewrite's rules run on one request, in a server or in a directory. Knows neither which rules are in force
//! nor what becomes of the request afterwards.

mod expand;
mod finish;
mod rule;
mod state;
mod url;

use crate::effective::Value;
use crate::effective::apache::expr::Groups;
use crate::effective::apache::request::Request;
use crate::effective::apache::rewrite::{ConditionLine, Map, Options, RuleLine};
use crate::tree::NodeRef;

use state::{Applied, State};

/// Rounds of `[N]` that are followed.
const MAX_ROUNDS: i64 = 10;

/// What the rules are run on.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub context: Context<'a>,
    /// In the order in which the server runs them, inherited ones included.
    pub rules: &'a [&'a RuleLine],
    /// The server's, also for a directory; of one name the last counts.
    pub maps: &'a [Map],
    /// The request is one inside another, asked by a module.
    pub is_inside: bool,
    /// In a server the decoded path of the URL; in a directory the file it was mapped to, or `proxy:` and the URL that
    /// another module sends it to.
    pub filename: &'a [u8],
    /// What the URL names behind the file; empty in a server.
    pub path_info: &'a [u8],
    pub query: Option<&'a [u8]>,
    pub request: &'a dyn Request,
}

#[derive(Clone, Copy)]
pub enum Context<'a> {
    Server(Options),
    Directory(Directory<'a>),
}

/// A section for files or locations, or a directory with `.htaccess`.
#[derive(Clone, Copy)]
pub struct Directory<'a> {
    /// What the section names, be it a regular expression, or the directory of `.htaccess`; `*If` for `<If>`. It ends
    /// in a slash, which the server adds where none is written.
    pub path: &'a [u8],
    /// The `RewriteEngine` in force.
    pub engine: NodeRef,
    /// `RewriteBase`
    pub base: Option<&'a [u8]>,
    pub options: Options,
    /// Whether `Options` has FollowSymLinks or SymLinksIfOwnerMatch. None where that is not known.
    pub follows_links: Option<bool>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Run {
    pub outcome: Outcome,
    /// The query as the rules leave it, where they leave the request here.
    pub query: Option<Vec<u8>>,
    /// `[END]` was met: no rule is run on this request any more, whatever it becomes.
    pub ended: bool,
    pub environment: Vec<Change>,
    /// What `[H]` makes the handler, in lower case.
    pub handler: Option<Value>,
    /// Rules and conditions in the order in which they were looked at. A rule comes behind its conditions.
    pub looks: Vec<Look>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request goes on as it is.
    Unchanged,
    /// In a server, `[PT]`: the request goes on under this path, and what maps paths does so yet.
    PassedThrough {
        path: Vec<u8>,
        at: NodeRef,
    },
    /// In a server: this path is served, and nothing else maps it. Below the document root if `below_root`, else
    /// it is a file's; None where that is not known.
    Local {
        path: Vec<u8>,
        below_root: Option<bool>,
        at: NodeRef,
    },
    /// In a directory: the request begins again with this path, which is decoded once more.
    Restarted {
        path: Vec<u8>,
        at: NodeRef,
    },
    /// Sent on. `verbatim`: as it stands here, its query included (`[NE]`); else the proxy escapes the path and
    /// adds the query.
    Proxied {
        url: Value,
        verbatim: bool,
        at: NodeRef,
    },
    Redirected {
        status: u16,
        location: Value,
        at: NodeRef,
    },
    /// Answered with this status: `[F]`, `[R=404]`, or what the server will not rewrite.
    Answered {
        status: u16,
        why: String,
        at: NodeRef,
    },
    /// It depends on this; `at` is the rule that asks.
    Unknown {
        why: String,
        at: NodeRef,
    },
}

/// A change to the environment. None as value: it is taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub name: Value,
    pub value: Option<Value>,
}

/// A rule or condition that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub at: NodeRef,
    /// Whether it held, `!` counted in. None where that is not known.
    pub held: Option<bool>,
}

/// Runs the rules (`hook_uri2file`, `hook_fixup`). Whether the engine is on and `[END]` was met before is for the
/// caller to know.
pub fn run(input: &Input) -> Run {
    let mut state = State::new(input);
    let outcome = match declines(input) {
        Some(outcome) => outcome,
        None => {
            let listed = run_list(&mut state);
            finish::outcome(&mut state, listed)
        }
    };
    let query = match state.target {
        Ok(target) => target.query,
        Err(_) => None,
    };
    Run {
        outcome,
        query,
        ended: state.ended,
        environment: state.changes,
        handler: state.handler,
        looks: state.looks,
    }
}

/// Whether a condition holds by itself; None where that is not known, or depends on what was matched before it.
pub fn condition_holds(input: &Input, line: &ConditionLine) -> Option<bool> {
    let mut state = State::new(input);
    let before = || Groups::Unknown("what was matched before".to_string());
    (state.rule_groups, state.condition_groups) = (before(), before());
    rule::holds_condition(&mut state, &line.condition).ok()
}

/// What keeps the rules from being run at all.
fn declines(input: &Input) -> Option<Outcome> {
    match input.context {
        Context::Server(options) => {
            (!options.allow_any_uri && !input.filename.starts_with(b"/")).then_some(Outcome::Unchanged)
        }
        Context::Directory(directory) => {
            let slashless = directory.path.strip_suffix(b"/") == Some(input.filename);
            if slashless && !directory.options.allow_no_slash {
                return Some(Outcome::Unchanged);
            }
            let at = directory.engine;
            match directory.follows_links {
                Some(true) => None,
                Some(false) => {
                    let why = "`Options` has neither FollowSymLinks nor SymLinksIfOwnerMatch, so rules are forbidden";
                    Some(Outcome::Answered { status: 403, why: why.to_string(), at })
                }
                None => Some(Outcome::Unknown { why: "`Options`".to_string(), at }),
            }
        }
    }
}

/// How the list ended.
enum Listed {
    /// Nothing was substituted.
    Same,
    /// By the rule at this place, last of all.
    Changed {
        at: NodeRef,
        escapes: bool,
    },
    Answered {
        status: u16,
        why: String,
        at: NodeRef,
    },
    Unknown {
        why: String,
        at: NodeRef,
    },
}

/// `apply_rewrite_list`
fn run_list(state: &mut State) -> Listed {
    let rules = state.input.rules;
    let mut listed = Listed::Same;
    let mut round = 1;
    let mut index = 0;
    while let Some(&line) = rules.get(index) {
        let rule = &line.rule;
        if state.input.is_inside && (rule.not_inside || rule.redirect) {
            index += 1;
            continue;
        }
        let applied = match rule::apply(state, line) {
            Ok(applied) => applied,
            Err(why) => return Listed::Unknown { why, at: line.at },
        };
        match applied {
            Applied::No => {
                while rules.get(index).is_some_and(|line| line.rule.chain) {
                    index += 1;
                }
                index += 1;
                continue;
            }
            Applied::Refused { status, why } => return Listed::Answered { status, why, at: line.at },
            Applied::Kept | Applied::Substituted => {}
        }
        if rule.answers {
            let why = format!("the rule answers {}", rule.status);
            return Listed::Answered { status: rule.status, why, at: line.at };
        }
        if let Err(why) = state.check_length() {
            return Listed::Unknown { why, at: line.at };
        }
        if applied == Applied::Substituted {
            state.last = Some(line);
            listed = Listed::Changed { at: line.at, escapes: !rule.no_escape };
        }
        if rule.pass_through {
            state.passed_through = true;
            return Listed::Changed { at: line.at, escapes: true };
        }
        if rule.end {
            state.ended = true;
            return listed;
        }
        if rule.proxy || rule.last {
            return listed;
        }
        if let Some(rounds) = rule.next {
            round += 1;
            if round >= rounds {
                let why = format!("rule after rule, for more than {rounds} rounds");
                return Listed::Answered { status: 500, why, at: line.at };
            }
            if round > MAX_ROUNDS {
                let why = format!("what more than {MAX_ROUNDS} rounds of `[N]` come to");
                return Listed::Unknown { why, at: line.at };
            }
            index = 0;
            continue;
        }
        index = index.saturating_add(1).saturating_add(rule.skip);
    }
    listed
}

#[cfg(test)]
mod tests;
