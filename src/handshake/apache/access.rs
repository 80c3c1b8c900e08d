//! Who is let in: Require, the older Order/Deny/Allow, AuthType, methods, TLS. Takes a browser that sends no
//! credentials and whose address is not known, unless it is said to be welcome.

use super::{Go, Outcome, Session};
use crate::effective::BlockId;
use crate::effective::apache::directives::Section;
use crate::effective::apache::expr::{Expr, Subnet};
use crate::effective::apache::names;
use crate::syntax::NameId;
use crate::tree::NodeRef;

/// What a check says; None where that is not known.
type Allowed = Option<bool>;

impl Session<'_> {
    pub(super) fn check_access(&mut self) -> Go {
        let checks = || {
            self.check_methods()?;
            self.check_tls_required()?;
            self.check_addresses()
        };
        let checked = checks();
        let is_enough = self.satisfies_any();
        match checked {
            Ok(()) if is_enough => Ok(()),
            Err(Outcome::Answered { .. }) if is_enough => self.check_requirements(),
            Err(outcome) => Err(outcome),
            Ok(()) => self.check_requirements(),
        }
    }

    /// `Satisfy Any`: one kind of check is enough.
    fn satisfies_any(&self) -> bool {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let node = config.in_sections(&self.sections, self.server, names::SATISFY);
        let word = node.and_then(|node| tree.directive(node).arg(0));
        word.is_some_and(|word| word.value().eq_ignore_ascii_case(b"any"))
    }

    fn check_methods(&self) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let allowed = self.sections.iter().rev().find_map(|&block| config.last(block, names::ALLOW_METHODS));
        let Some(node) = allowed else { return Ok(()) };
        let lets = tree.directive(node).args().any(|word| {
            word.is_hole()
                || word.value().eq_ignore_ascii_case(b"reset")
                || *word.value() == *self.request.method
        });
        match lets {
            true => Ok(()),
            false => {
                Err(Outcome::answered(405, "AllowMethods does not name the handshake's GET", Some(node)))
            }
        }
    }

    fn check_tls_required(&self) -> Go {
        let config = self.tracer.config;
        let required = self.sections.iter().find_map(|&block| config.last(block, names::SSL_REQUIRE_SSL));
        match required {
            Some(node) if !self.request.tls => {
                Err(Outcome::answered(403, "SSLRequireSSL, and the request came without TLS", Some(node)))
            }
            _ => Ok(()),
        }
    }

    /// Order, Deny and Allow of the last section that has any.
    fn check_addresses(&self) -> Go {
        let (tree, config) = (self.tracer.tree, self.tracer.config);
        let lists = |block: BlockId| {
            config
                .all(block)
                .iter()
                .any(|entry| matches!(entry.name, names::ORDER | names::DENY | names::ALLOW))
        };
        let Some(&block) = self.sections.iter().rev().find(|&&block| lists(block)) else { return Ok(()) };
        let holds = |name: NameId| -> Allowed {
            let mut known = Some(false);
            for node in config.own(block, name) {
                for word in tree.directive(node).args().skip(1) {
                    let word = word.value().to_ascii_lowercase();
                    let holds =
                        Subnet::parse(&word).zip(self.client()).map(|(net, client)| net.holds(client));
                    match (&word[..], holds) {
                        (b"all", _) | (_, Some(true)) => return Some(true),
                        (_, Some(false)) => {}
                        _ => known = None,
                    }
                }
            }
            known
        };
        let order = config.last(block, names::ORDER).and_then(|node| tree.directive(node).arg(0));
        let order = order.map(|word| word.value().to_ascii_lowercase()).unwrap_or_default();
        let (deny, allow) = (holds(names::DENY), holds(names::ALLOW));
        let allowed = match order.as_slice() {
            b"allow,deny" | b"mutual-failure" => match (allow, deny) {
                (Some(false), _) | (_, Some(true)) => Some(false),
                (Some(true), Some(false)) => Some(true),
                _ => None,
            },
            _ => match (deny, allow) {
                (Some(false), _) | (_, Some(true)) => Some(true),
                (Some(true), Some(false)) => Some(false),
                _ => None,
            },
        };
        let at = config.last(block, names::DENY).or_else(|| config.last(block, names::ORDER));
        match allowed {
            Some(false) => Err(Outcome::answered(403, "Deny keeps every client out", at)),
            None if !self.is_welcome => Err(Outcome::unknown("the client's address", at)),
            _ => Ok(()),
        }
    }

    /// `Require` of the last section that has any, those around merged where `AuthMerging` says so.
    fn check_requirements(&self) -> Go {
        let config = self.tracer.config;
        let mut answer: Option<(Answer, BlockId)> = None;
        for &block in &self.sections {
            let merging = config.last(block, names::AUTH_MERGING);
            let requires = self.requirements(block).next().is_some();
            let own = requires.then(|| (self.any_of(block), block));
            let merging = merging.and_then(|node| self.tracer.tree.directive(node).arg(0));
            let merging = merging.map(|word| word.value().to_ascii_lowercase()).unwrap_or_default();
            let merge: fn(std::array::IntoIter<Answer, 2>) -> Answer = match &merging[..] {
                b"and" => all,
                b"or" => any,
                b"" if !requires => continue,
                _ => {
                    answer = own;
                    continue;
                }
            };
            answer = match (answer, own) {
                (Some((outer, _)), Some((own, block))) => Some((merge([outer, own].into_iter()), block)),
                (outer, own) => own.or(outer),
            };
        }
        let Some((answer, block)) = answer else { return self.check_needless_login() };
        let answer = match answer {
            Answer::NeedsUser | Answer::Unknown if self.is_welcome => Answer::Granted,
            answer => answer,
        };
        let at = config.last(block, names::REQUIRE).or(config.block(block).node);
        match answer {
            Answer::Granted => Ok(()),
            Answer::NeedsUser => match self.auth_type() {
                Some(_) => {
                    Err(Outcome::answered(401, "the client must log in, which a page's WebSocket cannot", at))
                }
                None => Err(Outcome::answered(500, "a user is required and no AuthType is in force", at)),
            },
            Answer::Unknown => Err(Outcome::unknown("whom Require lets in", at)),
            _ => Err(Outcome::answered(403, "Require keeps the client out", at)),
        }
    }

    fn check_needless_login(&self) -> Go {
        match self.auth_type() {
            Some(at) => Err(Outcome::answered(500, "AuthType is in force and nothing is required", Some(at))),
            None => Ok(()),
        }
    }

    fn auth_type(&self) -> Option<NodeRef> {
        let node = self.tracer.config.in_sections(&self.sections, self.server, names::AUTH_TYPE)?;
        let word = self.tracer.tree.directive(node).arg(0)?;
        (!word.value().eq_ignore_ascii_case(b"none")).then_some(node)
    }

    /// Blocks and lines directly in a block that ask something of the client, `<Limit>` looked into.
    fn requirements(&self, block: BlockId) -> impl Iterator<Item = Asked> + '_ {
        let config = self.tracer.config;
        let lines = config.own(block, names::REQUIRE).map(Asked::Line);
        let inner = config.children(block).filter_map(move |inner| match config.block(inner).section {
            Section::RequireAll | Section::RequireAny | Section::RequireNone => Some(Asked::Block(inner)),
            Section::Limit | Section::LimitExcept if self.is_limited(inner) => Some(Asked::Block(inner)),
            _ => None,
        });
        lines.chain(inner)
    }

    /// Whether a `<Limit>` or `<LimitExcept>` is about the request's method.
    fn is_limited(&self, block: BlockId) -> bool {
        let config = self.tracer.config;
        let Some(node) = config.block(block).node else { return false };
        let names_it = self.tracer.tree.directive(node).args().any(|word| {
            // HEAD is limited together with GET.
            *word.value() == *self.request.method
        });
        names_it != (config.block(block).section == Section::LimitExcept)
    }

    fn any_of(&self, block: BlockId) -> Answer {
        any(self.requirements(block).map(|asked| self.answer(asked)))
    }

    fn all_of(&self, block: BlockId) -> Answer {
        all(self.requirements(block).map(|asked| self.answer(asked)))
    }

    fn answer(&self, asked: Asked) -> Answer {
        let block = match asked {
            Asked::Line(node) => return self.line_answer(node),
            Asked::Block(block) => block,
        };
        match self.tracer.config.block(block).section {
            Section::RequireAll => self.all_of(block),
            Section::RequireNone => match self.any_of(block) {
                Answer::Granted => Answer::Denied,
                Answer::Denied | Answer::NeedsUser | Answer::Neutral => Answer::Neutral,
                Answer::Unknown => Answer::Unknown,
            },
            _ => self.any_of(block),
        }
    }

    fn line_answer(&self, node: NodeRef) -> Answer {
        let directive = self.tracer.tree.directive(node);
        if directive.args().any(|word| word.is_hole()) {
            return Answer::Unknown;
        }
        let mut words: Vec<Vec<u8>> = directive.args().map(|word| word.value().into_owned()).collect();
        let negated = words.first().is_some_and(|word| word.eq_ignore_ascii_case(b"not"));
        if negated {
            words.remove(0);
        }
        let Some((kind, values)) = words.split_first() else { return Answer::Unknown };
        let known = |holds: bool| match (holds, negated) {
            (true, false) => Answer::Granted,
            (true, true) => Answer::Denied,
            (false, false) => Answer::Denied,
            (false, true) => Answer::Neutral,
        };
        match kind.to_ascii_lowercase().as_slice() {
            b"all" => match values.first().map(|value| value.to_ascii_lowercase()) {
                Some(value) if value == b"granted" => known(true),
                Some(value) if value == b"denied" => known(false),
                _ => Answer::Unknown,
            },
            b"method" => known(values.contains(&self.request.method)),
            b"env" => {
                let mut held = Some(false);
                for value in values {
                    match self.environment.iter().rfind(|(name, _)| name == value) {
                        Some((_, crate::effective::Value::Unknown(_))) => held = None,
                        Some(_) => return known(true),
                        None => {}
                    }
                }
                held.map_or(Answer::Unknown, known)
            }
            b"expr" => {
                let text = match values {
                    [only] => only.clone(),
                    _ => directive
                        .args()
                        .skip(1 + usize::from(negated))
                        .map(|word| word.raw().to_vec())
                        .collect::<Vec<_>>()
                        .join(&b' '),
                };
                match Expr::parse(&text).and_then(|expr| expr.holds(&self.view())) {
                    Ok(holds) => known(holds),
                    Err(_) => Answer::Unknown,
                }
            }
            b"ip" => match self.client() {
                None => Answer::Unknown,
                Some(client) => {
                    let mut networks = values.iter().filter_map(|value| Subnet::parse(value));
                    known(networks.any(|network| network.holds(client)))
                }
            },
            b"local" => self.client().map_or(Answer::Unknown, |_| known(true)),
            b"ssl" => known(self.request.tls),
            b"valid-user" | b"user" | b"group" | b"ldap-user" | b"ldap-group" | b"dbm-group"
            | b"file-group" | b"file-owner" => Answer::NeedsUser,
            _ => Answer::Unknown,
        }
    }
}

/// What is said where one is enough.
fn any<I: Iterator<Item = Answer>>(answers: I) -> Answer {
    let order = [Answer::Neutral, Answer::Denied, Answer::NeedsUser, Answer::Unknown, Answer::Granted];
    most(answers, order)
}

/// What is said where all must let the client in.
fn all<I: Iterator<Item = Answer>>(answers: I) -> Answer {
    let order = [Answer::Neutral, Answer::Granted, Answer::NeedsUser, Answer::Unknown, Answer::Denied];
    most(answers, order)
}

/// The answer that stands last in `order`.
fn most(answers: impl Iterator<Item = Answer>, order: [Answer; 5]) -> Answer {
    let rank = |answer: &Answer| order.iter().position(|other| other == answer);
    answers.max_by_key(rank).unwrap_or(Answer::Neutral)
}

enum Asked {
    Line(NodeRef),
    Block(BlockId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Granted,
    Denied,
    /// Somebody must log in first.
    NeedsUser,
    /// It says nothing.
    Neutral,
    Unknown,
}
