//! The keys of `wslint.toml`: for messages, and as a JSON schema for editors. Knows no values.

use serde_json::{Map, Value, json};

use super::FailOn;
use crate::engine::Rule;

/// A key of a table.
pub(super) struct Key {
    pub name: &'static str,
    /// For whoever hovers over it.
    what: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Flag,
    FailOn,
    Levels { with_options: bool },
    Map,
    Table(&'static [Key]),
    Tables(&'static [Key]),
    Text,
    Texts,
    Time,
}

const fn key(name: &'static str, kind: Kind, what: &'static str) -> Key {
    Key { name, what, kind }
}

pub(super) static TOP: [Key; 7] = [
    key("baseline", Kind::Text, "A file of findings that are known, as --write-baseline writes it"),
    key("endpoint", Kind::Tables(&ENDPOINT), "URLs at which a WebSocket must open"),
    key("fail-on", Kind::FailOn, "The least severity that makes the exit status 1"),
    key("override", Kind::Tables(&OVERRIDE), "Levels of rules for some files; later ones win"),
    key("paths", Kind::Table(&PATHS), "Where the target machine's files lie here"),
    key("rules", Kind::Levels { with_options: true }, "Levels and options of rules"),
    key("target", Kind::Table(&TARGET), "The servers that the configurations are for"),
];

pub(super) static TARGET: [Key; 3] = [
    key("apache", Kind::Text, "httpd's version or branch, as 2.4.62"),
    key(
        "define",
        Kind::Texts,
        "Names that httpd is started with, as SSL for -D SSL, and variables of its environment, as ROOT=/srv",
    ),
    key("nginx", Kind::Text, "nginx's version or branch, as 1.28"),
];

pub(super) static PATHS: [Key; 4] = [
    key("main", Kind::Texts, "Main configurations, for single files that are parts of them"),
    key("map", Kind::Map, "Directories of the target machine, and where they lie here"),
    key("prefix", Kind::Text, "What nginx's relative includes are relative to"),
    key("server-root", Kind::Text, "What httpd's relative paths are relative to"),
];

pub(super) static OVERRIDE: [Key; 2] = [
    key("paths", Kind::Texts, "Patterns of files, relative to this one, as legacy/**"),
    key("rules", Kind::Levels { with_options: false }, "Levels of rules there"),
];

pub(super) static ENDPOINT: [Key; 5] = [
    key("config", Kind::Text, "The main configuration it is for; by default those that name its host"),
    key("ping-interval", Kind::Time, "How long its connections are silent at most"),
    key("sticky", Kind::Flag, "Clients have to meet the same backend again"),
    key("url", Kind::Text, "Where clients open their WebSocket, as wss://chat.example.com/socket"),
    key(
        "via",
        Kind::Text,
        "The socket where this server sees it, behind a load balancer or in a container, as http://:8080",
    ),
];

/// The JSON schema (draft 7) of the file.
pub fn schema(rules: &[&'static Rule]) -> Value {
    let mut schema = table(&TOP, rules);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("wslint.toml");
    schema["description"] = json!("Settings of wslint, found from the linted path upwards");
    schema
}

fn table(keys: &[Key], rules: &[&'static Rule]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| {
            let mut value = value(key.kind, rules);
            value["description"] = json!(key.what);
            (key.name.to_string(), value)
        })
        .collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn value(kind: Kind, rules: &[&'static Rule]) -> Value {
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::FailOn => json!({ "enum": FailOn::ALL.map(FailOn::name) }),
        Kind::Levels { with_options } => {
            let rules: Map<String, Value> =
                rules.iter().map(|rule| (rule.id.to_string(), rule_value(rule, with_options))).collect();
            json!({ "type": "object", "properties": rules, "additionalProperties": false })
        }
        Kind::Map => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Table(keys) => table(keys, rules),
        Kind::Tables(keys) => json!({ "type": "array", "items": table(keys, rules) }),
        Kind::Text => json!({ "type": "string" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Time => time(),
    }
}

fn time() -> Value {
    json!({ "type": "string", "pattern": "[a-zA-Z]" })
}

fn rule_value(rule: &Rule, with_options: bool) -> Value {
    let level = json!({ "enum": ["error", "warning", "note", "off"] });
    if !with_options {
        return level;
    }
    let mut properties = Map::new();
    properties.insert("level".to_string(), level.clone());
    for option in rule.options {
        let mut value = time();
        value["description"] = json!(option.what);
        properties.insert(option.name.to_string(), value);
    }
    let options = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    json!({ "anyOf": [level, options] })
}
