//! Rows to bytes, by whichever codec; and what names their schema, where a registry has it: before each value its id,
//! or for a header of the record its GUID.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::settings::{Codec, Encode};
use super::wire::SchemaId;
use super::{Encoded, arrow_ipc, avro, json, json_schema, msgpack, protobuf, text, wire};

/// Rows to bytes.
pub struct Encoder {
    codec: Encoding,
    /// What every value begins with.
    prefix: Vec<u8>,
    /// What names the schema in a header of every record.
    header: Option<Vec<u8>>,
}

enum Encoding {
    Json(json::JsonEncoder),
    Avro(avro::AvroEncoder),
    JsonSchema(json_schema::JsonSchemaEncoder),
    MessagePack(msgpack::MsgpackEncoder),
    Protobuf(protobuf::ProtobufEncoder),
    Text(text::TextEncoder),
    Arrow(Box<arrow_ipc::ArrowEncoder>),
}

impl Encoder {
    /// An encoder of rows of this schema, or why there can be none: names the column at fault.
    pub fn new(settings: &Encode, schema: &SchemaRef) -> Result<Encoder, String> {
        let columns = settings.columns.as_deref();
        let codec = match settings.codec {
            Codec::Json => Encoding::Json(json::JsonEncoder::new(columns, schema)?),
            Codec::JsonSchema => {
                let writer = settings.writer.as_deref();
                Encoding::JsonSchema(json_schema::JsonSchemaEncoder::new(columns, schema, writer)?)
            }
            Codec::MessagePack => {
                Encoding::MessagePack(msgpack::MsgpackEncoder::new(columns, schema, settings.arrays)?)
            }
            Codec::Avro => {
                let writer = settings.writer.as_deref();
                let framed = settings.schema_id.is_some();
                Encoding::Avro(avro::AvroEncoder::new(columns, schema, writer, framed)?)
            }
            Codec::Protobuf => {
                let (writer, framed) = (settings.writer.as_deref(), settings.schema_id.is_some());
                Encoding::Protobuf(protobuf::ProtobufEncoder::new(columns, schema, writer, framed)?)
            }
            codec @ (Codec::String | Codec::Bytes) => {
                Encoding::Text(text::TextEncoder::new(codec, columns, schema)?)
            }
            Codec::Arrow => Encoding::Arrow(Box::new(arrow_ipc::ArrowEncoder::new(columns, schema)?)),
            Codec::Csv => {
                return Err("rows become no CSV on their own: a file has it as its format".to_owned());
            }
        };
        let named = settings.schema_id.map(|id| {
            let mut named = wire::naming(id);
            if let Encoding::Protobuf(encoder) = &codec {
                named.extend_from_slice(encoder.indexes());
            }
            named
        });
        let (prefix, header) = match settings.schema_id {
            Some(SchemaId::Guid(_)) => (Vec::new(), named),
            Some(SchemaId::Id(_)) | None => (named.unwrap_or_default(), None),
        };
        Ok(Encoder { codec, prefix, header })
    }

    /// What the header [`Part::header`](wire::Part::header) of every record holds; `None`: there is no such header.
    pub fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }

    /// Encodes all rows of a batch. What `out` held before is replaced; its buffers are reused. Rows that fail
    /// have no bytes and are among its errors.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        out.prefix.clone_from(&self.prefix);
        match &mut self.codec {
            Encoding::Json(encoder) => encoder.encode(rows, out),
            Encoding::JsonSchema(encoder) => encoder.encode(rows, out),
            Encoding::MessagePack(encoder) => encoder.encode(rows, out),
            Encoding::Avro(encoder) => encoder.encode(rows, out),
            Encoding::Protobuf(encoder) => encoder.encode(rows, out),
            Encoding::Text(encoder) => encoder.encode(rows, out),
            Encoding::Arrow(encoder) => encoder.encode(rows, out),
        }
    }
}
