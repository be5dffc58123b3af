//! A run of records to a batch. A record that fails takes back what it appended; its neighbours never notice.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, SchemaRef};

use super::MAX_RECORD_BYTES;
use super::cursor::Cursor;
use crate::batch::RawRecords;
use crate::codec::Decoded;
use crate::codec::column::Struct;
use crate::codec::problem::{Outcome, Problem, code};

/// JSON objects to rows.
pub struct JsonDecoder {
    schema: SchemaRef,
    columns: Struct,
    /// Every column may be null, so a record without a value is a row.
    all_nullable: bool,
    scratch: Vec<u8>,
}

impl JsonDecoder {
    /// A decoder into these columns, or which of them JSON cannot fill.
    pub fn new(schema: SchemaRef) -> Result<JsonDecoder, String> {
        let columns = Struct::new(schema.fields(), 0)?;
        for field in schema.fields() {
            check_map_keys(field).map_err(|why| format!("{}: {why}", field.name()))?;
        }
        let all_nullable = schema.fields().iter().all(|field| field.is_nullable());
        Ok(JsonDecoder { schema, columns, all_nullable, scratch: Vec::new() })
    }

    /// Decodes a run of records.
    pub fn decode(&mut self, raw: &RawRecords) -> Decoded {
        let mut records: Option<Vec<u32>> = None;
        let mut errors = Vec::new();
        for index in 0..raw.len() {
            let row = self.columns.len();
            match self.record(raw.value(index)) {
                Ok(()) => {
                    if let Some(records) = &mut records {
                        records.push(index as u32);
                    }
                }
                Err(problem) => {
                    self.columns.truncate(row);
                    // Until the first error row `i` is record `i`.
                    records.get_or_insert_with(|| (0..index as u32).collect());
                    errors.push(problem.of_record(index as u32));
                }
            }
        }
        Decoded { rows: self.finish(), records, errors }
    }

    fn record(&mut self, value: Option<&[u8]>) -> Outcome<()> {
        let Some(text) = value else { return self.tombstone() };
        if text.len() > MAX_RECORD_BYTES {
            let what = format!("{} bytes; a record may have {MAX_RECORD_BYTES}: split it", text.len());
            return Err(Problem::new(code::TOO_LARGE, what));
        }
        let mut cursor = Cursor { text, at: 0, scratch: &mut self.scratch };
        if cursor.next_token() != b'{' {
            return Err(not_an_object(&mut cursor));
        }
        cursor.object(&mut self.columns)?;
        cursor.end()
    }

    fn tombstone(&mut self) -> Outcome<()> {
        if self.all_nullable {
            self.columns.fields.iter_mut().for_each(|field| field.column.push_null());
            self.columns.end_value();
            return Ok(());
        }
        let what = "the record has no value (a tombstone) and not every column may be null";
        Err(Problem::new(code::TOMBSTONE, what))
    }

    fn finish(&mut self) -> RecordBatch {
        let (columns, rows) = self.columns.finish_columns();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .expect("every column has one value of its type for each row, null only where it may be")
    }
}

#[cold]
fn not_an_object(cursor: &mut Cursor) -> Box<Problem> {
    let skipped = cursor.skip_mismatch(&DataType::Struct(Default::default()));
    match skipped.and_then(|mismatch| cursor.end().map(|()| mismatch)) {
        Ok(problem) | Err(problem) => problem,
    }
}

fn check_map_keys(field: &Field) -> Result<(), String> {
    match field.data_type() {
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { return Ok(()) };
            match fields.first().map(|key| key.data_type()) {
                Some(DataType::Utf8 | DataType::LargeUtf8) => {
                    fields.iter().try_for_each(|f| check_map_keys(f))
                }
                _ => Err("the keys of a map in JSON are strings: declare the key as string".to_owned()),
            }
        }
        DataType::Struct(fields) => fields.iter().try_for_each(|f| check_map_keys(f)),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            check_map_keys(item)
        }
        _ => Ok(()),
    }
}
