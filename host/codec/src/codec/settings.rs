//! What a codec has to be told: which one, into which columns, by which schema of its own, in which framing. The
//! names are those of a specification; how a user writes them is not known here.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::avro;
use super::meta::Meta;
use super::registered::RegisteredSchema;
use super::wire::SchemaId;

/// The codecs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// JSON objects.
    Json,
    /// Avro records.
    Avro,
    /// Protobuf messages.
    Protobuf,
    /// JSON objects checked against a JSON Schema.
    JsonSchema,
    /// MessagePack maps or arrays.
    MessagePack,
    /// One column of text.
    String,
    /// One column of bytes.
    Bytes,
    /// Arrow IPC streams.
    Arrow,
    /// Rows of a CSV file.
    Csv,
}

impl Codec {
    /// Every codec that a specification names, in the order of the documentation; CSV is a file's format.
    pub const ALL: [Codec; 8] = [
        Codec::Json,
        Codec::Avro,
        Codec::Protobuf,
        Codec::JsonSchema,
        Codec::MessagePack,
        Codec::String,
        Codec::Bytes,
        Codec::Arrow,
    ];

    /// As a specification names it.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Json => "json",
            Codec::Avro => "avro",
            Codec::Protobuf => "protobuf",
            Codec::JsonSchema => "json_schema",
            Codec::MessagePack => "msgpack",
            Codec::String => "string",
            Codec::Bytes => "bytes",
            Codec::Arrow => "arrow",
            Codec::Csv => "csv",
        }
    }
}

/// How values of records become rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Decode {
    /// The codec.
    pub codec: Codec,
    /// The columns that values are read into; those that come out are [`columns`](Self::columns).
    pub schema: SchemaRef,
    /// The codec's own schema, for those that have one: what the columns were derived from.
    pub reader: Option<Arc<RegisteredSchema>>,
    /// Whether values begin with a header that names the schema they were written with.
    pub framing: Framing,
    /// How keys are decoded into the column `$key`; `None`: as text, where the column is asked for.
    pub key: Option<Box<Decode>>,
    /// Further columns, after those of the value.
    pub include: Vec<Meta>,
    /// What a record without a value is.
    pub tombstone: Tombstone,
}

impl Decode {
    /// Plain values into these columns.
    pub fn plain(codec: Codec, schema: SchemaRef) -> Decode {
        Decode {
            codec,
            schema,
            reader: None,
            framing: Framing::None,
            key: None,
            include: Vec::new(),
            tombstone: Tombstone::default(),
        }
    }

    /// The columns of the value as they come out: those of [`schema`](Self::schema), or the same where every one may
    /// be null.
    pub fn columns(&self) -> SchemaRef {
        self.tombstone.columns(&self.schema)
    }

    /// Whether a record is one value, of the only column, and no object of columns: as a key it is that value.
    pub(super) fn is_one_value(&self) -> bool {
        let one = match (self.codec, &self.reader) {
            (Codec::String | Codec::Bytes, _) => true,
            (Codec::Avro, Some(reader)) => avro::is_one_value(reader),
            _ => false,
        };
        one && self.schema.fields().len() == 1
    }

    /// Keys that no codec was named for, where their column is asked for.
    pub(super) fn key_as_text() -> Decode {
        let text = Field::new("value", DataType::Utf8, true);
        Decode::plain(Codec::String, Arc::new(Schema::new(vec![text])))
    }
}

/// What a record without a value (a tombstone) is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tombstone {
    /// A row of nulls where every column may be null, otherwise refused.
    #[default]
    IfNullable,
    /// A row of nulls: every column that comes out may be null. What a value must have, it must have all the same.
    Row,
    /// Refused.
    Refuse,
}

impl Tombstone {
    /// The columns that come out of values with these.
    pub(super) fn columns(self, values: &SchemaRef) -> SchemaRef {
        if self != Tombstone::Row || all_nullable(values) {
            return SchemaRef::clone(values);
        }
        let fields = values.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let columns = Schema::new_with_metadata(fields.collect::<Vec<_>>(), values.metadata().clone());
        Arc::new(columns)
    }

    /// Whether it is a row, where values have these columns.
    pub(super) fn is_row(self, values: &Schema) -> bool {
        match self {
            Tombstone::IfNullable => all_nullable(values),
            Tombstone::Row => true,
            Tombstone::Refuse => false,
        }
    }
}

fn all_nullable(columns: &Schema) -> bool {
    columns.fields().iter().all(|field| field.is_nullable())
}

/// How rows become values of records.
#[derive(Clone, Debug, PartialEq)]
pub struct Encode {
    /// The codec.
    pub codec: Codec,
    /// Only these columns, in this order; `None` is all.
    pub columns: Option<Vec<String>>,
    /// The codec's own schema, where it is given and not derived from the columns.
    pub writer: Option<Arc<RegisteredSchema>>,
    /// Objects as arrays of their values, in the order of the columns (MessagePack).
    pub arrays: bool,
    /// What names the schema in a registry: every value begins with an id; a GUID is for a header of the record.
    pub schema_id: Option<SchemaId>,
}

impl Encode {
    /// All columns.
    pub fn plain(codec: Codec) -> Encode {
        Encode { codec, columns: None, writer: None, arrays: false, schema_id: None }
    }
}

/// What comes before the value proper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Nothing.
    #[default]
    None,
    /// Confluent's: a zero byte and the schema's id, or a header of the record with the schema's GUID.
    Confluent {
        /// Name of the registry that knows the schema.
        registry: String,
    },
}
