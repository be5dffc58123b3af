//! How many bytes all Kafka clients of a host may hold in their queues, dealt out as they are made. Pure but
//! for the lock around what is left; knows nothing of clients.

use std::sync::{Arc, Mutex};

use crate::connector::ConnectorError;

/// The bytes that a host's Kafka clients may queue.
#[derive(Debug)]
pub(super) struct Budget {
    total: u64,
    left: Mutex<u64>,
}

/// Bytes taken from a [`Budget`]; they go back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    pub fn new(total: u64) -> Arc<Self> {
        Arc::new(Budget { total, left: Mutex::new(total) })
    }

    /// Up to `want` bytes for `whom`, at least `least`: less than `want` when much is taken already, or when it is one
    /// of many, `peers`, that take theirs now. The first takes no more than a part either: a host runs many pipelines.
    pub fn take(
        self: &Arc<Self>,
        whom: &str,
        want: u64,
        least: u64,
        peers: u64,
    ) -> Result<Share, ConnectorError> {
        let mut left = self.left.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(bytes) = grant(*left, want, least, peers) else {
            return Err(ConnectorError::Stop(format!(
                "{whom} needs {} MiB for its queue, and of the {} MiB that all Kafka clients of this host may \
                 queue only {} MiB are left: raise `limits.kafka_queue_bytes` in the host's config or run fewer \
                 pipelines here",
                least.div_ceil(MIB),
                self.total / MIB,
                *left / MIB,
            )));
        };
        *left -= bytes;
        Ok(Share { budget: Arc::clone(self), bytes })
    }
}

const MIB: u64 = 1024 * 1024;

/// Clients that there may be beside one, at least.
const OTHERS: u64 = 7;

/// What is left, shared with the others and those to come, within `least..=want`.
fn grant(left: u64, want: u64, least: u64, peers: u64) -> Option<u64> {
    (left >= least).then(|| want.min((left / peers.max(OTHERS).saturating_add(1)).max(least)))
}

impl Share {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        *self.budget.left.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_get_what_they_want_the_later_get_less_and_all_comes_back() {
        let budget = Budget::new(1024 * MIB);
        let take = |want| budget.take("x", want * MIB, MIB, 1).map(|share| (share.bytes() / MIB, share));
        let shares: Vec<_> = std::iter::from_fn(|| take(32).ok()).collect();
        let sizes: Vec<u64> = shares.iter().map(|(mib, _)| *mib).collect();
        assert_eq!(sizes[..25], [32; 25]);
        assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes.len() > 50, "{sizes:?}");
        assert_eq!(sizes.last(), Some(&1));
        drop(shares);
        assert_eq!(take(32).unwrap().0, 32);
    }

    #[test]
    fn many_that_come_together_get_their_parts_and_leave_some() {
        for peers in [2, 10, 60, 120] {
            let budget = Budget::new(256 * MIB);
            let reads = budget.take("a group", 1_000 * MIB, MIB, 1).unwrap();
            let shares: Vec<_> =
                (0..peers).map(|_| budget.take("x", 32 * MIB, MIB, peers).unwrap()).collect();
            let sizes = || shares.iter().map(Share::bytes);
            let (most, fewest) = (sizes().max().unwrap(), sizes().min().unwrap());
            assert!(fewest >= MIB && most <= 3 * fewest, "{peers}: {fewest} to {most}");
            drop(reads);
            assert!(budget.take("the next", 32 * MIB, MIB, 1).is_ok());
        }
    }

    #[test]
    fn an_empty_budget_is_a_clear_refusal() {
        let budget = Budget::new(3 * MIB);
        let held = budget.take("a", 2 * MIB, 2 * MIB, 1).unwrap();
        let error = budget.take("the writer of sink `out`", 32 * MIB, 2 * MIB, 1).unwrap_err();
        insta::assert_snapshot!(error, @"the writer of sink `out` needs 2 MiB for its queue, and of the 3 MiB that all Kafka clients of this host may queue only 1 MiB are left: raise `limits.kafka_queue_bytes` in the host's config or run fewer pipelines here");
        drop(held);
    }
}
