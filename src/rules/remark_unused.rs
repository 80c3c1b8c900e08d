//! Remarks in comments that do nothing. Knows that none of their rules found anything, not why.

use crate::engine::remarks::{Unused, What};
use crate::engine::{Check, Ground, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;

pub static RULE: Rule = Rule {
    id: "remark-unused",
    level: Level::Warning,
    card: include_str!("../../rules/remark-unused.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Unused(check),
};

fn check(_: &Ground, unused: &Unused) -> Finding {
    match unused.what {
        What::Allow(rule) => RULE
            .finding(unused.at, format!("`{rule}` finds nothing here that could be allowed"))
            .help("remove it, or move it above the line that the finding is about"),
        What::Meant { for_websockets } => {
            let what = if for_websockets { "meant for WebSockets" } else { "not meant for any" };
            RULE.finding(unused.at, format!("no proxied HTTP route stands here that could be {what}"))
                .help("remove it, or move it above the block or line that proxies")
        }
    }
}
