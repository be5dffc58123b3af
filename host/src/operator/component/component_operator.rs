//! The operator of a step that runs a component: gives each batch to exactly one version, follows exchanges,
//! brings the old version back when one on trial fails, and otherwise finds the rows on which a version fails.
//! A call that nobody waits for any more is ended: for another version, or because the task is to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::control::{Beat, TaskTrial};
use super::search::{MOST_TIMEOUTS, Part, TimedSearch, Verdict};
use super::seat::{Failure, Seat};
use super::{CallError, StepControl};
use crate::batch::Batch;
use crate::operator::{ComponentName, Halt, Operator, OperatorError, Output, RowError};

/// A version on trial that asks as often as this for the same batch again has failed.
const TRANSIENTS_ON_TRIAL: u32 = 4;

/// A component in one task.
pub struct ComponentOperator {
    control: Arc<StepControl>,
    halt: Arc<Halt>,
    task: u64,
    beat: Arc<Beat>,
    epoch: u64,
    trial: Option<TaskTrial>,
    current: Seat,
    /// The version that a failure would bring back.
    kept: Option<Seat>,
    /// What a version that was replaced had still cached: goes out before anything else.
    pending: Output,
    transients: u32,
    /// The batch at work is of a dead letter: that the version fails on it was to be expected.
    of_letter: bool,
}

impl ComponentOperator {
    /// Joins the tasks of the step, with an instance of what runs there. `halt` is the task's.
    pub fn new(control: Arc<StepControl>, halt: Arc<Halt>) -> Result<ComponentOperator, OperatorError> {
        let (task, beat) = control.join();
        let first = loop {
            let target = control.target(task);
            let serial = target.running.serial;
            let recall = control.recall(&halt, serial);
            match Seat::new(Arc::clone(&target.running), target.prepared, recall) {
                Ok(seat) => break Ok((target.epoch, target.trial, seat)),
                Err(error) => {
                    let reason = format!("no instance can be made: {}", error.with_logs());
                    if target.trial.is_none() || !control.failed(serial, &reason) {
                        break Err(no_instance(target.running.version.label(), &error));
                    }
                }
            }
        };
        match first {
            Ok((epoch, trial, current)) => {
                beat.restart(control.now_ms());
                control.arrived(task, current.serial(), Duration::ZERO);
                let (kept, pending, transients, of_letter) = (None, Output::default(), 0, false);
                Ok(ComponentOperator {
                    control,
                    halt,
                    task,
                    beat,
                    epoch,
                    trial,
                    current,
                    kept,
                    pending,
                    transients,
                    of_letter,
                })
            }
            Err(error) => {
                control.leave(task);
                Err(error)
            }
        }
    }

    fn keep_up(&mut self) -> Result<(), OperatorError> {
        if self.control.epoch() == self.epoch { Ok(()) } else { self.catch_up() }
    }

    /// Runs what the step has to run now.
    #[cold]
    fn catch_up(&mut self) -> Result<(), OperatorError> {
        let noticed = Instant::now();
        loop {
            let target = self.control.target(self.task);
            let fallback = target.trial.map(|trial| trial.fallback);
            let serial = target.running.serial;
            if self.current.serial() != serial {
                let kept = self.kept.take_if(|kept| kept.serial() == serial);
                let made = match kept {
                    Some(seat) => Ok(seat),
                    None => {
                        let recall = self.control.recall(&self.halt, serial);
                        Seat::new(Arc::clone(&target.running), target.prepared, recall)
                    }
                };
                match made {
                    Ok(seat) => self.replace_by(seat, fallback)?,
                    Err(error) => {
                        let reason = format!("no instance can be made: {}", error.with_logs());
                        if target.trial.is_some() && self.control.failed(serial, &reason) {
                            continue;
                        }
                        return Err(no_instance(target.running.version.label(), &error));
                    }
                }
                self.control.arrived(self.task, serial, noticed.elapsed());
            }
            if let Some(mut old) = self.kept.take_if(|kept| Some(kept.serial()) != fallback) {
                old.close();
            }
            self.epoch = target.epoch;
            self.trial = target.trial;
            return Ok(());
        }
    }

    fn replace_by(&mut self, seat: Seat, fallback: Option<u64>) -> Result<(), OperatorError> {
        let mut old = std::mem::replace(&mut self.current, seat);
        let keeps_rows = old.keeps_rows();
        self.beat.restart(self.control.now_ms());
        self.transients = 0;
        match old.flush(&mut self.pending) {
            Ok(()) => {}
            // What it kept is in nothing that follows: a checkpoint would let it be forgotten.
            Err(Failure::Call(error)) if keeps_rows && !matches!(error, CallError::Recalled) => {
                return Err(lost(old.label(), &error));
            }
            Err(Failure::Lost(error)) => return Err(lost(old.label(), &error)),
            Err(Failure::Call(error) | Failure::Instance(error)) => {
                let (step, component) = (self.control.name(), old.label());
                tracing::warn!(
                    step,
                    component,
                    reason = error.with_logs(),
                    "a replaced version did not flush"
                );
            }
        }
        if Some(old.serial()) == fallback {
            if let Some(mut older) = self.kept.replace(old) {
                older.close();
            }
        } else {
            old.close();
        }
        Ok(())
    }

    /// A call failed on a version that may be on trial. Answers whether another version has to answer.
    /// Of answers that ask for another try, so many are borne.
    fn taken_back(&mut self, what: &str, failure: &Failure, tries: u32) -> Result<bool, OperatorError> {
        if self.trial.is_none() || self.of_letter {
            return Ok(false);
        }
        let reason = match failure {
            Failure::Call(CallError::Transient(text)) => {
                self.transients += 1;
                if self.transients < tries {
                    return Ok(false);
                }
                format!("transient on {what}, {} times in a row: {text}", self.transients)
            }
            Failure::Call(error) | Failure::Lost(error) => {
                format!("{} on {what}: {}", error.code(), error.with_logs())
            }
            Failure::Instance(error) => format!("no instance can be made: {}", error.with_logs()),
        };
        let failed = self.current.label().to_owned();
        let back = self.control.failed(self.current.serial(), &reason);
        if back {
            self.catch_up()?;
        }
        // Whatever answers now, what is lost is not in this batch.
        if let Failure::Lost(error) = failure { Err(lost(&failed, error)) } else { Ok(back) }
    }

    /// Answers a batch with the running version. `false`: another version runs now; nothing was answered.
    fn answer(&mut self, batch: &Batch, out: &mut Output) -> Result<bool, OperatorError> {
        let limit = self.current.limit();
        let failure = match self.current.batch(batch, limit, out) {
            Ok(took) => {
                self.current.pace.note(batch.len(), took);
                self.transients = 0;
                return Ok(true);
            }
            Err(Failure::Call(CallError::Recalled)) => return self.recalled(),
            Err(failure) => failure,
        };
        if self.taken_back(&format!("a batch of {} rows", batch.len()), &failure, TRANSIENTS_ON_TRIAL)? {
            return Ok(false);
        }
        let error = self.row_failure(failure)?;
        let found = self.find_poison(batch, error, out);
        if !matches!(found, Ok(true)) {
            out.clear();
        }
        found
    }

    /// What a row may be to blame for; the rest is an error of the operator.
    fn row_failure(&self, failure: Failure) -> Result<CallError, OperatorError> {
        let label = self.current.label();
        match failure {
            Failure::Call(CallError::Transient(text)) => {
                Err(OperatorError::Transient(format!("{label}: {text}")))
            }
            Failure::Call(CallError::Fatal(text)) => Err(OperatorError::Fatal(format!("{label}: {text}"))),
            Failure::Call(error) => Ok(error),
            Failure::Instance(error) => Err(no_instance(label, &error)),
            Failure::Lost(error) => Err(lost(label, &error)),
        }
    }

    /// Nobody waits for the running version's answer: `false` where another one has to give it.
    fn recalled(&mut self) -> Result<bool, OperatorError> {
        // What it keeps are rows of the batch that is left.
        self.current.discard();
        if self.is_to_end() { Err(OperatorError::Recalled) } else { Ok(false) }
    }

    fn is_to_end(&self) -> bool {
        self.halt.is_cancelled() || self.halt.is_stopping()
    }

    /// The whole batch failed with `error`: answers its halves in order, down to the rows that fail alone.
    fn find_poison(
        &mut self,
        batch: &Batch,
        error: CallError,
        out: &mut Output,
    ) -> Result<bool, OperatorError> {
        let limit = self.current.limit();
        let mut search = TimedSearch::new(batch.len(), limit, self.current.pace);
        self.failed(&mut search, Part { rows: 0..batch.len(), limit }, &error, batch, out)?;
        while let Some(part) = search.next() {
            // Whoever ends the task or replaces a version that fails all the time shall not wait for the end of
            // the search.
            if self.is_to_end() || self.current.is_replaced() {
                return self.recalled();
            }
            let (first, rows) = (part.rows.start, part.rows.len());
            let errors = out.errors.len();
            match self.current.part(&batch.slice(first, rows), part.limit, out) {
                Ok(took) => {
                    search.answered(rows, took);
                    out.errors[errors..].iter_mut().for_each(|error| error.row += first as u32);
                }
                Err(Failure::Call(CallError::Recalled)) => return self.recalled(),
                Err(failure) => {
                    let error = self.row_failure(failure)?;
                    self.failed(&mut search, part, &error, batch, out)?;
                }
            }
        }
        Ok(true)
    }

    fn failed(
        &self,
        search: &mut TimedSearch,
        part: Part,
        error: &CallError,
        batch: &Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        match search.failed(part, matches!(error, CallError::Timeout { .. })) {
            Verdict::Split => Ok(()),
            Verdict::Poison(row) => {
                out.refuse(RowError {
                    row: row as u32,
                    code: error.code().into(),
                    message: format!("{}: {}", self.current.label(), error.with_logs()),
                    // What a guest trapped on may be gone with its next instance, or with its next version.
                    retryable: true,
                });
                Ok(())
            }
            Verdict::GiveUp(spent) => Err(OperatorError::Fatal(format!(
                "{} did not come back from one part after another of a batch of {} rows, which has cost {spent:?}: \
                 a batch may cost {MOST_TIMEOUTS} times `limits.batch_timeout` ({:?}) in such calls. Swap in a \
                 version that answers, or raise `limits.batch_timeout` if it is only slow",
                self.current.label(),
                batch.len(),
                self.current.limit(),
            ))),
        }
    }

    /// A call that no row is to blame for: once more with a fresh instance, then it is an error.
    fn call_without_rows(
        &mut self,
        what: &str,
        out: &mut Output,
        call: impl Fn(&mut Seat, &mut Output) -> Result<(), Failure>,
    ) -> Result<(), OperatorError> {
        self.keep_up()?;
        let mut again = true;
        while let Err(failure) = call(&mut self.current, out) {
            if matches!(failure, Failure::Call(CallError::Recalled)) {
                return Err(OperatorError::Recalled);
            }
            if self.taken_back(what, &failure, 1)? {
                continue;
            }
            let error = self.row_failure(failure)?;
            if !again {
                return Err(OperatorError::Fatal(format!(
                    "{} failed twice on {what} ({}): {}",
                    self.current.label(),
                    error.code(),
                    error.with_logs()
                )));
            }
            again = false;
        }
        let rows_out = out.batches.iter().map(|(_, batch)| batch.len()).sum();
        self.current.installed.counters.answered(0, rows_out, 0);
        self.release(out);
        Ok(())
    }

    /// What a replaced version had cached goes before what the call gave.
    fn release(&mut self, out: &mut Output) {
        if !self.pending.batches.is_empty() {
            out.batches.splice(0..0, self.pending.batches.drain(..));
        }
    }

    fn look(&self, trial: &TaskTrial, now_ms: u64) {
        if now_ms >= trial.until_ms {
            self.control.look();
        }
    }
}

/// Rows that were answered for are gone, and their offsets are not committed yet: they have to be read again.
fn lost(label: &str, error: &CallError) -> OperatorError {
    OperatorError::Fatal(format!(
        "{label} kept rows of earlier batches when it failed ({}: {}); they are read again from the last checkpoint, and \
         from now on it is flushed after each batch",
        error.code(),
        error.with_logs()
    ))
}

fn no_instance(label: &str, error: &CallError) -> OperatorError {
    let text = format!("no instance of {label} can be made: {}", error.with_logs());
    match error {
        CallError::Transient(_) => OperatorError::Transient(text),
        _ => OperatorError::Fatal(text),
    }
}

impl Operator for ComponentOperator {
    fn on_batch(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        self.keep_up()?;
        while !self.answer(batch, out)? {
            self.keep_up()?;
        }
        let rows_out = out.batches.iter().map(|(_, batch)| batch.len()).sum();
        self.current.installed.counters.answered(batch.len(), rows_out, out.errors.len());
        self.release(out);
        if let Some(trial) = self.trial.as_ref().filter(|_| !self.of_letter) {
            let now_ms = self.control.now_ms();
            self.beat.batch(now_ms);
            self.look(trial, now_ms);
        }
        Ok(())
    }

    fn on_letter(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        self.of_letter = true;
        let result = self.on_batch(batch, out);
        self.of_letter = false;
        result
    }

    fn on_watermark(&mut self, watermark_ms: i64, out: &mut Output) -> Result<(), OperatorError> {
        self.call_without_rows("a watermark", out, |seat, out| {
            seat.signal(out, |guest, out| guest.on_watermark(watermark_ms, out))
        })
    }

    fn on_barrier(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        self.call_without_rows("a flush", out, Seat::flush)
    }

    fn between_batches(&mut self) -> Result<(), OperatorError> {
        self.keep_up()?;
        if let Some(trial) = &self.trial {
            self.look(trial, self.control.now_ms());
        }
        Ok(())
    }

    fn keeps_rows(&self) -> bool {
        self.current.keeps_rows()
    }

    fn component(&self) -> Option<ComponentName<'_>> {
        let version = &self.current.installed.version;
        Some(ComponentName { label: version.label(), digest: version.digest() })
    }

    fn close(&mut self) {
        self.control.leave(self.task);
        for seat in self.kept.iter_mut().chain([&mut self.current]) {
            seat.close();
        }
    }
}

impl Drop for ComponentOperator {
    fn drop(&mut self) {
        self.control.leave(self.task);
    }
}
