//! Works on a batch as a whole or, when that fails, on its parts, so that only the rows that fail are refused.
//! Knows nothing of what the work is, but that what failed is not kept.

use arrow::array::BooleanArray;

use super::budget;
use crate::batch::Batch;
use crate::operator::search::Search;
use crate::operator::{OperatorError, Output, RowError};

/// More pieces than this are worth doing the good rows once more in one piece: what follows works by batches.
const MANY_PIECES: usize = 16;

/// Gives `batch` to `work`. When that fails, its halves in order, down to single rows; rows that fail alone are
/// refused with the code `expression`. Failed work must have emitted nothing. What all of it makes is bounded by
/// `budget`: rows for which nothing is left are refused like those that fail.
pub(super) fn work_on(
    batch: &Batch,
    out: &mut Output,
    mut work: impl FnMut(&Batch, &mut Output) -> Result<(), String>,
) -> Result<(), OperatorError> {
    budget::back_to(0);
    let mut work = |part: &Batch, out: &mut Output| {
        let made = budget::made();
        work(part, out).inspect_err(|_| budget::back_to(made))
    };
    let Err(reason) = work(batch, out) else { return Ok(()) };
    let mut pieces = Output::default();
    refuse_poison(batch, reason, &mut pieces, &mut work);
    if pieces.batches.len() > MANY_PIECES {
        let mut good = vec![true; batch.len()];
        pieces.errors.iter().for_each(|error| good[error.row as usize] = false);
        let good = batch.filter(&BooleanArray::from(good));
        let good =
            good.map_err(|error| OperatorError::Fatal(format!("rows cannot be taken out: {error}")))?;
        budget::back_to(0);
        // It can fail only where the same rows do not give the same values (`random()`): then the pieces do.
        if work(&good, out).is_ok() {
            pieces.batches.clear();
        }
    }
    out.batches.append(&mut pieces.batches);
    out.errors.append(&mut pieces.errors);
    Ok(())
}

/// The whole batch failed for `reason`.
fn refuse_poison(
    batch: &Batch,
    mut reason: String,
    out: &mut Output,
    work: &mut impl FnMut(&Batch, &mut Output) -> Result<(), String>,
) {
    let mut search = Search::default();
    let mut failed = Some(0..batch.len());
    loop {
        if let Some(row) = failed.and_then(|rows| search.failed(rows)) {
            out.refuse(RowError {
                row: row as u32,
                code: "expression".into(),
                message: reason,
                retryable: false,
            });
        }
        let Some(rows) = search.next() else { return };
        (failed, reason) = match work(&batch.slice(rows.start, rows.len()), out) {
            Ok(()) => (None, String::new()),
            Err(reason) => (Some(rows), reason),
        };
    }
}
