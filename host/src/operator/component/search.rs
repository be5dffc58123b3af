//! The search for the rows on which a component fails, with the time that it may take. Pure; the operator tries the
//! rows and keeps the time.
//!
//! A trap costs microseconds, so any number of traps is borne. A row on which a guest loops for ever costs time:
//! a row is only to blame after it had, alone, all the time that a call may take. To get down to it, the parts
//! of the batch have much less: as much as such a part ever needs. A part that would have answered later is
//! merely split, and nothing is lost but time. All the time that calls ran out of is bounded by
//! [`MOST_TIMEOUTS`].

use std::ops::Range;
use std::time::Duration;

use crate::operator::search::Search;

/// What the calls of one batch that do not come back may cost, in times of a call.
pub(super) const MOST_TIMEOUTS: u32 = 8;
/// A part may take so many times as long as its number of rows usually takes.
const TIMES_USUAL: u32 = 16;
/// No part has less than this share of the time of a call: a call costs something even without rows.
const LEAST_SHARE: u32 = 50;
/// Share of a new measurement in the average.
const NEW: f64 = 0.125;

/// How long rows take, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    ns_per_row: Option<f64>,
}

impl Pace {
    /// So many rows were answered in this time.
    pub fn note(&mut self, rows: usize, took: Duration) {
        if rows > 0 {
            let new = took.as_nanos() as f64 / rows as f64;
            self.ns_per_row = Some(self.ns_per_row.map_or(new, |old| old + NEW * (new - old)));
        }
    }

    /// What so many rows usually take.
    pub fn usual(&self, rows: usize) -> Option<Duration> {
        self.ns_per_row.map(|ns| Duration::from_nanos((ns * rows as f64) as u64))
    }
}

/// Rows to try, and the time they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub rows: Range<usize>,
    pub limit: Duration,
}

/// What follows from a failed part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its halves are tried next.
    Split,
    /// This row is the poison.
    Poison(usize),
    /// So much time is all that one batch may cost.
    GiveUp(Duration),
}

/// A search under way.
#[derive(Debug)]
pub(super) struct TimedSearch {
    search: Search,
    rows: usize,
    /// Of a call.
    limit: Duration,
    pace: Pace,
    /// Rows answered in this search, and the time that took.
    answered: (usize, Duration),
    /// What calls without an answer have cost.
    spent: Duration,
}

impl TimedSearch {
    /// Of a batch of this many rows, which is tried first with the whole `limit` of a call. `pace` is that of
    /// the batches before.
    pub fn new(rows: usize, limit: Duration, pace: Pace) -> TimedSearch {
        let (search, answered, spent) = (Search::default(), (0, Duration::ZERO), Duration::ZERO);
        TimedSearch { search, rows, limit, pace, answered, spent }
    }

    /// The next rows to try; those before have all been answered.
    pub fn next(&mut self) -> Option<Part> {
        let rows = self.search.next()?;
        let limit = self.time_of(rows.len()).min(self.left());
        Some(Part { rows, limit })
    }

    /// A part was answered.
    pub fn answered(&mut self, rows: usize, took: Duration) {
        self.answered.0 += rows;
        self.answered.1 += took;
    }

    /// A part failed: because it did not answer in its time, or else by itself.
    pub fn failed(&mut self, part: Part, timeout: bool) -> Verdict {
        let Part { rows, limit } = part;
        if timeout {
            self.spent += limit;
        }
        let blamed = rows.len() <= 1 && (!timeout || limit >= self.limit);
        if timeout && self.left().is_zero() && !(blamed && self.search.is_over()) {
            return Verdict::GiveUp(self.spent);
        }
        self.search.failed(rows).map_or(Verdict::Split, Verdict::Poison)
    }

    fn left(&self) -> Duration {
        (self.limit * MOST_TIMEOUTS).saturating_sub(self.spent)
    }

    /// What a part of so many rows has. As long as nothing is known of their pace, its share of a call.
    fn time_of(&self, rows: usize) -> Duration {
        if rows <= 1 {
            return self.limit;
        }
        let mut pace = self.pace;
        if pace.ns_per_row.is_none() {
            pace.note(self.answered.0, self.answered.1);
        }
        let needed = match pace.usual(rows) {
            Some(usual) => usual.saturating_mul(TIMES_USUAL),
            None => self.limit.mul_f64(rows as f64 / self.rows as f64),
        };
        needed.clamp(self.limit / LEAST_SHARE, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);
    const ROW: Duration = Duration::from_micros(1);

    /// What a search came to.
    #[derive(Debug, Default)]
    struct Found {
        good: Vec<usize>,
        bad: Vec<usize>,
        calls: u32,
        spent: Duration,
        given_up: bool,
    }

    /// Rows take [`ROW`] each; those in `traps` trap, those in `loops` never answer, those in `slow` take half
    /// of the time of a call.
    fn search(rows: usize, pace: Pace, traps: &[usize], loops: &[usize], slow: &[usize]) -> Found {
        let [traps, loops, slow] = [traps, loops, slow].map(|of| of.iter().copied().collect::<BTreeSet<_>>());
        let mut search = TimedSearch::new(rows, LIMIT, pace);
        let mut found = Found::default();
        let mut part = Some(Part { rows: 0..rows, limit: LIMIT });
        while let Some(next) = part {
            found.calls += 1;
            let has = |of: &BTreeSet<usize>| of.range(next.rows.clone()).count() as u32;
            let took = ROW * next.rows.len() as u32 + LIMIT / 2 * has(&slow);
            let timeout = has(&loops) > 0 || took > next.limit;
            if timeout || has(&traps) > 0 {
                found.spent += if timeout { next.limit } else { Duration::ZERO };
                match search.failed(next, timeout) {
                    Verdict::Split => {}
                    Verdict::Poison(row) => found.bad.push(row),
                    Verdict::GiveUp(spent) => {
                        assert_eq!(spent, found.spent);
                        found.given_up = true;
                        return found;
                    }
                }
            } else {
                search.answered(next.rows.len(), took);
                found.good.extend(next.rows);
            }
            part = search.next();
        }
        found
    }

    fn known() -> Pace {
        let mut pace = Pace::default();
        pace.note(8_192, ROW * 8_192);
        pace
    }

    proptest! {
        #[test]
        fn timeouts_never_cost_more_than_they_may_and_no_good_row_is_blamed(
            rows in 1usize..3_000,
            loops in prop::collection::btree_set(0usize..3_000, 0..12),
            slow in prop::collection::btree_set(0usize..3_000, 0..4),
            measured: bool,
        ) {
            let of = |set: BTreeSet<usize>| set.into_iter().filter(|row| *row < rows).collect::<Vec<_>>();
            let (loops, slow) = (of(loops), of(slow));
            let pace = if measured { known() } else { Pace::default() };
            let found = search(rows, pace, &[], &loops, &slow);
            prop_assert!(found.spent <= LIMIT * MOST_TIMEOUTS, "{:?}", found.spent);
            prop_assert!(found.bad.iter().all(|row| loops.contains(row)));
            if !found.given_up {
                prop_assert_eq!(found.bad, loops);
            }
        }
    }

    #[test]
    fn traps_are_found_however_many_there_are() {
        let all: Vec<usize> = (0..8_192).collect();
        assert_eq!(search(8_192, known(), &all, &[], &[]).bad, all);
    }

    #[test]
    fn a_few_looping_rows_are_found_within_the_time() {
        let found = search(8_192, known(), &[], &[5_000], &[]);
        assert_eq!(found.bad, [5_000]);
        assert!(found.spent < LIMIT.mul_f64(2.4), "{:?}", found.spent);
        let four = [0, 2_048, 5_000, 8_191];
        let found = search(8_192, known(), &[], &four, &[]);
        assert_eq!(found.bad, four);
        assert!(found.spent < LIMIT.mul_f64(6.5), "{:?}", found.spent);
        // Nothing was ever answered before, and the first row loops: nothing is known until the end.
        let found = search(8_192, Pace::default(), &[], &[0], &[]);
        assert_eq!(found.bad, [0]);
        assert!(found.spent < LIMIT.mul_f64(3.5), "{:?}", found.spent);
    }

    #[test]
    fn a_batch_that_loops_everywhere_is_given_up() {
        let all: Vec<usize> = (0..8_192).collect();
        for pace in [Pace::default(), known()] {
            let found = search(8_192, pace, &[], &all, &[]);
            assert!(found.given_up);
            assert_eq!(found.spent, LIMIT * MOST_TIMEOUTS);
        }
        let one = search(1, Pace::default(), &[], &[0], &[]);
        assert_eq!((one.bad, one.calls), (vec![0], 1));
    }

    #[test]
    fn a_row_that_is_slow_but_in_time_is_answered_beside_one_that_loops() {
        let found = search(8_192, known(), &[], &[100], &[7_000]);
        assert_eq!(found.bad, [100]);
        assert_eq!(found.good.len(), 8_191);
    }
}
