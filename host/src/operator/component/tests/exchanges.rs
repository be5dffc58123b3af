//! Exchanges step by step: what a task runs, what becomes of the instances, how it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema};

use super::super::fake::{Journal, Script, answers, rows, version};
use super::super::{Clock, ComponentOperator, ExchangeError, Exchanged, StepControl, Version};
use crate::operator::{Operator, OperatorError, Output};
use crate::spec::Probation;

const PROBATION: Probation = Probation { batches: 2, time: Duration::from_secs(10) };
const LONG: Duration = Duration::from_secs(60);

/// A step with one task, a clock that is moved by hand and a journal of all instances.
struct Bench {
    control: Arc<StepControl>,
    operator: ComponentOperator,
    clock: Arc<AtomicU64>,
    journal: Journal,
    events: crossbeam_channel::Receiver<super::super::Event>,
}

impl Bench {
    fn new() -> Bench {
        let journal = Journal::default();
        let clock = Arc::new(AtomicU64::new(1_000));
        let hands = Arc::clone(&clock);
        let (sender, events) = crossbeam_channel::bounded(100);
        let first = version("a@1", Script { journal: Arc::clone(&journal), ..Script::default() });
        let control = StepControl::new("score", first, PROBATION)
            .with_clock(Clock::of(move || hands.load(Relaxed)))
            .with_events(sender);
        let control = Arc::new(control);
        let operator = ComponentOperator::new(Arc::clone(&control), Arc::default()).expect("it starts");
        Bench { control, operator, clock, journal, events }
    }

    fn version(&self, label: &str, script: Script) -> Arc<dyn Version> {
        version(label, Script { journal: Arc::clone(&self.journal), ..script })
    }

    /// Asks for the exchange on another thread and lets the task come between two batches until it is made.
    fn exchange(&mut self, label: &str, script: Script) -> Result<Exchanged, ExchangeError> {
        let new = self.version(label, script);
        self.meanwhile(move |control| control.exchange(new, LONG))
    }

    fn meanwhile<T: Send + 'static>(&mut self, ask: impl FnOnce(&StepControl) -> T + Send + 'static) -> T {
        let control = Arc::clone(&self.control);
        let asking = std::thread::spawn(move || ask(&control));
        while !asking.is_finished() {
            self.operator.between_batches().expect("nothing fails between batches");
            std::thread::yield_now();
        }
        asking.join().expect("asking does not panic")
    }

    /// Labels of those who answered.
    fn batch(&mut self, numbers: std::ops::Range<i64>) -> String {
        let mut out = Output::default();
        match self.operator.on_batch(&rows(numbers), &mut out) {
            Ok(()) => describe(&out),
            Err(error) => error.to_string(),
        }
    }

    fn journal(&self) -> String {
        self.journal.lock().expect("no test panics here").drain(..).collect::<Vec<_>>().join(", ")
    }

    fn told(&self) -> String {
        let line = |event: super::super::Event| {
            let e = event.exchange;
            format!(
                "{} {}: {} -> {} {:?} at {}\n",
                event.step, e.generation, e.from.label, e.to.label, e.state, e.at_ms
            )
        };
        self.events.try_iter().map(line).collect()
    }
}

fn describe(out: &Output) -> String {
    let mut text = String::new();
    for (n, by) in answers(out) {
        text += &format!("{n}:{by} ");
    }
    for error in &out.errors {
        text += &format!("{}!{} ", error.row, error.code);
    }
    text.trim_end().to_owned()
}

#[test]
fn a_status_has_what_the_running_version_counted() {
    let mut bench = Bench::new();
    assert!(bench.control.status().counters.is_empty());
    let counters = [("hits".to_owned(), 3)].into();
    bench.exchange("a@2", Script { counters, ..Script::default() }).expect("it fits");
    assert_eq!(bench.control.status().counters["hits"], 3);
    bench.meanwhile(|control| control.rollback(LONG)).expect("there is one before");
    assert!(bench.control.status().counters.is_empty());
}

#[test]
fn a_version_proves_itself_and_the_old_instance_is_closed_only_then() {
    let mut bench = Bench::new();
    assert_eq!(bench.batch(0..2), "0:a@1 1:a@1");
    let done = bench.exchange("a@2", Script::default()).expect("it fits");
    assert_eq!(
        (done.generation, done.noop, done.from.label.as_str(), done.to.label.as_str()),
        (1, false, "a@1", "a@2")
    );
    assert_eq!(bench.journal(), "a@1 open, a@2 open, a@1 flush");
    assert_eq!(bench.batch(2..4), "2:a@2 3:a@2");
    assert_eq!(bench.batch(4..5), "4:a@2");
    assert!(bench.control.status().probation.is_some(), "the time is not over");
    bench.clock.store(11_000, Relaxed);
    bench.operator.between_batches().expect("nothing fails between batches");
    bench.operator.between_batches().expect("nothing fails between batches");
    assert_eq!(bench.journal(), "a@1 close, a@1 drop");
    let status = bench.control.status();
    assert_eq!((status.running.label.as_str(), status.probation, status.tasks), ("a@2", None, 1));
    insta::assert_snapshot!(bench.told(), @"
    score 1: a@1 -> a@2 Probation at 1000
    score 1: a@1 -> a@2 Kept at 11000
    ");
    bench.operator.close();
    assert_eq!(bench.journal(), "a@2 close, a@2 drop");
    assert_eq!(bench.control.status().tasks, 0);
}

#[test]
fn the_first_batch_that_fails_on_trial_is_answered_by_the_old_version() {
    let scripts = [
        Script { traps_on: [3].into(), emits_first: true, ..Script::default() },
        Script { loops_on: [3].into(), ..Script::default() },
        Script { lies_on: [3].into(), ..Script::default() },
        Script { fatal_on: [3].into(), ..Script::default() },
    ];
    let mut told = String::new();
    for script in scripts {
        let mut bench = Bench::new();
        bench.exchange("a@2", script).expect("it fits");
        assert_eq!(bench.batch(0..2), "0:a@2 1:a@2");
        assert_eq!(bench.batch(2..5), "2:a@1 3:a@1 4:a@1");
        assert_eq!(bench.batch(5..6), "5:a@1");
        assert_eq!(bench.control.label(), "a@1");
        told += &bench.told();
        let rows: Vec<_> =
            bench.control.status().versions.iter().map(|v| (v.version.label.clone(), v.rows_in)).collect();
        assert_eq!(rows, [("a@1".to_owned(), 4), ("a@2".to_owned(), 2)]);
    }
    insta::assert_snapshot!(told, @r#"
    score 1: a@1 -> a@2 Probation at 1000
    score 1: a@1 -> a@2 RolledBack { reason: "trap on a batch of 3 rows: unreachable; last log lines: row 3" } at 1000
    score 1: a@1 -> a@2 Probation at 1000
    score 1: a@1 -> a@2 RolledBack { reason: "timeout on a batch of 3 rows: no answer within 1s; last log lines: row 3" } at 1000
    score 1: a@1 -> a@2 Probation at 1000
    score 1: a@1 -> a@2 RolledBack { reason: "invalid-result on a batch of 3 rows: the bitmap is 3 bytes long, not 1; last log lines: row 3" } at 1000
    score 1: a@1 -> a@2 Probation at 1000
    score 1: a@1 -> a@2 RolledBack { reason: "fatal on a batch of 3 rows: the model is gone" } at 1000
    "#);
}

#[test]
fn a_row_that_kills_both_versions_is_found_by_the_old_one() {
    let mut bench = Bench::new();
    bench.exchange("a@2", Script { traps_on: [1].into(), ..Script::default() }).expect("it fits");
    let three = Script { traps_on: [1].into(), ..Script::default() };
    bench.exchange("a@3", three).expect("an exchange may follow a trial");
    assert_eq!(bench.batch(0..3), "0:a@2 2:a@2 1!trap");
    insta::assert_snapshot!(bench.told(), @r#"
    score 1: a@1 -> a@2 Probation at 1000
    score 1: a@1 -> a@2 Superseded at 1000
    score 2: a@2 -> a@3 Probation at 1000
    score 2: a@2 -> a@3 RolledBack { reason: "trap on a batch of 3 rows: unreachable; last log lines: row 1" } at 1000
    "#);
}

#[test]
fn a_version_on_trial_that_only_asks_for_another_try_has_failed() {
    let mut bench = Bench::new();
    let script = Script { transient_calls: AtomicU32::new(100), ..Script::default() };
    bench.exchange("a@2", script).expect("it fits");
    for _ in 0..3 {
        assert_eq!(bench.batch(0..1), "a@2: the lookup is slow");
    }
    assert_eq!(bench.batch(0..1), "0:a@1");
    assert_eq!(bench.control.label(), "a@1");
}

#[test]
fn a_watermark_that_fails_on_trial_brings_the_old_version_back() {
    let mut bench = Bench::new();
    bench.exchange("a@2", Script { traps_on_watermark: true, ..Script::default() }).expect("it fits");
    bench.operator.on_watermark(5, &mut Output::default()).expect("the old version answers");
    assert_eq!(bench.batch(0..1), "0:a@1");
}

#[test]
fn a_version_that_makes_no_instance_is_refused() {
    let mut bench = Bench::new();
    let error =
        bench.exchange("a@2", Script { no_instance: true, ..Script::default() }).expect_err("refused");
    insta::assert_snapshot!(error, @"no instance of a@2 can be made: open: unreachable; last log lines: no luck");
    assert_eq!(bench.batch(0..1), "0:a@1");
    assert_eq!(bench.told(), "");
}

#[test]
fn a_version_with_other_ports_is_refused_with_every_reason() {
    let mut bench = Bench::new();
    let fields = [Field::new("n", DataType::Utf8, false), Field::new("extra", DataType::Utf8, false)];
    let schema = Some(Arc::new(Schema::new(fields.to_vec())));
    let error = bench.exchange("a@2", Script { schema, ..Script::default() }).expect_err("refused");
    insta::assert_snapshot!(error, @"a@2 does not fit step `score`: column `n` of port `main` was Int64 and would be Utf8; column `by` of port `main` is missing; column `extra` of port `main` is new");
}

#[test]
fn the_same_version_twice_does_nothing() {
    let mut bench = Bench::new();
    let done = bench.exchange("a@1", Script::default()).expect("nothing to do");
    assert!(done.noop && done.generation == 0);
    assert_eq!(bench.told(), "");
}

#[test]
fn a_task_that_does_not_come_keeps_the_old_version_everywhere() {
    let mut bench = Bench::new();
    let mut other = ComponentOperator::new(Arc::clone(&bench.control), Arc::default()).expect("it starts");
    let new = bench.version("a@2", Script::default());
    let control = Arc::clone(&bench.control);
    let asking = std::thread::spawn(move || control.exchange(new, Duration::from_secs(1)));
    // Only the first task comes; the other one is busy until the time is over.
    while bench.operator.component().is_none_or(|runs| runs.label != "a@2") {
        bench.operator.between_batches().expect("nothing fails between batches");
        std::thread::yield_now();
    }
    bench.clock.store(2_000, Relaxed);
    let error = asking.join().expect("asking does not panic").expect_err("the other task does not come");
    insta::assert_snapshot!(error, @"a@2 was taken back: 1 of 2 tasks did not come between two batches within 1s: a call that takes long, or a sink that takes nothing; try again, or wait longer");
    assert_eq!(bench.batch(0..1), "0:a@1");
    let mut out = Output::default();
    other.on_batch(&rows(1..2), &mut out).expect("it goes on");
    assert_eq!(describe(&out), "1:a@1");
    insta::assert_snapshot!(bench.told(), @r#"
    score 1: a@1 -> a@2 Probation at 1000
    score 1: a@1 -> a@2 RolledBack { reason: "1 of 2 tasks did not come between two batches within 1s: a call that takes long, or a sink that takes nothing; try again, or wait longer" } at 2000
    "#);
    insta::assert_snapshot!(bench.journal(), @"a@1 open, a@1 open, a@2 open, a@2 open, a@1 flush, a@2 close, a@2 drop, a@2 flush, a@2 close, a@2 drop");
}

#[test]
fn one_exchange_at_a_time() {
    let mut bench = Bench::new();
    let (first, second) = (bench.version("a@2", Script::default()), bench.version("a@3", Script::default()));
    let control = Arc::clone(&bench.control);
    let asking = std::thread::spawn(move || control.exchange(first, LONG));
    while bench.control.label() != "a@2" {
        std::thread::yield_now();
    }
    let error = bench.control.exchange(second, LONG).expect_err("busy");
    insta::assert_snapshot!(error, @"another exchange of step `score` is under way; try again when it has ended");
    assert!(matches!(bench.control.rollback(LONG), Err(ExchangeError::Busy { .. })));
    bench.operator.between_batches().expect("nothing fails between batches");
    asking.join().expect("asking does not panic").expect("it is made");
}

#[test]
fn a_rollback_by_hand_during_probation_needs_no_new_instance() {
    let mut bench = Bench::new();
    bench.exchange("a@2", Script::default()).expect("it fits");
    bench.batch(0..1);
    bench.journal();
    let done = bench.meanwhile(|control| control.rollback(LONG)).expect("there is one before");
    assert_eq!((done.from.label.as_str(), done.to.label.as_str()), ("a@2", "a@1"));
    assert_eq!(bench.batch(1..2), "1:a@1");
    assert_eq!(bench.journal(), "a@2 flush, a@2 close, a@2 drop");
    let error = bench.meanwhile(|control| control.rollback(LONG)).expect_err("nothing before");
    insta::assert_snapshot!(error, @"step `score` has run no other version before a@1 since the pipeline started");
}

#[test]
fn a_rollback_by_hand_after_probation_has_none_itself() {
    let mut bench = Bench::new();
    bench.exchange("a@2", Script::default()).expect("it fits");
    bench.batch(0..1);
    bench.batch(1..2);
    bench.clock.store(20_000, Relaxed);
    bench.operator.between_batches().expect("nothing fails between batches");
    bench.meanwhile(|control| control.rollback(LONG)).expect("there is one before");
    assert!(bench.control.status().probation.is_none());
    assert_eq!(bench.batch(2..3), "2:a@1");
    insta::assert_snapshot!(bench.told(), @"
    score 1: a@1 -> a@2 Probation at 1000
    score 1: a@1 -> a@2 Kept at 20000
    score 2: a@2 -> a@1 Probation at 20000
    score 2: a@2 -> a@1 Kept at 20000
    ");
}

#[test]
fn what_a_replaced_version_had_cached_goes_out_first() {
    let mut bench = Bench::new();
    bench.exchange("a@2", Script { buffers: true, ..Script::default() }).expect("it fits");
    assert_eq!(bench.batch(0..2), "");
    bench.exchange("a@3", Script::default()).expect("it fits");
    assert_eq!(bench.batch(2..3), "0:a@2 1:a@2 2:a@3");
}

#[test]
fn what_a_replaced_version_had_cached_survives_a_batch_that_has_to_be_tried_again() {
    let mut bench = Bench::new();
    bench.exchange("a@2", Script { buffers: true, ..Script::default() }).expect("it fits");
    bench.batch(0..1);
    let script = Script { transient_calls: AtomicU32::new(1), ..Script::default() };
    bench.exchange("a@3", script).expect("it fits");
    let mut out = Output::default();
    let error = bench.operator.on_batch(&rows(1..2), &mut out).expect_err("not now");
    assert!(matches!(error, OperatorError::Transient(_)));
    bench.operator.on_barrier(&mut out).expect("a flush");
    assert_eq!(describe(&out), "0:a@2");
}

#[test]
fn a_task_that_joins_during_probation_can_go_back_too() {
    let mut bench = Bench::new();
    bench.exchange("a@2", Script { traps_on: [7].into(), ..Script::default() }).expect("it fits");
    let mut late = ComponentOperator::new(Arc::clone(&bench.control), Arc::default()).expect("it starts");
    let mut out = Output::default();
    late.on_batch(&rows(7..8), &mut out).expect("the old version answers");
    assert_eq!(describe(&out), "7:a@1");
    assert_eq!(bench.batch(0..1), "0:a@1");
}

#[test]
fn an_exchange_without_tasks_is_made_at_once() {
    let control = Arc::new(StepControl::new("score", version("a@1", Script::default()), PROBATION));
    control.exchange(version("a@2", Script::default()), Duration::ZERO).expect("nobody to wait for");
    let mut operator = ComponentOperator::new(control, Arc::default()).expect("it starts");
    let mut out = Output::default();
    operator.on_batch(&rows(0..1), &mut out).expect("it answers");
    assert_eq!(describe(&out), "0:a@2");
}

#[test]
fn a_version_that_loops_can_be_replaced_in_the_middle_of_a_search() {
    let slot: Arc<std::sync::OnceLock<Arc<StepControl>>> = Arc::default();
    let (seen, calls) = (Arc::clone(&slot), AtomicU32::new(0));
    let looping = Script {
        loops_on: (0..64).collect(),
        at_call: Some(Box::new(move |_| {
            // In the third call of the search somebody swaps.
            if calls.fetch_add(1, Relaxed) == 2 {
                let control = Arc::clone(seen.get().expect("set before the first batch"));
                let asked = Arc::clone(&control);
                std::thread::spawn(move || asked.exchange(version("a@2", Script::default()), LONG));
                while control.label() != "a@2" {
                    std::thread::yield_now();
                }
            }
        })),
        ..Script::default()
    };
    let control = Arc::new(StepControl::new("score", version("a@1", looping), PROBATION));
    slot.set(Arc::clone(&control)).ok();
    let mut operator = ComponentOperator::new(Arc::clone(&control), Arc::default()).expect("it starts");
    let mut out = Output::default();
    operator.on_batch(&rows(0..64), &mut out).expect("the new version answers");
    assert!(answers(&out).iter().map(|(n, _)| *n).eq(0..64));
    assert!(answers(&out).iter().all(|(_, by)| by == "a@2"));
    assert!(out.errors.is_empty());
    let rows: Vec<u64> = control.status().versions.iter().map(|v| v.rows_in).collect();
    assert_eq!(rows, [0, 64]);
}

#[test]
fn a_call_that_does_not_come_back_ends_when_another_version_is_wanted() {
    let journal = Journal::default();
    let of = |script| Script { journal: Arc::clone(&journal), ..script };
    let hanging = version("a@1", of(Script { hangs_on: [2].into(), ..Script::default() }));
    let control = Arc::new(StepControl::new("score", hanging, PROBATION));
    let mut operator = ComponentOperator::new(Arc::clone(&control), Arc::default()).expect("it starts");
    let new = version("a@2", of(Script::default()));
    let asked = Arc::clone(&control);
    let asking = std::thread::spawn(move || asked.exchange(new, LONG));
    let mut out = Output::default();
    operator.on_batch(&rows(0..4), &mut out).expect("the new version answers");
    assert_eq!(describe(&out), "0:a@2 1:a@2 2:a@2 3:a@2");
    asking.join().expect("asking does not panic").expect("it is made");
    let rows: Vec<u64> = control.status().versions.iter().map(|v| v.rows_in).collect();
    assert_eq!(rows, [0, 4]);
}

#[test]
fn a_call_is_not_ended_for_another_version_while_its_instance_keeps_rows() {
    for (buffers, ends) in [(true, false), (false, true)] {
        let slot: Arc<std::sync::OnceLock<Arc<StepControl>>> = Arc::default();
        let (seen, calls, due) = (Arc::clone(&slot), AtomicU32::new(0), Arc::new(AtomicBool::new(false)));
        let noted = Arc::clone(&due);
        let script = Script {
            buffers,
            at_call: Some(Box::new(move |terms| {
                // In the second call somebody swaps; what is kept is of the first.
                if calls.fetch_add(1, Relaxed) == 1 {
                    let control = Arc::clone(seen.get().expect("set before the first batch"));
                    let asked = Arc::clone(&control);
                    std::thread::spawn(move || asked.exchange(version("a@2", Script::default()), LONG));
                    while control.label() != "a@2" {
                        std::thread::yield_now();
                    }
                    noted.store(terms.recall.is_due(LONG), Relaxed);
                }
            })),
            ..Script::default()
        };
        let control = Arc::new(StepControl::new("score", version("a@1", script), PROBATION));
        slot.set(Arc::clone(&control)).ok();
        let mut operator = ComponentOperator::new(Arc::clone(&control), Arc::default()).expect("it starts");
        operator.on_batch(&rows(0..1), &mut Output::default()).expect("it answers");
        operator.on_batch(&rows(1..2), &mut Output::default()).expect("it answers");
        assert_eq!(due.load(Relaxed), ends);
    }
}

#[test]
fn a_dead_letter_that_fails_again_does_not_take_a_version_on_trial_back() {
    let mut bench = Bench::new();
    let script = Script { traps_on: [7].into(), ..Script::default() };
    bench.exchange("a@2", script).expect("it fits");
    let mut out = Output::default();
    for letters in [7..8, 3..4] {
        bench.operator.on_letter(&rows(letters), &mut out).expect("it is answered");
    }
    assert_eq!(describe(&out), "3:a@2 0!trap");
    assert!(bench.control.status().probation.is_some(), "nor do letters prove it");
    assert_eq!(bench.batch(6..8), "6:a@1 7:a@1", "what is live does take it back");
}
