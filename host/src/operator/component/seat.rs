//! An instance with the version it is of: makes it when needed, counts its calls, drops it once it cannot be
//! called again.

use std::sync::Arc;
use std::time::Instant;

use super::ledger::Installed;
use super::{CallError, Guest};
use crate::operator::Output;

/// Why a call gave no answer: the guest, or that there was none.
#[derive(Debug)]
pub(super) enum Failure {
    /// The call failed.
    Call(CallError),
    /// No instance could be made to call. No row is to blame.
    Instance(CallError),
}

/// A version at work in one task.
pub(super) struct Seat {
    pub installed: Arc<Installed>,
    guest: Option<Box<dyn Guest>>,
}

impl Seat {
    /// Makes an instance when there is none yet.
    pub fn new(installed: Arc<Installed>, guest: Option<Box<dyn Guest>>) -> Result<Seat, CallError> {
        let mut seat = Seat { installed, guest };
        seat.ready()?;
        Ok(seat)
    }

    pub fn serial(&self) -> u64 {
        self.installed.serial
    }

    pub fn label(&self) -> &str {
        self.installed.version.label()
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

    /// Calls the instance, a fresh one if the last call broke it. What a failed call put into `out` is dropped.
    pub fn call(
        &mut self,
        out: &mut Output,
        call: impl FnOnce(&mut dyn Guest, &mut Output) -> Result<(), CallError>,
    ) -> Result<(), Failure> {
        let guest = self.ready().map_err(Failure::Instance)?;
        let (batches, errors) = (out.batches.len(), out.errors.len());
        let started = Instant::now();
        let answer = call(guest, out);
        self.installed.counters.called(started.elapsed(), answer.as_ref().err());
        answer.map_err(|error| {
            out.batches.truncate(batches);
            out.errors.truncate(errors);
            if !error.leaves_instance_usable() {
                self.guest = None;
            }
            Failure::Call(error)
        })
    }

    /// What the guest has cached goes out; a guest without an instance has cached nothing.
    pub fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        if self.guest.is_none() {
            return Ok(());
        }
        self.call(out, |guest, out| guest.flush(out))
    }

    /// Nothing follows.
    pub fn close(&mut self) {
        if let Some(mut guest) = self.guest.take() {
            guest.close();
        }
    }
}
