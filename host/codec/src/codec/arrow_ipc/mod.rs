//! Arrow IPC ↔ rows. A record's value is a stream (a schema, dictionaries, any number of batches) or one record
//! batch message without a schema, which is then the columns' own. So a record may give any number of rows; all of
//! them or none.
//!
//! ```text
//! value ─▶ message ─▶ schema (kept while it stays the same)
//!             └─────▶ buffers ─▶ array ─▶ resolve ─▶ convert ─▶ rows
//!                     bounded,   checked,  dictionaries, to the declared
//!                     unpacked             views, runs   columns
//! ```
//!
//! Nothing in a record is trusted: flatbuffers are verified, every length, offset, count and string is checked
//! before an array is made of it, and all that a record unpacks to is counted against a limit before memory is
//! taken for it. The reader of the library in use panics on some damaged messages and does not bound what a
//! compressed buffer unpacks to, so the arrays are read here; only the flatbuffer accessors are its.
//!
//! What a record means: columns are matched by name; those that no column takes are checked and dropped, those that
//! are not there are null where they can be (`missing-column` otherwise). A column takes its own type, or one whose
//! every value it can hold exactly: a narrower integer, a narrower float, a coarser time, a decimal of fewer
//! digits. Other types are refused (`type-mismatch`). Dictionaries, runs and views become what they stand for.
//! Unions, dictionary deltas, tensors and big-endian streams are refused.
//!
//! A row becomes a stream of one row: records are keyed, placed and refused by row.
//!
//! Records of a few rows of plain columns take short ways: `flat` appends their values to the columns where all is as
//! expected, `template` sends a row as the stream before with other values. What they do not take, the long ways do.

mod array;
mod buffers;
#[cfg(test)]
mod case_tests;
mod checked;
mod conform;
mod convert;
mod decode;
mod encode;
mod flat;
#[cfg(test)]
mod flat_tests;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile_tests;
mod lz4;
mod message;
mod resolve;
mod schema;
mod template;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trip_tests;

pub use conform::conform;
pub use decode::ArrowDecoder;
pub use encode::ArrowEncoder;

pub(super) use resolve::pick;

use crate::codec::problem::{Problem, code};

/// Messages and buffers begin at multiples of this.
const ALIGNMENT: usize = 8;

/// Columns of a stream, nested ones counted.
const MAX_FIELDS: usize = 4096;

/// Names and time zones of a stream's columns, in bytes.
const MAX_NAMES: usize = 1 << 20;

/// Why a value is not what Arrow demands.
#[cold]
fn syntax(what: impl Into<String>) -> Box<Problem> {
    Problem::new(code::ARROW_SYNTAX, what)
}

/// It is valid and not taken here.
#[cold]
fn unsupported(what: impl Into<String>) -> Box<Problem> {
    Problem::new(code::UNSUPPORTED, what)
}
