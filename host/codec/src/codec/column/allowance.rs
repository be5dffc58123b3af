//! How much records may make of columns that is nowhere in their bytes: nulls within lists and maps, where an item of
//! one byte may stand for a thousand columns, and values that are given up as their key comes again. Knows nothing of
//! any format.

use arrow::datatypes::DataType;

use crate::codec::arrow_ipc::{MAX_RECORD, MAX_RUN, arrays_of, size_of_null};
use crate::codec::problem::{Outcome, Problem, code};

/// What giving up a value costs for each column within it, in bytes: about the time that so many bytes take.
const GIVEN_UP: usize = 8;

/// What one record may still take, in bytes.
pub(crate) struct Allowance {
    left: usize,
    whole: usize,
}

impl Allowance {
    /// Of a record, where the run may still take so many.
    #[inline]
    pub(super) fn of_record(left_of_run: usize) -> Allowance {
        let whole = left_of_run.min(MAX_RECORD);
        Allowance { left: whole, whole }
    }

    /// What was taken.
    #[inline]
    pub(super) fn taken(&self) -> usize {
        self.whole - self.left
    }

    /// Takes so many bytes; on an error as many as there are, as the work up to here was done.
    #[inline]
    pub(crate) fn take(&mut self, bytes: usize) -> Outcome<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.exhausted()),
        }
    }

    /// Takes what it costs to give up a value of this type and to begin it again.
    pub(super) fn take_again(&mut self, data_type: &DataType) -> Outcome<()> {
        let nested = data_type.is_nested() || matches!(data_type, DataType::FixedSizeBinary(_));
        if !nested {
            return Ok(());
        }
        self.take(size_of_null(data_type).saturating_add(GIVEN_UP * arrays_of(data_type)))
    }

    #[cold]
    fn exhausted(&mut self) -> Box<Problem> {
        self.left = 0;
        let what = "what its lists and maps leave out, and keys that come again, stand for more than";
        Problem::new(
            code::TOO_LARGE,
            match self.whole {
                MAX_RECORD => format!("{what} {MAX_RECORD} bytes: split the record"),
                _ => format!(
                    "{what} is left of {MAX_RUN} bytes for the records of a batch: read fewer at once (batch_rows)"
                ),
            },
        )
    }
}
