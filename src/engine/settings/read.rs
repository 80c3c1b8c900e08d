//! From TOML to settings: every key at its place, every mistake told and passed over. Knows no file system.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use globset::{Glob, GlobBuilder, GlobSetBuilder};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::schema::{self, Key};
use super::{FailOn, Problem, Settings, SettingsFile, Trust};
use crate::effective::version::Versions;
use crate::engine::contracts::{Endpoint, Via};
use crate::engine::near::nearest;
use crate::engine::run::ALWAYS;
use crate::engine::{Level, Rule, times};
use crate::finding::Severity;
use crate::handshake::Url;
use crate::source::BYTE_ORDER_MARK;
use crate::source::files::normal;
use crate::source::pattern::is_moderate;
use crate::tree::PathMap;

type Value<'a> = Spanned<DeValue<'a>>;

const LEVELS: [Level; 4] = [Level::Error, Level::Warning, Level::Note, Level::Off];

/// Reads what the file at `path` holds; relative paths in it are relative to its directory.
pub fn read(path: &Path, bytes: Arc<[u8]>, rules: &[&'static Rule], trust: Trust) -> Settings {
    let directory = path.parent().unwrap_or(path).to_owned();
    let mut reader = Reader { directory, rules, trust, before: 0, settings: Settings::default() };
    let own = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    reader.before = bytes.len() - own.len();
    match std::str::from_utf8(own) {
        Ok(text) => match DeTable::parse(text) {
            Ok(table) => reader.top(table.get_ref()),
            Err(error) => reader.malformed(error.message(), error.span().unwrap_or(0..0), text),
        },
        Err(error) => {
            let at = error.valid_up_to();
            reader.malformed("not UTF-8", at..at + 1, "");
        }
    }
    let mut settings = reader.settings;
    settings.problems.sort_by_key(|problem| problem.at.start);
    settings.file = Some(SettingsFile { path: path.to_owned(), bytes });
    settings
}

struct Reader<'r> {
    directory: PathBuf,
    rules: &'r [&'static Rule],
    trust: Trust,
    /// Bytes of the file before those that are parsed.
    before: usize,
    settings: Settings,
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "baseline" => self.settings.baseline = self.quieter(value).and_then(|()| self.path(value)),
                "endpoint" => self.tables(value, Self::endpoint),
                "fail-on" => self.fail_on(value),
                "override" => self.tables(value, Self::below),
                "paths" => self.table(value, Self::paths),
                "rules" => self.table(value, Self::rules),
                "target" => self.table(value, Self::target),
                _ => self.unknown_key(key, &schema::TOP),
            }
        }
    }

    fn fail_on(&mut self, value: &Value) {
        let Some(found) = self.one_of(value, &FailOn::ALL, |one| one.name()) else { return };
        let is_quieter = matches!(found, FailOn::Error | FailOn::Never);
        if !is_quieter || self.quieter(value).is_some() {
            self.settings.fail_on = Some(found);
        }
    }

    fn target(&mut self, table: &DeTable) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                // Fewer versions to be right for, and other names defined, may silence any rule.
                "apache" | "define" | "nginx" if self.quieter(value).is_none() => {}
                "apache" => self.settings.apache = self.parsed::<Versions>(value),
                "define" => {
                    for text in self.texts(value) {
                        self.settings.define.push(match text.split_once('=') {
                            Some((name, value)) => (name.to_string(), Some(value.to_string())),
                            None => (text, None),
                        });
                    }
                }
                "nginx" => self.settings.nginx = self.parsed::<Versions>(value),
                _ => self.unknown_key(key, &schema::TARGET),
            }
        }
    }

    fn paths(&mut self, table: &DeTable) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "main" => {
                    let texts = self.texts(value);
                    self.settings.main = texts.iter().map(|text| self.absolute(text)).collect();
                }
                "map" => self.table(value, Self::maps),
                "prefix" => self.settings.prefix = self.path(value),
                "server-root" => self.settings.server_root = self.path(value),
                _ => self.unknown_key(key, &schema::PATHS),
            }
        }
    }

    fn maps(&mut self, table: &DeTable) {
        for (key, value) in table {
            let from = PathBuf::from(key.get_ref().as_ref());
            if !from.is_absolute() {
                let message = format!("`{}` is no absolute path of the target machine", key.get_ref());
                self.warn(key.span(), message).help =
                    Some("write\nmap = { \"/etc/nginx\" = \"nginx\" }".into());
                continue;
            }
            if let Some(to) = self.path(value) {
                self.settings.maps.push(PathMap { from, to });
            }
        }
    }

    fn rules(&mut self, table: &DeTable) {
        for (rule, level, options) in self.levels(table, true) {
            if let Some(level) = level {
                self.settings.levels.set(rule, level);
            }
            for (option, milliseconds) in options {
                self.settings.options.set(rule, option, milliseconds);
            }
        }
    }

    fn below(&mut self, table: &DeTable) {
        let mut patterns = GlobSetBuilder::new();
        let mut has_paths = false;
        let mut levels = Vec::new();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "paths" => {
                    for (text, at) in self.spanned_texts(value) {
                        match globs(&text) {
                            Ok(globs) => {
                                for glob in globs {
                                    patterns.add(glob);
                                }
                            }
                            Err(why) => drop(self.warn(at, format!("`{text}` {why}"))),
                        }
                    }
                    has_paths = true;
                }
                "rules" => {
                    if let Some(table) = self.as_table(value) {
                        let told = self.levels(table, false);
                        levels
                            .extend(told.into_iter().filter_map(|(rule, level, _)| Some((rule.id, level?))));
                    }
                }
                _ => self.unknown_key(key, &schema::OVERRIDE),
            }
        }
        if !has_paths {
            let first = table.keys().next().map_or(0..0, Spanned::span);
            let problem = self.warn(first, "levels for no paths".to_string());
            problem.help = Some("write\npaths = [\"legacy/**\"]".to_string());
        }
        if let Ok(patterns) = patterns.build() {
            self.settings.levels.set_below(&self.directory, patterns, levels);
        }
    }

    /// What a table says of rules.
    #[expect(clippy::type_complexity, reason = "each part is told apart at once by both callers")]
    fn levels(
        &mut self,
        table: &DeTable,
        with_options: bool,
    ) -> Vec<(&'static Rule, Option<Level>, Vec<(&'static crate::engine::RuleOption, u64)>)> {
        let mut all = Vec::new();
        for (key, value) in table {
            let id = key.get_ref().as_ref();
            let Some(rule) = self.rules.iter().copied().find(|rule| rule.id == id) else {
                let near = nearest(id, self.rules.iter().map(|rule| rule.id));
                let problem = self.warn(key.span(), format!("no rule `{id}`"));
                match near {
                    Some(near) => problem.here = Some(format!("did you mean `{near}`?")),
                    None => problem.help = Some("`wslint rules` lists them".to_string()),
                }
                continue;
            };
            let mut level = None;
            let mut options = Vec::new();
            match value.get_ref() {
                DeValue::Table(table) if with_options => {
                    for (key, value) in table {
                        let name = key.get_ref().as_ref();
                        if name == "level" {
                            level = self.level(rule, value);
                        } else if let Some(option) = rule.options.iter().find(|option| option.name == name) {
                            let time = self.time(value);
                            let is_quieter = time.is_some_and(|time| time < option.default);
                            if !is_quieter || self.quieter(value).is_some() {
                                options.extend(time.map(|time| (option, time)));
                            }
                        } else {
                            let mut known: Vec<&str> =
                                rule.options.iter().map(|option| option.name).collect();
                            known.push("level");
                            self.unknown(key, &known);
                        }
                    }
                }
                _ => level = self.level(rule, value),
            }
            all.push((rule, level, options));
        }
        all
    }

    fn level(&mut self, rule: &'static Rule, value: &Value) -> Option<Level> {
        let level = self.one_of(value, &LEVELS, |level| level.name())?;
        if ALWAYS.contains(&rule.id) {
            let message = format!("`{}` cannot be set: it tells what was not read", rule.id);
            self.warn(value.span(), message).help = Some("remove it".to_string());
            return None;
        }
        (level >= rule.level || self.quieter(value).is_some()).then_some(level)
    }

    fn endpoint(&mut self, table: &DeTable) {
        let mut url = None;
        let mut at = 0..0;
        // Without what it says, it would say something else.
        let mut is_clear = true;
        let (mut via, mut ping_interval, mut sticky, mut config) = (None, None, false, None);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "config" => config = self.path(value),
                // It takes the place of a limit that holds without it.
                "ping-interval" => {
                    ping_interval = self.time(value).filter(|_| self.quieter(value).is_some());
                }
                "sticky" => sticky = self.flag(value).unwrap_or_default(),
                "url" => {
                    url = self.parsed::<Url>(value);
                    at = value.span();
                }
                "via" => {
                    via = self.parsed::<Via>(value);
                    is_clear &= via.is_some();
                }
                _ => self.unknown_key(key, &schema::ENDPOINT),
            }
        }
        if !table.keys().any(|key| key.get_ref() == "url") {
            let first = table.keys().next().map_or(0..0, Spanned::span);
            let problem = self.warn(first, "an endpoint without its URL".to_string());
            problem.help = Some("write\nurl = \"wss://chat.example.com/socket\"".to_string());
        }
        if let Some(url) = url.filter(|_| is_clear) {
            let at = Some(self.place(at));
            self.settings.endpoints.push(Endpoint {
                via,
                ping_interval,
                sticky,
                config,
                at,
                ..Endpoint::new(url)
            });
        }
    }

    /// Allows what makes rules or gates quieter, or tells that it is not heeded.
    fn quieter(&mut self, value: &Value) -> Option<()> {
        if self.trust == Trust::Full {
            return Some(());
        }
        let message =
            "not heeded: settings that were found may not make anything quieter under --restrict-includes";
        let problem = self.warn(value.span(), message.to_string());
        problem.severity = Severity::Note;
        problem.help = Some("name the file with --config, if it can be trusted".to_string());
        None
    }

    fn table(&mut self, value: &Value, read: impl Fn(&mut Self, &DeTable)) {
        if let Some(table) = self.as_table(value) {
            read(self, table);
        }
    }

    fn tables(&mut self, value: &Value, read: impl Fn(&mut Self, &DeTable)) {
        match value.get_ref() {
            DeValue::Array(all) => all.iter().for_each(|one| self.table(one, &read)),
            _ => self.wrong(value, "tables, each under a `[[…]]` of its own"),
        }
    }

    fn as_table<'v>(&mut self, value: &'v Value<'v>) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(value, "a table");
        }
        table
    }

    fn text<'v>(&mut self, value: &'v Value) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(value, "a string");
        }
        text
    }

    fn texts(&mut self, value: &Value) -> Vec<String> {
        self.spanned_texts(value).into_iter().map(|(text, _)| text).collect()
    }

    fn spanned_texts(&mut self, value: &Value) -> Vec<(String, Range<usize>)> {
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

    fn path(&mut self, value: &Value) -> Option<PathBuf> {
        self.text(value).map(|text| self.absolute(text))
    }

    fn absolute(&self, text: &str) -> PathBuf {
        normal(&self.directory.join(text))
    }

    fn flag(&mut self, value: &Value) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(value, "true or false");
        }
        flag
    }

    /// Milliseconds.
    fn time(&mut self, value: &Value) -> Option<u64> {
        let text = value.get_ref().as_str().filter(|text| text.contains(|c: char| c.is_ascii_alphabetic()));
        let time = text.and_then(times::meant);
        if time.is_none() {
            self.wrong(value, "a time with its unit, such as \"30s\" or \"10m\"");
        }
        time
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, value: &Value) -> Option<T> {
        match self.text(value)?.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.warn(value.span(), error.to_string());
                None
            }
        }
    }

    fn one_of<T: Copy>(&mut self, value: &Value, all: &[T], name: impl Fn(T) -> &'static str) -> Option<T> {
        let text = value.get_ref().as_str().unwrap_or_default();
        let found = all.iter().copied().find(|&one| name(one) == text);
        if found.is_none() {
            let names: Vec<String> = all.iter().map(|&one| format!("\"{}\"", name(one))).collect();
            self.wrong(value, &format!("one of {}", names.join(", ")));
        }
        found
    }

    fn wrong(&mut self, value: &Value, wanted: &str) {
        self.warn(value.span(), format!("{} where {wanted} is wanted", kind(value.get_ref())));
    }

    fn unknown_key(&mut self, key: &Spanned<std::borrow::Cow<str>>, known: &[Key]) {
        let known: Vec<&str> = known.iter().map(|key| key.name).collect();
        self.unknown(key, &known);
    }

    fn unknown(&mut self, key: &Spanned<std::borrow::Cow<str>>, known: &[&str]) {
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

    fn malformed(&mut self, message: &str, at: Range<usize>, text: &str) {
        // An error at the end of a line is told at the line.
        let at =
            if at.is_empty() && at.start >= text.len() { at.start.saturating_sub(1)..text.len() } else { at };
        let problem = self.warn(at, format!("not TOML: {}", message.replace('\n', ", ")));
        problem.severity = Severity::Error;
        problem.help = Some("nothing of this file is heeded".to_string());
    }

    fn warn(&mut self, at: Range<usize>, message: String) -> &mut Problem {
        let at = self.place(at);
        let severity = Severity::Warning;
        self.settings.problems.push(Problem { at, severity, message, here: None, help: None });
        self.settings.problems.last_mut().expect("internal: a problem was just added")
    }

    fn place(&self, at: Range<usize>) -> Range<u32> {
        (at.start + self.before) as u32..(at.end + self.before) as u32
    }
}

/// What a pattern matches: files, and all that lies below directories.
fn globs(text: &str) -> Result<Vec<Glob>, String> {
    let pattern = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
    match () {
        () if pattern.is_empty() => return Err("matches nothing".to_string()),
        () if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") => {
            return Err("matches nothing: patterns are relative to this file's directory".to_string());
        }
        () if !is_moderate(pattern) => return Err("is too long, or has too many braces".to_string()),
        () => {}
    }
    let glob = |pattern: &str| {
        GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| format!("is none: {}", error.kind()))
    };
    Ok(vec![glob(pattern)?, glob(&format!("{pattern}/**"))?])
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

impl FromStr for Via {
    type Err = String;

    /// Reads `http://:8080` or `https://10.0.0.1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: String| format!("`{text}`: {what}");
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| wrong("write http://:PORT or http://HOST:PORT".to_string()))?;
        let has_host = !rest.starts_with(':');
        // A URL needs a host; the port alone says where.
        let whole = if has_host { text.to_string() } else { format!("{scheme}://localhost{rest}") };
        let url: Url = whole.parse().map_err(|error: String| error.replace(&whole, text))?;
        if url.target != b"/" {
            return Err(wrong("a socket has no path".to_string()));
        }
        Ok(Self { tls: url.tls, host: has_host.then_some(url.host), port: url.port })
    }
}
