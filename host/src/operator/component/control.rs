//! What the tasks of a step and the control plane share about the step's component: which version runs, an
//! exchange under way, the probation, the history. Knows nothing of how a task calls the component.
//!
//! ```text
//! exchange ──► prepare an instance a task ──► install: epoch + 1 ──► wait until every task has switched
//!                                                  │                              │
//!                     each task, between batches: epoch differs? ──► target ──► arrived
//! ```
//! A failure on trial, or a task that does not come in time, raises the epoch once more with the old version as
//! the target: the way back is the way forth.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::ledger::{Installed, Ledger};
use super::probation::{self, Progress};
use super::{
    Clock, Event, Exchange, ExchangeError, Exchanged, Guest, Recall, Version, VersionRef, VersionTotals,
    ports,
};
use crate::operator::Halt;
use crate::spec::Probation;

/// The reason of a rollback that somebody asked for.
pub const BY_HAND: &str = "rolled back by hand";
/// How often whoever waits for the tasks looks at the clock, which may be one that tests move.
const LOOK: Duration = Duration::from_millis(50);

/// The component of one step over all its tasks. Lives as long as the pipeline, through restarts of its tasks.
pub struct StepControl {
    name: String,
    probation: Probation,
    clock: Clock,
    events: Option<Sender<Event>>,
    /// Rises whenever a task has to look again. Tasks read it before every batch and nothing else.
    epoch: AtomicU64,
    /// Serial of the version that runs: what calls of another one are recalled by.
    wanted: Arc<AtomicU64>,
    /// Held by whoever exchanges.
    exchanging: Mutex<()>,
    state: Mutex<State>,
    /// A task switched or left, or a version was taken back.
    moved: Condvar,
}

struct State {
    ledger: Ledger,
    tasks: BTreeMap<u64, Task>,
    joined: u64,
}

struct Task {
    /// Of the version that it runs; 0 before the first.
    serial: u64,
    /// An instance made for it beforehand, with the serial of its version.
    prepared: Option<(u64, Box<dyn Guest>)>,
    pause: Duration,
    beat: Arc<Beat>,
}

impl State {
    fn forget_pauses(&mut self) {
        self.tasks.values_mut().for_each(|task| task.pause = Duration::ZERO);
    }
}

/// What a task on probation counts, without a lock.
#[derive(Default)]
pub(super) struct Beat {
    batches: AtomicU32,
    last_ms: AtomicU64,
}

impl Beat {
    pub fn restart(&self, now_ms: u64) {
        self.batches.store(0, Relaxed);
        self.last_ms.store(now_ms, Relaxed);
    }

    pub fn batch(&self, now_ms: u64) {
        self.batches.fetch_add(1, Relaxed);
        self.last_ms.store(now_ms, Relaxed);
    }
}

/// What a task has to run.
pub(super) struct Target {
    pub epoch: u64,
    pub running: Arc<Installed>,
    pub prepared: Option<Box<dyn Guest>>,
    pub trial: Option<TaskTrial>,
}

/// A trial as a task sees it.
#[derive(Clone, Copy)]
pub(super) struct TaskTrial {
    /// Serial of the version that a failure brings back.
    pub fallback: u64,
    /// Not over before this.
    pub until_ms: u64,
}

/// Where a step's component stands.
#[derive(Clone, Debug)]
pub struct ComponentStatus {
    /// What runs.
    pub running: VersionRef,
    /// Number of the last exchange; 0 before the first.
    pub generation: u64,
    /// On probation: the version that a failure would bring back, and since when in milliseconds since 1970.
    pub probation: Option<(VersionRef, u64)>,
    /// What a rollback would bring back.
    pub before: Option<VersionRef>,
    /// Tasks at work.
    pub tasks: usize,
    /// What the running version has counted itself, by name.
    pub counters: BTreeMap<String, u64>,
    /// Exchanges, oldest first.
    pub history: Vec<Exchange>,
    /// Figures of each version, the one that came last at the end.
    pub versions: Vec<VersionTotals>,
}

impl StepControl {
    /// Of the step `name`, which starts with `version`; versions that are exchanged in are on `probation`.
    pub fn new(name: impl Into<String>, version: Arc<dyn Version>, probation: Probation) -> StepControl {
        let ledger = Ledger::new(version);
        StepControl {
            name: name.into(),
            probation,
            clock: Clock::system(),
            events: None,
            epoch: AtomicU64::new(1),
            wanted: Arc::new(AtomicU64::new(ledger.running().serial)),
            exchanging: Mutex::new(()),
            state: Mutex::new(State { ledger, tasks: BTreeMap::new(), joined: 0 }),
            moved: Condvar::new(),
        }
    }

    /// With another clock.
    pub fn with_clock(self, clock: Clock) -> StepControl {
        StepControl { clock, ..self }
    }

    /// Tells `events` of every exchange and how it ends. The channel is bounded and a task never waits for it:
    /// what finds it full is only in the history.
    pub fn with_events(self, events: Sender<Event>) -> StepControl {
        StepControl { events: Some(events), ..self }
    }

    /// The step's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `name@version` of what runs.
    pub fn label(&self) -> String {
        self.lock().ledger.running().version.label().to_owned()
    }

    /// Number of the last exchange; 0 before the first.
    pub fn generation(&self) -> u64 {
        self.lock().ledger.generation()
    }

    /// What runs.
    pub fn running(&self) -> Arc<dyn Version> {
        Arc::clone(&self.lock().ledger.running().version)
    }

    /// Where it stands.
    pub fn status(&self) -> ComponentStatus {
        let state = self.lock();
        let ledger = &state.ledger;
        let trial = ledger.trial().map(|trial| (VersionRef::of(&*trial.fallback.version), trial.since_ms));
        ComponentStatus {
            running: VersionRef::of(&*ledger.running().version),
            generation: ledger.generation(),
            probation: trial,
            before: ledger.last_before().map(|before| VersionRef::of(&*before.version)),
            tasks: state.tasks.len(),
            counters: ledger.running().version.counters(),
            history: ledger.history().cloned().collect(),
            versions: ledger.totals(),
        }
    }

    /// Exchanges the running version for `new`, which has been checked against the step's input. An instance
    /// for each task is made first, beside the running one; then every task switches between two batches. If
    /// one does not within `wait`, or fails on the new version meanwhile, the old one goes on everywhere.
    /// Blocks; not for a data thread.
    pub fn exchange(&self, new: Arc<dyn Version>, wait: Duration) -> Result<Exchanged, ExchangeError> {
        let _exchanging = self.exclusive()?;
        let mut state = self.lock();
        let running = Arc::clone(&state.ledger.running().version);
        if VersionRef::of(&*running).is(&*new) {
            return Ok(Exchanged {
                generation: state.ledger.generation(),
                from: VersionRef::of(&*running),
                to: VersionRef::of(&*running),
                pause: Duration::ZERO,
                noop: true,
            });
        }
        let reasons = ports::differences(&*running, &*new);
        if !reasons.is_empty() {
            let label = new.label().to_owned();
            return Err(ExchangeError::Ports { step: self.name.clone(), label, reasons });
        }
        let new = state.ledger.admit(new);
        drop(state);
        self.switch(&new, self.probation, wait)
    }

    /// Brings back the version before the running one, as [`exchange`](Self::exchange) does but without a
    /// probation. A probation under way ends with it, at once: the old instances are still there, and a task
    /// that is busy comes back with its next batch. Blocks; not for a data thread.
    pub fn rollback(&self, wait: Duration) -> Result<Exchanged, ExchangeError> {
        let _exchanging = self.exclusive()?;
        let mut state = self.lock();
        let from = Arc::clone(state.ledger.running());
        if state.ledger.trial().is_some() {
            state.forget_pauses();
            self.take_back(&mut state, from.serial, BY_HAND);
            let to = Arc::clone(state.ledger.running());
            let generation = state.ledger.generation();
            let (state, _) = self.wait(state, &to, wait);
            return Ok(exchanged(&state, generation, &from, &to));
        }
        let Some(before) = state.ledger.last_before().cloned() else {
            let label = from.version.label().to_owned();
            return Err(ExchangeError::NothingBefore { step: self.name.clone(), label });
        };
        drop(state);
        self.switch(&before, Probation { batches: 0, time: Duration::ZERO }, wait)
    }

    /// Brings the version before back if the running one is on trial: it answers, and so badly that somebody who
    /// looks at more than one batch refuses it. Answers what was taken back. The tasks switch with their next batch.
    pub fn refuse_trial(&self, reason: &str) -> Option<String> {
        let mut state = self.lock();
        state.ledger.trial()?;
        let running = Arc::clone(state.ledger.running());
        self.take_back(&mut state, running.serial, reason);
        Some(running.version.label().to_owned())
    }

    fn exclusive(&self) -> Result<MutexGuard<'_, ()>, ExchangeError> {
        match self.exchanging.try_lock() {
            Ok(guard) => Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(ExchangeError::Busy { step: self.name.clone() }),
        }
    }

    /// Prepares, switches and waits.
    fn switch(
        &self,
        new: &Arc<Installed>,
        probation: Probation,
        wait: Duration,
    ) -> Result<Exchanged, ExchangeError> {
        let prepared = self.prepare(new)?;
        let mut state = self.lock();
        let from = Arc::clone(state.ledger.running());
        for (id, guest) in prepared {
            // A task that left meanwhile needs none; one that joined meanwhile makes its own.
            if let Some(task) = state.tasks.get_mut(&id) {
                task.prepared = Some((new.serial, guest));
            }
        }
        state.forget_pauses();
        let generation = state.ledger.install(new, probation, self.clock.now_ms());
        self.changed(&mut state);
        let (mut state, late) = self.wait(state, new, wait);
        if late > 0 && state.ledger.running().serial == new.serial {
            let reason = format!(
                "{late} of {} tasks did not come between two batches within {wait:?}: a call that takes long, or \
                 a sink that takes nothing; try again, or wait longer",
                state.tasks.len()
            );
            self.take_back(&mut state, new.serial, &reason);
        }
        self.keep_if_over(&mut state);
        let unused: Vec<_> = state.tasks.values_mut().filter_map(|task| task.prepared.take()).collect();
        let answer = match state.ledger.reason_of(generation) {
            None => Ok(exchanged(&state, generation, &from, new)),
            Some(reason) => Err(ExchangeError::TakenBack {
                label: new.version.label().to_owned(),
                reason: reason.to_owned(),
            }),
        };
        drop(state);
        unused.into_iter().for_each(|(_, mut guest)| guest.close());
        answer
    }

    /// An instance for each task there is.
    fn prepare(&self, new: &Installed) -> Result<BTreeMap<u64, Box<dyn Guest>>, ExchangeError> {
        let ids: Vec<u64> = self.lock().tasks.keys().copied().collect();
        let made: Result<_, _> =
            ids.into_iter().map(|id| new.version.instantiate().map(|guest| (id, guest))).collect();
        made.map_err(|error| ExchangeError::Instance {
            label: new.version.label().to_owned(),
            reason: error.with_logs(),
        })
    }

    /// Until every task runs `new`, or something else has become the target, or the time is over, by the same
    /// clock as a probation. Answers how many tasks are missing.
    fn wait<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        new: &Installed,
        wait: Duration,
    ) -> (MutexGuard<'s, State>, usize) {
        let until_ms = self.clock.now_ms().saturating_add(wait.as_millis() as u64);
        loop {
            let late = state.tasks.values().filter(|task| task.serial != new.serial).count();
            let left = Duration::from_millis(until_ms.saturating_sub(self.clock.now_ms()));
            if late == 0 || left.is_zero() || state.ledger.running().serial != new.serial {
                return (state, late);
            }
            let answer = self.moved.wait_timeout(state, left.min(LOOK));
            state = answer.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tasks have to look again, and whoever listens is told.
    fn changed(&self, state: &mut State) {
        self.epoch.fetch_add(1, Relaxed);
        self.wanted.store(state.ledger.running().serial, Relaxed);
        for exchange in state.ledger.take_news() {
            let Some(events) = &self.events else { continue };
            let event = Event { step: self.name.clone(), exchange };
            if events.try_send(event).is_err() {
                tracing::warn!(step = self.name, "nobody took the news of an exchange; the history has it");
            }
        }
        self.moved.notify_all();
    }

    fn take_back(&self, state: &mut State, serial: u64, reason: &str) -> bool {
        let on_trial = state.ledger.running().serial == serial && state.ledger.trial().is_some();
        let gone = state.ledger.take_back(serial, reason, self.clock.now_ms());
        if on_trial {
            if reason == BY_HAND {
                tracing::info!(step = self.name, "a component on probation is rolled back by hand");
            } else {
                tracing::warn!(step = self.name, reason, "a component was taken back");
            }
            self.changed(state);
        }
        gone
    }

    fn keep_if_over(&self, state: &mut State) {
        let Some(trial) = state.ledger.trial() else { return };
        let serial = state.ledger.running().serial;
        let now_ms = self.clock.now_ms();
        let tasks: Vec<Progress> = state
            .tasks
            .values()
            .map(|task| Progress {
                switched: task.serial == serial,
                batches: task.beat.batches.load(Relaxed),
                last_ms: task.beat.last_ms.load(Relaxed),
            })
            .collect();
        if probation::is_over(&trial.probation, trial.since_ms, now_ms, &tasks) {
            state.ledger.keep(now_ms);
            self.changed(state);
        }
    }
}

fn exchanged(state: &State, generation: u64, from: &Installed, to: &Installed) -> Exchanged {
    Exchanged {
        generation,
        from: VersionRef::of(&*from.version),
        to: VersionRef::of(&*to.version),
        pause: state.tasks.values().map(|task| task.pause).max().unwrap_or_default(),
        noop: false,
    }
}

/// The side of the tasks.
impl StepControl {
    /// A task begins. It has to [`leave`](Self::leave).
    pub(super) fn join(&self) -> (u64, Arc<Beat>) {
        let mut state = self.lock();
        state.joined += 1;
        let (id, beat) = (state.joined, Arc::<Beat>::default());
        let task = Task { serial: 0, prepared: None, pause: Duration::ZERO, beat: Arc::clone(&beat) };
        state.tasks.insert(id, task);
        (id, beat)
    }

    /// The task ends.
    pub(super) fn leave(&self, task: u64) {
        // Dropped after the lock: an instance gives back its memory.
        let _left = self.lock().tasks.remove(&task);
        self.moved.notify_all();
    }

    /// Whether a task has to look again.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Relaxed)
    }

    /// For the calls of a task on the version with this serial.
    pub(super) fn recall(&self, halt: &Arc<Halt>, serial: u64) -> Recall {
        Recall::new(Arc::clone(halt), Arc::clone(&self.wanted), serial)
    }

    /// What the task has to run now.
    pub(super) fn target(&self, task: u64) -> Target {
        let mut state = self.lock();
        let running = Arc::clone(state.ledger.running());
        let trial = state.ledger.trial().map(|trial| TaskTrial {
            fallback: trial.fallback.serial,
            until_ms: trial.since_ms + trial.probation.time.as_millis() as u64,
        });
        let prepared = state
            .tasks
            .get_mut(&task)
            .and_then(|task| task.prepared.take_if(|(serial, _)| *serial == running.serial))
            .map(|(_, guest)| guest);
        Target { epoch: self.epoch(), running, prepared, trial }
    }

    /// The task runs the version with this serial, after standing still for `pause`.
    pub(super) fn arrived(&self, task: u64, serial: u64, pause: Duration) {
        if let Some(task) = self.lock().tasks.get_mut(&task) {
            task.serial = serial;
            task.pause = pause;
        }
        self.moved.notify_all();
    }

    /// The version with this serial failed. Answers whether another one has to answer in its place; if not, it
    /// has proved itself already.
    pub(super) fn failed(&self, serial: u64, reason: &str) -> bool {
        self.take_back(&mut self.lock(), serial, reason)
    }

    /// Ends the probation if it is over.
    pub(super) fn look(&self) {
        self.keep_if_over(&mut self.lock());
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}
