//! Who is let in: `allow` and `deny`, passwords, `auth_request`, and `satisfy` over them. Knows no other phase.

use std::net::IpAddr;

use super::{Flow, Followed, Passage, Unknown};
use crate::effective::Setting;
use crate::effective::nginx::names;
use crate::syntax::NameId;
use crate::tree::NodeRef;

/// What one of the checks says.
enum Says {
    /// It has nothing to check.
    Nothing,
    Yes,
    No(u16, String),
    /// It depends on this.
    Perhaps(String),
}

impl Passage<'_, '_> {
    /// None where the request is let in.
    pub(super) fn access(&mut self) -> Followed<Option<Flow>> {
        let any = self.in_force(names::SATISFY).is_some_and(|node| self.says(node, "any"));
        let all = [self.by_address(), self.by_password(), self.by_certificate(), self.by_request()];
        if any {
            return self.any_of(all);
        }
        for says in all {
            match says {
                Says::Nothing | Says::Yes => {}
                Says::No(status, why) => return Ok(Some(Flow::Fail { status, why })),
                Says::Perhaps(why) => return Err(Unknown(why)),
            }
        }
        Ok(None)
    }

    /// `satisfy any`: one yes is enough; among refusals 401 is the one that is told.
    fn any_of(&self, all: [Says; 4]) -> Followed<Option<Flow>> {
        let mut refused: Option<(u16, String)> = None;
        let mut perhaps = None;
        for says in all {
            match says {
                Says::Nothing => {}
                Says::Yes => return Ok(None),
                Says::No(status, why) if refused.as_ref().is_none_or(|(known, _)| *known != 401) => {
                    refused = Some((status, why));
                }
                Says::No(..) => {}
                Says::Perhaps(why) => perhaps = Some(why),
            }
        }
        match (perhaps, refused) {
            (Some(why), _) => Err(Unknown(why)),
            (None, Some((status, why))) => Ok(Some(Flow::Fail { status, why })),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn in_force(&self, name: NameId) -> Option<NodeRef> {
        match self.tracer.config.nearest(self.block, name) {
            Setting::Written { at, .. } => Some(at),
            _ => None,
        }
    }

    /// Whether the directive's first word is this one, in any case.
    pub(super) fn says(&self, node: NodeRef, text: &str) -> bool {
        let word = self.tracer.tree.directive(node).arg(0);
        word.is_some_and(|word| word.value().eq_ignore_ascii_case(text.as_bytes()))
    }

    fn by_address(&self) -> Says {
        let config = self.tracer.config;
        let has_rules =
            |level| config.own(level, names::ALLOW).len() + config.own(level, names::DENY).len() > 0;
        let Some(level) = config.chain(self.block).find(|&level| has_rules(level)) else {
            return Says::Nothing;
        };
        let Some(node) = config.block(level).node else { return Says::Nothing };
        for rule in self.tracer.tree.children(node) {
            let name = self.tracer.tree.directive(rule).name_id();
            if name != names::ALLOW && name != names::DENY {
                continue;
            }
            if config.is_conditional(rule) {
                return Says::Perhaps("which rules the template writes".to_string());
            }
            let word = self.tracer.tree.directive(rule).arg(0).filter(|word| !word.is_hole());
            let all = self.says(rule, "all");
            let here = match (self.session.client(), word) {
                _ if all => Some(true),
                (Some(client), Some(word)) => is_in(client, &word.show()),
                _ => None,
            };
            match here {
                None => return Says::Perhaps("the client's address".to_string()),
                Some(false) => {}
                Some(true) if name == names::ALLOW => return Says::Yes,
                Some(true) if all => return Says::No(403, "`deny all` keeps everybody out".to_string()),
                Some(true) => return Says::No(403, "`deny` keeps the client's address out".to_string()),
            }
        }
        Says::Nothing
    }

    fn by_password(&self) -> Says {
        match self.in_force(names::AUTH_BASIC).filter(|&node| !self.says(node, "off")) {
            None => Says::Nothing,
            Some(node) if self.tracer.config.is_conditional(node) => {
                Says::Perhaps("whether the template asks for a password".to_string())
            }
            Some(_) if self.session.request.header(b"authorization").is_some() => {
                Says::Perhaps("whether the password is right".to_string())
            }
            Some(_) => {
                Says::No(401, "`auth_basic` asks for a password, and this handshake brings none".to_string())
            }
        }
    }

    fn by_certificate(&self) -> Says {
        let required = self.in_force(names::SSL_VERIFY_CLIENT).is_some_and(|node| self.says(node, "on"));
        if required && self.session.request.tls {
            return Says::Perhaps("whether the client shows a certificate".to_string());
        }
        Says::Nothing
    }

    /// The answer of a subrequest is taken to let the client in, unless the subrequest itself asks its backend for an
    /// upgrade: then what happens hangs on that backend.
    fn by_request(&self) -> Says {
        let Some(node) = self.in_force(names::AUTH_REQUEST).filter(|&node| !self.says(node, "off")) else {
            return Says::Nothing;
        };
        let Some(word) = self.tracer.tree.directive(node).arg(0) else { return Says::Nothing };
        let uri = match self.evaluator.evaluate(self.block, &word.value()) {
            crate::effective::Value::Known(uri) => uri,
            crate::effective::Value::Unknown(why) => return Says::Perhaps(why),
        };
        self.subrequest(&uri)
    }

    fn subrequest(&self, uri: &[u8]) -> Says {
        let request = crate::handshake::Request { target: uri.to_vec(), ..self.session.request.clone() };
        let session = super::Session::new(self.tracer.tree, self.tracer.config, self.server, &request);
        let Ok(found) = super::location::find(self.tracer, &session, self.server) else {
            return Says::Perhaps("which location answers `auth_request`".to_string());
        };
        let Some(block) = found.block else {
            return Says::Perhaps("what `auth_request` is answered".to_string());
        };
        let config = self.tracer.config;
        if let Some(node) = config.own(block, names::RETURN).next() {
            let code = self.tracer.tree.directive(node).arg(0).map(|word| word.show()).unwrap_or_default();
            return match code.as_str() {
                "401" => Says::No(401, "`auth_request` is answered 401".to_string()),
                "403" => Says::No(403, "`auth_request` is answered 403".to_string()),
                code if code.starts_with('2') => Says::Yes,
                _ => Says::No(500, format!("`auth_request` is answered {code}")),
            };
        }
        if config.proxy_pass(block).is_none() {
            return Says::Perhaps("what `auth_request` is answered".to_string());
        }
        let evaluator = crate::effective::nginx::Evaluator::new(self.tracer.tree, config, &session);
        let level = config.inherited(block, names::PROXY_SET_HEADER).level;
        let upgrades =
            level.into_iter().flat_map(|level| config.own(level, names::PROXY_SET_HEADER)).any(|node| {
                let directive = self.tracer.tree.directive(node);
                let (Some(name), Some(value)) = (directive.arg(0), directive.arg(1)) else { return false };
                name.value().eq_ignore_ascii_case(b"upgrade")
                    && evaluator.evaluate(block, &value.value()) != crate::effective::Value::empty()
            });
        if upgrades {
            return Says::Perhaps(
                "whether the backend of `auth_request` takes its request for a handshake".to_string(),
            );
        }
        Says::Yes
    }
}

/// Whether an address is in a network as `allow` and `deny` write it; None where that is no network.
fn is_in(client: IpAddr, network: &str) -> Option<bool> {
    if network == "unix:" {
        return Some(false);
    }
    let (address, bits) = network.split_once('/').map_or((network, None), |(at, bits)| (at, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let (ours, theirs, width) = match (client, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return Some(false),
    };
    let bits: u32 = bits.map_or(Some(width), |bits| bits.parse().ok()).filter(|&bits| bits <= width)?;
    let differing = (ours ^ theirs).checked_shr(width - bits).unwrap_or(0);
    Some(differing == 0)
}

#[cfg(test)]
mod tests {
    use super::is_in;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, expected) in [
            ("127.0.0.1", Some(true)),
            ("127.0.0.0/8", Some(true)),
            ("0.0.0.0/0", Some(true)),
            ("10.0.0.0/8", Some(false)),
            ("127.0.0.0/32", Some(false)),
            ("::1", Some(false)),
            ("unix:", Some(false)),
            ("127.0.0.0/33", None),
            ("office.test", None),
        ] {
            assert_eq!(is_in("127.0.0.1".parse().expect("an address"), network), expected, "{network}");
        }
    }
}
