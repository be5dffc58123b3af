//! A pipeline whose component does not come back: stopping it, removing it and swapping in another component take no
//! longer than for any other, and what it had not done is done later, once.
//!
//! The time that a call may take is so long here that whoever waits for it to pass fails.

use std::time::{Duration, Instant};

use sabot_tests::broker::{Broker, unique};
use sabot_tests::host_process::{HostOptions, HostProcess};
use serde_json::{Value, json};

use crate::support::*;

/// Of a call: nothing here waits for it.
const CALL: &str = "10m";
/// Far more than anything here takes, also on a busy machine.
const SOON: Duration = Duration::from_secs(30);
const ORDERS: u64 = 20_000;
/// Rows in a batch, at most.
const BATCH: u64 = 500;
/// The order over which the component loops.
const BAD: u64 = 12_345;

/// Rows without end through a component.
fn generated(name: &str, component: &str, config: Value) -> Value {
    json!({
        "name": name,
        "sources": { "rows": { "generate": { "schema": { "id": "int64" } } } },
        "steps": { "step": {
            "from": "rows", "wasm": component, "config": config, "limits": { "batch_timeout": CALL },
        } },
        "sinks": { "out": { "from": "step", "blackhole": {} } },
    })
}

/// Applies a pipeline and waits until its step has been given rows.
fn apply_and_feed(host: &HostProcess, spec: &Value) {
    apply(&host.http(), spec);
    let name = spec["name"].as_str().unwrap();
    wait(&host.http(), name, "fed", |status| status["steps"][0]["rows_in"].as_u64() > Some(0));
}

fn soon<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = act();
    assert!(started.elapsed() < SOON, "{what} took {:?}", started.elapsed());
    result
}

#[test]
fn a_pipeline_that_loops_for_ever_is_stopped_swapped_and_removed_at_once() {
    let test = "a_pipeline_that_loops_for_ever_is_stopped_swapped_and_removed_at_once";
    if sabot_tests::guests::component(test, "hostile-filter").is_none() {
        return;
    }
    let host = HostOptions::dev().start();
    let http = host.http();
    let hostile = push(&http, "hostile-filter");
    let looping = json!({ "mode": "endless-loop" });
    let spec = generated("looping", &hostile, looping.clone());

    apply_and_feed(&host, &spec);
    let stopped = soon("a stop", || http.post("/v1/pipelines/looping/stop", &json!({})).expect(200).json());
    assert_eq!(stopped["state"], "stopped");

    http.post("/v1/pipelines/looping/start", &json!({})).expect(200);
    apply_and_feed(&host, &spec);
    let component = "/v1/pipelines/looping/steps/step/component";
    let good = json!({ "ref": hostile, "config": { "mode": "ok" } });
    soon("a swap", || http.put(component, &good).expect(200));
    let status = wait(&http, "looping", "at work", |s| s["steps"][0]["rows_out"].as_u64() > Some(0));
    assert_eq!((&status["state"], &status["restarts"]), (&json!("running"), &json!(0)));

    apply_and_feed(&host, &generated("removed", &hostile, looping));
    soon("a removal", || assert!([200, 204].contains(&http.delete("/v1/pipelines/removed").status)));
    http.get("/v1/pipelines/removed").expect(404);
}

#[test]
fn a_batch_that_is_left_by_a_stop_is_done_once_by_the_next_start() {
    let Some(broker) = Broker::for_test("a_batch_that_is_left_by_a_stop") else { return };
    let (from, to) = (broker.topic("orders", 2), broker.topic("kept", 2));
    from.produce((0..ORDERS).map(order));
    let host = host(&broker);
    let http = host.http();
    let hostile = push(&http, "hostile-filter");
    let name = unique("left").to_lowercase();
    let spec = |mode: &str| {
        let steps = json!({ "step": {
            "from": "orders", "wasm": hostile, "config": { "mode": mode, "value": BAD },
            "limits": { "batch_timeout": CALL },
        } });
        // Small batches, so that some come through before the one that does not.
        let mut pipeline = orders_pipeline(&name, &from, steps, "step", &to);
        pipeline["sources"]["orders"]["batch_rows"] = json!(BATCH);
        pipeline
    };
    apply(&http, &spec("loop-on-value"));
    // One partition goes to its end, the other one to the batch with the bad order.
    let least = ORDERS / 2 + BAD / 2 - BATCH;
    wait_for_count(&to, least as i64);
    soon("a stop", || http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200));
    assert!(to.len() < ORDERS as i64, "the bad order came through");
    // A change of a stopped pipeline does not start it.
    http.put(&format!("/v1/pipelines/{name}"), &spec("ok")).expect(200);
    http.post(&format!("/v1/pipelines/{name}/start"), &json!({})).expect(200);
    wait_until_read(&http, &name, &from);
    http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
    let times = times_by_id(&to);
    let lost = (0..ORDERS).filter(|id| !times.contains_key(id)).count();
    let doubled = times.values().filter(|times| **times > 1).count();
    assert_eq!((lost, doubled), (0, 0));
}
