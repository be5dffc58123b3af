//! Records as a connector read them, back to back in one buffer: what a codec decodes and what a dead letter
//! quotes. Immutable once filled, shared by the rows decoded from it.

use std::ops::Range;
use std::sync::Arc;

/// One record's place in [`RawRecords`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRecord {
    /// Offset in its partition (a line number for files).
    pub offset: i64,
    /// The connector's timestamp, milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// Key bytes, as a range of the buffer.
    pub key: Option<Range<u32>>,
    /// Value bytes, as a range of the buffer; `None` is a tombstone.
    pub value: Option<Range<u32>>,
    /// Headers, as a range of the header table.
    pub headers: Range<u32>,
}

/// A run of records of one partition, in offset order.
#[derive(Clone, Debug)]
pub struct RawRecords {
    /// Topic, or file path, or the source's name.
    pub topic: Arc<str>,
    /// Partition number, 0 where there are none.
    pub partition: i32,
    bytes: Vec<u8>,
    records: Vec<RawRecord>,
    headers: Vec<(Range<u32>, Option<Range<u32>>)>,
}

impl RawRecords {
    /// An empty run with room for `records` records and `bytes` bytes.
    pub fn with_capacity(topic: Arc<str>, partition: i32, records: usize, bytes: usize) -> Self {
        RawRecords {
            topic,
            partition,
            bytes: Vec::with_capacity(bytes),
            records: Vec::with_capacity(records),
            headers: Vec::new(),
        }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes held: keys, values and headers.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether another record of `bytes` bytes fits: ranges are 32 bits wide.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len() + bytes <= u32::MAX as usize
    }

    /// Appends a record. Headers of it follow with [`push_header`](Self::push_header).
    pub fn push(&mut self, offset: i64, timestamp_ms: Option<i64>, key: Option<&[u8]>, value: Option<&[u8]>) {
        let key = key.map(|k| self.append(k));
        let value = value.map(|v| self.append(v));
        let headers = self.headers.len() as u32..self.headers.len() as u32;
        self.records.push(RawRecord { offset, timestamp_ms, key, value, headers });
    }

    /// Appends a header to the last record pushed.
    pub fn push_header(&mut self, name: &str, value: Option<&[u8]>) {
        let name = self.append(name.as_bytes());
        let value = value.map(|v| self.append(v));
        self.headers.push((name, value));
        if let Some(last) = self.records.last_mut() {
            last.headers.end += 1;
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len() as u32
    }

    /// All records, in order.
    pub fn records(&self) -> &[RawRecord] {
        &self.records
    }

    /// Value bytes of record `i`; `None` is a tombstone.
    pub fn value(&self, i: usize) -> Option<&[u8]> {
        self.records[i].value.as_ref().map(|r| &self.bytes[r.start as usize..r.end as usize])
    }

    /// Key bytes of record `i`.
    pub fn key(&self, i: usize) -> Option<&[u8]> {
        self.records[i].key.as_ref().map(|r| &self.bytes[r.start as usize..r.end as usize])
    }

    /// Headers of record `i`: names (lossy where they are not UTF-8) and values.
    pub fn headers(&self, i: usize) -> impl Iterator<Item = (std::borrow::Cow<'_, str>, Option<&[u8]>)> {
        let of = |r: &Range<u32>| &self.bytes[r.start as usize..r.end as usize];
        let range = &self.records[i].headers;
        self.headers[range.start as usize..range.end as usize]
            .iter()
            .map(move |(n, v)| (String::from_utf8_lossy(of(n)), v.as_ref().map(of)))
    }

    /// The offset after the last record.
    pub fn next_offset(&self) -> Option<i64> {
        self.records.last().map(|r| r.offset + 1)
    }
}
