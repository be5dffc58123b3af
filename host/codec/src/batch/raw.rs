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
        self.add_header(name, value);
    }

    /// Gives the last record pushed the headers of this one before it, whose bytes are kept once.
    pub fn push_headers_of(&mut self, record: usize) {
        let headers = self.records[record].headers.start as usize..self.records[record].headers.end as usize;
        for header in headers {
            let (name, value) = self.headers[header].clone();
            self.add_header(name, value);
        }
    }

    fn add_header(&mut self, name: Range<u32>, value: Option<Range<u32>>) {
        self.headers.push((name, value));
        if let Some(last) = self.records.last_mut() {
            last.headers.end += 1;
        }
    }

    fn bytes_of(&self, range: &Range<u32>) -> &[u8] {
        &self.bytes[range.start as usize..range.end as usize]
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
        self.records[i].value.as_ref().map(|range| self.bytes_of(range))
    }

    /// Key bytes of record `i`.
    pub fn key(&self, i: usize) -> Option<&[u8]> {
        self.records[i].key.as_ref().map(|range| self.bytes_of(range))
    }

    /// Headers of record `i`: names (lossy where they are not UTF-8) and values.
    pub fn headers(&self, i: usize) -> impl Iterator<Item = (std::borrow::Cow<'_, str>, Option<&[u8]>)> {
        let range = &self.records[i].headers;
        self.headers[range.start as usize..range.end as usize].iter().map(|(name, value)| {
            let value = value.as_ref().map(|value| self.bytes_of(value));
            (String::from_utf8_lossy(self.bytes_of(name)), value)
        })
    }

    /// The records from this one on, as a run of their own.
    pub fn rest(&self, from: usize) -> RawRecords {
        let left = self.len() - from;
        let mut rest = RawRecords::with_capacity(Arc::clone(&self.topic), self.partition, left, 0);
        for (index, record) in self.records.iter().enumerate().skip(from) {
            rest.push(record.offset, record.timestamp_ms, self.key(index), self.value(index));
            let headers = record.headers.start as usize..record.headers.end as usize;
            for (name, value) in &self.headers[headers] {
                let name = rest.append(self.bytes_of(name));
                let value = value.as_ref().map(|value| rest.append(self.bytes_of(value)));
                rest.add_header(name, value);
            }
        }
        rest
    }

    /// The offset after the last record.
    pub fn next_offset(&self) -> Option<i64> {
        self.records.last().map(|r| r.offset + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_has_all_that_its_records_had() {
        let mut raw = RawRecords::with_capacity("t".into(), 3, 3, 64);
        raw.push(7, Some(70), Some(b"a"), Some(b"first"));
        raw.push_header("h", Some(b"1"));
        raw.push(9, None, None, None);
        raw.push_header("h", None);
        raw.push_header("g", Some(b"2"));
        raw.push(10, Some(100), Some(b"c"), Some(b"third"));
        for from in 0..=3 {
            let rest = raw.rest(from);
            assert_eq!((rest.len(), &rest.topic, rest.partition), (3 - from, &raw.topic, 3));
            for (index, record) in rest.records().iter().enumerate() {
                let of = &raw.records()[from + index];
                assert_eq!((record.offset, record.timestamp_ms), (of.offset, of.timestamp_ms));
                assert_eq!(
                    (rest.key(index), rest.value(index)),
                    (raw.key(from + index), raw.value(from + index))
                );
                assert!(rest.headers(index).eq(raw.headers(from + index)));
            }
        }
        assert_eq!(raw.rest(2).byte_len(), 6);
    }
}
