//! What each version of a step's component did, counted by its tasks and read by whoever asks. Knows nothing of
//! exchanges.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{CallError, Version, VersionRef};

/// Versions whose counters are kept. Those of the version that ran longest ago go first.
const MOST_VERSIONS: usize = 32;

/// Counters of one version over all tasks.
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: AtomicU64,
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    errors: AtomicU64,
    traps: AtomicU64,
    timeouts: AtomicU64,
    invalid: AtomicU64,
    busy_ns: AtomicU64,
}

/// A reading of one version's counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionTotals {
    /// Which one.
    pub version: VersionRef,
    /// Calls of the guest.
    pub calls: u64,
    /// Rows that this version answered: each row of the step's input counts for exactly one version.
    pub rows_in: u64,
    /// Rows given.
    pub rows_out: u64,
    /// Rows refused, by the guest or because it fails on them.
    pub errors: u64,
    /// Calls that trapped.
    pub traps: u64,
    /// Calls that ran out of time.
    pub timeouts: u64,
    /// Calls with an answer that the interface does not allow.
    pub invalid: u64,
    /// Time spent in calls.
    pub busy: Duration,
}

impl Counters {
    pub fn called(&self, time: Duration, failure: Option<&CallError>) {
        self.calls.fetch_add(1, Relaxed);
        self.busy_ns.fetch_add(time.as_nanos() as u64, Relaxed);
        let of = match failure {
            Some(CallError::Trap { .. }) => &self.traps,
            Some(CallError::Timeout { .. }) => &self.timeouts,
            Some(CallError::Invalid { .. }) => &self.invalid,
            Some(CallError::Recalled | CallError::Transient(_) | CallError::Fatal(_)) | None => return,
        };
        of.fetch_add(1, Relaxed);
    }

    pub fn answered(&self, rows_in: usize, rows_out: usize, errors: usize) {
        self.rows_in.fetch_add(rows_in as u64, Relaxed);
        self.rows_out.fetch_add(rows_out as u64, Relaxed);
        self.errors.fetch_add(errors as u64, Relaxed);
    }

    fn totals(&self, version: VersionRef) -> VersionTotals {
        VersionTotals {
            version,
            calls: self.calls.load(Relaxed),
            rows_in: self.rows_in.load(Relaxed),
            rows_out: self.rows_out.load(Relaxed),
            errors: self.errors.load(Relaxed),
            traps: self.traps.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
            invalid: self.invalid.load(Relaxed),
            busy: Duration::from_nanos(self.busy_ns.load(Relaxed)),
        }
    }
}

/// The counters of the versions that a step ran. A version that comes again goes on with its own.
#[derive(Default)]
pub(super) struct CounterTable(VecDeque<(VersionRef, Arc<Counters>)>);

impl CounterTable {
    /// The counters of `version`, which is about to run.
    pub fn of(&mut self, version: &dyn Version) -> Arc<Counters> {
        let wanted = VersionRef::of(version);
        let known = self.0.iter().position(|(known, _)| *known == wanted);
        let entry = known.and_then(|at| self.0.remove(at)).unwrap_or_else(|| (wanted, Arc::default()));
        let counters = Arc::clone(&entry.1);
        self.0.push_back(entry);
        if self.0.len() > MOST_VERSIONS {
            self.0.pop_front();
        }
        counters
    }

    /// All readings, the version that came last at the end.
    pub fn totals(&self) -> Vec<VersionTotals> {
        self.0.iter().map(|(version, counters)| counters.totals(version.clone())).collect()
    }
}
