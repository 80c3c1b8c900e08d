//! Where a handshake arrives in one server, which rules ask. Knows neither sockets nor what a backend says.

use super::{End, Entrance, Hop, Request, Tracer, Unknown, Url, sockets};
use crate::effective::BlockId;
use crate::effective::nginx::names;
use crate::tree::NodeRef;

/// Where a handshake arrives in one server.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// At this directive, which sends it on.
    Sent { by: NodeRef, hop: Hop },
    /// The server answers by itself; no status where it says nothing that is HTTP.
    Answered { status: Option<u16>, why: String, hop: Hop },
    /// It depends on this.
    Unknown(String),
}

impl Tracer<'_> {
    /// Where a handshake for a path and query arrives that comes to this server by its first name; nothing is followed
    /// further. No file outside the linted root is taken to have such a path.
    pub fn arrive(&self, server: BlockId, target: &[u8]) -> Arrival {
        self.arrive_as(server, &self.plain_name(server), target)
    }

    /// The same for another name of the server.
    pub fn arrive_as(&self, server: BlockId, host: &str, target: &[u8]) -> Arrival {
        self.enter(server, host, target, &[], Entrance { assumes_no_files: true, ..Entrance::default() })
    }

    /// The same for a handshake of which `headers` replace those of the same name.
    pub fn arrive_with(&self, server: BlockId, target: &[u8], headers: &[(String, String)]) -> Arrival {
        let entrance = Entrance { assumes_no_files: true, ..Entrance::default() };
        self.enter(server, &self.plain_name(server), target, headers, entrance)
    }

    /// The location that a path finds by itself, before anything rewrites it, and whether it is answered there by a
    /// redirect to its slash. None where that is not known.
    pub fn found(&self, server: BlockId, path: &[u8]) -> Option<(Option<BlockId>, bool)> {
        if self.config.block(server).opaque {
            return None;
        }
        let found = super::location::search(self, path, server, &mut None).ok()?;
        Some((found.block, found.redirect))
    }

    /// Where a subrequest that a handshake makes arrives, as `auth_request` and `mirror` send it.
    pub fn subrequest(&self, server: BlockId, host: &str, target: &[u8]) -> Arrival {
        self.enter(
            server,
            host,
            target,
            &[],
            Entrance { internal: true, assumes_no_files: true, ..Entrance::default() },
        )
    }

    fn enter(
        &self,
        server: BlockId,
        host: &str,
        target: &[u8],
        headers: &[(String, String)],
        entrance: Entrance,
    ) -> Arrival {
        let request = Request::handshake(&self.url(server, host, target), headers);
        let mut hop = Hop { request_line: request.request_line(), ..Hop::default() };
        match self.serve(server, &request, &mut hop, entrance) {
            Ok(End::Proxied(proxied)) => match proxied.by {
                Some(by) => {
                    hop.upstream = Some(proxied.upstream);
                    Arrival::Sent { by, hop }
                }
                None => Arrival::Unknown("a stream".to_string()),
            },
            Ok(End::Answer { status, why }) => Arrival::Answered { status, why, hop },
            Err(Unknown(why)) => Arrival::Unknown(why),
        }
    }

    /// The names of a server that stand for one host each, and whether it has no others.
    pub fn hosts(&self, server: BlockId) -> (Vec<String>, bool) {
        let words =
            || self.config.own(server, names::SERVER_NAME).flat_map(|node| self.tree.directive(node).args());
        let is_plain = |name: &String| {
            !name.is_empty() && name != "_" && !name.starts_with(['~', '.', '$']) && !name.contains('*')
        };
        let plain: Vec<String> =
            words().filter(|word| !word.is_hole()).map(|word| word.show()).filter(is_plain).collect();
        let all = !plain.is_empty() && plain.len() == words().count() && !self.config.block(server).opaque;
        (plain, all)
    }

    /// A URL at which a client reaches a server.
    fn url(&self, server: BlockId, host: &str, target: &[u8]) -> Url {
        Url {
            text: String::new(),
            tls: self.is_tls(server),
            host: host.to_string(),
            port: self.first_port(server),
            target: target.to_vec(),
        }
    }

    /// The handshake of a client that knows a server by its first name.
    pub(super) fn request(&self, server: BlockId, target: &[u8]) -> Request {
        Request::handshake(&self.url(server, &self.plain_name(server), target), &[])
    }

    /// A host that the server answers to: its first name without wildcards, or what stands for one.
    fn plain_name(&self, server: BlockId) -> String {
        let words =
            self.config.own(server, names::SERVER_NAME).flat_map(|node| self.tree.directive(node).args());
        let names: Vec<String> =
            words.map(|word| word.show()).filter(|name| !name.starts_with('~')).collect();
        let wild = || names.iter().find(|name| !name.is_empty());
        match self.hosts(server).0.first().or_else(wild) {
            Some(name) => name.trim_start_matches('.').replace('*', "any"),
            None => "localhost".to_string(),
        }
    }

    fn first_port(&self, server: BlockId) -> u16 {
        let listen =
            self.config.own(server, names::LISTEN).next().and_then(|node| self.tree.directive(node).arg(0));
        listen.as_ref().and_then(sockets::port).unwrap_or(80)
    }

    /// Whether the server's first listening socket is one for TLS.
    pub fn is_tls(&self, server: BlockId) -> bool {
        let listen = self.config.own(server, names::LISTEN).next();
        listen.is_some_and(|node| self.tree.directive(node).args().skip(1).any(|word| word.is("ssl")))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::effective::Target;
    use crate::effective::nginx::directives::{SERVER, name_id};
    use crate::effective::nginx::{Config, NEWEST};
    use crate::handshake::Roots;
    use crate::source::files::Memory;
    use crate::tree::{Limits, Options, Tree};

    const TEXT: &str = "events {}
        http {
            server {
                listen 80;
                server_name a.test b.test *.c.test;
                root /srv;
                if ($host = a.test) { return 301 https://b.test$request_uri; }
                if ($http_x_old) { rewrite ^ /old last; }
                location /ws/ { rewrite ^/ws/x /y? permanent; proxy_pass http://127.0.0.1:9; }
                location /files { try_files $uri @app; }
                location @app { proxy_pass http://127.0.0.1:9; }
                location = /auth { internal; proxy_pass http://127.0.0.1:9; }
            }
        }";

    fn with_tracer(test: impl FnOnce(&Tracer, BlockId)) {
        let files = Memory::default().with("/n/nginx.conf", TEXT);
        let options = Options {
            prefix: "/n".into(),
            root: "/n".into(),
            maps: Vec::new(),
            limits: Limits::default(),
            apache: None,
        };
        let tree = Tree::read(&files, Path::new("/n/nginx.conf"), name_id, &options).expect("readable");
        let config = Config::new(&tree, Target::default());
        let roots = Roots { root: "/n".into(), prefix: "/n".into(), maps: Vec::new() };
        let server = config.blocks().find(|(_, block)| block.context == SERVER).expect("a server").0;
        test(&Tracer::new(&tree, &config, &files, &roots, NEWEST), server);
    }

    fn redirect(arrival: Arrival) -> Option<String> {
        let Arrival::Answered { status: Some(301), hop, .. } = arrival else { panic!("{arrival:?}") };
        hop.redirect.map(|target| String::from_utf8_lossy(&target).into_owned())
    }

    #[test]
    fn a_redirect_tells_where_it_leads() {
        with_tracer(|tracer, server| {
            let asked = |host: &str, path: &str| redirect(tracer.arrive_as(server, host, path.as_bytes()));
            assert_eq!(asked("a.test", "/ws/?q=1").as_deref(), Some("https://b.test/ws/?q=1"));
            assert_eq!(asked("b.test", "/ws/x?q=1").as_deref(), Some("/y"));
            assert_eq!(asked("b.test", "/ws").as_deref(), Some("/ws/"));
        });
    }

    #[test]
    fn the_way_names_its_locations_and_every_condition() {
        with_tracer(|tracer, server| {
            let Arrival::Sent { hop, .. } = tracer.arrive_as(server, "b.test", b"/files/x") else { panic!() };
            assert_eq!(hop.locations.len(), 2);
            assert_eq!(hop.conditions.len(), 2);
            assert!(hop.steps.iter().all(|step| step.by.is_some()));
        });
    }

    #[test]
    fn only_a_subrequest_enters_an_internal_location() {
        with_tracer(|tracer, server| {
            assert!(matches!(
                tracer.arrive_as(server, "b.test", b"/auth"),
                Arrival::Answered { status: Some(404), .. }
            ));
            assert!(matches!(tracer.subrequest(server, "b.test", b"/auth"), Arrival::Sent { .. }));
        });
    }

    #[test]
    fn a_servers_hosts_are_its_names_without_wildcards() {
        with_tracer(|tracer, server| {
            assert_eq!(tracer.hosts(server), (vec!["a.test".to_string(), "b.test".to_string()], false));
        });
    }
}
