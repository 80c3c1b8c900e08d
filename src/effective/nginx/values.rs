//! How nginx reads times and sizes, and a value that holds variables. Knows no directive and no variable.

/// Milliseconds of a time (`ngx_parse_time` for a millisecond slot): `ms s m h d w` in falling order, a bare
/// number is seconds, spaces may stand between; None where nginx refuses it, as it does `y`, `M` and fractions.
pub fn milliseconds(text: &[u8]) -> Option<u64> {
    parse_time(text, false)
}

/// Seconds of a time for a slot of whole seconds: `y` and `M` too, but no `ms`.
pub fn seconds(text: &[u8]) -> Option<u64> {
    parse_time(text, true)
}

/// Units in the order in which they must fall, with their length in seconds.
const UNITS: [(u8, u64); 7] = [
    (b'y', 365 * 86_400),
    (b'M', 30 * 86_400),
    (b'w', 7 * 86_400),
    (b'd', 86_400),
    (b'h', 3_600),
    (b'm', 60),
    (b's', 1),
];

fn parse_time(text: &[u8], whole_seconds: bool) -> Option<u64> {
    const MILLISECONDS: usize = UNITS.len();
    let per_second = if whole_seconds { 1 } else { 1000 };
    let mut smallest: Option<usize> = if whole_seconds { None } else { Some(1) };
    let mut total: u64 = 0;
    let mut value: u64 = 0;
    let mut digits = false;
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        if byte.is_ascii_digit() {
            value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            digits = true;
            continue;
        }
        let unit = match byte {
            b'm' if rest.first() == Some(&b's') => {
                rest = &rest[1..];
                MILLISECONDS
            }
            // A bare number followed by a space is seconds.
            b' ' => 6,
            unit => UNITS.iter().position(|(letter, _)| letter == unit)?,
        };
        if smallest.is_some_and(|smallest| unit <= smallest) || (unit == MILLISECONDS && whole_seconds) {
            return None;
        }
        smallest = Some(if *byte == b' ' { MILLISECONDS } else { unit });
        let scale = if unit == MILLISECONDS { 1 } else { UNITS[unit].1 * per_second };
        total = total.checked_add(value.checked_mul(scale)?)?;
        value = 0;
        while let [b' ', after @ ..] = rest {
            rest = after;
        }
    }
    let total = total.checked_add(value.checked_mul(per_second)?)?;
    (digits && total <= i64::MAX as u64).then_some(total)
}

/// A time as it is written in a configuration: `60s`, `1h30m`, `1500ms`.
pub fn written_time(milliseconds: u64) -> String {
    const WRITTEN: [(&str, u64); 4] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    match milliseconds {
        0 => "0".to_string(),
        60_000 => "60s".to_string(),
        ms if ms % 1000 != 0 => format!("{ms}ms"),
        ms => {
            let mut text = String::new();
            let mut rest = ms;
            for (unit, length) in WRITTEN {
                if rest >= length {
                    text += &format!("{}{unit}", rest / length);
                    rest %= length;
                }
            }
            text
        }
    }
}

/// A time as it is told: `60 s`, `1 h 30 min`, `1500 ms`.
pub fn spoken_time(milliseconds: u64) -> String {
    const SPOKEN: [(&str, u64); 4] = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)];
    match milliseconds {
        ms if ms % 1000 != 0 => format!("{ms} ms"),
        ms if ms <= 100_000 => format!("{} s", ms / 1000),
        ms => {
            let mut parts = Vec::new();
            let mut rest = ms;
            for (unit, length) in SPOKEN {
                if rest >= length {
                    parts.push(format!("{} {unit}", rest / length));
                    rest %= length;
                }
            }
            parts.join(" ")
        }
    }
}

/// Bytes of a size: a number, with `k` or `m`, and `g` where `gigabytes` are allowed.
pub fn size(text: &[u8], gigabytes: bool) -> Option<u64> {
    let (digits, shift) = match text {
        [digits @ .., b'k' | b'K'] => (digits, 10),
        [digits @ .., b'm' | b'M'] => (digits, 20),
        [digits @ .., b'g' | b'G'] if gigabytes => (digits, 30),
        digits => (digits, 0),
    };
    number(digits)?.checked_mul(1 << shift).filter(|&size| size <= i64::MAX as u64)
}

/// A number without sign.
pub fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten().filter(|&n| n <= i64::MAX as u64)
}

/// A part of a value that is put together for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Literal(&'a [u8]),
    /// The name as written; nginx ignores its case.
    Variable(&'a [u8]),
    /// `$1` to `$9`.
    Capture(u8),
}

/// What nginx says of a value it cannot compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError<'a> {
    InvalidName,
    MissingBracket(&'a [u8]),
}

/// Takes a value apart as `ngx_http_script_compile` does: `$name`, `${name}`, `$1`; there is no way to escape `$`.
pub fn pieces(value: &[u8]) -> Pieces<'_> {
    Pieces { rest: value }
}

/// The pieces of a value, in order; ends after an error.
pub struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, ValueError<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest;
        match memchr::memchr(b'$', rest) {
            _ if rest.is_empty() => None,
            Some(0) => Some(self.variable().inspect_err(|_| self.rest = b"")),
            found => {
                let (literal, rest) = rest.split_at(found.unwrap_or(rest.len()));
                self.rest = rest;
                Some(Ok(Piece::Literal(literal)))
            }
        }
    }
}

impl<'a> Pieces<'a> {
    fn variable(&mut self) -> Result<Piece<'a>, ValueError<'a>> {
        let after = &self.rest[1..];
        if let [digit @ b'1'..=b'9', rest @ ..] = after {
            self.rest = rest;
            return Ok(Piece::Capture(digit - b'0'));
        }
        let bracket = after.first() == Some(&b'{');
        let start = &after[usize::from(bracket)..];
        let len = start.iter().take_while(|&&byte| is_name(byte)).count();
        let (name, rest) = start.split_at(len);
        self.rest = match rest {
            [b'}', rest @ ..] if bracket => rest,
            _ if bracket && !start.is_empty() => return Err(ValueError::MissingBracket(name)),
            rest => rest,
        };
        if name.is_empty() { Err(ValueError::InvalidName) } else { Ok(Piece::Variable(name)) }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The variables a value names; what follows an error is not looked at.
pub fn variables(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    pieces(value).filter_map(|piece| match piece {
        Ok(Piece::Variable(name)) => Some(name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_nginx_reads_them() {
        for (text, expected) in [
            ("60", Some(60_000)),
            ("60s", Some(60_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("1h30", Some(3_630_000)),
            ("500ms", Some(500)),
            ("1w", Some(604_800_000)),
            ("0", Some(0)),
            ("999999999999", Some(999_999_999_999_000)),
            ("", None),
            ("-1", None),
            ("off", None),
            ("1.5h", None),
            ("1H", None),
            ("30m1h", None),
            ("60sec", None),
            ("1hour", None),
            ("1y", None),
            ("1M", None),
        ] {
            assert_eq!(milliseconds(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(seconds(b"1y"), Some(31_536_000));
        assert_eq!(seconds(b"1M"), Some(2_592_000));
        assert_eq!(seconds(b"5ms"), None);
    }

    #[test]
    fn times_are_told_in_the_largest_units_that_fit() {
        for (milliseconds, written, spoken) in [
            (0, "0", "0 s"),
            (1500, "1500ms", "1500 ms"),
            (30_000, "30s", "30 s"),
            (60_000, "60s", "60 s"),
            (90_000, "1m30s", "90 s"),
            (5_400_000, "1h30m", "1 h 30 min"),
            (2_592_000_000, "30d", "30 d"),
        ] {
            assert_eq!(written_time(milliseconds), written);
            assert_eq!(spoken_time(milliseconds), spoken);
            assert_eq!(self::milliseconds(written.as_bytes()), Some(milliseconds));
        }
    }

    #[test]
    fn sizes_take_a_unit_of_one_letter() {
        assert_eq!(size(b"8k", false), Some(8192));
        assert_eq!(size(b"1g", false), None);
        assert_eq!(size(b"1g", true), Some(1 << 30));
        assert_eq!(size(b"1kb", true), None);
        assert_eq!(size(b"", true), None);
    }

    #[test]
    fn values_fall_into_literals_variables_and_captures() {
        let all: Vec<_> = pieces(b"a$http_x-${y}$1x").collect();
        assert_eq!(
            all,
            [
                Ok(Piece::Literal(b"a")),
                Ok(Piece::Variable(b"http_x")),
                Ok(Piece::Literal(b"-")),
                Ok(Piece::Variable(b"y")),
                Ok(Piece::Capture(1)),
                Ok(Piece::Literal(b"x")),
            ]
        );
        assert_eq!(pieces(b"${a").last(), Some(Err(ValueError::MissingBracket(b"a"))));
        assert_eq!(pieces(b"a$").last(), Some(Err(ValueError::InvalidName)));
        assert_eq!(pieces(b"$-").last(), Some(Err(ValueError::InvalidName)));
    }
}
