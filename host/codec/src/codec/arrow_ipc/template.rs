//! A stream of one row of plain columns with all that differs from row to row left open: in its metadata only the
//! places of buffers, the nulls and the length of the body do. Knows nothing of which rows are sent.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Schema};

use super::ALIGNMENT;
use super::flat::are_plain;
use super::message::Messages;

/// A column's length and nulls, and a buffer's offset and length, in metadata: two numbers of 64 bits.
const ENTRY: usize = 16;
const SECOND: usize = 8;

/// The messages of a stream before the body of its only batch.
pub(super) struct Template {
    bytes: Vec<u8>,
    /// Where the first column's entry is, the first buffer's, and the length of the body.
    nodes: usize,
    buffers: usize,
    body_len: usize,
}

impl Template {
    /// Of a stream of one row of these columns; `None` where they are not all plain.
    pub(super) fn new(schema: &Schema, stream: &[u8]) -> Option<Template> {
        if !are_plain(schema) {
            return None;
        }
        let mut messages = Messages::of(stream);
        messages.next().ok()??;
        let batch = messages.next().ok()??;
        let place = |part: *const u8| (part as usize).checked_sub(stream.as_ptr() as usize);
        let header = batch.message.header_as_record_batch()?;
        let table = batch.message._tab;
        let body_len = usize::from(table.vtable().get(arrow_ipc::Message::VT_BODYLENGTH));
        let body_len = (body_len > 0).then_some(table.loc() + body_len)?;
        Some(Template {
            nodes: place(header.nodes()?.bytes().as_ptr())?,
            buffers: place(header.buffers()?.bytes().as_ptr())?,
            body_len: place(batch.metadata.as_ptr())? + body_len,
            bytes: stream[..batch.body.start].to_vec(),
        })
    }

    /// Appends the stream of a row, without what ends it.
    pub(super) fn row(&self, columns: &[Cells], row: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&self.bytes);
        let mut sent = Sent { body: out.len(), entry: begin + self.buffers, out };
        for (index, column) in columns.iter().enumerate() {
            let null = column.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            sent.put(begin + self.nodes + index * ENTRY + SECOND, usize::from(null));
            sent.buffer(&[u8::from(!null)]);
            column.values.send(row, &mut sent);
        }
        sent.put(begin + self.body_len, sent.out.len() - sent.body);
    }
}

/// A stream of which some buffers are sent.
struct Sent<'a> {
    out: &'a mut Vec<u8>,
    /// Where the body begins.
    body: usize,
    /// Where the entry of the next buffer is.
    entry: usize,
}

impl Sent<'_> {
    fn buffer(&mut self, bytes: &[u8]) {
        self.put(self.entry, self.out.len() - self.body);
        self.put(self.entry + SECOND, bytes.len());
        self.entry += ENTRY;
        self.out.extend_from_slice(bytes);
        let padded = self.body + (self.out.len() - self.body).next_multiple_of(ALIGNMENT);
        self.out.resize(padded, 0);
    }

    fn put(&mut self, at: usize, number: usize) {
        self.out[at..at + size_of::<u64>()].copy_from_slice(&(number as u64).to_le_bytes());
    }
}

/// A column's values, to be sent one by one.
pub(super) struct Cells {
    values: Values,
    nulls: Option<NullBuffer>,
}

enum Values {
    Bits(BooleanBuffer),
    /// Of so many bytes each.
    Fixed(Buffer, usize),
    Small(ScalarBuffer<i32>, Buffer),
    Large(ScalarBuffer<i64>, Buffer),
}

impl Cells {
    /// Of a plain column.
    pub(super) fn new(array: &ArrayRef) -> Cells {
        let data = array.to_data();
        let (at, len) = (data.offset(), data.len());
        let first = &data.buffers()[0];
        let values = match data.data_type() {
            DataType::Boolean => Values::Bits(BooleanBuffer::new(first.clone(), at, len)),
            DataType::Utf8 | DataType::Binary => {
                Values::Small(ScalarBuffer::new(first.clone(), at, len + 1), data.buffers()[1].clone())
            }
            DataType::LargeUtf8 | DataType::LargeBinary => {
                Values::Large(ScalarBuffer::new(first.clone(), at, len + 1), data.buffers()[1].clone())
            }
            DataType::FixedSizeBinary(width) => fixed(first, at, len, *width as usize),
            other => fixed(first, at, len, other.primitive_width().unwrap_or_default()),
        };
        Cells { values, nulls: data.nulls().cloned() }
    }
}

fn fixed(buffer: &Buffer, at: usize, len: usize, width: usize) -> Values {
    Values::Fixed(buffer.slice_with_length(at * width, len * width), width)
}

impl Values {
    #[inline]
    fn send(&self, row: usize, sent: &mut Sent) {
        match self {
            Values::Bits(bits) => sent.buffer(&[u8::from(bits.value(row))]),
            Values::Fixed(values, width) => sent.buffer(&values[row * width..(row + 1) * width]),
            Values::Small(offsets, values) => {
                let value = &values[offsets[row] as usize..offsets[row + 1] as usize];
                // The offsets of one value: 0 and its length, which fits as it did.
                sent.buffer(&((value.len() as u64) << 32).to_le_bytes());
                sent.buffer(value);
            }
            Values::Large(offsets, values) => {
                let value = &values[offsets[row] as usize..offsets[row + 1] as usize];
                sent.buffer(&((value.len() as u128) << 64).to_le_bytes());
                sent.buffer(value);
            }
        }
    }
}
