//! Bytes ↔ RecordBatch. Each codec is a variant of [`Decoder`] and [`Encoder`] with a file or folder of its own;
//! what they share is `column` (writers that take back a failed record), `problem` (errors with the path inside
//! the record) and `temporal` (dates and times as text). Knows nothing of connectors, operators or error
//! policies: a record that does not decode is reported, never lost.
//!
//! To add a codec: a variant in `decoder` and `encoder`, a file beside `json` with a [`rows::ReadRecord`], [`Codec`]
//! for its name.

mod arrow_ipc;
pub mod avro;
#[cfg(test)]
mod cases;
mod chosen;
mod column;
pub mod csv;
mod decimal;
mod decoder;
#[cfg(test)]
mod decoder_tests;
mod encoder;
mod framed;
#[cfg(test)]
mod framed_tests;
mod infer;
mod json;
mod json_schema;
mod meta;
mod msgpack;
mod problem;
mod protobuf;
mod registered;
pub mod registry;
mod rows;
mod settings;
mod temporal;
mod text;
#[cfg(test)]
mod tombstone_tests;
#[cfg(test)]
mod trip;
pub mod wire;
mod writers;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

pub use arrow_ipc::conform;
pub use decoder::{Decoder, Unavailable};
pub use encoder::Encoder;
pub use infer::infer;
pub use meta::Meta;
pub use registered::{RegisteredSchema, SchemaKind};
pub use settings::{Codec, Decode, Encode, Framing, Tombstone};

use problem::{Outcome, Problem, code};

/// The columns of a codec's own schema.
///
/// # Errors
/// A schema of another language, one that is none, or one that holds what no column can hold.
pub fn columns(codec: Codec, schema: &RegisteredSchema) -> Result<SchemaRef, String> {
    match codec {
        Codec::JsonSchema => json_schema::columns(schema),
        Codec::Avro => avro::columns(schema),
        Codec::Protobuf => protobuf::columns(schema),
        _ => Err(has_no_schema(codec)),
    }
}

fn has_no_schema(codec: Codec) -> String {
    format!("{} has no schema of its own", codec.name())
}

/// The codec's own schema for these columns, under this name.
///
/// # Errors
/// The column that the codec cannot hold; a codec that has no schema of its own.
pub fn schema_of(codec: Codec, columns: &SchemaRef, name: &str) -> Result<RegisteredSchema, String> {
    match codec {
        Codec::JsonSchema => {
            Ok(RegisteredSchema::new(SchemaKind::Json, json_schema::schema_of(columns, name)))
        }
        Codec::Avro => {
            avro::schema_of(columns, name).map(|text| RegisteredSchema::new(SchemaKind::Avro, text))
        }
        Codec::Protobuf => protobuf::schema_of(columns, name),
        _ => Err(has_no_schema(codec)),
    }
}

/// The name of the record that a schema describes, where it has one: some subjects are named after it.
pub fn record_name(codec: Codec, schema: &RegisteredSchema) -> Option<String> {
    match codec {
        Codec::JsonSchema => json_schema::title(schema),
        Codec::Avro => avro::full_name(schema),
        Codec::Protobuf => protobuf::full_name(schema),
        _ => None,
    }
}

/// A record that did not decode, or a row that did not encode, by its index in the run given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Index of the record (decode) or row (encode).
    pub index: u32,
    /// Short and stable, for counting: `json-syntax`, `type-mismatch`, `missing-column`, `out-of-range`,
    /// `too-large`, `tombstone`, `truncated`, `wrong-magic`, `schema-violation`, …
    pub code: &'static str,
    /// For people: the path inside the record, what was expected, what was found.
    pub message: String,
}

impl RecordError {
    /// Whether the same record may decode later: its schema may still come to the registry. Any other failure is of the
    /// record's bytes, which stay as they are.
    pub fn may_pass(&self) -> bool {
        self.code == code::UNKNOWN_SCHEMA
    }
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
    /// How many of the records these are: all, or the first ones, where they became as much as is decoded at once. The
    /// rest is to be decoded as a run of its own. Never none of some.
    pub taken: usize,
}

impl Decoded {
    /// Leaves the records from this one on to another run.
    fn leave_from(&mut self, record: usize) {
        if record >= self.taken {
            return;
        }
        let rows = match &mut self.records {
            Some(records) => {
                let rows = records.partition_point(|&of| (of as usize) < record);
                records.truncate(rows);
                rows
            }
            None => record,
        };
        self.rows = self.rows.slice(0, rows);
        self.errors.retain(|error| (error.index as usize) < record);
        self.taken = record;
    }
}

/// Encoded rows, back to back. Reused from batch to batch to keep its buffers.
#[derive(Debug, Default)]
pub struct Encoded {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// End of each row's bytes; row `i` is `ends[i - 1] .. ends[i]`. A row that failed has no bytes.
    pub ends: Vec<u32>,
    /// Rows whose record has no value at all (a tombstone), rising. They have no bytes either; a row that is in
    /// neither this nor `errors` and has no bytes has an empty value.
    pub nulls: Vec<u32>,
    /// Rows that did not encode.
    pub errors: Vec<RecordError>,
    /// What every row begins with.
    prefix: Vec<u8>,
}

impl Encoded {
    /// Bytes of row `row`; empty for one that failed.
    pub fn row(&self, row: usize) -> &[u8] {
        let begin = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[begin as usize..self.ends[row] as usize]
    }

    /// Forgets everything but the room.
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.nulls.clear();
        self.errors.clear();
    }

    /// Begins a row; gives where.
    #[inline]
    fn begin_row(&mut self) -> usize {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(&self.prefix);
        begin
    }

    /// The bytes from `begin` on are row `row`, unless it failed.
    #[inline]
    fn end_row(&mut self, row: usize, begin: usize, outcome: Outcome<()>) {
        let end = u32::try_from(self.bytes.len());
        match (outcome, end) {
            (Ok(()), Ok(end)) => self.ends.push(end),
            (outcome, _) => self.refuse_row(row, begin, outcome),
        }
    }

    #[cold]
    fn refuse_row(&mut self, row: usize, begin: usize, outcome: Outcome<()>) {
        self.bytes.truncate(begin);
        self.ends.push(begin as u32);
        let problem = outcome.err().unwrap_or_else(|| {
            Problem::new(code::TOO_LARGE, "the batch is beyond 4 GiB when encoded: use smaller batches")
        });
        self.errors.push(problem.of_record(row as u32));
    }

    /// No row of the batch can be encoded.
    fn refuse_all(&mut self, rows: usize, code: &'static str, why: &str) {
        self.ends.resize(rows, 0);
        self.errors.extend((0..rows).map(|row| Problem::new(code, why).of_record(row as u32)));
    }
}
