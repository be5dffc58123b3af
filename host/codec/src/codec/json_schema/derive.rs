//! The JSON Schema of columns: of the objects that the encoder makes of them. Knows nothing of values.

use arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use serde_json::{Value, json};

use crate::codec::column::is_json;

/// A schema, draft-07, of rows with these columns. It takes no other properties, so that a version with more of
/// them is compatible with it; a column that may be null may be left out.
pub fn schema_of(columns: &SchemaRef, title: &str) -> String {
    let mut schema = json!({"$schema": "http://json-schema.org/draft-07/schema#", "title": title});
    add(&mut schema, object(columns.fields()));
    schema.to_string()
}

fn object(fields: &Fields) -> Value {
    let mut properties = json!({});
    for field in fields {
        properties[field.name()] = property(field);
    }
    let required: Vec<&str> =
        fields.iter().filter(|field| !field.is_nullable()).map(|field| field.name().as_str()).collect();
    let mut object = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn property(field: &Field) -> Value {
    if is_json(field) {
        return json!({});
    }
    let mut property = value(field.data_type());
    if field.is_nullable() && property["type"] != "null" {
        property["type"] = json!([property["type"], "null"]);
    }
    property
}

fn value(data_type: &DataType) -> Value {
    match data_type {
        DataType::Null => json!({"type": "null"}),
        DataType::Boolean => json!({"type": "boolean"}),
        DataType::Int8 => json!({"type": "integer", "connect.type": "int8"}),
        DataType::Int16 => json!({"type": "integer", "connect.type": "int16"}),
        DataType::Int32 => json!({"type": "integer", "connect.type": "int32"}),
        DataType::Int64 | DataType::Duration(_) => json!({"type": "integer"}),
        DataType::UInt8 => unsigned(u8::MAX.into()),
        DataType::UInt16 => unsigned(u16::MAX.into()),
        DataType::UInt32 => unsigned(u32::MAX.into()),
        DataType::UInt64 => unsigned(u64::MAX),
        DataType::Float16 | DataType::Float32 => json!({"type": "number", "connect.type": "float32"}),
        DataType::Date32 | DataType::Date64 => json!({"type": "string", "format": "date"}),
        DataType::Time32(_) | DataType::Time64(_) => json!({"type": "string", "format": "time"}),
        DataType::Timestamp(..) => json!({"type": "string", "format": "date-time"}),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => json!({"type": "string"}),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            json!({"type": "string", "contentEncoding": "base64"})
        }
        DataType::Struct(fields) => object(fields),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            json!({"type": "array", "items": property(item)})
        }
        DataType::Map(entries, _) => {
            let value = match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => property(&fields[1]),
                _ => json!({}),
            };
            json!({"type": "object", "additionalProperties": value})
        }
        DataType::Dictionary(_, values) => value(values),
        // Floats and decimals; what JSON cannot hold, the encoder has refused.
        _ => json!({"type": "number"}),
    }
}

fn unsigned(maximum: u64) -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": maximum})
}

/// Appends the entries of one object to another.
fn add(to: &mut Value, from: Value) {
    if let Value::Object(entries) = from {
        entries.into_iter().for_each(|(key, value)| to[key] = value);
    }
}
