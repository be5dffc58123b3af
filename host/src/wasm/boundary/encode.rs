//! Record batches outwards: the columns that a guest asked for, written as one message into a buffer that is kept
//! between calls. The header is built once for the schema; a call only fills numbers into it.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, GenericByteArray, OffsetSizeTrait, RecordBatch,
};
use arrow::buffer::{BooleanBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{ByteArrayType, DataType, Schema, ToByteSlice};
use arrow::downcast_primitive_array;

use super::layout::counts;
use super::{CONTINUATION, PREFIX};

// Where the numbers are, counted from the start of the message. The metadata is laid out by hand, always the same:
// the root's place, the tables Message and RecordBatch each after its vtable, then the vectors of nodes and buffers.
const BODY_LEN_AT: usize = PREFIX + 24;
const ROWS_AT: usize = PREFIX + 56;
const NODES_AT: usize = PREFIX + 72;

/// Buffers larger than this are given back when they were not needed.
const KEEP_BYTES: usize = 256 << 10;

/// Writes batches of one schema.
#[derive(Debug)]
pub(in crate::wasm) struct Encoder {
    columns: Vec<Column>,
    nodes: usize,
    header_len: usize,
    message: Arc<Vec<u8>>,
}

/// A column of the batches and, where it is sent as something else, what.
#[derive(Debug)]
struct Column {
    index: usize,
    cast: Option<DataType>,
}

impl Encoder {
    /// Sends the columns of `input` at `indices` as the columns of `plain`.
    pub(in crate::wasm) fn new(input: &Schema, indices: &[usize], plain: &Schema) -> Self {
        let column = |(&index, to): (&usize, &arrow::datatypes::FieldRef)| Column {
            index,
            cast: (input.field(index).data_type() != to.data_type()).then(|| to.data_type().clone()),
        };
        let columns = indices.iter().zip(plain.fields()).map(column).collect();
        let (nodes, buffers) = counts(plain);
        let header = header(nodes, buffers);
        Encoder { columns, nodes, header_len: header.len(), message: Arc::new(header) }
    }

    /// The message for these rows. The error is a column that cannot be written in its plain type.
    pub(in crate::wasm) fn encode(&mut self, rows: &RecordBatch) -> Result<Arc<Vec<u8>>, String> {
        // Nobody shares the buffer now: the last message went to a guest, which has its own copy.
        let message = Arc::make_mut(&mut self.message);
        let used = message.len();
        message.truncate(self.header_len);
        if message.capacity() > KEEP_BYTES && used < message.capacity() / 4 {
            message.shrink_to(KEEP_BYTES.max(used));
        }
        let buffer_at = NODES_AT + 16 * self.nodes + 8;
        let mut writer = Writer { message, header_len: self.header_len, node_at: NODES_AT, buffer_at };
        for column in &self.columns {
            let array = rows.column(column.index);
            match &column.cast {
                None => writer.array(array)?,
                Some(to) => writer.array(&cast(array, to).map_err(|e| e.to_string())?)?,
            }
        }
        let body_len = message.len() - self.header_len;
        put(message, BODY_LEN_AT, body_len);
        put(message, ROWS_AT, rows.num_rows());
        Ok(Arc::clone(&self.message))
    }
}

fn put(message: &mut [u8], at: usize, number: usize) {
    message[at..at + 8].copy_from_slice(&(number as u64).to_le_bytes());
}

/// A message without a body and with zeros for numbers.
fn header(nodes: usize, buffers: usize) -> Vec<u8> {
    let buffers_at = 72 + 16 * nodes + 8;
    let end = buffers_at + 16 * buffers;
    let mut h = Vec::with_capacity(PREFIX + end);
    h.extend(CONTINUATION);
    h.extend((end as u32).to_le_bytes());
    let u16s = |h: &mut Vec<u8>, numbers: &[u16]| numbers.iter().for_each(|n| h.extend(n.to_le_bytes()));
    let u32s = |h: &mut Vec<u8>, numbers: &[u32]| numbers.iter().for_each(|n| h.extend(n.to_le_bytes()));
    // 0: the place of the Message.
    u32s(&mut h, &[16]);
    // 4: its vtable: its own size, the table's, then version, header_type, header and bodyLength in the table.
    u16s(&mut h, &[12, 20, 16, 18, 4, 8]);
    // 16: the table: back to the vtable, header (from here to 48), bodyLength, version 5 (which is 4), RecordBatch (3).
    u32s(&mut h, &[12, 28, 0, 0]);
    u16s(&mut h, &[4, 3]);
    // 36: the vtable of the RecordBatch: length, nodes, buffers; then padding.
    u16s(&mut h, &[10, 20, 8, 4, 16, 0]);
    // 48: the table: back, nodes (from 52 to 68), length, buffers (from 64).
    u32s(&mut h, &[12, 16, 0, 0, (buffers_at - 4 - 64) as u32]);
    // 68: the nodes; after them the buffers, whose count is padded so that they start at a multiple of 8.
    u32s(&mut h, &[nodes as u32]);
    h.resize(PREFIX + buffers_at - 4, 0);
    u32s(&mut h, &[buffers as u32]);
    h.resize(PREFIX + end, 0);
    h
}

/// A message on its way.
struct Writer<'a> {
    message: &'a mut Vec<u8>,
    header_len: usize,
    node_at: usize,
    buffer_at: usize,
}

impl Writer<'_> {
    fn node(&mut self, len: usize, nulls: usize) {
        put(self.message, self.node_at, len);
        put(self.message, self.node_at + 8, nulls);
        self.node_at += 16;
    }

    /// Notes a buffer that begins at `start` and ends where the message does, and pads it.
    fn end_buffer(&mut self, start: usize) {
        let len = self.message.len() - start;
        put(self.message, self.buffer_at, start - self.header_len);
        put(self.message, self.buffer_at + 8, len);
        self.buffer_at += 16;
        self.message.resize(start + len.next_multiple_of(8), 0);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let start = self.message.len();
        self.message.extend_from_slice(bytes);
        self.end_buffer(start);
    }

    fn bits(&mut self, bits: &BooleanBuffer) {
        if bits.offset().is_multiple_of(8) {
            let start = bits.offset() / 8;
            self.bytes(&bits.values()[start..start + bits.len().div_ceil(8)]);
        } else {
            self.bytes(bits.sliced().as_slice());
        }
    }

    /// The node of a column, and its validity: an empty buffer where nothing is null.
    fn node_and_nulls(&mut self, array: &dyn Array) {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        self.node(array.len(), nulls.map_or(0, |nulls| nulls.null_count()));
        match nulls {
            Some(nulls) => self.bits(nulls.inner()),
            None => self.bytes(&[]),
        }
    }

    /// Offsets that start at zero; answers the range of the children they speak of.
    fn offsets<O: OffsetSizeTrait>(&mut self, offsets: &OffsetBuffer<O>) -> (usize, usize) {
        let first = offsets[0];
        let last = offsets[offsets.len() - 1];
        if first == O::usize_as(0) {
            self.bytes(offsets.inner().inner().as_slice());
        } else {
            let start = self.message.len();
            for &offset in offsets.iter() {
                let rebased = offset - first;
                self.message.extend_from_slice(rebased.to_byte_slice());
            }
            self.end_buffer(start);
        }
        (first.as_usize(), last.as_usize())
    }

    fn strings<T: ByteArrayType>(&mut self, array: &GenericByteArray<T>) {
        self.node_and_nulls(array);
        let (first, last) = self.offsets(array.offsets());
        self.bytes(&array.values().as_slice()[first..last]);
    }

    fn fixed(&mut self, array: &FixedSizeBinaryArray) {
        self.node_and_nulls(array);
        let width = array.value_length() as usize;
        self.bytes(&array.value_data()[..array.len() * width]);
    }

    fn array(&mut self, array: &ArrayRef) -> Result<(), String> {
        let array: &dyn Array = array.as_ref();
        downcast_primitive_array!(
            array => {
                self.node_and_nulls(array);
                self.bytes(array.values().inner().as_slice());
            },
            DataType::Null => self.node(array.len(), array.len()),
            DataType::Boolean => {
                self.node_and_nulls(array);
                self.bits(array.as_boolean().values());
            }
            DataType::Utf8 => self.strings(array.as_string::<i32>()),
            DataType::LargeUtf8 => self.strings(array.as_string::<i64>()),
            DataType::Binary => self.strings(array.as_binary::<i32>()),
            DataType::LargeBinary => self.strings(array.as_binary::<i64>()),
            DataType::FixedSizeBinary(_) => self.fixed(array.as_fixed_size_binary()),
            DataType::List(_) => {
                self.node_and_nulls(array);
                let list = array.as_list::<i32>();
                let (first, last) = self.offsets(list.offsets());
                self.array(&list.values().slice(first, last - first))?;
            }
            DataType::FixedSizeList(_, size) => {
                self.node_and_nulls(array);
                let items = array.as_fixed_size_list().values();
                self.array(&items.slice(0, array.len() * *size as usize))?;
            }
            DataType::Map(_, _) => {
                self.node_and_nulls(array);
                let map = array.as_map();
                let (first, last) = self.offsets(map.offsets());
                let entries: ArrayRef = Arc::new(map.entries().slice(first, last - first));
                self.array(&entries)?;
            }
            DataType::Struct(_) => {
                self.node_and_nulls(array);
                for column in array.as_struct().columns() {
                    self.array(column)?;
                }
            }
            other => return Err(format!("a column of type {other} cannot be sent to a component")),
        );
        Ok(())
    }
}
