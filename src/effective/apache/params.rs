//! `key=value` behind a ProxyPass, a member, a `<Proxy>`: what a worker or a balancer takes (`set_worker_param`,
//! `set_balancer_param`). Knows no worker.

use std::borrow::Cow;

use super::values::{leading_number, timeout_parameter};
use crate::tree::NodeRef;
use crate::tree::apache::Modules;

/// `key=value` as a line has it.
pub struct Pair<'a> {
    pub word: Cow<'a, [u8]>,
    equals: usize,
}

impl<'a> Pair<'a> {
    /// Gives the word back where it has no `=`.
    pub fn new(word: Cow<'a, [u8]>) -> Result<Self, Cow<'a, [u8]>> {
        match memchr::memchr(b'=', &word) {
            Some(equals) => Ok(Self { word, equals }),
            None => Err(word),
        }
    }

    pub fn key(&self) -> &[u8] {
        &self.word[..self.equals]
    }

    pub fn value(&self) -> &[u8] {
        &self.word[self.equals + 1..]
    }
}

/// A parameter that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The key in lower case, and the value behind its `=`.
    word: Box<[u8]>,
    equals: u32,
    pub at: NodeRef,
}

impl Param {
    pub fn new(pair: &Pair, at: NodeRef) -> Self {
        let mut word: Box<[u8]> = Box::from(&*pair.word);
        word[..pair.equals].make_ascii_lowercase();
        Self { word, equals: pair.equals as u32, at }
    }

    /// In lower case.
    pub fn key(&self) -> &[u8] {
        &self.word[..self.equals as usize]
    }

    pub fn value(&self) -> &[u8] {
        &self.word[self.equals as usize + 1..]
    }
}

/// The parameters of one worker or balancer; of equal keys the last counts.
#[derive(Clone, Debug, Default)]
pub struct Params(pub Vec<Param>);

impl Params {
    pub fn get(&self, key: &str) -> Option<&Param> {
        self.0.iter().rfind(|param| param.key() == key.as_bytes())
    }

    /// Seconds of `timeout=`: the digits it begins with, whatever unit follows them.
    pub fn timeout(&self) -> Option<(u64, NodeRef)> {
        let param = self.get("timeout")?;
        Some((leading_number(param.value()).try_into().ok()?, param.at))
    }
}

/// What a worker refuses, in the server's words.
pub fn worker_refusal(param: &Param, modules: &Modules) -> Option<String> {
    let value = param.value();
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
    match param.key() {
        b"loadfactor" => {
            let factor = String::from_utf8_lossy(value).trim().parse::<f64>().unwrap_or(number as f64);
            (!(1.0..=100.0).contains(&factor))
                .then(|| "LoadFactor must be a number between 1..100".to_string())
        }
        b"retry" => at_least(0, "Retry must be a positive value"),
        b"ttl" => at_least(1, "TTL must be at least one second"),
        b"min" => at_least(0, "Min must be a positive number"),
        b"max" => at_least(0, "Max must be a positive number"),
        b"smax" => at_least(0, "Smax must be a positive number"),
        b"acquire" => {
            time("ms", "Acquire timeout has wrong format", "Acquire must be at least one millisecond")
        }
        b"timeout" => at_least(1, "Timeout must be at least one second"),
        b"iobuffersize" => buffer("IOBufferSize must be >= 512 bytes, or 0 for system default."),
        b"receivebuffersize" => buffer("ReceiveBufferSize must be >= 512 bytes, or 0 for system default."),
        b"keepalive" => flag("KeepAlive must be On|Off"),
        b"disablereuse" => flag("DisableReuse must be On|Off"),
        b"enablereuse" => flag("EnableReuse must be On|Off"),
        b"addressttl" => None,
        b"route" => shorter(96, "Route"),
        b"redirect" => shorter(96, "Redirect"),
        b"status" => {
            let known = |byte: &u8| b"+-ESDHNIRCF".contains(&byte.to_ascii_uppercase());
            (!value.iter().all(known)).then(|| "Unknown status parameter option".to_string())
        }
        b"flushpackets" => {
            let known = is_flag(value) || value.eq_ignore_ascii_case(b"auto");
            (!known).then(|| "flushpackets must be on|off|auto".to_string())
        }
        b"flushwait" => (!(0..=1000).contains(&number))
            .then(|| "flushwait must be <= 1000, or 0 for system default of 10 millseconds.".to_string()),
        b"ping" => time(
            "s",
            "Ping/Pong timeout has wrong format",
            "Ping/Pong timeout must be at least one millisecond",
        ),
        b"lbset" => (!(0..=99).contains(&number)).then(|| "lbset must be between 0 and 99".to_string()),
        b"connectiontimeout" => time(
            "s",
            "Connectiontimeout has wrong format",
            "Connectiontimeout must be at least one millisecond.",
        ),
        b"flusher" => shorter(16, "flusher name"),
        b"upgrade" => shorter(16, "upgrade protocol"),
        b"responsefieldsize" => {
            at_least(0, "ResponseFieldSize must be greater than 0 bytes, or 0 for system default.")
        }
        b"secret" => shorter(64, "Secret"),
        key if key.starts_with(b"hc") && !modules.is_missing("mod_proxy_hcheck.c") => None,
        _ => Some("unknown Worker parameter".to_string()),
    }
}

/// What a balancer refuses, in the server's words. Whether a method is loaded is for the caller to say.
pub fn balancer_refusal(param: &Param) -> Option<String> {
    let value = param.value();
    let number = leading_number(value);
    match param.key() {
        b"stickysession" | b"stickysessionsep" | b"nonce" | b"lbmethod" | b"failonstatus" => None,
        b"nofailover" => (!is_flag(value)).then(|| "failover must be On|Off".to_string()),
        b"timeout" => (number < 1).then(|| "timeout must be at least one second".to_string()),
        b"maxattempts" => {
            (number < 0).then(|| "maximum number of attempts must be a positive number".to_string())
        }
        b"scolonpathdelim" => (!is_flag(value)).then(|| "scolonpathdelim must be On|Off".to_string()),
        b"failontimeout" => (!is_flag(value)).then(|| "failontimeout must be On|Off".to_string()),
        b"growth" => (!(1..=100).contains(&number)).then(|| "growth must be between 1 and 100".to_string()),
        b"forcerecovery" => (!is_flag(value)).then(|| "forcerecovery must be On|Off".to_string()),
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
