//! The rewrite module: `set`, `if`, `rewrite`, `return`, `break`, in the order in which they are written. Knows no
//! other phase.

use std::rc::Rc;

use super::{Flow, Followed, Passage, Tracer, Unknown, uri};
use crate::effective::nginx::directives::{IF_LOCATION, IF_SERVER};
use crate::effective::nginx::names;
use crate::effective::nginx::unknown::is_script;
use crate::effective::{BlockId, Value};
use crate::syntax::NameId;
use crate::tree::NodeRef;

impl Tracer<'_> {
    /// The lines of a block that run, of the thousands that it may have.
    fn script(&self, block: NodeRef) -> Rc<[NodeRef]> {
        if let Some(known) = self.scripts.borrow().get(&block) {
            return known.clone();
        }
        let runs = |node: &NodeRef| {
            let directive = self.tree.directive(*node);
            match directive.name_id() {
                names::SET | names::IF | names::REWRITE | names::RETURN | names::BREAK => true,
                NameId::UNKNOWN => is_script(&directive.name()),
                _ => false,
            }
        };
        let script: Rc<[NodeRef]> = self.tree.children(block).filter(runs).collect();
        self.scripts.borrow_mut().insert(block, script.clone());
        script
    }
}

impl Passage<'_, '_> {
    /// Runs the directives of a block; None where the next phase follows.
    pub(super) fn rewrite(&mut self, block: BlockId) -> Followed<Option<Flow>> {
        let Some(node) = self.tracer.config.block(block).node else { return Ok(None) };
        Ok(self.run_lines(node)?.unwrap_or(None))
    }

    /// Some where the module ends here: with an answer, or (None inside) with `break` and the like.
    fn run_lines(&mut self, block: NodeRef) -> Followed<Option<Option<Flow>>> {
        let tree = self.tracer.tree;
        for &node in &*self.tracer.script(block) {
            let name = tree.directive(node).name_id();
            if self.tracer.config.is_conditional(node) {
                match name {
                    names::SET => {
                        self.set_unknown(node);
                        continue;
                    }
                    names::IF | names::REWRITE | names::RETURN | names::BREAK => {
                        let shown = tree.directive(node).name_word().show();
                        return Err(Unknown(format!("whether the template writes `{shown}`")));
                    }
                    _ => {}
                }
            }
            let ends = match name {
                names::SET => self.run_set(node)?,
                names::IF => self.run_if(node)?,
                names::REWRITE => self.run_rewrite(node)?,
                names::RETURN => Some(Some(self.run_return(node)?)),
                names::BREAK => Some(None),
                NameId::UNKNOWN => {
                    let name = String::from_utf8_lossy(&tree.directive(node).name()).into_owned();
                    return Err(Unknown(format!("what `{name}` does")));
                }
                _ => None,
            };
            if ends.is_some() {
                return Ok(ends);
            }
        }
        Ok(None)
    }

    /// A variable that a template sets or leaves alone.
    fn set_unknown(&mut self, node: NodeRef) {
        let Some(name) = self.tracer.tree.directive(node).arg(0) else { return };
        let name = name.value();
        let why = "what the template sets".to_string();
        self.session.set(name.strip_prefix(b"$").unwrap_or(&name), Value::Unknown(why));
    }

    pub(super) fn known(&self, value: Value) -> Followed<Vec<u8>> {
        match value {
            Value::Known(bytes) => Ok(bytes),
            Value::Unknown(why) => Err(Unknown(why)),
        }
    }

    fn run_set(&mut self, node: NodeRef) -> Followed<Option<Option<Flow>>> {
        let directive = self.tracer.tree.directive(node);
        let Some(name) = directive.arg(0) else { return Ok(None) };
        let value = match directive.arg(1) {
            Some(word) if !word.is_hole() => self.evaluator.evaluate(self.block, &word.value()),
            _ => Value::Unknown("a template's expression".to_string()),
        };
        let name = name.value();
        self.session.set(name.strip_prefix(b"$").unwrap_or(&name), value);
        Ok(None)
    }

    fn run_if(&mut self, node: NodeRef) -> Followed<Option<Option<Flow>>> {
        self.hop.conditions.push(node);
        if !self.holds(node)? {
            return Ok(None);
        }
        let text =
            String::from_utf8_lossy(self.tracer.tree.sources.slice(self.tracer.span(node))).into_owned();
        self.step(node, format!("`{text}` holds"));
        let config = self.tracer.config;
        let inner = config.children(self.home()).find(|&block| config.block(block).node == Some(node));
        if let Some(inner) =
            inner.filter(|&inner| config.block(inner).context & (IF_LOCATION | IF_SERVER) != 0)
            && config.block(inner).context == IF_LOCATION
        {
            self.proxies |= config.proxy_pass(self.block).is_some() || config.proxy_pass(inner).is_some();
            self.block = inner;
        }
        self.run_lines(node)
    }

    /// The location (or server) whose lines are run, also while one of its `if` blocks is in force.
    fn home(&self) -> BlockId {
        let block = self.tracer.config.block(self.block);
        match block.parent {
            Some(parent) if block.context & (IF_LOCATION | IF_SERVER) != 0 => parent,
            _ => self.block,
        }
    }

    /// Whether a condition holds (`ngx_http_rewrite_if_condition`).
    fn holds(&mut self, node: NodeRef) -> Followed<bool> {
        let directive = self.tracer.tree.directive(node);
        if directive.args().any(|word| word.is_hole()) {
            return Err(Unknown("a template's condition".to_string()));
        }
        let mut words: Vec<Vec<u8>> = directive.args().map(|word| word.value().into_owned()).collect();
        let refused = || Unknown("a condition that nginx refuses".to_string());
        let first = words.first_mut().filter(|word| word.starts_with(b"(")).ok_or_else(refused)?;
        first.remove(0);
        let last = words.last_mut().filter(|word| word.ends_with(b")")).ok_or_else(refused)?;
        last.pop();
        // A parenthesis may stand alone; what it leaves is no word, unless it was a quoted one.
        if words.first().is_some_and(Vec::is_empty) {
            words.remove(0);
        }
        if words.len() > 1 && words.last().is_some_and(Vec::is_empty) {
            words.pop();
        }
        let value = |passage: &Self, word: &[u8]| {
            let value = passage.evaluator.evaluate(passage.block, word);
            passage.known(value)
        };
        match &words[..] {
            [variable] => {
                let value = value(self, variable)?;
                Ok(!value.is_empty() && value != b"0")
            }
            [test, path] if test.starts_with(b"-") || test.starts_with(b"!-") => {
                let path = match path.eq_ignore_ascii_case(b"$request_filename") {
                    true => self.request_filename()?,
                    false => value(self, path)?,
                };
                self.file_test(test, &path)
            }
            [variable, operator] if operator == b"=" || operator == b"!=" => {
                Ok(value(self, variable)?.is_empty() == (operator == b"="))
            }
            [variable, operator, operand] => {
                let subject = value(self, variable)?;
                match operator.as_slice() {
                    b"=" => Ok(subject == value(self, operand)?),
                    b"!=" => Ok(subject != value(self, operand)?),
                    b"~" | b"~*" | b"!~" | b"!~*" => {
                        let matched = self.matches(operand, operator.ends_with(b"*"), &subject)?;
                        Ok(matched != operator.starts_with(b"!"))
                    }
                    _ => Err(refused()),
                }
            }
            _ => Err(refused()),
        }
    }

    /// Matches, and keeps the groups.
    fn matches(&mut self, pattern: &[u8], caseless: bool, subject: &[u8]) -> Followed<bool> {
        let unknown = || Unknown("a regular expression that was not evaluated".to_string());
        let pattern = self.tracer.pattern(pattern, caseless).ok_or_else(unknown)?;
        match pattern.captures(subject).ok_or_else(unknown)? {
            Some(groups) => {
                self.session.matched(groups, pattern.names());
                Ok(true)
            }
            None => {
                self.session.forget_captures();
                Ok(false)
            }
        }
    }

    fn run_return(&mut self, node: NodeRef) -> Followed<Flow> {
        let directive = self.tracer.tree.directive(node);
        let text = directive.args().map(|word| word.show()).collect::<Vec<_>>().join(" ");
        self.step(node, format!("`return {text}`"));
        let first = directive.arg(0).map(|word| word.value().into_owned()).unwrap_or_default();
        let code = crate::effective::nginx::values::number(&first).and_then(|code| u16::try_from(code).ok());
        let why = format!("`return {text}` answers before anything is proxied");
        let target = if code.is_some() { directive.arg(1) } else { directive.arg(0) };
        if code.is_none_or(|code| matches!(code, 301..=303 | 307 | 308)) {
            self.hop.redirect = target.filter(|word| !word.is_hole()).and_then(|word| {
                self.evaluator.evaluate(self.block, &word.value()).known().map(<[u8]>::to_vec)
            });
        }
        Ok(match code {
            // With a text it is an answer, without one an error that `error_page` may turn.
            Some(444) => Flow::End(super::End::Answer { status: None, why }),
            Some(status @ (301 | 302 | 303 | 307 | 308)) => Flow::Fail { status, why },
            Some(code) if code < 400 || directive.arg_count() > 1 => {
                let status = self.err_status.unwrap_or(code);
                Flow::End(super::End::Answer { status: Some(status), why })
            }
            Some(status) => Flow::Fail { status, why },
            None => Flow::Fail { status: 302, why },
        })
    }

    fn run_rewrite(&mut self, node: NodeRef) -> Followed<Option<Option<Flow>>> {
        let directive = self.tracer.tree.directive(node);
        if directive.args().any(|word| word.is_hole()) {
            return Err(Unknown("a template's rewrite".to_string()));
        }
        let words: Vec<Vec<u8>> = directive.args().map(|word| word.value().into_owned()).collect();
        let [pattern, replacement, flag @ ..] = &words[..] else { return Ok(None) };
        let subject = self.session.uri.borrow().clone();
        if !self.matches(pattern, false, &subject)? {
            return Ok(None);
        }
        let text = directive.args().map(|word| word.show()).collect::<Vec<_>>().join(" ");
        let flag = flag.first().map(Vec::as_slice).unwrap_or_default();
        let away =
            [&b"http://"[..], b"https://", b"$scheme"].iter().any(|scheme| replacement.starts_with(scheme));
        if away || flag == b"redirect" || flag == b"permanent" {
            self.step(node, format!("`rewrite {text}`"));
            self.hop.redirect = self.redirect_target(replacement);
            let status = if flag == b"permanent" { 301 } else { 302 };
            let why = format!("`rewrite {text}` answers with a redirect");
            return Ok(Some(Some(Flow::Fail { status, why })));
        }
        let (replacement, keeps_args) = match replacement.strip_suffix(b"?") {
            Some(replacement) => (replacement, false),
            None => (replacement.as_slice(), true),
        };
        let (path, query) = match memchr::memchr(b'?', replacement) {
            Some(at) => (&replacement[..at], Some(&replacement[at + 1..])),
            None => (replacement, None),
        };
        let path = self.known(self.evaluator.evaluate(self.block, path))?;
        let query = match query {
            Some(query) => {
                self.session.in_query.set(true);
                let value = self.evaluator.evaluate(self.block, query);
                self.session.in_query.set(false);
                Some(self.known(value)?)
            }
            None => None,
        };
        if path.is_empty() {
            return Ok(Some(Some(Flow::Fail {
                status: 500,
                why: format!("`rewrite {text}` leaves no path"),
            })));
        }
        let before = self.session.args.borrow().clone();
        let args = match (query, keeps_args && !before.is_empty()) {
            (Some(query), true) => [&query[..], b"&", &before].concat(),
            (Some(query), false) => query,
            (None, _) if keeps_args => before,
            (None, _) => Vec::new(),
        };
        let shown = String::from_utf8_lossy(&uri::escaped(&path)).into_owned();
        self.step(node, format!("`rewrite {text}` makes the path `{shown}`"));
        *self.session.uri.borrow_mut() = path;
        *self.session.args.borrow_mut() = args;
        self.session.valid_unparsed_uri.set(false);
        self.session.internal.set(true);
        self.internal = true;
        match flag {
            b"break" => {
                self.session.valid_location.set(false);
                self.session.uri_changed.set(false);
                Ok(Some(None))
            }
            b"last" => {
                self.session.uri_changed.set(true);
                Ok(Some(None))
            }
            _ => {
                self.session.uri_changed.set(true);
                Ok(None)
            }
        }
    }
}

impl Passage<'_, '_> {
    /// Where a redirect by `rewrite` leads: its replacement with the query, which a `?` at the end keeps away.
    fn redirect_target(&self, replacement: &[u8]) -> Option<Vec<u8>> {
        let bare = replacement.strip_suffix(b"?");
        let target = self.evaluator.evaluate(self.block, bare.unwrap_or(replacement));
        let args = self.session.args.borrow();
        let query = match bare {
            None if !args.is_empty() => [b"?", &args[..]].concat(),
            _ => Vec::new(),
        };
        target.known().map(|target| [target, &query[..]].concat())
    }
}
