//! Batches to messages, row by row into one buffer. Knows nothing of where the bytes go.

use std::borrow::Cow;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::Descriptor;
use super::frame::written;
use super::json_wire::JsonWriter;
use super::outline::Message;
use super::proto::schema_of;
use super::values::{Values, plain};
use super::write::Writer;
use crate::codec::Encoded;
use crate::codec::chosen::Chosen;
use crate::codec::problem::code;
use crate::codec::registered::RegisteredSchema;

/// The message of a schema that is derived from columns here.
const DERIVED: &str = "Record";

/// Rows to messages.
pub struct ProtobufEncoder {
    chosen: Chosen,
    /// What each column is cast to before it is written, where it is.
    plain: Vec<Option<DataType>>,
    message: Message,
    /// Message indexes, where messages are framed.
    indexes: Vec<u8>,
    json: JsonWriter,
}

impl ProtobufEncoder {
    /// An encoder of these columns (`None`: all) of rows of `schema` into the message of `writer` (`None`: one
    /// that is derived from the columns), or which column it cannot hold. `framed`: a registry's id and message
    /// indexes go with each message.
    pub fn new(
        columns: Option<&[String]>,
        schema: &SchemaRef,
        writer: Option<&RegisteredSchema>,
        framed: bool,
    ) -> Result<ProtobufEncoder, String> {
        let chosen = Chosen::new(columns, schema)?;
        let fields: Vec<&Field> = chosen.fields().collect();
        let descriptor = match writer {
            Some(writer) => Descriptor::new(writer)?,
            None => {
                let fields: Vec<Field> = fields.iter().map(|field| (*field).clone()).collect();
                Descriptor::new(&schema_of(&Schema::new(fields), DERIVED)?)?
            }
        };
        let message = Message::new(descriptor.message(), &fields, 0)?;
        let indexes = if framed { written(&descriptor.message_indexes()?) } else { Vec::new() };
        let plain = fields.iter().map(|field| {
            let plain = plain(field.data_type());
            (plain != *field.data_type()).then_some(plain)
        });
        Ok(ProtobufEncoder { plain: plain.collect(), chosen, message, indexes, json: JsonWriter::default() })
    }

    /// Confluent's message indexes, as they follow the schema's id; none where messages are not framed.
    pub fn indexes(&self) -> &[u8] {
        &self.indexes
    }

    /// Encodes all rows of a batch of the schema given, in place of what `out` held. A row that fails has no
    /// bytes.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        out.clear();
        let arrays = match self.arrays(rows) {
            Ok(arrays) => arrays,
            Err(why) => return out.refuse_all(rows.num_rows(), code::TYPE_MISMATCH, &why),
        };
        let columns: Option<Vec<Values>> = arrays.iter().map(|array| Values::of(array.as_ref())).collect();
        let columns =
            columns.unwrap_or_else(|| unreachable!("types that cannot be written were refused before"));
        for row in 0..rows.num_rows() {
            let begin = out.begin_row();
            let mut writer = Writer { out: &mut out.bytes, json: &mut self.json };
            let outcome = writer.message(&self.message, &columns, row);
            out.end_row(row, begin, outcome);
        }
    }

    fn arrays<'a>(&self, rows: &'a RecordBatch) -> Result<Vec<Cow<'a, ArrayRef>>, String> {
        let arrays = self.chosen.of(rows)?.into_iter().zip(&self.plain).zip(self.chosen.fields());
        arrays
            .map(|((array, plain), field)| match plain {
                None => Ok(Cow::Borrowed(array)),
                Some(plain) => {
                    let plain = cast(array, plain).map_err(|e| format!("{}: {e}", field.name()))?;
                    Ok(Cow::Owned(plain))
                }
            })
            .collect()
    }
}
