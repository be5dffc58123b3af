//! Arrays with their types looked up, and their values as JSON. Knows nothing of batches.

use std::borrow::Cow;

use arrow::array::{Array, AsArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray};
use arrow::array::{GenericBinaryArray, GenericStringArray, StringViewArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::*;

use super::cursor::check;
use super::manner::{Manner, PLAIN};
use super::write::{self, Fixed};
use crate::codec::column::is_json;
use crate::codec::decimal;
use crate::codec::problem::{Outcome, Problem, code};
use crate::codec::temporal::{self, DAY_MS};

/// The columns of an object.
pub(super) type Members<'a> = Vec<Member<'a>>;

/// A column of an object.
pub(super) struct Member<'a> {
    /// What comes before the value.
    key: Cow<'a, Fixed>,
    name: &'a str,
    values: Values<'a>,
    /// A null is not written.
    leave_out_nulls: bool,
}

impl<'a> Member<'a> {
    pub(super) fn of(
        key: Cow<'a, Fixed>,
        array: &'a dyn Array,
        field: &'a Field,
        manner: &Manner,
    ) -> Member<'a> {
        let values = Values::of(array, field, manner);
        Member { key, name: field.name(), values, leave_out_nulls: manner.leave_out_nulls }
    }
}

/// A column of a batch, with its type looked up.
pub(super) struct Values<'a> {
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
    /// Times and timestamps that are written as text.
    Time32(&'a [i32], TimeUnit),
    Time64(&'a [i64], TimeUnit),
    Timestamp(&'a [i64], TimeUnit),
    Decimal32(&'a [i32], i8),
    Decimal64(&'a [i64], i8),
    Decimal128(&'a [i128], i8),
    Decimal256(&'a [i256], i8),
    /// Bytes of all strings, and where they begin.
    Utf8(&'a [u8], &'a [i32]),
    LargeUtf8(&'a GenericStringArray<i64>),
    Utf8View(&'a StringViewArray),
    Json(&'a GenericStringArray<i32>),
    Binary(&'a GenericBinaryArray<i32>),
    LargeBinary(&'a GenericBinaryArray<i64>),
    BinaryView(&'a BinaryViewArray),
    FixedBinary(&'a FixedSizeBinaryArray),
    Struct(Members<'a>),
    List(&'a [i32], Box<Values<'a>>),
    LargeList(&'a [i64], Box<Values<'a>>),
    FixedList(usize, Box<Values<'a>>),
    Map(&'a [i32], Box<(Values<'a>, Values<'a>)>),
    Dictionary(Vec<usize>, Box<Values<'a>>),
}

impl<'a> Values<'a> {
    /// The values of an array of `field`, whose type JSON can hold.
    fn of(array: &'a dyn Array, field: &'a Field, manner: &Manner) -> Values<'a> {
        let item =
            |items: &'a dyn Array, item: &'a Field| Box::new(Values::of(items, item, manner.of_inner(0)));
        let kind = match array.data_type() {
            DataType::Boolean => Kind::Boolean(array.as_boolean()),
            DataType::Utf8 if is_json(field) => Kind::Json(array.as_string()),
            DataType::Utf8 => {
                let strings = array.as_string::<i32>();
                Kind::Utf8(strings.value_data(), strings.offsets())
            }
            DataType::LargeUtf8 => Kind::LargeUtf8(array.as_string()),
            DataType::Utf8View => Kind::Utf8View(array.as_string_view()),
            DataType::Binary => Kind::Binary(array.as_binary()),
            DataType::LargeBinary => Kind::LargeBinary(array.as_binary()),
            DataType::BinaryView => Kind::BinaryView(array.as_binary_view()),
            DataType::FixedSizeBinary(_) => Kind::FixedBinary(array.as_fixed_size_binary()),
            DataType::Struct(fields) => {
                let members = fields.iter().zip(array.as_struct().columns()).enumerate();
                Kind::Struct(
                    members
                        .map(|(i, (field, column))| {
                            let key = Cow::Owned(Fixed::key(i == 0, field.name()));
                            Member::of(key, column.as_ref(), field, manner.of_inner(i))
                        })
                        .collect(),
                )
            }
            DataType::List(field) => {
                let list = array.as_list::<i32>();
                Kind::List(list.offsets(), item(list.values().as_ref(), field))
            }
            DataType::LargeList(field) => {
                let list = array.as_list::<i64>();
                Kind::LargeList(list.offsets(), item(list.values().as_ref(), field))
            }
            DataType::FixedSizeList(field, size) => {
                Kind::FixedList(*size as usize, item(array.as_fixed_size_list().values().as_ref(), field))
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let (keys, values) = map.entries_fields();
                let keys = Values::of(map.keys().as_ref(), keys, &PLAIN);
                let values = Values::of(map.values().as_ref(), values, manner.of_inner(0));
                Kind::Map(map.offsets(), Box::new((keys, values)))
            }
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                match dictionary.values() {
                    values if values.is_empty() => Kind::Null,
                    values => {
                        let values = Box::new(Values::of(values.as_ref(), field, manner));
                        Kind::Dictionary(dictionary.normalized_keys(), values)
                    }
                }
            }
            _ if manner.text => Kind::of_text(array),
            _ => Kind::of_numbers(array),
        };
        Values { nulls: array.nulls(), kind }
    }

    /// Appends the value of `row`. On an error part of it may be there.
    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Outcome<()> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match &self.kind {
            Kind::Int64(values) => write::integer(values[row], out),
            Kind::Utf8(text, offsets) => {
                write::string_within(text, offsets[row] as usize, offsets[row + 1] as usize, out);
            }
            Kind::Float64(values) => return finite(write::float64(values[row], out), values[row]),
            Kind::Int32(values) => write::integer(values[row], out),
            Kind::Boolean(values) => {
                out.extend_from_slice(if values.value(row) { b"true" } else { b"false" })
            }
            Kind::Struct(members) => return write_object(members, row, out, scratch),
            _ => return self.write_rare(row, out, scratch),
        }
        Ok(())
    }

    #[inline(never)]
    fn write_rare(&self, row: usize, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Outcome<()> {
        match &self.kind {
            Kind::Null => out.extend_from_slice(b"null"),
            Kind::Int8(values) => write::integer(values[row], out),
            Kind::Int16(values) => write::integer(values[row], out),
            Kind::UInt8(values) => write::integer(values[row], out),
            Kind::UInt16(values) => write::integer(values[row], out),
            Kind::UInt32(values) => write::integer(values[row], out),
            Kind::UInt64(values) => write::integer(values[row], out),
            Kind::Float16(values) => {
                let value = values[row].to_f32();
                return finite(write::float32(value, out), value);
            }
            Kind::Float32(values) => return finite(write::float32(values[row], out), values[row]),
            Kind::Date32(values) => write_date(i64::from(values[row]), out),
            Kind::Date64(values) => write_date(values[row].div_euclid(DAY_MS), out),
            Kind::Time32(values, unit) => return write_time(i64::from(values[row]), *unit, out),
            Kind::Time64(values, unit) => return write_time(values[row], *unit, out),
            Kind::Timestamp(values, unit) => {
                out.push(b'"');
                temporal::format_timestamp(values[row], *unit, out);
                out.push(b'"');
            }
            Kind::Decimal32(values, scale) => {
                decimal::write(itoa::Buffer::new().format(values[row]), *scale, out)
            }
            Kind::Decimal64(values, scale) => {
                decimal::write(itoa::Buffer::new().format(values[row]), *scale, out)
            }
            Kind::Decimal128(values, scale) => {
                decimal::write(itoa::Buffer::new().format(values[row]), *scale, out)
            }
            Kind::Decimal256(values, scale) => decimal::write(&values[row].to_string(), *scale, out),
            Kind::LargeUtf8(values) => write::string(values.value(row), out),
            Kind::Utf8View(values) => write::string(values.value(row), out),
            Kind::Json(values) => return write_json(values.value(row), out, scratch),
            Kind::Binary(values) => write::base64(values.value(row), out),
            Kind::LargeBinary(values) => write::base64(values.value(row), out),
            Kind::BinaryView(values) => write::base64(values.value(row), out),
            Kind::FixedBinary(values) => write::base64(values.value(row), out),
            Kind::List(offsets, items) => {
                return items.write_all(offsets[row] as usize..offsets[row + 1] as usize, out, scratch);
            }
            Kind::LargeList(offsets, items) => {
                return items.write_all(offsets[row] as usize..offsets[row + 1] as usize, out, scratch);
            }
            Kind::FixedList(size, items) => {
                return items.write_all(row * size..(row + 1) * size, out, scratch);
            }
            Kind::Map(offsets, entries) => {
                return write_map(entries, offsets[row] as usize..offsets[row + 1] as usize, out, scratch);
            }
            Kind::Dictionary(keys, values) => return values.write(keys[row], out, scratch),
            Kind::Int64(_)
            | Kind::Utf8(..)
            | Kind::Float64(_)
            | Kind::Int32(_)
            | Kind::Boolean(_)
            | Kind::Struct(_) => {
                unreachable!("written by the caller")
            }
        }
        Ok(())
    }

    fn write_all(
        &self,
        rows: std::ops::Range<usize>,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Outcome<()> {
        out.push(b'[');
        for (index, row) in rows.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.write(row, out, scratch).map_err(|problem| problem.in_item(index))?;
        }
        out.push(b']');
        Ok(())
    }
}

impl<'a> Kind<'a> {
    fn of_text(array: &'a dyn Array) -> Kind<'a> {
        match (Kind::of_numbers(array), array.data_type()) {
            (Kind::Int32(values), DataType::Time32(unit)) => Kind::Time32(values, *unit),
            (Kind::Int64(values), DataType::Time64(unit)) => Kind::Time64(values, *unit),
            (Kind::Int64(values), DataType::Timestamp(unit, _)) => Kind::Timestamp(values, *unit),
            (other, _) => other,
        }
    }

    fn of_numbers(array: &'a dyn Array) -> Kind<'a> {
        macro_rules! values {
            ($kind:ident, $native:ty) => {
                Kind::$kind(array.as_primitive::<$native>().values())
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
            DataType::Timestamp(Second, _) => values!(Int64, TimestampSecondType),
            DataType::Timestamp(Millisecond, _) => values!(Int64, TimestampMillisecondType),
            DataType::Timestamp(Microsecond, _) => values!(Int64, TimestampMicrosecondType),
            DataType::Timestamp(Nanosecond, _) => values!(Int64, TimestampNanosecondType),
            DataType::Duration(Second) => values!(Int64, DurationSecondType),
            DataType::Duration(Millisecond) => values!(Int64, DurationMillisecondType),
            DataType::Duration(Microsecond) => values!(Int64, DurationMicrosecondType),
            DataType::Duration(Nanosecond) => values!(Int64, DurationNanosecondType),
            DataType::Decimal32(_, scale) => {
                Kind::Decimal32(array.as_primitive::<Decimal32Type>().values(), *scale)
            }
            DataType::Decimal64(_, scale) => {
                Kind::Decimal64(array.as_primitive::<Decimal64Type>().values(), *scale)
            }
            DataType::Decimal128(_, scale) => {
                Kind::Decimal128(array.as_primitive::<Decimal128Type>().values(), *scale)
            }
            DataType::Decimal256(_, scale) => {
                Kind::Decimal256(array.as_primitive::<Decimal256Type>().values(), *scale)
            }
            _ => Kind::Null,
        }
    }
}

/// Appends one object of the values of `row`.
#[inline]
pub(super) fn write_object(
    members: &Members,
    row: usize,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Outcome<()> {
    let begin = out.len();
    for member in members {
        let values = &member.values;
        if member.leave_out_nulls && values.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            continue;
        }
        member.key.write(out);
        if let Err(problem) = values.write(row, out, scratch) {
            return Err(problem.in_field(member.name));
        }
    }
    match out.get_mut(begin) {
        // The first key has a brace before it, and another one a comma.
        Some(first) => *first = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
    Ok(())
}

fn write_map(
    (keys, values): &(Values, Values),
    rows: std::ops::Range<usize>,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Outcome<()> {
    out.push(b'{');
    let begin = rows.start;
    for row in rows {
        if row > begin {
            out.push(b',');
        }
        keys.write(row, out, scratch)?;
        out.push(b':');
        values.write(row, out, scratch).map_err(|problem| problem.in_item(row - begin))?;
    }
    out.push(b'}');
    Ok(())
}

fn write_date(days: i64, out: &mut Vec<u8>) {
    out.push(b'"');
    temporal::format_date(days, out);
    out.push(b'"');
}

fn write_time(number: i64, unit: TimeUnit, out: &mut Vec<u8>) -> Outcome<()> {
    out.push(b'"');
    if !temporal::format_time(number, unit, out) {
        return Err(Problem::new(code::OUT_OF_RANGE, format!("{number} is no time of a day")));
    }
    out.push(b'"');
    Ok(())
}

fn write_json(text: &str, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Outcome<()> {
    check(text.as_bytes(), scratch)?;
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

#[inline]
fn finite(written: bool, value: impl std::fmt::Display) -> Outcome<()> {
    if written {
        return Ok(());
    }
    Err(Problem::new(code::OUT_OF_RANGE, format!("JSON has no number for {value}")))
}
