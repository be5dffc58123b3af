//! RecordBatch messages, written: a header that is built once for a schema, and numbers filled into it.
//!
//! The metadata of a batch differs from that of the last one in a few numbers only (rows, nulls, offsets and
//! lengths), and always has the same length. The buffer is kept between batches. It knows no Rust types of cells.

use super::flat::{Slot, Writer};
use super::message::span;
use super::{CONTINUATION, HEADER_RECORD_BATCH, Malformed, PREFIX, VERSION, padded};
use arrow_schema::Schema;

/// A batch on its way out.
///
/// [`Message::begin`] sets aside a part of the body whose size is known beforehand; then [`Message::node`] and the
/// buffers of every column follow in the order of the schema, and [`Message::finish`] answers the bytes.
#[derive(Debug)]
pub(crate) struct Message {
    /// Header and body; what lies beyond `used` is left from earlier batches, so that it need not be cleared again.
    bytes: Vec<u8>,
    used: usize,
    body: usize,
    rows_at: usize,
    body_len_at: usize,
    nodes_at: usize,
    buffers_at: usize,
    nodes: usize,
    buffers: usize,
    next_node: usize,
    next_buffer: usize,
}

impl Message {
    /// Builds the header for batches of that schema.
    pub(crate) fn new(schema: &Schema) -> Result<Self, Malformed> {
        // Refuses the types that do not cross the boundary.
        super::encode_schema(schema)?;
        let (mut nodes, mut buffers) = (0, 0);
        for field in schema.fields() {
            let (n, b) = span(field.data_type());
            nodes += n;
            buffers += b;
        }
        let mut w = Writer::new();
        let slots = [Slot::I16(VERSION), Slot::U8(HEADER_RECORD_BATCH), Slot::Reference, Slot::I64(0)];
        let [_, _, header, body_len] = w.table(0, slots);
        let [rows, nodes_ref, buffers_ref] =
            w.table(header, [Slot::I64(0), Slot::Reference, Slot::Reference]);
        let nodes_at = w.vector(nodes_ref, nodes, 16);
        let buffers_at = w.vector(buffers_ref, buffers, 16);
        let metadata = w.finish();
        let mut bytes = CONTINUATION.to_vec();
        bytes.extend((metadata.len() as u32).to_le_bytes());
        bytes.extend(metadata);
        let body = bytes.len();
        Ok(Message {
            bytes,
            used: body,
            body,
            rows_at: PREFIX + rows,
            body_len_at: PREFIX + body_len,
            nodes_at: PREFIX + nodes_at,
            buffers_at: PREFIX + buffers_at,
            nodes,
            buffers,
            next_node: 0,
            next_buffer: 0,
        })
    }

    /// Starts a batch. The first `fixed` bytes of the body may be written through the pointer until the next call
    /// of any method.
    pub(crate) fn begin(&mut self, fixed: usize) -> *mut u8 {
        self.next_node = 0;
        self.next_buffer = 0;
        self.used = self.body;
        self.reserve(padded(fixed));
        self.used += padded(fixed);
        self.bytes[self.body..].as_mut_ptr()
    }

    fn reserve(&mut self, more: usize) {
        let needed = self.used + more;
        if self.bytes.len() < needed {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
    }

    fn put(&mut self, at: usize, value: usize) {
        self.bytes[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
    }

    /// The next column, or child, in the order of the schema: its rows and its nulls.
    pub(crate) fn node(&mut self, rows: usize, nulls: usize) {
        debug_assert!(self.next_node < self.nodes, "more columns than the schema has");
        let at = self.nodes_at + 16 * self.next_node;
        self.put(at, rows);
        self.put(at + 8, nulls);
        self.next_node += 1;
    }

    /// The next buffer is the `len` bytes from `offset` on, within the part that was set aside.
    pub(crate) fn buffer_at(&mut self, offset: usize, len: usize) {
        debug_assert!(self.next_buffer < self.buffers, "more buffers than the schema has");
        let at = self.buffers_at + 16 * self.next_buffer;
        self.put(at, offset);
        self.put(at + 8, len);
        self.next_buffer += 1;
    }

    /// The next buffer is a copy of these bytes.
    pub(crate) fn buffer(&mut self, bytes: &[u8]) {
        let offset = self.used - self.body;
        self.reserve(padded(bytes.len()));
        self.bytes[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += padded(bytes.len());
        self.buffer_at(offset, bytes.len());
    }

    /// The whole message.
    pub(crate) fn finish(&mut self, rows: usize) -> &[u8] {
        debug_assert_eq!(
            (self.next_node, self.next_buffer),
            (self.nodes, self.buffers),
            "columns are missing"
        );
        self.put(self.rows_at, rows);
        self.put(self.body_len_at, self.used - self.body);
        &self.bytes[..self.used]
    }
}
