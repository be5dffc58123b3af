//! Dates, times and instants as text: RFC 3339 and the shorter forms of ISO 8601 that people use, to numbers and
//! back. Without an offset, text is UTC. Knows nothing of any format or column.

use arrow::datatypes::TimeUnit;

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;
const DAY_S: i64 = 86_400;
/// Nanoseconds of a second.
const NANOS: u32 = 1_000_000_000;

/// A point in time, or a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant {
    /// Seconds since 1970, or since midnight.
    pub(crate) seconds: i64,
    /// And nanoseconds.
    pub(crate) nanos: u32,
}

/// Why an instant is no whole number of some unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It has digits below the unit.
    Finer,
    /// The number does not fit 64 bits.
    Beyond,
}

impl Misfit {
    /// For people: `<text> … <unit>`.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Misfit::Finer => "has digits below the unit of",
            Misfit::Beyond => "is beyond the range of",
        }
    }
}

impl Instant {
    /// As a number of `unit`s.
    pub(crate) fn in_unit(self, unit: TimeUnit) -> Result<i64, Misfit> {
        let per_second = per_second(unit);
        let nanos_per = NANOS / per_second as u32;
        if !self.nanos.is_multiple_of(nanos_per) {
            return Err(Misfit::Finer);
        }
        let number = i128::from(self.seconds) * i128::from(per_second) + i128::from(self.nanos / nanos_per);
        i64::try_from(number).map_err(|_| Misfit::Beyond)
    }

    /// So many `unit`s.
    fn of_units(number: i64, unit: TimeUnit) -> Instant {
        let per_second = per_second(unit);
        let nanos = number.rem_euclid(per_second) as u32 * (NANOS / per_second as u32);
        Instant { seconds: number.div_euclid(per_second), nanos }
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => i64::from(NANOS),
    }
}

/// `2024-05-01T12:30:45.123+02:00`: seconds, fraction and offset may be left out, `T` may be a space or small,
/// the offset may be `Z`, `+02:00`, `+0200` or `+02`; a date alone is its midnight.
pub(crate) fn parse_timestamp(text: &[u8]) -> Option<Instant> {
    let (days, rest) = date(text)?;
    let midnight = i64::from(days) * DAY_S;
    let Some((b'T' | b't' | b' ', rest)) = rest.split_first() else {
        return rest.is_empty().then_some(Instant { seconds: midnight, nanos: 0 });
    };
    let (time, rest) = time(rest)?;
    let offset = offset(rest)?;
    Some(Instant { seconds: midnight + time.seconds - offset, nanos: time.nanos })
}

/// `2024-05-01`, as days since 1970.
pub(crate) fn parse_date(text: &[u8]) -> Option<i32> {
    let (days, rest) = date(text)?;
    rest.is_empty().then_some(days)
}

/// `12:30`, `12:30:45`, `12:30:45.123`, since midnight. An offset may follow, as for an instant: the time is that
/// of UTC then, before or after midnight.
pub(crate) fn parse_time(text: &[u8]) -> Option<Instant> {
    let (time, rest) = time(text)?;
    let seconds = (time.seconds - offset(rest)?).rem_euclid(DAY_S);
    Some(Instant { seconds, ..time })
}

/// So many `unit`s since 1970 as `2024-05-01T12:30:45.123Z`, with as many digits as the unit has and none where
/// they are all zero.
pub(crate) fn format_timestamp(number: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    let instant = Instant::of_units(number, unit);
    format_date(instant.seconds.div_euclid(DAY_S), out);
    out.push(b'T');
    format_seconds(Instant { seconds: instant.seconds.rem_euclid(DAY_S), ..instant }, unit, out);
}

/// So many `unit`s since midnight as `12:30:45.123Z`; false if that is no time of a day.
pub(crate) fn format_time(number: i64, unit: TimeUnit, out: &mut Vec<u8>) -> bool {
    let time = Instant::of_units(number, unit);
    let valid = (0..DAY_S).contains(&time.seconds);
    if valid {
        format_seconds(time, unit, out);
    }
    valid
}

fn format_seconds(time: Instant, unit: TimeUnit, out: &mut Vec<u8>) {
    let Instant { seconds, nanos } = time;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    out.extend_from_slice(text.as_bytes());
    if nanos > 0 {
        let digits = per_second(unit).ilog10() as usize;
        out.push(b'.');
        out.extend_from_slice(&format!("{nanos:09}").as_bytes()[..digits]);
    }
    out.push(b'Z');
}

/// Days since 1970 as `2024-05-01`; a year beyond four digits has a sign.
pub(crate) fn format_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    let text = match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+07}-{month:02}-{day:02}"),
    };
    out.extend_from_slice(text.as_bytes());
}

/// The number that exactly `count` digits spell, and what follows.
fn digits(text: &[u8], count: usize) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let value = digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Some(value * 10 + u32::from(digit - b'0')),
        _ => None,
    });
    Some((value?, rest))
}

fn after(text: &[u8], byte: u8) -> Option<&[u8]> {
    text.split_first().and_then(|(first, rest)| (*first == byte).then_some(rest))
}

/// A date as days since 1970, and what follows. Years have four digits, or a sign and six or seven.
fn date(text: &[u8]) -> Option<(i32, &[u8])> {
    let (year, rest) = match text.split_first()? {
        (sign @ (b'+' | b'-'), rest) => {
            let count = if rest.get(6).is_some_and(u8::is_ascii_digit) { 7 } else { 6 };
            let (year, rest) = digits(rest, count)?;
            (if *sign == b'-' { -i64::from(year) } else { i64::from(year) }, rest)
        }
        _ => digits(text, 4).map(|(year, rest)| (i64::from(year), rest))?,
    };
    let (month, rest) = digits(after(rest, b'-')?, 2)?;
    let (day, rest) = digits(after(rest, b'-')?, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let days = i32::try_from(days_since_1970(year, month, day)).ok()?;
    (1..=last).contains(&day).then_some((days, rest))
}

fn time(text: &[u8]) -> Option<(Instant, &[u8])> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(after(rest, b':')?, 2)?;
    let (second, rest) = match after(rest, b':') {
        Some(rest) => digits(rest, 2)?,
        None => (0, rest),
    };
    let (nanos, rest) = match rest.split_first() {
        Some((b'.' | b',', rest)) => fraction(rest)?,
        _ => (0, rest),
    };
    let valid = hour < 24 && minute < 60 && second < 60;
    let seconds = i64::from(hour * 3_600 + minute * 60 + second);
    valid.then_some((Instant { seconds, nanos }, rest))
}

/// One to nine digits after the point, as nanoseconds.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    let (value, rest) = digits(text, count)?;
    Some((value * 10_u32.pow(9 - count as u32), rest))
}

/// Seconds east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text.split_first() {
        None | Some((b'Z' | b'z', [])) => return Some(0),
        Some((b'+', rest)) => (1, rest),
        Some((b'-', rest)) => (-1, rest),
        Some(_) => return None,
    };
    let (hours, rest) = digits(rest, 2)?;
    let minutes = match after(rest, b':').unwrap_or(rest) {
        [] if rest.is_empty() => 0,
        rest => digits(rest, 2).filter(|(_, rest)| rest.is_empty())?.0,
    };
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3_600 + minutes * 60))
}

/// Gregorian calendar → day number. Years are counted from March, so that the leap day comes last.
fn days_since_1970(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (i64::from(month) + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Day number → Gregorian calendar, the way back.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(text: &str) -> Option<Result<i64, Misfit>> {
        parse_timestamp(text.as_bytes()).map(|instant| instant.in_unit(TimeUnit::Millisecond))
    }

    #[test]
    fn the_common_forms_of_an_instant() {
        let noon = 1_714_566_645_123;
        for text in [
            "2024-05-01T12:30:45.123Z",
            "2024-05-01t12:30:45,123z",
            "2024-05-01 12:30:45.123",
            "2024-05-01T12:30:45.123000000",
            "2024-05-01T14:30:45.123+02:00",
            "2024-05-01T14:30:45.123+0200",
            "2024-05-01T14:30:45.123+02",
            "2024-05-01T09:00:45.123-03:30",
        ] {
            assert_eq!(ms(text), Some(Ok(noon)), "{text}");
        }
        assert_eq!(ms("2024-05-01"), Some(Ok(1_714_521_600_000)));
        assert_eq!(ms("2024-05-01T12:30"), Some(Ok(1_714_566_600_000)));
        assert_eq!(ms("1969-12-31T23:59:59.999Z"), Some(Ok(-1)));
        assert_eq!(ms("2024-05-01T12:30:45.1234Z"), Some(Err(Misfit::Finer)));
        let far = parse_timestamp(b"9999-01-01").unwrap();
        assert_eq!(far.in_unit(TimeUnit::Nanosecond), Err(Misfit::Beyond));
    }

    #[test]
    fn a_time_with_an_offset_is_that_of_utc() {
        let seconds = |text: &str| parse_time(text.as_bytes()).map(|time| time.seconds);
        assert_eq!((seconds("01:00"), seconds("01:00:00Z")), (Some(3_600), Some(3_600)));
        assert_eq!((seconds("01:00+02:00"), seconds("23:00-02:00")), (Some(82_800), Some(3_600)));
        assert_eq!((seconds("01:00 Z"), seconds("24:00")), (None, None));
    }

    #[test]
    fn text_has_the_digits_that_the_unit_has() {
        let text = |number, unit| {
            let mut out = Vec::new();
            format_timestamp(number, unit, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(1_714_566_645_120, TimeUnit::Millisecond), "2024-05-01T12:30:45.120Z");
        assert_eq!(text(1_714_566_645_000_000, TimeUnit::Microsecond), "2024-05-01T12:30:45Z");
        assert_eq!(text(-1, TimeUnit::Nanosecond), "1969-12-31T23:59:59.999999999Z");
        assert!(!format_time(DAY_S, TimeUnit::Second, &mut Vec::new()));
        assert!(!format_time(-1, TimeUnit::Nanosecond, &mut Vec::new()));
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            "2024",
            "2024-13-01",
            "2024-02-30",
            "2023-02-29",
            "2024-05-01T",
            "2024-05-01T24:00:00",
            "1714566645",
            "2024-05-01T12:60",
            "2024-05-01T12:30:61",
            "2024-05-01T12:30:45.",
            "2024-05-01T12:30:45+",
            "24-05-01",
            "2024-05-01T12:30:45+02:",
            "2024-05-01T12:30:45ZZ",
            "2024-05-01T12:30:45.1234567890",
            "2024-5-1",
        ] {
            assert_eq!(parse_timestamp(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn as_jiff_reads_it(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0_u32..1_000_000_000) {
            let text = jiff::Timestamp::new(seconds, 0).unwrap().to_string();
            prop_assert_eq!(parse_timestamp(text.as_bytes()), Some(Instant { seconds, nanos: 0 }));
            let other = jiff::Timestamp::new(seconds.abs(), nanos as i32).unwrap();
            let read = parse_timestamp(other.to_string().as_bytes()).unwrap();
            prop_assert_eq!((read.seconds, read.nanos), (seconds.abs(), nanos));
        }

        #[test]
        fn instants_and_times_come_back(number: i64) {
            // Text is read within ±5.8 million years.
            for (unit, shift) in [
                (TimeUnit::Second, 17),
                (TimeUnit::Millisecond, 7),
                (TimeUnit::Microsecond, 0),
                (TimeUnit::Nanosecond, 0),
            ] {
                let number = number >> shift;
                let mut text = Vec::new();
                format_timestamp(number, unit, &mut text);
                let read = parse_timestamp(&text).map(|instant| instant.in_unit(unit));
                prop_assert_eq!(read, Some(Ok(number)), "{}", String::from_utf8_lossy(&text));
                let number = number.rem_euclid(DAY_S * per_second(unit));
                text.clear();
                prop_assert!(format_time(number, unit, &mut text));
                prop_assert_eq!(parse_time(&text).map(|time| time.in_unit(unit)), Some(Ok(number)));
            }
        }

        #[test]
        fn dates_come_back(days: i32) {
            let mut text = Vec::new();
            format_date(i64::from(days), &mut text);
            prop_assert_eq!(parse_date(&text), Some(days));
        }

        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (parse_timestamp(&text), parse_date(&text), parse_time(&text));
        }
    }
}
