//! A balancer that cannot work, or whose members let no WebSocket through. Knows members by what they are given, not
//! whether they answer.

use crate::effective::apache::params::allows;
use crate::effective::apache::start;
use crate::effective::apache::{Refusal, RefusalKind, Worker, names};
use crate::engine::apache::Facts;
use crate::engine::apache::fate::{Fate, Serving};
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::handshake::apache::Outcome;
use crate::routes::{Intent, Route};

pub static RULE: Rule = Rule {
    id: "balancer-incomplete",
    level: Level::Error,
    card: include_str!("../../rules/balancer-incomplete.md"),
    cause: Some(1),
    intent: Intent::Named,
    options: &[],
    check: Check::Both(&Check::ApacheRoute(check), &Check::ApacheTree(refusals)),
};

fn refusals(facts: &Facts, findings: &mut Vec<Finding>) {
    let start = start::refusal(facts.tree, facts.config);
    let all = facts.config.refusals.iter().chain(&start);
    for refusal in all.filter(|refusal| refusal.kind == RefusalKind::Balancer) {
        let finding = refused(facts, refusal).labels(facts.included_from(refusal.node.graft));
        findings.push(facts.with_server_line(finding, refusal.node));
    }
}

fn refused(facts: &Facts, refusal: &Refusal) -> Finding {
    let node = refusal.node;
    let directive = facts.directive(node);
    let has = |begins: &str| facts.word(node, begins) != facts.head(node);
    match directive.name_id() {
        names::LOAD_MODULE => {
            let finding = RULE.refusal(facts.head(node), refusal.message.clone());
            finding
                .here("it keeps its balancers in shared memory")
                .fix(facts.loading("slotmem_shm"))
                .help(format!("load it\n{}", facts.load_line("slotmem_shm")))
        }
        _ if refusal.message.contains("byrequests") => {
            let finding = RULE.refusal(facts.head(node), refusal.message.clone());
            finding
                .here("a balancer without lbmethod= uses byrequests")
                .fix(facts.loading("lbmethod_byrequests"))
                .help(format!("load it\n{}", facts.load_line("lbmethod_byrequests")))
        }
        _ if refusal.message.contains("unknown lbmethod") => {
            let place = facts.word(node, "lbmethod=");
            let finding = RULE.refusal(place, refusal.message.clone());
            let written = String::from_utf8_lossy(facts.tree.sources.slice(place)).to_ascii_lowercase();
            match written.trim_matches('"').strip_prefix("lbmethod=") {
                Some(method @ ("byrequests" | "bytraffic" | "bybusyness" | "heartbeat")) => finding
                    .here("a method is a module, and this one is not loaded")
                    .fix(facts.loading(&format!("lbmethod_{method}")))
                    .help(format!("load it\n{}", facts.load_line(&format!("lbmethod_{method}")))),
                _ => finding,
            }
        }
        _ if has("upgrade=") => {
            let finding = RULE.refusal(facts.word(node, "upgrade="), refusal.message.clone());
            let finding = finding.here("members take this parameter, balancers do not");
            let server = facts.config.servers.iter().find_map(|server| {
                let balancers = server.proxies.balancers.iter();
                balancers.filter(|balancer| balancer.members.iter().next().is_some()).find(|balancer| {
                    let name = String::from_utf8_lossy(&balancer.name).into_owned();
                    balancer.at == node || facts.text(node).to_ascii_lowercase().contains(&name)
                })
            });
            let index = directive.args().position(|word| {
                word.value().get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"upgrade="))
            });
            let finding = match (server, index) {
                (Some(balancer), Some(index)) => {
                    let members =
                        balancer.members.iter().filter(|member| member.params.get("upgrade").is_none());
                    let repair = facts.repair().drop_word(node, index);
                    let repair =
                        members.fold(repair, |repair, member| repair.append(member.at, "upgrade=websocket"));
                    finding.fix(repair.safe("write `upgrade=websocket` at each member instead"))
                }
                _ => finding,
            };
            match server.and_then(|balancer| balancer.members.iter().next()) {
                Some(member) => finding.label(facts.head(member.at), "a member").help(format!(
                    "write at each member instead\n{} upgrade=websocket",
                    facts.text(member.at)
                )),
                None => finding.help("write it behind each BalancerMember instead"),
            }
        }
        _ => RULE.refusal(facts.head(node), refusal.message.clone()),
    }
}

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    let Serving::Members(members) = facts.serving(route) else { return None };
    // What the server refuses is told first: it may be what the members lack.
    if facts.config.refusals.iter().any(|refusal| refusal.kind == RefusalKind::Balancer) {
        return None;
    }
    let fate = facts.fate(route);
    let passage = match &*fate {
        Fate::Upgraded(passage) if passage.taken_by == Some(route.node) => passage,
        Fate::Taken(passage) => passage,
        _ => return None,
    };
    if members.is_empty() {
        let is_sure =
            facts.is_complete() && matches!(passage.outcome, Outcome::Answered { status: Some(503), .. });
        return is_sure.then(|| empty(facts, route));
    }
    // What is written and wrong has a rule of its own, and so has what is taken away before.
    let asks = |member: &&Worker| member.params.get("upgrade").is_some_and(|param| !param.value().is_empty());
    let carries =
        |member: &&Worker| match member.params.get("upgrade").filter(|param| !param.value().is_empty()) {
            Some(param) => allows(param.value(), b"websocket"),
            None => matches!(member.url.scheme(), "ws" | "wss"),
        };
    let plain = |member: &&Worker| matches!(member.url.scheme(), "http" | "https") && !asks(member);
    let lacking: Vec<&Worker> =
        members.iter().copied().filter(|member| plain(member) && !is_out(member)).collect();
    let first = *lacking.first()?;
    let good = members.iter().copied().find(|member| carries(member) && !is_out(member));
    let line = format!("{} upgrade=websocket", facts.text(first.at));
    let fix = lacking
        .iter()
        .fold(facts.repair(), |repair, member| repair.append(member.at, "upgrade=websocket"))
        .safe("write `upgrade=websocket` at the members that lack it");
    match good {
        Some(good) => {
            let message = "some members of the balancer let WebSockets through, and this one does not";
            let finding = RULE.finding(facts.head(first.at), message).severity(Severity::Warning);
            let finding = finding
                .label(facts.head(good.at), "lets them through")
                .label(facts.head(route.node), "handshakes go to both in turn");
            Some(finding.fix(fix).help(format!("write instead\n{line}")))
        }
        None if matches!(passage.outcome, Outcome::Forwarded(_)) => {
            let message =
                "no member of the balancer lets a WebSocket through, so backends see plain requests";
            let finding = RULE.finding(facts.head(first.at), message).here("no `upgrade=` stands here");
            let finding = finding.label(facts.head(route.node), "handshakes are sent to the balancer here");
            Some(finding.fix(fix).help(format!("write instead, and at the others too\n{line}")))
        }
        None => None,
    }
}

/// `status=+D`: no request comes to it.
fn is_out(member: &Worker) -> bool {
    let status = member.params.get("status").map(|param| param.value().to_ascii_uppercase());
    status.is_some_and(|status| status.strip_prefix(b"+").unwrap_or(&status) == b"D")
}

fn empty(facts: &Facts, route: &Route) -> Finding {
    let place = facts.word(route.node, "balancer://");
    let name = route.backend.text.get(11..).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let message = format!("no line gives `balancer://{name}` a member, so that httpd answers 503");
    let finding = RULE.finding(place, message);
    let server = facts.config.server(facts.server_of(route));
    let others = server.proxies.balancers.iter().chain(&facts.config.main().proxies.balancers);
    let other =
        others.filter(|balancer| balancer.members.iter().next().is_some()).map(|balancer| balancer.at).next();
    let finding = match other {
        Some(at) => finding.label(facts.head(at), "this balancer has members"),
        None => finding,
    };
    finding.help(format!(
        "write the same name in both places, or add\n<Proxy \"balancer://{name}\">\n    BalancerMember \"ws://localhost:3000\"\n</Proxy>"
    ))
}
