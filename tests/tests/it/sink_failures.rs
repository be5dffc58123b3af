//! Rows that fail at the very end, because their sink cannot encode them or the topic does not take them: dead letters
//! of the sink, which go in right there when they are run again.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use apache_avro::types::Value as Avro;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use sabot_tests::broker::{Broker, unique};
use sabot_tests::http::Http;
use sabot_tests::topic::Topic;
use serde_json::{Value, json};

use crate::codecs::avro;
use crate::support::*;

/// How many letters went through, failed again, and were skipped.
fn replay(http: &Http, name: &str) -> (u64, u64, usize) {
    let path = format!("/v1/pipelines/{name}/dead-letters/replay");
    let done = http.post(&path, &json!({ "step": "out" })).expect(200).json();
    let count = |key: &str| done[key].as_u64().unwrap();
    (count("replayed"), count("failed_again"), done["skipped"].as_array().unwrap().len())
}

/// The letters, by the offset of their record. Each is of the sink and has the record that its row came from, as it
/// came.
fn letters_of(http: &Http, name: &str, records: &[String]) -> Vec<(i64, String)> {
    let mut found: Vec<(i64, String)> = letters(http, name)
        .iter()
        .map(|letter| {
            let offset = letter["offset"].as_i64().unwrap();
            assert_eq!((&letter["step"], &letter["partition"]), (&json!("out"), &json!(0)), "{letter:#}");
            assert_eq!(letter["value"]["text"].as_str(), Some(&*records[offset as usize]), "{letter:#}");
            assert_eq!(letter["row"]["id"].as_i64(), Some(offset), "{letter:#}");
            (offset, letter["code"].as_str().unwrap().to_owned())
        })
        .collect();
    found.sort();
    found
}

/// A schema of orders: whether the buyer may be null, and the digits of the price after the point.
fn definition(buyer: Value, scale: u32) -> Value {
    let price = json!({ "type": "bytes", "logicalType": "decimal", "precision": 10, "scale": scale });
    json!({ "type": "record", "name": "Order", "fields": [
        { "name": "id", "type": "long" },
        { "name": "buyer", "type": buyer },
        { "name": "price", "type": price },
    ] })
}

/// Id, buyer, and price in ten-thousandths, of an order in Avro.
fn order_of(definition: &Value, scale: u32, bytes: &[u8]) -> (i64, Option<String>, i64) {
    let schema = apache_avro::Schema::parse(definition).unwrap();
    let Avro::Record(fields) = avro::value_of(&schema, bytes) else { panic!("no record") };
    let [(_, Avro::Long(id)), (_, buyer), (_, Avro::Decimal(price))] = &fields[..] else {
        panic!("{fields:?}")
    };
    let buyer = match buyer {
        Avro::Union(_, buyer) => &**buyer,
        buyer => buyer,
    };
    let buyer = match buyer {
        Avro::String(buyer) => Some(buyer.clone()),
        Avro::Null => None,
        other => panic!("{other:?} is no buyer"),
    };
    let digits: Vec<u8> = price.try_into().unwrap();
    let price = digits.iter().fold(0, |number, digit| number << 8 | i64::from(*digit));
    (*id, buyer, price * 10_i64.pow(4 - scale))
}

#[test]
fn rows_that_do_not_encode_are_letters_of_their_sink_and_go_out_once_it_takes_them() {
    let Some(broker) = Broker::for_test("rows_that_do_not_encode_are_letters") else { return };
    let (from, to) = (broker.topic("orders", 1), broker.topic("out", 1));
    // Every tenth has no buyer, and every tenth a price with more digits than the sink's schema has.
    let buyer = |id: i64| (id % 10 != 3).then(|| format!("buyer-{id}"));
    let price = |id: i64| id * 100 + i64::from(id % 10 == 7);
    let records: Vec<String> = (0..100)
        .map(|id| {
            let digits = format!("{}.{:04}", price(id) / 10_000, price(id) % 10_000);
            json!({ "id": id, "buyer": buyer(id), "price": digits }).to_string()
        })
        .collect();
    from.produce(records.clone());
    let host = host(&broker);
    let http = host.http();
    let name = unique("encode").to_lowercase();
    let strict = definition(json!("string"), 2);
    let mut spec = json!({
        "name": name,
        "checkpoint": { "every": "200ms" },
        "sources": { "orders": {
            "kafka": { "topic": from.name() },
            "decode": {
                "codec": "json", "schema": { "id": "int64!", "buyer": "string", "price": "decimal(10, 4)" },
            },
        } },
        "sinks": { "out": {
            "from": "orders", "kafka": { "topic": to.name() },
            "encode": { "codec": "avro", "definition": strict }, "on_error": "dead_letter",
        } },
    });
    apply(&http, &spec);
    wait_until_done(&http, &name, &from);
    let code = |id: i64| match id % 10 {
        3 => Some((id, "type-mismatch".to_owned())),
        7 => Some((id, "out-of-range".to_owned())),
        _ => None,
    };
    let expected: Vec<(i64, String)> = (0..100).filter_map(code).collect();
    assert_eq!(letters_of(&http, &name, &records), expected);
    assert_eq!(to.len(), 80);
    assert_eq!(replay(&http, &name), (0, 20, 0), "nothing has changed");
    assert!(letters(&http, &name).iter().all(|letter| letter["attempts"] == 2));

    // Letters of a sink go in at the sink: a step before it mends what comes from now on, and not them.
    spec["steps"] = json!({ "mended": {
        "from": "orders", "select": ["id", "coalesce(buyer, 'nobody') as buyer", "price"],
    } });
    spec["sinks"]["out"]["from"] = json!("mended");
    apply(&http, &spec);
    from.produce([json!({ "id": 100, "price": "1.0000" }).to_string()]);
    wait_for_count(&to, 81);
    assert_eq!(replay(&http, &name).0, 0);
    assert_eq!(letters_of(&http, &name, &records), expected);

    // A sink that takes nulls and all digits.
    let wide = definition(json!(["null", "string"]), 4);
    spec["sinks"]["out"]["from"] = json!("orders");
    spec["sinks"]["out"]["encode"]["definition"] = wide.clone();
    spec["steps"] = json!({});
    apply(&http, &spec);
    assert_eq!(replay(&http, &name), (20, 0, 0));
    assert_eq!(letters(&http, &name).len(), 0);
    let found = to.read_all();
    let mut orders: Vec<_> = (0..)
        .zip(&found)
        .map(|(n, record)| match n {
            0..81 => order_of(&strict, 2, record.value.as_deref().unwrap()),
            _ => order_of(&wide, 4, record.value.as_deref().unwrap()),
        })
        .collect();
    orders.sort();
    let whole = (0..100).map(|id| (id, buyer(id), price(id)));
    let all: Vec<_> = whole.chain([(100, Some("nobody".to_owned()), 10_000)]).collect();
    assert_eq!(orders, all, "each once");
}

/// Sets the longest record that a topic takes.
fn take_at_most(broker: &Broker, topic: &Topic, bytes: &str) {
    let client: AdminClient<DefaultClientContext> = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .create()
        .expect("an admin client needs no broker to be made");
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic.name())).set("max.message.bytes", bytes);
    let changes = [change];
    let mut changed = std::pin::pin!(client.alter_configs(&changes, &AdminOptions::new()));
    let until = Instant::now() + LIMIT;
    let results = loop {
        match changed.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(results) => break results.expect("the broker answers"),
            Poll::Pending => assert!(Instant::now() < until, "the broker does not answer"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[test]
fn rows_that_the_topic_does_not_take_are_letters_of_their_sink_and_go_out_once_it_does() {
    let Some(broker) = Broker::for_test("rows_that_the_topic_does_not_take") else { return };
    let from = broker.topic("orders", 1);
    let to = broker.topic_with("out", 1, &[("max.message.bytes", "20000")]);
    // Of what fits there are several to a batch, which as a whole may not be too large either.
    let text = |id: i64| "x".repeat(if id % 10 == 3 { 30_000 } else { 3_000 });
    let records: Vec<String> = (0..100).map(|id| json!({ "id": id, "text": text(id) }).to_string()).collect();
    from.produce(records.clone());
    let host = host(&broker);
    let http = host.http();
    let name = unique("too-large").to_lowercase();
    let spec = json!({
        "name": name,
        "checkpoint": { "every": "200ms" },
        "sources": { "orders": {
            "kafka": { "topic": from.name() },
            "decode": { "codec": "json", "schema": { "id": "int64", "text": "string" } },
        } },
        "sinks": { "out": {
            "from": "orders", "kafka": { "topic": to.name() }, "encode": { "codec": "json" },
            "on_error": "dead_letter",
        } },
    });
    apply(&http, &spec);
    wait_until_done(&http, &name, &from);
    let large: Vec<i64> = (0..100).filter(|id| id % 10 == 3).collect();
    let expected: Vec<(i64, String)> = large.iter().map(|id| (*id, "too-large".to_owned())).collect();
    assert_eq!(letters_of(&http, &name, &records), expected);
    let others: Vec<i64> = (0..100).filter(|id| id % 10 != 3).collect();
    let ids = || -> Vec<i64> {
        let found = to.read_all().into_iter().map(|record| {
            let row: Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
            let id = row["id"].as_i64().unwrap();
            assert_eq!(row["text"].as_str(), Some(&*text(id)));
            id
        });
        found.collect()
    };
    assert_eq!(ids(), others, "each once, in their order");
    assert_eq!(replay(&http, &name), (0, 10, 0), "nothing has changed");

    // What is known of a topic is believed for a few seconds, and a writer asks when it begins.
    take_at_most(&broker, &to, "1000000");
    let until = Instant::now() + LIMIT;
    loop {
        http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
        http.post(&format!("/v1/pipelines/{name}/start"), &json!({})).expect(200);
        wait(&http, &name, "running", |status| status["state"] == "running" && status["tasks"] == 1);
        match replay(&http, &name) {
            (10, 0, 0) => break,
            (0, 10, 0) => assert!(Instant::now() < until, "they do not come through"),
            other => panic!("{other:?}"),
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let mut all = ids();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<_>>(), "each once");
    assert_eq!(letters(&http, &name).len(), 0);
}

#[test]
fn rows_without_a_key_for_a_compacted_topic_and_of_impossible_times_are_letters_and_stop_nobody() {
    let Some(broker) = Broker::for_test("rows_without_a_key_for_a_compacted_topic") else { return };
    let from = broker.topic("orders", 1);
    let compacted = broker.topic_with("compacted", 1, &[("cleanup.policy", "compact")]);
    let timed = broker.topic_with("timed", 1, &[("message.timestamp.before.max.ms", "86400000")]);
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let day = 86_400_000;
    // Now, ten days ahead, ten days ago, the client's word for now, before 1970, and none.
    let times = [Some(now), Some(now + 10 * day), Some(now - 10 * day), Some(0), Some(-1), None];
    let user = |id: usize| (!id.is_multiple_of(3)).then(|| format!("user-{id}"));
    let records: Vec<String> =
        (0..60).map(|id| json!({ "id": id, "user": user(id), "at": times[id % 6] }).to_string()).collect();
    from.produce(records);
    let host = host(&broker);
    let http = host.http();
    let name = unique("refused").to_lowercase();
    let sink = |kafka: Value| json!({ "from": "orders", "kafka": kafka, "encode": { "codec": "json" } });
    let mut spec = json!({
        "name": name,
        "checkpoint": { "every": "200ms" },
        "errors": { "max_share": 1 },
        "sources": { "orders": {
            "kafka": { "topic": from.name() },
            "decode": { "codec": "json", "schema": { "id": "int64", "user": "string", "at": "timestamp_ms" } },
        } },
        "sinks": {
            "compacted": sink(json!({ "topic": compacted.name(), "key": ["user"] })),
            "timed": sink(json!({ "topic": timed.name(), "timestamp": "at" })),
        },
    });
    apply(&http, &spec);
    let status = wait_until_done(&http, &name, &from);
    assert_eq!((&status["restarts"], &status["dead_letters"]), (&json!(0), &json!(60)), "{status:#}");
    let ids = |topic: &Topic| -> Vec<usize> {
        let id =
            |value: &[u8]| serde_json::from_slice::<Value>(value).unwrap()["id"].as_u64().unwrap() as usize;
        topic.read_all().iter().map(|record| id(record.value.as_deref().unwrap())).collect()
    };
    let some = |wanted: &dyn Fn(usize) -> bool| (0..60).filter(|id| wanted(*id)).collect::<Vec<_>>();
    assert_eq!(ids(&compacted), some(&|id| !id.is_multiple_of(3)), "each once, in their order");
    assert_eq!(ids(&timed), some(&|id| [0, 5].contains(&(id % 6))), "each once, in their order");
    let refused = |step: &str, code: &str| -> Vec<usize> {
        let of = |letter: &&Value| letter["step"] == step && letter["code"] == code;
        let found = letters(&http, &name);
        let mut ids: Vec<usize> =
            found.iter().filter(of).map(|l| l["row"]["id"].as_u64().unwrap() as usize).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(refused("compacted", "no-key"), some(&|id| id.is_multiple_of(3)));
    assert_eq!(refused("timed", "bad-timestamp"), some(&|id| (1..5).contains(&(id % 6))));

    // Where no record would have a key, the reason is said before anything is read.
    spec["sinks"]["compacted"]["kafka"].as_object_mut().unwrap().remove("key");
    http.put(&format!("/v1/pipelines/{name}"), &spec);
    let status = wait(&http, &name, "failed", |status| {
        status["reason"].as_str().is_some_and(|r| r.contains("compacted"))
    });
    assert!(status["reason"].as_str().unwrap().contains("give the sink a `key`"), "{status:#}");
}
