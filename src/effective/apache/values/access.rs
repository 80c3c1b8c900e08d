//! The words of directives that answer a request themselves, by a redirect, an alias or a refusal. Knows their
//! grammar, not which requests they meet.

use std::borrow::Cow;

use super::{is, is_in_directory, is_url, leading_number, show};
use crate::effective::apache::directives::Section;
use crate::effective::apache::names;
use crate::syntax::NameId;

/// Methods that every httpd knows; modules and `RegisterHttpMethod` may add others.
const METHODS: [&str; 27] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "VERSION-CONTROL",
    "CHECKOUT",
    "UNCHECKOUT",
    "CHECKIN",
    "UPDATE",
    "LABEL",
    "REPORT",
    "MKWORKSPACE",
    "MKACTIVITY",
    "BASELINE-CONTROL",
    "MERGE",
];

pub(super) fn redirect(name: NameId, words: &[Cow<[u8]>], within: &[Section]) -> Option<String> {
    let word = |index: usize| words.get(index).map(|word| &**word);
    let first = word(0)?;
    let status = match () {
        () if is(first, "permanent") => Some(301),
        () if is(first, "temp") => Some(302),
        () if is(first, "seeother") => Some(303),
        () if is(first, "gone") => Some(410),
        () if first.first().is_some_and(u8::is_ascii_digit) => Some(leading_number(first)),
        () => None,
    };
    let is_redirect = (300..400).contains(&status.unwrap_or(302));
    if word(2).is_some() && status.is_none() {
        return Some("Redirect: invalid first argument (of three)".to_string());
    }
    if is_in_directory(within) {
        // In a section the path is that of the section.
        let alone = match status {
            Some(_) if is_redirect => word(1).is_some() && word(2).is_none(),
            _ => word(1).is_none(),
        };
        if alone {
            return None;
        }
    }
    let url = if status.is_none() { word(1) } else { word(2) };
    let problem = match url {
        None if is_redirect => "URL to redirect to is missing",
        Some(_) if !is_redirect => "Redirect URL not valid for this status",
        Some(url) if name != names::REDIRECT_MATCH && !is_url(url) && !url.starts_with(b"/") => {
            "Redirect to non-URL"
        }
        _ => return None,
    };
    Some(problem.to_string())
}

/// An alias of one argument takes the path of its section.
pub(super) fn alias(words: &[Cow<[u8]>], within: &[Section]) -> Option<String> {
    let alone = words.get(1).is_none_or(|word| word.is_empty());
    (alone && !is_in_directory(within))
        .then(|| "Alias must have two arguments when used globally".to_string())
}

/// `allow from` and `deny from`.
pub(super) fn allow(words: &[Cow<[u8]>]) -> Option<String> {
    let (from, hosts) = words.split_first()?;
    if !hosts.is_empty() && !is(from, "from") {
        return Some("allow and deny must be followed by 'from'".to_string());
    }
    let comment = |host: &&Cow<[u8]>| {
        let variable = host.len() >= 4 && is(&host[..4], "env=");
        !variable && !host.contains(&b'/') && host.contains(&b'#')
    };
    hosts.iter().any(|host| comment(&host)).then(|| "No comments are allowed here".to_string())
}

/// What the providers of httpd's own core of authorization and of hosts refuse. Another one may be an alias or another
/// module's.
pub(super) fn require(words: &[Cow<[u8]>], within: &[Section]) -> Option<String> {
    let (negative, provider, arguments) = match words {
        [not, provider, arguments @ ..] if is(not, "not") => (true, provider, arguments),
        [provider, arguments @ ..] => (false, provider, arguments),
        [] => return Some("Unknown Authz provider: ".to_string()),
    };
    let problem = match &**provider {
        b"all" if !matches!(arguments, [word] if is(word, "granted") || is(word, "denied")) => {
            Some("Argument for 'Require all' must be 'granted' or 'denied'".to_string())
        }
        b"ip" if arguments.is_empty() => Some("'require ip' requires an argument".to_string()),
        b"ip" => arguments
            .iter()
            .find(|address| cannot_be_subnet(address))
            .map(|wrong| format!("ip address '{}' appears to be invalid", show(wrong))),
        b"method" => arguments
            .iter()
            .find(|method| is_misspelled_method(method))
            .map(|wrong| format!("Invalid Method '{}'", show(wrong))),
        _ => None,
    };
    problem.or_else(|| {
        let section = if negative { any_section(within)? } else { return None };
        Some(format!("negative Require directive has no effect in {section}> directive"))
    })
}

/// The section that is content with any one of its requirements, where that is the innermost of its kind.
fn any_section(within: &[Section]) -> Option<&'static str> {
    for section in within.iter().rev() {
        match section {
            Section::RequireAll | Section::Other => return None,
            Section::RequireNone => return Some(section.name()),
            // Settings begin anew here.
            section if section.is_directory_context() => break,
            _ => {}
        }
    }
    Some(Section::RequireAny.name())
}

/// Whether it holds what no address and no mask does.
fn cannot_be_subnet(word: &[u8]) -> bool {
    !word.iter().all(|byte| byte.is_ascii_hexdigit() || b".:/%".contains(byte))
}

pub(super) fn allow_methods(words: &[Cow<[u8]>]) -> Option<String> {
    match words {
        [] => Some("AllowMethods: No method or 'reset' keyword given".to_string()),
        [word] if is(word, "reset") => None,
        words => {
            let wrong = words.iter().find(|method| is_misspelled_method(method))?;
            Some(format!("AllowMethods: Invalid Method '{}'", show(wrong)))
        }
    }
}

/// A well-known method in other letters: methods are told apart by case.
fn is_misspelled_method(word: &[u8]) -> bool {
    METHODS.iter().any(|method| is(word, method) && word != method.as_bytes())
}
