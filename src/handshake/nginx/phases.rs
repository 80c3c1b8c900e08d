//! A request's passage through the phases of a server: which comes next, and from which block. Knows not what access,
//! rewriting and content decide.

use super::{Flow, Followed, Passage, Phase, Unknown, location};
use crate::effective::BlockId;
use crate::effective::nginx::directives::LIMIT_EXCEPT;
use crate::effective::nginx::names;
use crate::handshake::{Chosen, Step};
use crate::syntax::NameId;
use crate::tree::NodeRef;

impl Passage<'_, '_> {
    pub(super) fn run(&mut self, phase: Phase) -> Followed<Flow> {
        match phase {
            Phase::ServerRewrite => {
                self.block = self.server;
                Ok(self.rewrite(self.server)?.unwrap_or(Flow::Go(Phase::FindLocation)))
            }
            Phase::FindLocation => self.find_location(),
            Phase::LocationRewrite => self.location_rewrite(),
            Phase::Access => Ok(self.access()?.unwrap_or(Flow::Go(Phase::TryFiles))),
            Phase::TryFiles => self.try_files(),
            Phase::Content => self.content(),
        }
    }

    fn find_location(&mut self) -> Followed<Flow> {
        if self.tracer.config.block(self.server).opaque {
            return Err(self.tracer.unseen(self.server));
        }
        self.session.uri_changed.set(false);
        self.proxies = false;
        let found = location::find(self.tracer, self.session, self.server)?;
        self.block = found.block.unwrap_or(self.server);
        let Some(block) = found.block else {
            self.hop.route = None;
            return Ok(Flow::Go(Phase::Access));
        };
        let config = self.tracer.config;
        let node = config.block(block).node;
        let name = node.map(|node| self.tracer.location_name(node)).unwrap_or_default();
        let at = node.map(|node| self.tracer.span(node));
        self.hop.locations.push(block);
        self.hop.route = Some(Chosen { name: name.clone(), at, why: found.why.to_string() });
        if !self.internal && self.in_force(names::INTERNAL).is_some() {
            let why = format!("`location {name}` is internal");
            return Ok(Flow::Fail { status: 404, why });
        }
        let limits = config.own(block, names::LIMIT_EXCEPT).len() > 0;
        let mut inner = config.children(block).filter(|_| limits);
        let limited = inner.find(|&inner| config.block(inner).context == LIMIT_EXCEPT);
        if let Some(limited) = limited.filter(|&limited| self.is_excepted(limited)) {
            self.block = limited;
        }
        if found.redirect {
            self.hop.redirect = Some([&self.session.uri.borrow()[..], b"/"].concat());
            let why = format!("`location {name}` answers the path without its slash by a redirect to it");
            return Ok(Flow::Fail { status: 301, why });
        }
        Ok(Flow::Go(Phase::LocationRewrite))
    }

    /// Whether `limit_except` applies: it names the methods that are left alone.
    fn is_excepted(&self, limited: BlockId) -> bool {
        let Some(node) = self.tracer.config.block(limited).node else { return false };
        let method = &self.session.request.method;
        let is_method = |word: &[u8]| {
            word.eq_ignore_ascii_case(method) || (word.eq_ignore_ascii_case(b"GET") && method == b"HEAD")
        };
        !self.tracer.tree.directive(node).args().any(|word| is_method(&word.value()))
    }

    fn location_rewrite(&mut self) -> Followed<Flow> {
        if self.block != self.server
            && let Some(flow) = self.rewrite(self.block)?
        {
            return Ok(flow);
        }
        let config = self.tracer.config;
        if config.chain(self.server).skip(1).any(|around| config.block(around).scripted) {
            return Err(Unknown("what a script around the server does".to_string()));
        }
        if !self.session.uri_changed.get() {
            return Ok(Flow::Go(Phase::Access));
        }
        self.uri_changes -= 1;
        if self.uri_changes == 0 {
            let why = "the request is rewritten in a circle".to_string();
            return Ok(Flow::Fail { status: 500, why });
        }
        self.block = self.server;
        Ok(Flow::Go(Phase::FindLocation))
    }

    /// The first directive of a name directly in the block in force.
    pub(super) fn own(&self, name: NameId) -> Option<NodeRef> {
        self.tracer.config.own(self.block, name).next()
    }

    pub(super) fn step(&mut self, node: NodeRef, text: impl Into<String>) {
        let at = Some(self.tracer.span(node));
        self.hop.steps.push(Step { at, by: Some(node), text: text.into() });
    }

    /// Sends the request to another URI of the same server.
    pub(super) fn internal_redirect(&mut self, uri: &[u8]) -> Flow {
        self.uri_changes -= 1;
        if self.uri_changes == 0 {
            return Flow::Fail { status: 500, why: "the request is redirected in a circle".to_string() };
        }
        self.session.redirect(uri);
        self.internal = true;
        Flow::Go(Phase::ServerRewrite)
    }

    /// Sends the request to a named location; its URI stays.
    pub(super) fn go_to_named(&mut self, name: &[u8]) -> Flow {
        self.uri_changes -= 1;
        if self.uri_changes == 0 {
            return Flow::Fail { status: 500, why: "the request is redirected in a circle".to_string() };
        }
        let shown = String::from_utf8_lossy(name).into_owned();
        let Some(block) = location::named(self.tracer, self.server, name) else {
            return Flow::Fail { status: 500, why: format!("there is no location `{shown}`") };
        };
        self.internal = true;
        self.session.internal.set(true);
        self.session.uri_changed.set(false);
        self.proxies = false;
        self.block = block;
        self.hop.locations.push(block);
        let at = self.tracer.config.block(block).node.map(|node| self.tracer.span(node));
        self.hop.route = Some(Chosen { name: shown, at, why: "sent here by name".to_string() });
        Flow::Go(Phase::LocationRewrite)
    }
}
