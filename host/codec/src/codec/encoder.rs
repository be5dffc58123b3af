//! Rows to bytes, by whichever codec: and before each value its schema's id, where it has one in a registry.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::settings::{Codec, Encode};
use super::{Encoded, arrow_ipc, avro, json, json_schema, msgpack, protobuf, text, wire};

/// Rows to bytes.
pub struct Encoder {
    codec: Encoding,
    /// What every value begins with.
    prefix: Vec<u8>,
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
                Encoding::Avro(avro::AvroEncoder::new(columns, schema, writer)?)
            }
            Codec::Protobuf => {
                let (writer, framed) = (settings.writer.as_deref(), settings.schema_id.is_some());
                Encoding::Protobuf(protobuf::ProtobufEncoder::new(columns, schema, writer, framed)?)
            }
            codec @ (Codec::String | Codec::Bytes) => {
                Encoding::Text(text::TextEncoder::new(codec, columns, schema)?)
            }
            Codec::Arrow => Encoding::Arrow(Box::new(arrow_ipc::ArrowEncoder::new(columns, schema)?)),
        };
        let prefix = settings.schema_id.map_or_else(Vec::new, |id| wire::prefix(id).to_vec());
        Ok(Encoder { codec, prefix })
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
