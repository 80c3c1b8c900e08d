//! Tags of languages that are no template engines: Terraform, the shell, and marks of one's own. Knows no configuration.

use std::collections::BTreeSet;
use std::ops::Range;

use super::tags::{Found, Kind, Tag, code_end, first_word, tag};

/// `${ }`, `%{ }`, and `$${`, which is no tag.
pub fn terraform(bytes: &[u8], start: usize) -> Found {
    let here = &bytes[start..];
    if here.starts_with(b"$${") || here.starts_with(b"%%{") {
        return silent(start..start + 1);
    }
    if !here.starts_with(b"${") && !here.starts_with(b"%{") {
        return Found::Nothing;
    }
    let inner = start + 2;
    let Some(end) = code_end(bytes, inner, b"}") else { return Found::Unclosed(start..inner) };
    let tag = tag(bytes, start..end + 1, inner..end, b"~");
    let kind = match (here[0], first_word(&bytes[tag.content.clone()])) {
        (b'$', _) => Kind::Expression,
        (_, b"if" | b"for") => Kind::Open,
        (_, b"else") => Kind::Middle,
        (_, b"endif" | b"endfor") => Kind::Close,
        _ => Kind::Silent,
    };
    Found::Tag(Tag { kind, ..tag })
}

/// `{name}`; `{{` and `}}` are one brace each.
pub fn format(bytes: &[u8], start: usize) -> Found {
    let here = &bytes[start..];
    if here.starts_with(b"{{") || here.starts_with(b"}}") {
        return silent(start..start + 1);
    }
    // The second of two is the brace itself.
    if start > 0 && bytes[start - 1] == here[0] {
        return Found::Nothing;
    }
    let Some(name) = here.strip_prefix(b"{") else { return Found::Nothing };
    let len = name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.[]".contains(byte)).count();
    match len > 0 && name[0].is_ascii_alphabetic() && name.get(len) == Some(&b'}') {
        true => expression(start..start + len + 2),
        false => Found::Nothing,
    }
}

/// `%name%` and `%%name%%`; `${name}` for what is hardly one of nginx's own.
pub fn marks(bytes: &[u8], start: usize) -> Found {
    let here = &bytes[start..];
    let (open, close): (&[u8], &[u8]) = match here {
        [b'$', b'{', ..] => (b"${", b"}"),
        [b'%', b'%', ..] => (b"%%", b"%%"),
        [b'%', ..] => (b"%", b"%"),
        _ => return Found::Nothing,
    };
    let name = &here[open.len()..];
    let len = name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let (name, rest) = name.split_at(len);
    let is_name = len > 2 && name[0].is_ascii_alphabetic() && rest.starts_with(close);
    match is_name && (open[0] == b'%' || !is_server_variable(name)) {
        true => expression(start..start + open.len() + len + close.len()),
        false => Found::Nothing,
    }
}

/// `<your backend>`, `[backend-url]` and `:PORT`, as manuals leave words to their readers.
pub fn prose(bytes: &[u8], start: usize) -> Found {
    let before = start.checked_sub(1).map_or(b'\n', |at| bytes[at]);
    let (open, rest) = (bytes[start], &bytes[start + 1..]);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(byte);
    let len = rest.iter().take_while(|byte| is_word(byte)).count();
    let begins = rest.first().is_some_and(u8::is_ascii_alphabetic);
    match open {
        // Groups of regular expressions have names in such brackets.
        b'<' if begins && rest.get(len) == Some(&b'>') && !b"?Pk".contains(&before) => {
            expression(start..start + len + 2)
        }
        b'[' if begins && len > 4 && rest.get(len) == Some(&b']') && before == b' ' => {
            expression(start..start + len + 2)
        }
        b':' => {
            let len = rest.iter().take_while(|byte| byte.is_ascii_uppercase() || **byte == b'_').count();
            if len > 2 { expression(start..start + 1 + len) } else { Found::Nothing }
        }
        _ => Found::Nothing,
    }
}

/// The names that stand behind a `$` alone: what has a value in the file itself is the server's.
pub fn own_names(bytes: &[u8]) -> BTreeSet<&[u8]> {
    memchr::memchr_iter(b'$', bytes).map(|at| first_word(&bytes[at + 1..])).collect()
}

/// nginx's variables that are written with braces, or their beginnings.
fn is_server_variable(name: &[u8]) -> bool {
    const NAMES: [&str; 16] = [
        "args",
        "document_root",
        "fastcgi_script_name",
        "host",
        "hostname",
        "is_args",
        "query_string",
        "remote_addr",
        "remote_user",
        "request_filename",
        "request_method",
        "request_uri",
        "scheme",
        "server_name",
        "server_port",
        "uri",
    ];
    const BEGINNINGS: [&[u8]; 8] =
        [b"arg_", b"cookie_", b"http_", b"proxy_add_", b"request_", b"sent_http_", b"ssl_", b"upstream_"];
    NAMES.iter().any(|known| known.as_bytes() == name)
        || BEGINNINGS.iter().any(|known| name.starts_with(known))
}

/// What the shell replaces in a here-document.
pub fn shell(bytes: &[u8], start: usize) -> Found {
    let here = &bytes[start..];
    let len = match here {
        [b'\\', b'$' | b'`' | b'\\', ..] => return silent(start..start + 1),
        // Whatever is kept by a backslash is no tag.
        _ if start > 0 && bytes[start - 1] == b'\\' => return Found::Nothing,
        [b'$', b'{', rest @ ..] => memchr::memchr(b'}', rest).map(|at| at + 3),
        [b'$', b'(', rest @ ..] => memchr::memchr(b')', rest).map(|at| at + 3),
        [b'`', rest @ ..] => memchr::memchr(b'`', rest).map(|at| at + 2),
        [b'$', first, ..] if first.is_ascii_alphabetic() || *first == b'_' => {
            Some(1 + first_word(&here[1..]).len())
        }
        [b'$', b'0'..=b'9' | b'@' | b'*' | b'#' | b'?', ..] => Some(2),
        _ => None,
    };
    match len {
        Some(len) => expression(start..start + len),
        None => Found::Nothing,
    }
}

fn expression(range: Range<usize>) -> Found {
    Found::Tag(Tag { content: range.clone(), range, kind: Kind::Expression, trims: (false, false) })
}

fn silent(range: Range<usize>) -> Found {
    Found::Tag(Tag { content: range.clone(), range, kind: Kind::Silent, trims: (false, false) })
}
