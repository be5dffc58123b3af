//! JSON objects that are what a JSON Schema says ↔ rows. Values are checked by the schema they were written with
//! and then read as all JSON is; the schema also tells which columns there are.
//!
//! Drafts 4 to 2020-12, by `$schema`; draft-07 where there is none. Whatever a schema refers to is among its
//! references or not there: nothing is fetched from a network or a file.

mod columns;
mod cost;
mod decode;
mod derive;
mod document;
#[cfg(test)]
mod drafts_tests;
mod encode;
#[cfg(test)]
mod hostile_tests;
mod shape;
#[cfg(test)]
mod suite_tests;
mod tape;
#[cfg(test)]
mod tape_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trip_tests;
mod unique;
mod validate;
mod walk;

pub use columns::columns;
pub use decode::JsonSchemaReader;
pub use derive::schema_of;
pub use encode::JsonSchemaEncoder;

use super::registered::RegisteredSchema;

/// The name of a schema's records, for subjects that are named by it: its title.
pub fn title(schema: &RegisteredSchema) -> Option<String> {
    let schema: serde_json::Value = serde_json::from_str(&schema.text).ok()?;
    schema.get("title")?.as_str().map(str::to_owned)
}
