//! The search for the rows of a batch on which an operator fails: halves in order, until single rows remain.
//! Pure; the operators themselves try the rows.

use std::ops::Range;

/// Rows that loop for ever which one batch may have: finding one costs a timeout for each halving.
const LOOPING_ROWS: u32 = 4;

/// What follows from a failed range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its halves are tried next.
    Split,
    /// This row is the poison.
    Poison(usize),
    /// So many timeouts are more than one batch may cost.
    GiveUp(u32),
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Search {
    /// Ranges to try, the next one last.
    open: Vec<Range<usize>>,
    timeouts: u32,
    most_timeouts: u32,
}

impl Search {
    /// Of a batch of this many rows.
    pub fn new(rows: usize) -> Search {
        let halvings = usize::BITS - rows.leading_zeros();
        Search { open: Vec::new(), timeouts: 0, most_timeouts: LOOPING_ROWS * (halvings + 1) }
    }

    /// The next rows to try; those before have all been answered.
    pub fn next(&mut self) -> Option<Range<usize>> {
        self.open.pop()
    }

    /// A call with these rows failed. Traps cost microseconds, so any number of them is borne; a timeout costs
    /// the whole time of a call.
    pub fn failed(&mut self, rows: Range<usize>, timeout: bool) -> Verdict {
        self.timeouts += u32::from(timeout);
        if rows.len() <= 1 {
            return Verdict::Poison(rows.start);
        }
        if self.timeouts >= self.most_timeouts {
            return Verdict::GiveUp(self.timeouts);
        }
        let middle = rows.start + rows.len() / 2;
        self.open.push(middle..rows.end);
        self.open.push(rows.start..middle);
        Verdict::Split
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Good ranges in order, poison rows in order, and the number of calls.
    fn search(
        rows: usize,
        poison: &BTreeSet<usize>,
        timeout: bool,
    ) -> Result<(Vec<usize>, Vec<usize>, u32), u32> {
        let mut search = Search::new(rows);
        let (mut good, mut bad, mut calls) = (Vec::new(), Vec::new(), 0);
        let mut range = Some(0..rows);
        while let Some(rows) = range {
            calls += 1;
            if poison.range(rows.clone()).next().is_none() {
                good.extend(rows);
            } else {
                match search.failed(rows, timeout) {
                    Verdict::Split => {}
                    Verdict::Poison(row) => bad.push(row),
                    Verdict::GiveUp(timeouts) => return Err(timeouts),
                }
            }
            range = search.next();
        }
        Ok((good, bad, calls))
    }

    proptest! {
        #[test]
        fn the_poison_is_found_exactly_and_the_rest_stays_in_order(
            rows in 1usize..300, poison in prop::collection::btree_set(0usize..300, 0..40),
        ) {
            let poison: BTreeSet<usize> = poison.into_iter().filter(|row| *row < rows).collect();
            let (good, bad, _) = search(rows, &poison, false).expect("traps never end a search");
            let expected: Vec<usize> = (0..rows).filter(|row| !poison.contains(row)).collect();
            prop_assert_eq!(good, expected);
            prop_assert_eq!(bad, poison.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_row_among_a_million_takes_forty_calls() {
        let (_, bad, calls) = search(1_000_000, &[777_777].into(), false).expect("one trap is found");
        assert_eq!((bad, calls), (vec![777_777], 41));
    }

    #[test]
    fn a_few_looping_rows_are_found_but_a_batch_that_loops_everywhere_is_given_up() {
        let (_, bad, _) =
            search(8_192, &[0, 2_048, 5_000, 8_191].into(), true).expect("four loops are within the budget");
        assert_eq!(bad, [0, 2_048, 5_000, 8_191]);
        assert_eq!(search(8_192, &(0..8_192).collect(), true), Err(62));
        assert_eq!(search(1, &[0].into(), true), Ok((vec![], vec![0], 1)));
    }
}
