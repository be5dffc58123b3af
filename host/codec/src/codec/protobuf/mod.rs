//! Protobuf messages ↔ rows. One pass from the wire into the columns, with no message object in between: what a
//! field is and where it goes is compiled once from the descriptor. A schema is `.proto` text or a serialized
//! descriptor; the columns are derived from it, or it from the columns.
//!
//! What a record means:
//! - A record is one message; its fields are columns, matched by number between the schema of the writer and that
//!   of the reader. Unknown fields are skipped; an empty record is the message of defaults.
//! - The last of a repeated scalar counts, occurrences of one embedded message merge, the last member of a oneof
//!   clears the others, repeated fields are read packed or not.
//! - A field without presence (`int32 a` in proto3) is never null: absent, it is the default. One with presence
//!   (`optional`, a message, a member of a oneof, proto2) is null, or its declared default, or refused where the
//!   column cannot be null or the field is required (`missing-column`).
//! - An enum is the name of its value, or its number as text where it has no name.
//! - `Timestamp` and `Duration` are timestamps and durations, wrappers are scalars that may be null, `Struct`,
//!   `Value` and `ListValue` are JSON text. All other messages are objects.
//! - A varint is cut to the width of its field, as everywhere in protobuf; what a column cannot hold is refused.
//!
//! What a row becomes is the same read backwards. Protobuf tells no null list from an empty one; a null inside a
//! list or map it cannot hold at all: that row is refused.

#[cfg(test)]
mod case_tests;
mod columns;
mod compile;
mod decode;
mod descriptor;
mod encode;
#[cfg(test)]
mod encode_tests;
mod frame;
#[cfg(test)]
mod hostile_schema_tests;
#[cfg(test)]
mod hostile_tests;
mod json_text;
mod json_wire;
mod kind;
mod known;
#[cfg(test)]
mod known_imports_tests;
#[cfg(test)]
mod known_tests;
mod lean;
mod outline;
mod plan;
mod proto;
mod put;
mod read;
mod scalar;
#[cfg(test)]
mod schema_tests;
mod sources;
#[cfg(test)]
mod tests;
mod text;
mod time;
#[cfg(test)]
mod trip_tests;
mod values;
mod wire;
mod write;

pub use columns::columns;
pub use decode::ProtobufReader;
pub use encode::ProtobufEncoder;
pub use proto::schema_of;

use super::registered::RegisteredSchema;
use descriptor::Descriptor;

/// The full name of a schema's message, for subjects that are named by it.
pub fn full_name(schema: &RegisteredSchema) -> Option<String> {
    Descriptor::new(schema).ok().map(|descriptor| descriptor.name().to_owned())
}
