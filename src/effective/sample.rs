//! A text that a regular expression matches, the first that comes to mind. Knows not whether it is really matched: that
//! is for the expression to say.

/// What a group was opened after, and whether the rest of it is another branch.
struct Group {
    start: usize,
    /// Groups inside the branches that are left out.
    left_out: Option<usize>,
}

/// A text for a regular expression, with everything optional left out, or put in once where `generous`; None where it
/// looks around itself, or refers back.
pub fn sample(pattern: &[u8], generous: bool) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    // Where the text begins that a quantifier is about.
    let mut atom: Option<usize> = None;
    let mut rest = pattern;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if let Some(Group { left_out: Some(depth), .. }) = groups.last_mut() {
            match byte {
                b'\\' => rest = rest.get(1..)?,
                b'(' => *depth += 1,
                b')' if *depth > 0 => *depth -= 1,
                b')' => atom = Some(groups.pop()?.start),
                _ => {}
            }
            continue;
        }
        let start = out.len();
        match byte {
            b'(' => {
                rest = after_group_head(rest)?;
                if rest.first() == Some(&b')') && after.starts_with(b"?") {
                    // Only options, as in `(?i)`.
                    rest = &rest[1..];
                    continue;
                }
                groups.push(Group { start, left_out: None });
                atom = None;
            }
            b')' => atom = Some(groups.pop()?.start),
            b'|' => match groups.last_mut() {
                Some(group) => group.left_out = Some(0),
                None => break,
            },
            b'^' | b'$' => atom = None,
            b'[' => {
                let (byte, behind) = class(rest)?;
                (rest, atom) = (behind, Some(start));
                out.push(byte);
            }
            b'.' => {
                // Alone it most likely stands for itself.
                let repeated = rest.first().is_some_and(|byte| b"*+?{".contains(byte));
                out.push(if repeated { b'x' } else { b'.' });
                atom = Some(start);
            }
            b'\\' => {
                let (&escaped, behind) = rest.split_first()?;
                rest = behind;
                atom = Some(start);
                match escaped {
                    b'b' | b'B' | b'A' | b'z' | b'Z' => atom = None,
                    b'1'..=b'9' => return None,
                    escaped => out.push(of_class(escaped).unwrap_or(escaped)),
                }
            }
            b'*' | b'?' | b'+' => {
                let repeated = atom?;
                if byte != b'+' && !generous {
                    out.truncate(repeated);
                }
                rest = rest.strip_prefix(b"?").or(rest.strip_prefix(b"+")).unwrap_or(rest);
            }
            b'{' if rest.first().is_some_and(u8::is_ascii_digit) => {
                let end = rest.iter().position(|&byte| byte == b'}')?;
                let least: usize = std::str::from_utf8(&rest[..end]).ok()?.split(',').next()?.parse().ok()?;
                rest = &rest[end + 1..];
                let repeated = out[atom?..].to_vec();
                if least == 0 && !generous {
                    out.truncate(atom?);
                }
                (1..least.min(64)).for_each(|_| out.extend_from_slice(&repeated));
            }
            byte => {
                out.push(byte);
                atom = Some(start);
            }
        }
        if out.len() > 4096 {
            return None;
        }
    }
    Some(out)
}

/// What follows `?:`, `?i:`, `?<name>`; None where the group looks around itself.
fn after_group_head(rest: &[u8]) -> Option<&[u8]> {
    let Some(head) = rest.strip_prefix(b"?") else { return Some(rest) };
    match head {
        [b'<' | b'P', ..] if !matches!(head, [b'<', b'=' | b'!', ..] | [b'P', b'>' | b'=', ..]) => {
            let end = head.iter().position(|&byte| byte == b'>')?;
            Some(&head[end + 1..])
        }
        _ => {
            let end = head.iter().position(|byte| !(byte.is_ascii_alphabetic() || *byte == b'-'))?;
            match head[end] {
                b':' => Some(&head[end + 1..]),
                b')' => Some(&head[end..]),
                _ => None,
            }
        }
    }
}

/// One byte of a class, and what follows its `]`.
fn class(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (negated, inner) = match rest.strip_prefix(b"^") {
        Some(inner) => (true, inner),
        None => (false, rest),
    };
    let mut end = usize::from(inner.first() == Some(&b']'));
    while *inner.get(end)? != b']' {
        end += if inner[end] == b'\\' { 2 } else { 1 };
    }
    let (listed, behind) = (&inner[..end], &inner[end + 1..]);
    let byte = match listed {
        _ if negated => *b"x1_-".iter().find(|byte| !listed.contains(byte))?,
        [b'\\', escaped, ..] => of_class(*escaped).unwrap_or(*escaped),
        [b'[', b':', ..] => b'a',
        [first, ..] => *first,
        [] => return None,
    };
    Some((byte, behind))
}

/// A byte for `\d` and its like.
fn of_class(escaped: u8) -> Option<u8> {
    Some(match escaped {
        b'd' => b'1',
        b'w' | b'D' | b'S' => b'x',
        b's' => b' ',
        b'W' => b'-',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effective::regex::Pattern;

    #[test]
    fn samples_are_matched() {
        for (pattern, least, most) in [
            ("^/ws", "/ws", "/ws"),
            ("^/(ws|chat)(/.*)?$", "/ws", "/ws/x"),
            ("^/?(.*)", "", "/x"),
            (r"^/socket\.io/(.+)", "/socket.io/x", "/socket.io/x"),
            ("/socket.io", "/socket.io", "/socket.io"),
            (r"^/room/[0-9]{3}/\w+", "/room/000/x", "/room/000/x"),
            ("^/[^/]+/ws$", "/x/ws", "/x/ws"),
            ("(?i)^/(?:live|(?<kind>a|b))/ws", "/live/ws", "/live/ws"),
            ("^/a{0,2}b", "/b", "/ab"),
            (r"^/(a\)|b)c", "/a)c", "/a)c"),
        ] {
            let compiled = Pattern::new(pattern.as_bytes(), false).expect("valid");
            for (generous, expected) in [(false, least), (true, most)] {
                let sample = sample(pattern.as_bytes(), generous).expect("simple");
                assert_eq!(String::from_utf8_lossy(&sample), expected, "{pattern}");
                assert_eq!(compiled.is_match(&sample), Some(true), "{pattern}");
            }
        }
    }

    #[test]
    fn what_is_not_simple_has_none() {
        for pattern in ["^/(?!ws)", "(a)\\1", "(?<=a)b", "*", ")", "[", "a\\"] {
            assert_eq!(sample(pattern.as_bytes(), true), None, "{pattern}");
        }
    }
}
