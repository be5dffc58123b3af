//! An instance with the version it is of: makes it when needed, counts its calls, drops it once it cannot be
//! called again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ledger::Installed;
use super::search::Pace;
use super::{CallError, Guest, Recall, Terms};
use crate::batch::Batch;
use crate::operator::Output;

/// Why a call gave no answer: the guest, or that there was none.
#[derive(Debug)]
pub(super) enum Failure {
    /// The call failed.
    Call(CallError),
    /// No instance could be made to call. No row is to blame.
    Instance(CallError),
    /// The call failed, and rows of batches that were answered before are lost with the instance that kept them.
    Lost(CallError),
}

/// A version at work in one task.
pub(super) struct Seat {
    pub installed: Arc<Installed>,
    guest: Option<Box<dyn Guest>>,
    recall: Recall,
    /// Of the batches that it answered.
    pub pace: Pace,
}

impl Seat {
    /// Makes an instance when there is none yet.
    pub fn new(
        installed: Arc<Installed>,
        guest: Option<Box<dyn Guest>>,
        recall: Recall,
    ) -> Result<Seat, CallError> {
        let mut seat = Seat { installed, guest, recall, pace: Pace::default() };
        seat.ready()?;
        Ok(seat)
    }

    pub fn serial(&self) -> u64 {
        self.installed.serial
    }

    pub fn label(&self) -> &str {
        self.installed.version.label()
    }

    /// The time that a call may take.
    pub fn limit(&self) -> Duration {
        self.installed.version.call_limit()
    }

    /// Another version has to answer in the place of this one.
    pub fn is_replaced(&self) -> bool {
        self.recall.is_replaced()
    }

    fn ready(&mut self) -> Result<&mut dyn Guest, CallError> {
        if self.guest.is_none() {
            self.guest = Some(self.installed.version.instantiate()?);
        }
        match &mut self.guest {
            Some(guest) => Ok(guest.as_mut()),
            None => Err(CallError::Fatal("no instance".into())),
        }
    }

    /// Gives the instance a batch, a fresh one if the last call broke it, and at most `limit` for it. Answers
    /// how long it took.
    pub fn batch(&mut self, batch: &Batch, limit: Duration, out: &mut Output) -> Result<Duration, Failure> {
        self.call(batch, limit, self.installed.keeps_nothing(), out)
    }

    /// The same with a part of a batch on which the version fails: the next part may break the instance, so it
    /// keeps nothing of this one.
    pub fn part(&mut self, batch: &Batch, limit: Duration, out: &mut Output) -> Result<Duration, Failure> {
        self.call(batch, limit, true, out)
    }

    fn call(
        &mut self,
        batch: &Batch,
        limit: Duration,
        flush: bool,
        out: &mut Output,
    ) -> Result<Duration, Failure> {
        let keeping = self.recall.clone();
        let recall = keeping.of_call(self.pace.usual(batch.len()));
        let mut taken = false;
        let answer = self.enter(out, |guest, out| {
            let recall = if guest.keeps_rows() { keeping } else { recall };
            guest.keep_to(Terms { limit, recall });
            guest.call(batch, out)?;
            taken = true;
            if flush && guest.keeps_rows() { guest.flush(out) } else { Ok(()) }
        });
        if taken && answer.is_err() {
            // It keeps the batch, which is given again to whoever answers next.
            self.discard();
        }
        answer
    }

    /// Calls the instance with something that no row is to blame for. It is not ended for a stop or another
    /// version: what the instance keeps comes out by just such calls.
    pub fn signal(
        &mut self,
        out: &mut Output,
        call: impl FnOnce(&mut dyn Guest, &mut Output) -> Result<(), CallError>,
    ) -> Result<(), Failure> {
        let terms = Terms { limit: self.limit(), recall: self.recall.clone() };
        self.enter(out, |guest, out| {
            guest.keep_to(terms);
            call(guest, out)
        })
        .map(drop)
    }

    /// What a failed call put into `out` is dropped.
    fn enter(
        &mut self,
        out: &mut Output,
        call: impl FnOnce(&mut dyn Guest, &mut Output) -> Result<(), CallError>,
    ) -> Result<Duration, Failure> {
        let guest = self.ready().map_err(Failure::Instance)?;
        let keeps_rows = guest.keeps_rows();
        let (batches, errors) = (out.batches.len(), out.errors.len());
        let started = Instant::now();
        let answer = call(guest, out);
        let took = started.elapsed();
        self.installed.counters.called(took, answer.as_ref().err());
        answer.map(|()| took).map_err(|error| {
            out.batches.truncate(batches);
            out.errors.truncate(errors);
            if error.leaves_instance_usable() {
                return Failure::Call(error);
            }
            self.guest = None;
            // Of a call that was recalled nothing is committed that it kept.
            if !keeps_rows || matches!(error, CallError::Recalled) {
                return Failure::Call(error);
            }
            self.installed.lost_rows();
            Failure::Lost(error)
        })
    }

    /// What the guest has cached goes out; a guest without an instance has cached nothing.
    pub fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        if self.guest.is_none() {
            return Ok(());
        }
        self.signal(out, |guest, out| guest.flush(out))
    }

    /// Whether there is an instance that may keep rows.
    pub fn keeps_rows(&self) -> bool {
        self.guest.as_ref().is_some_and(|guest| guest.keeps_rows())
    }

    /// Drops the instance with what it keeps: the rows of a batch that is answered anew.
    pub fn discard(&mut self) {
        self.guest = None;
    }

    /// Nothing follows.
    pub fn close(&mut self) {
        if let Some(mut guest) = self.guest.take() {
            guest.close();
        }
    }
}
