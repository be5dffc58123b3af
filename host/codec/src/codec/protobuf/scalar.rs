//! One number, string or run of bytes off the wire into a column, whose type was looked at when the message was
//! compiled. Integers are cut to the width that the schema says, as protobuf has it; what a narrower column cannot
//! hold is refused. Knows nothing of messages.

use arrow::datatypes::{ArrowNativeType, DataType};

use super::kind::Number;
use super::plan::Names;
use super::read::FREE;
use super::wire::Wire;
use crate::codec::column::{Column, Primitive, type_name};
use crate::codec::decimal::{fits, fits256};
use crate::codec::json;
use crate::codec::problem::{Outcome, Problem, code, quote};
use crate::codec::temporal::DAY_MS;

/// What the plan of a message rules out.
const COMPILED: &str = "the column's type was looked at when the message was compiled";

/// Reads a number.
#[inline]
pub(super) fn number(number: Number, column: &mut Column, wire: &mut Wire) -> Outcome<()> {
    match number {
        Number::Int64 => integer(wire.varint()? as i64, column),
        Number::Int32 => integer(wire.varint()? as i32, column),
        Number::UInt32 => integer(wire.varint()? as u32, column),
        Number::UInt64 => integer(wire.varint()?, column),
        Number::SInt32 => {
            let value = wire.varint()? as u32;
            integer((value >> 1) as i32 ^ -((value & 1) as i32), column)
        }
        Number::SInt64 => {
            let value = wire.varint()?;
            integer((value >> 1) as i64 ^ -((value & 1) as i64), column)
        }
        Number::Fixed32 => integer(wire.fixed32()?, column),
        Number::SFixed32 => integer(wire.fixed32()? as i32, column),
        Number::Fixed64 => integer(wire.fixed64()?, column),
        Number::SFixed64 => integer(wire.fixed64()? as i64, column),
        Number::Double => {
            let value = f64::from_bits(wire.fixed64()?);
            let Column::Float64(column) = column else { unreachable!("{COMPILED}") };
            column.push(value);
            Ok(())
        }
        Number::Float => {
            let value = f32::from_bits(wire.fixed32()?);
            match column {
                Column::Float32(column) => column.push(value),
                Column::Float64(column) => column.push(f64::from(value)),
                _ => unreachable!("{COMPILED}"),
            }
            Ok(())
        }
        Number::Bool => {
            let value = wire.varint()? != 0;
            let Column::Boolean(column) = column else { unreachable!("{COMPILED}") };
            column.push(value);
            Ok(())
        }
    }
}

#[inline]
fn integer(value: impl Into<i128>, column: &mut Column) -> Outcome<()> {
    let value = value.into();
    match column {
        Column::Int64(c) | Column::Timestamp(c, _) | Column::Time64(c, _) | Column::Duration(c) => {
            narrow(value, c)
        }
        Column::Int32(c) | Column::Date32(c) | Column::Time32(c, _) => narrow(value, c),
        Column::UInt64(c) => narrow(value, c),
        Column::UInt32(c) => narrow(value, c),
        Column::Int16(c) => narrow(value, c),
        Column::Int8(c) => narrow(value, c),
        Column::UInt16(c) => narrow(value, c),
        Column::UInt8(c) => narrow(value, c),
        // Days.
        Column::Date64(c) => narrow(value * i128::from(DAY_MS), c),
        _ => unreachable!("{COMPILED}"),
    }
}

#[inline]
fn narrow<T: ArrowNativeType + TryFrom<i128>>(value: i128, column: &mut Primitive<T>) -> Outcome<()> {
    match T::try_from(value) {
        Ok(value) => column.push(value),
        Err(_) => return Err(out_of_range(&value, column.data_type())),
    }
    Ok(())
}

/// Reads the number of an enum as its name; one that has none stays a number.
#[inline]
pub(super) fn name(names: &Names, column: &mut Column, wire: &mut Wire) -> Outcome<()> {
    let number = wire.varint()? as i32;
    let mut digits = itoa::Buffer::new();
    let name = names.get(number).unwrap_or_else(|| digits.format(number));
    wire.spend(name.len().saturating_sub(FREE))?;
    match column {
        Column::Utf8(column) => column.push(name.as_bytes()),
        Column::LargeUtf8(column) => column.push(name.as_bytes()),
        _ => unreachable!("{COMPILED}"),
    }
}

/// Reads a string.
#[inline]
pub(super) fn text(column: &mut Column, wire: &mut Wire) -> Outcome<()> {
    let text = wire.delimited()?.rest();
    match column {
        Column::Utf8(column) => column.push_text(text),
        Column::LargeUtf8(column) => column.push_text(text),
        Column::Json(column) => {
            json::check(text, &mut Vec::new())?;
            column.push_text(text)
        }
        Column::Decimal128(column, precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            decimal(text, column, |number| number.scaled(scale).filter(|value| fits(*value, precision)))
        }
        Column::Decimal256(column, precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            decimal(text, column, |number| number.scaled256(scale).filter(|value| fits256(*value, precision)))
        }
        _ => unreachable!("{COMPILED}"),
    }
}

fn decimal<T: ArrowNativeType>(
    text: &[u8],
    column: &mut Primitive<T>,
    read: impl FnOnce(&json::Number) -> Option<T>,
) -> Outcome<()> {
    let mut scratch = Vec::new();
    let Some(number) = json::Number::parse(text, &mut scratch) else {
        let what = format!("expected {}, found string \"{}\"", type_name(column.data_type()), quote(text));
        return Err(Problem::new(code::TYPE_MISMATCH, what));
    };
    match read(&number) {
        Some(value) => column.push(value),
        None => return Err(out_of_range(&quote(text), column.data_type())),
    }
    Ok(())
}

/// Reads bytes.
#[inline]
pub(super) fn bytes(column: &mut Column, wire: &mut Wire) -> Outcome<()> {
    let bytes = wire.delimited()?.rest();
    match column {
        Column::Binary(column) => column.push(bytes),
        Column::LargeBinary(column) => column.push(bytes),
        Column::FixedBinary(column) if column.width() == bytes.len() => {
            column.push(bytes);
            Ok(())
        }
        Column::FixedBinary(column) => {
            let what = format!("expected {} bytes, found {}", column.width(), bytes.len());
            Err(Problem::new(code::TYPE_MISMATCH, what))
        }
        _ => unreachable!("{COMPILED}"),
    }
}

#[cold]
fn out_of_range(value: &dyn std::fmt::Display, data_type: &DataType) -> Box<Problem> {
    let what = format!("expected {}, which cannot hold {value}", type_name(data_type));
    Problem::new(code::OUT_OF_RANGE, what)
}
