//! The one evaluator of variables: maps, `set`, and what a request gives. Knows no directive but those that
//! define variables.

use hashbrown::HashMap;
use std::cell::RefCell;

use super::directives::{IF_LOCATION, IF_SERVER, LOCATION, SERVER};
use super::map::Found;
use super::values::{self, Piece, pieces};
use super::{Config, Map, MapEntry, variables};
use crate::effective::{BlockId, Value};
use crate::tree::{NodeRef, Tree};

/// Bytes an expanded value may have; more is unknown.
const MAX_VALUE: usize = 64 << 10;

/// Variables inside one another that are followed.
const MAX_DEPTH: usize = 32;

/// A request, as far as variables ask about it.
pub trait Request {
    /// The value of one of nginx's own variables, named in lower case.
    fn variable(&self, name: &[u8]) -> Value;

    /// The value that the request's way through the configuration has given to a variable so far. None where no one
    /// way is followed.
    fn assigned(&self, _name: &[u8]) -> Option<Value> {
        None
    }

    /// The group `$1` to `$9` of the last regular expression that matched. None where no one way is followed.
    fn capture(&self, _number: u8) -> Option<Vec<u8>> {
        None
    }

    /// Whether this is one request that is followed, in which a map keeps its first answer.
    fn is_followed(&self) -> bool {
        false
    }
}

/// Evaluates values for one request. Remembers what maps answered, so ask one evaluator as often as possible.
pub struct Evaluator<'a> {
    tree: &'a Tree,
    config: &'a Config,
    request: &'a dyn Request,
    maps: RefCell<HashMap<Vec<u8>, Value>>,
    /// Values that are the same in every block: hundreds of locations write the same few.
    everywhere: RefCell<HashMap<Vec<u8>, Value>>,
}

/// An answer, and whether it is the same in every block.
struct Answer {
    value: Value,
    everywhere: bool,
}

impl<'a> Evaluator<'a> {
    pub fn new(tree: &'a Tree, config: &'a Config, request: &'a dyn Request) -> Self {
        Self { tree, config, request, maps: RefCell::default(), everywhere: RefCell::default() }
    }

    /// The value of a word in a block.
    pub fn evaluate(&self, block: BlockId, value: &[u8]) -> Value {
        if let Some(known) = self.everywhere.borrow().get(value) {
            return known.clone();
        }
        let answer = self.expand(block, value, 0);
        // In a request that is followed, variables change on its way.
        if answer.everywhere && !self.request.is_followed() {
            self.everywhere.borrow_mut().insert(value.to_vec(), answer.value.clone());
        }
        answer.value
    }

    /// The map that in the end gives a map's variable its value, where a line only names the variable of another,
    /// and the line that does; no line where none fits, or where that is not known.
    pub fn deciding(&self, block: BlockId, map: &'a Map) -> (&'a Map, Option<MapEntry<'a>>) {
        let mut map = map;
        for _ in 0..MAX_DEPTH {
            let source = map.source(self.tree).value();
            let Value::Known(value) = self.evaluate(block, &source) else { break };
            let Found::Entry(entry) = map.find(self.tree, self.config, &value) else { break };
            match values::variables(&entry.value.value()).find_map(|name| self.config.map(name)) {
                Some(inner) => map = inner,
                None => return (map, Some(entry)),
            }
        }
        (map, None)
    }

    fn expand(&self, block: BlockId, value: &[u8], depth: usize) -> Answer {
        let mut out = Vec::new();
        let mut everywhere = true;
        for piece in pieces(value) {
            match piece {
                Ok(Piece::Literal(literal)) => out.extend_from_slice(literal),
                Ok(Piece::Variable(name)) => {
                    let answer = self.variable(block, &name.to_ascii_lowercase(), depth);
                    everywhere &= answer.everywhere;
                    match answer.value {
                        Value::Known(bytes) => out.extend_from_slice(&bytes),
                        unknown => return Answer { value: unknown, everywhere },
                    }
                }
                Ok(Piece::Capture(number)) => match self.request.capture(number) {
                    Some(group) => {
                        everywhere = false;
                        out.extend_from_slice(&group);
                    }
                    None => return unknown(format!("${number}, a group of a regular expression")),
                },
                Err(_) => return unknown("a value that nginx refuses".to_string()),
            }
            if out.len() > MAX_VALUE {
                return unknown(format!("a value of more than {MAX_VALUE} bytes"));
            }
        }
        Answer { value: Value::Known(out), everywhere }
    }

    fn variable(&self, block: BlockId, name: &[u8], depth: usize) -> Answer {
        if depth > MAX_DEPTH {
            return unknown(format!("${}, which depends on itself", String::from_utf8_lossy(name)));
        }
        if let Some(value) = self.request.assigned(name) {
            return Answer { value, everywhere: false };
        }
        if let Some(map) = self.config.map_in(block, name) {
            if let Some(value) = self.maps.borrow().get(name) {
                return Answer { value: value.clone(), everywhere: true };
            }
            let source = map.source(self.tree);
            let mut answer = match source.is_hole() {
                true => unknown("a template's expression".to_string()),
                false => self.expand(block, &source.value(), depth + 1),
            };
            if let Value::Known(looked_up) = &answer.value {
                let found = match map.find(self.tree, self.config, looked_up) {
                    Found::Entry(entry) if entry.value.is_hole() => {
                        unknown("a template's expression".to_string())
                    }
                    Found::Entry(entry) => self.expand(block, &entry.value.value(), depth + 1),
                    Found::Nothing => Answer { value: Value::empty(), everywhere: true },
                    Found::Unknown(why) => unknown(why.to_string()),
                };
                answer = Answer { value: found.value, everywhere: answer.everywhere && found.everywhere };
            }
            if answer.everywhere || (self.request.is_followed() && !map.is_volatile(self.tree)) {
                self.maps.borrow_mut().insert(name.to_vec(), answer.value.clone());
            }
            return answer;
        }
        let sets = self.config.sets(name);
        if !sets.is_empty() {
            let value = self.set(block, name, sets, depth);
            return Answer { value, everywhere: false };
        }
        if self.config.defines(name) || !variables::is_builtin(name) {
            return unknown(format!("${}", String::from_utf8_lossy(name)));
        }
        Answer { value: self.request.variable(name), everywhere: true }
    }

    /// The value that `set` leaves in a variable when a block's location handles the request: the location's
    /// own last one, else the server's; unknown where an `if`, another location or a script has a say.
    fn set(&self, block: BlockId, name: &[u8], sets: &[(BlockId, NodeRef)], depth: usize) -> Value {
        if self.config.chain(block).any(|level| self.config.block(level).scripted) {
            return Value::Unknown(format!("${}, which a script may set", String::from_utf8_lossy(name)));
        }
        let location = self.config.enclosing(block, LOCATION);
        let server = self.config.enclosing(block, SERVER);
        let runs = |place: BlockId| Some(place) == location || Some(place) == server;
        let conditional = |place: BlockId| {
            let inner = self.config.block(place);
            inner.context & (IF_SERVER | IF_LOCATION) != 0 && inner.parent.is_some_and(runs)
        };
        let last_in = |place: Option<BlockId>| sets.iter().rfind(|(block, _)| Some(*block) == place);
        let decided = !sets.iter().any(|(place, _)| conditional(*place));
        match last_in(location).or_else(|| last_in(server)).filter(|_| decided) {
            Some(&(place, node)) => match self.tree.directive(node).arg(1) {
                Some(word) if !word.is_hole() => self.expand(place, &word.value(), depth + 1).value,
                _ => Value::Unknown("a template's expression".to_string()),
            },
            None => Value::Unknown(format!("${}, which is set elsewhere", String::from_utf8_lossy(name))),
        }
    }
}

fn unknown(why: String) -> Answer {
    Answer { value: Value::Unknown(why), everywhere: false }
}
