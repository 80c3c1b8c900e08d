//! Whether a backend can be reached, and how long a tunnel to it may be silent. Knows not what is sent.

use super::proxy::{Handler, Route};
use super::{Go, Outcome, Session};
use crate::effective::Setting;
use crate::effective::apache::url::Url;
use crate::effective::apache::{Worker, names, versions};
use crate::tree::NodeRef;

/// Why there is no TLS to a backend.
pub const PROXY_TLS_OFF: &str = "TLS to the backend, and SSLProxyEngine is not on";
pub const NO_AUTHORITIES: &str = "SSLProxyVerify require, and no authority's certificate to verify with";
pub const NAME_IS_ADDRESS: &str =
    "the backend's certificate is checked against its name, and an IP address never matches";

impl Session<'_> {
    /// `ProxyBlock`
    pub(super) fn check_blocked(&self, url: &Url, by: NodeRef) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        for level in self.levels() {
            for node in config.own(level, names::PROXY_BLOCK) {
                let hit = tree.directive(node).args().any(|word| {
                    let word = word.value().to_ascii_lowercase();
                    word == b"*" || memchr::memmem::find(url.host().as_bytes(), &word).is_some()
                });
                if hit {
                    return Err(Outcome::answered(403, "ProxyBlock names the backend", Some(node)));
                }
            }
            let remote = config.own(level, names::PROXY_REMOTE).next();
            if let Some(node) = remote {
                let scheme = tree.directive(node).arg(0).map(|word| word.show()).unwrap_or_default();
                if scheme == "*"
                    || scheme.eq_ignore_ascii_case(url.scheme())
                    || url_text(url).starts_with(&scheme)
                {
                    return Err(Outcome::unknown("the proxy that ProxyRemote sends it to", Some(by)));
                }
            }
        }
        Ok(())
    }

    pub(super) fn check_proxy_tls(&self, route: &Route, by: NodeRef, nobody: &dyn Fn() -> Outcome) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let modules = config.modules(tree);
        if modules.is_missing("mod_ssl.c") {
            return Err(nobody());
        }
        let flag = |name, default| {
            config.flag(tree, config.in_sections(&self.sections, self.server, name)).unwrap_or(default)
        };
        let engine = config.in_sections(&self.sections, self.server, names::SSL_PROXY_ENGINE);
        match engine {
            None if !config.complete => {
                return Err(Outcome::unknown(
                    "whether SSLProxyEngine is on in a file that was not seen",
                    Some(by),
                ));
            }
            engine if config.is_opaque(tree, engine) => {
                return Err(Outcome::unknown("what a template makes of SSLProxyEngine", engine));
            }
            engine if config.flag(tree, engine) != Some(true) => {
                let why = PROXY_TLS_OFF;
                return Err(Outcome::answered(500, why, engine.or(Some(by))));
            }
            _ => {}
        }
        let verify = config.in_sections(&self.sections, self.server, names::SSL_PROXY_VERIFY);
        let requires = verify.and_then(|node| tree.directive(node).arg(0));
        let requires = requires.is_some_and(|word| word.value().eq_ignore_ascii_case(b"require"));
        let authorities = [names::SSL_PROXY_CA_CERTIFICATE_FILE, names::SSL_PROXY_CA_CERTIFICATE_PATH];
        let knows_any = |name| config.in_sections(&self.sections, self.server, name).is_some();
        if requires && !authorities.into_iter().any(knows_any) {
            let why = NO_AUTHORITIES;
            return Err(Outcome::answered(500, why, verify));
        }
        let checks_names =
            flag(names::SSL_PROXY_CHECK_PEER_NAME, true) && flag(names::SSL_PROXY_CHECK_PEER_CN, true);
        let is_address = route.url.bare_host().parse::<std::net::IpAddr>().is_ok();
        let names = [names::SSL_PROXY_CHECK_PEER_NAME, names::SSL_PROXY_CHECK_PEER_CN];
        let lines = names.map(|name| config.in_sections(&self.sections, self.server, name));
        if checks_names && is_address && lines.into_iter().any(|line| config.is_opaque(tree, line)) {
            return Err(Outcome::unknown("whether a template has the certificate's name checked", Some(by)));
        }
        if checks_names && is_address {
            let why = NAME_IS_ADDRESS;
            return Err(Outcome::answered(500, why, Some(by)));
        }
        Ok(())
    }

    /// `Timeout 0` waits for no connection.
    pub(super) fn failure(&self, route: &Route) -> Option<Outcome> {
        let has_time = route.worker.is_some_and(|worker| worker.params.timeout().is_some())
            || self.tracer.config.in_force(self.server, names::PROXY_TIMEOUT).is_some();
        let at = self.no_time.filter(|_| !has_time)?;
        Some(Outcome::answered(503, "`Timeout 0` waits for no connection to a backend", Some(at)))
    }

    pub(super) fn idle_limit(&self, worker: Option<&Worker>, handler: Handler) -> Option<u64> {
        if handler == Handler::Wstunnel {
            return None;
        }
        let config = self.tracer.config;
        let value = |setting: Setting<u64>| match setting {
            Setting::Written { value, .. } | Setting::Default { value, .. } => Some(value),
            Setting::Absent | Setting::Opaque => None,
        };
        let client = value(config.timeout(self.server))?;
        let backend = value(config.backend_timeout(self.server, worker))?;
        Some(match self.tracer.version < versions::LONGER_IDLE_LIMIT {
            true => client.min(backend),
            false => client.max(backend),
        })
    }
}

/// A name that no name server knows.
pub(super) fn check_name(url: &Url, by: NodeRef) -> Go {
    let why = match url.host() {
        host if host.contains("${") => {
            "a variable that nothing defines stands for the host, and no name is looked up like that"
        }
        host if host.contains(':') && host.contains(['?', '#']) => {
            return Err(Outcome::answered(400, "the target has no host, or no port, that is one", Some(by)));
        }
        host if host.contains(':') && !host.starts_with('[') => {
            "the host is none that could be looked up: what stands behind its colon is no port"
        }
        _ => return Ok(()),
    };
    match url.socket {
        Some(_) => Ok(()),
        None => Err(Outcome::answered(500, why, Some(by))),
    }
}

fn url_text(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.authority())
}
