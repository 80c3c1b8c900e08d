//! One walk over the tree that lists every section's directives. Knows which sections dissolve while the server reads.

use hashbrown::HashMap;
use std::borrow::Cow;

use super::check::Around;
use super::directives::{self, Section};
use super::expr::Expr;
use super::proxy::Builder as ProxyBuilder;
use super::rewriting::{Rewriting, is_rewrite_line};
use super::section::expression;
use super::server::{Server, ServerId};
use super::{Block, Config, Listed, Refusal, RefusalKind, check, linking, names};
use crate::effective::{BlockId, Target};
use crate::syntax::{Directive, NameId, Shape};
use crate::tree::apache::{Presence, module_file};
use crate::tree::{NodeRef, Step, Tree, Walk};

/// What only a main file has.
const MAIN_ONLY: [NameId; 5] =
    [names::DEFAULT_RUNTIME_DIR, names::LOAD_MODULE, names::MUTEX, names::PID_FILE, names::SERVER_ROOT];

pub(super) fn build(tree: &Tree, target: Target) -> Config {
    let config = Config {
        blocks: Vec::new(),
        listed: Vec::new(),
        by_name: Vec::new(),
        servers: Vec::new(),
        rewriting: HashMap::new(),
        target,
        refusals: Vec::new(),
        complete: tree.complete,
        fragment: false,
    };
    let modules = &tree.reading.modules;
    let mut builder = Builder {
        tree,
        config,
        open: Vec::new(),
        pending: Vec::new(),
        around: Around::default(),
        proxies: Vec::new(),
        rewriting: Vec::new(),
        server_name: None,
        words: Vec::new(),
        missing: vec![None; directives::count()],
        knows_all: modules.are_all_known() && modules.files().all(directives::has_module),
    };
    builder.run(tree.walk());
    builder.finish()
}

struct Builder<'t> {
    tree: &'t Tree,
    config: Config,
    open: Vec<Open>,
    /// Directives of the open blocks, the innermost block's last.
    pending: Vec<Listed>,
    /// The sections around.
    around: Around,
    /// The last `ServerName` above, in the sections around.
    server_name: Option<NodeRef>,
    /// By server.
    proxies: Vec<ProxyBuilder<'t>>,
    /// Blocks with lines of mod_rewrite's.
    rewriting: Vec<BlockId>,
    /// Every loaded module's directives are in the table.
    knows_all: bool,
    /// By directive, once it was asked for: the module that it lacks.
    missing: Vec<Option<Option<&'static str>>>,
    /// The words of the directive that is checked: kept so that they need no new memory each time.
    words: Vec<Cow<'t, [u8]>>,
}

enum Open {
    /// A block, where its directives begin among the pending ones, and the `ServerName` above it.
    Block(BlockId, usize, Option<NodeRef>),
    /// A section that dissolves.
    Transparent,
}

/// Whether such lines give a server its targets.
fn gives_targets(name: NameId) -> bool {
    matches!(name, names::BALANCER_MEMBER | names::PROXY_PASS | names::PROXY_PASS_MATCH | names::PROXY_SET)
}

impl<'t> Builder<'t> {
    fn run(&mut self, mut walk: Walk) {
        self.begin_server(None);
        self.open(Section::Main, None);
        while let Some(step) = walk.next() {
            match step {
                Step::Directive(node) => self.directive(node, &mut walk),
                Step::Leave => self.close(),
            }
        }
        while !self.open.is_empty() {
            self.close();
        }
    }

    fn begin_server(&mut self, node: Option<NodeRef>) {
        let block = BlockId(self.config.blocks.len() as u32);
        self.config.servers.push(Server::new(block, node, self.server_name, self.tree));
        self.proxies.push(ProxyBuilder::new(self.tree, &self.tree.reading.modules));
    }

    fn block(&self) -> BlockId {
        let innermost = self.open.iter().rev().find_map(|open| match open {
            Open::Block(block, ..) => Some(*block),
            Open::Transparent => None,
        });
        innermost.expect("internal: a directive stands in a block")
    }

    fn server(&self) -> ServerId {
        match self.open.is_empty() {
            true => ServerId::MAIN,
            false => self.config.block(self.block()).server,
        }
    }

    fn open(&mut self, section: Section, node: Option<NodeRef>) {
        let parent = (!self.open.is_empty()).then(|| self.block());
        let server = match section {
            Section::VirtualHost => ServerId(self.config.servers.len() as u32 - 1),
            _ => self.server(),
        };
        let id = BlockId(self.config.blocks.len() as u32);
        self.config.blocks.push(Block { section, node, parent, server, listed: 0..0, end: id.0 + 1 });
        self.open.push(Open::Block(id, self.pending.len(), self.server_name));
        self.around.enter(section);
    }

    fn close(&mut self) {
        let Some(Open::Block(id, mark, server_name)) = self.open.pop() else { return };
        self.server_name = server_name;
        self.around.leave();
        let Config { listed, by_name, .. } = &mut self.config;
        let start = listed.len() as u32;
        listed.extend(self.pending.drain(mark..));
        let own = start..listed.len() as u32;
        by_name.extend(own.clone());
        by_name[start as usize..].sort_by_key(|&place| listed[place as usize].name);
        let end = self.config.blocks.len() as u32;
        let block = &mut self.config.blocks[id.0 as usize];
        block.listed = own;
        block.end = end;
        let (section, node, server) = (block.section, block.node, block.server);
        if let (Section::Proxy | Section::ProxyMatch, Some(node)) = (section, node) {
            let name = if section == Section::Proxy { names::PROXY } else { names::PROXY_MATCH };
            self.proxies[server.0 as usize].line(&self.config, name, node, id);
        }
    }

    fn directive(&mut self, node: NodeRef, walk: &mut Walk) {
        if self.tree.reading.is_skipped(node) {
            return;
        }
        let directive = self.tree.directive(node);
        let name = directive.name_id();
        self.check(directive, node);
        self.pending.push(Listed { name, node });
        if name == names::SERVER_NAME {
            self.server_name = Some(node);
        }
        if gives_targets(name) {
            let (server, block) = (self.server(), self.block());
            self.proxies[server.0 as usize].line(&self.config, name, node, block);
        }
        if is_rewrite_line(name) && self.rewriting.last() != Some(&self.block()) {
            self.rewriting.push(self.block());
        }
        if !matches!(directive.shape(), Shape::Block | Shape::Unfinished) || !directive.is_section() {
            return;
        }
        match Section::opened_by(name) {
            // What it stands for is another module's.
            Some(Section::Other) => {}
            Some(Section::VirtualHost) => {
                self.begin_server(Some(node));
                self.open(Section::VirtualHost, Some(node));
                walk.enter(node);
            }
            Some(section) => {
                self.open(section, Some(node));
                walk.enter(node);
            }
            None if name != NameId::UNKNOWN => {
                self.open.push(Open::Transparent);
                walk.enter(node);
            }
            None => {}
        }
    }

    fn check(&mut self, directive: Directive<'t>, node: NodeRef) {
        let name = directive.name_id();
        if directive.is_section()
            && name != NameId::UNKNOWN
            && !directive.has_bracket()
            && directive.arg_count() > 0
        {
            let message = format!("{}> directive missing closing '>'", directive.name_word().show());
            return self.refuse(node, message, RefusalKind::Other);
        }
        if let Some(module) = self.missing_module(name) {
            let shown = directive.name_word().show();
            let message = format!(
                "Invalid command '{shown}', perhaps misspelled or defined by a module not included in the server configuration"
            );
            return self.refuse(node, message, RefusalKind::NotLoaded(module));
        }
        if directive.args().any(|word| word.is_hole()) {
            return;
        }
        if name == names::LOAD_MODULE
            && let (Some(module), Some(file)) = (directive.arg(0), directive.arg(1))
            && let Some(needed) = linking::lacks(&self.tree.reading.modules, &module_file(&module.show()))
        {
            let message = format!(
                "Cannot load {} into server: it needs {needed}, which is not loaded yet",
                file.show()
            );
            return self.refuse(node, message, RefusalKind::Unlinked(needed));
        }
        if name == names::REQUIRE
            && let Some((provider, module)) =
                directives::unknown_provider(directive, &self.tree.reading.modules)
        {
            let message = format!("Unknown Authz provider: {provider}");
            return self.refuse(node, message, RefusalKind::NotLoaded(module));
        }
        if matches!(name, names::IF | names::ELSE_IF)
            && let Err(message) = Expr::parse(&expression(directive))
        {
            let message = format!("Cannot parse condition clause: {message}");
            return self.refuse(node, message, RefusalKind::Other);
        }
        let mut words = std::mem::take(&mut self.words);
        words.extend(directive.args().map(|word| word.value()));
        let refusal = check::refusal(name, &words, &self.around);
        words.clear();
        self.words = words;
        if let Some(message) = refusal {
            self.refuse(node, message, RefusalKind::Other);
        }
    }

    /// The module whose directive this is, where none that has it is loaded; empty where nobody has it.
    fn missing_module(&mut self, name: NameId) -> Option<&'static str> {
        let Some(form) = directives::form(name) else {
            return self.knows_all.then_some("");
        };
        let modules = &self.tree.reading.modules;
        *self.missing[name.0 as usize].get_or_insert_with(|| {
            let missing = |module: &&str| modules.presence(module) == Presence::NotLoaded;
            (!form.modules.is_empty() && form.modules.iter().all(missing)).then(|| form.modules[0])
        })
    }

    fn refuse(&mut self, node: NodeRef, message: String, kind: RefusalKind) {
        let at_top = self.around.sections.len() <= 1;
        self.config.refusals.push(Refusal { node, message, kind, at_top });
    }

    fn finish(mut self) -> Config {
        let tree = self.tree;
        for (message, node) in tree.reading.refusals.iter().map(|(node, message)| (message.clone(), *node)) {
            self.refuse(node, message, RefusalKind::Other);
        }
        for block in std::mem::take(&mut self.rewriting) {
            let read = Rewriting::read(tree, &self.config, block);
            let at_top = self.config.block(block).section == Section::Main;
            let refused = read.refusals.iter().cloned();
            let kind = RefusalKind::Other;
            self.config.refusals.extend(refused.map(|(node, message)| Refusal {
                node,
                message,
                kind,
                at_top,
            }));
            self.config.rewriting.insert(block, read);
        }
        for (index, proxies) in std::mem::take(&mut self.proxies).into_iter().enumerate() {
            let (proxies, refusals) = proxies.finish();
            self.config.refusals.extend(refusals);
            let block = self.config.servers[index].block;
            let name = self.config.last(block, names::SERVER_NAME);
            let aliases: Vec<NodeRef> = self.config.own(block, names::SERVER_ALIAS).collect();
            let id = ServerId(index as u32);
            let timeout = self.config.read_time(tree, id, names::TIMEOUT);
            let proxy_timeout = self.config.read_time(tree, id, names::PROXY_TIMEOUT);
            let server = &mut self.config.servers[index];
            (server.timeout, server.proxy_timeout) = (timeout, proxy_timeout);
            server.proxies = proxies;
            server.read_names(tree, name, aliases.into_iter());
        }
        let main = self.config.main().block;
        let is_main = MAIN_ONLY.iter().any(|&name| self.config.last(main, name).is_some());
        self.config.fragment = !is_main && !tree.reading.modules.shows_loading();
        self.config.complete &= !self.config.fragment;
        if self.config.fragment {
            self.config.refusals.retain(|refusal| !refusal.at_top || refusal.kind != RefusalKind::Other);
        }
        self.config
    }
}
