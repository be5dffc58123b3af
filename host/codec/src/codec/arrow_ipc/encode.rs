//! Rows to Arrow IPC: a stream of one row each, so that each row can be a record of its own. What is the same for
//! all is written once. Knows nothing of where the bytes go.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{
    DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, write_message,
};

use super::ALIGNMENT;
use super::template::{Cells, Template};
use crate::codec::Encoded;
use crate::codec::chosen::Chosen;
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::problem::{Outcome, Problem, code};

/// What ends a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Rows to Arrow IPC streams.
pub struct ArrowEncoder {
    chosen: Chosen,
    /// The columns as they are sent.
    schema: SchemaRef,
    /// The schema message, with which every stream begins.
    head: Vec<u8>,
    options: IpcWriteOptions,
    context: IpcWriteContext,
    /// The short way of plain columns.
    pub(super) template: Option<Template>,
}

impl ArrowEncoder {
    /// An encoder of these columns (`None`: all) of rows of `schema`, or which of them cannot be sent.
    pub fn new(columns: Option<&[String]>, schema: &SchemaRef) -> Result<ArrowEncoder, String> {
        let chosen = Chosen::new(columns, schema)?;
        let plain = chosen.fields().map(|field| plain_field(field, 0)).collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(Schema::new(plain));
        let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5);
        let options = options.map_err(|why| why.to_string())?;
        let mut tracker = DictionaryTracker::new(true);
        let message = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
            &schema,
            &mut tracker,
            &options,
        );
        let mut head = Vec::new();
        write_message(&mut head, message, &options).map_err(|why| why.to_string())?;
        let mut context = IpcWriteContext::default();
        context.set_reserve_scratch(true);
        let mut encoder = ArrowEncoder { chosen, schema, head, options, context, template: None };
        let columns =
            encoder.schema.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
        encoder.template = encoder.sample(columns).and_then(|stream| Template::new(&encoder.schema, &stream));
        Ok(encoder)
    }

    /// A stream of a row.
    fn sample(&mut self, columns: Vec<ArrayRef>) -> Option<Vec<u8>> {
        let fields = self.schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let row = RecordBatch::try_new_with_options(schema, columns, &options).ok()?;
        let mut stream = Vec::new();
        self.row(&row, &mut stream).ok().map(|()| stream)
    }

    /// Encodes all rows of a batch of the schema given, in place of what `out` held. A row that fails has no
    /// bytes.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        out.clear();
        let plain = match self.plain(rows) {
            Ok(plain) => plain,
            Err(why) => return out.refuse_all(rows.num_rows(), code::TYPE_MISMATCH, &why),
        };
        if let Some(template) = &self.template {
            let columns: Vec<Cells> = plain.columns().iter().map(Cells::new).collect();
            for row in 0..rows.num_rows() {
                let begin = out.begin_row();
                template.row(&columns, row, &mut out.bytes);
                out.bytes.extend_from_slice(&END);
                out.end_row(row, begin, Ok(()));
            }
            return;
        }
        for row in 0..rows.num_rows() {
            let begin = out.begin_row();
            let outcome = self.row(&plain.slice(row, 1), &mut out.bytes);
            out.end_row(row, begin, outcome);
        }
    }

    fn plain(&self, rows: &RecordBatch) -> Result<RecordBatch, String> {
        let arrays = self.chosen.of(rows)?;
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let cast = |(array, field): (&ArrayRef, &FieldRef)| match array.data_type() == field.data_type() {
            true => Ok(Arc::clone(array)),
            false => cast_with_options(array, field.data_type(), &options)
                .map_err(|why| format!("{}: {why}", field.name())),
        };
        let columns =
            arrays.into_iter().zip(self.schema.fields()).map(cast).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|why| why.to_string())
    }

    fn row(&mut self, row: &RecordBatch, out: &mut Vec<u8>) -> Outcome<()> {
        let mut tracker = DictionaryTracker::new(true);
        out.extend_from_slice(&self.head);
        // Plain columns have no dictionaries.
        let (_, batch) = IpcDataGenerator::default()
            .encode(row, &mut tracker, &self.options, &mut self.context)
            .map_err(refused)?;
        write_message(&mut *out, batch, &self.options).map_err(refused)?;
        out.extend_from_slice(&END);
        Ok(())
    }
}

#[cold]
fn refused(why: ArrowError) -> Box<Problem> {
    Problem::new(code::TYPE_MISMATCH, why.to_string())
}

/// The column without dictionaries, runs and views: a dictionary would be sent whole with every row.
fn plain_field(field: &Field, depth: usize) -> Result<FieldRef, String> {
    let data_type = plain(field.data_type(), depth).map_err(|why| format!("{}: {why}", field.name()))?;
    Ok(Arc::new(field.clone().with_data_type(data_type)))
}

fn plain(data_type: &DataType, depth: usize) -> Result<DataType, String> {
    if depth > MAX_SCHEMA_DEPTH {
        return Err(format!("nested deeper than {MAX_SCHEMA_DEPTH} levels: flatten the column"));
    }
    let inner = |field: &FieldRef| plain_field(field, depth + 1);
    Ok(match data_type {
        DataType::Dictionary(_, values) => plain(values, depth + 1)?,
        DataType::RunEndEncoded(_, values) => plain(values.data_type(), depth + 1)?,
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) | DataType::ListView(item) => DataType::List(inner(item)?),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(inner(item)?),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(inner(item)?, *size),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries)?, *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect::<Result<_, _>>()?),
        DataType::Union(..) => return Err("unions are not sent: choose another type".to_owned()),
        other => other.clone(),
    })
}
