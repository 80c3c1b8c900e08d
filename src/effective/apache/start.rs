//! What keeps httpd from starting though its own test passes: what modules check once all is read. Knows no request.

use super::{Config, Refusal, RefusalKind, names};
use crate::tree::{NodeRef, Tree};

/// The first thing that stops the server, in its words.
pub fn refusal(tree: &Tree, config: &Config) -> Option<Refusal> {
    let modules = config.modules(tree);
    let refuse = |node: NodeRef, kind: RefusalKind, message: &str| {
        Some(Refusal { node, message: message.to_string(), kind, at_top: false })
    };
    if let Some(at) = modules.loaded_at("mod_proxy_balancer.c") {
        if modules.is_missing("mod_slotmem_shm.c") {
            let message = "Failed to lookup provider 'shm' for 'slotmem': is mod_slotmem_shm loaded??";
            return refuse(at, RefusalKind::Balancer, message);
        }
        for server in &config.servers {
            for balancer in &server.proxies.balancers {
                let method = balancer.params.get("lbmethod");
                if method.is_none() && modules.is_missing("mod_lbmethod_byrequests.c") {
                    return refuse(balancer.at, RefusalKind::Balancer, "Cannot find LB Method: byrequests");
                }
            }
        }
    }
    for id in config.server_ids() {
        let Some(engine) = config.last(config.server(id).block, names::SSL_ENGINE) else { continue };
        let is_on = config.flag(tree, Some(engine)) == Some(true);
        let lacks = config.in_force(id, names::SSL_CERTIFICATE_FILE).is_none();
        if is_on && lacks && config.complete && !has_managed_domains(config) {
            return refuse(
                engine,
                RefusalKind::Other,
                "Failed to configure at least one certificate and key",
            );
        }
    }
    let listens = config.last(config.main().block, names::LISTEN).is_some();
    match (listens, modules.shows_loading() && config.complete, config.all(config.main().block).first()) {
        (false, true, Some(first)) => {
            refuse(first.node, RefusalKind::Other, "no listening sockets available, shutting down")
        }
        _ => None,
    }
}

const MDOMAIN: crate::syntax::NameId = super::directives::known("MDomain");

/// mod_md provides certificates by itself.
fn has_managed_domains(config: &Config) -> bool {
    let main = config.main().block;
    config.last(main, MDOMAIN).is_some() || config.last(main, names::MDOMAIN_SET).is_some()
}
