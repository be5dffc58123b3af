//! Which message of its file a framed value is, as Confluent's message indexes say it: the expected one, or another.
//! Knows nothing of what a message holds.

use super::Descriptor;
use crate::codec::problem::{Outcome, Problem, code};
use crate::codec::wire::{Indexes, write_indexes};

/// The message that is expected of values of one schema.
pub(super) struct Frame {
    descriptor: Descriptor,
    /// Its indexes, with and without the entries of maps counted, for writers differ; and as they are written.
    ways: [(Vec<u32>, Vec<u8>); 2],
}

impl Frame {
    pub(super) fn new(descriptor: Descriptor) -> Result<Frame, String> {
        let ways = [descriptor.message_indexes()?, descriptor.descriptor_indexes()?];
        let ways = ways.map(|indexes| {
            let written = written(&indexes);
            (indexes, written)
        });
        Ok(Frame { descriptor, ways })
    }

    /// Whether a value is of the expected message, or of which other.
    #[inline]
    pub(super) fn check(&self, found: Indexes) -> Outcome<()> {
        match self.ways.iter().any(|(_, written)| written == found.bytes()) {
            true => Ok(()),
            false => self.look(found),
        }
    }

    /// The indexes are written in another way, or those of another message.
    #[cold]
    fn look(&self, found: Indexes) -> Outcome<()> {
        let is = |expected: &[u32]| found.iter().eq(expected.iter().map(|index| u64::from(*index)));
        if self.ways.iter().any(|(indexes, _)| is(indexes)) {
            return Ok(());
        }
        let place: Vec<String> = found.iter().take(8).map(|index| index.to_string()).collect();
        let place = place.join(", ");
        let other = match self.descriptor.name_at(found.iter()) {
            Some(name) => format!("{name} (message {place} of the schema)"),
            None => format!("message {place}, which the schema has not"),
        };
        let what = format!("expected {}, found {other}", self.descriptor.name());
        Err(Problem::new(code::UNKNOWN_MESSAGE, what))
    }
}

/// Message indexes as they are written.
pub(super) fn written(indexes: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_indexes(indexes, &mut bytes);
    bytes
}
