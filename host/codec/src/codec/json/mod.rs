//! JSON objects ↔ rows. One pass from the bytes into the columns: no tree and no tape in between, so a number is
//! read as its column's type needs it (a decimal keeps every digit) and a record costs no allocation.
//!
//! What a record means:
//! - A record is one object; its keys are columns. A key that no column takes is ignored. A repeated key: the
//!   last one counts, except in maps, which keep every entry.
//! - A column that is missing or null is null; where it cannot be, the record is refused (`missing-column`,
//!   `type-mismatch`). A record without a value (a tombstone) is a row of nulls, or refused (`tombstone`).
//! - Integers take a number whose value is whole and fits: `3`, `3.0`, `3e2`; `3.5` and, for int8, `300` are
//!   refused (`out-of-range`). Decimals take a number or a string and keep it exactly, or refuse it. Floats
//!   take the nearest value, also of a long integer; a number beyond their range is refused. Who needs all
//!   digits declares a decimal or a string.
//! - Timestamps, times and durations take an integer in their own unit. Timestamps, times and dates also take
//!   text: RFC 3339 and the common shorter ISO 8601 forms; text without an offset is UTC, text with one is
//!   turned into UTC; digits below the unit are refused rather than dropped. Dates take days since 1970 as an
//!   integer.
//! - Bytes are base64, with or without padding. A string column of the Arrow extension type `arrow.json` takes
//!   any value and holds its text.
//! - The text must be UTF-8 without a byte order mark; half a surrogate pair is refused.
//!
//! What a row becomes is the same read backwards: all columns, nulls written out; timestamps, times and
//! durations as integers in their unit, dates as `2024-05-01`, decimals as numbers with all digits, bytes as
//! base64 with padding. NaN and infinities cannot be written: that row is refused.

mod array;
mod cursor;
mod decode;
mod encode;
mod filler;
#[cfg(test)]
mod hostile_tests;
mod manner;
mod nested;
mod number;
mod scan;
mod string;
#[cfg(test)]
mod suite_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trip_tests;
mod value;
mod write;

pub(crate) use cursor::{Cursor, check};
pub use decode::JsonReader;
pub use encode::JsonEncoder;
pub(crate) use manner::Manner;
pub(crate) use number::Number;
pub(crate) use write::{float64, string};

/// Deepest nesting of a value that is skipped or kept as text (columns have a bound of their own).
pub(crate) const MAX_DEPTH: u32 = 128;
