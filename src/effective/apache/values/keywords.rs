//! Directives whose words are keywords. Knows the keywords and what the server says of other words.

use std::borrow::Cow;

use super::{is, leading_number, show};
use crate::effective::apache::names;
use crate::syntax::NameId;

const ON_OFF: &[&str] = &["on", "off"];
const VERIFY: &[&str] = &["none", "off", "optional", "require", "on", "optional_no_ca"];
const H2_FLAG: &str = "value must be On or Off";
const PARAMETER: &str = "parameter must be 'on' or 'off'";
const VIA: &[&str] = &["off", "on", "full", "block"];
const BAD_HEADER: &[&str] = &["IsError", "Ignore", "StartBody"];
const TOKENS: &[&str] = &["OS", "Min", "Minimal", "Major", "Minor", "Prod", "ProductOnly", "Full"];
const TOKENS_USAGE: &str =
    "ServerTokens takes 1 argument: 'Prod(uctOnly)', 'Major', 'Minor', 'Min(imal)', 'OS', or 'Full'";
const PROTOCOL_OPTIONS: &[&str] =
    &["Allow0.9", "Require1.0", "Strict", "Unsafe", "RegisteredMethods", "LenientMethods"];
const PROTOCOL_OPTIONS_USAGE: &str = "HttpProtocolOptions accepts 'Unsafe' or 'Strict' (default), \
    'RegisteredMethods' or 'LenientMethods' (default), and 'Require1.0' or 'Allow0.9' (default)";
const ENCODED_SLASHES: &str = "AllowEncodedSlashes must be On, Off, or NoDecode";

/// Directives whose words are all of these, in any case, and what is said of another word, which `{}` stands for.
#[rustfmt::skip]
const KEYWORDS: [(NameId, &[&str], &str); 29] = [
    (names::ACCEPT_PATH_INFO, &["on", "off", "default"], "AcceptPathInfo must be set to on, off or default"),
    (names::ALLOW_ENCODED_SLASHES, &["on", "off", "nodecode"], ENCODED_SLASHES),
    (names::ENABLE_MMAP, ON_OFF, PARAMETER),
    (names::ENABLE_SENDFILE, ON_OFF, PARAMETER),
    (names::H2_COPY_FILES, ON_OFF, H2_FLAG),
    (names::H2_DIRECT, ON_OFF, H2_FLAG),
    (names::H2_EARLY_HINTS, ON_OFF, H2_FLAG),
    (names::H2_MODERN_TLS_ONLY, ON_OFF, H2_FLAG),
    (names::H2_OUTPUT_BUFFERING, ON_OFF, H2_FLAG),
    (names::H2_PROXY_REQUESTS, ON_OFF, H2_FLAG),
    (names::H2_PUSH, ON_OFF, H2_FLAG),
    (names::H2_UPGRADE, ON_OFF, H2_FLAG),
    (names::H2_WEBSOCKETS, ON_OFF, H2_FLAG),
    (names::HOSTNAME_LOOKUPS, &["on", "off", "double"], "parameter must be 'on', 'off', or 'double'"),
    (names::HTTP_PROTOCOL_OPTIONS, PROTOCOL_OPTIONS, PROTOCOL_OPTIONS_USAGE),
    (names::ORDER, &["allow,deny", "deny,allow", "mutual-failure"], "unknown order"),
    (names::PROTOCOLS_HONOR_ORDER, ON_OFF, "ProtocolsHonorOrder must be 'on' or 'off'"),
    (names::PROXY_BAD_HEADER, BAD_HEADER, "ProxyBadHeader must be one of: IsError | Ignore | StartBody"),
    (names::PROXY_STATUS, &["off", "on", "full"], "ProxyStatus must be one of: off | on | full"),
    (names::PROXY_VIA, VIA, "ProxyVia must be one of: off | on | full | block"),
    (names::SATISFY, &["any", "all"], "Satisfy either 'any' or 'all'."),
    (names::SERVER_SIGNATURE, &["on", "off", "email"], "ServerSignature: use one of: off | on | email"),
    (names::SERVER_TOKENS, TOKENS, TOKENS_USAGE),
    (names::SSL_ENGINE, &["on", "off", "optional"], "Argument must be On or Off"),
    (names::SSL_PROXY_VERIFY, VERIFY, "SSLProxyVerify: Invalid argument '{}'"),
    (names::SSL_VERIFY_CLIENT, VERIFY, "SSLVerifyClient: Invalid argument '{}'"),
    (names::TRACE_ENABLE, &["on", "off", "extended"], "TraceEnable must be one of 'on', 'off', or 'extended'"),
    (names::USE_CANONICAL_NAME, &["on", "off", "dns"], "parameter must be 'on', 'off', or 'dns'"),
    (names::USE_CANONICAL_PHYSICAL_PORT, ON_OFF, PARAMETER),
];

const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

const OPTIONS: [&str; 10] = [
    "Indexes",
    "Includes",
    "IncludesNOEXEC",
    "FollowSymLinks",
    "SymLinksIfOwnerMatch",
    "ExecCGI",
    "MultiViews",
    "RunScripts",
    "None",
    "All",
];

const OVERRIDES: [&str; 7] = ["Limit", "Options", "FileInfo", "AuthConfig", "Indexes", "None", "All"];

const REWRITE_OPTIONS: [&str; 11] = [
    "Inherit",
    "InheritBefore",
    "InheritDown",
    "InheritDownBefore",
    "IgnoreInherit",
    "AllowNoSlash",
    "AllowAnyURI",
    "MergeBase",
    "IgnoreContextInfo",
    "LegacyPrefixDocRoot",
    "UnsafePrefixStat",
];

pub(super) fn refused(name: NameId, words: &[Cow<[u8]>]) -> Option<String> {
    let first = words.first().map(|word| &**word);
    match name {
        names::OPTIONS => options(words),
        names::ALLOW_OVERRIDE => words.iter().find_map(|word| allow_override(word)),
        names::LOG_LEVEL => words.iter().find_map(|word| log_level(word)),
        names::REWRITE_OPTIONS => words.iter().find_map(|word| rewrite_option(word)),
        names::SSL_PROXY_VERIFY_DEPTH => verify_depth("SSLProxyVerifyDepth", first?),
        names::SSL_VERIFY_DEPTH => verify_depth("SSLVerifyDepth", first?),
        names::DIRECTORY_INDEX_REDIRECT => index_redirect(first?),
        _ => {
            let at = KEYWORDS.binary_search_by_key(&name, |(directive, ..)| *directive).ok()?;
            let (_, known, message) = KEYWORDS[at];
            let wrong = words.iter().find(|word| !is_one_of(word, known))?;
            Some(message.replace("{}", &show(wrong)))
        }
    }
}

fn is_one_of(word: &[u8], known: &[&str]) -> bool {
    known.iter().any(|keyword| is(word, keyword))
}

fn options(words: &[Cow<[u8]>]) -> Option<String> {
    // Whether there were signs; whether the line began with `None` or `All`.
    let (mut signs, mut absolute) = (false, false);
    for (index, word) in words.iter().enumerate() {
        let first = index == 0;
        let (signed, option) = match &**word {
            [b'+' | b'-', rest @ ..] => (true, rest),
            word => (false, word),
        };
        if (signed && !signs && !first && !absolute) || (!signed && !first && signs) {
            return Some("Either all Options must start with + or -, or no Option may.".to_string());
        }
        signs |= signed;
        if !is_one_of(option, &OPTIONS) {
            return Some(format!("Illegal option {}", show(option)));
        }
        if is(option, "None") || is(option, "All") {
            let (keyword, place) =
                if is(option, "None") { ("None", "first Option") } else { ("All", "first option") };
            if !first {
                return Some(format!("'Options {keyword}' must be the {place} given."));
            }
            if signed {
                return Some(format!("You may not use 'Options +{keyword}' or 'Options -{keyword}'."));
            }
            absolute = true;
        }
    }
    None
}

fn allow_override(word: &[u8]) -> Option<String> {
    let equals = memchr::memchr(b'=', word);
    let key = &word[..equals.unwrap_or(word.len())];
    let value = equals.map(|at| &word[at + 1..]);
    if is(key, "Nonfatal") {
        return value.is_none().then(|| format!("=Override, =Unknown or =All expected after {}", show(key)));
    }
    if !is_one_of(key, &OVERRIDES) {
        return Some(format!("Illegal override option {}", show(key)));
    }
    if !is(key, "Options") {
        return None;
    }
    let mut listed = value?.split(|&byte| byte == b',').filter(|option| !option.is_empty());
    let wrong = listed.find(|option| !is_one_of(option, &OPTIONS))?;
    Some(format!("Illegal option {}", show(wrong)))
}

/// A level, or a module and its level; whether there is such a module is not asked.
fn log_level(word: &[u8]) -> Option<String> {
    const USAGE: &str =
        "Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8";
    let is_level = |level: &[u8]| {
        is_one_of(level, &LEVELS) || matches!(level, [trace @ .., b'1'..=b'8'] if is(trace, "trace"))
    };
    let Some(at) = memchr::memrchr(b':', word) else {
        return (!is_level(word)).then(|| USAGE.to_string());
    };
    let (module, level) = (show(&word[..at]), &word[at + 1..]);
    if level.is_empty() {
        return Some(format!("Module specifier '{module}' must be followed by a log level keyword"));
    }
    (!is_level(level)).then(|| format!("{module}:{}: {USAGE}", show(level)))
}

fn rewrite_option(word: &[u8]) -> Option<String> {
    let redirects = word.len() >= 13 && is(&word[..13], "MaxRedirects=");
    (!redirects && !is_one_of(word, &REWRITE_OPTIONS))
        .then(|| format!("RewriteOptions: unknown option '{}'", show(word)))
}

fn verify_depth(name: &str, value: &[u8]) -> Option<String> {
    (leading_number(value) < 0).then(|| format!("{name}: Invalid argument '{}'", show(value)))
}

fn index_redirect(value: &[u8]) -> Option<String> {
    if is_one_of(value, &["on", "off", "permanent", "temp", "seeother"]) {
        return None;
    }
    if !value.first()?.is_ascii_digit() {
        return Some("DirectoryIndexRedirect ON|OFF|permanent|temp|seeother|3xx".to_string());
    }
    (!(300..400).contains(&leading_number(value)))
        .then(|| "DirectoryIndexRedirect only accepts values between 300 and 399".to_string())
}

#[cfg(test)]
mod tests {
    use super::KEYWORDS;

    #[test]
    fn keywords_are_sorted_for_the_search() {
        assert!(KEYWORDS.is_sorted_by_key(|(directive, ..)| *directive));
    }
}
