//! A parameter behind ProxyPass has no effect, because an earlier line's worker takes the target. Knows which worker
//! serves a line, not what else may keep it from upgrading.

use crate::effective::apache::params::allows;
use crate::effective::apache::values::leading_number;
use crate::effective::apache::{ServerId, Worker};
use crate::engine::apache::Facts;
use crate::engine::apache::fate::{Fate, Serving};
use crate::engine::{Check, Level, Rule};
use crate::finding::{Finding, Severity};
use crate::routes::{By, Intent, Route};

pub static RULE: Rule = Rule {
    id: "worker-shared",
    level: Level::Error,
    card: include_str!("../../rules/worker-shared.md"),
    cause: Some(5),
    intent: Intent::Named,
    options: &[],
    check: Check::ApacheRoute(check),
};

fn check(facts: &Facts, route: &Route) -> Option<Finding> {
    if !matches!(route.by, By::Pass { .. } | By::Section { .. }) {
        return None;
    }
    let Serving::Worker(worker) = facts.serving(route) else { return None };
    if worker.at == route.node {
        return None;
    }
    match &*facts.fate(route) {
        Fate::Taken(_) => {
            let wanted = own_parameter(facts, route, "upgrade")?;
            let lets = worker.params.get("upgrade").is_some_and(|param| allows(param.value(), b"websocket"));
            (allows(&wanted, b"websocket") && !lets).then(|| finding(facts, route, worker, "upgrade"))
        }
        Fate::Upgraded(passage) if passage.taken_by == Some(route.node) => {
            let wanted = leading_number(&own_parameter(facts, route, "timeout")?);
            let other = worker.params.timeout().map(|(seconds, _)| seconds);
            (u64::try_from(wanted).ok() != other).then(|| finding(facts, route, worker, "timeout"))
        }
        _ => None,
    }
}

/// The value of a parameter that stands on the route's own line.
fn own_parameter(facts: &Facts, route: &Route, key: &str) -> Option<Vec<u8>> {
    let mut words = facts.directive(route.node).args().filter(|word| !word.is_hole());
    words.find_map(|word| {
        let word = word.value();
        let equals = word.iter().position(|&byte| byte == b'=')?;
        word[..equals].eq_ignore_ascii_case(key.as_bytes()).then(|| word[equals + 1..].to_vec())
    })
}

fn finding(facts: &Facts, route: &Route, worker: &Worker, key: &str) -> Finding {
    let place = facts.word(route.node, &format!("{key}="));
    let written = String::from_utf8_lossy(facts.tree.sources.slice(place)).into_owned();
    let name = String::from_utf8_lossy(worker.name());
    let message = format!(
        "`{written}` is ignored: the target belongs to the worker of `{name}`, which an earlier line made"
    );
    let finding = RULE.finding(place, message);
    let is_upgrade = key == "upgrade";
    let finding = if is_upgrade { finding } else { finding.severity(Severity::Warning) };
    let lacks = if is_upgrade { "lets no WebSocket through" } else { "counts instead" };
    let from_main = facts.server_of(route) != ServerId::MAIN && is_of_main(facts, worker);
    let finding = finding.label(
        facts.head(worker.at),
        match from_main {
            true => format!("made here for every virtual host; what stands here {lacks}"),
            false => format!("made here; what stands here {lacks}"),
        },
    );
    let line = facts.text(worker.at);
    let there = match line.strip_suffix('>') {
        Some(section) if line.starts_with('<') => format!("{section} {written}>"),
        _ => format!("{line} {written}"),
    };
    let lets = format!("write `{written}` where the target comes first");
    let repair = match worker.params.get(key) {
        Some(param) => {
            let begins = format!("{key}=");
            let is_it = |word: crate::syntax::Word| {
                word.value()
                    .get(..begins.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(begins.as_bytes()))
            };
            match facts.directive(param.at).args().position(is_it) {
                Some(index) => facts.repair().word(param.at, index, &written),
                None => facts.repair().unless(true),
            }
        }
        None => facts.repair().append(worker.at, &written),
    };
    let finding = finding.fix(match is_upgrade {
        true => repair.safe(lets),
        false => repair.risky(format!("{lets}; it counts for other requests to it too")),
    });
    match from_main {
        true => finding.help(format!("write it in the main server\n{there}")),
        false => finding.help(format!("write this line above the other, or there\n{there}")),
    }
}

fn is_of_main(facts: &Facts, worker: &Worker) -> bool {
    facts.config.main().proxies.workers.iter().any(|main| main.at == worker.at)
}
