//! MessagePack ↔ rows, in one pass between the bytes and the columns, as JSON is read and written.
//!
//! What a record means:
//! - A record is a map, whose keys are columns, or an array of the columns in the order of the schema; its first
//!   byte decides, and so does that of every object inside. A key that no column takes is skipped, and so are
//!   items after the last column; columns after the last item are missing. A repeated key: the last one counts,
//!   except in map columns, which keep every entry.
//! - A column that is missing or nil is null; where it cannot be, the record is refused (`missing-column`,
//!   `type-mismatch`). A record without a value (a tombstone) is a row of nulls, or refused (`tombstone`).
//! - Integers take integers of every width, and floats that are whole, as long as they fit. Floats take floats
//!   and integers, the nearest value. Strings take strings; bytes take binaries and strings, which were one
//!   type once.
//! - Timestamps take the timestamp extension, an integer in their own unit, or text as JSON does. Dates take days
//!   since 1970 or text, times an integer in their unit or text, durations an integer in their unit. Decimals take
//!   integers and text with every digit.
//! - Map columns take maps whose keys are of the key column's type. An object of the two columns `ext_type`
//!   (int8) and `ext_data` (bytes), neither of them null, takes any extension and becomes one.
//!
//! What a row becomes: each value in its shortest form; timestamps as the timestamp extension, dates as
//! `2024-05-01`, times and durations as integers, decimals as text; floats in the width of their column.

mod array;
#[cfg(test)]
mod case_tests;
mod cursor;
mod decode;
mod encode;
#[cfg(test)]
mod hostile_tests;
mod nested;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod trip_tests;
mod value;
mod write;

use arrow::datatypes::{DataType, Field, Fields};

pub use decode::MsgpackReader;
pub use encode::MsgpackEncoder;

/// Type of the timestamp extension.
const TIMESTAMP: i8 = -1;

/// The columns of an object that stands for an extension: its type and its bytes.
const EXTENSION: [&str; 2] = ["ext_type", "ext_data"];

/// The columns of an object that takes any extension.
pub(crate) fn extension_fields() -> Fields {
    let [kind, contents] = EXTENSION;
    vec![Field::new(kind, DataType::Int8, false), Field::new(contents, DataType::Binary, false)].into()
}
