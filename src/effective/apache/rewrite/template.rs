//! A substitution or test string cut into what is literal and what is filled in. Knows no request.

/// A part of a test string or substitution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Literal(&'a [u8]),
    /// Literal too, behind a backslash.
    Escaped(u8),
    /// `%{NAME}`
    Variable(&'a [u8]),
    /// `${name:key|default}`; key and default hold pieces of their own.
    Map {
        name: &'a [u8],
        key: &'a [u8],
        default: &'a [u8],
    },
    /// `$1`: a group of the rule's pattern.
    RuleGroup(u8),
    /// `%1`: a group of the last condition that held.
    ConditionGroup(u8),
    /// What an expression of a template makes.
    Hole,
}

/// Stands in a text where an expression of a template does.
pub const HOLE: &[u8] = b"%{an expression of a template}";

/// The pieces in order (`do_expand`).
pub fn pieces(text: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, used) = piece(rest)?;
        rest = &rest[used..];
        Some(piece)
    })
}

fn piece(text: &[u8]) -> Option<(Piece<'_>, usize)> {
    let literal = |len: usize| Some((Piece::Literal(&text[..len]), len));
    match text {
        [] => None,
        [b'\\', escaped, ..] => Some((Piece::Escaped(*escaped), 2)),
        [b'\\'] => literal(1),
        [sign @ (b'$' | b'%'), b'{', inner @ ..] => {
            let Some(end) = closing(inner) else { return literal(2) };
            let name = &inner[..end];
            if *sign == b'%' {
                let is_hole = text.starts_with(HOLE);
                return Some((if is_hole { Piece::Hole } else { Piece::Variable(name) }, end + 3));
            }
            let Some(colon) = at_level(name, b':') else { return literal(2) };
            let (key, default) = match at_level(&name[colon + 1..], b'|') {
                Some(bar) => (&name[colon + 1..][..bar], &name[colon + 1..][bar + 1..]),
                None => (&name[colon + 1..], &b""[..]),
            };
            Some((Piece::Map { name: &name[..colon], key, default }, end + 3))
        }
        [b'$', digit @ b'0'..=b'9', ..] => Some((Piece::RuleGroup(digit - b'0'), 2)),
        [b'%', digit @ b'0'..=b'9', ..] => Some((Piece::ConditionGroup(digit - b'0'), 2)),
        [b'$' | b'%', ..] => literal(1),
        _ => literal(memchr::memchr3(b'\\', b'$', b'%', text).unwrap_or(text.len())),
    }
}

/// Where the curly bracket closes that opened just before.
fn closing(text: &[u8]) -> Option<usize> {
    let mut depth = 1;
    text.iter().position(|&byte| {
        depth += i32::from(byte == b'{') - i32::from(byte == b'}');
        depth == 0
    })
}

/// The first such byte that stands in no inner brackets.
fn at_level(text: &[u8], wanted: u8) -> Option<usize> {
    let mut depth = 0;
    text.iter().position(|&byte| {
        if depth == 0 && byte == wanted {
            return true;
        }
        depth += i32::from(byte == b'{') - i32::from(byte == b'}');
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_into_pieces() {
        use Piece::*;
        let cut = |text: &'static str| pieces(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(
            cut("ws://b/$1?%2"),
            [Literal(b"ws://b/"), RuleGroup(1), Literal(b"?"), ConditionGroup(2)]
        );
        assert_eq!(cut("a%{HTTP:X}b"), [Literal(b"a"), Variable(b"HTTP:X"), Literal(b"b")]);
        assert_eq!(
            cut("${low:%{HTTP_HOST}|no|ne}"),
            [Map { name: b"low", key: b"%{HTTP_HOST}", default: b"no|ne" }]
        );
        assert_eq!(cut("${low:${up:a|b}}"), [Map { name: b"low", key: b"${up:a|b}", default: b"" }]);
        assert_eq!(cut(r"\$1$x"), [Escaped(b'$'), Literal(b"1"), Literal(b"$"), Literal(b"x")]);
        assert_eq!(cut("%{A ${b}"), [Literal(b"%{"), Literal(b"A "), Literal(b"${"), Literal(b"b}")]);
        assert_eq!(cut("a\\"), [Literal(b"a"), Literal(b"\\")]);
    }
}
