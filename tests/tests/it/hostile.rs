//! Components that misbehave in every way we could think of. Each gets a clear text, costs its own instance only,
//! and leaves the host able to run the next good batch of a fresh one.

use crate::components::{LIMITS, component, engine};
use arrow::array::{Int64Array, RecordBatch};
use sabot::batch::Batch;
use sabot::operator::Output;
use sabot::operator::component::{CallError, Version};
use sabot::spec::WasmLimits;
use sabot::wasm::Bound;
use sabot_tests::guests;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn rows() -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from_iter_values(0..10)) as _)]).unwrap()
}

fn try_bound(
    test: &str,
    world: &str,
    config: Value,
    limits: &WasmLimits,
) -> Option<Result<Arc<Bound>, String>> {
    let component = component(test, &format!("hostile-{world}"))?;
    Some(component.bind(&rows().schema(), &config, &[], limits).map_err(|e| e.reasons.join("\n")))
}

/// What a batch comes to in a fresh instance of that mode.
fn call(bound: &Bound) -> Result<Output, CallError> {
    let mut guest = bound.instantiate()?;
    let mut out = Output::default();
    let answer = guest.call(&Batch::new(rows()), &mut out);
    if answer.is_err() {
        assert!(out.batches.is_empty() && out.errors.is_empty(), "a failed call leaves nothing behind");
    }
    answer.map(|()| out)
}

/// The error of a batch, and that the host is as it was: a good instance beside it answers before and after.
fn failure(test: &str, world: &str, config: Value) -> Option<String> {
    failure_within(test, world, config, &LIMITS)
}

fn failure_within(test: &str, world: &str, config: Value, limits: &WasmLimits) -> Option<String> {
    let good = try_bound(test, world, json!({"mode": "ok"}), &LIMITS)?.unwrap();
    let mut beside = good.instantiate().unwrap();
    let mut good_batch = || {
        let mut out = Output::default();
        beside.call(&Batch::new(rows()), &mut out).unwrap();
        assert_eq!(out.batches.iter().map(|(_, batch)| batch.len()).sum::<usize>(), 10);
    };
    good_batch();
    let bad = try_bound(test, world, config, limits)?.unwrap();
    let error = call(&bad).expect_err("a hostile batch fails");
    good_batch();
    assert_eq!(call(&good).unwrap().errors, []);
    Some(format!("{}: {}", error.code(), error.with_logs()))
}

/// The errors of several modes, a line each.
fn failures(test: &str, world: &str, modes: &[&str]) -> Option<String> {
    let line = |mode: &&str| Some(format!("{mode}: {}", failure(test, world, json!({"mode": mode}))?));
    Some(steady(&modes.iter().map(line).collect::<Option<Vec<_>>>()?.join("\n")))
}

/// Larger numbers as `…`: they depend on the guest's compiler and its line numbers.
fn steady(text: &str) -> String {
    let mut steady = String::new();
    let chars: Vec<char> = text.chars().collect();
    for run in chars.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
        let large = run.len() > 2 && run[0].is_ascii_digit();
        if large { steady.push('…') } else { steady.extend(run) }
    }
    steady
}

#[test]
fn traps_and_endless_hunger() {
    let modes =
        ["grow-memory", "stack-overflow", "panic-on-value", "trap-on-value", "panic-in-open", "endless-open"];
    let Some(texts) = failures("traps_and_endless_hunger", "filter", &modes) else { return };
    insta::assert_snapshot!(texts, @r"
    grow-memory: trap: select trapped: it wanted …KiB of memory and limits.memory allows 64MiB
    stack-overflow: trap: select trapped: it reached outside of its memory (an overflow of a stack that lies there looks the same)
    panic-on-value: trap: select trapped: it panicked or aborted (`unreachable` was executed); last log lines: panicked at tests/guests/hostile/src/lib.rs:…: id is 0
    trap-on-value: trap: select trapped: it panicked or aborted (`unreachable` was executed)
    panic-in-open: trap: open trapped: it panicked or aborted (`unreachable` was executed); last log lines: panicked at tests/guests/hostile/src/lib.rs:…: open does not want to
    endless-open: trap: open gave no answer within 2s
    ");
}

#[test]
fn bad_answers_of_a_filter() {
    let modes = ["short-bitmap", "long-bitmap", "row-out-of-range", "descending-rows", "fatal"];
    let Some(texts) = failures("bad_answers_of_a_filter", "filter", &modes) else { return };
    insta::assert_snapshot!(texts, @r"
    short-bitmap: invalid-result: its bitmap has 1 bytes; 10 rows need exactly 2
    long-bitmap: invalid-result: its bitmap has 3 bytes; 10 rows need exactly 2
    row-out-of-range: invalid-result: it refused row 10 of a batch of 10 rows (0 to 9)
    descending-rows: invalid-result: it refused row 0 after row 1; rows must ascend
    fatal: fatal: never
    ");
}

#[test]
fn bad_answers_of_a_map() {
    let modes = ["no-emit", "emit-twice", "wrong-row-count", "wrong-schema", "unknown-port", "transient"];
    let Some(texts) = failures("bad_answers_of_a_map", "map", &modes) else { return };
    insta::assert_snapshot!(texts, @r"
    no-emit: invalid-result: it emitted nothing for 10 rows; a map emits one batch
    emit-twice: invalid-result: it emitted 2 batches; a map emits one
    wrong-row-count: invalid-result: it emitted 9 rows for 10 rows of which it refused 0; a map emits 10
    wrong-schema: invalid-result: it emitted a bad batch on port 0: it has 1 columns and 2 buffers; the schema agreed in bind (copy Int64, text Utf8) has 2 and 5, nested columns counted
    unknown-port: invalid-result: it emitted to port 7; bind announced 1 port(s), 0 and up
    transient: transient: not now
    ");
}

#[test]
fn lying_messages() {
    let modes = [
        "malformed-ipc",
        "truncated-ipc",
        "lying-buffer-length",
        "lying-buffer-offset",
        "lying-metadata-length",
        "lying-metadata-offset",
        "negative-length",
        "invalid-utf8",
        "descending-offsets",
        "giant-emit",
    ];
    let Some(texts) = failures("lying_messages", "map", &modes) else { return };
    insta::assert_snapshot!(texts, @r"
    malformed-ipc: invalid-result: it emitted a bad batch on port 0: it does not start with the continuation marker ffffffff
    truncated-ipc: invalid-result: it emitted a bad batch on port 0: its metadata should have … bytes, and only … bytes follow the prefix
    lying-buffer-length: invalid-result: it emitted a bad batch on port 0: buffer 4 of … bytes at … reaches beyond its body of … bytes
    lying-buffer-offset: invalid-result: it emitted a bad batch on port 0: buffer 4 of 30 bytes at … reaches beyond its body of … bytes
    lying-metadata-length: invalid-result: it emitted a bad batch on port 0: its metadata should have … bytes, and only … bytes follow the prefix
    lying-metadata-offset: invalid-result: it emitted a bad batch on port 0: its metadata is damaged: Range […, …) is out of bounds.
    negative-length: invalid-result: it emitted a bad batch on port 0: its metadata is damaged: Type `u16` at position … is unaligned.
    invalid-utf8: invalid-result: it emitted a bad batch on port 0: in the column `text` Invalid UTF8 sequence at string index 9 (27..30): invalid utf-8 sequence of 1 bytes from index 0
    descending-offsets: invalid-result: it emitted a bad batch on port 0: in the column `text` Offset invariant failure: non-monotonic offset at slot 1: 6 > 3
    giant-emit: invalid-result: it emitted … bytes in one call; limits.emit allows …
    ");
}

#[test]
fn bad_answers_of_a_flat_map() {
    let modes =
        ["emit-then-panic-on-value", "endless-emit", "origin-out-of-range", "wrong-schema", "invalid-utf8"];
    let Some(texts) = failures("bad_answers_of_a_flat_map", "flat-map", &modes) else { return };
    insta::assert_snapshot!(texts, @r"
    emit-then-panic-on-value: trap: process trapped: it panicked or aborted (`unreachable` was executed); last log lines: panicked at tests/guests/hostile/src/lib.rs:…: id is 0, and the batch is out
    endless-emit: invalid-result: it emitted more than … batches in one call
    origin-out-of-range: invalid-result: its `$row` says row 10 of a batch of 10 rows
    wrong-schema: invalid-result: it emitted a bad batch on port 0: it has 1 columns and 2 buffers; the schema agreed in bind (copy Int64, text Utf8, $row UInt32) has 3 and 7, nested columns counted
    invalid-utf8: invalid-result: it emitted a bad batch on port 0: in the column `text` Invalid UTF8 sequence at string index 9 (27..30): invalid utf-8 sequence of 1 bytes from index 0
    ");
}

#[test]
fn an_endless_loop_ends_at_its_deadline() {
    let test = "an_endless_loop_ends_at_its_deadline";
    let limits = WasmLimits { batch_timeout: Duration::from_millis(200), ..LIMITS };
    for (world, config) in
        [("filter", json!({"mode": "endless-loop"})), ("map", json!({"mode": "loop-on-value", "value": 3}))]
    {
        let Some(text) = failure_within(test, world, config, &limits) else { return };
        assert_eq!(text, "timeout: no answer within 200ms");
    }
}

#[test]
fn the_memory_limit_is_the_pipelines() {
    let test = "the_memory_limit_is_the_pipelines";
    let limits = WasmLimits { memory_bytes: 8 << 20, ..LIMITS };
    let Some(text) = failure_within(test, "map", json!({"mode": "grow-memory"}), &limits) else { return };
    assert!(text.contains("limits.memory allows 8MiB"), "{text}");
    let tiny = WasmLimits { memory_bytes: 64 << 10, ..LIMITS };
    let refused = try_bound(test, "map", json!({"mode": "ok"}), &tiny).unwrap().unwrap_err();
    insta::assert_snapshot!(steady(&refused), @"starting trapped: it wanted …KiB of memory and limits.memory allows 64KiB");
}

#[test]
fn logs_and_counters_are_bounded() {
    let test = "logs_and_counters_are_bounded";
    for mode in ["huge-log", "many-logs", "many-counters"] {
        let Some(bound) = try_bound(test, "filter", json!({"mode": mode}), &LIMITS) else { return };
        let bound = bound.unwrap();
        assert_eq!(call(&bound).unwrap().batches.len(), 1, "{mode}");
        assert!(bound.counters().len() <= sabot::wasm::limits::MAX_COUNTERS, "{mode}");
    }
}

#[test]
fn one_bad_row_is_the_batchs_failure_and_the_others_are_fine() {
    let test = "one_bad_row_is_the_batchs_failure_and_the_others_are_fine";
    let Some(bound) = try_bound(test, "map", json!({"mode": "refuse-on-value", "value": 4}), &LIMITS) else {
        return;
    };
    let out = call(&bound.unwrap()).unwrap();
    assert_eq!(out.batches[0].1.len(), 9);
    assert_eq!((out.errors[0].row, &*out.errors[0].code), (4, "refused"));
    let bound =
        try_bound(test, "flat-map", json!({"mode": "retry-on-value", "value": 9}), &LIMITS).unwrap().unwrap();
    let out = call(&bound).unwrap();
    assert_eq!((out.batches[0].1.len(), out.errors[0].row, out.errors[0].retryable), (9, 9, true));
}

#[test]
fn after_a_failure_an_instance_is_not_entered_again() {
    let test = "after_a_failure_an_instance_is_not_entered_again";
    let Some(bound) = try_bound(test, "map", json!({"mode": "panic-on-value", "value": 2}), &LIMITS) else {
        return;
    };
    let mut guest = bound.unwrap().instantiate().unwrap();
    let mut out = Output::default();
    let batch = Batch::new(rows());
    guest.call(&batch, &mut out).unwrap_err();
    insta::assert_snapshot!(guest.call(&batch, &mut out).unwrap_err(), @"process was called on an instance that has failed before; make a fresh one");
    guest.close();
    // The rest of the batch, in a fresh one.
    let mut guest = try_bound(test, "map", json!({"mode": "panic-on-value", "value": 2}), &LIMITS)
        .unwrap()
        .unwrap()
        .instantiate()
        .unwrap();
    guest.call(&batch.slice(3, 7), &mut out).unwrap();
    assert_eq!(out.batches[0].1.len(), 7);
}

#[test]
fn a_refusal_leaves_the_instance_usable() {
    let test = "a_refusal_leaves_the_instance_usable";
    let Some(bound) = try_bound(test, "map", json!({"mode": "transient"}), &LIMITS) else { return };
    let mut guest = bound.unwrap().instantiate().unwrap();
    let mut out = Output::default();
    for _ in 0..3 {
        let error = guest.call(&Batch::new(rows()), &mut out).unwrap_err();
        assert_eq!(error, CallError::Transient("not now".into()));
        assert!(error.leaves_instance_usable());
    }
}

#[test]
fn a_close_that_fails_changes_nothing() {
    for mode in ["panic-in-close", "endless-close"] {
        let Some(bound) =
            try_bound("a_close_that_fails_changes_nothing", "filter", json!({"mode": mode}), &LIMITS)
        else {
            return;
        };
        let mut guest = bound.unwrap().instantiate().unwrap();
        let mut out = Output::default();
        guest.call(&Batch::new(rows()), &mut out).unwrap();
        guest.close();
    }
}

#[test]
fn a_bind_that_misbehaves_is_refused() {
    let refusals: Option<Vec<String>> =
        ["config-error", "schema-error", "panic-in-bind", "endless-bind", "emit-from-bind", "garbage-schema"]
            .into_iter()
            .map(|mode| {
                let bound =
                    try_bound("a_bind_that_misbehaves_is_refused", "filter", json!({"mode": mode}), &LIMITS)?;
                Some(format!("{mode}: {}", bound.unwrap_err()))
            })
            .collect();
    let Some(refusals) = refusals else { return };
    insta::assert_snapshot!(steady(&refusals.join("\n")), @r"
    config-error: bind refuses the configuration: this configuration is not liked
    schema-error: bind refuses the input schema: these columns are not liked
    panic-in-bind: bind trapped: it panicked or aborted (`unreachable` was executed); last log lines: panicked at tests/guests/hostile/src/lib.rs:…: bind does not want to
    endless-bind: bind gave no answer within 2s
    emit-from-bind: it called output.emit in bind; results may only be sent while a batch, a watermark or a flush runs
    garbage-schema: the schema of its output port `garbage` is wrong: it is shorter than the prefix of a message
    ");
}

#[test]
fn a_describe_that_misbehaves_is_refused() {
    let test = "a_describe_that_misbehaves_is_refused";
    for name in ["hostile-describe", "hostile-describe-log"] {
        let Some(bytes) = guests::component(test, name) else { return };
        let refused = engine().compile(&bytes).unwrap_err().to_string();
        if name == "hostile-describe" {
            insta::assert_snapshot!(refused, @"describe gave no answer within 2s");
        } else {
            insta::assert_snapshot!(refused, @"it called telemetry.log in describe, where nothing may be called; do that in bind or open; last log lines: here I am");
        }
    }
}

#[test]
fn what_is_no_component_is_refused() {
    let wat = |text: &str| engine().compile(&wat::parse_str(text).unwrap()).unwrap_err().to_string();
    let refusals = [
        wat("(module)"),
        wat("(component)"),
        wat(r#"(component (import "wasi:filesystem/types@0.2.6" (instance (export "stat" (func)))))"#),
        wat(r#"(component (import "sabot:operator/output@0.1.0" (instance (export "emit" (func)))))"#),
        engine().compile(b"garbage").unwrap_err().to_string(),
        engine().compile(&[b"\0asm\x0d\0\x01\0".as_slice(), &[0xff; 100]].concat()).unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(steady(&refusals.join("\n")), @r"
    it is a core WebAssembly module, not a component: build it with `sabot build`, or encode the module as a component with the world of sabot:operator it implements
    it does not export sabot:operator/control@0.1.0, which every operator has; it exports no operator: it must export the interface of one of filter (selector), map (mapper), flat-map (flat-mapper), scalar (evaluator), aggregate (accumulator), agent (actor)
    it wants a file system: imports wasi:filesystem/types@0.2.6; components get nothing ambient, only the interfaces of sabot:operator; it does not export sabot:operator/control@0.1.0, which every operator has; it exports no operator: it must export the interface of one of filter (selector), map (mapper), flat-map (flat-mapper), scalar (evaluator), aggregate (accumulator), agent (actor)
    it does not export sabot:operator/control@0.1.0, which every operator has; it exports no operator: it must export the interface of one of filter (selector), map (mapper), flat-map (flat-mapper), scalar (evaluator), aggregate (accumulator), agent (actor)
    it is not WebAssembly (it does not start with \0asm); upload what `sabot build` makes
    it is no valid component: malformed section id (at offset 0x8)
    ");
}
