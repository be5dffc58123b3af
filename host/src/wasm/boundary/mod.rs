//! What crosses the border between host and guest: Arrow IPC messages, a schema once and then record batches
//! without one. Outwards everything is ours and only written ([`Encoder`]); inwards nothing is trusted
//! ([`decode_schema`], [`Decoder`]): whatever a guest sends, the answer is arrays that hold what Arrow demands of
//! them, or a sentence that says what is wrong. Knows nothing of wasmtime, stores or instances.
//!
//! ```text
//! ffffffff  length  metadata: version, header { rows, nodes (length, nulls), buffers (offset, length) }  body
//! ```
//!
//! A batch of the same length and the same nulls as the last one has the same metadata. So both directions keep
//! it: the encoder fills numbers into a header that was built once for the schema, and the decoder compares bytes
//! and takes the places of the buffers from the last time. What depends on the bytes of the body (nulls, offsets,
//! UTF-8) is checked each time.

mod decode;
mod encode;
mod layout;
mod schema;
#[cfg(test)]
mod tests;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(super) use schema::{decode_schema, encode_schema, fits, plain_schema};

/// What an encapsulated message starts with.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// The marker and the length of the metadata.
const PREFIX: usize = 8;
