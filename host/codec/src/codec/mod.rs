//! Bytes ↔ RecordBatch. Each codec is a variant of [`Decoder`] and [`Encoder`] with a file or folder of its own;
//! what they share is `column` (writers that take back a failed record), `problem` (errors with the path inside
//! the record) and `temporal` (dates and times as text). Knows nothing of connectors, operators or error
//! policies: a record that does not decode is reported, never lost.
//!
//! To add a codec: a variant here, a file beside `json` with a [`rows::ReadRecord`], [`Codec`] for its name.

pub mod avro;
#[cfg(test)]
mod cases;
mod column;
mod json;
mod problem;
mod registered;
mod rows;
mod settings;
mod temporal;
#[cfg(test)]
mod trip;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

pub use registered::{RegisteredSchema, SchemaKind};
pub use settings::{Codec, Decode, Encode, Framing};

use crate::batch::RawRecords;
use problem::{Outcome, Problem, code};
use rows::Rows;

/// A record that did not decode, or a row that did not encode, by its index in the run given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Index of the record (decode) or row (encode).
    pub index: u32,
    /// Short and stable, for counting: `json-syntax`, `avro-syntax`, `type-mismatch`, `missing-column`, `out-of-range`,
    /// `too-large`, `tombstone`.
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

/// Encoded rows, back to back. Reused from batch to batch to keep its buffers.
#[derive(Debug, Default)]
pub struct Encoded {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// End of each row's bytes; row `i` is `ends[i - 1] .. ends[i]`. A row that failed has no bytes.
    pub ends: Vec<u32>,
    /// Rows that did not encode.
    pub errors: Vec<RecordError>,
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
        self.errors.clear();
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

/// Bytes to rows.
pub struct Decoder(Decoding);

enum Decoding {
    Json(Rows<json::JsonReader>),
    Avro(Rows<avro::AvroReader>),
}

impl Decoder {
    /// A decoder, or why there can be none: names the column at fault.
    pub fn new(settings: &Decode) -> Result<Decoder, String> {
        let schema = SchemaRef::clone(&settings.schema);
        match settings.codec {
            Codec::Json => {
                let reader = json::JsonReader::new(&schema)?;
                Rows::new(schema, reader).map(Decoding::Json)
            }
            Codec::Avro if settings.framing == Framing::None => {
                let reader = match &settings.reader {
                    Some(reader) => avro::AvroReader::new(reader, &schema)?,
                    None => avro::AvroReader::of_columns(&schema)?,
                };
                Rows::new(schema, reader).map(Decoding::Avro)
            }
            other => Err(format!("the codec {} is not there yet", other.name())),
        }
        .map(Decoder)
    }

    /// Decodes a run of records. Records that fail are among the errors of the answer, which never fails as a
    /// whole; it has as many rows and errors together as there were records.
    pub fn decode(&mut self, raw: &RawRecords) -> Decoded {
        match &mut self.0 {
            Decoding::Json(rows) => rows.decode(raw),
            Decoding::Avro(rows) => rows.decode(raw),
        }
    }
}

/// Rows to bytes.
pub struct Encoder(Encoding);

enum Encoding {
    Json(json::JsonEncoder),
    Avro(avro::AvroEncoder),
}

impl Encoder {
    /// An encoder of rows of this schema, or why there can be none: names the column at fault.
    pub fn new(settings: &Encode, schema: &SchemaRef) -> Result<Encoder, String> {
        match settings.codec {
            Codec::Json => json::JsonEncoder::new(settings.columns.as_deref(), schema).map(Encoding::Json),
            Codec::Avro => {
                avro::AvroEncoder::new(settings.columns.as_deref(), schema, settings.writer.as_deref())
                    .map(Encoding::Avro)
            }
            other => Err(format!("the codec {} is not there yet", other.name())),
        }
        .map(Encoder)
    }

    /// Encodes all rows of a batch. What `out` held before is replaced; its buffers are reused. Rows that fail
    /// have no bytes and are among its errors.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        match &mut self.0 {
            Encoding::Json(encoder) => encoder.encode(rows, out),
            Encoding::Avro(encoder) => encoder.encode(rows, out),
        }
    }
}
