//! Works on a batch as a whole or, when that fails, on its parts, so that only the rows that fail are refused.
//! Knows nothing of what the work is.

use arrow::array::BooleanArray;

use super::search::Search;
use super::{OperatorError, Output, RowError};
use crate::batch::Batch;

/// More pieces than this are worth doing the good rows once more in one piece: what follows works by batches.
const MANY_PIECES: usize = 16;

/// Why work on some rows failed: what a row that fails alone is refused with.
#[derive(Debug)]
pub(super) struct Failure {
    /// Short and stable, for counting.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// The same row may succeed later.
    pub retryable: bool,
}

/// Gives `batch` to `work`. When that fails, its halves in order, down to single rows; rows that fail alone are
/// refused. Failed work must have emitted nothing. `begin` is called before the batch is worked on from its first row
/// on: nothing made until then is kept.
pub(super) fn work_on(
    batch: &Batch,
    out: &mut Output,
    begin: impl Fn(),
    mut work: impl FnMut(&Batch, &mut Output) -> Result<(), Failure>,
) -> Result<(), OperatorError> {
    begin();
    let Err(failure) = work(batch, out) else { return Ok(()) };
    let mut pieces = Output::default();
    refuse_poison(batch, failure, &mut pieces, &mut work);
    if pieces.batches.len() > MANY_PIECES {
        let mut good = vec![true; batch.len()];
        pieces.errors.iter().for_each(|error| good[error.row as usize] = false);
        let good = batch.filter(&BooleanArray::from(good));
        let good =
            good.map_err(|error| OperatorError::Fatal(format!("rows cannot be taken out: {error}")))?;
        begin();
        // It can fail only where the same rows do not give the same values (`random()`): then the pieces do.
        if work(&good, out).is_ok() {
            pieces.batches.clear();
        }
    }
    out.batches.append(&mut pieces.batches);
    out.errors.append(&mut pieces.errors);
    Ok(())
}

/// The whole batch failed.
fn refuse_poison(
    batch: &Batch,
    failure: Failure,
    out: &mut Output,
    work: &mut impl FnMut(&Batch, &mut Output) -> Result<(), Failure>,
) {
    let mut search = Search::default();
    let mut failed = Some((0..batch.len(), failure));
    loop {
        if let Some((rows, failure)) = failed
            && let Some(row) = search.failed(rows)
        {
            out.refuse(RowError {
                row: row as u32,
                code: failure.code.into(),
                message: failure.message,
                retryable: failure.retryable,
            });
        }
        let Some(rows) = search.next() else { return };
        failed = work(&batch.slice(rows.start, rows.len()), out).err().map(|failure| (rows, failure));
    }
}
