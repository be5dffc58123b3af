//! Rows to MessagePack maps or arrays, row by row into one buffer. What a column is, is looked up once a batch.
//! Knows nothing of where the bytes go.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, SchemaRef};

use super::array::Members;
use crate::codec::Encoded;
use crate::codec::chosen::Chosen;
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::problem::code;

/// Rows to MessagePack maps or arrays.
pub struct MsgpackEncoder {
    chosen: Chosen,
    /// Objects are arrays of their values.
    arrays: bool,
}

impl MsgpackEncoder {
    /// An encoder of these columns (`None`: all) of rows of `schema`, objects as maps or as `arrays`, or which of
    /// the columns MessagePack cannot hold.
    pub fn new(
        columns: Option<&[String]>,
        schema: &SchemaRef,
        arrays: bool,
    ) -> Result<MsgpackEncoder, String> {
        let chosen = Chosen::new(columns, schema)?;
        chosen.fields().try_for_each(|field| check(field, 0))?;
        Ok(MsgpackEncoder { chosen, arrays })
    }

    /// Encodes all rows of a batch of the schema given, in place of what `out` held. A row that fails has no
    /// bytes.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        out.clear();
        let arrays = match self.chosen.of(rows) {
            Ok(arrays) => arrays,
            Err(why) => return out.refuse_all(rows.num_rows(), code::TYPE_MISMATCH, &why),
        };
        let columns = self.chosen.fields().zip(arrays.iter().map(|array| array.as_ref()));
        let members = Members::of(columns, self.arrays);
        let mut scratch = Vec::new();
        for row in 0..rows.num_rows() {
            let begin = out.begin_row();
            members.write(row, &mut out.bytes, &mut scratch);
            out.end_row(row, begin, Ok(()));
        }
    }
}

/// Whether MessagePack can hold a column, or why not.
fn check(field: &Field, depth: usize) -> Result<(), String> {
    check_type(field.data_type(), depth).map_err(|why| format!("{}: {why}", field.name()))
}

fn check_type(data_type: &DataType, depth: usize) -> Result<(), String> {
    if depth > MAX_SCHEMA_DEPTH {
        return Err(format!("nested deeper than {MAX_SCHEMA_DEPTH} levels: flatten the column"));
    }
    match data_type {
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check(field, depth + 1)),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            check_type(item.data_type(), depth + 1)
        }
        DataType::Map(entries, _) => check_type(entries.data_type(), depth + 1),
        DataType::Dictionary(_, values) => check_type(values, depth + 1),
        DataType::Union(..)
        | DataType::RunEndEncoded(..)
        | DataType::Interval(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => {
            Err(format!("MessagePack cannot hold {data_type}: choose another type"))
        }
        _ => Ok(()),
    }
}
