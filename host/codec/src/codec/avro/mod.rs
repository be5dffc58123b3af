//! Avro records ↔ rows.

mod array;
mod canonical;
mod columns;
mod compatible;
mod cursor;
mod decimal;
mod decode;
mod default;
mod derive;
mod encode;
mod file;
mod meaning;
mod nested;
mod parse;
mod plan;
mod resolve;
mod skip;
#[cfg(test)]
mod suite_tests;
mod target;
mod types;
mod uuid;
mod value;
mod write;

pub use canonical::{fingerprint, single_object};
pub use columns::columns;
pub use compatible::compatible;
pub use decode::AvroReader;
pub use derive::schema_of;
pub use encode::AvroEncoder;
pub use file::{AvroFile, FileBlock};

use super::registered::RegisteredSchema;

/// The full name of a schema's record, for subjects that are named by it.
pub fn full_name(schema: &RegisteredSchema) -> Option<String> {
    let schema: serde_json::Value = serde_json::from_str(&schema.text).ok()?;
    let name = schema.get("name")?.as_str()?;
    match schema.get("namespace").and_then(|namespace| namespace.as_str()) {
        Some(namespace) if !namespace.is_empty() && !name.contains('.') => {
            Some(format!("{namespace}.{name}"))
        }
        _ => Some(name.to_owned()),
    }
}
