//! The lines of one server, in the order in which httpd carries them out (`add_pass`, `add_member`, `set_proxy_param`,
//! `proxysection`). Knows no request.

use std::borrow::Cow;

use super::{Balancer, Pass, PassFlags, Proxies, Want, Worker, Workers, balancer_name, is_balancer};
use crate::effective::BlockId;
use crate::effective::apache::directives::Section;
use crate::effective::apache::params::{self, Pair, Param, Params};
use crate::effective::apache::section::Matcher;
use crate::effective::apache::url::{self, Url, after_scheme};
use crate::effective::apache::{Config, Refusal, RefusalKind, names};
use crate::effective::regex::{NotCompiled, Pattern};
use crate::syntax::{Directive, NameId};
use crate::tree::apache::Modules;
use crate::tree::{NodeRef, Tree};

/// What has been read of a server so far.
pub struct Builder<'a> {
    pub tree: &'a Tree,
    pub modules: &'a Modules,
    pub proxies: Proxies,
    pub refusals: Vec<Refusal>,
}

/// What a line is worth to its server.
type Outcome = Result<(), (RefusalKind, String)>;

fn refused(message: impl Into<String>) -> (RefusalKind, String) {
    (RefusalKind::Other, message.into())
}

impl<'a> Builder<'a> {
    pub fn new(tree: &'a Tree, modules: &'a Modules) -> Self {
        Self { tree, modules, proxies: Proxies::default(), refusals: Vec::new() }
    }

    /// One line, or a `<Proxy>` section behind the lines in it. `config` holds all blocks up to here.
    pub fn line(&mut self, config: &Config, name: NameId, node: NodeRef, block: BlockId) {
        let directive = self.tree.directive(node);
        let outcome = match name {
            names::PROXY_PASS | names::PROXY_PASS_MATCH => {
                self.pass(config, directive, node, block, name == names::PROXY_PASS_MATCH)
            }
            names::BALANCER_MEMBER => self.member(config, directive, node, block),
            names::PROXY_SET => self.set(config, directive, node, block),
            names::PROXY | names::PROXY_MATCH => self.section(directive, node, name == names::PROXY_MATCH),
            _ => Ok(()),
        };
        if let Err((kind, message)) = outcome {
            let at_top = config.block(block).section == Section::Main;
            self.refusals.push(Refusal { node, message, kind, at_top });
        }
    }

    fn pass(
        &mut self,
        config: &Config,
        directive: Directive<'a>,
        at: NodeRef,
        block: BlockId,
        is_match: bool,
    ) -> Outcome {
        let around = section_path(self.tree, config, block);
        let mut unknown = directive.args().any(|word| word.is_hole());
        let mut is_match = is_match;
        let (mut path, mut target) = (around.clone(), None);
        let mut flags = PassFlags::default();
        let mut params: Vec<Pair> = Vec::new();
        for word in directive.args() {
            let is_hole = word.is_hole();
            let word = word.value();
            if path.is_none() {
                match &*word {
                    b"~" if is_match => return Err(refused("ProxyPassMatch invalid syntax ('~' usage).")),
                    b"~" => is_match = true,
                    _ => path = Some(word),
                }
                continue;
            }
            if target.is_none() {
                target = Some(word);
                continue;
            }
            // Any parameter, or none.
            if is_hole {
                continue;
            }
            if word.eq_ignore_ascii_case(b"nocanon") {
                flags.nocanon = true;
                continue;
            }
            if word.eq_ignore_ascii_case(b"interpolate") {
                flags.interpolate = true;
                continue;
            }
            // Nothing in the server asks for it.
            if word.eq_ignore_ascii_case(b"noquery") {
                continue;
            }
            let in_path = around.is_some()
                && target.as_ref().is_some_and(|target: &Cow<[u8]>| target.starts_with(b"/"));
            let pair = Pair::new(word).map_err(|_| {
                refused(if in_path {
                    "ProxyPass|ProxyPassMatch can not have a path when defined in a location."
                } else {
                    "Invalid ProxyPass|ProxyPassMatch parameter. Parameter must be in the form 'key=value'."
                })
            })?;
            match () {
                () if !pair.key().eq_ignore_ascii_case(b"mapping") => params.push(pair),
                () if pair.value().eq_ignore_ascii_case(b"encoded") => flags.mapping = true,
                () if pair.value().eq_ignore_ascii_case(b"servlet") => {
                    (flags.mapping, unknown) = (true, true)
                }
                () => return Err(refused("unknown mapping")),
            }
        }
        let Some(target) = target else {
            let message = "ProxyPass|ProxyPassMatch needs a path when not defined in a location";
            return if unknown { Ok(()) } else { Err(refused(message)) };
        };
        let path = path.unwrap_or_default();
        let in_section = around.is_some();
        is_match |= in_section && has_wildcard(&path);
        let compiled = (is_match && !unknown).then(|| Pattern::httpd(&path, false));
        let pattern = match compiled {
            Some(Err(NotCompiled::Invalid)) => {
                return Err(refused("Regular expression could not be compiled."));
            }
            Some(Ok(pattern)) => Some(pattern),
            Some(Err(NotCompiled::Unreadable)) | None => None,
        };
        let real = url::without_socket(&target);
        let goes_nowhere = *target == *b"!";
        let has_variable = |text: &[u8]| memchr::memmem::find(text, b"${").is_some();
        let unknown = unknown || flags.interpolate && (has_variable(&real) || has_variable(&path));
        let pass = Pass {
            at,
            block,
            path: path.into_owned(),
            pattern,
            is_match,
            target: (!goes_nowhere).then(|| real.to_vec()),
            worker: None,
            flags,
            unknown,
        };
        if in_section {
            // The last line of a section counts.
            if self.proxies.in_sections.last().is_some_and(|known| known.block == block) {
                self.proxies.in_sections.pop();
            }
            self.proxies.in_sections.push(pass);
        } else {
            self.proxies.passes.push(pass);
        }
        if goes_nowhere || unknown {
            return Ok(());
        }
        let prefixed = |(kind, message): (RefusalKind, String)| (kind, format!("ProxyPass {message}"));
        if is_balancer(&target) {
            let balancer = self.balancer(&target, at).map_err(prefixed)?;
            return self.balancer_params(balancer, &params, at).map_err(prefixed);
        }
        let want = if is_match { Want::Match } else { Want::Prefix };
        if let Some(found) = self.proxies.workers.find(&real, want) {
            // The parameters are lost.
            self.last_pass(in_section).worker = Some(found);
            return Ok(());
        }
        let worker = new_worker(&target, at, is_match).map_err(prefixed)?;
        let index = self.proxies.workers.push(worker);
        self.last_pass(in_section).worker = Some(index);
        self.worker_params(Place::Worker(index), &params, at).map_err(prefixed)
    }

    /// The pass that was added last.
    fn last_pass(&mut self, in_section: bool) -> &mut Pass {
        let last = match in_section {
            true => self.proxies.in_sections.last_mut(),
            false => self.proxies.passes.last_mut(),
        };
        last.expect("internal: a pass was just added")
    }

    fn member(&mut self, config: &Config, directive: Directive<'a>, at: NodeRef, block: BlockId) -> Outcome {
        let around = section_path(self.tree, config, block);
        let (mut path, mut target) = (around.clone(), None);
        let mut params = Vec::new();
        for word in directive.args() {
            if word.is_hole() {
                return Ok(());
            }
            match Pair::new(word.value()) {
                Ok(pair) => params.push(pair),
                Err(word) if path.is_none() => path = Some(word),
                Err(word) if target.is_none() => target = Some(word),
                Err(_) if around.is_some() => {
                    return Err(refused(
                        "BalancerMember can not have a balancer name when defined in a location",
                    ));
                }
                Err(_) => {
                    return Err(refused(
                        "Invalid BalancerMember parameter. Parameter must be in the form 'key=value'",
                    ));
                }
            }
        }
        let path = path.ok_or_else(|| {
            refused("BalancerMember must define balancer name when outside <Proxy > section")
        })?;
        let target = target.ok_or_else(|| refused("BalancerMember must define remote proxy server"))?;
        let prefixed = |(kind, message): (RefusalKind, String)| (kind, format!("BalancerMember {message}"));
        let balancer = self.balancer(&path, at).map_err(prefixed)?;
        let real = url::without_socket(&target);
        let members = &mut self.proxies.balancers[balancer].members;
        if members.find(&real, Want::Either).is_some() {
            return Ok(());
        }
        let worker = new_worker(&target, at, false).map_err(prefixed)?;
        let member = self.proxies.balancers[balancer].members.push(worker);
        self.worker_params(Place::Member(balancer, member), &params, at).map_err(prefixed)
    }

    fn set(&mut self, config: &Config, directive: Directive<'a>, at: NodeRef, block: BlockId) -> Outcome {
        if directive.args().any(|word| word.is_hole()) {
            return Ok(());
        }
        let mut words = directive.args().map(|word| word.value());
        let section = config.block(block).section;
        let in_section = matches!(section, Section::Proxy | Section::ProxyMatch);
        let name = match in_section {
            true => section_path(self.tree, config, block).unwrap_or_default(),
            false => match words.next() {
                Some(name) => name,
                None => return Ok(()),
            },
        };
        let prefixed = |(kind, message): (RefusalKind, String)| (kind, format!("ProxySet {message}"));
        let shown = String::from_utf8_lossy(&name).into_owned();
        let place = if is_balancer(&name) {
            let known = balancer_name(&name).and_then(|name| self.proxies.by_name.get(&name));
            match known {
                Some(&balancer) => Place::Balancer(balancer),
                None if in_section => Place::Balancer(self.balancer(&name, at).map_err(prefixed)?),
                None => return Err(refused(format!("ProxySet can not find '{shown}' Balancer."))),
            }
        } else {
            let want = match section {
                Section::ProxyMatch => Want::Match,
                Section::Proxy => Want::Prefix,
                _ => Want::Either,
            };
            match self.proxies.workers.find(&url::without_socket(&name), want) {
                Some(worker) => Place::Worker(worker),
                None if in_section => {
                    let worker = new_worker(&name, at, want == Want::Match).map_err(prefixed)?;
                    Place::Worker(self.proxies.workers.push(worker))
                }
                None => return Err(refused(format!("ProxySet can not find '{shown}' Worker."))),
            }
        };
        for word in words {
            let pair = Pair::new(word).map_err(|_| {
                refused("Invalid ProxySet parameter. Parameter must be in the form 'key=value'")
            })?;
            let pair = std::slice::from_ref(&pair);
            let outcome = match place {
                Place::Balancer(balancer) => self.balancer_params(balancer, pair, at),
                worker => self.worker_params(worker, pair, at),
            };
            outcome.map_err(|(kind, message)| {
                let word = String::from_utf8_lossy(&pair[0].word);
                (kind, format!("ProxySet: {message} {word}; {shown}"))
            })?;
        }
        Ok(())
    }

    /// The parameters on a `<Proxy>` line itself, read behind what stands in the section.
    fn section(&mut self, directive: Directive, at: NodeRef, is_match: bool) -> Outcome {
        if directive.arg_count() < 2 || directive.args().any(|word| word.is_hole()) {
            return Ok(());
        }
        let mut words = directive.args().map(|word| word.value());
        let path = words.next().unwrap_or_default();
        let name = if is_match { "<ProxyMatch" } else { "<Proxy" };
        if is_match {
            return Err(refused("Multiple <ProxyMatch> arguments not (yet) supported."));
        }
        if has_wildcard(&path) {
            return Err(refused(format!("{name}> arguments are not supported for wildchar url.")));
        }
        if !path.contains(&b':') {
            return Err(refused(format!("{name}> arguments are not supported for non url.")));
        }
        let prefixed = |(kind, message): (RefusalKind, String)| (kind, format!("{name} {message}"));
        let place = if is_balancer(&path) {
            Place::Balancer(self.balancer(&path, at).map_err(prefixed)?)
        } else {
            match self.proxies.workers.find(&url::without_socket(&path), Want::Prefix) {
                Some(worker) => Place::Worker(worker),
                None => {
                    let worker = new_worker(&path, at, false).map_err(prefixed)?;
                    Place::Worker(self.proxies.workers.push(worker))
                }
            }
        };
        for word in words {
            let pair = Pair::new(word)
                .map_err(|_| refused("Invalid Proxy parameter. Parameter must be in the form 'key=value'"))?;
            let pair = std::slice::from_ref(&pair);
            let outcome = match place {
                Place::Balancer(balancer) => self.balancer_params(balancer, pair, at),
                worker => self.worker_params(worker, pair, at),
            };
            outcome.map_err(|(kind, message)| {
                let (word, path) = (String::from_utf8_lossy(&pair[0].word), String::from_utf8_lossy(&path));
                (kind, format!("{name} {message} {word}; {path}"))
            })?;
        }
        Ok(())
    }

    fn balancer(&mut self, url: &[u8], at: NodeRef) -> Result<usize, (RefusalKind, String)> {
        let shown = String::from_utf8_lossy(url).into_owned();
        let name = balancer_name(url).ok_or_else(|| refused(format!("URL must be absolute!: {shown}")))?;
        let next = self.proxies.balancers.len();
        let index = *self.proxies.by_name.entry(name.clone()).or_insert(next);
        if index == next {
            let (members, params) = (Workers::default(), Params::default());
            self.proxies.balancers.push(Balancer { at, name, members, params });
        }
        Ok(index)
    }

    fn worker_params(&mut self, place: Place, pairs: &[Pair], at: NodeRef) -> Outcome {
        let params = match place {
            Place::Worker(worker) => &mut self.proxies.workers.all[worker as usize].params,
            Place::Member(balancer, member) => {
                &mut self.proxies.balancers[balancer].members.all[member as usize].params
            }
            Place::Balancer(balancer) => &mut self.proxies.balancers[balancer].params,
        };
        params.0.reserve_exact(pairs.len());
        for param in pairs.iter().map(|pair| Param::new(pair, at)) {
            if let Some(message) = params::worker_refusal(&param, self.modules) {
                return Err((RefusalKind::Worker, message));
            }
            params.0.push(param);
        }
        Ok(())
    }

    fn balancer_params(&mut self, balancer: usize, pairs: &[Pair], at: NodeRef) -> Outcome {
        for param in pairs.iter().map(|pair| Param::new(pair, at)) {
            let unloaded = param.key() == b"lbmethod" && {
                let module = format!("mod_lbmethod_{}.c", String::from_utf8_lossy(param.value()));
                self.modules.is_missing(&module)
            };
            if unloaded {
                return Err((RefusalKind::Balancer, "unknown lbmethod".to_string()));
            }
            if let Some(message) = params::balancer_refusal(&param) {
                return Err((RefusalKind::Balancer, message));
            }
            self.proxies.balancers[balancer].params.0.push(param);
        }
        Ok(())
    }

    pub fn finish(mut self) -> (Proxies, Vec<Refusal>) {
        self.proxies.passes.shrink_to_fit();
        self.proxies.in_sections.shrink_to_fit();
        self.proxies.workers.all.shrink_to_fit();
        self.proxies.in_sections.sort_by_key(|pass| pass.block);
        (self.proxies, self.refusals)
    }
}

#[derive(Clone, Copy)]
enum Place {
    Worker(u32),
    Member(usize, u32),
    Balancer(usize),
}

fn new_worker(target: &[u8], at: NodeRef, is_match: bool) -> Result<Worker, (RefusalKind, String)> {
    let url = match is_match {
        true => parse_match(target),
        false => Url::parse(target),
    };
    let url = url.map_err(refused)?;
    Ok(Worker { at, url, is_match, params: Params::default() })
}

/// `http://host:80$1/path`: what stands for a match may follow the port.
fn parse_match(target: &[u8]) -> Result<Url, String> {
    let after = after_scheme(target).unwrap_or(0);
    let authority =
        target[after..].iter().position(|&byte| byte == b'/').map_or(target.len(), |at| after + at);
    let dollar =
        target[after..authority].windows(2).position(|pair| pair[0] == b'$' && pair[1].is_ascii_digit());
    let colon = target[after..authority].iter().position(|&byte| byte == b':');
    match (colon, dollar) {
        (Some(colon), Some(dollar)) if colon < dollar => {
            let cut = after + dollar;
            Ok(Url::parse(&target[..cut])?.with_path(&target[cut..]))
        }
        (None, Some(dollar)) if dollar > 0 => {
            // Part of the host, or what comes behind it: for the worker's name it is the same.
            let cut = after + dollar;
            Ok(Url::parse(&target[..cut])?.with_path(&target[cut..]))
        }
        _ => Url::parse(target),
    }
}

/// The argument of the section around a line, where that is what requests are compared with.
fn section_path<'a>(tree: &'a Tree, config: &Config, block: BlockId) -> Option<Cow<'a, [u8]>> {
    let section = config.chain(block).find(|&block| {
        matches!(
            config.block(block).section,
            Section::Location | Section::LocationMatch | Section::Proxy | Section::ProxyMatch
        )
    })?;
    let directive = tree.directive(config.block(section).node?);
    Some(Matcher::words(directive)?.1)
}

/// `apr_fnmatch_test`.
fn has_wildcard(path: &[u8]) -> bool {
    let mut bracket = false;
    let mut rest = path.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'?' | b'*' => return true,
            b'\\' => drop(rest.next()),
            b'[' => bracket = true,
            b']' if bracket => return true,
            _ => {}
        }
    }
    false
}
