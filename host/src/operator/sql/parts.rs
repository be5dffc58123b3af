//! Parts of a batch, for expressions: what fails is refused with the code `expression`, and what all of them make is
//! bounded by `budget`.

use super::budget;
use crate::batch::Batch;
use crate::operator::parts::{self, Failure};
use crate::operator::{OperatorError, Output};

/// Gives `batch` to `work`, and its parts when that fails: see [`parts::work_on`]. Rows for which nothing of the budget
/// is left are refused like those that fail.
pub(super) fn work_on(
    batch: &Batch,
    out: &mut Output,
    mut work: impl FnMut(&Batch, &mut Output) -> Result<(), String>,
) -> Result<(), OperatorError> {
    parts::work_on(
        batch,
        out,
        || budget::back_to(0),
        |part, out| {
            let made = budget::made();
            work(part, out).map_err(|message| {
                budget::back_to(made);
                Failure { code: "expression", message, retryable: false }
            })
        },
    )
}
