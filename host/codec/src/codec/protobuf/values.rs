//! Arrays of a batch with their types looked up, and what protobuf makes of their values: integers of any width,
//! text. Knows nothing of messages.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::NullBuffer;
use arrow::datatypes::*;

use crate::codec::decimal;
use crate::codec::temporal::DAY_MS;

/// A column of a batch, with its type looked up.
pub(super) struct Values<'a> {
    nulls: Option<&'a NullBuffer>,
    pub(super) kind: Kind<'a>,
}

/// Dates are days, times, instants and durations numbers of their unit.
pub(super) enum Kind<'a> {
    Boolean(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    /// Milliseconds, written as days.
    Date64(&'a [i64]),
    Float16(&'a Float16Array),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Decimal32(&'a [i32], i8),
    Decimal64(&'a [i64], i8),
    Decimal128(&'a [i128], i8),
    Decimal256(&'a [i256], i8),
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    FixedBinary(&'a FixedSizeBinaryArray),
    Struct(Vec<Values<'a>>),
    List(&'a [i32], Box<Values<'a>>),
    LargeList(&'a [i64], Box<Values<'a>>),
    FixedList(usize, Box<Values<'a>>),
    Map(&'a [i32], Box<[Values<'a>; 2]>),
}

/// The type that values are written from, where a column has another: without dictionaries and views.
pub(super) fn plain(data_type: &DataType) -> DataType {
    let field = |field: &FieldRef| -> FieldRef {
        Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type())))
    };
    match data_type {
        DataType::Utf8View => DataType::LargeUtf8,
        DataType::BinaryView => DataType::LargeBinary,
        DataType::Dictionary(_, values) => plain(values),
        DataType::List(item) => DataType::List(field(item)),
        DataType::LargeList(item) => DataType::LargeList(field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(field(item), *size),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        other => other.clone(),
    }
}

impl<'a> Values<'a> {
    /// The values of an array of a [`plain`] type that protobuf can hold; none for another.
    pub(super) fn of(array: &'a dyn Array) -> Option<Values<'a>> {
        let inner = |array: &'a dyn Array| Values::of(array).map(Box::new);
        let kind = match array.data_type() {
            DataType::Boolean => Kind::Boolean(array.as_boolean()),
            DataType::Float16 => Kind::Float16(array.as_primitive()),
            DataType::Utf8 => Kind::Utf8(array.as_string()),
            DataType::LargeUtf8 => Kind::LargeUtf8(array.as_string()),
            DataType::Binary => Kind::Binary(array.as_binary()),
            DataType::LargeBinary => Kind::LargeBinary(array.as_binary()),
            DataType::FixedSizeBinary(_) => Kind::FixedBinary(array.as_fixed_size_binary()),
            DataType::Struct(_) => {
                let columns = array.as_struct().columns().iter();
                Kind::Struct(columns.map(|column| Values::of(column.as_ref())).collect::<Option<_>>()?)
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Kind::List(list.offsets(), inner(list.values().as_ref())?)
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                Kind::LargeList(list.offsets(), inner(list.values().as_ref())?)
            }
            DataType::FixedSizeList(_, size) => {
                Kind::FixedList(*size as usize, inner(array.as_fixed_size_list().values().as_ref())?)
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let entries = [Values::of(map.keys().as_ref())?, Values::of(map.values().as_ref())?];
                Kind::Map(map.offsets(), Box::new(entries))
            }
            _ => Kind::of_numbers(array)?,
        };
        Some(Values { nulls: array.nulls(), kind })
    }

    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }

    /// The integer in `row`; none where these are no integers.
    #[inline]
    pub(super) fn integer(&self, row: usize) -> Option<i128> {
        Some(match &self.kind {
            Kind::Int64(values) => i128::from(values[row]),
            Kind::Int32(values) => i128::from(values[row]),
            Kind::UInt64(values) => i128::from(values[row]),
            Kind::UInt32(values) => i128::from(values[row]),
            Kind::Int16(values) => i128::from(values[row]),
            Kind::Int8(values) => i128::from(values[row]),
            Kind::UInt16(values) => i128::from(values[row]),
            Kind::UInt8(values) => i128::from(values[row]),
            Kind::Date64(values) => i128::from(values[row].div_euclid(DAY_MS)),
            _ => return None,
        })
    }

    /// The floating-point number in `row`; none where these are others.
    #[inline]
    pub(super) fn float(&self, row: usize) -> Option<f64> {
        Some(match &self.kind {
            Kind::Float64(values) => values[row],
            Kind::Float32(values) => f64::from(values[row]),
            Kind::Float16(values) => values.value(row).to_f64(),
            _ => return None,
        })
    }

    /// The string in `row`; none where these are no strings.
    #[inline]
    pub(super) fn text(&self, row: usize) -> Option<&'a str> {
        match &self.kind {
            Kind::Utf8(values) => Some(values.value(row)),
            Kind::LargeUtf8(values) => Some(values.value(row)),
            _ => None,
        }
    }

    /// The bytes in `row`; none where these are no bytes.
    #[inline]
    pub(super) fn bytes(&self, row: usize) -> Option<&'a [u8]> {
        match &self.kind {
            Kind::Binary(values) => Some(values.value(row)),
            Kind::LargeBinary(values) => Some(values.value(row)),
            Kind::FixedBinary(values) => Some(values.value(row)),
            _ => None,
        }
    }

    /// Appends the decimal in `row`, all its digits; nothing where these are no decimals.
    pub(super) fn decimal(&self, row: usize, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        match &self.kind {
            Kind::Decimal32(values, scale) => decimal::write(digits.format(values[row]), *scale, out),
            Kind::Decimal64(values, scale) => decimal::write(digits.format(values[row]), *scale, out),
            Kind::Decimal128(values, scale) => decimal::write(digits.format(values[row]), *scale, out),
            Kind::Decimal256(values, scale) => decimal::write(&values[row].to_string(), *scale, out),
            _ => {}
        }
    }
}

impl<'a> Kind<'a> {
    fn of_numbers(array: &'a dyn Array) -> Option<Kind<'a>> {
        macro_rules! values {
            ($kind:ident, $native:ty) => {
                Kind::$kind(array.as_primitive::<$native>().values())
            };
            ($kind:ident, $native:ty, $scale:expr) => {
                Kind::$kind(array.as_primitive::<$native>().values(), *$scale)
            };
        }
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        Some(match array.data_type() {
            DataType::Int8 => values!(Int8, Int8Type),
            DataType::Int16 => values!(Int16, Int16Type),
            DataType::Int32 => values!(Int32, Int32Type),
            DataType::Int64 => values!(Int64, Int64Type),
            DataType::UInt8 => values!(UInt8, UInt8Type),
            DataType::UInt16 => values!(UInt16, UInt16Type),
            DataType::UInt32 => values!(UInt32, UInt32Type),
            DataType::UInt64 => values!(UInt64, UInt64Type),
            DataType::Float32 => values!(Float32, Float32Type),
            DataType::Float64 => values!(Float64, Float64Type),
            DataType::Date32 => values!(Int32, Date32Type),
            DataType::Date64 => values!(Date64, Date64Type),
            DataType::Time32(Second) => values!(Int32, Time32SecondType),
            DataType::Time32(Millisecond) => values!(Int32, Time32MillisecondType),
            DataType::Time64(Microsecond) => values!(Int64, Time64MicrosecondType),
            DataType::Time64(Nanosecond) => values!(Int64, Time64NanosecondType),
            DataType::Timestamp(Second, _) => values!(Int64, TimestampSecondType),
            DataType::Timestamp(Millisecond, _) => values!(Int64, TimestampMillisecondType),
            DataType::Timestamp(Microsecond, _) => values!(Int64, TimestampMicrosecondType),
            DataType::Timestamp(Nanosecond, _) => values!(Int64, TimestampNanosecondType),
            DataType::Duration(Second) => values!(Int64, DurationSecondType),
            DataType::Duration(Millisecond) => values!(Int64, DurationMillisecondType),
            DataType::Duration(Microsecond) => values!(Int64, DurationMicrosecondType),
            DataType::Duration(Nanosecond) => values!(Int64, DurationNanosecondType),
            DataType::Decimal32(_, scale) => values!(Decimal32, Decimal32Type, scale),
            DataType::Decimal64(_, scale) => values!(Decimal64, Decimal64Type, scale),
            DataType::Decimal128(_, scale) => values!(Decimal128, Decimal128Type, scale),
            DataType::Decimal256(_, scale) => values!(Decimal256, Decimal256Type, scale),
            _ => return None,
        })
    }
}
