//! Stops and cancellations that come while a component works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::super::fake::{Script, answers, rows, version};
use super::super::{ComponentOperator, StepControl};
use crate::operator::{Halt, Operator, OperatorError, Output};
use crate::spec::Probation;

const PROBATION: Probation = Probation { batches: 1, time: Duration::ZERO };

fn operator(script: Script, halt: &Arc<Halt>) -> ComponentOperator {
    let control = Arc::new(StepControl::new("score", version("a@1", script), PROBATION));
    ComponentOperator::new(control, Arc::clone(halt)).expect("it starts")
}

#[test]
fn a_call_that_does_not_come_back_ends_with_a_stop_and_with_a_cancellation() {
    for cancelled in [false, true] {
        let stopping = Arc::new(AtomicBool::new(!cancelled));
        let halt = Arc::new(Halt::of(&stopping));
        if cancelled {
            halt.cancel();
        }
        let mut operator = operator(Script { hangs_on: [1].into(), ..Script::default() }, &halt);
        let mut out = Output::default();
        let error = operator.on_batch(&rows(0..3), &mut out).expect_err("it was ended");
        assert!(matches!(error, OperatorError::Recalled), "{error}");
        assert!(out.batches.is_empty() && out.errors.is_empty());
        // The last barrier of a stop: nothing is left to flush, and nothing fails.
        operator.on_barrier(&mut out).expect("there is nothing to flush");
    }
}

#[test]
fn a_stop_ends_the_search_for_a_row_and_leaves_nothing_of_its_batch() {
    let stopping = Arc::new(AtomicBool::new(false));
    let (raised, calls) = (Arc::clone(&stopping), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&calls);
    let script = Script {
        loops_on: [60].into(),
        at_call: Some(Box::new(move |_| {
            if counted.fetch_add(1, Relaxed) == 3 {
                raised.store(true, Relaxed);
            }
        })),
        ..Script::default()
    };
    let mut operator = operator(script, &Arc::new(Halt::of(&stopping)));
    let mut out = Output::default();
    let error = operator.on_batch(&rows(0..64), &mut out).expect_err("it was ended");
    assert!(matches!(error, OperatorError::Recalled), "{error}");
    assert_eq!((answers(&out).len(), out.errors.len(), calls.load(Relaxed)), (0, 0, 4));
}

#[test]
fn a_batch_that_is_answered_is_not_lost_to_a_stop() {
    let stopping = Arc::new(AtomicBool::new(true));
    let mut operator = operator(Script::default(), &Arc::new(Halt::of(&stopping)));
    let mut out = Output::default();
    operator.on_batch(&rows(0..3), &mut out).expect("it is answered before anybody asks");
    assert_eq!(answers(&out).len(), 3);
}
