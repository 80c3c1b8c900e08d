//! Times that nginx refuses, and zeros that cut at once. Knows nginx's notation of time, not how long is long enough.

use crate::effective::Setting;
use crate::effective::nginx::directives::STREAM_SERVER;
use crate::effective::nginx::names::{
    PROXY_CONNECT_TIMEOUT, PROXY_PASS, PROXY_READ_TIMEOUT, PROXY_TIMEOUT, TUNNEL_TIMES,
};
use crate::effective::nginx::{RefusalKind, values};
use crate::engine::{Check, Facts, Level, Rule, times};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::syntax::Word;
use crate::tree::NodeRef;

pub static RULE: Rule = Rule {
    id: "timeout-invalid",
    level: Level::Error,
    card: include_str!("../../rules/timeout-invalid.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Tree(check),
};

fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for refusal in &facts.config.refusals {
        let directive = facts.directive(refusal.node);
        if matches!(refusal.kind, RefusalKind::InvalidValue(_)) && TUNNEL_TIMES.contains(&directive.name_id())
        {
            findings.extend(directive.arg(0).map(|word| refused(facts, refusal.node, word)));
        }
    }
    for route in facts.routes.iter().filter(|route| route.intent >= Intent::Lost) {
        for name in [PROXY_READ_TIMEOUT, PROXY_CONNECT_TIMEOUT] {
            if let Setting::Written { value: 0, at, .. } = facts.config.time(facts.tree, route.block, name) {
                let message = format!("`{}` answers every handshake with 504 at once", facts.text(at));
                findings.push(
                    zero(facts, at, message).label(facts.head(route.node), "WebSockets are proxied here"),
                );
            }
        }
    }
    for (id, block) in facts.config.blocks() {
        if block.context & STREAM_SERVER == 0 {
            continue;
        }
        if let (Some(pass), Setting::Written { value: 0, at, .. }) =
            (facts.config.own(id, PROXY_PASS).next(), facts.config.time(facts.tree, id, PROXY_TIMEOUT))
        {
            let message = format!("`{}` closes every connection at once", facts.text(at));
            findings.push(zero(facts, at, message).label(facts.head(pass), "connections are proxied here"));
        }
    }
}

fn zero(facts: &Facts, at: NodeRef, message: String) -> Finding {
    let directive = facts.directive(at);
    let time = if directive.name_id() == PROXY_CONNECT_TIMEOUT { "60s" } else { "1h" };
    let name = String::from_utf8_lossy(&directive.name()).into_owned();
    let line = format!("{name} {time};");
    RULE.finding(facts.head(at), message)
        .here("0 does not mean without limit")
        .fix(facts.rewrite_but(at, &line, "other requests no longer fail either"))
        .help(format!("write a time\n{line}"))
}

fn refused(facts: &Facts, node: NodeRef, word: Word) -> Finding {
    let name = String::from_utf8_lossy(&facts.directive(node).name()).into_owned();
    let written = word.show();
    let meant = meant(&written);
    let why = match () {
        () if written.is_empty() => "a time is missing".to_string(),
        () if is_unlimited(&written) => "nginx has no way to write without limit here".to_string(),
        () if written.contains('$') => "a variable cannot stand here".to_string(),
        () if written.contains('.') => "nginx reads no fractions".to_string(),
        () if meant.is_none() => "nginx reads `ms`, `s`, `m`, `h`, `d` and `w` after a number".to_string(),
        () if written.ends_with('M') => {
            "`M` is a month, which nginx does not take here; `m` is a minute".to_string()
        }
        () if written.ends_with('y') && units(&written).any(|unit| unit == "y") => {
            "`y` is a year, which nginx does not take here".to_string()
        }
        () => match units(&written).find(|unit| !["", "ms", "s", "m", "h", "d", "w"].contains(unit)) {
            Some(unit) => format!("`{unit}` is no unit of nginx"),
            None => "larger units come first".to_string(),
        },
    };
    let is_certain = meant.is_some();
    let time = meant.unwrap_or_else(|| "1h".to_string());
    let intro = if is_unlimited(&written) { "write a long time" } else { "write" };
    let line = format!("{name} {time};");
    let fix = match is_certain {
        true => facts.rewrite(node, &line),
        false => facts.rewrite_but(node, &line, "it is for you to say how long"),
    };
    RULE.refusal(facts.head(node), format!("nginx refuses `{name} {written}` and does not start"))
        .here(why)
        .fix(fix)
        .help(format!("{intro}\n{line}"))
}

/// What people write who want no limit.
fn is_unlimited(written: &str) -> bool {
    const WORDS: [&str; 9] =
        ["disable", "disabled", "false", "infinite", "infinity", "never", "no", "none", "off"];
    written.starts_with('-')
        || written == "unlimited"
        || WORDS.contains(&written.to_ascii_lowercase().as_str())
}

/// The units of a time as written, numbers left out.
fn units(written: &str) -> impl Iterator<Item = &str> {
    written.split(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').filter(|unit| !unit.is_empty())
}

/// The same time as nginx reads it, where the writing leaves no doubt.
fn meant(written: &str) -> Option<String> {
    times::meant(written).map(values::written_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_written_as_nginx_reads_it() {
        for (written, expected) in [
            ("1M", Some("30d")),
            ("1y", Some("365d")),
            ("1.5h", Some("1h30m")),
            ("60sec", Some("60s")),
            ("1H", Some("1h")),
            ("30m1h", Some("1h30m")),
            ("1hour", Some("1h")),
            ("10 min", Some("10m")),
            ("off", None),
            ("-1", None),
            ("0.0001s", None),
            ("1fortnight", None),
            ("", None),
        ] {
            let meant = meant(written);
            assert_eq!(meant.as_deref(), expected, "{written}");
            assert!(meant.is_none_or(|time| values::milliseconds(time.as_bytes()).is_some()));
        }
    }
}
