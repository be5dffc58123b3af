//! The bytes that cross the boundary: Arrow IPC messages, read and written without a library in between.
//!
//! A component gets and gives messages of the shape that `wit/types.wit` describes under `ipc`. A general Arrow
//! implementation spends more time on the metadata of a small batch than on its rows, so this module reads the
//! few numbers that it needs straight from the metadata ([`message`]), and writes a batch by filling numbers into
//! a header that is built once for a schema ([`encode`]). Schema messages, which are rare, are read and written
//! by [`schema`].
//!
//! ```text
//! ffffffff  metadata length  metadata: nodes (length, nulls), buffers (offset, length)  body: the buffers
//! ```
//!
//! It knows nothing of rows, operators or the host: it must not import anything but its own parts.

mod encode;
mod flat;
mod message;
mod schema;
#[cfg(test)]
mod tests;

pub(crate) use encode::Message;
pub(crate) use message::{BatchLayout, Part, bitmap_len};
pub(crate) use schema::{decode_schema, encode_schema};

/// Says what is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub(crate) String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

impl Malformed {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Malformed(what.into())
    }
}

/// What an encapsulated message starts with.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// Marker and length before the metadata.
const PREFIX: usize = 8;
/// `MetadataVersion.V5`.
const VERSION: i16 = 4;
const HEADER_SCHEMA: u8 = 1;
const HEADER_RECORD_BATCH: u8 = 3;

/// The metadata of a message and where its body starts.
fn split(message: &[u8]) -> Result<(&[u8], usize), Malformed> {
    let prefix =
        message.get(..PREFIX).ok_or_else(|| Malformed::new("the message is shorter than its prefix"))?;
    if prefix[..4] != CONTINUATION {
        return Err(Malformed::new("the message does not start with the continuation marker"));
    }
    let length = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]) as usize;
    let end = PREFIX.checked_add(length).ok_or_else(|| Malformed::new("the metadata length is too large"))?;
    let metadata = message.get(PREFIX..end).ok_or_else(|| Malformed::new("the metadata is cut short"))?;
    Ok((metadata, end))
}

/// `n` rounded up to a multiple of 8.
pub(crate) fn padded(n: usize) -> usize {
    n.next_multiple_of(8)
}
