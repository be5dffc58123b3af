//! Rows to Avro values, row by row into one buffer. How a column is written is looked up when the encoder is made.
//! Knows nothing of where the bytes go, nor how a value names its schema.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray};
use arrow::datatypes::{FieldRef, Fields, Schema, SchemaRef};

use super::array::Values;
use super::derive::schema_of;
use super::parse::parse;
use super::target::{Target, target_of};
use crate::codec::Encoded;
use crate::codec::problem::code;
use crate::codec::registered::{RegisteredSchema, SchemaKind};

/// The name of the record that a schema derived from columns is.
pub(super) const ROW: &str = "Row";

/// Rows to Avro values.
pub struct AvroEncoder {
    /// Where each column is among those of the rows.
    indices: Vec<usize>,
    columns: Fields,
    target: Target,
    text: String,
    /// Values stand without their length.
    without_length: bool,
}

impl AvroEncoder {
    /// An encoder of these columns (`None`: all) of rows of `schema`, by the writer's schema or by one derived
    /// from the columns; or every column and field that do not fit each other. Where values are `framed` a registry names
    /// their schema.
    pub fn new(
        columns: Option<&[String]>,
        schema: &SchemaRef,
        writer: Option<&RegisteredSchema>,
        framed: bool,
    ) -> Result<AvroEncoder, String> {
        let indices = indices_of(columns, schema)?;
        let columns: Fields = indices.iter().map(|&index| FieldRef::clone(&schema.fields()[index])).collect();
        let derived = match writer {
            Some(_) => None,
            None => {
                let text = schema_of(&Arc::new(Schema::new(columns.clone())), ROW)?;
                Some(RegisteredSchema::new(SchemaKind::Avro, text))
            }
        };
        let Some(writer) = writer.or(derived.as_ref()) else { return Err("no schema".to_owned()) };
        let types = parse(writer)?;
        let target = target_of(&types, &columns)?;
        let without_length = framed && types.is_bytes();
        Ok(AvroEncoder { indices, columns, target, text: writer.text.clone(), without_length })
    }

    /// The schema that values are written with, as JSON.
    pub fn schema(&self) -> &str {
        &self.text
    }

    /// Encodes all rows of a batch of the schema given, in place of what `out` held. A row that fails has no
    /// bytes.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        out.clear();
        let rows_array = match self.row_array(rows) {
            Ok(array) => array,
            Err(why) => return out.refuse_all(rows.num_rows(), code::TYPE_MISMATCH, &why),
        };
        match Values::of(&self.target, &rows_array) {
            Ok(values) => {
                for row in 0..rows.num_rows() {
                    let begin = out.begin_row();
                    let at = out.bytes.len();
                    let outcome = values.write(row, &mut out.bytes);
                    if self.without_length {
                        // A number goes on while a byte has its first bit.
                        let length = out.bytes[at..].iter().position(|byte| byte & 0x80 == 0);
                        out.bytes.drain(at..at + length.map_or(0, |last| last + 1));
                    }
                    out.end_row(row, begin, outcome);
                }
            }
            Err(why) => out.refuse_all(rows.num_rows(), code::TOO_LARGE, &why.to_string()),
        }
    }

    /// The columns as one array of objects.
    fn row_array(&self, rows: &RecordBatch) -> Result<ArrayRef, String> {
        let mut arrays = Vec::with_capacity(self.indices.len());
        for (&index, wanted) in self.indices.iter().zip(&self.columns) {
            let array = rows.columns().get(index).filter(|array| array.data_type() == wanted.data_type());
            let same_name = rows.schema_ref().fields().get(index).is_some_and(|f| f.name() == wanted.name());
            match array {
                Some(array) if same_name => arrays.push(ArrayRef::clone(array)),
                _ => {
                    return Err(format!(
                        "{}: expected {}, found another schema",
                        wanted.name(),
                        wanted.data_type()
                    ));
                }
            }
        }
        // What may be null is for the schema to say, not for the rows.
        let nullable = self.columns.iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true)));
        StructArray::try_new_with_length(nullable.collect(), arrays, None, rows.num_rows())
            .map(|array| Arc::new(array) as ArrayRef)
            .map_err(|why| why.to_string())
    }
}

/// Where the columns are in a schema.
fn indices_of(columns: Option<&[String]>, schema: &SchemaRef) -> Result<Vec<usize>, String> {
    let Some(names) = columns else { return Ok((0..schema.fields().len()).collect()) };
    let mut indices = Vec::with_capacity(names.len());
    for name in names {
        let index = schema.index_of(name).map_err(|_| {
            let known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            format!("{name}: no such column; there are {}", known.join(", "))
        })?;
        if indices.contains(&index) {
            return Err(format!("{name}: two columns have this name"));
        }
        indices.push(index);
    }
    Ok(indices)
}
