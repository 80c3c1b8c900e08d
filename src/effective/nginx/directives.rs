//! What nginx knows of each directive: the contexts it may stand in, how many arguments it takes, how its value
//! is read. Knows nothing of any configuration.

use crate::syntax::NameId;

pub use super::directive_table::ENTRIES;
pub use Setter::*;

/// A set of contexts.
pub type Contexts = u32;

pub const MAIN: Contexts = 1;
pub const EVENTS: Contexts = 1 << 1;
pub const HTTP: Contexts = 1 << 2;
pub const SERVER: Contexts = 1 << 3;
pub const LOCATION: Contexts = 1 << 4;
pub const UPSTREAM: Contexts = 1 << 5;
pub const IF_SERVER: Contexts = 1 << 6;
pub const IF_LOCATION: Contexts = 1 << 7;
pub const LIMIT_EXCEPT: Contexts = 1 << 8;
pub const STREAM: Contexts = 1 << 9;
pub const STREAM_SERVER: Contexts = 1 << 10;
pub const STREAM_UPSTREAM: Contexts = 1 << 11;
pub const MAIL: Contexts = 1 << 12;
pub const MAIL_SERVER: Contexts = 1 << 13;
/// How many there are.
pub const CONTEXTS: usize = 14;
pub const ANY: Contexts = (1 << CONTEXTS) - 1;

/// A set of argument counts, and whether a block follows.
pub type Arity = u16;

pub const NOARGS: Arity = 1;
pub const TAKE1: Arity = 1 << 1;
pub const TAKE2: Arity = 1 << 2;
pub const TAKE3: Arity = 1 << 3;
pub const TAKE4: Arity = 1 << 4;
pub const FLAG: Arity = 1 << 5;
pub const MORE1: Arity = 1 << 6;
pub const MORE2: Arity = 1 << 7;
pub const BLOCK: Arity = 1 << 8;

/// How a directive's value is read, and whether a second one at the same level is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setter {
    /// `on` or `off`.
    Flag,
    /// A time in milliseconds.
    Msec,
    /// A time in seconds.
    Sec,
    Size,
    /// A size that may be given in gigabytes.
    Offset,
    Number,
    Text,
    /// A number and a size.
    Buffers,
    Path,
    /// One of these words, in any case.
    Enum(&'static [&'static str]),
    /// Some of these words, in any case.
    Bits(&'static [&'static str]),
    /// Any number of times, any value.
    List,
    /// Once; the value is the directive's own business.
    Once,
    Block,
    OnceBlock,
    /// Nothing is claimed.
    Own,
}

impl Setter {
    /// Whether the server says `is duplicate` to a second one at the same level.
    pub fn once(self) -> bool {
        !matches!(self, Bits(_) | List | Block | Own)
    }
}

/// Which of the two measured versions know a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Both,
    /// nginx 1.22.1, but not 1.31.5.
    Old,
    /// nginx 1.31.5, but not 1.22.1.
    New,
}

/// One way a directive may be written.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub contexts: Contexts,
    pub arity: Arity,
    pub setter: Setter,
    pub known: Known,
}

impl Form {
    pub fn takes(&self, args: usize) -> bool {
        takes(self.arity, args)
    }

    pub fn is_block(&self) -> bool {
        self.arity & BLOCK != 0
    }
}

/// Whether so many arguments are among those taken.
pub fn takes(arity: Arity, args: usize) -> bool {
    let exact = match args {
        0 => NOARGS,
        1 => TAKE1 | FLAG,
        2 => TAKE2,
        3 => TAKE3,
        4 => TAKE4,
        _ => 0,
    };
    arity & exact != 0 || (arity & MORE1 != 0 && args >= 1) || (arity & MORE2 != 0 && args >= 2)
}

/// A directive and its forms.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub name: &'static str,
    pub forms: &'static [Form],
}

pub const fn entry(name: &'static str, forms: &'static [Form]) -> Entry {
    Entry { name, forms }
}

pub const fn both(contexts: Contexts, arity: Arity, setter: Setter) -> Form {
    Form { contexts, arity, setter, known: Known::Both }
}

pub const fn old(contexts: Contexts, arity: Arity, setter: Setter) -> Form {
    Form { contexts, arity, setter, known: Known::Old }
}

pub const fn new(contexts: Contexts, arity: Arity, setter: Setter) -> Form {
    Form { contexts, arity, setter, known: Known::New }
}

/// The number of a directive's name, or `NameId::UNKNOWN`.
pub fn name_id(name: &[u8]) -> NameId {
    let mut slot = hash(name) & (SLOTS - 1);
    loop {
        match INDEX[slot] {
            u16::MAX => return NameId::UNKNOWN,
            index if ENTRIES[index as usize].name.as_bytes() == name => return NameId(index),
            _ => slot = (slot + 1) & (SLOTS - 1),
        }
    }
}

/// The number of a name that is known to be in the table; otherwise the build fails.
pub const fn known(name: &str) -> NameId {
    let mut i = 0;
    while i < ENTRIES.len() {
        if equal(ENTRIES[i].name.as_bytes(), name.as_bytes()) {
            return NameId(i as u16);
        }
        i += 1;
    }
    panic!("no such directive")
}

pub fn forms(name: NameId) -> &'static [Form] {
    ENTRIES.get(name.0 as usize).map_or(&[], |entry| entry.forms)
}

const SLOTS: usize = 2048;

static INDEX: [u16; SLOTS] = {
    let mut index = [u16::MAX; SLOTS];
    let mut i = 0;
    while i < ENTRIES.len() {
        let mut slot = hash(ENTRIES[i].name.as_bytes()) & (SLOTS - 1);
        while index[slot] != u16::MAX {
            slot = (slot + 1) & (SLOTS - 1);
        }
        index[slot] = i as u16;
        i += 1;
    }
    index
};

/// FNV-1a.
const fn hash(bytes: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    (hash ^ (hash >> 15)) as usize
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directive_is_found_by_its_name_and_nothing_else_is() {
        for (index, entry) in ENTRIES.iter().enumerate() {
            assert_eq!(name_id(entry.name.as_bytes()), NameId(index as u16), "{}", entry.name);
        }
        assert_eq!(name_id(b"proxy_websocket"), NameId::UNKNOWN);
        assert_eq!(name_id(b""), NameId::UNKNOWN);
    }

    #[test]
    fn the_table_is_sorted_so_that_a_new_line_has_one_place() {
        assert!(ENTRIES.is_sorted_by(|a, b| a.name < b.name));
    }
}
