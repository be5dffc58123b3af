//! Pipelines of a Rust program on the real broker: the example, as its README runs it, on a host within this program.

use std::collections::BTreeMap;

use etl_stream::{Topics, pipeline, rates, start};
use sabot::stream::{Host, Until};
use sabot_tests::broker::Broker;
use sabot_tests::guests::path;
use sabot_tests::topic::Topic;
use serde_json::Value;

fn records(topic: &Topic) -> BTreeMap<i64, Value> {
    let values = topic.read_all().into_iter().map(|record| {
        let value: Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
        (value["id"].as_i64().unwrap(), value)
    });
    values.collect()
}

#[test]
fn the_example_brings_orders_to_euros_and_scores_them() {
    let test = "the_example_brings_orders_to_euros_and_scores_them";
    let (Some(broker), Some(scorer)) = (Broker::for_test(test), path(test, "scorer-v1")) else { return };
    let (orders, scored, rejected) =
        (broker.topic("orders", 3), broker.topic("scored", 2), broker.topic("rejected", 1));
    let currencies = ["EUR", "CHF", "USD", "XAU"];
    let order = |id: i64| {
        let currency = currencies[(id % 4) as usize];
        format!(r#"{{"id":{id},"user":"user-{}","amount":{},"currency":"{currency}"}}"#, id % 10, id % 1000)
    };
    let count = 20_000;
    orders.produce((0..count).map(order).chain(["{\"id\": tru".to_owned()]));

    let topics = Topics {
        orders: orders.name().into(),
        scored: scored.name().into(),
        rejected: rejected.name().into(),
        scorer,
    };
    let host = Host::builder().bootstrap(broker.bootstrap()).open().unwrap();
    let status = start(&host, &topics).unwrap().wait(Until::Read).unwrap();

    let scored = records(&scored);
    let expected: Vec<i64> = (0..count).filter(|id| id % 4 != 3 && euros(*id) >= 1.0).collect();
    assert_eq!(scored.keys().copied().collect::<Vec<_>>(), expected);
    assert_eq!(scored_times(&status), expected.len() as u64, "none comes twice");
    for (id, record) in &scored {
        let euros = euros(*id);
        let near = |key: &str, value: f64| {
            let found = record[key].as_f64().unwrap();
            assert!((found - value).abs() < 0.006, "{key} of {record} is not {value}");
        };
        near("amount", euros);
        near("fee", euros * 0.015);
        near("score", (euros / 1000.0).min(1.0));
        assert_eq!((&record["currency"], &record["model"]), (&"EUR".into(), &"scorer@1.0.0".into()));
    }
    let rejected = records(&rejected);
    assert_eq!(rejected.keys().copied().collect::<Vec<_>>(), (3..count).step_by(4).collect::<Vec<_>>());
    assert_eq!(rejected[&3]["error_message"], "there is no rate for `XAU`");
    assert_eq!((status.dead_letters, status.sources[0].decode_errors), (1, 1));
}

fn euros(id: i64) -> f64 {
    (id % 1000) as f64 * [1.0, 1.05, 0.9, 0.0][(id % 4) as usize]
}

fn scored_times(status: &sabot::control::api::PipelineStatus) -> u64 {
    status.sinks.iter().find(|sink| sink.name == "scored").unwrap().rows
}

/// What is printed is what runs.
#[test]
fn the_pipeline_of_the_example_is_one_that_a_file_could_hold() {
    let topics = Topics {
        orders: "orders".into(),
        scored: "scored".into(),
        rejected: "rejected".into(),
        scorer: "scorer.wasm".into(),
    };
    let pipeline = pipeline(&topics, rates());
    let parsed = sabot::spec::parse(pipeline.to_yaml().as_bytes(), sabot::spec::Format::Yaml).unwrap();
    assert_eq!(parsed.pipeline, pipeline.checked().unwrap().pipeline);
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
}
