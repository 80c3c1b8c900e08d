//! What is in force in a block, and why: inheritance, defaults by version, the values of variables. Knows
//! nothing of WebSockets.

pub mod apache;
mod blocks;
pub mod nginx;
pub mod regex;
pub mod sample;
pub mod version;

use crate::tree::NodeRef;
use version::{Version, Versions};

/// A block of a configuration, numbered in the order of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub u32);

/// The server versions a configuration is judged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub nginx: Versions,
    pub apache: Versions,
    /// The user named the versions of the configuration's server; otherwise they are all that are in use.
    pub named: bool,
}

impl Default for Target {
    fn default() -> Self {
        let nginx = Versions::new(Version::new(1, 18, 0), nginx::NEWEST);
        let apache = Versions::new(apache::versions::OLDEST, apache::versions::NEWEST);
        Self { nginx, apache, named: false }
    }
}

/// A value in force, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting<T> {
    /// Written at `at`, in this block or one around it.
    Written { value: T, at: NodeRef, inherited: bool },
    /// Written nowhere; `older` holds before its version, `value` from then on (or always).
    Default { value: T, older: Option<(T, Version)> },
    /// Nothing is in force.
    Absent,
    /// Something that cannot be followed decides: an include that wasn't seen, a value that isn't known.
    Opaque,
}

impl<T: Copy> Setting<T> {
    /// The value that holds for every version of the target, where there is one.
    pub fn value(&self, versions: Versions) -> Option<T> {
        match *self {
            Setting::Written { value, .. } => Some(value),
            Setting::Default { value, older: None } => Some(value),
            Setting::Default { value, older: Some((older, since)) } => match () {
                () if versions.all_before(since) => Some(older),
                () if !versions.any_before(since) => Some(value),
                () => None,
            },
            Setting::Absent | Setting::Opaque => None,
        }
    }

    /// Where the value is written.
    pub fn written_at(&self) -> Option<NodeRef> {
        match *self {
            Setting::Written { at, .. } => Some(at),
            _ => None,
        }
    }
}

/// What evaluation answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Known(Vec<u8>),
    /// It depends on this.
    Unknown(String),
}

impl Value {
    pub fn empty() -> Self {
        Self::Known(Vec::new())
    }

    pub fn known(&self) -> Option<&[u8]> {
        match self {
            Self::Known(bytes) => Some(bytes),
            Self::Unknown(_) => None,
        }
    }
}
