//! How much a record, and a run of them, may make of columns that is nowhere in their bytes: nulls within lists and
//! maps, where an item of one byte may stand for a thousand columns; what is packed; values that are given up as
//! their key comes again. Knows nothing of any format.

use arrow::datatypes::DataType;

use super::{arrays_of, size_of_null};
use crate::codec::problem::{Outcome, Problem, code};

/// Bytes that one record may take.
pub(crate) const MAX_RECORD: usize = 64 << 20;

/// Bytes that the records of a run may take together. Where they took them the run ends, and the next one begins.
pub(crate) const MAX_RUN: usize = 1 << 30;

/// What giving up a value costs for each column within it, in bytes: about the time that so many bytes take.
const GIVEN_UP: usize = 8;

/// What one record may still take, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    left: usize,
    whole: usize,
    /// The whole is what is left of the run, and less than a record may take in a run of its own.
    of_run: bool,
}

/// There is less left than was to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// Of what any record may take.
    Record,
    /// Of the run: in a run of its own the record may be good.
    Run,
}

impl Spent {
    /// As a record's problem; `what` tells of a record that takes too much.
    #[cold]
    pub(crate) fn problem(self, what: impl FnOnce() -> String) -> Box<Problem> {
        match self {
            Spent::Record => Problem::new(code::TOO_LARGE, what()),
            Spent::Run => Problem::run_is_full(),
        }
    }
}

impl Allowance {
    /// Of a record that is in no run.
    pub(crate) fn of_record() -> Allowance {
        Allowance { left: MAX_RECORD, whole: MAX_RECORD, of_run: false }
    }

    /// Of what was counted before.
    pub(crate) fn unbounded() -> Allowance {
        Allowance { left: usize::MAX, whole: usize::MAX, of_run: false }
    }

    /// What was taken.
    #[inline]
    pub(crate) fn taken(&self) -> usize {
        self.whole - self.left
    }

    /// Takes so many bytes; on an error as many as there are, as the work up to here was done.
    #[inline]
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Spent> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(if self.of_run { Spent::Run } else { Spent::Record })
            }
        }
    }

    /// Takes so many bytes for what a record leaves out.
    #[inline]
    pub(crate) fn take_for_null(&mut self, bytes: usize) -> Outcome<()> {
        self.take(bytes).map_err(too_much)
    }

    /// Takes what it costs to give up a value of this type and to begin it again.
    pub(super) fn take_again(&mut self, data_type: &DataType) -> Outcome<()> {
        let nested = data_type.is_nested() || matches!(data_type, DataType::FixedSizeBinary(_));
        if !nested {
            return Ok(());
        }
        self.take_for_null(size_of_null(data_type).saturating_add(GIVEN_UP * arrays_of(data_type)))
    }
}

#[cold]
fn too_much(spent: Spent) -> Box<Problem> {
    spent.problem(|| {
        format!(
            "what its lists and maps leave out, and keys that come again, stand for more than {MAX_RECORD} bytes: \
             split the record"
        )
    })
}

/// What the records of a run may still take together, in bytes.
pub(crate) struct Run {
    left: usize,
    whole: usize,
}

impl Run {
    /// Runs of which each may take so many bytes.
    pub(crate) fn new(whole: usize) -> Run {
        Run { left: whole, whole }
    }

    /// A new run begins.
    pub(crate) fn begin(&mut self) {
        self.left = self.whole;
    }

    /// What the next record may take. The first of a run has all that any has.
    #[inline]
    pub(crate) fn allowance(&self) -> Allowance {
        let whole = self.left.min(MAX_RECORD);
        Allowance { left: whole, whole, of_run: whole < self.whole.min(MAX_RECORD) }
    }

    /// What a record took is no longer there for the records after it, also where it was refused: it took the time.
    #[inline]
    pub(crate) fn took(&mut self, allowance: &Allowance) {
        self.left -= allowance.taken();
    }
}
