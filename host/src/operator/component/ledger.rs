//! Which version of a component runs, which one a failure brings back, and what happened before: the decisions
//! of an exchange, without locks, instances or a clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::counters::{CounterTable, Counters};
use super::{Exchange, ExchangeState, Version, VersionRef, VersionTotals};
use crate::spec::Probation;

/// Versions before the running one that a rollback can reach.
const MOST_BEFORE: usize = 4;
/// Exchanges that are remembered.
const MOST_HISTORY: usize = 32;

/// A version that runs or ran. The serial tells two uses of equal components apart.
pub(super) struct Installed {
    pub serial: u64,
    pub version: Arc<dyn Version>,
    pub counters: Arc<Counters>,
    /// See [`keeps_nothing`](Self::keeps_nothing).
    lost: AtomicBool,
}

impl Installed {
    fn new(serial: u64, version: Arc<dyn Version>, counters: Arc<Counters>) -> Installed {
        Installed { serial, version, counters, lost: AtomicBool::new(false) }
    }

    /// Rows that an instance kept are lost with it. They are read again, and from now on none keeps any.
    pub fn lost_rows(&self) {
        self.lost.store(true, Relaxed);
    }

    /// Instances are flushed after each batch: one has lost rows that it kept, and would lose them again.
    pub fn keeps_nothing(&self) -> bool {
        self.lost.load(Relaxed)
    }
}

/// A version that has not proved itself.
pub(super) struct Trial {
    pub since_ms: u64,
    pub probation: Probation,
    pub fallback: Arc<Installed>,
    /// The versions before, as they were when the trial began.
    before: VecDeque<Arc<Installed>>,
}

/// The state of a step's component.
pub(super) struct Ledger {
    running: Arc<Installed>,
    before: VecDeque<Arc<Installed>>,
    trial: Option<Trial>,
    generation: u64,
    serials: u64,
    history: VecDeque<Exchange>,
    counters: CounterTable,
    news: Vec<Exchange>,
}

impl Ledger {
    pub fn new(version: Arc<dyn Version>) -> Ledger {
        let mut counters = CounterTable::default();
        let running = Installed::new(1, Arc::clone(&version), counters.of(&*version));
        Ledger {
            running: Arc::new(running),
            before: VecDeque::new(),
            trial: None,
            generation: 0,
            serials: 1,
            history: VecDeque::new(),
            counters,
            news: Vec::new(),
        }
    }

    pub fn running(&self) -> &Arc<Installed> {
        &self.running
    }

    pub fn trial(&self) -> Option<&Trial> {
        self.trial.as_ref()
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The version that ran before the running one.
    pub fn last_before(&self) -> Option<&Arc<Installed>> {
        self.before.back()
    }

    /// Exchanges, oldest first.
    pub fn history(&self) -> impl Iterator<Item = &Exchange> {
        self.history.iter()
    }

    pub fn totals(&self) -> Vec<VersionTotals> {
        self.counters.totals()
    }

    /// Exchanges that came to another state since this was last asked, in order.
    pub fn take_news(&mut self) -> Vec<Exchange> {
        std::mem::take(&mut self.news)
    }

    /// Gives a version a serial and counters; it does not run yet.
    pub fn admit(&mut self, version: Arc<dyn Version>) -> Arc<Installed> {
        self.serials += 1;
        let counters = self.counters.of(&*version);
        Arc::new(Installed::new(self.serials, version, counters))
    }

    /// `new` runs from now on, on trial. A trial under way ends undecided: whoever goes on from a version wants
    /// to come back to it. Answers the generation.
    pub fn install(&mut self, new: &Arc<Installed>, probation: Probation, now_ms: u64) -> u64 {
        if self.trial.is_some() {
            self.settle(ExchangeState::Superseded, now_ms);
        }
        let before = self.before.clone();
        match self.before.iter().position(|known| known.serial == new.serial) {
            Some(back) => self.before.truncate(back),
            None => self.before.push_back(Arc::clone(&self.running)),
        }
        if self.before.len() > MOST_BEFORE {
            self.before.pop_front();
        }
        let fallback = std::mem::replace(&mut self.running, Arc::clone(new));
        self.generation += 1;
        let exchange = Exchange {
            generation: self.generation,
            from: VersionRef::of(&*fallback.version),
            to: VersionRef::of(&*new.version),
            state: ExchangeState::Probation,
            at_ms: now_ms,
        };
        self.trial = Some(Trial { since_ms: now_ms, probation, fallback, before });
        self.news.push(exchange.clone());
        self.history.push_back(exchange);
        if self.history.len() > MOST_HISTORY {
            self.history.pop_front();
        }
        self.generation
    }

    /// The version with this serial failed: if it is on trial the one before runs again. Answers whether
    /// something else runs now than the one that failed.
    pub fn take_back(&mut self, serial: u64, reason: &str, now_ms: u64) -> bool {
        if self.running.serial != serial {
            return true;
        }
        let Some(trial) = self.trial.take() else { return false };
        self.running = trial.fallback;
        self.before = trial.before;
        self.settle(ExchangeState::RolledBack { reason: reason.to_owned() }, now_ms);
        true
    }

    /// The version on trial has proved itself.
    pub fn keep(&mut self, now_ms: u64) {
        if self.trial.take().is_some() {
            self.settle(ExchangeState::Kept, now_ms);
        }
    }

    /// Why the exchange that made this generation was taken back, if it was.
    pub fn reason_of(&self, generation: u64) -> Option<&str> {
        let exchange = self.history.iter().find(|exchange| exchange.generation == generation)?;
        match &exchange.state {
            ExchangeState::RolledBack { reason } => Some(reason),
            ExchangeState::Probation | ExchangeState::Kept | ExchangeState::Superseded => None,
        }
    }

    fn settle(&mut self, state: ExchangeState, now_ms: u64) {
        if let Some(last) = self.history.back_mut() {
            last.state = state;
            last.at_ms = now_ms;
            self.news.push(last.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fake::{Script, version};
    use super::*;

    const PROBATION: Probation = Probation { batches: 1, time: Duration::ZERO };

    fn install(ledger: &mut Ledger, label: &str, now_ms: u64) -> u64 {
        let new = ledger.admit(version(label, Script::default()));
        ledger.install(&new, PROBATION, now_ms);
        new.serial
    }

    fn runs(ledger: &Ledger) -> String {
        let before = ledger.before.iter().map(|b| b.version.label()).collect::<Vec<_>>().join(" ");
        format!("{} ({before})", ledger.running().version.label())
    }

    fn news(ledger: &mut Ledger) -> String {
        let line =
            |e: Exchange| format!("{}: {} -> {} {:?}\n", e.generation, e.from.label, e.to.label, e.state);
        ledger.take_news().into_iter().map(line).collect()
    }

    #[test]
    fn a_version_is_kept_taken_back_or_superseded() {
        let mut ledger = Ledger::new(version("a@1", Script::default()));
        install(&mut ledger, "a@2", 10);
        assert_eq!(runs(&ledger), "a@2 (a@1)");
        ledger.keep(20);
        let three = install(&mut ledger, "a@3", 30);
        assert!(ledger.take_back(three, "it trapped", 40));
        assert_eq!(runs(&ledger), "a@2 (a@1)");
        assert_eq!(ledger.reason_of(2), Some("it trapped"));
        let four = install(&mut ledger, "a@4", 50);
        install(&mut ledger, "a@5", 60);
        assert!(ledger.take_back(four, "too late: another one runs", 70));
        assert_eq!(runs(&ledger), "a@5 (a@1 a@2 a@4)");
        insta::assert_snapshot!(news(&mut ledger), @r#"
        1: a@1 -> a@2 Probation
        1: a@1 -> a@2 Kept
        2: a@2 -> a@3 Probation
        2: a@2 -> a@3 RolledBack { reason: "it trapped" }
        3: a@2 -> a@4 Probation
        3: a@2 -> a@4 Superseded
        4: a@4 -> a@5 Probation
        "#);
    }

    #[test]
    fn a_version_that_was_kept_is_not_taken_back() {
        let mut ledger = Ledger::new(version("a@1", Script::default()));
        let two = install(&mut ledger, "a@2", 10);
        ledger.keep(20);
        assert!(!ledger.take_back(two, "a poison row", 30));
        assert_eq!(runs(&ledger), "a@2 (a@1)");
    }

    #[test]
    fn going_back_goes_one_further_each_time_and_can_be_taken_back_itself() {
        let mut ledger = Ledger::new(version("a@1", Script::default()));
        for label in ["a@2", "a@3"] {
            install(&mut ledger, label, 0);
            ledger.keep(0);
        }
        let two = Arc::clone(ledger.last_before().expect("a@2 ran before"));
        ledger.install(&two, PROBATION, 10);
        assert_eq!(runs(&ledger), "a@2 (a@1)");
        assert!(ledger.take_back(two.serial, "a task did not come", 20));
        assert_eq!(runs(&ledger), "a@3 (a@1 a@2)");
        ledger.install(&two, PROBATION, 30);
        ledger.keep(30);
        let one = Arc::clone(ledger.last_before().expect("a@1 ran before"));
        ledger.install(&one, PROBATION, 40);
        assert_eq!(runs(&ledger), "a@1 ()");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut ledger = Ledger::new(version("a@0", Script::default()));
        for n in 1..100 {
            install(&mut ledger, &format!("a@{n}"), n);
        }
        assert_eq!(runs(&ledger), "a@99 (a@95 a@96 a@97 a@98)");
        assert_eq!(ledger.history().count(), MOST_HISTORY);
        assert_eq!(ledger.totals().len(), 32);
        assert_eq!(ledger.totals().last().map(|t| t.version.label.clone()), Some("a@99".into()));
    }
}
