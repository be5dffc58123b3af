//! What messages decode to, what is refused and with which words, and that encoding leads back.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::*;

use super::{Descriptor, ProtobufEncoder, ProtobufReader, columns};
use crate::codec::rows::Rows;
use crate::codec::trip::records;
use crate::codec::{Decoded, Encoded, RecordError, RegisteredSchema, SchemaKind};

pub(super) fn schema(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

/// A schema as a specification gives it.
pub(super) fn proto(text: &str) -> RegisteredSchema {
    RegisteredSchema::new(SchemaKind::Protobuf, text)
}

/// As [`proto`], of this message.
pub(super) fn message(text: &str, name: &str) -> RegisteredSchema {
    RegisteredSchema { message: Some(name.to_owned()), ..proto(text) }
}

pub(super) fn derive(schema: &RegisteredSchema) -> SchemaRef {
    columns(&Descriptor::new(schema).unwrap()).unwrap()
}

/// Messages decoded into these columns: every column is valid, and no record is lost.
pub(super) fn decode_into<T: AsRef<[u8]>>(
    schema: &RegisteredSchema,
    columns: &SchemaRef,
    framed: bool,
    values: &[T],
) -> Decoded {
    let reader = ProtobufReader::new(schema, columns, framed).unwrap();
    let decoded = Rows::new(Arc::clone(columns), reader).unwrap().decode(&records(values));
    assert_eq!(decoded.rows.num_rows() + decoded.errors.len(), values.len());
    for column in decoded.rows.columns() {
        column.to_data().validate_full().unwrap();
    }
    decoded
}

/// As [`decode_into`], into all columns of the message.
pub(super) fn decode<T: AsRef<[u8]>>(schema: &RegisteredSchema, values: &[T]) -> Decoded {
    decode_into(schema, &derive(schema), false, values)
}

pub(super) fn encode(writer: &RegisteredSchema, rows: &RecordBatch, framed: bool) -> Encoded {
    let mut out = Encoded::default();
    let encoder = ProtobufEncoder::new(None, &rows.schema(), Some(writer), framed);
    encoder.unwrap().encode(rows, &mut out);
    out
}

pub(super) fn errors(errors: &[RecordError]) -> String {
    errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message)).collect::<Vec<_>>().join("\n")
}
