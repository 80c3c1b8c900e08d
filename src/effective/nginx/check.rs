//! What nginx refuses by its table of directives: place, shape, number and value of arguments, repetition.
//! Knows the order in which the server looks, not the rules that report it.

use super::directives::*;
use super::values;
use super::versions::{self, NEW_COLUMN, OLD_COLUMN};
use crate::effective::{BlockId, Target};
use crate::syntax::{Directive, NameId, Shape, Word};
use crate::tree::NodeRef;

/// A directive that the server refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub node: NodeRef,
    pub block: BlockId,
    pub kind: RefusalKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// No version of the target knows it, though others do.
    UnknownInTarget,
    NotAllowedHere,
    /// A block where a line is wanted: a `;` is missing.
    NotTerminated,
    /// A line where a block is wanted.
    NoOpening,
    ArgumentCount,
    Duplicate {
        first: NodeRef,
    },
    /// The server's words for it.
    InvalidValue(String),
    /// A block among the lines of a `map`, `geo`, `types` or `split_clients`.
    BlockInTable,
}

/// What the table says of a directive in one context, all forms together that the target may know.
#[derive(Clone, Copy)]
struct Place {
    /// It has such a form somewhere.
    known: bool,
    allowed: bool,
    as_line: bool,
    as_block: bool,
    arity: Arity,
    /// A form's value is looked at.
    checked: bool,
    /// A second one at the same level is refused, in every version alike.
    once: bool,
}

impl Place {
    fn new(name: NameId, context: Contexts, target: Target) -> Self {
        let possible = || forms(name).iter().filter(|form| is_possible(form, name, target));
        let here = || possible().filter(|form| form.contexts & context != 0);
        let mut of_any_version = forms(name).iter().filter(|form| form.contexts & context != 0).peekable();
        Self {
            known: possible().next().is_some(),
            allowed: here().next().is_some(),
            as_line: here().any(|form| !form.is_block()),
            as_block: here().any(Form::is_block),
            arity: here().fold(0, |all, form| all | form.arity),
            checked: here().any(|form| is_checked(form.setter)),
            once: of_any_version.peek().is_some() && of_any_version.all(|form| form.setter.once()),
        }
    }
}

/// The table of directives as one target sees it, looked up once for each name and context.
pub(super) struct Places {
    target: Target,
    places: Vec<Option<Place>>,
}

impl Places {
    pub(super) fn new(target: Target) -> Self {
        Self { target, places: vec![None; ENTRIES.len() * CONTEXTS] }
    }

    fn place(&mut self, name: NameId, context: Contexts) -> Place {
        let slot = &mut self.places[name.0 as usize * CONTEXTS + context.trailing_zeros() as usize];
        *slot.get_or_insert_with(|| Place::new(name, context, self.target))
    }

    /// Whether a second directive of this name at the same level is refused, in every version alike.
    pub(super) fn is_once(&mut self, name: NameId, context: Contexts) -> bool {
        name != NameId::UNKNOWN && self.place(name, context).once
    }

    /// What the server says first about a directive that it knows, if every version of the target refuses it.
    pub(super) fn refusal(&mut self, directive: &Directive, context: Contexts) -> Option<RefusalKind> {
        let name = directive.name_id();
        let place = self.place(name, context);
        let shaped = if directive.is_block() { place.as_block } else { place.as_line };
        match directive.shape() {
            _ if !place.known => return Some(RefusalKind::UnknownInTarget),
            _ if !place.allowed => return Some(RefusalKind::NotAllowedHere),
            Shape::Unfinished => return None,
            _ if shaped => {}
            Shape::Line => return Some(RefusalKind::NoOpening),
            Shape::Block | Shape::Raw => return Some(RefusalKind::NotTerminated),
        }
        let count = directive.arg_count();
        let counted = takes(place.arity, count);
        if (counted && !place.checked) || directive.args().any(|word| word.is_hole()) {
            return None;
        }
        if !counted {
            return Some(RefusalKind::ArgumentCount);
        }
        let here = forms(name).iter().filter(|form| form.contexts & context != 0 && form.takes(count));
        let mut refused = None;
        for form in here.filter(|form| is_possible(form, name, self.target)) {
            refused = Some(invalid_value(directive, form.setter)?);
        }
        refused.map(RefusalKind::InvalidValue)
    }
}

/// Whether some version of the target may know the form.
fn is_possible(form: &Form, name: NameId, target: Target) -> bool {
    let versions = target.nginx;
    match form.known {
        Known::Both => true,
        Known::Old => versions.any_before(versions::changed(name).unwrap_or(NEW_COLUMN)),
        Known::New => match versions::changed(name) {
            Some(changed) => !versions.all_before(changed),
            None => versions.last > OLD_COLUMN,
        },
    }
}

fn is_checked(setter: Setter) -> bool {
    !matches!(setter, List | Once | Own | Block | OnceBlock | Text | Path)
}

/// The server's words where it refuses the value; None where it takes it or nothing is known.
fn invalid_value(directive: &Directive, setter: Setter) -> Option<String> {
    if !is_checked(setter) {
        return None;
    }
    let name = || directive.name_word().show();
    let first = directive.arg(0)?;
    let value = first.value();
    let invalid = || Some(format!("\"{}\" directive invalid value", name()));
    match setter {
        Flag if !is_word(&first, &["on", "off"]) => Some(format!(
            "invalid value \"{}\" in \"{}\" directive, it must be \"on\" or \"off\"",
            first.show(),
            name()
        )),
        Msec if values::milliseconds(&value).is_none() => invalid(),
        Sec if values::seconds(&value).is_none() => invalid(),
        Size if values::size(&value, false).is_none() => invalid(),
        Offset if values::size(&value, true).is_none() => invalid(),
        Number if values::number(&value).is_none() => {
            Some(format!("\"{}\" directive invalid number", name()))
        }
        Buffers => {
            let number = values::number(&value).filter(|&number| number > 0);
            let size =
                directive.arg(1).and_then(|word| values::size(&word.value(), false)).filter(|&size| size > 0);
            if number.is_none() || size.is_none() { invalid() } else { None }
        }
        Enum(words) if !is_word(&first, words) => Some(format!("invalid value \"{}\"", first.show())),
        Bits(words) => {
            let wrong = directive.args().find(|word| !is_word(word, words))?;
            Some(format!("invalid value \"{}\"", wrong.show()))
        }
        _ => None,
    }
}

fn is_word(word: &Word, words: &[&str]) -> bool {
    let value = word.value();
    words.iter().any(|expected| value.eq_ignore_ascii_case(expected.as_bytes()))
}
