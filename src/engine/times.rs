//! What people mean by a time, in whatever units they write it, and what httpd makes of it. Knows no directive.

use crate::effective::apache::values::leading_number;

/// Ways in which people write a unit, in lower case, and its milliseconds.
const UNITS: [(&str, u64); 31] = [
    ("d", DAY),
    ("day", DAY),
    ("days", DAY),
    ("h", HOUR),
    ("hour", HOUR),
    ("hours", HOUR),
    ("hr", HOUR),
    ("hrs", HOUR),
    ("m", MINUTE),
    ("millis", 1),
    ("milliseconds", 1),
    ("min", MINUTE),
    ("mins", MINUTE),
    ("minute", MINUTE),
    ("minutes", MINUTE),
    ("mo", 30 * DAY),
    ("month", 30 * DAY),
    ("months", 30 * DAY),
    ("ms", 1),
    ("msec", 1),
    ("s", SECOND),
    ("sec", SECOND),
    ("second", SECOND),
    ("seconds", SECOND),
    ("secs", SECOND),
    ("w", 7 * DAY),
    ("week", 7 * DAY),
    ("weeks", 7 * DAY),
    ("y", 365 * DAY),
    ("year", 365 * DAY),
    ("years", 365 * DAY),
];
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Milliseconds of a time, where the writing leaves no doubt; without a unit they are seconds.
pub fn meant(written: &str) -> Option<u64> {
    let mut total = 0.0;
    let mut rest = written.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "" => SECOND,
            "M" => 30 * DAY,
            unit => UNITS.iter().find(|(known, _)| unit.eq_ignore_ascii_case(known))?.1,
        };
        total += number * unit as f64;
        rest = rest[letters..].trim_start();
    }
    let milliseconds = total.round();
    (1.0..1e15).contains(&milliseconds).then_some(milliseconds as u64)
}

/// Milliseconds that httpd reads of a time whose unit it leaves out, and those that were meant; None where both are the
/// same, and where there is no unit.
pub fn misread(written: &str) -> Option<(u64, u64)> {
    if !written.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    // No server takes months here: whoever writes `M` means minutes.
    let lower = written.trim().to_ascii_lowercase();
    let has_unit =
        lower.starts_with(|c: char| c.is_ascii_digit()) && lower.contains(|c: char| c.is_ascii_alphabetic());
    let read = u64::try_from(leading_number(lower.as_bytes())).ok()?.saturating_mul(1000);
    let meant = meant(&lower).filter(|&meant| has_unit && meant != read)?;
    Some((read, meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn httpd_reads_the_digits_as_seconds_whatever_unit_follows() {
        for (written, expected) in [
            ("1min", Some((1000, 60_000))),
            ("3500ms", Some((3_500_000, 3500))),
            ("1h30m", Some((1000, 5_400_000))),
            ("5M", Some((5000, 300_000))),
            ("3s", None),
            ("90 sec", None),
            ("300", None),
            ("5#", None),
            ("off", None),
        ] {
            assert_eq!(misread(written), expected, "{written}");
        }
    }
}
