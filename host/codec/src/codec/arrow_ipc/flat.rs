//! Records of a few rows of plain columns, straight into the columns: no array is made of each. Refuses nothing: what
//! is not as expected is left to the reader that makes arrays, which takes it or says what is wrong.

use arrow::array::types::{Decimal128Type, Decimal256Type, DecimalType};
use arrow::array::{ArrayRef, OffsetSizeTrait};
use arrow::datatypes::{DataType, Schema, i256};
use arrow_ipc::{Buffer, MessageHeader};

use super::decode::Known;
use super::message::{CONTINUATION, Messages};
use crate::codec::column::{Bytes, Column, Struct};

/// Rows that a record may have: many are read faster as arrays.
const ROWS_MAX: usize = 16;

/// The rows of such records, until one of another kind comes.
pub(super) struct Flat {
    columns: Struct,
}

impl Flat {
    /// Rows of these columns, if all of them are plain.
    pub(super) fn new(schema: &Schema) -> Option<Flat> {
        if !are_plain(schema) {
            return None;
        }
        Some(Flat { columns: Struct::new(schema.fields(), 0).ok()? })
    }

    /// Appends the rows of a record and says how many; `None` (and nothing is appended) when it is not one of those
    /// read here. `last` is the last schema message and what it said.
    pub(super) fn record(
        &mut self,
        value: &[u8],
        declared: &Known,
        last: Option<&(Vec<u8>, Known)>,
    ) -> Option<usize> {
        let known = last.and_then(|(schema, known)| Some((known, after(value, schema)?)));
        let (known, value) = known.unwrap_or((declared, value));
        let before = self.columns.len();
        let rows = self.append(value, known.targets.as_deref()?);
        if rows.is_none() {
            self.columns.truncate(before);
        }
        rows
    }

    /// What was appended since the last call, if anything was.
    pub(super) fn take(&mut self) -> Option<(Vec<ArrayRef>, usize)> {
        (self.columns.len() > 0).then(|| self.columns.finish_columns())
    }

    fn append(&mut self, value: &[u8], targets: &[usize]) -> Option<usize> {
        let mut messages = Messages::of(value);
        let place = messages.next().ok()??;
        if place.message.header_type() != MessageHeader::RecordBatch || messages.next().ok()?.is_some() {
            return None;
        }
        let batch = place.message.header_as_record_batch()?;
        let rows = usize::try_from(batch.length()).ok().filter(|rows| *rows <= ROWS_MAX)?;
        let (nodes, buffers) = (batch.nodes()?, batch.buffers()?);
        if batch.compression().is_some() || nodes.len() != targets.len() {
            return None;
        }
        let mut buffers = Buffers { body: &value[place.body], left: value.len(), buffers: buffers.iter() };
        for (node, &target) in nodes.iter().zip(targets) {
            let nulls = usize::try_from(node.null_count()).ok()?;
            if usize::try_from(node.length()).ok()? != rows {
                return None;
            }
            let field = &mut self.columns.fields[target];
            let validity = validity(buffers.next()?, rows, nulls)?;
            if validity.count_ones() as usize != rows && !field.nullable {
                return None;
            }
            append(&mut field.column, &field.data_type, rows, validity, &mut buffers)?;
        }
        if buffers.buffers.next().is_some() {
            return None;
        }
        (0..rows).for_each(|_| self.columns.end_value());
        Some(rows)
    }
}

/// Whether there are columns, and all of them are plain.
pub(super) fn are_plain(schema: &Schema) -> bool {
    !schema.fields().is_empty() && schema.fields().iter().all(|field| is_plain(field.data_type()))
}

/// Whether values of a type lie in one buffer, or in two with their offsets.
fn is_plain(data_type: &DataType) -> bool {
    use DataType::*;
    let bytes = matches!(data_type, Boolean | Utf8 | LargeUtf8 | Binary | LargeBinary | FixedSizeBinary(_));
    bytes || width(data_type).is_some()
}

/// Bytes of each value of a number.
fn width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Float16 | DataType::Interval(_) | DataType::Decimal32(..) | DataType::Decimal64(..) => None,
        other => other.primitive_width(),
    }
}

/// What follows the schema message in a value that begins with it.
fn after<'a>(value: &'a [u8], schema: &[u8]) -> Option<&'a [u8]> {
    let (continuation, rest) = value.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    if u32::from_le_bytes(*continuation) != CONTINUATION || u32::from_le_bytes(*len) as usize != schema.len()
    {
        return None;
    }
    rest.strip_prefix(schema)
}

/// Which rows are not null, a bit for each.
fn validity(bits: &[u8], rows: usize, nulls: usize) -> Option<u32> {
    let all = (1 << rows) - 1;
    if nulls == 0 {
        return Some(all);
    }
    let bits = bits.get(..rows.div_ceil(8))?.iter().rev().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
    let valid = bits & all;
    (valid.count_zeros() as usize + rows == nulls + u32::BITS as usize).then_some(valid)
}

/// The buffers of a batch, in order.
struct Buffers<'a, B> {
    body: &'a [u8],
    /// Bytes that they may still have together: they may lie on one another, and take no more than the value then.
    left: usize,
    buffers: B,
}

impl<'a, B: Iterator<Item = &'a Buffer>> Buffers<'a, B> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let buffer = self.buffers.next()?;
        let (begin, len) = (usize::try_from(buffer.offset()).ok()?, usize::try_from(buffer.length()).ok()?);
        self.left = self.left.checked_sub(len)?;
        self.body.get(begin..)?.get(..len)
    }
}

fn append<'a, B: Iterator<Item = &'a Buffer>>(
    column: &mut Column,
    data_type: &DataType,
    rows: usize,
    validity: u32,
    buffers: &mut Buffers<'a, B>,
) -> Option<()> {
    let first = buffers.next()?;
    match column {
        Column::Utf8(_) | Column::Json(_) | Column::Binary(_) => {
            strings::<i32>(column, first, buffers.next()?, rows, validity)
        }
        Column::LargeUtf8(_) | Column::LargeBinary(_) => {
            strings::<i64>(column, first, buffers.next()?, rows, validity)
        }
        _ => {
            let needed = match data_type {
                DataType::Boolean => rows.div_ceil(8),
                DataType::FixedSizeBinary(width) => rows.checked_mul(usize::try_from(*width).ok()?)?,
                other => rows * width(other)?,
            };
            let values = first.get(..needed)?;
            for row in 0..rows {
                match validity >> row & 1 {
                    0 => column.push_null(),
                    _ => value(column, values, row)?,
                }
            }
            Some(())
        }
    }
}

/// Appends the value of a row.
fn value(column: &mut Column, values: &[u8], row: usize) -> Option<()> {
    fn cell<const N: usize>(values: &[u8], row: usize) -> Option<[u8; N]> {
        values.get(row * N..)?.first_chunk().copied()
    }
    macro_rules! number {
        ($writer:ident, $t:ty) => {
            $writer.push(<$t>::from_le_bytes(cell(values, row)?))
        };
    }
    match column {
        Column::Boolean(writer) => writer.push(values.get(row / 8)? >> (row % 8) & 1 == 1),
        Column::Int8(writer) => number!(writer, i8),
        Column::Int16(writer) => number!(writer, i16),
        Column::Int32(writer) | Column::Date32(writer) | Column::Time32(writer, _) => number!(writer, i32),
        Column::Int64(writer)
        | Column::Date64(writer)
        | Column::Time64(writer, _)
        | Column::Timestamp(writer, _)
        | Column::Duration(writer) => number!(writer, i64),
        Column::UInt8(writer) => number!(writer, u8),
        Column::UInt16(writer) => number!(writer, u16),
        Column::UInt32(writer) => number!(writer, u32),
        Column::UInt64(writer) => number!(writer, u64),
        Column::Float32(writer) => number!(writer, f32),
        Column::Float64(writer) => number!(writer, f64),
        Column::Decimal128(writer, precision, _) => {
            let value = i128::from_le_bytes(cell(values, row)?);
            if !Decimal128Type::is_valid_decimal_precision(value, *precision) {
                return None;
            }
            writer.push(value);
        }
        Column::Decimal256(writer, precision, _) => {
            let value = i256::from_le_bytes(cell(values, row)?);
            if !Decimal256Type::is_valid_decimal_precision(value, *precision) {
                return None;
            }
            writer.push(value);
        }
        Column::FixedBinary(writer) => {
            let width = writer.width();
            writer.push(values.get(row * width..)?.get(..width)?);
        }
        _ => return None,
    }
    Some(())
}

/// Appends strings or bytes.
fn strings<O: OffsetSizeTrait>(
    column: &mut Column,
    offsets: &[u8],
    data: &[u8],
    rows: usize,
    validity: u32,
) -> Option<()> {
    let offset = |row: usize| match O::IS_LARGE {
        true => usize::try_from(i64::from_le_bytes(*offsets.get(row * 8..)?.first_chunk()?)).ok(),
        false => usize::try_from(i32::from_le_bytes(*offsets.get(row * 4..)?.first_chunk()?)).ok(),
    };
    let text = match column {
        Column::Utf8(_) | Column::Json(_) | Column::LargeUtf8(_) => Some(std::str::from_utf8(data).ok()?),
        _ => None,
    };
    let value = |begin: usize, end: usize| match text {
        Some(text) => text.get(begin..end).map(str::as_bytes),
        None => data.get(begin..end),
    };
    let mut begin = offset(0)?;
    // Also where there are no rows, the values begin within the data.
    value(begin, begin)?;
    for row in 0..rows {
        let end = offset(row + 1)?;
        let value = value(begin, end)?;
        match column {
            _ if validity >> row & 1 == 0 => column.push_null(),
            Column::Utf8(writer) | Column::Json(writer) | Column::Binary(writer) => push(writer, value)?,
            Column::LargeUtf8(writer) | Column::LargeBinary(writer) => push(writer, value)?,
            _ => return None,
        }
        begin = end;
    }
    Some(())
}

fn push<O: OffsetSizeTrait>(writer: &mut Bytes<O>, value: &[u8]) -> Option<()> {
    writer.push(value).ok()
}
