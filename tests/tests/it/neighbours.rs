//! Two pipelines that have nothing to do with each other on one host: however bad the component of one is, the other
//! goes on.
//!
//! Both make their rows themselves, as fast as they can, so that the processors are what they fight for. Nothing
//! depends on how fast the machine is. What else it does counts little: what the healthy one gets alone and beside the
//! other is measured in short turns, each compared with the one just before, and the middle of all is looked at.

use std::time::{Duration, Instant};

use sabot_tests::host_process::HostOptions;
use sabot_tests::http::Http;
use serde_json::{Value, json};

use crate::support::*;

/// Of one measurement: the looping component spends all of it in its first batch.
const MEASURED: Duration = Duration::from_millis(700);
const ROUNDS: usize = 15;
/// A machine that is busy with something else takes of what is left: it may be so for a while, not for all of these.
const ATTEMPTS: usize = 3;

fn pipeline(name: &str, columns: Value, step: Value) -> Value {
    let schema = json!({ "id": "int64", "user": "string", "amount": "float64" });
    json!({
        "name": name,
        "sources": { "rows": { "generate": { "schema": schema, "columns": columns } } },
        "steps": { "step": step },
        "sinks": { "out": { "from": "step", "blackhole": {} } },
    })
}

fn apply_and_feed(http: &Http, spec: &Value) {
    apply(http, spec);
    let name = spec["name"].as_str().unwrap();
    wait(http, name, "fed", |status| status["steps"][0]["rows_in"].as_u64() > Some(0));
}

/// Rows a second that the step of the healthy pipeline takes, which nothing happens to.
fn speed(http: &Http) -> f64 {
    let rows = || {
        let status = http.get("/v1/pipelines/good").expect(200).json();
        assert_eq!((&status["state"], &status["restarts"]), (&json!("running"), &json!(0)), "{status:#}");
        assert_eq!(status["steps"][0]["errors"], 0, "{status:#}");
        (status["steps"][0]["rows_in"].as_u64().unwrap(), Instant::now())
    };
    let (before, from) = rows();
    std::thread::sleep(MEASURED);
    let (after, to) = rows();
    (after - before) as f64 / (to - from).as_secs_f64()
}

#[test]
fn a_component_that_loops_or_traps_leaves_half_to_its_neighbour() {
    let test = "a_component_that_loops_or_traps_leaves_half_to_its_neighbour";
    if sabot_tests::guests::component(test, "hostile-filter").is_none() {
        return;
    }
    let host = HostOptions::dev().start();
    let http = host.http();
    let (filter, hostile) = (push(&http, "filter-amount"), push(&http, "hostile-filter"));
    let good = json!({ "from": "rows", "wasm": filter, "config": { "min": 500 } });
    apply_and_feed(&http, &pipeline("good", json!({ "amount": { "range": [0, 1000] } }), good));
    let mut seen = Vec::new();
    for _ in 0..ATTEMPTS {
        let left = measure(&http, &hostile);
        if left.iter().all(|(_, left)| left[ROUNDS / 2] >= 0.5) {
            return;
        }
        seen.push(left);
    }
    panic!("of what it has alone the neighbour keeps {seen:.2?}");
}

/// What the healthy pipeline keeps of its speed beside each mode of the hostile component, rising.
fn measure(http: &Http, hostile: &str) -> [(&'static str, Vec<f64>); 2] {
    // In every batch are some rows on which the one that traps does so.
    let ids = json!({ "id": { "range": [0, 1000] } });
    let mut kept = ["endless-loop", "trap-on-value"].map(|mode| (mode, Vec::new()));
    for _ in 0..ROUNDS {
        let alone = speed(http);
        for (mode, left) in &mut kept {
            let config = json!({ "mode": mode, "value": 500 });
            let bad = json!({ "from": "rows", "wasm": hostile, "config": config, "on_error": "skip" });
            apply_and_feed(http, &pipeline("bad", ids.clone(), bad));
            left.push(speed(http) / alone);
            assert!([200, 204].contains(&http.delete("/v1/pipelines/bad").status));
        }
    }
    kept.iter_mut().for_each(|(_, left)| left.sort_by(f64::total_cmp));
    println!("{kept:.2?}");
    kept
}
