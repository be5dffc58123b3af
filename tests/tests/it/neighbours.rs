//! One team's bug stays with that team: beside a pipeline that loops for ever or traps on every batch another one goes
//! on. How fast it goes on is measured by the benchmark `neighbours`.

use sabot_tests::broker::{Broker, unique};
use serde_json::{Value, json};

use crate::support::*;

/// A pipeline that makes rows itself, as fast as it can, so that the cores are what it is about.
fn generated(name: &str, step: Value) -> Value {
    json!({
        "name": name,
        "sources": { "rows": { "generate": {
            "schema": { "id": "int64", "user": "string", "amount": "float64" },
            "columns": { "amount": { "range": [0, 1000] } },
            "partitions": 1,
        } } },
        "steps": { "step": step },
        "sinks": { "out": { "from": "step", "blackhole": {} } },
    })
}

#[test]
fn a_pipeline_goes_on_beside_one_that_loops_or_traps() {
    let Some(broker) = Broker::for_test("a_pipeline_goes_on_beside") else { return };
    let host = host(&broker);
    let http = host.http();
    let (filter, hostile) = (push(&http, "filter-amount"), push(&http, "hostile-filter"));
    let good = unique("good").to_lowercase();
    apply(&http, &generated(&good, json!({ "from": "rows", "wasm": filter, "config": { "min": 500 } })));
    for mode in ["endless-loop", "trap"] {
        let bad = unique("bad").to_lowercase();
        let step = json!({ "from": "rows", "wasm": hostile, "config": { "mode": mode }, "on_error": "skip" });
        let answer = http.put(&format!("/v1/pipelines/{bad}"), &generated(&bad, step));
        assert!([200, 201].contains(&answer.status), "{}", answer.text());
        wait(&http, &bad, "at work", |s| s["steps"][0]["rows_in"].as_u64() > Some(0) || s["restarts"] != 0);
        let rows = |s: &Value| s["steps"][0]["rows_in"].as_u64().unwrap();
        let before = rows(&http.get(&format!("/v1/pipelines/{good}")).expect(200).json());
        let status = wait(&http, &good, "going on", |s| rows(s) > before + 1_000_000);
        assert_eq!((&status["state"], &status["restarts"]), (&json!("running"), &json!(0)), "{mode}");
        http.delete(&format!("/v1/pipelines/{bad}")).expect(204);
    }
}
