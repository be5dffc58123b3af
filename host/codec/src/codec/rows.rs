//! A run of records to a batch, for every codec whose record is one row. A record that fails takes back what it
//! appended; its neighbours never notice. Knows nothing of formats.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};

use super::column::{Allowance, MAX_RECORD, Struct, size_of_null};
use super::problem::{Outcome, Problem, code};
use super::{Decoded, Tombstone};
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
    /// The columns of the rows.
    schema: SchemaRef,
    /// The columns of values: some that must not be null in a value may be in a row.
    columns: Struct,
    tombstone: Tombstone,
    /// A record without a value is a row.
    tombstone_is_row: bool,
    /// Bytes that such a row takes.
    null_size: usize,
    reader: R,
}

impl<R: ReadRecord> Rows<R> {
    /// Rows of these columns, or which of them has no writer.
    pub(crate) fn new(schema: SchemaRef, reader: R) -> Result<Rows<R>, String> {
        let columns = Struct::new(schema.fields(), 0)?;
        let tombstone = Tombstone::default();
        let tombstone_is_row = tombstone.is_row(&schema);
        let null_size = size_of_null(&DataType::Struct(schema.fields().clone()));
        Ok(Rows { schema, columns, tombstone, tombstone_is_row, null_size, reader })
    }

    /// With this for a record without a value.
    pub(crate) fn with_tombstone(mut self, tombstone: Tombstone) -> Rows<R> {
        self.tombstone_is_row = tombstone.is_row(&self.schema);
        self.schema = tombstone.columns(&self.schema);
        self.tombstone = tombstone;
        self
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
        if !self.tombstone_is_row {
            return Err(no_value(self.tombstone));
        }
        let mut allowance = self.columns.allowance();
        let outcome = take_for_tombstone(&mut allowance, self.null_size);
        self.columns.took(&allowance);
        outcome?;
        self.columns.fields.iter_mut().for_each(|field| field.column.push_null());
        self.columns.end_value();
        Ok(())
    }

    fn finish(&mut self) -> RecordBatch {
        let (columns, rows) = self.columns.finish_columns();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .expect("every column has one value of its type for each row, null only where it may be")
    }
}

#[cold]
pub(crate) fn no_value(tombstone: Tombstone) -> Box<Problem> {
    let why = match tombstone {
        Tombstone::Refuse => ", which `tombstone: refuse` refuses",
        Tombstone::IfNullable | Tombstone::Row => " and not every column may be null",
    };
    let what = format!("the record has no value (a tombstone){why}: set `tombstone: row` in `decode`");
    Problem::new(code::TOMBSTONE, what)
}

/// Takes what a row of nulls takes, before memory is taken for it.
pub(crate) fn take_for_tombstone(allowance: &mut Allowance, bytes: usize) -> Outcome<()> {
    let too_much = || {
        format!(
            "a row of nulls takes {bytes} bytes in these columns, and a record may take {MAX_RECORD}: make those of a \
             fixed size smaller, or set `tombstone: refuse` in `decode`"
        )
    };
    allowance.take(bytes).map_err(|spent| spent.problem(too_much))
}

#[cold]
pub(crate) fn too_long(bytes: usize, most: usize) -> Box<Problem> {
    Problem::new(code::TOO_LARGE, format!("{bytes} bytes; a record may have {most}: split it"))
}
