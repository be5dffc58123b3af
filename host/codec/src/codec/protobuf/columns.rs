//! The columns of a message: which Arrow type each of its fields is by default. Knows nothing of bytes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::Descriptor;
use super::kind::{Number, WellKnown, declared};
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::registered::RegisteredSchema;

/// Most columns of a message, nested ones counted: messages that share others multiply quickly.
const MAX_COLUMNS: usize = 10_000;

/// The columns of a schema's message, or the field that can be none.
pub fn columns(schema: &RegisteredSchema) -> Result<SchemaRef, String> {
    let descriptor = Descriptor::new(schema)?;
    let mut outline = Outline { outer: Vec::new(), columns: 0 };
    Ok(Arc::new(Schema::new(outline.fields(descriptor.message())?)))
}

/// Where in a message we are.
struct Outline {
    /// Names of the messages that this one is within.
    outer: Vec<String>,
    columns: usize,
}

impl Outline {
    fn fields(&mut self, message: &MessageDescriptor) -> Result<Fields, String> {
        let name = message.full_name();
        if self.outer.iter().any(|outer| outer == name) {
            return Err(format!("{name} contains itself, which columns cannot: declare those to be read"));
        }
        if self.outer.len() == MAX_SCHEMA_DEPTH {
            return Err(format!("messages are nested deeper than {MAX_SCHEMA_DEPTH} levels"));
        }
        self.outer.push(name.to_owned());
        let fields = declared(message)
            .map(|field| self.field(&field).map_err(|why| format!("{}: {why}", field.name())))
            .collect::<Result<Fields, String>>();
        self.outer.pop();
        fields
    }

    fn field(&mut self, field: &FieldDescriptor) -> Result<Field, String> {
        self.columns += 1;
        if self.columns > MAX_COLUMNS {
            return Err(format!("the message has more than {MAX_COLUMNS} columns: declare those to be read"));
        }
        if let Some(entry) = field.kind().as_message().filter(|_| field.is_map()) {
            let key = self.typed("keys", &entry.map_entry_key_field(), false)?;
            let value = self.typed("values", &entry.map_entry_value_field(), false)?;
            let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
            return Ok(Field::new(field.name(), DataType::Map(Arc::new(entries), false), false));
        }
        if field.is_list() {
            let item = self.typed(Field::LIST_FIELD_DEFAULT_NAME, field, false)?;
            return Ok(Field::new(field.name(), DataType::List(Arc::new(item)), false));
        }
        self.typed(field.name(), field, field.supports_presence() && !field.is_required())
    }

    /// A column of one value of the field.
    fn typed(&mut self, name: &str, field: &FieldDescriptor, nullable: bool) -> Result<Field, String> {
        let kind = field.kind();
        let data_type = match &kind {
            Kind::String | Kind::Enum(_) => DataType::Utf8,
            Kind::Bytes => DataType::Binary,
            Kind::Message(message) => match WellKnown::of(message) {
                Some(WellKnown::Timestamp) => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
                Some(WellKnown::Duration) => DataType::Duration(TimeUnit::Nanosecond),
                Some(WellKnown::Wrapper(wrapped)) => return self.typed(name, &wrapped, nullable),
                Some(WellKnown::Json(_)) => {
                    let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())];
                    return Ok(Field::new(name, DataType::Utf8, nullable).with_metadata(json.into()));
                }
                None => DataType::Struct(self.fields(message)?),
            },
            other => Number::of(other).map(number_type).ok_or_else(|| format!("{other:?} is no column"))?,
        };
        Ok(Field::new(name, data_type, nullable))
    }
}

fn number_type(number: Number) -> DataType {
    match number {
        Number::Bool => DataType::Boolean,
        Number::Int32 | Number::SInt32 | Number::SFixed32 => DataType::Int32,
        Number::Int64 | Number::SInt64 | Number::SFixed64 => DataType::Int64,
        Number::UInt32 | Number::Fixed32 => DataType::UInt32,
        Number::UInt64 | Number::Fixed64 => DataType::UInt64,
        Number::Float => DataType::Float32,
        Number::Double => DataType::Float64,
    }
}
