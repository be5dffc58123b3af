//! Works on a batch as a whole or, when that fails, on its parts, so that only the rows that fail are refused.
//! Knows nothing of what the work is.

use crate::batch::Batch;
use crate::operator::search::{Search, Verdict};
use crate::operator::{OperatorError, Output, RowError};

/// Gives `batch` to `work`. When that fails, its halves in order, down to single rows; rows that fail alone are
/// refused with the code `expression`. Failed work must have emitted nothing.
pub(super) fn work_on(
    batch: &Batch,
    out: &mut Output,
    mut work: impl FnMut(&Batch, &mut Output) -> Result<(), String>,
) -> Result<(), OperatorError> {
    let Err(mut reason) = work(batch, out) else { return Ok(()) };
    let mut search = Search::new(batch.len());
    let mut failed = Some(0..batch.len());
    loop {
        if let Some(rows) = failed {
            match search.failed(rows, false) {
                Verdict::Split => {}
                Verdict::Poison(row) => out.refuse(RowError {
                    row: row as u32,
                    code: "expression".into(),
                    message: reason,
                    retryable: false,
                }),
                Verdict::GiveUp(tries) => {
                    return Err(OperatorError::Fatal(format!(
                        "an expression failed {tries} times: {reason}"
                    )));
                }
            }
        }
        let Some(rows) = search.next() else { return Ok(()) };
        (failed, reason) = match work(&batch.slice(rows.start, rows.len()), out) {
            Ok(()) => (None, String::new()),
            Err(reason) => (Some(rows), reason),
        };
    }
}
