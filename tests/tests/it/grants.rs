//! What a component may use beside its input: nothing that its step does not grant, when it is applied and when it is
//! swapped in; what is granted works.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use sabot_tests::broker::{Broker, unique};
use sabot_tests::guests::path;
use serde_json::{Value, json};

use crate::support::*;

const ORDERS: u64 = 1_000;
/// Between the clocks of two programs on one machine, and to leave the fraction of a millisecond out.
const NEAR_MS: u64 = 2;

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn wants(capability: &str) -> String {
    format!("it wants `{capability}` and the step does not grant it")
}

#[test]
fn clock_and_entropy_are_there_where_the_step_grants_them_and_nowhere_else() {
    let test = "clock_and_entropy_are_there_where_the_step_grants_them";
    let (Some(broker), Some(_)) = (Broker::for_test(test), path(test, "clock")) else { return };
    let (from, to) = (broker.topic("orders", 2), broker.topic("stamped", 1));
    let host = host(&broker);
    let http = host.http();
    let clock = push(&http, "clock");
    let name = unique("granted").to_lowercase();
    let spec = |grant: &Value| {
        let mut step = json!({ "from": "orders", "wasm": clock });
        if !grant.is_null() {
            step["grant"] = grant.clone();
        }
        orders_pipeline(&name, &from, json!({ "stamp": step }), "stamp", &to)
    };
    let cases = [
        (json!(null), ["clock", "entropy"].as_slice()),
        (json!([]), &["clock", "entropy"]),
        (json!(["clock"]), &["entropy"]),
        (json!(["entropy"]), &["clock"]),
    ];
    for (grant, missing) in cases {
        let refused = http.put(&format!("/v1/pipelines/{name}"), &spec(&grant));
        assert!([409, 422].contains(&refused.status), "{grant}: {}", refused.text());
        for capability in ["clock", "entropy"] {
            let said = refused.text().contains(&wants(capability));
            assert_eq!(said, missing.contains(&capability), "{grant}: {}", refused.text());
        }
        http.get(&format!("/v1/pipelines/{name}")).expect(404);
    }

    let mut greedy = spec(&json!(["clock", "entropy"]));
    greedy["steps"]["stamp"]["limits"] = json!({ "memory": "2GiB" });
    let refused = http.put(&format!("/v1/pipelines/{name}"), &greedy).text();
    assert!(refused.contains("the host allows 1073741824 (limits.memory_bytes)"), "{refused}");

    apply(&http, &spec(&json!(["clock", "entropy"])));
    let before = now_ms();
    from.produce((0..ORDERS).map(order));
    wait_for_count(&to, ORDERS as i64);
    let after = now_ms();
    let (mut ids, mut tokens) = (BTreeSet::new(), BTreeSet::new());
    for record in to.read_all() {
        let row: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        assert_eq!(row["stamped"], row["id"], "{row}");
        let at = row["at_ms"].as_u64().unwrap();
        assert!((before - NEAR_MS..=after + NEAR_MS).contains(&at), "{row}, between {before} and {after}");
        let token = row["token"].as_str().unwrap().to_owned();
        assert!(token.len() == 32 && token.bytes().all(|digit| digit.is_ascii_hexdigit()), "{row}");
        ids.insert(row["id"].as_u64().unwrap());
        tokens.insert(token);
    }
    assert!(ids.into_iter().eq(0..ORDERS));
    assert_eq!(tokens.len(), ORDERS as usize, "random bytes that come twice");
}

#[test]
fn a_swap_to_a_component_that_wants_more_than_is_granted_is_refused() {
    let test = "a_swap_to_a_component_that_wants_more_than_is_granted";
    let (Some(broker), Some(_)) = (Broker::for_test(test), path(test, "clock")) else { return };
    let (from, to) = (broker.topic("orders", 1), broker.topic("scored", 1));
    let host = host(&broker);
    let http = host.http();
    let (scorer, clock) = (push(&http, "scorer-v1"), push(&http, "clock"));
    let name = unique("ungranted").to_lowercase();
    let steps = json!({ "score": { "from": "orders", "wasm": scorer } });
    apply(&http, &orders_pipeline(&name, &from, steps, "score", &to));
    let component = format!("/v1/pipelines/{name}/steps/score/component");
    let refused = http.put(&component, &json!({ "ref": clock })).expect(409).json();
    let reasons = refused["reasons"].as_array().unwrap();
    for capability in ["clock", "entropy"] {
        let said =
            reasons.iter().any(|reason| reason["message"].as_str().unwrap().contains(&wants(capability)));
        assert!(said, "{capability}: {refused:#}");
    }
    // The scorer is still at work.
    from.produce((0..100).map(order));
    wait_for_count(&to, 100);
    let status = wait_until_done(&http, &name, &from);
    assert_eq!((&status["revision"], &status["restarts"]), (&json!(1), &json!(0)), "{status:#}");
    assert_eq!(status["steps"][0]["component"]["name"], "scorer");
}
