//! Values that are written as something else than what they are: dates and times as text or as the timestamp
//! extension, decimals as text, JSON as text, extensions as objects. Knows nothing of records.

use arrow::datatypes::{ArrowNativeType, DataType, TimeUnit};

use super::EXTENSION;
use super::cursor::{Cursor, Head};
use super::value::{fixed_bytes, mismatch, out_of_range};
use crate::codec::column::{Column, Primitive, Struct, type_name};
use crate::codec::decimal::{fits, fits256};
use crate::codec::json::{self, Number};
use crate::codec::problem::{Outcome, Problem, code, quote};
use crate::codec::temporal::{self, DAY_MS, Instant, Misfit};

impl Cursor<'_, '_> {
    /// A string that stands for a value of `column`.
    pub(super) fn text(&mut self, column: &mut Column, text: &[u8], data_type: &DataType) -> Outcome<()> {
        match column {
            Column::LargeUtf8(c) => c.push_text(text),
            Column::Json(c) => {
                json::check(text, self.scratch)?;
                c.push(text)
            }
            Column::Binary(c) => c.push(text),
            Column::LargeBinary(c) => c.push(text),
            Column::FixedBinary(c) => fixed_bytes(c, text, Head::Text(text)),
            Column::Timestamp(c, unit) => {
                let instant = temporal::parse_timestamp(text);
                temporal_into(c, text, instant.map(|instant| instant.in_unit(*unit)))
            }
            Column::Date32(c) => temporal_into(c, text, temporal::parse_date(text).map(Ok)),
            Column::Date64(c) => {
                let days = temporal::parse_date(text);
                temporal_into(c, text, days.map(|days| Ok(i64::from(days) * DAY_MS)))
            }
            Column::Time32(c, unit) => {
                let time = time(text, *unit);
                temporal_into(c, text, time.map(|time| time.map(|time| time as i32)))
            }
            Column::Time64(c, unit) => {
                let time = time(text, *unit);
                temporal_into(c, text, time)
            }
            _ => Err(mismatch(Head::Text(text), data_type)),
        }
    }

    /// An integer, or text with every digit.
    pub(super) fn decimal(&mut self, column: &mut Column, head: Head, data_type: &DataType) -> Outcome<()> {
        let mut digits = itoa::Buffer::new();
        let text = match head {
            Head::Unsigned(value) => digits.format(value).as_bytes(),
            Head::Signed(value) => digits.format(value).as_bytes(),
            Head::Text(text) => text,
            _ => return Err(mismatch(head, data_type)),
        };
        let Some(number) = Number::parse(text, self.scratch) else { return Err(mismatch(head, data_type)) };
        match column {
            Column::Decimal128(c, precision, scale) => {
                let value = number.scaled(*scale).filter(|value| fits(*value, *precision));
                c.push(value.ok_or_else(|| out_of_range(head, data_type))?);
            }
            Column::Decimal256(c, precision, scale) => {
                let value = number.scaled256(*scale).filter(|value| fits256(*value, *precision));
                c.push(value.ok_or_else(|| out_of_range(head, data_type))?);
            }
            _ => return Err(mismatch(head, data_type)),
        }
        Ok(())
    }
}

fn temporal_into<T: ArrowNativeType>(
    into: &mut Primitive<T>,
    text: &[u8],
    value: Option<Result<T, Misfit>>,
) -> Outcome<()> {
    match value {
        Some(Ok(value)) => into.push(value),
        Some(Err(misfit)) => return Err(misfits(&format!("\"{}\"", quote(text)), misfit, into.data_type())),
        None => return Err(mismatch(Head::Text(text), into.data_type())),
    }
    Ok(())
}

fn time(text: &[u8], unit: TimeUnit) -> Option<Result<i64, Misfit>> {
    temporal::parse_time(text).map(|time| time.in_unit(unit))
}

/// The contents of a timestamp extension.
pub(super) fn timestamp(into: &mut Primitive<i64>, unit: TimeUnit, contents: &[u8]) -> Outcome<()> {
    let Some(instant) = instant(contents) else {
        let what = format!("a timestamp has 4, 8 or 12 bytes, found {}", contents.len());
        return Err(Problem::new(code::MSGPACK_SYNTAX, what));
    };
    if instant.nanos > 999_999_999 {
        let what = format!("a timestamp has less than 1000000000 nanoseconds, found {}", instant.nanos);
        return Err(Problem::new(code::MSGPACK_SYNTAX, what));
    }
    match instant.in_unit(unit) {
        Ok(value) => into.push(value),
        Err(misfit) => {
            let Instant { seconds, nanos } = instant;
            let what = format!("the timestamp of {seconds} s and {nanos} ns");
            return Err(misfits(&what, misfit, into.data_type()));
        }
    }
    Ok(())
}

/// Seconds in 32 bits; nanoseconds in 30 bits and seconds in 34; nanoseconds in 32 bits and signed seconds in 64.
fn instant(contents: &[u8]) -> Option<Instant> {
    Some(match contents.len() {
        4 => Instant { seconds: u32::from_be_bytes(contents.try_into().ok()?).into(), nanos: 0 },
        8 => {
            let both = u64::from_be_bytes(contents.try_into().ok()?);
            Instant { seconds: (both & 0x3_ffff_ffff) as i64, nanos: (both >> 34) as u32 }
        }
        12 => {
            let (nanos, seconds) = contents.split_at(4);
            Instant {
                seconds: i64::from_be_bytes(seconds.try_into().ok()?),
                nanos: u32::from_be_bytes(nanos.try_into().ok()?),
            }
        }
        _ => return None,
    })
}

#[cold]
fn misfits(what: &str, misfit: Misfit, data_type: &DataType) -> Box<Problem> {
    Problem::new(code::OUT_OF_RANGE, format!("{what} {} {}", misfit.why(), type_name(data_type)))
}

/// An extension of any type as the object that stands for it.
pub(super) fn extension(into: &mut Struct, kind: i8, contents: &[u8], data_type: &DataType) -> Outcome<()> {
    let found = Head::Extension(kind, contents);
    if !is_extension(data_type) {
        return Err(mismatch(found, data_type));
    }
    let [of_kind, of_contents] = &mut into.fields[..] else { return Err(mismatch(found, data_type)) };
    match (&mut of_kind.column, &mut of_contents.column) {
        (Column::Int8(kinds), Column::Binary(data)) => {
            kinds.push(kind);
            data.push(contents)?;
        }
        _ => return Err(mismatch(found, data_type)),
    }
    into.end_value();
    Ok(())
}

/// Whether objects of this type stand for extensions. Their columns cannot be null: an extension has both.
pub(super) fn is_extension(data_type: &DataType) -> bool {
    let DataType::Struct(fields) = data_type else { return false };
    let [kind, contents] = &fields[..] else { return false };
    [kind.name(), contents.name()] == EXTENSION
        && !kind.is_nullable()
        && !contents.is_nullable()
        && *kind.data_type() == DataType::Int8
        && *contents.data_type() == DataType::Binary
}
