//! Every codec as source and as sink through Kafka. What comes in is written, and what goes out is read, by libraries
//! that are not ours; the modules below are those libraries, one a format.

pub mod avro;
mod beside;
mod broken;
mod cases;
mod ipc;
mod msgpack;
mod order;
mod pages;
mod pinned;
mod protobuf;
mod text;

use sabot_tests::broker::{Broker, unique};
use sabot_tests::record::Record;
use serde_json::{Map, Value, json};

use crate::support::*;
use order::Order;

/// Orders that go through each codec.
const ORDERS: i64 = 1_000;

/// A format, by somebody else's hands.
struct Coded {
    /// Names the source or sink.
    name: &'static str,
    /// Keys of `decode`, and of `encode` but for `schema`.
    format: Value,
    /// As a source it gives times in units of which there are so many in a millisecond.
    units: i64,
    /// Values of records; only Arrow has several orders in one.
    write: fn(&[Order]) -> Vec<Vec<u8>>,
    /// The order that a value is.
    read: fn(&[u8]) -> Order,
}

fn all() -> [Coded; 7] {
    let (msgpack, array) = (msgpack::maps(), msgpack::arrays());
    [
        text::json_objects(),
        avro::coded(),
        protobuf::coded(),
        text::by_json_schema(),
        msgpack,
        array,
        ipc::coded(),
    ]
}

/// `format` without some keys.
fn without(format: &Value, keys: &[&str]) -> Value {
    let kept = format.as_object().unwrap().iter().filter(|(key, _)| !keys.contains(&key.as_str()));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[test]
fn what_others_write_in_any_codec_comes_out_as_the_same_rows() {
    let Some(broker) = Broker::for_test("what_others_write_in_any_codec") else { return };
    let orders: Vec<Order> = (0..ORDERS).map(Order::nth).collect();
    let topics: Vec<_> = all().map(|coded| (broker.topic(coded.name, 1), broker.topic("out", 1))).into();
    let (mut sources, mut sinks) = (Map::new(), Map::new());
    for (coded, (from, to)) in all().iter().zip(&topics) {
        from.produce((coded.write)(&orders));
        let decode = without(&coded.format, &["layout"]);
        sources.insert(coded.name.into(), json!({ "kafka": { "topic": from.name() }, "decode": decode }));
        sinks.insert(
            format!("out-{}", coded.name),
            json!({ "from": coded.name, "kafka": { "topic": to.name() }, "encode": { "codec": "json" } }),
        );
    }
    let host = host(&broker);
    let name = unique("decoded").to_lowercase();
    apply(&host.http(), &json!({ "name": name, "sources": sources, "sinks": sinks }));
    for (coded, (_, to)) in all().iter().zip(&topics) {
        wait_for_count(to, ORDERS);
        let rows = to.read_all();
        let read = rows.iter().map(|record| {
            let row = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
            Order::from_json(&row, coded.units)
        });
        assert_orders(coded.name, &orders, read);
    }
    let status = wait(&host.http(), &name, "running", |status| status["state"] == "running");
    assert_eq!(status["dead_letters"], 0, "{status:#}");
}

#[test]
fn what_goes_out_in_any_codec_is_what_others_read() {
    let Some(broker) = Broker::for_test("what_goes_out_in_any_codec") else { return };
    let orders: Vec<Order> = (0..ORDERS).map(Order::nth).collect();
    let from = broker.topic("orders", 1);
    let json_objects = text::json_objects();
    from.produce((json_objects.write)(&orders));
    let topics: Vec<_> = all().map(|coded| broker.topic(coded.name, 1)).into();
    let sinks: Map<String, Value> = all()
        .iter()
        .zip(&topics)
        .map(|(coded, to)| {
            let encode = without(&coded.format, &["schema"]);
            let sink = json!({ "from": "orders", "kafka": { "topic": to.name() }, "encode": encode });
            (coded.name.to_owned(), sink)
        })
        .collect();
    let source =
        json!({ "kafka": { "topic": from.name() }, "decode": without(&json_objects.format, &["layout"]) });
    let host = host(&broker);
    let name = unique("encoded").to_lowercase();
    apply(&host.http(), &json!({ "name": name, "sources": { "orders": source }, "sinks": sinks }));
    for (coded, to) in all().iter().zip(&topics) {
        wait_for_count(to, ORDERS);
        let read = to.read_all();
        let read = read.iter().map(|record| (coded.read)(record.value.as_deref().unwrap()));
        assert_orders(coded.name, &orders, read);
    }
    let status = wait(&host.http(), &name, "running", |status| status["state"] == "running");
    assert_eq!(status["dead_letters"], 0, "{status:#}");
}

/// The same orders in the same sequence.
fn assert_orders(codec: &str, expected: &[Order], found: impl ExactSizeIterator<Item = Order>) {
    assert_eq!(found.len(), expected.len(), "{codec}");
    for (found, expected) in found.zip(expected) {
        assert_eq!(found, *expected, "{codec}");
    }
}

#[test]
fn text_and_bytes_pass_as_they_are_and_a_null_stays_one() {
    let Some(broker) = Broker::for_test("text_and_bytes_pass_as_they_are") else { return };
    let values: [Option<&[u8]>; 6] = [
        Some(b"plain"),
        Some(b""),
        None,
        Some("ü\u{1f980}\n\t".as_bytes()),
        Some(b"\xff\x00\xfe"),
        Some(b"{"),
    ];
    let record = |value: &Option<&[u8]>| Record { value: value.map(<[u8]>::to_vec), ..Record::default() };
    let topics = ["text", "binary", "text-out", "binary-out"].map(|name| broker.topic(name, 1));
    let [text, binary, text_out, binary_out] = &topics;
    text.produce_records(values.iter().map(record));
    binary.produce_records(values.iter().map(record));
    let host = host(&broker);
    let name = unique("texts").to_lowercase();
    apply(
        &host.http(),
        &json!({
            "name": name,
            "sources": {
                "text": { "kafka": { "topic": text.name() }, "decode": { "codec": "string" } },
                "binary": {
                    "kafka": { "topic": binary.name() },
                    "decode": { "codec": "bytes", "schema": { "image": "bytes" } },
                },
            },
            "sinks": {
                "text-out": { "from": "text", "kafka": { "topic": text_out.name() }, "encode": { "codec": "string" } },
                "binary-out": {
                    "from": "binary",
                    "kafka": { "topic": binary_out.name() },
                    "encode": { "codec": "bytes", "columns": ["image"] },
                },
            },
        }),
    );
    wait_for_count(binary_out, 6);
    wait_for_count(text_out, 5);
    let found = |topic: &sabot_tests::topic::Topic| -> Vec<Option<Vec<u8>>> {
        topic.read_all().into_iter().map(|record| record.value).collect()
    };
    let expected: Vec<Option<Vec<u8>>> = values.iter().map(|value| value.map(<[u8]>::to_vec)).collect();
    assert_eq!(found(binary_out), expected);
    let valid = |value: &&Option<Vec<u8>>| value.as_deref() != Some(b"\xff\x00\xfe");
    assert_eq!(found(text_out), expected.iter().filter(valid).cloned().collect::<Vec<_>>());
    let letters = letters(&host.http(), &name);
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert_eq!(
        (&letters[0]["code"], &letters[0]["offset"], &letters[0]["value"]),
        (&json!("not-utf8"), &json!(4), &json!({ "base64": "/wD+" }))
    );
}

#[test]
fn what_becomes_much_takes_nothing_from_its_neighbours() {
    let Some(broker) = Broker::for_test("what_becomes_much") else { return };
    let (from, to) = (broker.topic("much", 1), broker.topic("out", 1));
    // Each time that the key comes again the object of a hundred numbers is given up, which counts 1,709 bytes: 36,000 times
    // are within the 64 MiB of a record, 40,000 are not, and 24 records are more than a batch may take.
    let record = |id: i64| {
        let times = if id % 5 == 3 { 40_000 } else { 36_000 };
        format!("{{\"id\":{id}{}}}", ",\"k\":null".repeat(times)).into_bytes()
    };
    from.produce((0..30).map(record));
    let numbers: Map<String, Value> = (0..100).map(|n| (format!("f{n}"), json!("int64"))).collect();
    let host = host(&broker);
    let name = unique("much").to_lowercase();
    apply(
        &host.http(),
        &json!({
            "name": name,
            "sources": {
                "much": {
                    "kafka": { "topic": from.name() },
                    "decode": { "codec": "json", "schema": { "id": "int64!", "k": numbers } },
                    "on_error": "dead_letter",
                },
            },
            "sinks": { "out": { "from": "much", "kafka": { "topic": to.name() }, "encode": { "codec": "json", "columns": ["id"] } } },
        }),
    );
    wait_for_count(&to, 24);
    let ids: Vec<String> =
        to.read_all().into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect();
    let expected = (0..30).filter(|id| id % 5 != 3).map(|id| format!("{{\"id\":{id}}}"));
    assert_eq!(ids, expected.collect::<Vec<_>>());
    let mut refused: Vec<i64> =
        letters(&host.http(), &name).iter().map(|letter| letter["offset"].as_i64().unwrap()).collect();
    refused.sort();
    assert_eq!(refused, [3, 8, 13, 18, 23, 28]);
}
