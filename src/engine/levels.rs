//! How loud each rule is told to be, everywhere and below some paths. Knows no rule by name.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use globset::GlobSet;
use hashbrown::HashMap;

use super::run::ALWAYS;
use super::{Level, Rule};
use crate::finding::{Finding, Severity};

/// The levels that settings give to rules.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    everywhere: HashMap<&'static str, Level>,
    /// Later ones win.
    below: Vec<Below>,
}

/// Levels for the files that some patterns match.
#[derive(Clone, Debug)]
struct Below {
    /// What the patterns are relative to.
    directory: PathBuf,
    patterns: GlobSet,
    levels: HashMap<&'static str, Level>,
}

impl Levels {
    pub fn set(&mut self, rule: &Rule, level: Level) {
        self.everywhere.insert(rule.id, level);
    }

    /// Patterns match paths relative to `directory`.
    pub fn set_below(
        &mut self,
        directory: &Path,
        patterns: GlobSet,
        levels: impl IntoIterator<Item = (&'static str, Level)>,
    ) {
        let levels = levels.into_iter().collect();
        self.below.push(Below { directory: directory.to_owned(), patterns, levels });
    }

    pub fn is_empty(&self) -> bool {
        self.everywhere.is_empty() && self.below.is_empty()
    }

    /// Whether the rule speaks anywhere.
    pub fn is_on(&self, rule: &Rule) -> bool {
        let below = self.below.iter().filter_map(|below| below.levels.get(rule.id));
        self.base(rule) != Level::Off || below.into_iter().any(|&level| level != Level::Off)
    }

    /// The rule's level in a file.
    pub fn at(&self, rule: &Rule, file: &Path) -> Level {
        let of_file = self.below.iter().rev().find_map(|below| {
            let level = below.levels.get(rule.id)?;
            let relative = file.strip_prefix(&below.directory).unwrap_or(file);
            below.patterns.is_match(relative).then_some(*level)
        });
        of_file.unwrap_or_else(|| self.base(rule))
    }

    fn base(&self, rule: &Rule) -> Level {
        self.everywhere.get(rule.id).copied().unwrap_or(rule.level)
    }

    /// The finding as loud as it is told to be in its file; None where the rule is off there. One that is less bad than
    /// the rule's usual ones gets no louder, and one that is worse no quieter because the others get louder.
    /// `is_named`: the rule was asked for by its name.
    pub fn apply(&self, rule: &Rule, mut finding: Finding, file: &Path, is_named: bool) -> Option<Finding> {
        if self.is_empty() || ALWAYS.contains(&rule.id) {
            return Some(finding);
        }
        let level = self.at(rule, file);
        match level {
            Level::Off if is_named => {}
            Level::Off => return None,
            level if level == rule.level => {}
            level => {
                let severity: Severity = level.severity();
                finding.severity = match finding.severity.cmp(&rule.level.severity()) {
                    Ordering::Less => finding.severity.min(severity),
                    Ordering::Greater if level > rule.level => finding.severity.max(severity),
                    _ => severity,
                };
            }
        }
        Some(finding)
    }
}
