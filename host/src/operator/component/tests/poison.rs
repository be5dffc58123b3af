//! What becomes of rows on which a component fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use proptest::prelude::*;

use super::super::fake::{Script, answers, rows, version};
use super::super::{ComponentOperator, StepControl};
use crate::batch::{Batch, Parents, RawRecords};
use crate::operator::{Operator, OperatorError, Output};
use crate::spec::Probation;

const PROBATION: Probation = Probation { batches: 1, time: Duration::ZERO };

fn operator(script: Script) -> (Arc<StepControl>, ComponentOperator) {
    let control = Arc::new(StepControl::new("score", version("a@1", script), PROBATION));
    let operator = ComponentOperator::new(Arc::clone(&control), Arc::default()).expect("it starts");
    (control, operator)
}

fn numbers(out: &Output) -> Vec<i64> {
    answers(out).into_iter().map(|(n, _)| n).collect()
}

fn errors(out: &Output) -> String {
    out.errors.iter().map(|e| format!("{} {}: {}\n", e.row, e.code, e.message)).collect()
}

#[test]
fn good_rows_go_on_in_order_and_each_bad_one_says_why() {
    let script = Script {
        traps_on: [3].into(),
        lies_on: [5].into(),
        loops_on: [6].into(),
        refuses: [1, 7].into(),
        emits_first: true,
        ..Script::default()
    };
    let (control, mut operator) = operator(script);
    let mut out = Output::default();
    operator.on_batch(&rows(0..10), &mut out).expect("the batch is answered");
    assert_eq!(numbers(&out), [0, 2, 4, 8, 9]);
    insta::assert_snapshot!(errors(&out), @"
    1 unwanted: 1 is not wanted
    3 trap: a@1: unreachable; last log lines: row 3
    5 invalid-result: a@1: the bitmap is 3 bytes long, not 1; last log lines: row 5
    6 timeout: a@1: no answer within 1s; last log lines: row 6
    7 unwanted: 7 is not wanted
    ");
    let totals = &control.status().versions[0];
    assert_eq!((totals.rows_in, totals.rows_out, totals.errors), (10, 5, 5));
    insta::assert_snapshot!(format!("{} calls, {} traps, {} timeouts, {} invalid",
        totals.calls, totals.traps, totals.timeouts, totals.invalid), @"13 calls, 5 traps, 1 timeouts, 3 invalid");
}

#[test]
fn a_row_keeps_its_record() {
    let (_, mut operator) = operator(Script { traps_on: [1].into(), ..Script::default() });
    let records = Arc::new(RawRecords::with_capacity("orders".into(), 0, 0, 0));
    let plain = rows(0..3);
    let batch = Batch::decoded(plain.rows, records, Parents::Each([2, 1, 0].into()));
    let mut out = Output::default();
    operator.on_batch(&batch, &mut out).expect("the batch is answered");
    assert_eq!(out.errors[0].row, 1);
}

#[test]
fn a_batch_of_one_row_that_traps_is_that_row() {
    let (_, mut operator) = operator(Script { traps_on: [0].into(), ..Script::default() });
    let mut out = Output::default();
    operator.on_batch(&rows(0..1), &mut out).expect("the batch is answered");
    assert_eq!((numbers(&out), out.errors.len()), (vec![], 1));
}

#[test]
fn a_batch_that_loops_everywhere_is_given_up() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let script = Script {
        loops_on: (0..8192).collect(),
        at_call: Some(Box::new(move |_| {
            counted.fetch_add(1, Relaxed);
        })),
        ..Script::default()
    };
    let (_, mut operator) = operator(script);
    let mut out = Output::default();
    let error = operator.on_batch(&rows(0..8192), &mut out).expect_err("it is given up");
    insta::assert_snapshot!(error, @"a@1 did not come back from one part after another of a batch of 8192 rows, which has cost 8s: a batch may cost 8 times `limits.batch_timeout` (1s) in such calls. Swap in a version that answers, or raise `limits.batch_timeout` if it is only slow");
    assert!(out.batches.is_empty() && out.errors.is_empty());
    assert!(calls.load(Relaxed) < 30);
}

#[test]
fn what_the_guest_says_of_a_whole_batch_is_the_operators_error() {
    let (_, mut transient) = operator(Script { transient_calls: AtomicU32::new(1), ..Script::default() });
    let mut out = Output::default();
    let error = transient.on_batch(&rows(0..4), &mut out).expect_err("not now");
    assert!(matches!(&error, OperatorError::Transient(text) if text == "a@1: the lookup is slow"), "{error}");
    transient.on_batch(&rows(0..4), &mut out).expect("the next try succeeds");
    assert_eq!(numbers(&out), [0, 1, 2, 3]);

    let (_, mut fatal) = operator(Script { fatal_on: [3].into(), traps_on: [4].into(), ..Script::default() });
    let error = fatal.on_batch(&rows(0..5), &mut Output::default()).expect_err("never");
    assert!(matches!(&error, OperatorError::Fatal(text) if text == "a@1: the model is gone"), "{error}");
}

#[test]
fn a_watermark_that_traps_is_tried_once_more_and_no_row_is_to_blame() {
    let (_, mut operator) = operator(Script { traps_on_watermark: true, ..Script::default() });
    let error = operator.on_watermark(7, &mut Output::default()).expect_err("it traps always");
    insta::assert_snapshot!(error, @"a@1 failed twice on a watermark (trap): unreachable");
    operator.on_batch(&rows(0..1), &mut Output::default()).expect("a fresh instance answers");
}

#[test]
fn a_step_whose_component_makes_no_instance_does_not_start() {
    let version = version("a@1", Script { no_instance: true, ..Script::default() });
    let control = Arc::new(StepControl::new("score", version, PROBATION));
    let Err(error) = ComponentOperator::new(Arc::clone(&control), Arc::default()) else {
        panic!("it started")
    };
    insta::assert_snapshot!(error, @"no instance of a@1 can be made: open: unreachable; last log lines: no luck");
    assert_eq!(control.status().tasks, 0);
}

proptest! {
    #[test]
    fn output_is_input_without_poison_in_order(
        len in 1i64..200,
        traps in prop::collection::btree_set(0i64..200, 0..12),
        loops in prop::collection::btree_set(0i64..200, 0..3),
        refuses in prop::collection::btree_set(0i64..200, 0..12),
        emits_first: bool,
    ) {
        let bad: BTreeSet<i64> = traps.iter().chain(&loops).chain(&refuses).copied().collect();
        let poison: BTreeSet<i64> = traps.iter().chain(&loops).copied().collect();
        let script = Script {
            traps_on: traps, loops_on: loops, refuses: refuses.clone(), emits_first, ..Script::default()
        };
        let (control, mut operator) = operator(script);
        let mut out = Output::default();
        operator.on_batch(&rows(0..len), &mut out).expect("the batch is answered");
        let expected: Vec<i64> = (0..len).filter(|n| !bad.contains(n)).collect();
        prop_assert_eq!(numbers(&out), expected);
        let refused: Vec<i64> = out.errors.iter().map(|e| i64::from(e.row)).collect();
        prop_assert_eq!(refused, (0..len).filter(|n| bad.contains(n)).collect::<Vec<_>>());
        for error in &out.errors {
            let own = refuses.contains(&i64::from(error.row)) && !poison.contains(&i64::from(error.row));
            prop_assert_eq!(error.code == "unwanted", own);
        }
        prop_assert_eq!(control.status().versions[0].rows_in, len as u64);
    }
}

#[test]
fn what_a_replaced_version_keeps_and_does_not_flush_is_read_again() {
    let script = Script { buffers: true, refused_flushes: AtomicU32::new(1), ..Script::default() };
    let (control, mut operator) = operator(script);
    operator.on_batch(&rows(0..2), &mut Output::default()).expect("it is kept");
    let asking = std::thread::spawn(move || {
        drop(control.exchange(version("a@2", Script::default()), Duration::from_millis(500)));
    });
    let error = loop {
        match operator.between_batches() {
            Ok(()) => std::thread::yield_now(),
            Err(error) => break error,
        }
    };
    insta::assert_snapshot!(error, @"a@1 kept rows of earlier batches when it failed (transient: the lookup is slow); they are read again from the last checkpoint, and from now on it is flushed after each batch");
    drop(operator);
    asking.join().expect("it gives up");
}

#[test]
fn rows_that_an_instance_kept_are_read_again_when_it_breaks_and_are_not_lost_twice() {
    let script = Script { buffers: true, traps_on: [12].into(), ..Script::default() };
    let (control, mut first) = operator(script);
    let mut out = Output::default();
    first.on_batch(&rows(0..10), &mut out).expect("it is answered");
    assert!(out.batches.is_empty(), "all of it is kept");
    let error = first.on_batch(&rows(10..20), &mut out).expect_err("what was kept is lost");
    insta::assert_snapshot!(error, @"a@1 kept rows of earlier batches when it failed (trap: unreachable; last log lines: row 12); they are read again from the last checkpoint, and from now on it is flushed after each batch");
    assert!(out.batches.is_empty() && out.errors.is_empty());
    // The run begins again from the last checkpoint, with the same control.
    drop(first);
    let mut again = ComponentOperator::new(control, Arc::default()).expect("it starts");
    again.on_batch(&rows(0..10), &mut out).expect("it is answered, and flushed");
    again.on_batch(&rows(10..20), &mut out).expect("the row is found");
    again.on_barrier(&mut out).expect("nothing is left to flush");
    assert_eq!(numbers(&out), (0..20).filter(|n| *n != 12).collect::<Vec<_>>());
    assert_eq!(out.errors.iter().map(|e| e.row).collect::<Vec<_>>(), [2]);
}
