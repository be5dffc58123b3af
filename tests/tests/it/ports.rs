//! Rows that leave a step by several ports, and what a sink makes of them: each row comes out where it belongs, once.

use std::collections::BTreeMap;

use sabot_tests::broker::{Broker, unique};
use sabot_tests::topic::Topic;
use serde_json::{Map, Value, json};

use crate::support::*;

const ORDERS: i64 = 2_000;

/// The amount of order `id`: now and then there is none, or one below zero.
fn amount(id: i64) -> Option<f64> {
    match id {
        _ if id % 11 == 5 => None,
        _ if id % 7 == 3 => Some(-1.0),
        _ => Some((id % 1_000) as f64 + 0.5),
    }
}

/// Rows by id. None comes twice.
fn rows(topic: &Topic) -> BTreeMap<i64, Value> {
    let mut rows = BTreeMap::new();
    for record in topic.read_all() {
        let row: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        let before = rows.insert(row["id"].as_i64().unwrap(), row);
        assert_eq!(before, None, "{} came twice to {}", record.text(), topic.name());
    }
    rows
}

/// Just the orders of which `belongs` is true are in `topic`, with their amounts.
fn assert_rows(topic: &Topic, belongs: impl Fn(Option<f64>) -> bool) -> BTreeMap<i64, Value> {
    let found = rows(topic);
    let expected: Vec<i64> = (0..ORDERS).filter(|id| belongs(amount(*id))).collect();
    assert!(!expected.is_empty());
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), expected, "{}", topic.name());
    for (id, row) in &found {
        assert_eq!(row["amount"].as_f64(), amount(*id), "{row}");
    }
    found
}

/// Runs all orders through the step `split`, and what leaves by each port into a topic.
fn run<const N: usize>(broker: &Broker, name: &str, step: &Value, ports: [&str; N]) -> [Topic; N] {
    let from = broker.topic("orders", 2);
    from.produce((0..ORDERS).map(|id| json!({ "id": id, "amount": amount(id) }).to_string()));
    let topics = ports.map(|port| broker.topic(port, 2));
    let sink = |(port, to): (&&str, &Topic)| {
        let from = format!("split.{port}");
        (format!("to-{port}"), json!({ "from": from, "kafka": { "topic": to.name() } }))
    };
    let sinks: Map<String, Value> = ports.iter().zip(&topics).map(sink).collect();
    let host = host(broker);
    if let Some(component) = step["wasm"].as_str() {
        push(&host.http(), component);
    }
    let name = unique(name).to_lowercase();
    let schema = json!({ "id": "int64", "amount": "float64" });
    apply(
        &host.http(),
        &json!({
            "name": name,
            "checkpoint": { "every": "500ms" },
            "sources": { "orders": {
                "kafka": { "topic": from.name() }, "decode": { "codec": "json", "schema": schema },
            } },
            "steps": { "split": step },
            "sinks": sinks,
        }),
    );
    let status = wait_until_done(&host.http(), &name, &from);
    assert_eq!((&status["restarts"], &status["dead_letters"]), (&json!(0), &json!(0)), "{status:#}");
    topics
}

#[test]
fn an_agent_sends_each_row_by_its_port_and_what_it_refuses_by_that_of_errors() {
    let Some(broker) = Broker::for_test("an_agent_sends_each_row_by_its_port") else { return };
    let step = json!({ "from": "orders", "wasm": "split" });
    let [large, small, errors] = run(&broker, "agent", &step, ["large", "small", "errors"]);
    assert_rows(&large, |amount| amount.is_some_and(|amount| amount > 500.0));
    assert_rows(&small, |amount| amount.is_some_and(|amount| (0.0..=500.0).contains(&amount)));
    let refused = assert_rows(&errors, |amount| amount.is_none_or(|amount| amount < 0.0));
    for (id, row) in refused {
        let code = if amount(id).is_none() { "null" } else { "negative-amount" };
        assert_eq!((&row["error_code"], &row["error_retryable"]), (&json!(code), &json!(false)), "{row}");
    }
}

#[test]
fn a_route_sends_each_row_by_the_first_branch_that_it_fits() {
    let Some(broker) = Broker::for_test("a_route_sends_each_row_by_the_first_branch") else { return };
    let branches = json!({ "big": "amount > 800", "middle": "amount > 300", "rest": "otherwise" });
    let step = json!({ "from": "orders", "route": branches });
    let [big, middle, rest] = run(&broker, "route", &step, ["big", "middle", "rest"]);
    assert_rows(&big, |amount| amount.is_some_and(|amount| amount > 800.0));
    assert_rows(&middle, |amount| amount.is_some_and(|amount| (300.1..=800.0).contains(&amount)));
    // Of no amount nothing is true.
    assert_rows(&rest, |amount| amount.is_none_or(|amount| amount <= 300.0));
}

#[test]
fn what_is_compressed_in_any_way_is_read_back_whole() {
    let Some(broker) = Broker::for_test("what_is_compressed_in_any_way") else { return };
    const MANY: u64 = 20_000;
    let from = broker.topic("orders", 2);
    from.produce((0..MANY).map(order));
    let topics = ["gzip", "snappy", "lz4", "zstd"].map(|codec| (codec, broker.topic(codec, 2)));
    let sinks: Map<String, Value> = topics
        .iter()
        .map(|(codec, to)| {
            let kafka = json!({ "topic": to.name(), "key": ["user"], "compression": codec });
            ((*codec).to_owned(), json!({ "from": "all", "kafka": kafka }))
        })
        .collect();
    let host = host(&broker);
    let name = unique("compressed").to_lowercase();
    // A step without a kind passes on what it reads.
    let steps = json!({ "all": { "from": "orders" } });
    let mut spec = orders_pipeline(&name, &from, steps, "all", &topics[0].1);
    spec["sinks"] = Value::Object(sinks);
    apply(&host.http(), &spec);
    let status = wait_until_done(&host.http(), &name, &from);
    assert_eq!(status["dead_letters"], 0, "{status:#}");
    for (codec, to) in &topics {
        let times = times_of_whole_orders(to, MANY, |_| json!({}));
        assert!(times.iter().all(|times| *times == 1), "{codec}");
    }
}
