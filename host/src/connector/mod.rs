//! The outside world: where records come from and where they go. A reader reads one partition, a writer
//! writes for one task, a group says which partitions are ours. Knows nothing of operators, plans or the
//! runtime; everything here is bounded and gives up its thread within the wait it was asked for, but for what a disk
//! needs to sync, and a broker that is asked about a gap (2 s) or to commit (10 s).

pub mod blackhole;
pub mod dead_letter;
pub mod file;
pub mod generate;
pub mod kafka;
pub mod local;
pub mod memory;
pub mod stdout;

pub use dead_letter::{DeadLetter, DeadLetterReader, DeadLetterWriter, Header};

use std::time::Duration;

use crate::batch::{Batch, RawRecords};
use crate::codec::RecordError;

/// What to do about a failure of a connector.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectorError {
    /// It may work later (a broker that is down): keep trying, say so, lose nothing.
    #[error("{0}")]
    Retry(String),
    /// It will not without somebody's help (an unknown topic, a wrong password): the pipeline fails with this.
    #[error("{0}")]
    Stop(String),
}

/// How much to read at once.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// At most this many records.
    pub records: usize,
    /// Stop after the record that reaches this many bytes.
    pub bytes: usize,
    /// Wait at most this long for the first record.
    pub wait: Duration,
}

/// What a read gave.
#[derive(Debug)]
pub enum Read {
    /// Records to decode.
    Records(RawRecords),
    /// Rows that need no decoding.
    Rows(arrow::array::RecordBatch),
    /// Nothing within the wait.
    Idle,
    /// Nothing will follow.
    End,
}

/// Reads one partition. Implemented by Kafka partitions, files, generators, memory.
pub trait Reader: Send {
    /// The next records, in order.
    fn read(&mut self, limits: ReadLimits) -> Result<Read, ConnectorError>;

    /// The offset to go on from: everything below it has been handed out.
    fn position(&self) -> i64;

    /// Records between the position and the end of the partition, where that is known without asking anybody.
    fn lag(&self) -> Option<i64> {
        None
    }
}

/// A partition that this host reads.
pub struct Partition {
    /// Name of the source in the spec.
    pub source: String,
    /// Topic, path or name.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Reads it.
    pub reader: Box<dyn Reader>,
}

/// What happened to a group's membership.
pub enum GroupEvent {
    /// Read these from now on (all partitions that are ours, not a difference).
    Assigned(Vec<Partition>),
    /// Stop reading everything: finish, commit, then call [`Group::released`].
    Revoked,
}

/// An offset to commit: everything below it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Name of the source in the spec.
    pub source: String,
    /// Topic.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// The offset to go on from.
    pub offset: i64,
}

/// Says which partitions of a pipeline's sources are this host's, and remembers how far they are done.
/// One for each consumer group (a Kafka connection of a pipeline) and one for all local sources.
pub trait Group: Send {
    /// Drives the membership; called at least every 100 ms from one thread, waits at most `wait`.
    fn poll(&mut self, wait: Duration) -> Result<Option<GroupEvent>, ConnectorError>;

    /// After [`GroupEvent::Revoked`], once the readers are dropped and the commits are made.
    fn released(&mut self) -> Result<(), ConnectorError>;

    /// Remembers progress. `wait`: until it is sure, for a stop or a revocation.
    fn commit(&mut self, offsets: &[Commit], wait: bool) -> Result<(), ConnectorError>;

    /// Leaves the group.
    fn leave(&mut self);
}

/// How far a write got.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// All rows are taken; go on.
    Taken,
    /// The queue is full: rows from this one on were not taken. Call again with the same batch from there.
    Full {
        /// First row not taken.
        from: usize,
    },
}

/// Writes one task's rows to one sink. Implemented by Kafka, files, stdout, blackhole, memory.
/// Delivery is asynchronous: `delivered` says which barrier is behind all that has reached the outside.
pub trait Writer: Send {
    /// Takes the rows of `batch` from row `from` on. Rows that cannot be encoded are appended to `errors`
    /// (index = row of the batch) and skipped. Never waits longer than a few milliseconds.
    fn write(
        &mut self,
        batch: &Batch,
        from: usize,
        errors: &mut Vec<RecordError>,
    ) -> Result<Written, ConnectorError>;

    /// Everything taken so far belongs to barrier `id` or an earlier one.
    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError>;

    /// The highest barrier behind everything that is delivered. Waits at most `wait` for progress.
    fn delivered(&mut self, wait: Duration) -> Result<Option<u64>, ConnectorError>;

    /// Bytes of the values that were taken since this was last asked; 0 where rows are not made into bytes of their own.
    fn take_bytes(&mut self) -> usize {
        0
    }

    /// Whether a row that was refused with this code may be taken later, so that trying it again makes sense. What
    /// does not encode never does.
    fn may_pass(&self, _code: &str) -> bool {
        false
    }
}
