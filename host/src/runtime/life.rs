//! A pipeline's life as a state machine: which states there are, which may follow which, and why it is where it
//! is. Pure but for the lock around it.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// Where a pipeline is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Joining its groups, starting its tasks.
    Starting,
    /// Data flows, or would.
    Running,
    /// It waits for something outside (a broker that is down), losing nothing.
    Paused,
    /// It failed: it will start again by itself after a backoff, or it gave up and starts when told to.
    Failed,
    /// It ended or was stopped; it starts only when told to.
    Stopped,
}

impl State {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Paused => "paused",
            State::Failed => "failed",
            State::Stopped => "stopped",
        }
    }

    /// Whether `next` may follow.
    pub fn may_become(self, next: State) -> bool {
        use State::*;
        match (self, next) {
            (a, b) if a == b => true,
            (Stopped, Starting) => true,
            (Stopped, _) => false,
            (Failed, Running | Paused) => false,
            _ => true,
        }
    }
}

/// A reading of a pipeline's life.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Where it is.
    pub state: State,
    /// Why, for a person: the failure, or what it waits for.
    pub reason: Option<String>,
    /// Since when.
    pub since: SystemTime,
    /// Restarts after failures.
    pub restarts: u64,
    /// When it starts again, for `Failed`; `None` when it gave up.
    pub retry_in: Option<Duration>,
}

impl Snapshot {
    /// It failed and does not start again by itself.
    pub fn gave_up(&self) -> bool {
        self.state == State::Failed && self.retry_in.is_none()
    }

    /// Nothing of it runs or will by itself.
    pub fn is_at_rest(&self) -> bool {
        self.state == State::Stopped || self.gave_up()
    }
}

/// A pipeline's life, shared between its coordinator and those who ask.
#[derive(Debug)]
pub struct Life(Mutex<(Snapshot, Option<Instant>)>);

impl Default for Life {
    fn default() -> Self {
        let snapshot = Snapshot {
            state: State::Stopped,
            reason: None,
            since: SystemTime::now(),
            restarts: 0,
            retry_in: None,
        };
        Life(Mutex::new((snapshot, None)))
    }
}

impl Life {
    /// What it is now.
    pub fn snapshot(&self) -> Snapshot {
        let guard = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut snapshot = guard.0.clone();
        snapshot.retry_in = guard.1.map(|at| at.saturating_duration_since(Instant::now()));
        snapshot
    }

    pub(super) fn enter(&self, next: State, reason: Option<String>) {
        self.change(next, reason, None);
    }

    /// It failed and starts again after a while.
    pub(super) fn failed(&self, reason: String, retry_in: Duration) {
        self.change(State::Failed, Some(reason), Some(Instant::now() + retry_in));
    }

    /// It failed and starts again when told to.
    pub(super) fn give_up(&self, reason: String) {
        self.change(State::Failed, Some(reason), None);
    }

    fn change(&self, next: State, reason: Option<String>, retry_at: Option<Instant>) {
        let mut guard = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (life, at) = &mut *guard;
        debug_assert!(life.state.may_become(next), "{:?} may not become {next:?}", life.state);
        if life.state != next {
            life.since = SystemTime::now();
            life.state = next;
        }
        life.restarts += u64::from(retry_at.is_some());
        life.reason = reason;
        *at = retry_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_pipeline_only_starts_and_a_failed_one_starts_or_stops() {
        use State::*;
        assert!(Stopped.may_become(Starting) && !Stopped.may_become(Running));
        assert!(Failed.may_become(Starting) && Failed.may_become(Stopped) && !Failed.may_become(Running));
        assert!(Running.may_become(Paused) && Paused.may_become(Running) && Running.may_become(Stopped));
    }

    #[test]
    fn one_that_gave_up_is_at_rest_and_one_that_tries_again_is_not() {
        let life = Life::default();
        life.enter(State::Starting, None);
        life.failed("no broker".into(), Duration::from_secs(60));
        let found = life.snapshot();
        assert!(!found.is_at_rest() && found.restarts == 1 && found.retry_in > Some(Duration::from_secs(50)));
        life.enter(State::Starting, None);
        life.give_up("too much failed".into());
        let found = life.snapshot();
        assert!(found.gave_up() && found.is_at_rest() && found.restarts == 1);
        life.enter(State::Stopped, None);
        assert!(life.snapshot().is_at_rest() && !life.snapshot().gave_up());
    }
}
