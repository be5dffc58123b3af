//! One JSON object into the columns. Knows nothing of records.

use arrow::datatypes::{DataType, Field, Schema};

use super::cursor::Cursor;
use super::filler::Filler;
use crate::codec::column::Struct;
use crate::codec::problem::{Outcome, Problem};
use crate::codec::rows::ReadRecord;

/// Reads JSON objects.
pub struct JsonReader {
    scratch: Vec<u8>,
}

impl JsonReader {
    /// A reader into these columns, or which of them JSON cannot fill.
    pub(crate) fn new(schema: &Schema) -> Result<JsonReader, String> {
        for field in schema.fields() {
            check_map_keys(field).map_err(|why| format!("{}: {why}", field.name()))?;
        }
        Ok(JsonReader { scratch: Vec::new() })
    }
}

impl ReadRecord for JsonReader {
    fn read(&mut self, text: &[u8], columns: &mut Struct) -> Outcome<()> {
        let cursor = Cursor { text, at: 0, scratch: &mut self.scratch };
        let mut filler = Filler { cursor, allowance: columns.allowance() };
        if filler.next_token() != b'{' {
            return Err(not_an_object(&mut filler));
        }
        let outcome = filler.object(columns);
        columns.took(&filler.allowance);
        outcome.and_then(|()| filler.end())
    }
}

#[cold]
fn not_an_object(filler: &mut Filler) -> Box<Problem> {
    let skipped = filler.skip_mismatch(&DataType::Struct(Default::default()));
    match skipped.and_then(|mismatch| filler.end().map(|()| mismatch)) {
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
