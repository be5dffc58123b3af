//! Rows to JSON objects, row by row into one buffer. What a column is, is looked up once a batch. Knows nothing
//! of where the bytes go.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};

use super::array::{Members, Values, write_object};
use super::write::Fixed;
use crate::codec::Encoded;
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::problem::code;

/// Rows to JSON objects.
pub struct JsonEncoder {
    schema: SchemaRef,
    columns: Vec<(usize, Fixed)>,
    scratch: Vec<u8>,
}

impl JsonEncoder {
    /// An encoder of these columns (`None`: all) of rows of `schema`, or which of them JSON cannot hold.
    pub fn new(columns: Option<&[String]>, schema: &SchemaRef) -> Result<JsonEncoder, String> {
        let indices: Vec<usize> = match columns {
            None => (0..schema.fields().len()).collect(),
            Some(names) => names
                .iter()
                .map(|name| {
                    let known =
                        || schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ");
                    schema
                        .index_of(name)
                        .map_err(|_| format!("{name}: no such column; there are {}", known()))
                })
                .collect::<Result<_, _>>()?,
        };
        let mut keys = Vec::with_capacity(indices.len());
        for (position, &index) in indices.iter().enumerate() {
            let field = schema.field(index);
            if indices[..position].iter().any(|&other| schema.field(other).name() == field.name()) {
                return Err(format!("{}: two columns have this name", field.name()));
            }
            check(field.data_type(), 0).map_err(|why| format!("{}: {why}", field.name()))?;
            keys.push((index, Fixed::key(position == 0, field.name())));
        }
        Ok(JsonEncoder { schema: SchemaRef::clone(schema), columns: keys, scratch: Vec::new() })
    }

    /// Encodes all rows of a batch of the schema given, in place of what `out` held. A row that fails has no
    /// bytes.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        out.clear();
        if let Err(why) = self.check_schema(rows) {
            out.refuse_all(rows.num_rows(), code::TYPE_MISMATCH, &why);
            return;
        }
        let columns: Members = self
            .columns
            .iter()
            .map(|(index, key)| {
                let field = self.schema.field(*index);
                (Cow::Borrowed(key), field.name().as_str(), Values::of(rows.column(*index).as_ref(), field))
            })
            .collect();
        let mut scratch = std::mem::take(&mut self.scratch);
        for row in 0..rows.num_rows() {
            let begin = out.begin_row();
            let outcome = write_object(&columns, row, &mut out.bytes, &mut scratch);
            out.end_row(row, begin, outcome);
        }
        self.scratch = scratch;
    }

    fn check_schema(&self, rows: &RecordBatch) -> Result<(), String> {
        if Arc::ptr_eq(&self.schema, rows.schema_ref()) {
            return Ok(());
        }
        let (expected, found) = (self.schema.fields(), rows.schema_ref().fields());
        for (index, _) in &self.columns {
            let wanted = &expected[*index];
            match found.get(*index) {
                Some(field) if field.name() == wanted.name() && field.data_type() == wanted.data_type() => {}
                _ => {
                    return Err(format!(
                        "{}: expected {}, found another schema",
                        wanted.name(),
                        wanted.data_type()
                    ));
                }
            }
        }
        Ok(())
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
