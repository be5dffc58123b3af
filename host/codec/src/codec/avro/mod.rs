//! Avro records ↔ rows. One pass from the bytes into the columns, by a plan that is made once for each writer's
//! schema: no tree of values in between, so a flat record costs no allocation. The decoder of `arrow-avro`
//! fills columns as well, but cannot take back a record that fails half-way: what it appended of it stays in some
//! columns and not in others, and the whole batch is lost with it.
//!
//! The schema language is read here too. What a library has for it judges a default by rules of its own, reads
//! schemas that refer to each other in no fixed order, forgets the aliases of records when it compares schemas and
//! keeps the order of fields in canonical forms; the tests ask one whether it reads what is written here.
//!
//! What a record means:
//! - Types are columns as [`columns`](columns()) says: primitives as one expects; `enum` and `uuid` are strings, `fixed`
//!   bytes of its size; decimals keep every digit, up to 76; `timestamp-*` is in UTC and `local-timestamp-*` has no
//!   zone; a `duration` is an object of months, days and millis. `null` and one other type is a column that may be
//!   null; a union of several is an object with a field for each branch, of which one is set. A record that holds
//!   itself is no column; where no column takes it, it is skipped.
//! - A schema that is no record (`"string"`, an enum, an array) is the column `value`: a record of one field has the
//!   bytes of that field.
//! - With a reader's schema, the writer's is resolved to it as the specification says: promotions, defaults,
//!   aliases, projection, enum defaults, unions on both sides. Without one the columns count alone
//!   ([`AvroReader::of_columns`]): a column takes the writer's field of its name, whatever goes into it without loss.
//! - A branch or symbol that the reader does not know refuses the records that have it, and no other.
//! - A number that does not fit is refused (`out-of-range`), also where timestamps or decimals are brought to
//!   another unit or scale; bytes that are not a value of the schema are `avro-syntax`, those after its end too.
//! - Lengths and counts are held against the bytes that are there before anything is made of them. What takes no
//!   bytes (items of type null, defaults) is bounded too.
//!
//! What a row becomes is the same read backwards: by the schema that [`schema_of`] makes of the columns, or by a
//! given one, whose fields are found by name or alias, and whose other fields take their defaults.

#[cfg(test)]
mod any_tests;
mod array;
mod branches;
mod budget;
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
#[cfg(test)]
mod file_tests;
mod fitness;
#[cfg(test)]
mod hostile_tests;
mod leaf;
mod meaning;
mod nested;
#[cfg(test)]
mod one_value_tests;
mod parse;
mod plan;
mod reasons;
mod resolve;
#[cfg(test)]
mod schema_tests;
mod sizes;
mod skip;
#[cfg(test)]
mod suite_tests;
mod target;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trip_tests;
mod types;
mod uuid;
mod value;
mod write;
#[cfg(test)]
mod write_tests;

pub use canonical::{fingerprint, single_object};
pub use columns::columns;
pub(super) use columns::is_one_value;
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
