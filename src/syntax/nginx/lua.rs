//! Where a block of Lua ends. Knows Lua's strings and comments, and nothing else of it.

type Input<'a> = &'a [u8];

/// The body of a `*_by_lua_block`, from after its `{` to after its `}`: braces inside Lua's strings and
/// comments do not count. None where it never ends.
pub(super) fn body(input: Input) -> Option<Input> {
    let mut rest = input;
    let mut depth = 1;
    loop {
        let at = rest.iter().position(|byte| b"{}\"'-[".contains(byte))?;
        let (found, after) = (rest[at], &rest[at + 1..]);
        rest = match found {
            b'{' => {
                depth += 1;
                after
            }
            b'}' if depth == 1 => return Some(after),
            b'}' => {
                depth -= 1;
                after
            }
            b'-' => match after {
                [b'-', comment @ ..] => match comment.first() {
                    Some(b'[') if level(&comment[1..]).is_some() => long(&comment[1..])?,
                    _ => &comment[memchr::memchr(b'\n', comment)?..],
                },
                _ => after,
            },
            b'[' if level(after).is_some() => long(after)?,
            b'[' => after,
            quote => string(quote, after)?,
        }
    }
}

/// How many `=` stand in a long bracket, after its first `[`.
fn level(input: Input) -> Option<usize> {
    let equals = input.iter().take_while(|&&byte| byte == b'=').count();
    (input.get(equals) == Some(&b'[')).then_some(equals)
}

fn long(input: Input) -> Option<Input> {
    let mut closing = vec![b'='; level(input)?];
    closing.insert(0, b']');
    closing.push(b']');
    memchr::memmem::find(input, &closing).map(|at| &input[at + closing.len()..])
}

fn string(quote: u8, mut rest: Input) -> Option<Input> {
    loop {
        let at = memchr::memchr3(quote, b'\\', b'\n', rest)?;
        match rest[at] {
            b'\\' => rest = rest.get(at + 2..)?,
            _ => return Some(&rest[at + 1..]),
        }
    }
}
