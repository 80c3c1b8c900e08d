//! How httpd reads numbers, times and addresses, and the values it refuses of single directives. Words refusals as the
//! server does; knows neither the parameters of workers and balancers nor rewriting rules.

mod access;
mod headers;
mod keywords;

use std::borrow::Cow;

use super::directives::Section;
use super::names;
use super::url::after_scheme;
use crate::syntax::NameId;

/// What C's `atoi` reads: the digits at the beginning, with a sign; 0 where there are none. Wraps like an `int`.
pub fn leading_number(text: &[u8]) -> i64 {
    i64::from(whole_number(text).0 as i32)
}

/// What C's `strtol` reads, and what follows it; saturates.
fn whole_number(text: &[u8]) -> (i64, &[u8]) {
    let start = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
    let (negative, digits) = match text[start..].split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, &text[start..]),
    };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if len == 0 {
        return (0, text);
    }
    let value = digits[..len].iter().fold(0i64, |value, byte| {
        let digit = i64::from(byte - b'0');
        value.saturating_mul(10).saturating_add(if negative { -digit } else { digit })
    });
    (value, &digits[len..])
}

/// Milliseconds of a time as `ap_timeout_parameter_parse` reads it: a number and a unit that begins with `s`, `h`,
/// `ms` or `mi`, otherwise `default_unit`; None where the server refuses it. `Timeout`, `ProxyTimeout` and a worker's
/// `timeout=` are not read so, but with `leading_number` as seconds.
pub fn timeout_parameter(text: &[u8], default_unit: &str) -> Option<u64> {
    let (number, rest) = whole_number(text);
    let number = u64::try_from(number).ok()?;
    let unit = if rest.is_empty() { default_unit.as_bytes() } else { rest };
    let milliseconds = match unit {
        [b's', ..] => number.checked_mul(1000)?,
        [b'h', ..] => number.checked_mul(3_600_000)?,
        [b'm', b's', ..] => number,
        [b'm', b'i', ..] => number.checked_mul(60_000)?,
        _ => return None,
    };
    // The server keeps microseconds.
    (milliseconds <= i64::MAX as u64 / 1000).then_some(milliseconds)
}

/// An address with or without a port, as `Listen` and `<VirtualHost>` take it: the host, which a bare number has not,
/// and the port, 0 where there is none. None where the server refuses it.
pub fn address_and_port(text: &[u8]) -> Option<(Option<&[u8]>, u16)> {
    let port_of = |digits: &[u8]| u16::try_from(leading_number(digits)).ok().filter(|&port| port > 0);
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, after) = text.split_at(text.len() - digits);
    let (host, port) = match before {
        [] => return Some((None, port_of(after)?)),
        [host @ .., b':'] if !after.is_empty() => (host, port_of(after)?),
        _ => (text, 0),
    };
    match host {
        [] => None,
        [b'[', inside @ .., b']'] => {
            let (address, scope) = match inside.iter().position(|&byte| byte == b'%') {
                Some(at) => (&inside[..at], Some(&inside[at + 1..])),
                None => (inside, None),
            };
            let address = std::str::from_utf8(address).ok()?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (scope != Some(b"")).then_some((Some(inside), port))
        }
        [b'[', ..] => None,
        _ => Some((Some(host), port)),
    }
}

/// Whether the server takes it for a URL: something before its first `:` that may be a scheme.
pub fn is_url(text: &[u8]) -> bool {
    let scheme = text.split(|&byte| byte == b':').next().unwrap_or_default();
    scheme.len() < text.len()
        && !scheme.is_empty()
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
}

/// Whether it is a pattern with `*`, `?` or `[...]` (`apr_fnmatch_test`).
pub fn is_pattern(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    let mut brackets = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'?' | b'*' => return true,
            b'\\' if bytes.next().is_none() => return false,
            b'[' => brackets = true,
            b']' if brackets => return true,
            _ => {}
        }
    }
    false
}

/// What the server says of a directive's values, if it refuses them whatever else stands in the configuration.
/// `words` are as many as the directive takes.
pub fn refused_value(name: NameId, words: &[Cow<[u8]>], within: &[Section]) -> Option<String> {
    let word = |index: usize| words.get(index).map(|word| &**word);
    let number = || leading_number(word(0).unwrap_or_default());
    let refused = |refused: bool, message: &str| refused.then(|| message.to_string());
    match name {
        names::PROXY_TIMEOUT => refused(number() < 1, "Proxy Timeout must be at least 1 second."),
        names::KEEP_ALIVE_TIMEOUT => {
            refused(timeout_parameter(word(0)?, "s").is_none(), "KeepAliveTimeout has wrong format")
        }
        names::H2_STREAM_TIMEOUT => {
            refused(timeout_parameter(word(0)?, "s").is_none(), "Invalid timeout value")
        }
        names::H2_MAX_WORKER_IDLE_SECONDS => {
            refused(timeout_parameter(word(0)?, "s").is_none(), "Invalid idle limit value")
        }
        names::H2_MAX_SESSION_STREAMS | names::H2_MIN_WORKERS | names::H2_MAX_WORKERS => {
            refused(number() < 1, "value must be > 0")
        }
        names::H2_WINDOW_SIZE | names::H2_STREAM_MAX_MEM_SIZE => {
            refused(number() < 1024, "value must be >= 1024")
        }
        names::H2_MAX_DATA_FRAME_LEN | names::H2_MAX_HEADER_BLOCK_LEN | names::H2_MAX_STREAM_ERRORS => {
            refused(number() < 0, "value must be 0 or larger")
        }
        names::H2_PADDING if number() < 0 => Some("number of bits must be >= 0".to_string()),
        names::H2_PADDING => refused(number() > 8, "number of bits must be <= 8"),
        names::PROXY_RECEIVE_BUFFER_SIZE => refused(
            number() < 512 && number() != 0,
            "ProxyReceiveBufferSize must be >= 512 bytes, or 0 for system default.",
        ),
        names::PROXY_IO_BUFFER_SIZE => refused(
            whole_number(word(0)?).0 < 512 && whole_number(word(0)?).0 != 0,
            "ProxyIOBufferSize must be >= 512 bytes, or 0 for system default.",
        ),
        names::BALANCER_GROWTH => {
            refused(!(0..=1000).contains(&number()), "BalancerGrowth must be between 0 and 1000")
        }
        names::PROXY_DOMAIN => {
            refused(!word(0)?.starts_with(b"."), "ProxyDomain: domain name must start with a dot.")
        }
        names::PROXY_ERROR_OVERRIDE => error_override(words),
        names::PROXY_REMOTE | names::PROXY_REMOTE_MATCH => remote(name, word(1)?),
        names::PROXY_PASS_REVERSE => pass_reverse(word(1), within),
        names::LIMIT_REQUEST_LINE | names::LIMIT_REQUEST_FIELDSIZE | names::LIMIT_REQUEST_FIELDS => {
            negative_limit(name, word(0)?)
        }
        names::LIMIT_REQUEST_BODY => {
            let (value, rest) = whole_number(word(0)?);
            refused(value < 0 || !rest.is_empty(), "LimitRequestBody requires a non-negative integer.")
        }
        names::LIMIT_INTERNAL_RECURSION => refused(
            words.iter().any(|word| !word.is_empty() && leading_number(word) <= 0),
            "The recursion limit must be greater than zero.",
        ),
        names::LISTEN => listen(words),
        names::VIRTUAL_HOST => words.iter().find_map(|word| virtual_host(word)),
        names::SERVER_NAME => server_name(word(0)?),
        names::SERVER_ALIAS => {
            refused(!within.contains(&Section::VirtualHost), "ServerAlias only used in <VirtualHost>")
        }
        names::DEFINE | names::UNDEFINE => {
            refused(word(0)?.contains(&b':'), "Variable name must not contain ':'")
        }
        names::REWRITE_BASE => rewrite_base(word(0)?, within),
        names::PROXY if words.len() > 1 => proxy_parameters(word(0)?),
        names::REQUEST_READ_TIMEOUT => words.iter().find_map(|word| read_timeout(word)),
        names::HEADER | names::REQUEST_HEADER => headers::refused(name, words),
        names::REDIRECT | names::REDIRECT_MATCH | names::REDIRECT_TEMP | names::REDIRECT_PERMANENT => {
            access::redirect(name, words, within)
        }
        names::ALIAS | names::SCRIPT_ALIAS => access::alias(words, within),
        names::ALLOW | names::DENY => access::allow(words),
        names::REQUIRE => access::require(words, within),
        names::ALLOW_OVERRIDE_LIST => refused(
            words.len() > 1 && words.iter().any(|word| is(word, "none")),
            "'None' not allowed with other directives in AllowOverrideList",
        ),
        names::ALLOW_METHODS => access::allow_methods(words),
        names::SET_ENV_IF
        | names::SET_ENV_IF_NO_CASE
        | names::SET_ENV_IF_EXPR
        | names::BROWSER_MATCH
        | names::BROWSER_MATCH_NO_CASE => headers::set_env_if(name, words),
        _ => keywords::refused(name, words),
    }
}

fn show(word: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(word)
}

fn is(word: &[u8], text: &str) -> bool {
    word.eq_ignore_ascii_case(text.as_bytes())
}

fn is_in_directory(within: &[Section]) -> bool {
    within.iter().any(|section| section.is_directory_context())
}

fn negative_limit(name: NameId, value: &[u8]) -> Option<String> {
    let (written, note) = match name {
        names::LIMIT_REQUEST_LINE => ("LimitRequestLine", ""),
        names::LIMIT_REQUEST_FIELDSIZE => ("LimitRequestFieldsize", ""),
        _ => ("LimitRequestFields", " (0 = no limit)"),
    };
    (leading_number(value) < 0)
        .then(|| format!("{written} \"{}\" must be a non-negative integer{note}", show(value)))
}

fn listen(words: &[Cow<[u8]>]) -> Option<String> {
    let problem = match words {
        [address] | [address, _] => match address_and_port(address) {
            None => "Invalid address or port",
            Some((_, 0)) => "Port must be specified",
            Some(_) => return None,
        },
        _ => "Listen requires 1 or 2 arguments.",
    };
    Some(problem.to_string())
}

fn virtual_host(address: &[u8]) -> Option<String> {
    let without_port = match address {
        [] | [b'*'] => return None,
        [rest @ .., b':', b'*'] => rest,
        _ => address,
    };
    match address_and_port(without_port) {
        None => Some("The address or port is invalid".to_string()),
        Some((None, _)) => Some("Missing address for VirtualHost".to_string()),
        Some(_) => None,
    }
}

fn server_name(value: &[u8]) -> Option<String> {
    if is_pattern(value) {
        let shown = show(value);
        return Some(format!("Invalid ServerName \"{shown}\" use ServerAlias to set multiple server names."));
    }
    let host = after_scheme(value).map_or(value, |at| &value[at..]);
    let port = &host[memchr::memchr(b':', host)? + 1..];
    (!(1..65536).contains(&leading_number(port))).then(|| {
        let shown = show(value);
        format!("The port number \"{shown}\" is outside the appropriate range (i.e., 1..65535).")
    })
}

fn rewrite_base(value: &[u8], within: &[Section]) -> Option<String> {
    if !is_in_directory(within) {
        return Some("RewriteBase: only valid in per-directory config files".to_string());
    }
    (!value.starts_with(b"/")).then(|| "RewriteBase: argument is not a valid URL".to_string())
}

/// `<Proxy url key=value>`: only a URL that is no pattern has parameters.
fn proxy_parameters(url: &[u8]) -> Option<String> {
    let url = if url.len() >= 6 && is(&url[..6], "proxy:") { &url[6..] } else { url };
    if is_pattern(url) {
        return Some("<Proxy> arguments are not supported for wildchar url.".to_string());
    }
    (!url.contains(&b':')).then(|| "<Proxy> arguments are not supported for non url.".to_string())
}

fn pass_reverse(second: Option<&[u8]>, within: &[Section]) -> Option<String> {
    let path = second.filter(|word| !is(word, "interpolate")).is_some();
    match (is_in_directory(within), path) {
        (false, false) => Some("ProxyPassReverse needs a path when not defined in a location".to_string()),
        (true, true) => Some("ProxyPassReverse can not have a path when defined in a location".to_string()),
        _ => None,
    }
}

fn remote(name: NameId, url: &[u8]) -> Option<String> {
    let written = if name == names::PROXY_REMOTE { "ProxyRemote" } else { "ProxyRemoteMatch" };
    let bad = format!("{written}: Bad syntax for a remote proxy server");
    let Some([b'/', b'/', rest @ ..]) = memchr::memchr(b':', url).map(|at| &url[at + 1..]) else {
        return Some(bad);
    };
    if rest.is_empty() {
        return Some(bad);
    }
    let port = &rest[memchr::memchr(b':', rest)? + 1..];
    let (number, after) = whole_number(port);
    (after.len() == port.len() || !(0..=65535).contains(&number)).then(|| bad + " (bad port number)")
}

fn error_override(words: &[Cow<[u8]>]) -> Option<String> {
    // Whether it is on; an earlier line may have said so.
    let mut on = None;
    for word in words {
        if is(word, "on") || is(word, "off") {
            on = Some(is(word, "on"));
            continue;
        }
        let code = leading_number(word);
        let problem = match (word.first().is_some_and(u8::is_ascii_digit), on) {
            (false, None) => "ProxyErrorOverride first parameter must be one of: off | on",
            (false, Some(_)) => "ProxyErrorOverride: status codes to intercept must be numeric",
            (true, Some(false)) => "ProxyErrorOverride: status codes must follow a value of 'on'",
            (true, Some(true)) if !(400..600).contains(&code) => {
                "ProxyErrorOverride: status codes to intercept must be valid HTTP Status Codes >=400 && <600"
            }
            (true, _) => continue,
        };
        return Some(problem.to_string());
    }
    None
}

fn read_timeout(word: &[u8]) -> Option<String> {
    let Some(at) = memchr::memchr(b'=', word) else {
        return Some(
            "Invalid RequestReadTimeout parameter. Parameter must be in the form 'key=value'".to_string(),
        );
    };
    let (key, value) = (&word[..at], &word[at + 1..]);
    let problem = read_timeout_stage(key, value)?;
    Some(format!("RequestReadTimeout: {}={}: {problem}", show(key), show(value)))
}

fn read_timeout_stage(key: &[u8], value: &[u8]) -> Option<String> {
    if !["handshake", "header", "body"].iter().any(|known| is(key, known)) {
        return Some("Unknown RequestReadTimeout parameter".to_string());
    }
    let count = |text: &[u8]| match whole_number(text) {
        (_, rest) if rest.len() == text.len() => Err(format!("Value '{}' not numerical", show(text))),
        (_, rest) if !rest.is_empty() => Err(format!("Cannot parse '{}'", show(rest))),
        (value, _) if value < 0 => Err("Value must be non-negative".to_string()),
        (value, _) => Ok(value),
    };
    let checked = || {
        let lower = value.to_ascii_lowercase();
        let Some(at) = memchr::memmem::find(&lower, b",minrate=") else {
            if value.contains(&b'-') {
                return Err("Must set MinRate option if using timeout range".to_string());
            }
            return count(value).map(|_| ());
        };
        if count(&value[at + 9..])? == 0 {
            return Err("Minimum data rate must be larger than 0".to_string());
        }
        let range = &value[..at];
        let dash = memchr::memchr(b'-', range);
        let most = dash.map_or(Ok(0), |dash| count(&range[dash + 1..]))?;
        let first = count(&range[..dash.unwrap_or(range.len())])?;
        if most > 0 && first >= most {
            return Err("Maximum timeout must be larger than initial timeout".to_string());
        }
        Ok(())
    };
    checked().err()
}

#[cfg(test)]
mod tests;
