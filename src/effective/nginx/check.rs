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

/// What the server says first about the directive, if every version of the target refuses it.
pub(super) fn refusal(directive: &Directive, context: Contexts, target: Target) -> Option<RefusalKind> {
    let name = directive.name_id();
    let all = forms(name);
    let mut known = all.iter().filter(|form| is_possible(form, name, target)).peekable();
    if known.peek().is_none() {
        return Some(RefusalKind::UnknownInTarget);
    }
    let here = || all.iter().filter(|form| form.contexts & context != 0 && is_possible(form, name, target));
    if here().next().is_none() {
        return Some(RefusalKind::NotAllowedHere);
    }
    if directive.shape() == Shape::Unfinished {
        return None;
    }
    let block = directive.is_block();
    if !here().any(|form| form.is_block() == block) {
        return Some(if block { RefusalKind::NotTerminated } else { RefusalKind::NoOpening });
    }
    if directive.args().any(|word| word.is_hole()) {
        return None;
    }
    let count = directive.arg_count();
    if !here().any(|form| form.takes(count)) {
        return Some(RefusalKind::ArgumentCount);
    }
    let mut refused = None;
    for form in here().filter(|form| form.takes(count)) {
        refused = Some(invalid_value(directive, form.setter)?);
    }
    refused.map(RefusalKind::InvalidValue)
}

/// Whether a second directive of this name at the same level is refused, in every version alike.
pub(super) fn is_once(name: NameId, context: Contexts) -> bool {
    let mut here = forms(name).iter().filter(|form| form.contexts & context != 0).peekable();
    here.peek().is_some() && here.all(|form| form.setter.once())
}

/// Whether some version of the target may know the form.
fn is_possible(form: &Form, name: NameId, target: Target) -> bool {
    let versions = target.nginx;
    match (form.known, versions::changed(name)) {
        (Known::Both, _) => true,
        (Known::Old, Some(changed)) => versions.any_before(changed),
        (Known::New, Some(changed)) => !versions.all_before(changed),
        (Known::Old, None) => versions.any_before(NEW_COLUMN),
        (Known::New, None) => versions.last > OLD_COLUMN,
    }
}

/// The server's words where it refuses the value; None where it takes it or nothing is known.
fn invalid_value(directive: &Directive, setter: Setter) -> Option<String> {
    if matches!(setter, List | Once | Own | Block | OnceBlock | Text | Path) {
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
