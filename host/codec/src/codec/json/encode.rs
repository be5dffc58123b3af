//! Rows to JSON objects, row by row into one buffer. What a column is, is looked up once a batch. Knows nothing
//! of where the bytes go.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};

use super::array::{Member, Members, write_object};
use super::manner::Manner;
use super::write::Fixed;
use crate::codec::Encoded;
use crate::codec::chosen::Chosen;
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::problem::code;

/// Rows to JSON objects.
pub struct JsonEncoder {
    chosen: Chosen,
    /// What comes before the value of each column.
    keys: Vec<Fixed>,
    manner: Manner,
    scratch: Vec<u8>,
}

impl JsonEncoder {
    /// An encoder of these columns (`None`: all) of rows of `schema`, or which of them JSON cannot hold.
    pub fn new(columns: Option<&[String]>, schema: &SchemaRef) -> Result<JsonEncoder, String> {
        Chosen::new(columns, schema).and_then(|chosen| JsonEncoder::of(chosen, Manner::default()))
    }

    /// An encoder of chosen columns, which are written in the inner manners.
    pub(crate) fn of(chosen: Chosen, manner: Manner) -> Result<JsonEncoder, String> {
        let mut keys = Vec::new();
        for (position, field) in chosen.fields().enumerate() {
            check(field.data_type(), 0).map_err(|why| format!("{}: {why}", field.name()))?;
            keys.push(Fixed::key(position == 0, field.name()));
        }
        Ok(JsonEncoder { chosen, keys, manner, scratch: Vec::new() })
    }

    /// Encodes all rows of a batch of the schema given, in place of what `out` held. A row that fails has no
    /// bytes.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        out.clear();
        let arrays = match self.chosen.of(rows) {
            Ok(arrays) => arrays,
            Err(why) => return out.refuse_all(rows.num_rows(), code::TYPE_MISMATCH, &why),
        };
        let members: Members = self
            .chosen
            .fields()
            .zip(&self.keys)
            .zip(arrays)
            .enumerate()
            .map(|(i, ((field, key), array))| {
                Member::of(Cow::Borrowed(key), array.as_ref(), field, self.manner.of_inner(i))
            })
            .collect();
        let mut scratch = std::mem::take(&mut self.scratch);
        for row in 0..rows.num_rows() {
            let begin = out.begin_row();
            let outcome = write_object(&members, row, &mut out.bytes, &mut scratch);
            out.end_row(row, begin, outcome);
        }
        self.scratch = scratch;
    }
}

/// Whether JSON can hold a type, or why not.
fn check(data_type: &DataType, depth: usize) -> Result<(), String> {
    if depth > MAX_SCHEMA_DEPTH {
        return Err(format!("nested deeper than {MAX_SCHEMA_DEPTH} levels: flatten the column"));
    }
    match data_type {
        DataType::Struct(fields) => fields.iter().try_for_each(|field| {
            check(field.data_type(), depth + 1).map_err(|why| format!("{}: {why}", field.name()))
        }),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            check(item.data_type(), depth + 1)
        }
        DataType::Dictionary(_, values) => check(values, depth + 1),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if is_text(fields[0].data_type()) => {
                check(fields[1].data_type(), depth + 1)
            }
            _ => Err("the keys of a map in JSON are strings: make the key a string".to_owned()),
        },
        DataType::Union(..)
        | DataType::RunEndEncoded(..)
        | DataType::Interval(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => Err(format!("JSON cannot hold {data_type}: choose another type")),
        _ => Ok(()),
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
