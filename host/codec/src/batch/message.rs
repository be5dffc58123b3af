//! The four things that travel on an edge, and nothing else.

use super::Batch;

/// A mark that a coordinator sends through every source: all that went before it belongs to checkpoint `id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// Checkpoint number, rising by one within a run of a pipeline.
    pub id: u64,
}

/// A message on an edge.
#[derive(Clone, Debug)]
pub enum Message {
    /// Rows with their origin.
    Data {
        /// The rows.
        batch: Batch,
        /// The last barrier before the oldest of them was read: rows that waited are older than those around them.
        since: u64,
    },
    /// No row with an event time at or below this (milliseconds since 1970) is expected any more.
    Watermark(i64),
    /// A checkpoint's mark.
    Barrier(Barrier),
    /// Nothing follows.
    End,
}
