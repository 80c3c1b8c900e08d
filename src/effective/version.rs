//! Server versions and ranges of them; knows nothing of what changed in any version.

use std::fmt;
use std::str::FromStr;

/// A release of nginx or httpd, ordered as released: `1.9.0 < 1.29.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub major: u16,
    pub minor: u16,
    pub patch: u16,
}

impl Version {
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// A version older than this one and younger than any other that is.
    pub fn before(self) -> Self {
        match self {
            Self { patch: 1.., .. } => Self { patch: self.patch - 1, ..self },
            Self { minor: 1.., .. } => Self { minor: self.minor - 1, patch: u16::MAX, ..self },
            _ => Self { major: self.major.saturating_sub(1), minor: u16::MAX, patch: u16::MAX },
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = String;

    /// Reads `1.29.7`; errors on anything but three numbers below 65,536.
    fn from_str(text: &str) -> Result<Self, String> {
        match numbers(text)?[..] {
            [major, minor, patch] => Ok(Self::new(major, minor, patch)),
            _ => Err(format!("`{text}` is not a version like 1.29.7")),
        }
    }
}

/// The versions from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub first: Version,
    pub last: Version,
}

impl Versions {
    pub const fn new(first: Version, last: Version) -> Self {
        Self { first, last }
    }

    /// Some version here is older than `bound`.
    pub fn any_before(self, bound: Version) -> bool {
        self.first < bound
    }

    /// Every version here is older than `bound`.
    pub fn all_before(self, bound: Version) -> bool {
        self.last < bound
    }

    pub fn contains(self, version: Version) -> bool {
        self.first <= version && version <= self.last
    }
}

impl FromStr for Versions {
    type Err = String;

    /// Reads one release (`1.28.0`) or a branch (`1.28`: every release of it); errors on anything else.
    fn from_str(text: &str) -> Result<Self, String> {
        match numbers(text)?[..] {
            [major, minor, patch] => {
                let version = Version::new(major, minor, patch);
                Ok(Self::new(version, version))
            }
            [major, minor] => {
                Ok(Self::new(Version::new(major, minor, 0), Version::new(major, minor, u16::MAX)))
            }
            _ => Err(format!("`{text}` is not a version like 1.28 or 1.29.7")),
        }
    }
}

fn numbers(text: &str) -> Result<Vec<u16>, String> {
    text.split('.')
        .map(|part| part.parse().map_err(|_| format!("`{text}` is not a version like 1.29.7")))
        .collect()
}
