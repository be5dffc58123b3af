//! Which barrier is behind everything that the brokers have acknowledged. Records are counted by epoch: the
//! stretch between two barriers. librdkafka's threads count down, one writer counts up and asks.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Epochs that may be open at once; when all are, the next barrier shares the newest.
const EPOCHS: usize = 64;

/// Counts of records that are taken and not acknowledged, by epoch. Shared with librdkafka's threads.
pub(super) struct Acks {
    open: [AtomicU64; EPOCHS],
    /// The epoch of records sent now, as an index of `open`.
    epoch: AtomicUsize,
    /// Code of the first failure; 0 is none.
    failure: AtomicI32,
    waiting: AtomicBool,
    lock: Mutex<()>,
    progress: Condvar,
}

impl Acks {
    pub fn new() -> Self {
        Acks {
            open: [const { AtomicU64::new(0) }; EPOCHS],
            epoch: AtomicUsize::new(0),
            failure: AtomicI32::new(0),
            waiting: AtomicBool::new(false),
            lock: Mutex::new(()),
            progress: Condvar::new(),
        }
    }

    /// The mark that records sent now carry.
    pub fn epoch(&self) -> usize {
        self.epoch.load(Ordering::Relaxed)
    }

    /// `count` records are about to be sent.
    pub fn add(&self, count: usize) {
        self.open[self.epoch()].fetch_add(count as u64, Ordering::Relaxed);
    }

    /// `count` of them were not taken.
    pub fn remove(&self, count: usize) {
        self.open[self.epoch()].fetch_sub(count as u64, Ordering::SeqCst);
    }

    /// A record of `epoch` is safe.
    pub fn delivered(&self, epoch: usize) {
        if self.open[epoch % EPOCHS].fetch_sub(1, Ordering::SeqCst) == 1 {
            self.wake();
        }
    }

    /// A record of `epoch` is lost for good.
    pub fn failed(&self, epoch: usize, code: i32) {
        // Kept even if a barrier seems complete by the count: the failure is asked for first.
        let _ = self.failure.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
        self.open[epoch % EPOCHS].fetch_sub(1, Ordering::SeqCst);
        self.wake();
    }

    /// The code of the first failure.
    pub fn failure(&self) -> Option<i32> {
        Some(self.failure.load(Ordering::SeqCst)).filter(|code| *code != 0)
    }

    /// Records taken and not acknowledged.
    pub fn outstanding(&self) -> u64 {
        self.open.iter().map(|epoch| epoch.load(Ordering::SeqCst)).sum()
    }

    fn is_open(&self, epoch: usize) -> bool {
        self.open[epoch].load(Ordering::SeqCst) > 0
    }

    fn wake(&self) {
        if self.waiting.load(Ordering::SeqCst) {
            drop(self.lock.lock());
            self.progress.notify_all();
        }
    }

    /// Waits until `epoch` is acknowledged or something failed, at most `wait`.
    fn wait(&self, epoch: usize, wait: Duration) {
        let guard = self.lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.waiting.store(true, Ordering::SeqCst);
        // Whoever counts down from here on sees `waiting` and needs the lock to wake us.
        let waits = |_: &mut ()| self.is_open(epoch) && self.failure().is_none();
        drop(self.progress.wait_timeout_while(guard, wait, waits));
        self.waiting.store(false, Ordering::SeqCst);
    }
}

/// The barriers of one writer.
#[derive(Debug, Default)]
pub(super) struct Barriers {
    /// Barrier and the epoch that it ends, oldest first.
    pending: VecDeque<(u64, usize)>,
    /// Epochs that are not known to be acknowledged, oldest first, the present one last.
    first: usize,
    count: usize,
    delivered: Option<u64>,
}

impl Barriers {
    /// Everything sent so far belongs to barrier `id` or an earlier one.
    pub fn barrier(&mut self, id: u64, acks: &Acks) {
        self.settle(acks);
        let epoch = acks.epoch();
        self.pending.push_back((id, epoch));
        // With no epoch free the barrier covers what comes after it too: late, never early.
        if self.count + 1 < EPOCHS {
            self.count += 1;
            acks.epoch.store((epoch + 1) % EPOCHS, Ordering::Relaxed);
        }
    }

    /// The highest barrier behind everything acknowledged, after waiting at most `wait` for the next one.
    pub fn delivered(&mut self, acks: &Acks, wait: Duration) -> Option<u64> {
        self.settle(acks);
        if !wait.is_zero() && !self.pending.is_empty() {
            acks.wait(self.first, wait);
            self.settle(acks);
        }
        self.delivered
    }

    /// Whether a barrier waits for acknowledgements.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    fn settle(&mut self, acks: &Acks) {
        // A failed record leaves its epoch too, after the failure is noted: so look at the failure last.
        while !acks.is_open(self.first) && acks.failure().is_none() {
            while let Some((id, _)) = self.pending.front().filter(|(_, epoch)| *epoch == self.first) {
                self.delivered = Some(*id);
                self.pending.pop_front();
            }
            if self.first == acks.epoch() {
                return;
            }
            self.first = (self.first + 1) % EPOCHS;
            self.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_barrier_is_delivered_with_the_last_record_before_it() {
        let (acks, mut barriers) = (Acks::new(), Barriers::default());
        acks.add(2);
        let first = acks.epoch();
        barriers.barrier(1, &acks);
        acks.add(1);
        let second = acks.epoch();
        barriers.barrier(2, &acks);
        assert_eq!(barriers.delivered(&acks, Duration::ZERO), None);
        acks.delivered(second);
        acks.delivered(first);
        assert_eq!(barriers.delivered(&acks, Duration::ZERO), None, "one of the first two is out");
        acks.delivered(first);
        assert_eq!(barriers.delivered(&acks, Duration::ZERO), Some(2));
        barriers.barrier(3, &acks);
        assert_eq!(barriers.delivered(&acks, Duration::ZERO), Some(3), "nothing was sent");
    }

    #[test]
    fn a_failure_holds_every_barrier_back() {
        let (acks, mut barriers) = (Acks::new(), Barriers::default());
        acks.add(1);
        acks.failed(acks.epoch(), 29);
        barriers.barrier(1, &acks);
        assert_eq!((barriers.delivered(&acks, Duration::ZERO), acks.failure()), (None, Some(29)));
    }

    #[test]
    fn a_wait_ends_with_the_acknowledgement() {
        let (acks, mut barriers) = (Acks::new(), Barriers::default());
        acks.add(1);
        let epoch = acks.epoch();
        barriers.barrier(7, &acks);
        let delivered = std::thread::scope(|scope| {
            scope.spawn(|| acks.delivered(epoch));
            barriers.delivered(&acks, Duration::from_secs(60))
        });
        assert_eq!(delivered, Some(7));
    }

    proptest! {
        /// Whatever the order of acknowledgements, a barrier is never called delivered early, and is in the end.
        #[test]
        fn never_early_and_never_forgotten(
            sizes in prop::collection::vec(0usize..4, 1..150),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 400),
        ) {
            let (acks, mut barriers) = (Acks::new(), Barriers::default());
            let mut out: Vec<(u64, usize)> = Vec::new();
            let mut picks = picks.into_iter();
            for (i, size) in sizes.iter().enumerate() {
                let id = i as u64 + 1;
                acks.add(*size);
                out.extend(std::iter::repeat_n((id, acks.epoch()), *size));
                barriers.barrier(id, &acks);
                if i % 3 == 0 && !out.is_empty() && let Some(pick) = picks.next() {
                    let (_, epoch) = out.swap_remove(pick.index(out.len()));
                    acks.delivered(epoch);
                }
                let delivered = barriers.delivered(&acks, Duration::ZERO).unwrap_or(0);
                prop_assert!(out.iter().all(|(id, _)| *id > delivered));
            }
            while !out.is_empty() {
                let at = picks.next().map_or(0, |pick| pick.index(out.len()));
                let (_, epoch) = out.swap_remove(at);
                acks.delivered(epoch);
                let delivered = barriers.delivered(&acks, Duration::ZERO).unwrap_or(0);
                prop_assert!(out.iter().all(|(id, _)| *id > delivered));
            }
            prop_assert_eq!(barriers.delivered(&acks, Duration::ZERO), Some(sizes.len() as u64));
            prop_assert_eq!(acks.outstanding(), 0);
        }
    }
}
