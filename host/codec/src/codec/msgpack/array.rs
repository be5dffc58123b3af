//! Arrays with their types looked up, and their values as MessagePack. Knows nothing of batches.

use std::ops::Range;

use arrow::array::{
    Array, AsArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, GenericBinaryArray,
    GenericStringArray, StringViewArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::*;

use super::text::is_extension;
use super::write;
use crate::codec::decimal;
use crate::codec::temporal::{self, DAY_MS};

/// The columns of an object.
pub(super) struct Members<'a> {
    members: Vec<Member<'a>>,
    /// The object is an array of its values.
    array: bool,
}

struct Member<'a> {
    /// What comes before the value: the key, of objects that are maps.
    key: Vec<u8>,
    values: Values<'a>,
}

/// A column of a batch, with its type looked up.
struct Values<'a> {
    nulls: Option<&'a NullBuffer>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float16(&'a [<Float16Type as ArrowPrimitiveType>::Native]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Date32(&'a [i32]),
    Date64(&'a [i64]),
    Timestamp(&'a [i64], TimeUnit),
    Decimal32(&'a [i32], i8),
    Decimal64(&'a [i64], i8),
    Decimal128(&'a [i128], i8),
    Decimal256(&'a [i256], i8),
    Utf8(&'a GenericStringArray<i32>),
    LargeUtf8(&'a GenericStringArray<i64>),
    Utf8View(&'a StringViewArray),
    Binary(&'a GenericBinaryArray<i32>),
    LargeBinary(&'a GenericBinaryArray<i64>),
    BinaryView(&'a BinaryViewArray),
    FixedBinary(&'a FixedSizeBinaryArray),
    Extension(&'a [i8], &'a GenericBinaryArray<i32>),
    Struct(Members<'a>),
    List(&'a [i32], Box<Values<'a>>),
    LargeList(&'a [i64], Box<Values<'a>>),
    FixedList(usize, Box<Values<'a>>),
    Map(&'a [i32], Box<(Values<'a>, Values<'a>)>),
    Dictionary(Vec<usize>, Box<Values<'a>>),
}

impl<'a> Members<'a> {
    /// An object of these columns, as a map or as an array.
    pub(super) fn of(columns: impl Iterator<Item = (&'a Field, &'a dyn Array)>, array: bool) -> Members<'a> {
        let members = columns.map(|(field, values)| {
            let mut key = Vec::new();
            if !array {
                write::text(field.name().as_bytes(), &mut key);
            }
            Member { key, values: Values::of(values, array) }
        });
        Members { members: members.collect(), array }
    }

    /// Appends the object of the values of `row`. `scratch` is for what has to be known whole before it is written.
    #[inline]
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
        match self.array {
            true => write::array(self.members.len(), out),
            false => write::map(self.members.len(), out),
        }
        for member in &self.members {
            out.extend_from_slice(&member.key);
            member.values.write(row, out, scratch);
        }
    }
}

impl<'a> Values<'a> {
    /// The values of an array whose type MessagePack can hold; `arrays` says what becomes of objects.
    fn of(array: &'a dyn Array, arrays: bool) -> Values<'a> {
        let inner = |values: &'a dyn Array| Box::new(Values::of(values, arrays));
        let kind = match array.data_type() {
            DataType::Boolean => Kind::Boolean(array.as_boolean()),
            DataType::Utf8 => Kind::Utf8(array.as_string()),
            DataType::LargeUtf8 => Kind::LargeUtf8(array.as_string()),
            DataType::Utf8View => Kind::Utf8View(array.as_string_view()),
            DataType::Binary => Kind::Binary(array.as_binary()),
            DataType::LargeBinary => Kind::LargeBinary(array.as_binary()),
            DataType::BinaryView => Kind::BinaryView(array.as_binary_view()),
            DataType::FixedSizeBinary(_) => Kind::FixedBinary(array.as_fixed_size_binary()),
            extension if is_extension(extension) => {
                let columns = array.as_struct().columns();
                Kind::Extension(columns[0].as_primitive::<Int8Type>().values(), columns[1].as_binary())
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns().iter().map(|column| column.as_ref());
                Kind::Struct(Members::of(fields.iter().map(|field| field.as_ref()).zip(columns), arrays))
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Kind::List(list.offsets(), inner(list.values().as_ref()))
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                Kind::LargeList(list.offsets(), inner(list.values().as_ref()))
            }
            DataType::FixedSizeList(_, size) => {
                Kind::FixedList(*size as usize, inner(array.as_fixed_size_list().values().as_ref()))
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let entries = (*inner(map.keys().as_ref()), *inner(map.values().as_ref()));
                Kind::Map(map.offsets(), Box::new(entries))
            }
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                match dictionary.values() {
                    values if values.is_empty() => Kind::Null,
                    values => Kind::Dictionary(dictionary.normalized_keys(), inner(values.as_ref())),
                }
            }
            _ => Kind::of_numbers(array),
        };
        Values { nulls: array.nulls(), kind }
    }

    /// Appends the value of `row`.
    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            out.push(write::NIL);
            return;
        }
        match &self.kind {
            Kind::Int64(values) => write::signed(values[row], out),
            Kind::Utf8(values) => write::text(values.value(row).as_bytes(), out),
            Kind::Float64(values) => write::float64(values[row], out),
            Kind::Timestamp(values, unit) => write::timestamp(values[row], *unit, out),
            Kind::Int32(values) => write::signed(values[row].into(), out),
            Kind::Boolean(values) => write::boolean(values.value(row), out),
            Kind::Struct(members) => members.write(row, out, scratch),
            _ => self.write_rare(row, out, scratch),
        }
    }

    #[inline(never)]
    fn write_rare(&self, row: usize, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
        match &self.kind {
            Kind::Null => out.push(write::NIL),
            Kind::Int8(values) => write::signed(values[row].into(), out),
            Kind::Int16(values) => write::signed(values[row].into(), out),
            Kind::UInt8(values) => write::unsigned(values[row].into(), out),
            Kind::UInt16(values) => write::unsigned(values[row].into(), out),
            Kind::UInt32(values) => write::unsigned(values[row].into(), out),
            Kind::UInt64(values) => write::unsigned(values[row], out),
            Kind::Float16(values) => write::float32(values[row].to_f32(), out),
            Kind::Float32(values) => write::float32(values[row], out),
            Kind::Date32(values) => write_date(values[row].into(), out, scratch),
            Kind::Date64(values) => write_date(values[row].div_euclid(DAY_MS), out, scratch),
            Kind::Decimal32(values, scale) => write_decimal(values[row], *scale, out, scratch),
            Kind::Decimal64(values, scale) => write_decimal(values[row], *scale, out, scratch),
            Kind::Decimal128(values, scale) => write_decimal(values[row], *scale, out, scratch),
            Kind::Decimal256(values, scale) => write_digits(&values[row].to_string(), *scale, out, scratch),
            Kind::LargeUtf8(values) => write::text(values.value(row).as_bytes(), out),
            Kind::Utf8View(values) => write::text(values.value(row).as_bytes(), out),
            Kind::Binary(values) => write::binary(values.value(row), out),
            Kind::LargeBinary(values) => write::binary(values.value(row), out),
            Kind::BinaryView(values) => write::binary(values.value(row), out),
            Kind::FixedBinary(values) => write::binary(values.value(row), out),
            Kind::Extension(kinds, contents) => write::extension(kinds[row], contents.value(row), out),
            Kind::List(offsets, items) => {
                items.write_all(offsets[row] as usize..offsets[row + 1] as usize, out, scratch)
            }
            Kind::LargeList(offsets, items) => {
                items.write_all(offsets[row] as usize..offsets[row + 1] as usize, out, scratch)
            }
            Kind::FixedList(size, items) => items.write_all(row * size..(row + 1) * size, out, scratch),
            Kind::Map(offsets, entries) => {
                write_map(entries, offsets[row] as usize..offsets[row + 1] as usize, out, scratch)
            }
            Kind::Dictionary(keys, values) => values.write(keys[row], out, scratch),
            Kind::Int64(_)
            | Kind::Utf8(_)
            | Kind::Float64(_)
            | Kind::Timestamp(..)
            | Kind::Int32(_)
            | Kind::Boolean(_)
            | Kind::Struct(_) => unreachable!("written by the caller"),
        }
    }

    fn write_all(&self, rows: Range<usize>, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
        write::array(rows.len(), out);
        rows.for_each(|row| self.write(row, out, scratch));
    }
}

impl<'a> Kind<'a> {
    fn of_numbers(array: &'a dyn Array) -> Kind<'a> {
        macro_rules! values {
            ($kind:ident, $native:ty $(, $more:expr)?) => {
                Kind::$kind(array.as_primitive::<$native>().values() $(, $more)?)
            };
        }
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        match array.data_type() {
            DataType::Int8 => values!(Int8, Int8Type),
            DataType::Int16 => values!(Int16, Int16Type),
            DataType::Int32 => values!(Int32, Int32Type),
            DataType::Int64 => values!(Int64, Int64Type),
            DataType::UInt8 => values!(UInt8, UInt8Type),
            DataType::UInt16 => values!(UInt16, UInt16Type),
            DataType::UInt32 => values!(UInt32, UInt32Type),
            DataType::UInt64 => values!(UInt64, UInt64Type),
            DataType::Float16 => values!(Float16, Float16Type),
            DataType::Float32 => values!(Float32, Float32Type),
            DataType::Float64 => values!(Float64, Float64Type),
            DataType::Date32 => values!(Date32, Date32Type),
            DataType::Date64 => values!(Date64, Date64Type),
            DataType::Time32(Second) => values!(Int32, Time32SecondType),
            DataType::Time32(Millisecond) => values!(Int32, Time32MillisecondType),
            DataType::Time64(Microsecond) => values!(Int64, Time64MicrosecondType),
            DataType::Time64(Nanosecond) => values!(Int64, Time64NanosecondType),
            DataType::Timestamp(Second, _) => values!(Timestamp, TimestampSecondType, Second),
            DataType::Timestamp(Millisecond, _) => values!(Timestamp, TimestampMillisecondType, Millisecond),
            DataType::Timestamp(Microsecond, _) => values!(Timestamp, TimestampMicrosecondType, Microsecond),
            DataType::Timestamp(Nanosecond, _) => values!(Timestamp, TimestampNanosecondType, Nanosecond),
            DataType::Duration(Second) => values!(Int64, DurationSecondType),
            DataType::Duration(Millisecond) => values!(Int64, DurationMillisecondType),
            DataType::Duration(Microsecond) => values!(Int64, DurationMicrosecondType),
            DataType::Duration(Nanosecond) => values!(Int64, DurationNanosecondType),
            DataType::Decimal32(_, scale) => values!(Decimal32, Decimal32Type, *scale),
            DataType::Decimal64(_, scale) => values!(Decimal64, Decimal64Type, *scale),
            DataType::Decimal128(_, scale) => values!(Decimal128, Decimal128Type, *scale),
            DataType::Decimal256(_, scale) => values!(Decimal256, Decimal256Type, *scale),
            _ => Kind::Null,
        }
    }
}

fn write_map(
    (keys, values): &(Values, Values),
    rows: Range<usize>,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) {
    write::map(rows.len(), out);
    for row in rows {
        keys.write(row, out, scratch);
        values.write(row, out, scratch);
    }
}

fn write_date(days: i64, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    scratch.clear();
    temporal::format_date(days, scratch);
    write::text(scratch, out);
}

fn write_decimal(value: impl itoa::Integer, scale: i8, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    write_digits(itoa::Buffer::new().format(value), scale, out, scratch);
}

fn write_digits(digits: &str, scale: i8, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    scratch.clear();
    decimal::write(digits, scale, scratch);
    write::text(scratch, out);
}
