//! Confluent's framing of Protobuf, after the schema's id: which message of the schema's file follows, as a count
//! and that many indexes in zigzag varints; the one byte 0 for the first message. Knows nothing of what a message
//! holds.

use super::Descriptor;
use super::wire::Wire;
use crate::codec::problem::{Outcome, Problem, code};

/// Deepest nesting of messages that is looked up.
const MAX_INDEXES: usize = 100;

/// What comes before the messages of one descriptor.
pub(super) struct Frame {
    descriptor: Descriptor,
    /// The message's indexes, with and without the entries of maps counted: writers differ.
    prefixes: [Vec<u8>; 2],
}

impl Frame {
    pub(super) fn new(descriptor: Descriptor) -> Result<Frame, String> {
        let prefixes = [descriptor.message_indexes()?, descriptor.descriptor_indexes()?];
        Ok(Frame { prefixes: prefixes.map(|indexes| prefix(&indexes)), descriptor })
    }

    /// Bytes of `value` before the message, which must be the expected one.
    pub(super) fn strip(&self, value: &[u8]) -> Outcome<usize> {
        let prefix = self.prefixes.iter().find(|prefix| value.starts_with(prefix));
        match prefix {
            Some(prefix) => Ok(prefix.len()),
            None => self.look(value),
        }
    }

    /// The indexes are written in another way, or those of another message, or none.
    #[cold]
    fn look(&self, value: &[u8]) -> Outcome<usize> {
        let mut wire = Wire::new(value, 0);
        let mut indexes = [0; MAX_INDEXES];
        let count = match zigzag(&mut wire)? {
            // The first message.
            0 => 1,
            count => {
                let count = usize::try_from(count).ok().filter(|count| *count <= MAX_INDEXES);
                let count = count.ok_or_else(|| not_indexes(value))?;
                for index in &mut indexes[..count] {
                    *index = usize::try_from(zigzag(&mut wire)?).map_err(|_| not_indexes(value))?;
                }
                count
            }
        };
        let indexes = &indexes[..count];
        match self.descriptor.name_at(indexes) {
            Some(name) if name == self.descriptor.name() => Ok(wire.at()),
            found => {
                let found = found.map_or("no message of the schema".to_owned(), |name| name);
                let what = format!("expected {}, found {found} at {indexes:?}", self.descriptor.name());
                Err(Problem::new(code::UNKNOWN_MESSAGE, what))
            }
        }
    }
}

/// Message indexes as they are written.
pub(super) fn prefix(indexes: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if indexes == [0] {
        bytes.push(0);
        return bytes;
    }
    for number in std::iter::once(indexes.len()).chain(indexes.iter().copied()) {
        prost::encoding::encode_varint((number as u64) << 1, &mut bytes);
    }
    bytes
}

fn zigzag(wire: &mut Wire) -> Outcome<i64> {
    let value = wire.varint()?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cold]
fn not_indexes(value: &[u8]) -> Box<Problem> {
    let shown: String = value.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let what = format!("expected a count of up to {MAX_INDEXES} and message indexes, found {shown}");
    Problem::new(code::PROTOBUF_SYNTAX, what)
}
