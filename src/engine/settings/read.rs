//! From TOML to settings: every key at its place, every mistake told and passed over. Knows no file system.

mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{Glob, GlobBuilder, GlobSetBuilder};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::schema;
use super::{FailOn, Settings, SettingsFile, Trust};
use crate::effective::version::Versions;
use crate::engine::contracts::{Endpoint, Via};
use crate::engine::near::nearest;
use crate::engine::run::ALWAYS;
use crate::engine::{Level, Rule, RuleOption};
use crate::finding::Severity;
use crate::handshake::Url;
use crate::source::BYTE_ORDER_MARK;
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

/// What a table says of one rule.
struct Told {
    rule: &'static Rule,
    level: Option<Level>,
    options: Vec<(&'static RuleOption, u64)>,
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
        for Told { rule, level, options } in self.levels(table, true) {
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
                        levels.extend(told.into_iter().filter_map(|told| Some((told.rule.id, told.level?))));
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
    fn levels(&mut self, table: &DeTable, with_options: bool) -> Vec<Told> {
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
            all.push(Told { rule, level, options });
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
