//! Whether so much fails at one place of a pipeline that going on would only drain a topic into the dead letters.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use crate::spec::{ErrorLimit, show_duration};

/// What one place took and what failed there, since it was last looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Records or rows taken.
    pub taken: u64,
    /// Those that failed for good, by code.
    pub failed: Vec<Failed>,
}

/// Records or rows that failed with one code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// The code.
    pub code: String,
    /// How many.
    pub count: u64,
    /// One of them: its place and what was said of it.
    pub example: String,
}

/// More failed than the limit allows.
#[derive(Clone, Debug, PartialEq)]
pub struct Excess {
    /// Records or rows taken.
    pub taken: u64,
    /// Those that failed.
    pub failed: u64,
    /// The most frequent code, how often it came, and one example.
    pub most: Failed,
    /// What would have been allowed.
    pub limit: ErrorLimit,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Excess { taken, failed, most, limit } = self;
        write!(
            f,
            "{failed} of {taken} rows failed within {}, more than the share of {} that `errors.max_share` allows; \
             most often `{}` ({} times), for example {}",
            show_duration(limit.within),
            limit.max_share,
            most.code,
            most.count,
            most.example
        )
    }
}

/// Watches one place. The window holds one turn for each call of [`observe`](Self::observe).
#[derive(Debug)]
pub struct ErrorGuard {
    limit: ErrorLimit,
    turns: VecDeque<(Duration, Seen)>,
    taken: u64,
    failed: u64,
}

impl ErrorGuard {
    /// One that has seen nothing.
    pub fn new(limit: ErrorLimit) -> Self {
        ErrorGuard { limit, turns: VecDeque::new(), taken: 0, failed: 0 }
    }

    /// Begins anew: what was seen was somebody else's doing.
    pub fn forget(&mut self) {
        *self = ErrorGuard::new(self.limit);
    }

    /// Adds what was seen until `now`, a time since any fixed start, and judges the window that ends there.
    pub fn observe(&mut self, now: Duration, seen: Seen) -> Option<Excess> {
        self.taken += seen.taken;
        self.failed += count(&seen);
        if seen != Seen::default() {
            self.turns.push_back((now, seen));
        }
        while let Some((at, _)) = self.turns.front()
            && now.saturating_sub(*at) > self.limit.within
        {
            if let Some((_, gone)) = self.turns.pop_front() {
                self.taken -= gone.taken;
                self.failed -= count(&gone);
            }
        }
        // Rows that were tried again for longer than the window fail in a window that did not see them taken.
        let taken = self.taken.max(self.failed);
        let too_many = self.failed as f64 > self.limit.max_share * taken as f64;
        (taken >= self.limit.min_records && too_many).then(|| Excess {
            taken,
            failed: self.failed,
            most: self.most_frequent(),
            limit: self.limit,
        })
    }

    /// The code that failed most, with its oldest example.
    fn most_frequent(&self) -> Failed {
        let mut by_code: BTreeMap<&str, Failed> = BTreeMap::new();
        for failed in self.turns.iter().flat_map(|(_, seen)| &seen.failed) {
            by_code.entry(&failed.code).or_insert_with(|| Failed { count: 0, ..failed.clone() }).count +=
                failed.count;
        }
        by_code.into_values().max_by_key(|failed| failed.count).unwrap_or_default()
    }
}

fn count(seen: &Seen) -> u64 {
    seen.failed.iter().map(|failed| failed.count).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn seen(taken: u64, failed: &[(&str, u64)]) -> Seen {
        let one = |(code, count): &(&str, u64)| Failed {
            code: (*code).into(),
            count: *count,
            example: format!("orders[0]@7: {code}"),
        };
        Seen { taken, failed: failed.iter().map(one).collect() }
    }

    fn guard(max_share: f64, min_records: u64) -> ErrorGuard {
        ErrorGuard::new(ErrorLimit { max_share, within: 10 * SECOND, min_records })
    }

    #[test]
    fn more_than_half_of_a_hundred_stops_and_says_why() {
        let mut guard = ErrorGuard::new(ErrorLimit::default());
        assert_eq!(guard.observe(SECOND, seen(99, &[("bad", 99)])), None, "too few to judge");
        let excess = guard.observe(2 * SECOND, seen(1, &[("worse", 1)])).unwrap();
        insta::assert_snapshot!(excess, @"100 of 100 rows failed within 10s, more than the share of 0.5 that `errors.max_share` allows; most often `bad` (99 times), for example orders[0]@7: bad");
        assert_eq!(guard.observe(3 * SECOND, seen(100, &[])), None, "exactly half is allowed");
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut guard = guard(0.5, 100);
        assert_eq!(guard.observe(SECOND, seen(99, &[("bad", 99)])), None);
        assert_eq!(guard.observe(12 * SECOND, seen(99, &[("bad", 99)])), None);
        assert!(guard.observe(13 * SECOND, seen(1, &[("bad", 1)])).is_some());
        guard.forget();
        assert_eq!(guard.observe(13 * SECOND, seen(99, &[("bad", 99)])), None);
    }

    #[test]
    fn a_share_of_one_never_stops_and_late_failures_count_against_themselves() {
        assert_eq!(guard(1.0, 1).observe(SECOND, seen(5, &[("bad", 5)])), None);
        assert_eq!(guard(1.0, 1).observe(SECOND, seen(0, &[("bad", 5)])), None);
        let excess = guard(0.9, 1).observe(SECOND, seen(0, &[("bad", 5)])).unwrap();
        assert_eq!((excess.taken, excess.failed), (5, 5));
    }

    proptest! {
        /// The window's answer is that of adding up everything in it by hand.
        #[test]
        fn the_sums_are_those_of_the_window(
            turns in prop::collection::vec((0u64..4_000, 0u64..50, 0u64..50), 1..80),
            max_share in 0.0f64..1.0, min_records in 1u64..200,
        ) {
            let mut guard = guard(max_share, min_records);
            let (mut now, mut all) = (Duration::ZERO, Vec::new());
            for (wait_ms, taken, failed) in turns {
                now += Duration::from_millis(wait_ms);
                all.push((now, taken, failed));
                let codes: &[(&str, u64)] = if failed == 0 { &[] } else { &[("bad", failed)] };
                let found = guard.observe(now, seen(taken, codes));
                let within = all.iter().filter(|(at, ..)| now - *at <= 10 * SECOND);
                let (taken, failed) = within.fold((0, 0), |(t, f), (_, taken, failed)| (t + taken, f + failed));
                let base = taken.max(failed);
                let expected = base >= min_records && failed as f64 > max_share * base as f64;
                prop_assert_eq!(found.as_ref().map(|e| (e.taken, e.failed, e.most.count)),
                    expected.then_some((base, failed, failed)));
            }
        }
    }
}
