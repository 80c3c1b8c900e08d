//! mod_rewrite's place among the phases: before everything else that maps a server's URLs, and behind it in sections.
//! Knows not how a rule is carried out.

use super::mapping::{Target, TargetKind};
use super::rewrite::{self, Context, Directory, Input, Outcome as Ran, Run, run};
use super::{Go, Outcome, Session};
use crate::effective::Value;
use crate::effective::apache::directives::Section;
use crate::effective::apache::names;
use crate::effective::apache::rewrite::{ConditionLine, Options, RuleLine};
use crate::effective::apache::rewriting::Rewriting;
use crate::effective::apache::section::Matcher;
use crate::tree::NodeRef;

impl Session<'_> {
    pub(super) fn rewrite_for_server(&mut self) -> Go {
        let rewriting = &self.tracer.model(self.server).rewriting;
        // The sections for the path decide whether the engine is on for the server's own rules, too.
        if rewriting.rules.is_empty() || !self.rewriting_of_sections().0.is_on() {
            return Ok(());
        }
        if let Some(target) = &self.target {
            return Err(Outcome::unknown(
                "what rules make of a path that is sent on undecoded",
                Some(target.by),
            ));
        }
        if let Some(at) = rewriting.unknown {
            return Err(Outcome::unknown("a rewrite rule that a template completes", Some(at)));
        }
        let rules: Vec<&RuleLine> = rewriting.rules.iter().collect();
        let ran = run(&Input {
            context: Context::Server(rewriting.options),
            rules: &rules,
            maps: &rewriting.maps,
            is_inside: self.depth > 0,
            filename: &self.path,
            path_info: b"",
            query: self.query.as_deref(),
            request: &self.view(),
        });
        self.take(ran)
    }

    /// Whether a condition holds by itself, before any rule is run.
    pub(super) fn rewrite_condition_holds(mut self, condition: &ConditionLine) -> Option<bool> {
        self.receive().ok()?;
        self.read_target().ok()?;
        let input = Input {
            context: Context::Server(Options::default()),
            rules: &[],
            maps: &self.tracer.model(self.server).rewriting.maps,
            is_inside: false,
            filename: &self.path,
            path_info: b"",
            query: self.query.as_deref(),
            request: &self.view(),
        };
        rewrite::condition_holds(&input, condition)
    }

    /// Rules in sections, which run behind everything that sends a request on.
    pub(super) fn rewrite_in_sections(&mut self) -> Go {
        if self.rewriting_ended {
            return Ok(());
        }
        let (rewriting, last) = self.rewriting_of_sections();
        let Some((path, node)) = last else { return Ok(()) };
        let Some((true, engine)) = rewriting.engine else { return Ok(()) };
        if let Some(at) = rewriting.unknown {
            return Err(Outcome::unknown("a rewrite rule that a template completes", Some(at)));
        }
        let filename = match &self.target {
            Some(target) => match &target.url {
                Some(url) => [b"proxy:", &url[..]].concat(),
                None => return Err(Outcome::unknown("where the request is sent", Some(target.by))),
            },
            None if self.filename.is_empty() => {
                return Err(Outcome::unknown("the directory of what is asked for", Some(node)));
            }
            None => self.filename.clone(),
        };
        let path_info = self.path_info.clone();
        let server = &self.tracer.model(self.server).rewriting;
        let rules: Vec<&RuleLine> = rewriting.rules.iter().collect();
        let directory = Directory {
            path: &path,
            engine,
            base: rewriting.base.as_deref(),
            options: rewriting.options,
            follows_links: if self.target.is_some() { Some(true) } else { self.follows_links() },
        };
        let ran = run(&Input {
            context: Context::Directory(directory),
            rules: &rules,
            maps: &server.maps,
            is_inside: self.depth > 0,
            filename: &filename,
            path_info: &path_info,
            query: self.query.as_deref(),
            request: &self.view(),
        });
        self.take(ran)
    }

    /// What is in force of mod_rewrite in the sections for the request; what the last of them is for, and where it stands.
    fn rewriting_of_sections(&self) -> (Rewriting, Option<(Vec<u8>, NodeRef)>) {
        let config = self.tracer.config;
        let mut rewriting = self.tracer.model(self.server).rewriting.around_sections();
        let mut last: Option<(Vec<u8>, NodeRef)> = None;
        for &block in &self.sections {
            let Some(own) = config.rewriting(block).cloned() else { continue };
            let Some(node) = config.block(block).node else { continue };
            last = Some((self.rewrite_path(block), node));
            rewriting = own.within(rewriting);
        }
        (rewriting, last)
    }

    /// What a section's rules are relative to: its argument, with a slash at its end.
    fn rewrite_path(&self, block: crate::effective::BlockId) -> Vec<u8> {
        let node = self.tracer.config.block(block).node;
        let words = node.and_then(|node| Matcher::words(self.tracer.tree.directive(node)));
        let is_if =
            matches!(self.tracer.config.block(block).section, Section::If | Section::ElseIf | Section::Else);
        let mut path = match is_if {
            true => b"*If".to_vec(),
            false => words.map(|(_, path)| path.into_owned()).unwrap_or_default(),
        };
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path
    }

    /// Whether `Options` lets rules run; FollowSymLinks is the default.
    fn follows_links(&self) -> Option<bool> {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let mut follows = true;
        for &block in &self.sections {
            for node in config.own(block, names::OPTIONS) {
                let directive = tree.directive(node);
                let mut relative = true;
                for word in directive.args() {
                    if word.is_hole() {
                        return None;
                    }
                    let word = word.value().to_ascii_lowercase();
                    let (sign, name) = match word.first() {
                        Some(b'+') => (Some(true), &word[1..]),
                        Some(b'-') => (Some(false), &word[1..]),
                        _ => (None, &word[..]),
                    };
                    let links = matches!(name, b"all" | b"followsymlinks" | b"symlinksifownermatch");
                    match sign {
                        Some(on) if links => follows = on,
                        Some(_) => {}
                        None if relative => {
                            relative = false;
                            follows = links;
                        }
                        None => follows |= links,
                    }
                }
            }
        }
        Some(follows)
    }

    /// What the rules made of the request.
    fn take(&mut self, ran: Run) -> Go {
        self.looks.extend(ran.looks.iter().map(|look| (look.at, look.held)));
        self.rewriting_ended |= ran.ended;
        for change in ran.environment {
            let Value::Known(name) = change.name else { continue };
            match change.value {
                Some(value) => self.environment.push((name, value)),
                None => self.environment.retain(|(known, _)| *known != name),
            }
        }
        let last = ran.looks.iter().rfind(|look| look.held == Some(true));
        if let (Some(handler), Some(look)) = (ran.handler, last) {
            self.handler = Some((handler, look.at));
        }
        match ran.outcome {
            Ran::Unchanged => {
                self.query = ran.query;
                Ok(())
            }
            Ran::PassedThrough { path, at } => {
                self.note(at, format!("the path becomes {}", String::from_utf8_lossy(&path)));
                (self.path, self.query) = (path, ran.query);
                Ok(())
            }
            Ran::Local { path, below_root, at } => {
                self.note(at, format!("{} is served", String::from_utf8_lossy(&path)));
                (self.query, self.kept) = (ran.query, Some(at));
                self.filename = match (below_root, self.document_root()) {
                    (Some(true), Some(root)) => [&root[..], &path].concat(),
                    (Some(false), _) => path,
                    // Only the target machine knows; a path that begins like the system's own is a file's.
                    (None, Some(root)) if path.starts_with(&root) || is_system_path(&path) => path,
                    (None, Some(root)) => [&root[..], &path].concat(),
                    (_, None) => Vec::new(),
                };
                Ok(())
            }
            Ran::Restarted { path, at } => {
                self.note(at, format!("the request begins again as {}", String::from_utf8_lossy(&path)));
                let query = ran.query.map(|query| [b"?", &query[..]].concat()).unwrap_or_default();
                // Whatever was to become of the request, it becomes nothing of it.
                self.target = None;
                self.restart = Some([path, query].concat());
                Ok(())
            }
            Ran::Proxied { url, verbatim, at } => {
                let url = match url {
                    Value::Known(url) => Some(url),
                    Value::Unknown(_) => None,
                };
                self.query.clone_from(&ran.query);
                self.target = Some(Target {
                    url,
                    query: ran.query.filter(|_| !verbatim),
                    by: at,
                    why: "a rewrite rule sends it on".to_string(),
                    verbatim,
                    kind: TargetKind::Rewrite,
                });
                Ok(())
            }
            Ran::Redirected { status, location, at } => Err(Outcome::Answered {
                status: Some(status),
                why: format!("a rewrite rule answers {status}"),
                at: Some(at),
                location: location.known().map(<[u8]>::to_vec),
            }),
            Ran::Answered { status, why, at } => Err(Outcome::answered(status, why, Some(at))),
            Ran::Unknown { why, at } => Err(Outcome::unknown(why, Some(at))),
        }
    }
}

/// Whether a path begins with a directory that sites are kept in (Filesystem Hierarchy Standard 3.0).
fn is_system_path(path: &[u8]) -> bool {
    let first = path.split(|&byte| byte == b'/').nth(1).unwrap_or_default();
    matches!(first, b"etc" | b"home" | b"mnt" | b"opt" | b"srv" | b"tmp" | b"usr" | b"var")
}
