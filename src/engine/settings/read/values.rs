//! What a value of TOML is, and how one that is wrong is told. Knows no key.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Reader, Value};
use crate::engine::near::nearest;
use crate::engine::settings::Problem;
use crate::engine::settings::schema::Key;
use crate::engine::times;
use crate::finding::Severity;
use crate::source::files::normal;

impl Reader<'_> {
    pub(super) fn table(&mut self, value: &Value, read: impl Fn(&mut Self, &DeTable)) {
        if let Some(table) = self.as_table(value) {
            read(self, table);
        }
    }

    pub(super) fn tables(&mut self, value: &Value, read: impl Fn(&mut Self, &DeTable)) {
        match value.get_ref() {
            DeValue::Array(all) => all.iter().for_each(|one| self.table(one, &read)),
            _ => self.wrong(value, "tables, each under a `[[…]]` of its own"),
        }
    }

    pub(super) fn as_table<'v>(&mut self, value: &'v Value<'v>) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(value, "a table");
        }
        table
    }

    pub(super) fn text<'v>(&mut self, value: &'v Value) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(value, "a string");
        }
        text
    }

    pub(super) fn texts(&mut self, value: &Value) -> Vec<String> {
        self.spanned_texts(value).into_iter().map(|(text, _)| text).collect()
    }

    pub(super) fn spanned_texts(&mut self, value: &Value) -> Vec<(String, Range<usize>)> {
        let Some(all) = value.get_ref().as_array() else {
            self.wrong(value, "a list of strings");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for one in all.iter() {
            texts.extend(self.text(one).map(|text| (text.to_string(), one.span())));
        }
        texts
    }

    pub(super) fn path(&mut self, value: &Value) -> Option<PathBuf> {
        self.text(value).map(|text| self.absolute(text))
    }

    pub(super) fn absolute(&self, text: &str) -> PathBuf {
        normal(&self.directory.join(text))
    }

    pub(super) fn flag(&mut self, value: &Value) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(value, "true or false");
        }
        flag
    }

    /// Milliseconds.
    pub(super) fn time(&mut self, value: &Value) -> Option<u64> {
        let text = value.get_ref().as_str().filter(|text| text.contains(|c: char| c.is_ascii_alphabetic()));
        let time = text.and_then(times::meant);
        if time.is_none() {
            self.wrong(value, "a time with its unit, such as \"30s\" or \"10m\"");
        }
        time
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, value: &Value) -> Option<T> {
        match self.text(value)?.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.warn(value.span(), error.to_string());
                None
            }
        }
    }

    pub(super) fn one_of<T: Copy>(
        &mut self,
        value: &Value,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let text = value.get_ref().as_str().unwrap_or_default();
        let found = all.iter().copied().find(|&one| name(one) == text);
        if found.is_none() {
            let names: Vec<String> = all.iter().map(|&one| format!("\"{}\"", name(one))).collect();
            self.wrong(value, &format!("one of {}", names.join(", ")));
        }
        found
    }

    pub(super) fn wrong(&mut self, value: &Value, wanted: &str) {
        self.warn(value.span(), format!("{} where {wanted} is wanted", kind(value.get_ref())));
    }

    pub(super) fn unknown_key(&mut self, key: &Spanned<Cow<str>>, known: &[Key]) {
        let known: Vec<&str> = known.iter().map(|key| key.name).collect();
        self.unknown(key, &known);
    }

    pub(super) fn unknown(&mut self, key: &Spanned<Cow<str>>, known: &[&str]) {
        let near = nearest(key.get_ref(), known.iter().copied());
        let listed: BTreeSet<String> = known.iter().map(|known| format!("`{known}`")).collect();
        let problem = self.warn(key.span(), format!("no key `{}` is known here", key.get_ref()));
        match near {
            Some(near) => problem.here = Some(format!("did you mean `{near}`?")),
            None => {
                let listed: Vec<String> = listed.into_iter().collect();
                problem.help = Some(format!("there are {}", listed.join(", ")));
            }
        }
    }

    pub(super) fn malformed(&mut self, message: &str, at: Range<usize>, text: &str) {
        // An error at the end of a line is told at the line.
        let at =
            if at.is_empty() && at.start >= text.len() { at.start.saturating_sub(1)..text.len() } else { at };
        let problem = self.warn(at, format!("not TOML: {}", message.replace('\n', ", ")));
        problem.severity = Severity::Error;
        problem.help = Some("nothing of this file is heeded".to_string());
    }

    pub(super) fn warn(&mut self, at: Range<usize>, message: String) -> &mut Problem {
        let at = self.place(at);
        let severity = Severity::Warning;
        self.settings.problems.push(Problem { at, severity, message, here: None, help: None });
        self.settings.problems.last_mut().expect("internal: a problem was just added")
    }

    pub(super) fn place(&self, at: Range<usize>) -> Range<u32> {
        (at.start + self.before) as u32..(at.end + self.before) as u32
    }
}

/// The value as a reader knows it.
fn kind(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(number) => number.as_str().to_string(),
        DeValue::Float(number) => number.as_str().to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_string(),
        DeValue::Table(_) => "a table".to_string(),
    }
}
