//! How types that are not made of others go into columns. Knows nothing of bytes, and of what the types are in.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use super::columns::DURATION;
use super::meaning::{Meaning, Ratio};
use super::plan::Plan;
use super::types::{Kind, Logical, Type};
use crate::codec::column::type_name;

/// How a type that is not made of others goes into a column; `None` where it does not.
pub(super) fn leaf(of: &Type, reader: Option<&Type>, column: &DataType) -> Option<Plan> {
    use DataType::{Binary, FixedSizeBinary, Float32, Float64, LargeBinary, LargeUtf8, Utf8};
    // A writer that gives no meaning leaves it to the reader.
    let logical = of.logical.or(reader.and_then(|reader| reader.logical));
    Some(match (&of.kind, logical, column) {
        (Kind::Boolean, _, DataType::Boolean) => Plan::Boolean,
        (Kind::Int | Kind::Long, _, Float32 | Float64) => Plan::Rounded { int: matches!(of.kind, Kind::Int) },
        (Kind::Int | Kind::Long, _, _) => number(matches!(of.kind, Kind::Int), logical, column)?,
        (Kind::Float, _, Float32 | Float64) => Plan::Float,
        (Kind::Double, _, Float64) => Plan::Double,
        (Kind::Bytes | Kind::String, _, Binary | LargeBinary) => Plan::Bytes,
        (Kind::Fixed(_, size), _, Binary | LargeBinary) => Plan::Fixed(*size),
        // A reader that asks for the text of digits gets it, as of any bytes; a column alone does not ask.
        (Kind::Bytes, _, Utf8 | LargeUtf8) if matches!(reader, Some(Type { kind: Kind::String, .. })) => {
            Plan::Text
        }
        (Kind::Fixed(_, size), _, FixedSizeBinary(width)) if usize::try_from(*width) == Ok(*size) => {
            Plan::Fixed(*size)
        }
        (Kind::Bytes, Some(Logical::Decimal { scale, .. }), _) => decimal(None, scale, column)?,
        (Kind::Fixed(_, size), Some(Logical::Decimal { scale, .. }), _) => {
            decimal(Some(*size), scale, column)?
        }
        (Kind::Bytes | Kind::String, _, Utf8 | LargeUtf8) => Plan::Text,
        (Kind::Fixed(_, 16), Some(Logical::Uuid), Utf8 | LargeUtf8) => Plan::Uuid,
        (Kind::Fixed(_, 12), Some(Logical::Duration), DataType::Struct(fields)) => {
            let same = |(field, name): (&Arc<Field>, &str)| {
                field.name() == name && *field.data_type() == DataType::UInt32
            };
            let fits = fields.len() == DURATION.len() && fields.iter().zip(DURATION).all(same);
            fits.then_some(Plan::Duration)?
        }
        _ => return None,
    })
}

fn number(int: bool, logical: Option<Logical>, column: &DataType) -> Option<Plan> {
    let ratio = Meaning::of_type(logical).to(Meaning::of_column(column)?)?;
    let plain = ratio == Ratio::ONE && (column.is_temporal() || column.is_signed_integer());
    Some(match column.primitive_width() {
        Some(4) if plain && int => Plan::Int,
        Some(8) if plain && !int => Plan::Long,
        _ => Plan::Number { int, ratio },
    })
}

fn decimal(size: Option<usize>, scale: u32, column: &DataType) -> Option<Plan> {
    let wanted = match column {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => i32::from(*scale),
        other if other.is_integer() => 0,
        _ => return None,
    };
    Some(Plan::Decimal { size, exponent: wanted.checked_sub_unsigned(scale)? })
}

/// A column's type in a text.
pub(super) fn shown(data_type: &DataType) -> String {
    match data_type {
        DataType::Binary | DataType::LargeBinary => "bytes".to_owned(),
        DataType::FixedSizeBinary(width) => format!("{width} bytes"),
        other => type_name(other),
    }
}
