//! Kafka → component → Kafka, whole: the right rows, all of them, whoever joins, leaves or dies meanwhile.

use sabot_tests::broker::{Broker, unique};
use sabot_tests::record::Record;
use serde_json::json;

use crate::support::*;

/// Orders of the long test.
const MANY: u64 = 1_000_000;

#[test]
fn a_million_orders_pass_a_filter_exactly_while_a_second_host_joins_and_leaves() {
    let Some(broker) = Broker::for_test("a_million_orders_pass_a_filter") else { return };
    let large = (0..MANY).filter(|id| is_large(*id)).count() as i64;
    for round in 1..=2 {
        let (from, to) = (broker.topic("orders", 4), broker.topic("large", 4));
        let (first, mut second) = (host(&broker), host(&broker));
        let steps =
            json!({ "large": { "from": "orders", "wasm": "filter-amount", "config": { "min": 500 } } });
        let name = unique("filter").to_lowercase();
        let spec = orders_pipeline(&name, &from, steps, "large", &to);
        for host in [&first, &second] {
            push(&host.http(), "filter-amount");
        }
        from.produce((0..MANY / 2).map(order));
        apply(&first.http(), &spec);
        wait_for_count(&to, large / 5);
        apply(&second.http(), &spec);
        // The first host may be through with its half by then: the second half is for both of them.
        wait(&second.http(), &name, "given partitions", |status| {
            let partitions = status["sources"][0]["partitions"].as_array().unwrap();
            status["state"] == "running" && !partitions.is_empty()
        });
        let rest = broker.existing_topic(from.name());
        let feeder = std::thread::spawn(move || rest.produce((MANY / 2..MANY).map(order)));
        wait(&second.http(), &name, "at work", |status| {
            let (source, step) = (&status["sources"][0], &status["steps"][0]);
            let figures = [&source["records"], &step["rows_in"], &step["rows_out"]];
            figures.iter().all(|figure| figure.as_u64() > Some(0))
        });
        assert!(second.stop().success(), "{}", second.stderr());
        feeder.join().expect("the second half was sent");
        wait_for_count(&to, large);
        // Whatever is still on its way would come now.
        wait_until_read(&first.http(), &name, &from);
        first.http().post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
        let times = times_of_whole_orders(&to, MANY, |_| json!({}));
        let came = |id: u64| times[id as usize];
        let lost = (0..MANY).filter(|id| is_large(*id) && came(*id) == 0).count();
        let strange = (0..MANY).filter(|id| !is_large(*id) && came(*id) > 0).count();
        let doubled = times.iter().filter(|times| **times > 1).count();
        assert_eq!((lost, strange, doubled), (0, 0, 0), "round {round}");
    }
}

#[test]
fn a_host_killed_under_load_comes_back_by_itself_and_loses_nothing() {
    let Some(broker) = Broker::for_test("a_host_killed_under_load") else { return };
    let (from, to) = (broker.topic("orders", 2), broker.topic("scored", 2));
    let mut host = host(&broker);
    let scorer = push(&host.http(), "scorer-v1");
    let name = unique("killed").to_lowercase();
    let steps = json!({ "score": { "from": "orders", "wasm": scorer } });
    apply(&host.http(), &orders_pipeline(&name, &from, steps, "score", &to));
    let feeder = Feeder::start(&broker, &from, 5_000);
    for kill in 1..=3 {
        wait_for_count(&to, 4_000 * kill);
        host.kill();
        host.restart();
    }
    let sent = feeder.stop();
    let status = wait_until_read(&host.http(), &name, &from);
    assert_eq!(status["desired"], "running");
    host.http().post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
    let times = times_by_id(&to);
    let lost: Vec<u64> = (0..sent).filter(|id| !times.contains_key(id)).collect();
    assert!(lost.is_empty(), "{} of {sent} lost: {:?} …", lost.len(), &lost[..lost.len().min(10)]);
    let strange = times.keys().filter(|id| **id >= sent).count();
    assert_eq!(strange, 0);
}

#[test]
fn the_status_says_how_far_event_time_has_come() {
    let Some(broker) = Broker::for_test("the_status_says_how_far_event_time_has_come") else { return };
    let (from, to, host) = (broker.topic("orders", 3), broker.topic("out", 1), host(&broker));
    // The third partition has nothing and holds nobody back.
    from.produce_records([(0, 1_000), (0, 9_000), (1, 4_000), (1, 3_000)].map(|(partition, at)| Record {
        partition,
        value: Some(json!({ "at": at }).to_string().into_bytes()),
        ..Record::default()
    }));
    let name = unique("timed").to_lowercase();
    apply(
        &host.http(),
        &json!({
            "name": name,
            "sources": { "orders": {
                "kafka": { "topic": from.name() },
                "decode": { "codec": "json", "schema": { "at": "timestamp_ms" } },
                "event_time": { "column": "at", "out_of_order": "500ms" },
            } },
            "sinks": { "out": { "from": "orders", "kafka": { "topic": to.name() } } },
        }),
    );
    wait(&host.http(), &name, "at the watermark of the slower partition", |status| {
        status["sources"][0]["watermark_ms"] == 3_499
    });
}
