//! What a `RewriteCond` says. Knows no request.

use super::{Pattern, flags, line};
use crate::effective::apache::expr::{Expr, Order};

/// One `RewriteCond`.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What is tested, not yet expanded.
    pub input: Vec<u8>,
    pub test: ConditionTest,
    pub negated: bool,
    /// `[OR]`: this one or the next.
    pub or_next: bool,
    pub caseless: bool,
}

#[derive(Clone, Debug)]
pub enum ConditionTest {
    Pattern(Pattern),
    /// A test of files, or by a request inside the request: one of `fsdxLUF`.
    File(u8),
    /// As strings; without `[NC]` a longer one is greater, whatever it holds.
    Text(Order, Vec<u8>),
    Number(Order, Vec<u8>),
    Expr(Expr),
}

impl Condition {
    /// What the raw words say (`cmd_rewritecond`).
    ///
    /// # Errors
    /// In the server's words.
    pub fn parse(words: &[&[u8]]) -> Result<Self, String> {
        let Some(line::Words { first: input, second: pattern, flags: field }) = line::words(words) else {
            let shown = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
            return Err(format!("RewriteCond: bad argument line '{shown}'"));
        };
        let (mut or_next, mut caseless) = (false, false);
        for flag in
            field.map_or(Ok(Vec::new()), flags::flags).map_err(|what| format!("RewriteCond: {what}"))?
        {
            match flag.name.to_ascii_lowercase().as_slice() {
                b"nc" | b"nocase" => caseless = true,
                b"or" | b"ornext" => or_next = true,
                b"nv" | b"novary" => {}
                _ => return Err(format!("RewriteCond: {}", flags::unknown(flag.name))),
            }
        }
        let (mut negated, pattern) = match pattern {
            [b'!', pattern @ ..] => (true, pattern),
            pattern => (false, pattern),
        };
        let test = if input.eq_ignore_ascii_case(b"expr") {
            let shown = String::from_utf8_lossy(pattern);
            let refused = |words| format!("RewriteCond: cannot compile expression \"{shown}\" {words}");
            ConditionTest::Expr(Expr::parse(pattern).map_err(refused)?)
        } else {
            match special(pattern) {
                Some((test, inverted)) => {
                    negated ^= inverted;
                    test
                }
                None => ConditionTest::Pattern(Pattern::compile("RewriteCond", pattern, caseless)?),
            }
        };
        Ok(Self { input: input.to_vec(), test, negated, or_next, caseless })
    }
}

/// A pattern that is no regular expression, and whether it means the opposite.
fn special(pattern: &[u8]) -> Option<(ConditionTest, bool)> {
    let number = |order, operand: &[u8]| Some((ConditionTest::Number(order, operand.to_vec()), false));
    let text = |order, operand: &[u8]| Some((ConditionTest::Text(order, operand.to_vec()), false));
    match pattern {
        [] | [_] => None,
        [b'-', test @ (b'f' | b's' | b'd' | b'x' | b'U' | b'F')] => Some((ConditionTest::File(*test), false)),
        [b'-', b'h' | b'l' | b'L'] => Some((ConditionTest::File(b'L'), false)),
        [b'-', b'l', b't', operand @ ..] if !operand.is_empty() => number(Order::Less, operand),
        [b'-', b'l', b'e', operand @ ..] if !operand.is_empty() => number(Order::LessOrEqual, operand),
        [b'-', b'g', b't', operand @ ..] if !operand.is_empty() => number(Order::Greater, operand),
        [b'-', b'g', b'e', operand @ ..] if !operand.is_empty() => number(Order::GreaterOrEqual, operand),
        [b'-', b'e', b'q', operand @ ..] if !operand.is_empty() => number(Order::Equal, operand),
        [b'-', b'n', b'e', operand @ ..] if !operand.is_empty() => {
            Some((ConditionTest::Number(Order::Equal, operand.to_vec()), true))
        }
        [b'>', b'=', operand @ ..] => text(Order::GreaterOrEqual, operand),
        [b'>', operand @ ..] => text(Order::Greater, operand),
        [b'<', b'=', operand @ ..] => text(Order::LessOrEqual, operand),
        [b'<', operand @ ..] => text(Order::Less, operand),
        [b'=', b'"', b'"'] => text(Order::Equal, b""),
        [b'=', operand @ ..] => text(Order::Equal, operand),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Condition, String> {
        Condition::parse(&super::super::split_line(line.as_bytes()))
    }

    #[test]
    fn patterns_are_told_apart() {
        let shown = |line: &str| {
            let condition = parse(line).expect("sound");
            let negated = if condition.negated { "not " } else { "" };
            negated.to_string()
                + &match condition.test {
                    ConditionTest::Pattern(pattern) => {
                        format!("matches {}", String::from_utf8_lossy(&pattern.text))
                    }
                    ConditionTest::File(test) => format!("-{}", char::from(test)),
                    ConditionTest::Text(order, text) => {
                        format!("{order:?} {}", String::from_utf8_lossy(&text))
                    }
                    ConditionTest::Number(order, text) => {
                        format!("number {order:?} {}", String::from_utf8_lossy(&text))
                    }
                    ConditionTest::Expr(_) => "expr".to_string(),
                }
        };
        for (line, expected) in [
            ("%{HTTP:Upgrade} websocket [NC]", "matches websocket"),
            ("%{HTTP:Upgrade} =websocket", "Equal websocket"),
            ("%{HTTP:Upgrade} !=websocket [NC]", "not Equal websocket"),
            ("%{HTTP:Upgrade} !=\"\"", "not Equal "),
            ("%{REQUEST_FILENAME} !-f", "not -f"),
            ("%{REQUEST_FILENAME} -l", "-L"),
            ("%{REQUEST_FILENAME} -q", "matches -q"),
            ("%{SERVER_PORT} -eq443", "number Equal 443"),
            ("%{SERVER_PORT} -ne443", "not number Equal 443"),
            ("%{SERVER_PORT} !-ne443", "number Equal 443"),
            ("%{SERVER_PORT} -lt", "matches -lt"),
            ("%{X} >=b", "GreaterOrEqual b"),
            ("%{X} =", "matches ="),
            ("%{X} ''", "matches "),
            ("expr \"%{HTTP:Upgrade} == 'websocket'\"", "expr"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
        assert!(parse("%{X} a [OR,nocase]").is_ok_and(|condition| condition.or_next && condition.caseless));
    }

    #[test]
    fn what_is_wrong_is_said_in_the_servers_words() {
        for (line, expected) in [
            ("%{X}", "RewriteCond: bad argument line '%{X}'"),
            ("%{X} a [NC, OR]", "RewriteCond: bad flag delimiters"),
            ("%{X} a NC", "RewriteCond: bad flag delimiters"),
            ("%{X} a [NC,L]", "RewriteCond: unknown flag 'L'"),
            ("%{X} (", "RewriteCond: cannot compile regular expression '('"),
            ("%{X} !(", "RewriteCond: cannot compile regular expression '('"),
        ] {
            assert_eq!(parse(line).err().as_deref(), Some(expected), "{line}");
        }
        let refused = parse("expr \"%{NOPE} == 'x'\"").expect_err("no such variable");
        assert_eq!(
            refused,
            "RewriteCond: cannot compile expression \"%{NOPE} == 'x'\" Variable 'NOPE' does not exist"
        );
    }
}
