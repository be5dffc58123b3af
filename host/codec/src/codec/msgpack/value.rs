//! One MessagePack value into one column. An error leaves part of it in the column, for the caller to take back.
//! Knows nothing of records and batches.

use arrow::datatypes::{ArrowNativeType, DataType};

use super::TIMESTAMP;
use super::cursor::{Cursor, Head};
use super::text::{extension, timestamp};
use crate::codec::column::{Column, FixedBytes, Primitive, type_name};
use crate::codec::problem::{Outcome, Problem, code};
use crate::codec::temporal::DAY_MS;

impl Cursor<'_, '_> {
    /// Reads the value here into `column`, whose type is `data_type`.
    #[inline]
    pub(super) fn value(&mut self, column: &mut Column, nullable: bool, data_type: &DataType) -> Outcome<()> {
        let head = self.head()?;
        match (column, head) {
            (column, Head::Nil) => self.null(column, nullable, data_type),
            (Column::Int64(c), _) => integer(c, head),
            (Column::Float64(c), _) => float64(c, head),
            (Column::Utf8(c), Head::Text(text)) => c.push_text(text),
            (Column::Timestamp(c, _), Head::Unsigned(_) | Head::Signed(_)) => integer(c, head),
            (Column::Timestamp(c, unit), Head::Extension(TIMESTAMP, bytes)) => timestamp(c, *unit, bytes),
            (Column::Boolean(c), Head::Boolean(value)) => {
                c.push(value);
                Ok(())
            }
            (Column::Struct(c), Head::Map(entries)) => self.object_of_map(c, entries),
            (Column::Struct(c), Head::Array(items)) => self.object_of_array(c, items),
            (Column::List(c), Head::Array(items)) => self.list(c, items),
            (column, head) => self.rare_value(column, head, data_type),
        }
    }

    #[inline(never)]
    fn rare_value(&mut self, column: &mut Column, head: Head, data_type: &DataType) -> Outcome<()> {
        match (column, head) {
            (Column::Int8(c), _) => integer(c, head),
            (Column::Int16(c), _) => integer(c, head),
            (Column::Int32(c), _) => integer(c, head),
            (Column::UInt8(c), _) => integer(c, head),
            (Column::UInt16(c), _) => integer(c, head),
            (Column::UInt32(c), _) => integer(c, head),
            (Column::UInt64(c), _) => integer(c, head),
            (Column::Duration(c), _) => integer(c, head),
            (Column::Float32(c), _) => float32(c, head),
            (column @ (Column::Decimal128(..) | Column::Decimal256(..)), _) => {
                self.decimal(column, head, data_type)
            }
            (column, Head::Text(text)) => self.text(column, text, data_type),
            (Column::Date32(c) | Column::Time32(c, _), _) => integer(c, head),
            (Column::Time64(c, _) | Column::Timestamp(c, _), _) => integer(c, head),
            (Column::Date64(c), _) => number(c, head, |days: i64| days.checked_mul(DAY_MS)),
            (Column::Binary(c), Head::Binary(value)) => c.push(value),
            (Column::LargeBinary(c), Head::Binary(value)) => c.push(value),
            (Column::FixedBinary(c), Head::Binary(value)) => fixed_bytes(c, value, head),
            (Column::LargeList(c), Head::Array(items)) => self.list(c, items),
            (Column::FixedList(c), Head::Array(items)) => self.fixed_list(c, items),
            (Column::Map(c), Head::Map(entries)) => self.map(c, entries),
            (Column::Struct(c), Head::Extension(kind, value)) => extension(c, kind, value, data_type),
            _ => Err(mismatch(head, data_type)),
        }
    }

    fn null(&mut self, column: &mut Column, nullable: bool, data_type: &DataType) -> Outcome<()> {
        if !nullable && !matches!(data_type, DataType::Null) {
            return Err(mismatch(Head::Nil, data_type));
        }
        let size = column.null_size();
        if size > 0 {
            self.allowance.take_for_null(size)?;
        }
        column.push_null();
        Ok(())
    }
}

#[inline]
fn integer<T>(into: &mut Primitive<T>, head: Head) -> Outcome<()>
where
    T: ArrowNativeType + TryFrom<u64> + TryFrom<i64> + TryFrom<i128>,
{
    number(into, head, Some)
}

/// Reads a whole number, of which `make` makes the value unless it does not fit.
#[inline]
fn number<T, N>(into: &mut Primitive<T>, head: Head, make: impl FnOnce(N) -> Option<T>) -> Outcome<()>
where
    T: ArrowNativeType,
    N: TryFrom<u64> + TryFrom<i64> + TryFrom<i128>,
{
    let number = match head {
        Head::Unsigned(value) => N::try_from(value).ok(),
        Head::Signed(value) => N::try_from(value).ok(),
        Head::Float32(value) => whole(value.into()).and_then(|value| N::try_from(value).ok()),
        Head::Float64(value) => whole(value).and_then(|value| N::try_from(value).ok()),
        _ => return Err(mismatch(head, into.data_type())),
    };
    match number.and_then(make) {
        Some(value) => into.push(value),
        None => return Err(out_of_range(head, into.data_type())),
    }
    Ok(())
}

/// The integer that a float is exactly.
fn whole(value: f64) -> Option<i128> {
    // Beyond this nothing fits an integer column; the conversion is exact within.
    (value.trunc() == value && value.abs() < 1e30).then_some(value as i128)
}

#[inline]
fn float64(into: &mut Primitive<f64>, head: Head) -> Outcome<()> {
    into.push(match head {
        Head::Float64(value) => value,
        Head::Float32(value) => value.into(),
        Head::Unsigned(value) => value as f64,
        Head::Signed(value) => value as f64,
        _ => return Err(mismatch(head, into.data_type())),
    });
    Ok(())
}

fn float32(into: &mut Primitive<f32>, head: Head) -> Outcome<()> {
    into.push(match head {
        Head::Float32(value) => value,
        Head::Float64(value) if value.is_finite() && (value as f32).is_infinite() => {
            return Err(out_of_range(head, into.data_type()));
        }
        Head::Float64(value) => value as f32,
        Head::Unsigned(value) => value as f32,
        Head::Signed(value) => value as f32,
        _ => return Err(mismatch(head, into.data_type())),
    });
    Ok(())
}

pub(super) fn fixed_bytes(into: &mut FixedBytes, value: &[u8], head: Head) -> Outcome<()> {
    if value.len() != into.width() {
        return Err(mismatch(head, &DataType::FixedSizeBinary(into.width() as i32)));
    }
    into.push(value);
    Ok(())
}

#[cold]
pub(super) fn mismatch(head: Head, data_type: &DataType) -> Box<Problem> {
    let what = format!("expected {}, found {}", type_name(data_type), head.describe());
    Problem::new(code::TYPE_MISMATCH, what)
}

#[cold]
pub(super) fn out_of_range(head: Head, data_type: &DataType) -> Box<Problem> {
    let what = format!("expected {}, which cannot hold {}", type_name(data_type), head.describe());
    Problem::new(code::OUT_OF_RANGE, what)
}
