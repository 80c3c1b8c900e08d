//! httpd's wildcards (`apr_fnmatch`): `*`, `?`, `[...]`, `\`. Knows nothing of what is compared.

/// How wildcards match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// A slash is matched by a slash only.
    pub pathname: bool,
    pub caseless: bool,
}

pub fn fnmatch(pattern: &[u8], text: &[u8], style: Style) -> bool {
    // The last `*` and how much of the text it has eaten: where to go back to, never further than once per byte.
    let mut star: Option<(usize, usize)> = None;
    let (mut p, mut t) = (0, 0);
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
        } else if let Some(used) = one(&pattern[p..], text[t], style) {
            p += used;
            t += 1;
        } else if let Some((after, eaten)) = star.filter(|&(_, eaten)| !style.pathname || text[eaten] != b'/')
        {
            star = Some((after, eaten + 1));
            (p, t) = (after, eaten + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// How many pattern bytes match `byte`, if the pattern's first element does.
fn one(pattern: &[u8], byte: u8, style: Style) -> Option<usize> {
    let slash = style.pathname && byte == b'/';
    let same = |literal: u8| fold(literal, style) == fold(byte, style);
    match pattern {
        [b'?', ..] => (!slash).then_some(1),
        [b'[', rest @ ..] => match class(rest, byte, style) {
            Some((held, used)) => (held && !slash).then_some(used + 1),
            None => same(b'[').then_some(1),
        },
        [b'\\', escaped, ..] => same(*escaped).then_some(2),
        [literal, ..] => same(*literal).then_some(1),
        [] => None,
    }
}

/// A bracket expression after its `[`: whether it holds the byte, and its length; None where it never closes.
fn class(pattern: &[u8], byte: u8, style: Style) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let first = at;
    let mut held = false;
    loop {
        if pattern.get(at)? == &b']' && at > first {
            return Some((held != negated, at + 1));
        }
        let (low, after) = member(pattern, at)?;
        let range =
            pattern.get(after) == Some(&b'-') && pattern.get(after + 1).is_some_and(|&next| next != b']');
        let (high, after) = if range { member(pattern, after + 1)? } else { (low, after) };
        held |= (low..=high).contains(&byte)
            || style.caseless && (fold(low, style)..=fold(high, style)).contains(&fold(byte, style));
        at = after;
    }
}

fn member(pattern: &[u8], at: usize) -> Option<(u8, usize)> {
    match pattern.get(at)? {
        b'\\' => Some((*pattern.get(at + 1)?, at + 2)),
        &byte => Some((byte, at + 1)),
    }
}

fn fold(byte: u8, style: Style) -> u8 {
    if style.caseless { byte.to_ascii_lowercase() } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_the_runtime_library_has_it() {
        let plain = Style::default();
        let path = Style { pathname: true, ..plain };
        let caseless = Style { caseless: true, ..plain };
        for (pattern, text, style, expected) in [
            ("/ws*", "/ws/a/b", plain, true),
            ("/ws*", "/ws/a", path, false),
            ("/*/b", "/ws/b", path, true),
            ("/?b", "//b", path, false),
            ("/[a-c]x", "/bx", plain, true),
            ("/[!a]x", "/ax", plain, false),
            ("WebSocket", "websocket", plain, false),
            ("Web[S]ocket", "websocket", caseless, true),
            ("\\*", "*", plain, true),
            ("[a", "[a", plain, true),
            ("*a*b*c", "1a2b3b4c", plain, true),
            ("", "", plain, true),
            ("*", "", plain, true),
        ] {
            assert_eq!(fnmatch(pattern.as_bytes(), text.as_bytes(), style), expected, "{pattern} {text}");
        }
    }
}
