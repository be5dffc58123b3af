//! The search for the rows of a batch on which an operator fails: halves in order, until single rows remain.
//! Pure; the operators themselves try the rows.

use std::ops::Range;

/// A search under way.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Ranges to try, the next one last.
    open: Vec<Range<usize>>,
}

impl Search {
    /// The next rows to try; those before have all been answered.
    pub fn next(&mut self) -> Option<Range<usize>> {
        self.open.pop()
    }

    /// Nothing is left to try.
    pub fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// These rows failed, at first all of the batch: their halves are tried next, or else this one is the poison.
    pub fn failed(&mut self, rows: Range<usize>) -> Option<usize> {
        if rows.len() <= 1 {
            return Some(rows.start);
        }
        let middle = rows.start + rows.len() / 2;
        self.open.push(middle..rows.end);
        self.open.push(rows.start..middle);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Good rows in order, poison rows in order, and the number of calls.
    fn search(rows: usize, poison: &BTreeSet<usize>) -> (Vec<usize>, Vec<usize>, u32) {
        let mut search = Search::default();
        let (mut good, mut bad, mut calls) = (Vec::new(), Vec::new(), 0);
        let mut range = Some(0..rows);
        while let Some(rows) = range {
            calls += 1;
            if poison.range(rows.clone()).next().is_none() {
                good.extend(rows);
            } else {
                bad.extend(search.failed(rows));
            }
            range = search.next();
        }
        assert!(search.is_over());
        (good, bad, calls)
    }

    proptest! {
        #[test]
        fn the_poison_is_found_exactly_and_the_rest_stays_in_order(
            rows in 1usize..300, poison in prop::collection::btree_set(0usize..300, 0..40),
        ) {
            let poison: BTreeSet<usize> = poison.into_iter().filter(|row| *row < rows).collect();
            let (good, bad, _) = search(rows, &poison);
            let expected: Vec<usize> = (0..rows).filter(|row| !poison.contains(row)).collect();
            prop_assert_eq!(good, expected);
            prop_assert_eq!(bad, poison.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_row_among_a_million_takes_forty_calls() {
        let (_, bad, calls) = search(1_000_000, &[777_777].into());
        assert_eq!((bad, calls), (vec![777_777], 41));
    }
}
