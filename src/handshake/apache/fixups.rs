//! What is done to a request behind the access checks: headers, environment, redirects in sections. Knows not what
//! sends the request on.

use super::{Go, Outcome, Session};
use crate::effective::apache::expr::Expr;
use crate::effective::apache::names;
use crate::effective::regex::Pattern;
use crate::effective::{BlockId, Value};
use crate::syntax::{Directive, NameId};
use crate::tree::NodeRef;

/// Directives that set variables for some requests.
const CONDITIONAL: [NameId; 5] = [
    names::BROWSER_MATCH,
    names::BROWSER_MATCH_NO_CASE,
    names::SET_ENV_IF,
    names::SET_ENV_IF_EXPR,
    names::SET_ENV_IF_NO_CASE,
];

impl Session<'_> {
    pub(super) fn check_limits(&mut self) -> Go {
        let config = self.tracer.config;
        let number = |name| {
            let node = config.in_force(self.read_by, name)?;
            let word = self.tracer.tree.directive(node).arg(0)?;
            let digits = std::str::from_utf8(&word.value()).ok()?.parse::<usize>().ok()?;
            Some((digits, node))
        };
        let line = self.request.request_line().len();
        let (most, at) =
            number(names::LIMIT_REQUEST_LINE).map_or((8190, None), |(most, at)| (most, Some(at)));
        if line > most {
            return Err(Outcome::answered(414, "the request line is longer than LimitRequestLine", at));
        }
        let (most, at) =
            number(names::LIMIT_REQUEST_FIELDS).map_or((100, None), |(most, at)| (most, Some(at)));
        if most > 0 && self.headers.len() > most {
            return Err(Outcome::answered(400, "the request has more headers than LimitRequestFields", at));
        }
        let (most, at) =
            number(names::LIMIT_REQUEST_FIELDSIZE).map_or((8190, None), |(most, at)| (most, Some(at)));
        let longest =
            self.headers.iter().map(|(name, value)| name.len() + 2 + value.known().map_or(0, <[u8]>::len));
        if longest.max().is_some_and(|longest| longest > most) {
            return Err(Outcome::answered(400, "a header is longer than LimitRequestFieldSize", at));
        }
        if self.request.version >= 11 && self.header(b"host").is_none() {
            return Err(Outcome::answered(400, "the request has no Host", None));
        }
        let timeout = config.timeout(self.server);
        if let crate::effective::Setting::Written { value: 0, at, .. } = timeout {
            self.no_time = Some(at);
        }
        Ok(())
    }

    /// SetEnvIf and BrowserMatch of the server, or of sections.
    pub(super) fn set_environment(&mut self, sections: &[BlockId]) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let levels: Vec<BlockId> = match sections.is_empty() {
            true => self.levels(),
            false => sections.to_vec(),
        };
        for level in levels {
            for entry in config.any_of(level, &CONDITIONAL) {
                let caseless = matches!(entry.name, names::SET_ENV_IF_NO_CASE | names::BROWSER_MATCH_NO_CASE);
                match entry.name {
                    names::SET_ENV_IF | names::SET_ENV_IF_NO_CASE => {
                        self.set_if(tree.directive(entry.node), None, caseless);
                    }
                    names::SET_ENV_IF_EXPR => self.set_by_expression(tree.directive(entry.node)),
                    names::BROWSER_MATCH | names::BROWSER_MATCH_NO_CASE => {
                        self.set_if(tree.directive(entry.node), Some(b"User-Agent"), caseless);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The main server's block and the virtual host's.
    pub(super) fn levels(&self) -> Vec<BlockId> {
        let config = self.tracer.config;
        let (main, own) = (config.main().block, config.server(self.server).block);
        if main == own { vec![main] } else { vec![main, own] }
    }

    fn set_if(&mut self, directive: Directive, attribute: Option<&[u8]>, caseless: bool) {
        let mut words = directive.args().map(|word| word.value().into_owned());
        let Some(attribute) = attribute.map(<[u8]>::to_vec).or_else(|| words.next()) else { return };
        let Some(pattern) = words.next() else { return };
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        let subject = match attribute.to_ascii_lowercase().as_slice() {
            b"request_uri" => Value::Known(self.path.clone()),
            b"request_method" => Value::Known(self.request.method.clone()),
            b"request_protocol" => Value::Known(
                format!("HTTP/{}.{}", self.request.version / 10, self.request.version % 10).into(),
            ),
            b"remote_addr" | b"server_addr" if self.client().is_some() => {
                self.client().map_or_else(Value::empty, |address| Value::Known(address.to_string().into()))
            }
            b"remote_addr" | b"remote_host" | b"remote_user" | b"server_addr" => {
                Value::Unknown("the client's address".to_string())
            }
            _ if !attribute.iter().all(is_name) => self.header_like(&attribute, caseless),
            name => self.header(name).unwrap_or_else(|| {
                let known = self.environment.iter().rfind(|(known, _)| known.eq_ignore_ascii_case(name));
                known.map_or_else(Value::empty, |(_, value)| value.clone())
            }),
        };
        let groups = match &subject {
            Value::Known(subject) => {
                Pattern::httpd(&pattern, caseless).ok().and_then(|pattern| pattern.captures(subject))
            }
            Value::Unknown(_) => None,
        };
        let words = words.map(|word| match &groups {
            Some(Some(groups)) => super::mapping::substitute(&word, groups),
            _ => word,
        });
        self.set_words(words, groups.as_ref().map(Option::is_some));
    }

    /// The last header whose name a regular expression matches; empty where there is none.
    fn header_like(&self, name: &[u8], caseless: bool) -> Value {
        let Ok(name) = Pattern::httpd(name, caseless) else {
            return Value::Unknown("a regular expression that was not evaluated".to_string());
        };
        let found = self.headers.iter().rfind(|(known, _)| name.is_match(known) == Some(true));
        found.map_or_else(Value::empty, |(_, value)| value.clone())
    }

    fn set_by_expression(&mut self, directive: Directive) {
        let mut words = directive.args().map(|word| word.value().into_owned());
        let text = words.next().unwrap_or_default();
        let held = Expr::parse(&text).ok().and_then(|expr| expr.holds(&self.view()).ok());
        self.set_words(words, held);
    }

    /// `name`, `name=value` and `!name`, if what they depend on holds.
    fn set_words(&mut self, words: impl Iterator<Item = Vec<u8>>, matched: Option<bool>) {
        for word in words {
            let (name, value) = match word.iter().position(|&byte| byte == b'=') {
                Some(at) => (word[..at].to_vec(), word[at + 1..].to_vec()),
                None => (word, b"1".to_vec()),
            };
            match (matched, name.strip_prefix(b"!")) {
                (Some(false), _) => {}
                (Some(true), Some(name)) => self.environment.retain(|(known, _)| known != name),
                (Some(true), None) => self.environment.push((name, Value::Known(value))),
                (None, stripped) => {
                    let name = stripped.unwrap_or(&name).to_vec();
                    let why = format!("the environment's {}", String::from_utf8_lossy(&name));
                    self.environment.push((name, Value::Unknown(why)));
                }
            }
        }
    }

    /// Rules first, headers last.
    pub(super) fn fix_up(&mut self) -> Go {
        self.rewrite_in_sections()?;
        if let Some(target) = &self.target {
            self.canonical(target)?;
        }
        self.set_plain_environment();
        self.redirect_in_sections()?;
        self.change_headers(false);
        self.look_inside()
    }

    /// `SetEnv` and `UnsetEnv`.
    fn set_plain_environment(&mut self) {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let levels: Vec<BlockId> = self.levels().into_iter().chain(self.sections.iter().copied()).collect();
        for level in levels {
            for entry in config.any_of(level, &[names::SET_ENV, names::UNSET_ENV]) {
                let directive = tree.directive(entry.node);
                let mut words = directive.args().map(|word| word.value().into_owned());
                match entry.name {
                    names::SET_ENV => {
                        if let Some(name) = words.next() {
                            let value = words.next().unwrap_or_default();
                            self.environment.push((name, Value::Known(value)));
                        }
                    }
                    names::UNSET_ENV => {
                        words.for_each(|name| self.environment.retain(|(known, _)| *known != name))
                    }
                    _ => {}
                }
            }
        }
    }

    /// `RequestHeader`: of the server and its sections, in the order in which they are merged. `early`: what the server
    /// does before it knows of any section.
    pub(super) fn change_headers(&mut self, early: bool) {
        let config = self.tracer.config;
        let mut levels = self.levels();
        if !early {
            levels.extend(&self.sections);
        }
        for level in levels {
            let lines: Vec<NodeRef> = config.own(level, names::REQUEST_HEADER).collect();
            for line in lines {
                let before = self.header(b"upgrade");
                self.change_header(line, early);
                if self.header(b"upgrade") != before {
                    self.note(line, "the request's Upgrade is changed");
                }
            }
        }
    }

    fn change_header(&mut self, line: NodeRef, early: bool) {
        let directive = self.tracer.tree.directive(line);
        let words: Vec<Vec<u8>> = directive.args().map(|word| word.value().into_owned()).collect();
        let (Some(action), Some(name)) = (words.first(), words.get(1)) else { return };
        let name = name.strip_suffix(b":").unwrap_or(name).to_vec();
        let action = action.to_ascii_lowercase();
        let value = words.get(2).cloned().unwrap_or_default();
        let condition = words.iter().skip(2).find_map(|word| condition(word));
        if matches!(condition, Some(Guard::Early)) != early {
            return;
        }
        let applies = match condition {
            None | Some(Guard::Early) => Some(true),
            Some(Guard::Environment(wanted, negated)) => {
                let known = self.environment.iter().rfind(|(known, _)| *known == wanted);
                match known {
                    Some((_, Value::Unknown(_))) => None,
                    known => Some(known.is_some() != negated),
                }
            }
            Some(Guard::Expression(text)) => {
                Expr::parse(&text).ok().and_then(|expr| expr.holds(&self.view()).ok())
            }
        };
        let is_template = directive.args().any(|word| word.is_hole());
        let unknown = || Value::Unknown(format!("what sets {}", String::from_utf8_lossy(&name)));
        let value = match applies {
            Some(false) => return,
            _ if is_template => unknown(),
            None => unknown(),
            Some(true) if value.contains(&b'%') || value.starts_with(b"expr=") => unknown(),
            Some(true) => Value::Known(value),
        };
        let is_this = |known: &Vec<u8>| known.eq_ignore_ascii_case(&name);
        let there = self.headers.iter().position(|(known, _)| is_this(known));
        match &action[..] {
            b"unset" if applies == Some(true) => self.headers.retain(|(known, _)| !is_this(known)),
            b"unset" => self.headers.push((name, value)),
            b"set" => {
                self.headers.retain(|(known, _)| !is_this(known));
                self.headers.push((name, value));
            }
            b"setifempty" if there.is_none() => self.headers.push((name, value)),
            b"add" => self.headers.push((name, value)),
            b"append" | b"merge" => match (there, value) {
                (None, value) => self.headers.push((name, value)),
                (Some(there), value) => {
                    let joined = match (&self.headers[there].1, value) {
                        (Value::Known(old), Value::Known(new)) => {
                            let is_there = action == b"merge"
                                && crate::routes::has_token(old, &String::from_utf8_lossy(&new));
                            Value::Known(if is_there {
                                old.clone()
                            } else {
                                [&old[..], b", ", &new].concat()
                            })
                        }
                        (Value::Unknown(why), _) => Value::Unknown(why.clone()),
                        (_, unknown) => unknown,
                    };
                    self.headers[there].1 = joined;
                }
            },
            b"edit" | b"edit*" => {
                if let Some(there) = there {
                    self.headers[there].1 = self.edited(there, &words, action == b"edit*", applies);
                }
            }
            _ => {}
        }
    }

    fn edited(&self, there: usize, words: &[Vec<u8>], all: bool, applies: Option<bool>) -> Value {
        let (name, old) = &self.headers[there];
        let unknown = || Value::Unknown(format!("what edits {}", String::from_utf8_lossy(name)));
        let (Value::Known(old), Some(true), Some(pattern), Some(new)) =
            (old, applies, words.get(2), words.get(3))
        else {
            return unknown();
        };
        let Some(found) = Pattern::httpd(pattern, false).ok().and_then(|pattern| pattern.captures(old))
        else {
            return unknown();
        };
        match found {
            None => Value::Known(old.clone()),
            Some(groups) => {
                let Some(at) = memchr::memmem::find(old, &groups[0]) else { return unknown() };
                let after = at + groups[0].len();
                if all && after < old.len() {
                    return unknown();
                }
                let new = super::mapping::substitute(new, &groups);
                Value::Known([&old[..at], &new, &old[after..]].concat())
            }
        }
    }
}

enum Guard {
    /// Before anything else.
    Early,
    Environment(Vec<u8>, bool),
    Expression(Vec<u8>),
}

/// `early`, `env=NAME`, `expr=...` behind a header's value.
fn condition(word: &[u8]) -> Option<Guard> {
    if word.eq_ignore_ascii_case(b"early") {
        return Some(Guard::Early);
    }
    if let Some(name) = word.strip_prefix(b"env=") {
        let bare = name.strip_prefix(b"!");
        return Some(Guard::Environment(bare.unwrap_or(name).to_vec(), bare.is_some()));
    }
    word.strip_prefix(b"expr=").map(|text| Guard::Expression(text.to_vec()))
}
