//! `key=value` behind a ProxyPass, a member, a `<Proxy>`: what a worker or a balancer takes (`set_worker_param`,
//! `set_balancer_param`). Knows no worker.

use super::values::{leading_number, timeout_parameter};
use crate::tree::NodeRef;

/// A parameter that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// In lower case.
    pub key: String,
    pub value: Vec<u8>,
    pub at: NodeRef,
}

/// The parameters of one worker or balancer; of equal keys the last counts.
#[derive(Clone, Debug, Default)]
pub struct Params(pub Vec<Param>);

impl Params {
    pub fn get(&self, key: &str) -> Option<&Param> {
        self.0.iter().rfind(|param| param.key == key)
    }

    pub fn set(&mut self, key: &[u8], value: &[u8], at: NodeRef) {
        let key = String::from_utf8_lossy(key).to_ascii_lowercase();
        self.0.push(Param { key, value: value.to_vec(), at });
    }

    /// Seconds of `timeout=`: the digits it begins with, whatever unit follows them.
    pub fn timeout(&self) -> Option<(u64, NodeRef)> {
        let param = self.get("timeout")?;
        Some((leading_number(&param.value).try_into().ok()?, param.at))
    }
}

/// What a worker refuses, in the server's words.
pub fn worker_refusal(key: &[u8], value: &[u8], has_health_checks: bool) -> Option<String> {
    let key = String::from_utf8_lossy(key).to_ascii_lowercase();
    let number = leading_number(value);
    let at_least = |least: i64, words: &str| (number < least).then(|| words.to_string());
    let flag = |words: &str| (!is_flag(value)).then(|| words.to_string());
    let buffer = |words: &str| (number < 512 && number != 0).then(|| words.to_string());
    let time = |default: &str, wrong: &str, least: &str| match timeout_parameter(value, default) {
        None => Some(wrong.to_string()),
        Some(milliseconds) if milliseconds < 1 => Some(least.to_string()),
        Some(_) => None,
    };
    let shorter = |bound: usize, words: &str| {
        (value.len() >= bound).then(|| format!("{words} length must be < {bound} characters"))
    };
    match key.as_str() {
        "loadfactor" => {
            let factor = String::from_utf8_lossy(value).trim().parse::<f64>().unwrap_or(number as f64);
            (!(1.0..=100.0).contains(&factor))
                .then(|| "LoadFactor must be a number between 1..100".to_string())
        }
        "retry" => at_least(0, "Retry must be a positive value"),
        "ttl" => at_least(1, "TTL must be at least one second"),
        "min" => at_least(0, "Min must be a positive number"),
        "max" => at_least(0, "Max must be a positive number"),
        "smax" => at_least(0, "Smax must be a positive number"),
        "acquire" => {
            time("ms", "Acquire timeout has wrong format", "Acquire must be at least one millisecond")
        }
        "timeout" => at_least(1, "Timeout must be at least one second"),
        "iobuffersize" => buffer("IOBufferSize must be >= 512 bytes, or 0 for system default."),
        "receivebuffersize" => buffer("ReceiveBufferSize must be >= 512 bytes, or 0 for system default."),
        "keepalive" => flag("KeepAlive must be On|Off"),
        "disablereuse" => flag("DisableReuse must be On|Off"),
        "enablereuse" => flag("EnableReuse must be On|Off"),
        "addressttl" => None,
        "route" => shorter(96, "Route"),
        "redirect" => shorter(96, "Redirect"),
        "status" => {
            let known = |byte: &u8| b"+-ESDHNIRCF".contains(&byte.to_ascii_uppercase());
            (!value.iter().all(known)).then(|| "Unknown status parameter option".to_string())
        }
        "flushpackets" => {
            let known = is_flag(value) || value.eq_ignore_ascii_case(b"auto");
            (!known).then(|| "flushpackets must be on|off|auto".to_string())
        }
        "flushwait" => (!(0..=1000).contains(&number))
            .then(|| "flushwait must be <= 1000, or 0 for system default of 10 millseconds.".to_string()),
        "ping" => time(
            "s",
            "Ping/Pong timeout has wrong format",
            "Ping/Pong timeout must be at least one millisecond",
        ),
        "lbset" => (!(0..=99).contains(&number)).then(|| "lbset must be between 0 and 99".to_string()),
        "connectiontimeout" => time(
            "s",
            "Connectiontimeout has wrong format",
            "Connectiontimeout must be at least one millisecond.",
        ),
        "flusher" => shorter(16, "flusher name"),
        "upgrade" => shorter(16, "upgrade protocol"),
        "responsefieldsize" => {
            at_least(0, "ResponseFieldSize must be greater than 0 bytes, or 0 for system default.")
        }
        "secret" => shorter(64, "Secret"),
        key if key.starts_with("hc") && has_health_checks => None,
        _ => Some("unknown Worker parameter".to_string()),
    }
}

/// What a balancer refuses, in the server's words. Whether a method is loaded is for the caller to say.
pub fn balancer_refusal(key: &[u8], value: &[u8]) -> Option<String> {
    let key = String::from_utf8_lossy(key).to_ascii_lowercase();
    let number = leading_number(value);
    match key.as_str() {
        "stickysession" | "stickysessionsep" | "nonce" | "lbmethod" | "failonstatus" => None,
        "nofailover" => (!is_flag(value)).then(|| "failover must be On|Off".to_string()),
        "timeout" => (number < 1).then(|| "timeout must be at least one second".to_string()),
        "maxattempts" => {
            (number < 0).then(|| "maximum number of attempts must be a positive number".to_string())
        }
        "scolonpathdelim" => (!is_flag(value)).then(|| "scolonpathdelim must be On|Off".to_string()),
        "failontimeout" => (!is_flag(value)).then(|| "failontimeout must be On|Off".to_string()),
        "growth" => (!(1..=100).contains(&number)).then(|| "growth must be between 1 and 100".to_string()),
        "forcerecovery" => (!is_flag(value)).then(|| "forcerecovery must be On|Off".to_string()),
        _ => Some("unknown Balancer parameter".to_string()),
    }
}

/// Whether a value of `upgrade=` lets a token through (`ap_proxy_worker_can_upgrade`).
pub fn allows(value: &[u8], token: &[u8]) -> bool {
    let mut listed = value.split(|&byte| byte == b',' || byte == b' ').map(<[u8]>::trim_ascii);
    value == b"*" || value.eq_ignore_ascii_case(b"any") || listed.any(|item| item.eq_ignore_ascii_case(token))
}

fn is_flag(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"on") || value.eq_ignore_ascii_case(b"off")
}
