//! A codec's own schema as text, with the schemas that it refers to: as a registry keeps it and as a specification
//! gives it. Knows nothing of where it came from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Which language a schema is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchemaKind {
    /// An Avro schema, as JSON.
    Avro,
    /// A `.proto` file.
    Protobuf,
    /// A JSON Schema, as JSON.
    Json,
}

impl SchemaKind {
    /// As a schema registry names it.
    pub fn name(self) -> &'static str {
        match self {
            SchemaKind::Avro => "AVRO",
            SchemaKind::Protobuf => "PROTOBUF",
            SchemaKind::Json => "JSON",
        }
    }
}

/// A schema and what it refers to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RegisteredSchema {
    /// Its language.
    pub kind: SchemaKind,
    /// Its text. For Protobuf also a serialized `FileDescriptorSet` in base64, as registries take both.
    pub text: String,
    /// Schemas that it refers to, by the name it uses: an Avro full name, an import path, a `$ref`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<(String, Arc<RegisteredSchema>)>,
    /// Protobuf: full name of the message; the first one of the file where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl RegisteredSchema {
    /// A schema that refers to no other.
    pub fn new(kind: SchemaKind, text: impl Into<String>) -> RegisteredSchema {
        RegisteredSchema { kind, text: text.into(), references: Vec::new(), message: None }
    }
}
