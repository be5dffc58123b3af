//! Records whose schema is not in the registry yet, under `on_error: retry`.

use sabot_test_registry::{Fault, TestRegistry};
use sabot_tests::broker::{Broker, unique};
use serde_json::{Value, json};

use super::{ids, reading, record, send, writer};
use crate::support::*;

#[test]
fn records_whose_schema_comes_later_are_tried_again_and_hold_up_nobody_but_the_commit() {
    let Some(broker) = Broker::for_test("records_whose_schema_comes_later") else { return };
    let (registry, [from, to]) = (TestRegistry::start(), ["orders", "out"].map(|name| broker.topic(name, 1)));
    send(&registry, &from, 0, 0..10);
    // The next schema will get the next id, and nobody gets the other.
    from.produce((10..20).flat_map(|order| [record(2, 1, order), record(77, 1, order)]));
    from.produce((20..30).map(|order| record(1, 0, order)));
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let http = host.http();
    let name = unique("late").to_lowercase();
    let mut spec = reading(&name, &from, &to);
    spec["sources"]["orders"]["on_error"] = json!({ "retry": { "attempts": 5, "backoff": "400ms" } });
    apply(&http, &spec);
    let committed = |status: &Value| status["sources"][0]["partitions"][0]["committed"].as_i64().unwrap_or(0);

    wait_for_count(&to, 20);
    let others: Vec<i64> = (0..10).chain(20..30).collect();
    assert_eq!(ids(&to), others, "they overtake");
    registry.fail(Fault::Down, usize::MAX);
    let status = wait(&http, &name, "waiting for the registry", |status| {
        status["state"] == "paused" && status["reason"].as_str().unwrap().contains("registry `default`")
    });
    assert!(committed(&status) <= 10 && status["dead_letters"] == 0, "{status:#}");
    registry.heal();

    let subject = format!("{}-value", from.name());
    assert_eq!(register(&registry, &subject, &json!({ "schema": writer(1).to_string() })), 2);
    wait_for_count(&to, 30);
    assert_eq!(ids(&to)[20..], (10..20).collect::<Vec<_>>(), "in their order");
    let status = wait(&http, &name, "done", |status| committed(status) == 40);
    assert_eq!((&status["state"], &status["dead_letters"]), (&json!("running"), &json!(10)), "{status:#}");
    for letter in letters(&http, &name) {
        assert_eq!(
            (&letter["code"], &letter["attempts"]),
            (&json!("unknown-schema"), &json!(6)),
            "{letter:#}"
        );
    }

    // A letter that is run again is tried as often, and stays a letter.
    let answer =
        http.post(&format!("/v1/pipelines/{name}/dead-letters/replay"), &json!({ "all": true })).expect(200);
    assert_eq!(answer.json()["failed_again"], 10, "{}", answer.text());
    assert!(letters(&http, &name).iter().all(|letter| letter["attempts"] == 12));
}
