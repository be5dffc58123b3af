//! Reading single values: text, names, numbers, quantities, one of several words. A value that is not what it
//! should be is a mistake with what was expected. Knows nothing of which key it reads.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::error::{Findings, SpecError, either, quoted};
use super::nearest::nearest;
use super::table::{Field, not_yet};
use super::tree::{Scalar, Value};
use super::units::{NotAQuantity, parse_duration, parse_size, show_duration, show_size};

/// Characters of a name.
pub const MAX_NAME_CHARS: usize = 64;

/// Text that is not empty. A number or a boolean is not text: it needs quotes.
pub(super) fn text(field: &Field<'_>, expected: &str, findings: &mut Findings) -> Option<String> {
    let error = match field.node.scalar() {
        Some(Scalar::Text(text)) if !text.trim().is_empty() => return Some(text.to_owned()),
        Some(Scalar::Text(_)) => field.error("the text is empty").expected(expected),
        Some(Scalar::Int(_) | Scalar::Float(_) | Scalar::Bool(_)) => {
            let written = written(field);
            field
                .error(format!("{} is not text", field.node.describe()))
                .expected(expected)
                .nearest(Some(format!("\"{written}\"")))
        }
        _ => field.wrong(expected),
    };
    findings.add(error);
    None
}

/// Text as written, also where it looks like a number or a boolean: `filter: true`.
pub(super) fn expression(field: &Field<'_>, expected: &str, findings: &mut Findings) -> Option<String> {
    match field.node.scalar() {
        Some(Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_)) => Some(written(field)),
        _ => text(field, expected, findings),
    }
}

fn written(field: &Field<'_>) -> String {
    match &field.node.value {
        Value::Scalar { text, .. } => text.clone(),
        Value::List(_) | Value::Map(_) => String::new(),
    }
}

/// A list of texts, or one text for a list of one.
pub(super) fn texts(field: &Field<'_>, expected: &str, findings: &mut Findings) -> Option<Vec<String>> {
    let Some(items) = field.items() else {
        return text(field, expected, findings).map(|text| vec![text]);
    };
    let texts: Vec<Option<String>> = items.iter().map(|item| text(item, "text", findings)).collect();
    texts.into_iter().collect()
}

/// What is wrong with a name of a pipeline, source, step, sink or port; `None` if nothing.
pub fn name_problem(name: &str) -> Option<String> {
    let expected = "a lower-case letter, then lower-case letters, digits, `_` or `-`";
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    if !first || !rest {
        return Some(format!("{} is not a name; expected {expected}", quoted(name)));
    }
    let chars = name.len();
    (chars > MAX_NAME_CHARS).then(|| format!("a name of {chars} characters; the limit is {MAX_NAME_CHARS}"))
}

/// Adds a mistake if the key of this field is not a name.
pub(super) fn check_name(name: &str, field: &Field<'_>, findings: &mut Findings) -> bool {
    let Some(problem) = name_problem(name) else { return true };
    let meant: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let meant = Some(meant).filter(|meant| name_problem(meant).is_none() && meant != name);
    findings.add(field.error(problem).nearest(meant));
    false
}

/// A whole number within a range.
pub(super) fn whole<T>(field: &Field<'_>, range: RangeInclusive<T>, findings: &mut Findings) -> Option<T>
where
    T: TryFrom<i128> + Into<u64> + PartialOrd + Display + Copy,
{
    let expected = match (*range.end()).into() {
        u64::MAX => format!("a whole number of at least {}", range.start()),
        _ => format!("a whole number from {} to {}", range.start(), range.end()),
    };
    let Some(Scalar::Int(number)) = field.node.scalar() else {
        findings.add(field.wrong(expected));
        return None;
    };
    match T::try_from(number) {
        Ok(number) if range.contains(&number) => Some(number),
        _ => {
            findings.add(field.error(format!("{number} is out of range")).expected(expected));
            None
        }
    }
}

/// A finite number.
pub(super) fn number(field: &Field<'_>, expected: &str, findings: &mut Findings) -> Option<f64> {
    match field.node.scalar() {
        Some(Scalar::Int(number)) => Some(number as f64),
        Some(Scalar::Float(number)) if number.is_finite() => Some(number),
        _ => {
            findings.add(field.wrong(expected));
            None
        }
    }
}

/// A duration within a range.
pub(super) fn duration(
    field: &Field<'_>,
    range: RangeInclusive<Duration>,
    findings: &mut Findings,
) -> Option<Duration> {
    let expected = "a whole number with a unit (us, ms, s, m, h, d), as 250ms";
    quantity(field, range, expected, parse_duration, |value| show_duration(*value), findings)
}

/// A number of bytes within a range.
pub(super) fn size(field: &Field<'_>, range: RangeInclusive<u64>, findings: &mut Findings) -> Option<u64> {
    let expected = "a whole number with a unit (B, KB, KiB, MB, MiB, GB, GiB), as 64MiB";
    quantity(field, range, expected, parse_size, |value| show_size(*value), findings)
}

fn quantity<T: PartialOrd>(
    field: &Field<'_>,
    range: RangeInclusive<T>,
    expected: &str,
    parse: impl Fn(&str) -> Result<T, NotAQuantity>,
    show: impl Fn(&T) -> String,
    findings: &mut Findings,
) -> Option<T> {
    if !matches!(field.node.value, Value::Scalar { .. }) || field.node.is_null() {
        findings.add(field.wrong(expected));
        return None;
    }
    let text = written(field);
    let error = match parse(&text) {
        Ok(value) if range.contains(&value) => return Some(value),
        Ok(_) => {
            let (least, most) = (show(range.start()), show(range.end()));
            field.error(format!("{} is out of range", quoted(&text))).expected(format!("{least} to {most}"))
        }
        Err(wrong) => field
            .error(format!("{} {}", quoted(&text), wrong.message))
            .expected(expected)
            .nearest(wrong.nearest),
    };
    findings.add(error);
    None
}

/// One of several words; words of `later` come in a later release.
pub(super) fn choice<T: Clone>(
    field: &Field<'_>,
    words: &[(&str, T)],
    later: &[&str],
    findings: &mut Findings,
) -> Option<T> {
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let Value::Scalar { text, .. } = &field.node.value else {
        findings.add(field.wrong(either(&names)));
        return None;
    };
    if let Some((_, value)) = words.iter().find(|(word, _)| word == text) {
        return Some(value.clone());
    }
    findings.add(match later.iter().find(|word| *word == text) {
        Some(word) => not_yet(field, word).expected(either(&names)),
        None if field.node.is_null() => field.wrong(either(&names)),
        None => unknown_word(field, text, &names),
    });
    None
}

fn unknown_word(field: &Field<'_>, text: &str, names: &[&str]) -> SpecError {
    field
        .error(format!("{} is not known here", quoted(text)))
        .expected(either(names))
        .nearest(nearest(text, names.iter().copied()))
}

/// A time: RFC 3339 text or milliseconds since 1970.
pub(super) fn time_ms(field: &Field<'_>, findings: &mut Findings) -> Option<i64> {
    let parsed = match field.node.scalar() {
        Some(Scalar::Int(millis)) => i64::try_from(millis).ok().filter(|millis| *millis >= 0),
        Some(Scalar::Text(text)) => jiff::Timestamp::from_str(text).ok().map(|time| time.as_millisecond()),
        _ => None,
    };
    if parsed.is_none() {
        findings.add(field.wrong("a time as 2026-01-31T12:00:00Z, or milliseconds since 1970"));
    }
    parsed
}
