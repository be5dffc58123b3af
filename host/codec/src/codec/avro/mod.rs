//! Avro records ↔ rows.

#[cfg(test)]
mod any_tests;
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
#[cfg(test)]
mod file_tests;
mod meaning;
mod nested;
mod parse;
mod plan;
mod reasons;
mod resolve;
#[cfg(test)]
mod schema_tests;
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
pub use compatible::compatible;
pub use decode::AvroReader;
pub use derive::schema_of;
pub use encode::AvroEncoder;
pub use file::{AvroFile, FileBlock};
