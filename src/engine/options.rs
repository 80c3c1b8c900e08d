//! What can be set of a rule beside its level. Knows no rule by name.

use hashbrown::HashMap;

use super::Rule;

/// A time that a rule compares with.
#[derive(Debug)]
pub struct RuleOption {
    pub name: &'static str,
    /// What it means, for the settings' schema.
    pub what: &'static str,
    /// Milliseconds.
    pub default: u64,
}

/// What settings say of options.
#[derive(Clone, Debug, Default)]
pub struct Options(HashMap<(&'static str, &'static str), u64>);

impl Options {
    pub fn set(&mut self, rule: &Rule, option: &RuleOption, milliseconds: u64) {
        self.0.insert((rule.id, option.name), milliseconds);
    }

    /// Milliseconds.
    pub fn get(&self, rule: &Rule, option: &RuleOption) -> u64 {
        self.0.get(&(rule.id, option.name)).copied().unwrap_or(option.default)
    }
}
