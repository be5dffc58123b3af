//! A run of records to a batch, for every codec whose record is one row. A record that fails takes back what it
//! appended; its neighbours never notice. Knows nothing of formats.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use super::Decoded;
use super::column::Struct;
use super::problem::{Outcome, Problem, code};
use crate::batch::RawRecords;

/// Longest value of a record that is taken apart, in bytes.
pub(crate) const MAX_RECORD_BYTES: usize = 16 << 20;

/// Reads one value. Implemented by every codec whose record is one row.
pub(crate) trait ReadRecord {
    /// Longest value that is read, in bytes.
    const VALUE_MAX: usize = MAX_RECORD_BYTES;

    /// Appends exactly one row to `columns`, or fails: the caller then takes back what was appended.
    fn read(&mut self, value: &[u8], columns: &mut Struct) -> Outcome<()>;
}

/// Records to rows by a reader of values.
pub(crate) struct Rows<R> {
    schema: SchemaRef,
    columns: Struct,
    /// Every column may be null, so a record without a value is a row.
    all_nullable: bool,
    reader: R,
}

impl<R: ReadRecord> Rows<R> {
    /// Rows of these columns, or which of them has no writer.
    pub(crate) fn new(schema: SchemaRef, reader: R) -> Result<Rows<R>, String> {
        let columns = Struct::new(schema.fields(), 0)?;
        let all_nullable = schema.fields().iter().all(|field| field.is_nullable());
        Ok(Rows { schema, columns, all_nullable, reader })
    }

    /// Decodes the first records of a run, as many as it may take; `value` gives the bytes to read, or why there are none to read.
    pub(crate) fn decode_with<'a>(
        &mut self,
        raw: &'a RawRecords,
        mut value: impl FnMut(&mut R, usize, &'a [u8]) -> Outcome<&'a [u8]>,
    ) -> Decoded {
        let mut records: Option<Vec<u32>> = None;
        let (mut errors, mut taken) = (Vec::new(), raw.len());
        for index in 0..raw.len() {
            let row = self.columns.len();
            let outcome = match raw.value(index) {
                None => self.tombstone(),
                Some(bytes) if bytes.len() > R::VALUE_MAX => Err(too_long(bytes.len(), R::VALUE_MAX)),
                Some(bytes) => value(&mut self.reader, index, bytes)
                    .and_then(|bytes| self.reader.read(bytes, &mut self.columns)),
            };
            match outcome {
                Ok(()) => {
                    debug_assert_eq!(self.columns.len(), row + 1, "a record is one row");
                    if let Some(records) = &mut records {
                        records.push(index as u32);
                    }
                }
                Err(problem) if problem.is_of_the_run() => {
                    self.columns.truncate(row);
                    taken = index;
                    break;
                }
                Err(problem) => {
                    self.columns.truncate(row);
                    // Until the first error row `i` is record `i`.
                    records.get_or_insert_with(|| (0..index as u32).collect());
                    errors.push(problem.of_record(index as u32));
                }
            }
        }
        Decoded { rows: self.finish(), records, errors, taken }
    }

    /// Decodes a run of records that are values and nothing else.
    pub(crate) fn decode(&mut self, raw: &RawRecords) -> Decoded {
        self.decode_with(raw, |_, _, bytes| Ok(bytes))
    }

    /// Runs end where their records took so many bytes.
    #[cfg(test)]
    pub(crate) fn limit_runs(&mut self, bytes: usize) {
        self.columns.limit_runs(bytes);
    }

    fn tombstone(&mut self) -> Outcome<()> {
        if self.all_nullable {
            self.columns.fields.iter_mut().for_each(|field| field.column.push_null());
            self.columns.end_value();
            return Ok(());
        }
        Err(no_value())
    }

    fn finish(&mut self) -> RecordBatch {
        let (columns, rows) = self.columns.finish_columns();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .expect("every column has one value of its type for each row, null only where it may be")
    }
}

#[cold]
pub(crate) fn no_value() -> Box<Problem> {
    let what = "the record has no value (a tombstone) and not every column may be null";
    Problem::new(code::TOMBSTONE, what)
}

#[cold]
pub(crate) fn too_long(bytes: usize, most: usize) -> Box<Problem> {
    Problem::new(code::TOO_LARGE, format!("{bytes} bytes; a record may have {most}: split it"))
}
