//! Where to begin reading a partition: the committed offset, or what the source says when there is none. Pure;
//! every begin is an explicit offset, so nothing is left to a default of the library.

use super::gap::{Gap, OnGap};
use crate::spec::Start;

/// What was found out about a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The group's committed offset.
    pub committed: Option<i64>,
    /// The oldest offset that the broker has.
    pub oldest: i64,
    /// The offset after the newest record that a reader may see.
    pub end: i64,
    /// The first offset at or after the source's start time; `None` when there is none such.
    pub at_time: Option<i64>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Here.
    At {
        /// The offset.
        offset: i64,
        /// Commit it at once: the next owner must not choose anew, or records in between would be skipped.
        remember: bool,
    },
    /// Records were dropped; go on here.
    After {
        /// The gap, to report.
        gap: Gap,
        /// The offset.
        offset: i64,
    },
    /// Records were dropped and the policy is to stop.
    Gap(Gap),
    /// Nothing was committed, and the source wants that.
    NothingCommitted,
}

/// Decides where to begin.
pub(super) fn begin(start: Start, on_gap: OnGap, facts: &Facts) -> Begin {
    if let Some(committed) = facts.committed {
        // Beyond the end is left to the broker: what a reader may see can lie behind what was committed.
        return match Gap::find(committed, facts.oldest, i64::MAX) {
            None => Begin::At { offset: committed, remember: false },
            Some(gap) => {
                let gap = Gap { end: facts.end, ..gap };
                gap.next(on_gap).map_or(Begin::Gap(gap), |offset| Begin::After { gap, offset })
            }
        };
    }
    match start {
        Start::Earliest => Begin::At { offset: facts.oldest, remember: false },
        Start::Latest => Begin::At { offset: facts.end, remember: true },
        Start::Timestamp(_) => match facts.at_time {
            Some(offset) => Begin::At { offset, remember: false },
            None => Begin::At { offset: facts.end, remember: true },
        },
        Start::Committed => Begin::NothingCommitted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts { committed: None, oldest: 10, end: 100, at_time: Some(42) };

    fn at(offset: i64, remember: bool) -> Begin {
        Begin::At { offset, remember }
    }

    #[test]
    fn without_a_commit_the_source_decides() {
        let of = |start, facts: &Facts| begin(start, OnGap::Stop, facts);
        assert_eq!(of(Start::Earliest, &FACTS), at(10, false));
        assert_eq!(of(Start::Latest, &FACTS), at(100, true));
        assert_eq!(of(Start::Timestamp(7), &FACTS), at(42, false));
        assert_eq!(of(Start::Timestamp(7), &Facts { at_time: None, ..FACTS }), at(100, true));
        assert_eq!(of(Start::Committed, &FACTS), Begin::NothingCommitted);
    }

    #[test]
    fn a_commit_wins_over_every_start() {
        let facts = Facts { committed: Some(50), ..FACTS };
        for start in [Start::Earliest, Start::Latest, Start::Committed, Start::Timestamp(1)] {
            assert_eq!(begin(start, OnGap::Stop, &facts), at(50, false));
        }
        assert_eq!(
            begin(Start::Earliest, OnGap::Stop, &Facts { committed: Some(100), ..FACTS }),
            at(100, false)
        );
    }

    #[test]
    fn a_commit_that_is_gone_stops_or_goes_on_as_told() {
        let facts = Facts { committed: Some(4), ..FACTS };
        let gap = Gap { wanted: 4, oldest: 10, end: 100 };
        assert_eq!(begin(Start::Latest, OnGap::Stop, &facts), Begin::Gap(gap));
        assert_eq!(begin(Start::Latest, OnGap::Oldest, &facts), Begin::After { gap, offset: 10 });
        assert_eq!(begin(Start::Latest, OnGap::Newest, &facts), Begin::After { gap, offset: 100 });
    }
}
