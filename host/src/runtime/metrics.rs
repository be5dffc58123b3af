//! Counters of a running pipeline: plain atomics, shared by its tasks, read by whoever asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::supervise::Failed;

/// Counters of one source, step or sink over all its tasks.
#[derive(Debug, Default)]
pub struct NodeMetrics {
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    bytes: AtomicU64,
    errors: AtomicU64,
    busy_ns: AtomicU64,
    /// Failures by code since they were last taken, each with an example.
    failed: Mutex<BTreeMap<String, Failed>>,
}

/// Codes that are told apart between two looks; guests may make up any number.
const MOST_CODES: usize = 16;
const OTHER_CODES: &str = "others";
/// Characters of an example.
const EXAMPLE_CHARS: usize = 300;

/// A reading of [`NodeMetrics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeTotals {
    /// Rows taken in (records, for a source).
    pub rows_in: u64,
    /// Rows given out.
    pub rows_out: u64,
    /// Bytes read, for a source; bytes of values written, for a sink.
    pub bytes: u64,
    /// Rows or records refused.
    pub errors: u64,
    /// Time spent in its code.
    pub busy: Duration,
}

impl NodeMetrics {
    pub(super) fn took(&self, rows: usize, bytes: usize) {
        self.rows_in.fetch_add(rows as u64, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn gave(&self, rows: usize) {
        self.rows_out.fetch_add(rows as u64, Relaxed);
    }

    pub(super) fn refused(&self, rows: usize) {
        self.errors.fetch_add(rows as u64, Relaxed);
    }

    /// Records or rows that failed for good and count against the pipeline's error limit, by code.
    pub(super) fn failed<'a, E: 'a>(
        &self,
        failed: impl Iterator<Item = (&'a str, &'a E)>,
        example: impl Fn(&E) -> String,
    ) {
        let mut by_code = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, error) in failed {
            let known = by_code.contains_key(code) || by_code.len() < MOST_CODES;
            let code = if known { code } else { OTHER_CODES };
            if let Some(failed) = by_code.get_mut(code) {
                failed.count += 1;
            } else {
                let example = example(error).chars().take(EXAMPLE_CHARS).collect();
                by_code.insert(code.to_owned(), Failed { code: code.to_owned(), count: 1, example });
            }
        }
    }

    /// The failures since this was last called.
    pub(super) fn take_failed(&self) -> Vec<Failed> {
        std::mem::take(&mut *self.failed.lock().unwrap_or_else(PoisonError::into_inner))
            .into_values()
            .collect()
    }

    pub(super) fn worked(&self, time: Duration) {
        self.busy_ns.fetch_add(time.as_nanos() as u64, Relaxed);
    }

    /// What they stand at.
    pub fn totals(&self) -> NodeTotals {
        NodeTotals {
            rows_in: self.rows_in.load(Relaxed),
            rows_out: self.rows_out.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            errors: self.errors.load(Relaxed),
            busy: Duration::from_nanos(self.busy_ns.load(Relaxed)),
        }
    }
}

/// Where a source's partition stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceTotals {
    /// The offset to be read next.
    pub position: i64,
    /// Everything below it is committed.
    pub committed: Option<i64>,
    /// Records between it and the end, where that is known.
    pub lag: Option<i64>,
    /// How far its event time has come, where it has any.
    pub watermark_ms: Option<i64>,
}

/// Counters of one pipeline. They live as long as the pipeline runs, through restarts.
#[derive(Debug, Default)]
pub struct PipelineMetrics {
    nodes: Mutex<BTreeMap<String, std::sync::Arc<NodeMetrics>>>,
    positions: Mutex<BTreeMap<(String, i32), SourceTotals>>,
    dead_letters: AtomicU64,
    checkpoints: AtomicU64,
}

impl PipelineMetrics {
    /// Counters of the node called `name`.
    pub fn node(&self, name: &str) -> std::sync::Arc<NodeMetrics> {
        let mut nodes = self.nodes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        std::sync::Arc::clone(nodes.entry(name.to_owned()).or_default())
    }

    /// Where each partition of each source stands: (source, partition).
    pub fn positions(&self) -> BTreeMap<(String, i32), SourceTotals> {
        self.positions.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Position, lag and watermark of a partition.
    pub(super) fn at(&self, source: &str, partition: i32, now: (i64, Option<i64>, Option<i64>)) {
        let mut positions = self.positions.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let place = positions.entry((source.to_owned(), partition)).or_default();
        (place.position, place.lag, place.watermark_ms) = now;
    }

    pub(super) fn committed(&self, source: &str, partition: i32, offset: i64) {
        let mut positions = self.positions.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        positions.entry((source.to_owned(), partition)).or_default().committed = Some(offset);
    }

    pub(super) fn forget_positions(&self) {
        self.positions.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
    }

    pub(super) fn dead_letters_kept(&self, more: u64) {
        self.dead_letters.fetch_add(more, Relaxed);
    }

    /// Dead letters that are durable.
    pub fn dead_letters(&self) -> u64 {
        self.dead_letters.load(Relaxed)
    }

    pub(super) fn checkpoint(&self, id: u64) {
        self.checkpoints.store(id, Relaxed);
    }

    /// The last checkpoint that completed; 0 before the first.
    pub fn last_checkpoint(&self) -> u64 {
        self.checkpoints.load(Relaxed)
    }
}
