//! Durations and sizes as people write them: `250ms`, `64MiB`; both ways. Knows nothing of specifications.

use std::time::Duration;

use super::nearest::nearest;

const DURATION_UNITS: [(&str, u64); 6] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];
const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAQuantity {
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub nearest: Option<String>,
}

/// `1s`, `250ms`, `5m`: a whole number and one of us, ms, s, m, h, d.
pub fn parse_duration(text: &str) -> Result<Duration, NotAQuantity> {
    parse(text, &DURATION_UNITS, "s").map(Duration::from_nanos)
}

/// `64MiB`, `1MB`: a whole number of bytes and one of B, KB, KiB, MB, MiB, GB, GiB.
pub fn parse_size(text: &str) -> Result<u64, NotAQuantity> {
    parse(text, &SIZE_UNITS, "MiB")
}

fn parse(text: &str, units: &[(&str, u64)], usual: &str) -> Result<u64, NotAQuantity> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim_start());
    let wrong = |message: &str, nearest| Err(NotAQuantity { message: message.to_owned(), nearest });
    if number.is_empty() {
        return wrong("does not start with a whole number", None);
    }
    if unit.is_empty() {
        return wrong("has no unit", Some(format!("{number}{usual}")));
    }
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        let near = units.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(unit));
        let near = near.or_else(|| nearest(unit, units.iter().map(|(name, _)| *name)));
        return wrong("has no unit that is known here", near.map(|unit| format!("{number}{unit}")));
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(*scale)) {
        Some(value) => Ok(value),
        None => wrong("is too large", None),
    }
}

/// A duration in the largest unit that keeps it whole: `1500ms`, `2m`.
pub fn show_duration(duration: Duration) -> String {
    show(duration.as_nanos(), DURATION_UNITS, "0s", "ns")
}

/// A size in the largest unit that keeps it whole: `64MiB`, `1MB`.
pub fn show_size(bytes: u64) -> String {
    show(u128::from(bytes), SIZE_UNITS, "0B", "B")
}

/// `units` are in ascending order.
fn show<const N: usize>(value: u128, units: [(&str, u64); N], zero: &str, smallest: &str) -> String {
    if value == 0 {
        return zero.to_owned();
    }
    match units.iter().rev().find(|(_, scale)| value.is_multiple_of(u128::from(*scale))) {
        Some((name, scale)) => format!("{}{name}", value / u128::from(*scale)),
        None => format!("{value}{smallest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_both_ways() {
        for (text, millis) in
            [("1s", 1_000), ("250ms", 250), ("5m", 300_000), ("1h", 3_600_000), ("2d", 172_800_000)]
        {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration, Duration::from_millis(millis));
            assert_eq!(show_duration(duration), text);
        }
        assert_eq!(show_duration(Duration::from_millis(1500)), "1500ms");
        assert_eq!(show_duration(Duration::from_nanos(5)), "5ns");
        assert_eq!(show_duration(Duration::ZERO), "0s");
        assert_eq!(show_duration(Duration::from_secs(10 * 86_400)), "10d");
        assert_eq!(parse_duration("100 ms").unwrap(), Duration::from_millis(100));
    }

    #[test]
    fn sizes_both_ways() {
        for (text, bytes) in
            [("64MiB", 64 << 20), ("1MB", 1_000_000), ("3KiB", 3072), ("1GiB", 1 << 30), ("7B", 7)]
        {
            assert_eq!(parse_size(text).unwrap(), bytes);
            assert_eq!(show_size(bytes), text);
        }
        assert_eq!(show_size(0), "0B");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |error: NotAQuantity| format!("{} ({})", error.message, error.nearest.unwrap_or_default());
        assert_eq!(said(parse_duration("5").unwrap_err()), "has no unit (5s)");
        assert_eq!(said(parse_duration("5 sec").unwrap_err()), "has no unit that is known here ()");
        assert_eq!(said(parse_duration("fast").unwrap_err()), "does not start with a whole number ()");
        assert_eq!(said(parse_duration("-5s").unwrap_err()), "does not start with a whole number ()");
        assert_eq!(said(parse_duration("1.5s").unwrap_err()), "has no unit that is known here ()");
        assert_eq!(said(parse_duration("999999999999999999d").unwrap_err()), "is too large ()");
        assert_eq!(said(parse_size("64mib").unwrap_err()), "has no unit that is known here (64MiB)");
        assert_eq!(said(parse_size("64M").unwrap_err()), "has no unit that is known here (64MB)");
    }
}
