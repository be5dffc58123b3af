//! Columns of a schema: a property is a column. Knows nothing of how schemas are written.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};

use super::document::Document;
use super::shape::{Items, Kinds, Meaning, Others, Shape};
use super::walk;
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::registered::RegisteredSchema;

/// The columns of a JSON Schema, or why it has none: its values are no objects, or it names no keys.
pub fn columns(schema: &RegisteredSchema) -> Result<SchemaRef, String> {
    let shape = walk::shape(&Document::new(schema)?)?;
    if !shape.kinds.has(Kinds::OBJECT) {
        return Err("a record is an object, and the schema lets no objects through".to_owned());
    }
    let fields = fields(&shape, 0);
    if fields.is_empty() {
        return Err("the schema names no properties: declare the columns".to_owned());
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// The properties that can be there.
fn fields(shape: &Shape, depth: usize) -> Fields {
    let there = shape.properties.iter().filter(|(_, property)| property.kinds != Kinds::NONE);
    there.map(|(name, property)| field(name, property, !shape.requires(name), depth)).collect()
}

fn field(name: &str, shape: &Shape, optional: bool, depth: usize) -> FieldRef {
    let nullable = optional || shape.kinds.has(Kinds::NULL);
    Arc::new(match data_type(shape, depth) {
        Some(data_type) => Field::new(name, data_type, nullable),
        None => {
            let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into();
            Field::new(name, DataType::Utf8, nullable).with_metadata(json)
        }
    })
}

/// The type of a column of such values; `None` for their text.
fn data_type(shape: &Shape, depth: usize) -> Option<DataType> {
    if depth == MAX_SCHEMA_DEPTH {
        return None;
    }
    let meaning = shape.meaning;
    match shape.kinds.without_null() {
        Kinds::BOOLEAN => Some(DataType::Boolean),
        Kinds::INTEGER => Some(match meaning {
            Some(Meaning::Int8) => DataType::Int8,
            Some(Meaning::Int16) => DataType::Int16,
            Some(Meaning::Int32) => DataType::Int32,
            _ if shape.unsigned && shape.large => DataType::UInt64,
            _ => DataType::Int64,
        }),
        Kinds::NUMBER if meaning == Some(Meaning::Float32) => Some(DataType::Float32),
        Kinds::NUMBER => Some(DataType::Float64),
        Kinds::STRING => Some(match meaning {
            Some(Meaning::DateTime) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Some(Meaning::Date) => DataType::Date32,
            Some(Meaning::Time) => DataType::Time64(TimeUnit::Microsecond),
            Some(Meaning::Base64) => DataType::Binary,
            _ => DataType::Utf8,
        }),
        Kinds::OBJECT => object(shape, depth),
        Kinds::ARRAY => match &shape.items {
            Items::Of(item) => Some(DataType::List(field("item", item, false, depth + 1))),
            Items::Any | Items::Tuple => None,
        },
        _ => None,
    }
}

fn object(shape: &Shape, depth: usize) -> Option<DataType> {
    let fields = fields(shape, depth + 1);
    if !fields.is_empty() {
        return Some(DataType::Struct(fields));
    }
    let Others::Of(value) = &shape.others else { return None };
    let key = Arc::new(Field::new("keys", DataType::Utf8, false));
    let entries = DataType::Struct([key, field("values", value, false, depth + 1)].into_iter().collect());
    Some(DataType::Map(Arc::new(Field::new("entries", entries, false)), false))
}
