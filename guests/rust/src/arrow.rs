//! Batches as arrow-rs [`RecordBatch`]es, for operators that compute on whole columns. With the feature `arrow`.
//!
//! Incoming columns are views of the message, not copies. Where rows as Rust types come from, this module does not
//! know.

use crate::error::OpError;
use crate::host;
use crate::ipc::{Malformed, Message, Part, bitmap_len};
use crate::manifest::Port;
use crate::row::{Batch, same_type};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, OffsetSizeTrait, RecordBatch, RecordBatchOptions, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow_data::{ArrayData, ArrayDataBuilder, layout};
use arrow_schema::{ArrowError, DataType, SchemaRef};

pub use {arrow_array, arrow_buffer};

impl From<ArrowError> for Malformed {
    fn from(error: ArrowError) -> Self {
        Malformed::new(error.to_string())
    }
}

impl Batch<'_> {
    /// The batch for arrow-rs. Its columns lie in the message that the host sent.
    ///
    /// # Errors
    /// The batch is malformed.
    pub fn into_record_batch(self) -> Result<RecordBatch, OpError> {
        let Batch { message, layout, schema } = self;
        let message = Buffer::from_vec(message);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
        let mut part: Option<Part<'_>> = None;
        for field in schema.fields() {
            let next = match part {
                None => Part::first(&message, layout, field.data_type()),
                Some(part) => part.next(field.data_type()),
            };
            columns.push(make_array(read(next, &message)?));
            part = Some(next);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(layout.rows));
        let schema = nullable(schema);
        Ok(RecordBatch::try_new_with_options(schema, columns, &options).map_err(Malformed::from)?)
    }
}

/// A schema is agreed once, and a column that it calls not null may still hold nulls of rows that nobody reads.
fn nullable(schema: &SchemaRef) -> SchemaRef {
    if schema.fields().iter().all(|f| f.is_nullable()) {
        return schema.clone();
    }
    let fields = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
    SchemaRef::new(arrow_schema::Schema::new(fields.collect::<Vec<_>>()))
}

fn read(part: Part<'_>, message: &Buffer) -> Result<ArrayData, Malformed> {
    let (rows, nulls) = part.node()?;
    let data_type = part.data_type();
    let slice = |index: usize| -> Result<Buffer, Malformed> {
        let (start, end) = part.range(index)?;
        Ok(message.slice_with_length(start, end - start))
    };
    let mut builder = ArrayDataBuilder::new(data_type.clone()).len(rows).align_buffers(true);
    let spec = layout(data_type);
    let first = usize::from(spec.can_contain_null_mask);
    if first == 1 && nulls > 0 {
        part.buffer(0, bitmap_len(rows))?;
        builder = builder.null_bit_buffer(Some(slice(0)?)).null_count(nulls);
    }
    for index in 0..spec.buffers.len() {
        builder = builder.add_buffer(slice(first + index)?);
    }
    let mut child = 0;
    while let Some(part) = part.child(child) {
        builder = builder.add_child_data(read(part, message)?);
        child += 1;
    }
    // SAFETY: `validate` checks below that the buffers are long enough and the offsets within them. That strings are
    // UTF-8 and offsets ascend, the host has validated before it sent the batch; it owns this memory.
    let data = unsafe { builder.skip_validation(true).build() }?;
    data.validate()?;
    Ok(data)
}

/// A port of an operator that emits [`RecordBatch`]es.
pub struct BatchOutput {
    name: String,
    port: u32,
    schema: SchemaRef,
    message: Message,
}

impl BatchOutput {
    /// The port of that number (its place in [`Operator::outputs`](crate::Operator::outputs)), name and columns.
    ///
    /// # Errors
    /// A column has a type that does not cross the boundary.
    pub fn new(port: u32, name: impl Into<String>, schema: SchemaRef) -> Result<Self, OpError> {
        let message = Message::new(&schema).map_err(|e| OpError::Schema(e.to_string()))?;
        Ok(BatchOutput { name: name.into(), port, schema, message })
    }

    /// What [`Operator::outputs`](crate::Operator::outputs) says of it.
    pub fn port(&self) -> Port {
        Port::new(self.name.clone(), self.schema.clone())
    }

    /// Sends a batch to the host.
    ///
    /// # Errors
    /// Its columns are not those of the port.
    pub fn emit(&mut self, batch: &RecordBatch) -> Result<(), OpError> {
        let port = self.port;
        host::emit(port, self.encode(batch)?);
        Ok(())
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<&[u8], OpError> {
        let same = batch.num_columns() == self.schema.fields().len()
            && batch
                .columns()
                .iter()
                .zip(self.schema.fields())
                .all(|(c, f)| same_type(c.data_type(), f.data_type()));
        if !same {
            let (got, wanted) = (batch.schema(), &self.schema);
            return Err(OpError::Fatal(format!("port {} emits {wanted}, not {got}", self.name)));
        }
        self.message.begin(0);
        batch.columns().iter().for_each(|column| write(column, &mut self.message));
        Ok(self.message.finish(batch.num_rows()))
    }
}

fn write(array: &dyn Array, message: &mut Message) {
    let rows = array.len();
    if let DataType::Null = array.data_type() {
        message.node(rows, rows);
        return;
    }
    write_nulls(rows, array.nulls(), message);
    match array.data_type() {
        DataType::Boolean => write_bits(array.as_boolean().values(), message),
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            write_bytes(array.offsets(), array.values(), message);
        }
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            write_bytes(array.offsets(), array.values(), message);
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            write_bytes(array.offsets(), array.values(), message);
        }
        DataType::LargeBinary => {
            let array = array.as_binary::<i64>();
            write_bytes(array.offsets(), array.values(), message);
        }
        DataType::List(_) => {
            write_list(array.as_list::<i32>().offsets(), array.as_list::<i32>().values(), message)
        }
        DataType::LargeList(_) => {
            write_list(array.as_list::<i64>().offsets(), array.as_list::<i64>().values(), message)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            write_list(map.offsets(), map.entries(), message);
        }
        DataType::FixedSizeList(_, width) => {
            let list = array.as_fixed_size_list();
            let first = list.value_offset(0) as usize;
            write(&list.values().slice(first, rows * *width as usize), message);
        }
        DataType::Struct(_) => array.as_struct().columns().iter().for_each(|column| write(column, message)),
        _ => write_fixed(array, message),
    }
}

/// Columns of one buffer with a fixed width.
fn write_fixed(array: &dyn Array, message: &mut Message) {
    let data = array.to_data();
    let width = match array.data_type() {
        DataType::FixedSizeBinary(width) => *width as usize,
        other => other.primitive_width().unwrap_or(0),
    };
    let bytes = data.buffers().first().map_or(&[][..], Buffer::as_slice);
    message.buffer(&bytes[data.offset() * width..(data.offset() + data.len()) * width]);
}

fn write_nulls(rows: usize, nulls: Option<&NullBuffer>, message: &mut Message) {
    match nulls {
        Some(nulls) if nulls.null_count() > 0 => {
            message.node(rows, nulls.null_count());
            write_bits(nulls.inner(), message);
        }
        _ => {
            message.node(rows, 0);
            message.buffer(&[]);
        }
    }
}

fn write_bits(bits: &BooleanBuffer, message: &mut Message) {
    // Copies only where the bits do not start at a byte.
    message.buffer(&bits.sliced().as_slice()[..bitmap_len(bits.len())]);
}

/// Offsets from 0 on, and the range of what they refer to.
fn write_offsets<O: OffsetSizeTrait>(
    offsets: &OffsetBuffer<O>,
    message: &mut Message,
) -> std::ops::Range<usize> {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    if first.as_usize() == 0 {
        message.buffer(offsets.inner().inner().as_slice());
    } else {
        let moved: Vec<O> = offsets.iter().map(|o| *o - first).collect();
        message.buffer(Buffer::from_vec(moved).as_slice());
    }
    first.as_usize()..last.as_usize()
}

fn write_bytes<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, values: &Buffer, message: &mut Message) {
    let range = write_offsets(offsets, message);
    message.buffer(&values[range]);
}

fn write_list<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, values: &dyn Array, message: &mut Message) {
    let range = write_offsets(offsets, message);
    write(&values.slice(range.start, range.len()), message);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::BatchLayout;
    use crate::testing::{batch_message, batch_of};
    use arrow_array::builder::{
        FixedSizeListBuilder, Int32Builder, LargeListBuilder, ListBuilder, MapBuilder, StringBuilder,
    };
    use arrow_array::types::Int32Type;
    use arrow_array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
        Int64Array, LargeStringArray, ListArray, NullArray, StringArray, StructArray,
        TimestampMicrosecondArray,
    };
    use arrow_schema::{Field, Schema};
    use proptest::prelude::*;
    use std::sync::Arc;

    const ROWS: usize = 40;

    fn there(row: usize) -> bool {
        row % 5 != 3
    }

    fn lists() -> Vec<ArrayRef> {
        let mut list = ListBuilder::new(StringBuilder::new());
        let mut large = LargeListBuilder::new(Int32Builder::new());
        let mut fixed = FixedSizeListBuilder::new(Int32Builder::new(), 2);
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for row in 0..ROWS {
            for i in 0..row % 4 {
                list.values().append_option((i != 1).then(|| format!("{row}/{i}")));
                large.values().append_value((row * i) as i32);
                map.keys().append_value(format!("k{i}"));
                map.values().append_option((row % 3 == 0).then_some(i as i32));
            }
            list.append(there(row));
            large.append(there(row + 1));
            fixed.values().append_value(row as i32);
            fixed.values().append_null();
            fixed.append(there(row + 2));
            map.append(there(row + 3)).unwrap();
        }
        vec![
            Arc::new(list.finish()),
            Arc::new(large.finish()),
            Arc::new(fixed.finish()),
            Arc::new(map.finish()),
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
                (0..ROWS).map(|_| Some(vec![Some(1)])),
            )),
        ]
    }

    fn batch() -> RecordBatch {
        let number = |row: usize| there(row).then_some(row as i64);
        let struct_field = Arc::new(Field::new("x", DataType::Int64, true));
        let inner: ArrayRef = Arc::new(Int64Array::from_iter((0..ROWS).map(|r| number(r + 1))));
        let nulls = NullBuffer::from((0..ROWS).map(there).collect::<Vec<_>>());
        let fixed = (0..ROWS).map(|r| there(r).then(|| [r as u8, 1, 2]));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter((0..ROWS).map(number))),
            Arc::new(Float32Array::from_iter_values((0..ROWS).map(|r| r as f32))),
            Arc::new(BooleanArray::from_iter((0..ROWS).map(|r| there(r).then_some(r % 3 == 1)))),
            Arc::new(StringArray::from_iter((0..ROWS).map(|r| there(r).then(|| "é".repeat(r % 6))))),
            Arc::new(LargeStringArray::from_iter_values((0..ROWS).map(|r| r.to_string()))),
            Arc::new(BinaryArray::from_iter((0..ROWS).map(|r| there(r).then(|| vec![r as u8; r % 7])))),
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed, 3).unwrap()),
            Arc::new(Date32Array::from_iter((0..ROWS).map(|r| there(r).then_some(r as i32)))),
            Arc::new(TimestampMicrosecondArray::from_iter((0..ROWS).map(number)).with_timezone("UTC")),
            Arc::new(
                Decimal128Array::from_iter((0..ROWS).map(|r| number(r).map(i128::from)))
                    .with_precision_and_scale(20, 2)
                    .unwrap(),
            ),
            Arc::new(NullArray::new(ROWS)),
            Arc::new(StructArray::new(vec![struct_field].into(), vec![inner], Some(nulls))),
        ];
        columns.extend(lists());
        let fields = columns.iter().enumerate();
        let fields = fields.map(|(i, c)| Field::new(format!("c{i}"), c.data_type().clone(), true));
        RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns).unwrap()
    }

    proptest! {
        #[test]
        fn batches_go_out_and_come_in_whole(from in 0..=ROWS, count in 0..=ROWS) {
            let all = batch();
            let part = all.slice(from, count.min(ROWS - from));
            let mut output = BatchOutput::new(0, "output", all.schema()).unwrap();
            let message = output.encode(&part).unwrap().to_vec();
            prop_assert_eq!(&batch_of(&all.schema(), &message), &part);
            for message in [message, batch_message(&part)] {
                let mut layout = BatchLayout::default();
                layout.read(&message).unwrap();
                let got = Batch { message, layout: &layout, schema: &all.schema() }.into_record_batch().unwrap();
                got.columns().iter().for_each(|column| column.to_data().validate_full().unwrap());
                prop_assert_eq!(&got, &part);
            }
        }
    }

    #[test]
    fn a_batch_of_other_columns_is_refused() {
        let wanted = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
        let mut output = BatchOutput::new(0, "output", wanted).unwrap();
        let error = output.emit(&batch()).unwrap_err().to_string();
        assert!(error.starts_with("port output emits "), "{error}");
    }
}
