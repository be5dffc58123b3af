//! What becomes of records and rows that fail, the same for every place: to the readers of the step's `errors`
//! port; or tried again, if the failure may pass and the policy says so; or in the end dropped, written to the
//! dead letters, or the pipeline's failure.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::dead_letters::{Refused, place, record_place};
use super::retries::{Held, Tries, Waiting, alone, backoff, only};
use super::under_replay::Fared;
use super::walker::{Role, TaskError, Walker};
use crate::batch::{Batch, RawRecords};
use crate::codec::RecordError;
use crate::codec::registry::ERROR_KEPT;
use crate::operator::RowError;
use crate::spec::{Fate, Retry};

/// What a pipeline needs that gave up.
pub(super) const STAYS_STOPPED: &str =
    "It stays stopped until it is started, applied again, or given another component";

impl Walker {
    /// Rows that `node` refuses.
    pub(super) fn refused(
        &mut self,
        node: usize,
        batch: &Batch,
        errors: Vec<RowError>,
        tries: Tries,
    ) -> Result<(), TaskError> {
        let this = &self.nodes[node];
        if let Some((schema, edges)) = &this.errors {
            this.metrics.refused(errors.len());
            let rows = error_rows(batch, &errors, schema)
                .map_err(|e| TaskError::Failed(format!("step `{}`: rows for `.errors`: {e}", this.name)))?;
            let edges = Arc::clone(edges);
            return self.send(&edges, rows);
        }
        let retry = this.on_error.retry.filter(|retry| tries.again < retry.attempts);
        let Some(retry) = retry else { return self.give_up(node, batch, &errors, tries) };
        let (again, lost): (Vec<_>, Vec<_>) = errors.into_iter().partition(|error| error.retryable);
        self.wait(node, batch, &again, &retry, tries)?;
        self.give_up(node, batch, &lost, tries)
    }

    /// Keeps rows until they are tried again.
    fn wait(
        &mut self,
        node: usize,
        batch: &Batch,
        errors: &[RowError],
        retry: &Retry,
        tries: Tries,
    ) -> Result<(), TaskError> {
        if errors.is_empty() {
            return Ok(());
        }
        let rows = UInt32Array::from_iter_values(errors.iter().map(|e| e.row));
        let batch = batch
            .take(&rows)
            .map_err(|e| TaskError::Failed(format!("`{}`: rows to try again: {e}", self.nodes[node].name)))?;
        self.hold(Held::Rows { node, batch: alone(batch) }, retry, tries);
        Ok(())
    }

    /// Keeps what was tried so often for another attempt.
    fn hold(&mut self, held: Held, retry: &Retry, tries: Tries) {
        let tries = Tries { again: tries.again + 1, ..tries };
        let wait = match held {
            Held::Rows { .. } => backoff(retry, tries.again),
            // Earlier, nobody would be asked again.
            Held::Records(_) => backoff(retry, tries.again).max(ERROR_KEPT),
        };
        self.retries.put(Instant::now() + wait, Waiting { held, tries });
    }

    /// Rows that are not tried again.
    fn give_up(
        &mut self,
        node: usize,
        batch: &Batch,
        errors: &[RowError],
        tries: Tries,
    ) -> Result<(), TaskError> {
        let Some(first) = errors.first() else { return Ok(()) };
        let Verdict { fate, attempts, counts } =
            self.verdict(node, batch.origin.as_ref().map(|origin| &origin.records), tries.again);
        let this = &self.nodes[node];
        this.metrics.refused(errors.len());
        let at = |error: &RowError| place(batch, error.row as usize);
        if counts {
            let failed = errors.iter().map(|error| (&*error.code, error));
            this.metrics.failed(failed, |error| format!("{}: {}", at(error), error.message));
        }
        match fate {
            Fate::Skip => Ok(()),
            Fate::Fail => Err(TaskError::GaveUp(format!(
                "`{}` refused {}: {} ({}); its on_error is `fail`. {STAYS_STOPPED}",
                this.name,
                at(first),
                first.message,
                first.code
            ))),
            Fate::DeadLetter => {
                let component = match &this.role {
                    Role::Operator(operator) => operator.component(),
                    Role::Pass | Role::Union(_) | Role::Sink(_) => None,
                };
                let by = Refused { place: &this.name, component, attempts };
                errors.iter().try_for_each(|error| self.dead_letters.row(&by, batch, error))
            }
        }
    }

    /// Records of this fragment's source that do not decode.
    pub fn undecodable(
        &mut self,
        raw: &Arc<RawRecords>,
        errors: Vec<RecordError>,
        tries: Tries,
    ) -> Result<(), TaskError> {
        let retry = self.nodes[0].on_error.retry.filter(|retry| tries.again < retry.attempts);
        let Some(retry) = retry else { return self.give_up_records(raw, &errors, tries) };
        let (again, lost): (Vec<_>, Vec<_>) = errors.into_iter().partition(RecordError::may_pass);
        if !again.is_empty() {
            let records = only(raw, again.iter().map(|error| error.index as usize));
            self.hold(Held::Records(records), &retry, tries);
        }
        self.give_up_records(raw, &lost, tries)
    }

    /// Records that are not tried again.
    fn give_up_records(
        &mut self,
        raw: &Arc<RawRecords>,
        errors: &[RecordError],
        tries: Tries,
    ) -> Result<(), TaskError> {
        let Some(first) = errors.first() else { return Ok(()) };
        let Verdict { fate, attempts, counts } = self.verdict(0, Some(raw), tries.again);
        let this = &self.nodes[0];
        this.metrics.refused(errors.len());
        let at = |error: &RecordError| record_place(raw, error.index as usize);
        if counts {
            let failed = errors.iter().map(|error| (error.code, error));
            this.metrics.failed(failed, |error| format!("{}: {}", at(error), error.message));
        }
        match fate {
            Fate::Skip => Ok(()),
            Fate::Fail => Err(TaskError::GaveUp(format!(
                "source `{}`: record {} does not decode: {} ({}); its on_error is `fail`. {STAYS_STOPPED}",
                this.name,
                at(first),
                first.message,
                first.code
            ))),
            Fate::DeadLetter => {
                let by = Refused { place: &this.name, component: None, attempts };
                errors.iter().try_for_each(|error| self.dead_letters.record(&by, raw, error))
            }
        }
    }

    /// What becomes of rows of these records that failed at `node`, after `again` more attempts than one. A dead
    /// letter that is run again never fails the pipeline and is never dropped: it stays where it is, or a new
    /// letter stands for it.
    fn verdict(&self, node: usize, records: Option<&Arc<RawRecords>>, again: u32) -> Verdict {
        let fate = self.nodes[node].on_error.then;
        let tried = again.saturating_add(1);
        let before = records.and_then(|records| Some((records, self.replays.attempts(records)?)));
        let Some((records, attempts)) = before else {
            return Verdict { fate, attempts: tried, counts: true };
        };
        let (fate, fared) = match fate {
            Fate::DeadLetter => (Fate::DeadLetter, Fared::FailedAnew),
            Fate::Skip | Fate::Fail => (Fate::Skip, Fared::FailedAndStays),
        };
        self.replays.failed(records, fared);
        Verdict { fate, attempts: attempts.saturating_add(tried), counts: false }
    }
}

/// What becomes of rows that failed.
struct Verdict {
    fate: Fate,
    /// How often they were tried in all.
    attempts: u32,
    /// Whether they count against the pipeline's error limit: those of dead letters were counted once.
    counts: bool,
}

/// The refused rows with their errors in three columns at the end: the schema of an `errors` port.
fn error_rows(batch: &Batch, errors: &[RowError], schema: &SchemaRef) -> Result<Batch, ArrowError> {
    let rows = batch.take(&UInt32Array::from_iter_values(errors.iter().map(|e| e.row)))?;
    let kept = schema.fields().len().saturating_sub(3);
    let mut columns = Vec::with_capacity(kept + 3);
    for field in &schema.fields()[..kept] {
        let column = rows.rows.column_by_name(field.name());
        columns.push(
            column.cloned().ok_or_else(|| ArrowError::SchemaError(format!("no column {}", field.name())))?,
        );
    }
    let added: [ArrayRef; 3] = [
        Arc::new(StringArray::from_iter_values(errors.iter().map(|e| e.code.as_ref()))),
        Arc::new(StringArray::from_iter_values(errors.iter().map(|e| e.message.as_str()))),
        Arc::new(BooleanArray::from_iter(errors.iter().map(|e| Some(e.retryable)))),
    ];
    columns.extend(added);
    Ok(rows.with_rows(RecordBatch::try_new(Arc::clone(schema), columns)?))
}
