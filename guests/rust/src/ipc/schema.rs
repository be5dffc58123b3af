//! Schema messages: read when a component is bound, written when it says what it emits. Metadata of fields is left
//! out. It knows nothing of batches.

use super::flat::{Slot, Table, Writer};
use super::{CONTINUATION, HEADER_SCHEMA, Malformed, VERSION, split};
use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, TimeUnit};
use std::sync::Arc;

/// How deep columns may be nested.
const MAX_DEPTH: usize = 64;

/// Reads a Schema message.
pub(crate) fn decode_schema(message: &[u8]) -> Result<Schema, Malformed> {
    let (metadata, _) = split(message)?;
    let root = Table::root(metadata)?;
    if root.u8(1)? != HEADER_SCHEMA {
        return Err(Malformed::new("expected a Schema message"));
    }
    let header = root.table(2)?.ok_or_else(|| Malformed::new("the message has no header"))?;
    if header.i16(0, 0)? != 0 {
        return Err(Malformed::new("the schema is big-endian"));
    }
    Ok(Schema::new(fields(&header, 1, 0)?))
}

fn fields(table: &Table<'_>, slot: usize, depth: usize) -> Result<Fields, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::new(format!("columns are nested deeper than {MAX_DEPTH}")));
    }
    table.tables(slot)?.iter().map(|t| field(t, depth).map(Arc::new)).collect()
}

fn field(table: &Table<'_>, depth: usize) -> Result<Field, Malformed> {
    let name = table.string(0)?.unwrap_or_default();
    if table.table(4)?.is_some() {
        return Err(Malformed::new(format!(
            "column {name} is a dictionary, which is not sent across the boundary"
        )));
    }
    let kind = table.u8(2)?;
    let detail = table.table(3)?.ok_or_else(|| Malformed::new(format!("column {name} has no type")))?;
    let children = fields(table, 5, depth + 1)?;
    let data_type = data_type(kind, &detail, &children)
        .map_err(|e| Malformed::new(format!("column {name}: {e}")))?
        .ok_or_else(|| {
            Malformed::new(format!("column {name} has a type (number {kind}) that the SDK cannot read"))
        })?;
    Ok(Field::new(name, data_type, table.u8(1)? != 0))
}

/// The type of that number in Arrow's `Type` union; `None` where we do not know it.
fn data_type(kind: u8, detail: &Table<'_>, children: &Fields) -> Result<Option<DataType>, Malformed> {
    let only_child = || -> Result<FieldRef, Malformed> {
        match children.as_ref() {
            [child] => Ok(child.clone()),
            _ => Err(Malformed::new("a list has exactly one child")),
        }
    };
    Ok(Some(match kind {
        1 => DataType::Null,
        2 => match (detail.i32(0, 0)?, detail.u8(1)? != 0) {
            (8, true) => DataType::Int8,
            (16, true) => DataType::Int16,
            (32, true) => DataType::Int32,
            (64, true) => DataType::Int64,
            (8, false) => DataType::UInt8,
            (16, false) => DataType::UInt16,
            (32, false) => DataType::UInt32,
            (64, false) => DataType::UInt64,
            _ => return Ok(None),
        },
        3 => match detail.i16(0, 0)? {
            0 => DataType::Float16,
            1 => DataType::Float32,
            _ => DataType::Float64,
        },
        4 => DataType::Binary,
        5 => DataType::Utf8,
        6 => DataType::Boolean,
        7 => decimal(detail)?,
        8 => match detail.i16(0, 1)? {
            0 => DataType::Date32,
            _ => DataType::Date64,
        },
        9 => match (time_unit(detail.i16(0, 1)?), detail.i32(1, 32)?) {
            (unit, 32) => DataType::Time32(unit),
            (unit, _) => DataType::Time64(unit),
        },
        10 => DataType::Timestamp(time_unit(detail.i16(0, 0)?), detail.string(1)?.map(Arc::from)),
        11 => DataType::Interval(match detail.i16(0, 0)? {
            0 => IntervalUnit::YearMonth,
            1 => IntervalUnit::DayTime,
            _ => IntervalUnit::MonthDayNano,
        }),
        12 => DataType::List(only_child()?),
        13 => DataType::Struct(children.clone()),
        15 => DataType::FixedSizeBinary(detail.i32(0, 0)?),
        16 => DataType::FixedSizeList(only_child()?, detail.i32(0, 0)?),
        17 => DataType::Map(only_child()?, detail.u8(0)? != 0),
        18 => DataType::Duration(time_unit(detail.i16(0, 1)?)),
        19 => DataType::LargeBinary,
        20 => DataType::LargeUtf8,
        21 => DataType::LargeList(only_child()?),
        _ => return Ok(None),
    }))
}

fn decimal(detail: &Table<'_>) -> Result<DataType, Malformed> {
    let precision = u8::try_from(detail.i32(0, 0)?).map_err(|_| Malformed::new("a decimal's precision"))?;
    let scale = i8::try_from(detail.i32(1, 0)?).map_err(|_| Malformed::new("a decimal's scale"))?;
    Ok(match detail.i32(2, 128)? {
        256 => DataType::Decimal256(precision, scale),
        64 => DataType::Decimal64(precision, scale),
        32 => DataType::Decimal32(precision, scale),
        _ => DataType::Decimal128(precision, scale),
    })
}

fn time_unit(n: i16) -> TimeUnit {
    match n {
        0 => TimeUnit::Second,
        1 => TimeUnit::Millisecond,
        2 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

fn time_unit_number(unit: TimeUnit) -> i16 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    }
}

/// Writes a Schema message.
///
/// # Errors
/// A column whose type does not cross the boundary.
pub(crate) fn encode_schema(schema: &Schema) -> Result<Vec<u8>, Malformed> {
    let mut w = Writer::new();
    let [.., header, _] =
        w.table(0, [Slot::I16(VERSION), Slot::U8(HEADER_SCHEMA), Slot::Reference, Slot::I64(0)]);
    let [_, columns] = w.table(header, [Slot::I16(0), Slot::Reference]);
    put_fields(&mut w, columns, &schema.fields)?;
    let metadata = w.finish();
    let mut message = CONTINUATION.to_vec();
    message.extend((metadata.len() as u32).to_le_bytes());
    message.extend(metadata);
    Ok(message)
}

fn put_fields(w: &mut Writer, from: usize, fields: &[FieldRef]) -> Result<(), Malformed> {
    let first = w.vector(from, fields.len(), 4);
    fields.iter().enumerate().try_for_each(|(i, field)| put_field(w, first + 4 * i, field))
}

fn put_field(w: &mut Writer, from: usize, field: &Field) -> Result<(), Malformed> {
    let kind = kind_number(field.data_type()).ok_or_else(|| {
        Malformed::new(format!(
            "column {} has the type {}, which does not cross the boundary",
            field.name(),
            field.data_type()
        ))
    })?;
    let nullable = Slot::U8(field.is_nullable().into());
    let slots = [Slot::Reference, nullable, Slot::U8(kind), Slot::Reference, Slot::Absent, Slot::Reference];
    let [name, _, _, detail, _, children] = w.table(from, slots);
    w.string(name, field.name());
    put_detail(w, detail, field.data_type());
    put_fields(w, children, child_fields(field.data_type()))
}

/// The children of a nested type.
fn child_fields(data_type: &DataType) -> &[FieldRef] {
    match data_type {
        DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) | DataType::Map(f, _) => {
            std::slice::from_ref(f)
        }
        DataType::Struct(fields) => fields,
        _ => &[],
    }
}

/// The number of a type in Arrow's `Type` union.
fn kind_number(data_type: &DataType) -> Option<u8> {
    use DataType::*;
    Some(match data_type {
        Null => 1,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => 2,
        Float16 | Float32 | Float64 => 3,
        Binary => 4,
        Utf8 => 5,
        Boolean => 6,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => 7,
        Date32 | Date64 => 8,
        Time32(_) | Time64(_) => 9,
        Timestamp(..) => 10,
        Interval(_) => 11,
        List(_) => 12,
        Struct(_) => 13,
        FixedSizeBinary(_) => 15,
        FixedSizeList(..) => 16,
        Map(..) => 17,
        Duration(_) => 18,
        LargeBinary => 19,
        LargeUtf8 => 20,
        LargeList(_) => 21,
        _ => return None,
    })
}

fn put_detail(w: &mut Writer, from: usize, data_type: &DataType) {
    use DataType::*;
    match data_type {
        Int8 | Int16 | Int32 | Int64 => integer(w, from, data_type, true),
        UInt8 | UInt16 | UInt32 | UInt64 => integer(w, from, data_type, false),
        Float16 => small(w, from, 0),
        Float32 => small(w, from, 1),
        Float64 => small(w, from, 2),
        Decimal32(p, s) => put_decimal(w, from, *p, *s, 32),
        Decimal64(p, s) => put_decimal(w, from, *p, *s, 64),
        Decimal128(p, s) => put_decimal(w, from, *p, *s, 128),
        Decimal256(p, s) => put_decimal(w, from, *p, *s, 256),
        Date32 => small(w, from, 0),
        Date64 => small(w, from, 1),
        Time32(unit) => time(w, from, *unit, 32),
        Time64(unit) => time(w, from, *unit, 64),
        Timestamp(unit, None) => small(w, from, time_unit_number(*unit)),
        Timestamp(unit, Some(zone)) => {
            let [_, at] = w.table(from, [Slot::I16(time_unit_number(*unit)), Slot::Reference]);
            w.string(at, zone);
        }
        Interval(IntervalUnit::YearMonth) => small(w, from, 0),
        Interval(IntervalUnit::DayTime) => small(w, from, 1),
        Interval(IntervalUnit::MonthDayNano) => small(w, from, 2),
        Duration(unit) => small(w, from, time_unit_number(*unit)),
        FixedSizeBinary(n) | FixedSizeList(_, n) => {
            w.table(from, [Slot::I32(*n)]);
        }
        Map(_, sorted) => {
            w.table(from, [Slot::U8((*sorted).into())]);
        }
        _ => {
            w.table(from, []);
        }
    }
}

fn small(w: &mut Writer, from: usize, value: i16) {
    w.table(from, [Slot::I16(value)]);
}

fn integer(w: &mut Writer, from: usize, data_type: &DataType, signed: bool) {
    let bits = data_type.primitive_width().unwrap_or(0) * 8;
    w.table(from, [Slot::I32(bits as i32), Slot::U8(signed.into())]);
}

fn time(w: &mut Writer, from: usize, unit: TimeUnit, bits: i32) {
    w.table(from, [Slot::I16(time_unit_number(unit)), Slot::I32(bits)]);
}

fn put_decimal(w: &mut Writer, from: usize, precision: u8, scale: i8, bits: i32) {
    w.table(from, [Slot::I32(precision.into()), Slot::I32(scale.into()), Slot::I32(bits)]);
}
