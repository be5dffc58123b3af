//! Columns from a sample: learnt once, when the pipeline is applied, and kept over a restart. What comes later and does
//! not fit goes by the source's policy.

use sabot_tests::broker::{Broker, unique};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn inferred_columns_outlive_the_host_and_what_differs_later_goes_by_the_policy() {
    let Some(broker) = Broker::for_test("inferred_columns_outlive_the_host") else { return };
    let from = broker.topic("orders", 1);
    let good = |n: i64| format!("{{\"id\":{n},\"user\":\"u{n}\",\"amount\":{n}.5}}");
    from.produce((0..50).map(good));
    let mut host = host(&broker);
    // The same topic under each policy; `fail` last, as it ends.
    let policies = ["dead_letter", "skip", "fail"];
    let pipelines: Vec<_> = policies
        .map(|policy| {
            (unique(&format!("inferred-{policy}")).to_lowercase().replace('_', "-"), broker.topic("out", 1))
        })
        .into();
    for (policy, (name, to)) in policies.iter().zip(&pipelines) {
        apply(
            &host.http(),
            &json!({
                "name": name,
                "checkpoint": { "every": "200ms" },
                "sources": { "orders": {
                    "kafka": { "topic": from.name() },
                    "decode": { "codec": "json", "schema": "infer", "sample": { "records": 100, "within": "3s" } },
                    "on_error": policy,
                } },
                "sinks": { "out": { "from": "orders", "kafka": { "topic": to.name() } } },
            }),
        );
        wait_for_count(to, 50);
        wait(&host.http(), name, "committed", |status| {
            status["sources"][0]["partitions"][0]["committed"] == 50
        });
    }
    host.kill();
    // A sample of these would be refused, as they disagree with those before.
    from.produce((0..10).map(|n| format!("{{\"id\":\"text {n}\",\"user\":{n}}}")));
    // A further key makes no further column.
    from.produce((50..60).map(|n| good(n).replace('}', ",\"more\":1}")));
    host.restart();
    let http = host.http();
    for (policy, (name, to)) in policies.iter().zip(&pipelines).take(2) {
        wait_for_count(to, 60);
        wait_until_read(&http, name, &from);
        for (n, record) in (0i64..).zip(to.read_all()) {
            let row: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
            assert_eq!(
                row,
                json!({ "id": n, "user": format!("u{n}"), "amount": n as f64 + 0.5 }),
                "{policy}"
            );
        }
        let letters = letters(&http, name);
        let expected = if *policy == "skip" { 0 } else { 10 };
        assert_eq!(letters.len(), expected, "{policy}: {letters:#?}");
        for letter in letters {
            assert_eq!(letter["code"], "type-mismatch", "{letter:#}");
            assert!((50..60).contains(&letter["offset"].as_i64().unwrap()), "{letter:#}");
        }
    }
    let (name, to) = &pipelines[2];
    let status = wait(&http, name, "failed", |status| status["state"] == "failed");
    let reason = status["reason"].as_str().unwrap();
    for part in [&*format!("{}[0]@50", from.name()), "`fail`", "id"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert_eq!(to.len(), 50, "nothing beyond the record that failed");
}

#[test]
fn a_sample_that_disagrees_with_itself_is_refused_with_the_column() {
    let Some(broker) = Broker::for_test("a_sample_that_disagrees_with_itself") else { return };
    let from = broker.topic("orders", 1);
    from.produce(["{\"id\":1,\"user\":\"a\"}", "{\"id\":\"one\",\"user\":\"b\"}"]);
    let (host, name) = (host(&broker), unique("disagree").to_lowercase());
    let spec = json!({
        "name": name,
        "sources": { "orders": {
            "kafka": { "topic": from.name() },
            "decode": { "codec": "json", "schema": "infer", "sample": { "records": 10, "within": "1s" } },
        } },
        "sinks": { "out": { "from": "orders", "blackhole": {} } },
    });
    let answer = host.http().put(&format!("/v1/pipelines/{name}"), &spec).expect(422).text();
    assert!(answer.contains("sources.orders.decode") && answer.contains("id"), "{answer}");
    host.http().get(&format!("/v1/pipelines/{name}")).expect(404);
}
