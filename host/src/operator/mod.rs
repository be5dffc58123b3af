//! The one small trait that every operator has, native or Wasm, and what it answers with. An operator runs on
//! one task's thread and owns its state. Knows nothing of threads, channels, connectors or the catalog.

pub mod component;
mod halt;
pub mod native;
mod parts;
mod search;
pub mod sql;

use std::borrow::Cow;

pub use halt::Halt;

use crate::batch::Batch;

/// A row that an operator refuses; the rest of its batch goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Index into the batch that the operator was given.
    pub row: u32,
    /// Short and stable, for counting.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// The same row may succeed later.
    pub retryable: bool,
}

/// What one call of an operator produced. Reused between calls.
#[derive(Debug, Default)]
pub struct Output {
    /// Batches with the index of the output port they leave by, in order.
    pub batches: Vec<(usize, Batch)>,
    /// Refused rows of the input batch.
    pub errors: Vec<RowError>,
}

impl Output {
    /// Sends `batch` out of `port`; empty batches are dropped.
    pub fn emit(&mut self, port: usize, batch: Batch) {
        if !batch.is_empty() {
            self.batches.push((port, batch));
        }
    }

    /// Refuses a row.
    pub fn refuse(&mut self, error: RowError) {
        self.errors.push(error);
    }

    /// Empties it for the next call.
    pub fn clear(&mut self) {
        self.batches.clear();
        self.errors.clear();
    }
}

/// Why an operator could not do a whole batch.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The same batch may succeed: try again, with backoff.
    #[error("{0}")]
    Transient(String),
    /// It never will: the pipeline stops with this reason (and restarts by its policy).
    #[error("{0}")]
    Fatal(String),
    /// The task is to end, and nobody waits for this batch any more: see [`Halt`].
    #[error("the call was ended: nobody waits for its answer any more")]
    Recalled,
}

/// A step of a fragment. Calls come from one thread, one at a time. After an error nothing of that call may
/// have taken effect: `out` is discarded.
pub trait Operator: Send {
    /// Rows from the step's input.
    fn on_batch(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError>;

    /// Rows of a dead letter that runs again: that it fails was to be expected and says nothing about a version on trial.
    fn on_letter(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        self.on_batch(batch, out)
    }

    /// Event time has come this far (milliseconds since 1970).
    fn on_watermark(&mut self, _watermark_ms: i64, _out: &mut Output) -> Result<(), OperatorError> {
        Ok(())
    }

    /// A checkpoint's barrier, or the end: what is cached goes out or to state.
    fn on_barrier(&mut self, _out: &mut Output) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Between two batches, also when none come: exchange a component, for one. Cheap when there is nothing to do.
    fn between_batches(&mut self) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Whether rows of earlier batches may still come out: until the next barrier, or with any batch.
    fn keeps_rows(&self) -> bool {
        false
    }

    /// The component that answered last, if it is one that runs here.
    fn component(&self) -> Option<ComponentName<'_>> {
        None
    }

    /// Nothing follows; release what is held outside.
    fn close(&mut self) {}
}

/// Names a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComponentName<'a> {
    /// `name@version`.
    pub label: &'a str,
    /// Digest of its bytes: `sha256:…`.
    pub digest: &'a str,
}
