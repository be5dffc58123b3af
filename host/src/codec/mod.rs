//! Bytes ↔ RecordBatch. Each codec is a variant of [`Decoder`] and [`Encoder`] with a file of its own. Knows
//! nothing of connectors, operators or error policies: a record that does not decode is reported, never lost.

use arrow::array::RecordBatch;

/// A record that did not decode, by its index in the run given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Index of the record (decode) or row (encode).
    pub index: u32,
    /// Short and stable, for counting: `json-syntax`, `type-mismatch`, `missing-column`.
    pub code: &'static str,
    /// For people: the path inside the record, what was expected, what was found.
    pub message: String,
}

/// What came out of a run of records.
#[derive(Debug)]
pub struct Decoded {
    /// The rows that decoded, in record order.
    pub rows: RecordBatch,
    /// The record of each row, when some record did not give exactly one row; `None` when row `i` is record `i`.
    pub records: Option<Vec<u32>>,
    /// The records that did not decode.
    pub errors: Vec<RecordError>,
}

/// Encoded rows, back to back.
#[derive(Debug, Default)]
pub struct Encoded {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// End of each row's bytes; row `i` is `ends[i - 1] .. ends[i]`. A row that failed has no bytes.
    pub ends: Vec<u32>,
    /// Rows that did not encode.
    pub errors: Vec<RecordError>,
}
