//! Where a source begins: at the first record, behind the last one, at a time.

use sabot_tests::broker::{Broker, unique};
use sabot_tests::record::Record;
use serde_json::{Value, json};

use crate::support::*;

/// 2024-05-01T00:00:00Z.
const DAY_MS: i64 = 1_714_521_600_000;

#[test]
fn a_source_begins_where_its_pipeline_says() {
    let Some(broker) = Broker::for_test("a_source_begins_where_its_pipeline_says") else { return };
    let from = broker.topic_with("orders", 2, &[("retention.ms", "-1")]);
    // One a minute, in both partitions in turn.
    let old = |id: i64| Record {
        timestamp_ms: Some(DAY_MS + id * 60_000),
        ..Record::new((id % 2) as i32, order(id as u64))
    };
    from.produce_records((0..20).map(old));
    let host = host(&broker);
    let http = host.http();
    let starts = [
        (json!("earliest"), (0..21).collect::<Vec<u64>>()),
        (json!("latest"), vec![20]),
        (json!({ "timestamp": "2024-05-01T00:07:00Z" }), (7..21).collect()),
        // Between two records, and from another part of the world.
        (json!({ "timestamp": "2024-05-01T02:16:30+02:00" }), (17..21).collect()),
        // None is as late: the next one is.
        (json!({ "timestamp": "2024-06-01T00:00:00Z" }), vec![20]),
    ];
    let pipelines: Vec<_> = starts
        .iter()
        .map(|(start, _)| {
            let (name, to) = (unique("start").to_lowercase(), broker.topic("out", 1));
            let mut spec = orders_pipeline(&name, &from, json!({ "all": { "from": "orders" } }), "all", &to);
            spec["sources"]["orders"]["kafka"]["start"] = start.clone();
            apply(&http, &spec);
            (name, to)
        })
        .collect();
    for (name, _) in &pipelines {
        wait(&http, name, "in place", |status| {
            let partitions = status["sources"][0]["partitions"].as_array().unwrap();
            partitions.len() == 2 && partitions.iter().all(|p| p["position"].as_i64() >= Some(0))
        });
        wait_until_read(&http, name, &from);
    }
    from.produce_records([Record::new(0, order(20))]);
    for ((start, expected), (name, to)) in starts.iter().zip(&pipelines) {
        wait_for_count(to, expected.len() as i64);
        wait_until_read(&http, name, &from);
        let id =
            |record: &Record| serde_json::from_str::<Value>(&record.text()).unwrap()["id"].as_u64().unwrap();
        let mut ids: Vec<u64> = to.read_all().iter().map(id).collect();
        ids.sort();
        assert_eq!(ids, *expected, "{start}");
    }
}
