//! One MessagePack map or array into the columns. Knows nothing of records.

use arrow::datatypes::DataType;

use super::cursor::{Cursor, Head};
use super::value::mismatch;
use crate::codec::column::Struct;
use crate::codec::problem::Outcome;
use crate::codec::rows::ReadRecord;

/// Reads MessagePack maps and arrays.
#[derive(Default)]
pub struct MsgpackReader {
    scratch: Vec<u8>,
}

impl ReadRecord for MsgpackReader {
    fn read(&mut self, value: &[u8], columns: &mut Struct) -> Outcome<()> {
        let allowance = columns.allowance();
        let mut cursor = Cursor { bytes: value, at: 0, scratch: &mut self.scratch, allowance };
        let outcome = match cursor.head()? {
            Head::Map(entries) => cursor.object_of_map(columns, entries),
            Head::Array(items) => cursor.object_of_array(columns, items),
            head => {
                cursor.skip_rest(head)?;
                cursor.end()?;
                return Err(mismatch(head, &DataType::Struct(Default::default())));
            }
        };
        columns.took(&cursor.allowance);
        outcome.and_then(|()| cursor.end())
    }
}
