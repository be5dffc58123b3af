//! Many exchanges while several tasks are busy: every row is answered by exactly one version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use super::super::fake::{Script, answers, rows, version};
use super::super::{ComponentOperator, ExchangeError, StepControl};
use crate::operator::{Operator, Output};
use crate::spec::Probation;

const TASKS: usize = 4;
const EXCHANGES: i64 = 200;
const LONG: Duration = Duration::from_secs(60);

/// Rows of a task: what it gave in, and how often each came out and by whom.
struct Report {
    given: i64,
    taken: BTreeMap<i64, Vec<String>>,
    changes: usize,
}

fn work(control: Arc<StepControl>, task: i64, stop: Arc<AtomicBool>, progress: Arc<AtomicI64>) -> Report {
    let mut operator = ComponentOperator::new(control, Arc::default()).expect("it starts");
    let mut report = Report { given: 0, taken: BTreeMap::new(), changes: 0 };
    let mut out = Output::default();
    let mut last = String::new();
    while !stop.load(Relaxed) {
        let first = task * 1_000_000_000 + report.given;
        operator.on_batch(&rows(first..first + 7), &mut out).expect("a batch is answered");
        report.given += 7;
        for (n, by) in answers(&out) {
            report.changes += usize::from(by != last);
            last.clone_from(&by);
            report.taken.entry(n).or_default().push(by);
        }
        for error in &out.errors {
            report.taken.entry(first + i64::from(error.row)).or_default().push(error.code.to_string());
        }
        out.clear();
        operator.between_batches().expect("nothing fails between batches");
        progress.fetch_add(1, Relaxed);
        std::thread::yield_now();
    }
    operator.close();
    report
}

/// Exchanges `new(i)` for i in 1..=200 under load. Every third one is waited for by batches, not by exchange.
fn run(new: impl Fn(i64) -> Script, probation: Probation) -> (Vec<Report>, Vec<Result<(), ExchangeError>>) {
    let control = Arc::new(StepControl::new("score", version("a@0", Script::default()), probation));
    let (stop, progress) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let tasks: Vec<_> = (0..TASKS as i64)
        .map(|task| {
            let (control, stop, progress) = (Arc::clone(&control), Arc::clone(&stop), Arc::clone(&progress));
            std::thread::spawn(move || work(control, task, stop, progress))
        })
        .collect();
    while control.status().tasks < TASKS {
        std::thread::yield_now();
    }
    let mut results = Vec::new();
    for i in 1..=EXCHANGES {
        let done = control.exchange(version(&format!("a@{i}"), new(i)), LONG);
        results.push(done.map(|_| ()));
        let until = progress.load(Relaxed) + if i % 3 == 0 { 20 } else { 0 };
        while progress.load(Relaxed) < until {
            std::thread::yield_now();
        }
    }
    stop.store(true, Relaxed);
    let reports: Vec<Report> =
        tasks.into_iter().map(|task| task.join().expect("a task does not panic")).collect();
    let status = control.status();
    let counted: u64 = status.versions.iter().map(|v| v.rows_in).sum();
    assert!(counted <= rows_given(&reports), "counters of old versions are let go, none counts twice");
    (reports, results)
}

fn rows_given(reports: &[Report]) -> u64 {
    reports.iter().map(|report| report.given as u64).sum()
}

fn each_row_once(reports: &[Report]) {
    for (task, report) in reports.iter().enumerate() {
        let first = task as i64 * 1_000_000_000;
        assert!(report.taken.keys().copied().eq(first..first + report.given), "rows are missing");
        assert!(report.taken.values().all(|by| by.len() == 1), "rows came twice");
    }
}

#[test]
fn two_hundred_exchanges_lose_and_double_nothing() {
    let (reports, results) = run(|_| Script::default(), Probation { batches: 1, time: Duration::ZERO });
    each_row_once(&reports);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert!(reports.iter().all(|report| report.changes > 1), "every task saw several versions");
}

#[test]
fn two_hundred_exchanges_of_which_half_trap_lose_and_double_nothing() {
    let script = |i: i64| Script {
        // The bad versions trap on rows that come up all the time, after having emitted the rows before.
        traps_every: if i % 2 == 0 { 97 } else { 0 },
        emits_first: true,
        ..Script::default()
    };
    let (reports, results) = run(script, Probation { batches: 50, time: Duration::from_secs(3600) });
    each_row_once(&reports);
    let refused = results.iter().filter(|r| r.is_err()).count();
    assert!(results.iter().all(|r| !matches!(r, Err(ExchangeError::Busy { .. }))), "{refused} were refused");
}
