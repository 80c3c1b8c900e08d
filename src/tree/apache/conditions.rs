//! `<IfModule>` and its kin: whether httpd reads the lines of a section. Knows what the reader has seen so far.

use super::Presence;
use super::modules::Modules;
use super::variables::Variables;
use crate::syntax::NameId;

/// Whether the lines are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// It depends on something that is not in the files. The lines are read here, and this names what decides.
    Perhaps(Vec<u8>),
    /// The same, and the lines are passed over: it is rather not so.
    Hardly,
}

/// What a condition may look at.
pub(super) struct Known<'a> {
    pub modules: &'a Modules,
    pub variables: &'a Variables,
    pub version: [u16; 3],
    pub name_id: fn(&[u8]) -> NameId,
    /// Whether a path is there; None where that cannot be seen.
    pub exists: &'a dyn Fn(&[u8]) -> Option<bool>,
}

/// Asks the section `name`, in lower case and without its bracket; None where it is no such section.
pub(super) fn ask(name: &[u8], arguments: &[Vec<u8>], known: &Known) -> Option<Answer> {
    let mut words: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
    let mut negated = false;
    if let Some((first, rest)) = words.split_first_mut()
        && let Some(bare) = first.strip_prefix(b"!")
    {
        negated = true;
        *first = bare;
        // `! name` is the same.
        if bare.is_empty() && !rest.is_empty() {
            words.remove(0);
        }
    }
    let asked = *words.first()?;
    let yes = |holds: bool| if holds != negated { Answer::Yes } else { Answer::No };
    Some(match name {
        b"ifmodule" => match known.modules.asked(&String::from_utf8_lossy(asked)) {
            None => yes(false),
            Some(Presence::Loaded) => yes(true),
            Some(Presence::NotLoaded) => yes(false),
            Some(Presence::Unknown) if negated => Answer::Hardly,
            Some(Presence::Unknown) => Answer::Perhaps(asked.to_vec()),
        },
        b"ifdefine" => yes(known.variables.is_defined(asked)),
        b"ifversion" => version(&words, known.version).map_or(Answer::No, yes),
        b"iffile" => match (known.exists)(asked) {
            Some(exists) => yes(exists),
            None => Answer::Hardly,
        },
        b"ifdirective" => yes((known.name_id)(asked) != NameId::UNKNOWN),
        b"ifsection" => {
            let bracketed = if asked.starts_with(b"<") { asked.to_vec() } else { [b"<", asked].concat() };
            yes((known.name_id)(&bracketed) != NameId::UNKNOWN)
        }
        _ => return None,
    })
}

/// `<IfVersion op version>` (mod_version); None for a regular expression and for what the server refuses.
fn version(words: &[&[u8]], own: [u16; 3]) -> Option<bool> {
    let (operator, text) = match words {
        [text] => (&b"="[..], *text),
        [operator, text, ..] => (*operator, *text),
        [] => return None,
    };
    let mut asked = [0; 3];
    for (part, number) in std::str::from_utf8(text).ok()?.split('.').zip(&mut asked) {
        *number = part.parse::<u16>().ok()?;
    }
    let order = own.cmp(&asked);
    Some(match operator {
        b"=" | b"==" => order.is_eq(),
        b">" => order.is_gt(),
        b">=" => order.is_ge(),
        b"<" => order.is_lt(),
        b"<=" => order.is_le(),
        _ => return None,
    })
}
