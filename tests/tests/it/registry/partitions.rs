//! A registry that is away while one partition has to ask it: the others go on.

use sabot_test_registry::{Fault, TestRegistry};
use sabot_tests::broker::{Broker, unique};
use sabot_tests::record::Record;
use serde_json::{Value, json};

use super::{ids, reading, record, writer};
use crate::support::*;

#[test]
fn a_partition_that_waits_for_the_registry_does_not_keep_the_others() {
    let Some(broker) = Broker::for_test("a_partition_that_waits_for_the_registry") else { return };
    let (registry, from, to) = (TestRegistry::start(), broker.topic("orders", 2), broker.topic("out", 1));
    let subject = format!("{}-value", from.name());
    let schema = |n| register(&registry, &subject, &json!({ "schema": writer(n).to_string() }));
    // Orders below 10,000 are of partition 0.
    let send = |id: u32, n: u32, orders: std::ops::Range<i64>| {
        let record = |order: i64| Record::new((order >= 10_000).into(), record(id, n, order));
        from.produce_records(orders.map(record));
    };
    let known = schema(0);
    send(known, 0, 0..100);
    send(known, 0, 10_000..10_100);
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let http = host.http();
    let name = unique("partitions").to_lowercase();
    apply(&http, &reading(&name, &from, &to));
    wait_for_count(&to, 200);

    let unknown = schema(1);
    registry.fail(Fault::Down, usize::MAX);
    send(unknown, 1, 100..150);
    // What could be read waits behind what cannot.
    send(known, 0, 150..200);
    wait(&http, &name, "waiting for the registry", |status| {
        let reason = status["reason"].as_str().unwrap_or_default();
        status["state"] == "paused" && reason.contains("registry `default`")
    });
    let committed = |status: &Value, partition: i64| {
        let partitions = status["sources"][0]["partitions"].as_array().unwrap();
        let found = partitions.iter().find(|p| p["partition"] == partition);
        found.and_then(|p| p["committed"].as_i64()).unwrap_or(0)
    };
    for turn in 1..=5 {
        send(known, 0, 10_000 + turn * 100..10_100 + turn * 100);
        wait_for_count(&to, 200 + turn * 100);
        // It is committed too, with nothing of what waits.
        let status = wait(&http, &name, "committing the other partition", |status| {
            committed(status, 1) == 100 + turn * 100
        });
        assert_eq!((&status["state"], committed(&status, 0)), (&json!("paused"), 100), "{status:#}");
    }
    assert_eq!(to.len(), 700, "nothing comes of what cannot be read yet");

    registry.heal();
    wait_for_count(&to, 800);
    let status = wait(&http, &name, "through", |status| committed(status, 0) == 200);
    assert_eq!((&status["restarts"], &status["dead_letters"]), (&json!(0), &json!(0)), "{status:#}");
    wait(&http, &name, "running again", |status| status["state"] == "running");
    let (second, first): (Vec<i64>, Vec<i64>) = ids(&to).into_iter().partition(|id| *id >= 10_000);
    assert_eq!(first, (0..200).collect::<Vec<_>>(), "each once, in their order");
    assert_eq!(second, (10_000..10_600).collect::<Vec<_>>(), "each once, in their order");
}
