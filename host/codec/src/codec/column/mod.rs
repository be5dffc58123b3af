//! Typed column writers: what every decoder appends values to. Each takes back what a failed record appended
//! ([`Column::truncate`]), so a bad record leaves no partial row. Knows nothing of any format.

mod allowance;
mod bytes;
#[cfg(test)]
mod hostile_tests;
mod names;
mod nested;
mod primitive;
mod room;
mod size;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, NullArray, NullBufferBuilder};
use arrow::datatypes::{DataType, Field, TimeUnit, i256};

pub(crate) use allowance::{Allowance, MAX_RECORD, MAX_RUN, Run, Spent};
pub(crate) use bytes::{Bytes, FixedBytes, full, not_utf8};
pub(crate) use names::{Names, START};
pub(crate) use nested::{FixedList, List, Map, Struct};
pub(crate) use primitive::Primitive;
pub(crate) use size::{ARRAY, arrays_of, size_of_null, size_of_values};

/// Columns nested deeper than this are refused: decoding and dropping them recurse.
pub(crate) const MAX_SCHEMA_DEPTH: usize = 64;

/// A column, being written.
pub(crate) enum Column {
    Null(usize),
    Boolean(Booleans),
    Int8(Primitive<i8>),
    Int16(Primitive<i16>),
    Int32(Primitive<i32>),
    Int64(Primitive<i64>),
    UInt8(Primitive<u8>),
    UInt16(Primitive<u16>),
    UInt32(Primitive<u32>),
    UInt64(Primitive<u64>),
    Float32(Primitive<f32>),
    Float64(Primitive<f64>),
    /// Days since 1970.
    Date32(Primitive<i32>),
    /// Milliseconds since 1970, whole days.
    Date64(Primitive<i64>),
    Time32(Primitive<i32>, TimeUnit),
    Time64(Primitive<i64>, TimeUnit),
    Timestamp(Primitive<i64>, TimeUnit),
    Duration(Primitive<i64>),
    Decimal128(Primitive<i128>, u8, i8),
    Decimal256(Primitive<i256>, u8, i8),
    Utf8(Bytes<i32>),
    LargeUtf8(Bytes<i64>),
    /// A string column that holds the text of any JSON value (Arrow's extension type `arrow.json`).
    Json(Bytes<i32>),
    Binary(Bytes<i32>),
    LargeBinary(Bytes<i64>),
    FixedBinary(FixedBytes),
    Struct(Box<Struct>),
    List(Box<List<i32>>),
    LargeList(Box<List<i64>>),
    FixedList(Box<FixedList>),
    Map(Box<Map>),
}

/// The same call on whatever writer a column has.
macro_rules! each {
    ($column:expr, $writer:ident => $call:expr, null $null:ident => $on_null:expr) => {
        match $column {
            Column::Null($null) => $on_null,
            Column::Boolean($writer) => $call,
            Column::Int8($writer) => $call,
            Column::Int16($writer) => $call,
            Column::Int32($writer) | Column::Date32($writer) | Column::Time32($writer, _) => $call,
            Column::Int64($writer)
            | Column::Date64($writer)
            | Column::Time64($writer, _)
            | Column::Timestamp($writer, _)
            | Column::Duration($writer) => $call,
            Column::UInt8($writer) => $call,
            Column::UInt16($writer) => $call,
            Column::UInt32($writer) => $call,
            Column::UInt64($writer) => $call,
            Column::Float32($writer) => $call,
            Column::Float64($writer) => $call,
            Column::Decimal128($writer, ..) => $call,
            Column::Decimal256($writer, ..) => $call,
            Column::Utf8($writer) | Column::Json($writer) | Column::Binary($writer) => $call,
            Column::LargeUtf8($writer) | Column::LargeBinary($writer) => $call,
            Column::FixedBinary($writer) => $call,
            Column::Struct($writer) => $call,
            Column::List($writer) => $call,
            Column::LargeList($writer) => $call,
            Column::FixedList($writer) => $call,
            Column::Map($writer) => $call,
        }
    };
}

impl Column {
    /// A writer for `field`, or why there is none.
    pub(crate) fn new(field: &Field, depth: usize) -> Result<Column, String> {
        if depth > MAX_SCHEMA_DEPTH {
            return Err(format!(
                "columns are nested deeper than {MAX_SCHEMA_DEPTH} levels: flatten the schema"
            ));
        }
        let data_type = field.data_type().clone();
        Ok(match field.data_type() {
            DataType::Null => Column::Null(0),
            DataType::Boolean => Column::Boolean(Booleans::default()),
            DataType::Int8 => Column::Int8(Primitive::new(data_type)),
            DataType::Int16 => Column::Int16(Primitive::new(data_type)),
            DataType::Int32 => Column::Int32(Primitive::new(data_type)),
            DataType::Int64 => Column::Int64(Primitive::new(data_type)),
            DataType::UInt8 => Column::UInt8(Primitive::new(data_type)),
            DataType::UInt16 => Column::UInt16(Primitive::new(data_type)),
            DataType::UInt32 => Column::UInt32(Primitive::new(data_type)),
            DataType::UInt64 => Column::UInt64(Primitive::new(data_type)),
            DataType::Float32 => Column::Float32(Primitive::new(data_type)),
            DataType::Float64 => Column::Float64(Primitive::new(data_type)),
            DataType::Date32 => Column::Date32(Primitive::new(data_type)),
            DataType::Date64 => Column::Date64(Primitive::new(data_type)),
            DataType::Time32(unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => {
                Column::Time32(Primitive::new(data_type), *unit)
            }
            DataType::Time64(unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond)) => {
                Column::Time64(Primitive::new(data_type), *unit)
            }
            DataType::Timestamp(unit, _) => Column::Timestamp(Primitive::new(data_type), *unit),
            DataType::Duration(_) => Column::Duration(Primitive::new(data_type)),
            DataType::Decimal128(p, s) => Column::Decimal128(Primitive::new(data_type), *p, *s),
            DataType::Decimal256(p, s) => Column::Decimal256(Primitive::new(data_type), *p, *s),
            DataType::Utf8 if is_json(field) => Column::Json(Bytes::new(true)),
            DataType::Utf8 => Column::Utf8(Bytes::new(true)),
            DataType::LargeUtf8 => Column::LargeUtf8(Bytes::new(true)),
            DataType::Binary => Column::Binary(Bytes::new(false)),
            DataType::LargeBinary => Column::LargeBinary(Bytes::new(false)),
            DataType::FixedSizeBinary(width) => Column::FixedBinary(FixedBytes::new(*width)),
            DataType::Struct(fields) => Column::Struct(Box::new(Struct::new(fields, depth + 1)?)),
            DataType::List(item) => Column::List(Box::new(List::new(item, depth + 1)?)),
            DataType::LargeList(item) => Column::LargeList(Box::new(List::new(item, depth + 1)?)),
            DataType::FixedSizeList(item, len) => {
                Column::FixedList(Box::new(FixedList::new(item, *len, depth + 1)?))
            }
            DataType::Map(entries, sorted) => Column::Map(Box::new(Map::new(entries, *sorted, depth + 1)?)),
            other => return Err(format!("this codec cannot decode into {other}: choose another type")),
        })
    }

    /// Values appended.
    pub(crate) fn len(&self) -> usize {
        each!(self, writer => writer.len(), null n => *n)
    }

    /// Appends a null. Whether the column may hold one is the caller's to check.
    pub(crate) fn push_null(&mut self) {
        each!(self, writer => writer.push_null(), null n => *n += 1)
    }

    /// What a null takes that there may be any number of, as it is within a list or map, in bytes; 0 for all others, and
    /// where it is no more than a number takes.
    pub(crate) fn null_size(&self) -> usize {
        match self {
            Column::Struct(column) => column.null_size(),
            Column::FixedList(column) => column.null_size(),
            Column::FixedBinary(column) => column.null_size(),
            _ => 0,
        }
    }

    /// The column is within a list or map: from now on it is known what its nulls take.
    fn count_nulls(&mut self) {
        match self {
            Column::Struct(column) => column.count_nulls(),
            Column::FixedList(column) => column.count_nulls(),
            Column::FixedBinary(column) => column.count_nulls(),
            // Lists and maps have seen to what is within them, and others have nothing within.
            _ => {}
        }
    }

    /// Forgets all but the first `len` values.
    pub(crate) fn truncate(&mut self, len: usize) {
        each!(self, writer => writer.truncate(len), null n => *n = len.min(*n))
    }

    /// What was appended; the writer is empty again, with room for as much.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        each!(self, writer => writer.finish(), null n => Arc::new(NullArray::new(std::mem::take(n))))
    }
}

/// Whether a string column holds JSON text.
pub(crate) fn is_json(field: &Field) -> bool {
    field.metadata().get("ARROW:extension:name").is_some_and(|name| name == "arrow.json")
}

/// A boolean column.
pub(crate) struct Booleans {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

impl Default for Booleans {
    fn default() -> Self {
        Booleans { values: BooleanBufferBuilder::new(0), nulls: NullBufferBuilder::new(0) }
    }
}

impl Booleans {
    #[inline(always)]
    pub(crate) fn push(&mut self, value: bool) {
        self.values.append(value);
        self.nulls.append_non_null();
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn push_null(&mut self) {
        self.values.append(false);
        self.nulls.append_null();
    }

    fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(BooleanArray::new(self.values.finish(), self.nulls.finish()))
    }
}

/// A type as a spec spells it, for error texts.
pub(crate) fn type_name(data_type: &DataType) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match data_type {
        DataType::Boolean => "bool".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytes".into(),
        DataType::FixedSizeBinary(width) => format!("{width} bytes"),
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Time32(u) | DataType::Time64(u) => format!("time_{}", unit(u)),
        DataType::Timestamp(u, _) => format!("timestamp_{}", unit(u)),
        DataType::Duration(u) => format!("duration_{}", unit(u)),
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => format!("decimal({p}, {s})"),
        DataType::Struct(_) => "object".into(),
        DataType::List(_) | DataType::LargeList(_) => "array".into(),
        DataType::FixedSizeList(_, len) => format!("array of {len}"),
        DataType::Map(..) => "map".into(),
        other => other.to_string().to_lowercase(),
    }
}
