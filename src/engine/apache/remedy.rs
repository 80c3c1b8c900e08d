//! Lines that several rules about httpd tell to write. Knows the lines, not when.

use super::Facts;
use crate::effective::apache::names;
use crate::engine::fixes::Repair;
use crate::finding::Fix;
use crate::routes::{By, Route};
use crate::tree::NodeRef;

impl<'a> Facts<'a> {
    /// One more line in the server that a route belongs to: below the line that proxies where that stands right in it,
    /// else where the server begins.
    pub fn in_server(&self, route: &Route, line: &str) -> Repair<'a> {
        let server = self.config.server(self.server_of(route));
        let repair = self.repair();
        match server.node {
            _ if self.config.all(server.block).iter().any(|entry| entry.node == route.node) => {
                repair.above(route.node, &[line])
            }
            Some(node) => repair.inside(node, &[line]),
            None => match self.config.block(route.block).node {
                Some(section) => repair.above(section, &[line]),
                None => repair.above(route.node, &[line]),
            },
        }
    }

    /// A condition more for a rewrite rule, so that it leaves a route's path alone.
    pub fn guarded(&self, route: &Route, rule: NodeRef, path: &str) -> Option<Fix> {
        let own = self.config.server(self.server_of(route)).block;
        let conditions = [own, self.config.main().block].into_iter().find_map(|block| {
            let rules = &self.config.rewriting(block)?.rules;
            let line = rules.iter().find(|line| line.at == rule)?;
            Some(line.conditions.first().map(|first| first.at))
        })?;
        let condition = unless_path(path);
        let repair = self.repair().unless(matches!(route.by, By::Rewrite { .. }));
        let repair = repair.above(conditions.unwrap_or(rule), &[&condition]);
        match path {
            "/" => repair.safe(format!("write `{condition}` above it")),
            _ => repair.risky(format!(
                "write `{condition}` above it; other requests for `{path}` are left alone too"
            )),
        }
    }

    /// One more line that loads a module: below the last that loads one.
    pub fn loading(&self, module: &str) -> Option<Fix> {
        let last = self.config.last(self.config.main().block, names::LOAD_MODULE)?;
        let line = self.load_line(module);
        self.repair()
            .below(last, &[&line])
            .risky(format!("load mod_{module}; other lines may ask for it too"))
    }
}

/// The condition that keeps a rewrite rule from handshakes for a path.
pub fn unless_path(path: &str) -> String {
    match path.strip_suffix('/').unwrap_or(path) {
        "" => "RewriteCond %{HTTP:Upgrade} !=websocket [NC]".to_string(),
        bare => format!("RewriteCond %{{REQUEST_URI}} !^{}", bare.replace('.', "\\.")),
    }
}
