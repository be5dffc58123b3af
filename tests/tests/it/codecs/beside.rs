//! What is beside the value: keys by a codec of their own, headers, times and places, and records without a value.

use std::collections::HashMap;

use sabot_test_registry::TestRegistry;
use sabot_tests::broker::{Broker, unique};
use sabot_tests::record::Record;
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn keys_headers_times_and_places_are_columns_and_go_out_again() {
    let Some(broker) = Broker::for_test("keys_headers_times_and_places") else { return };
    let (from, to) = (broker.topic("orders", 3), broker.topic("out", 3));
    let record = |n: i64| Record {
        partition: (n % 3) as i32,
        timestamp_ms: Some(1_700_000_000_000 + n),
        // Every fifth has no key.
        key: (n % 5 != 0).then(|| rmp_serde::to_vec_named(&json!({ "shop": n % 4, "lane": "a" })).unwrap()),
        headers: vec![("trace".into(), Some(vec![n as u8, 0xff])), ("empty".into(), None)],
        value: Some(format!("{{\"id\":{n}}}").into_bytes()),
        ..Record::default()
    };
    from.produce_records((0..300).map(record));
    let host = host(&broker);
    let name = unique("beside").to_lowercase();
    let decode = json!({
        "codec": "json",
        "schema": { "id": "int64!" },
        "key": { "codec": "msgpack", "schema": { "shop": "int32", "lane": "string" } },
        "include": ["$headers", "$timestamp", "$topic", "$partition", "$offset"],
    });
    let select = json!([
        "id",
        "\"$key\" as k",
        "\"$headers\" as h",
        "\"$timestamp\" as t",
        "\"$topic\" as topic",
        "\"$partition\" as p",
        "\"$offset\" as o"
    ]);
    apply(
        &host.http(),
        &json!({
            "name": name,
            "sources": { "orders": { "kafka": { "topic": from.name() }, "decode": decode } },
            "steps": { "named": { "from": "orders", "select": select } },
            "sinks": { "out": {
                "from": "named",
                "kafka": {
                    "topic": to.name(), "key": ["id"], "headers": ["topic"], "timestamp": "t",
                    "partitioner": { "column": "p" },
                },
                "encode": { "codec": "json" },
            } },
        }),
    );
    wait_for_count(&to, 300);
    let mut found = to.read_all();
    found.sort_by_key(|record| record.timestamp_ms);
    for (n, record) in (0i64..).zip(&found) {
        let row: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        assert_eq!((row["id"].as_i64(), row["t"].as_i64()), (Some(n), Some(1_700_000_000_000 + n)), "{row}");
        assert_eq!((row["p"].as_i64(), row["o"].as_i64()), (Some(n % 3), Some(n / 3)), "{row}");
        assert_eq!(row["topic"], from.name());
        let key = if n % 5 == 0 { Value::Null } else { json!({ "shop": n % 4, "lane": "a" }) };
        assert_eq!(row["k"], key, "{row}");
        let trace = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [n as u8, 0xff]);
        assert_eq!(row["h"], json!({ "trace": trace, "empty": null }), "{row}");
        assert_eq!((record.partition, record.timestamp_ms), ((n % 3) as i32, row["t"].as_i64()));
        assert_eq!(record.key.as_deref(), Some(n.to_string().as_bytes()));
        assert_eq!(record.headers, [("topic".to_owned(), Some(from.name().as_bytes().to_vec()))]);
    }
}

#[test]
fn a_tombstone_is_a_row_of_nulls_and_a_row_can_be_one_again() {
    let Some(broker) = Broker::for_test("a_tombstone_is_a_row_of_nulls") else { return };
    let (from, to) = (broker.topic("users", 1), broker.topic("copy", 1));
    let record = |n: i64| Record {
        key: Some(format!("user-{n}").into_bytes()),
        value: (n % 3 != 0).then(|| format!("{{\"name\":\"name {n}\"}}").into_bytes()),
        ..Record::default()
    };
    from.produce_records((0..90).map(record));
    let host = host(&broker);
    let name = unique("tombstones").to_lowercase();
    let source = |schema: Value| {
        let decode = json!({ "codec": "json", "schema": schema, "key": { "codec": "string" } });
        json!({ "kafka": { "topic": from.name() }, "decode": decode })
    };
    apply(
        &host.http(),
        &json!({
            "name": name,
            "sources": {
                "users": source(json!({ "name": "string" })),
            },
            "steps": { "marked": {
                "from": "users", "select": ["\"$key\" as user", "name", "name is null as gone"],
            } },
            "sinks": { "copy": {
                "from": "marked",
                "kafka": { "topic": to.name(), "key": ["user"], "tombstone": "gone" },
                "encode": { "codec": "json", "columns": ["name"] },
            } },
        }),
    );
    wait_for_count(&to, 90);
    for (n, found) in (0i64..).zip(to.read_all()) {
        let expected = record(n);
        assert_eq!((found.key, found.value), (expected.key, expected.value), "record {n}");
    }

    // Nothing is left out, and nothing added, where the columns of the value cannot be null and `decode` says that rows
    // may.
    let kept = broker.topic("kept", 1);
    let mut users = source(json!({ "name": "string!" }));
    users["decode"]["tombstone"] = json!("row");
    apply(
        &host.http(),
        &json!({
            "name": unique("kept").to_lowercase(),
            "sources": { "users": users },
            "steps": { "marked": {
                "from": "users", "select": ["\"$key\" as user", "name", "name is null as gone"],
            } },
            "sinks": { "kept": {
                "from": "marked",
                "kafka": { "topic": kept.name(), "key": ["user"], "tombstone": "gone" },
                "encode": { "codec": "json", "columns": ["name"] },
            } },
        }),
    );
    wait_for_count(&kept, 90);
    for (n, found) in (0i64..).zip(kept.read_all()) {
        let expected = record(n);
        assert_eq!((found.key, found.value), (expected.key, expected.value), "record {n}");
    }

    // Where a column cannot be null, and nothing is said, there is no row to make of it.
    let strict = unique("strict").to_lowercase();
    apply(
        &host.http(),
        &json!({
            "name": strict,
            "sources": { "users": source(json!({ "name": "string!" })) },
            "sinks": { "out": { "from": "users", "blackhole": {} } },
        }),
    );
    wait_until_read(&host.http(), &strict, &from);
    wait(&host.http(), &strict, "done with its letters", |status| status["dead_letters"] == 30);
    let letters = letters(&host.http(), &strict);
    for letter in &letters {
        assert_eq!((&letter["code"], &letter["value"]), (&json!("tombstone"), &Value::Null), "{letter:#}");
        assert!(letter.to_string().contains("set `tombstone: row` in `decode`"), "{letter:#}");
        let offset = letter["offset"].as_i64().unwrap();
        assert_eq!((offset % 3, letter["key"]["text"].as_str()), (0, Some(&*format!("user-{offset}"))));
    }
}

#[test]
fn keys_are_encoded_by_a_codec_of_their_own_and_read_again() {
    keys_are_read_again("keys_are_encoded_by_a_codec_of_their_own_and_read_again", "value");
}

#[test]
fn keys_and_values_whose_schemas_are_named_in_headers_are_read_again() {
    keys_are_read_again("keys_and_values_whose_schemas_are_named_in_headers_are_read_again", "header");
}

fn keys_are_read_again(test: &str, schema_id: &str) {
    let Some(broker) = Broker::for_test(test) else { return };
    let named = json!({ "name": "default", "schema_id": schema_id });
    let registry = TestRegistry::start();
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let (from, keyed, to) = (broker.topic("orders", 2), broker.topic("keyed", 5), broker.topic("out", 2));
    from.produce_records((0..200).map(|n: i64| Record {
        partition: (n % 2) as i32,
        value: Some(json!({ "id": n, "shop": n % 7, "lane": "a" }).to_string().into_bytes()),
        ..Record::default()
    }));
    apply(
        &host.http(),
        &json!({
            "name": unique("keyed").to_lowercase(),
            "sources": { "orders": {
                "kafka": { "topic": from.name() },
                "decode": { "codec": "json", "schema": { "id": "int64!", "shop": "int64!", "lane": "string" } },
            } },
            "sinks": { "keyed": {
                "from": "orders",
                "kafka": { "topic": keyed.name(), "key": ["shop", "lane"] },
                "encode": {
                    "codec": "avro", "columns": ["id"], "registry": named,
                    "key": { "codec": "avro", "registry": named },
                },
            } },
        }),
    );
    wait_for_count(&keyed, 200);
    let requests = registry.requests();
    for part in ["key", "value"] {
        let registered = format!("POST /subjects/{}-{part}/versions", keyed.name());
        assert!(requests.iter().any(|request| request.starts_with(&registered)), "{requests:#?}");
    }
    let mut partition_of: HashMap<Vec<u8>, i32> = HashMap::new();
    for record in keyed.read_all() {
        let key = record.key.expect("every record has a key");
        let headers: Vec<&str> = record.headers.iter().map(|(name, _)| name.as_str()).collect();
        match schema_id {
            "header" => assert_eq!(headers, ["__key_schema_id", "__value_schema_id"]),
            _ => assert_eq!((key[0], headers), (0, vec![]), "the key begins with the id of its schema"),
        }
        assert_eq!(*partition_of.entry(key).or_insert(record.partition), record.partition);
    }
    assert_eq!(partition_of.len(), 7);

    apply(
        &host.http(),
        &json!({
            "name": unique("unkeyed").to_lowercase(),
            "sources": { "keyed": {
                "kafka": { "topic": keyed.name() },
                "decode": { "codec": "avro", "registry": "default", "key": { "codec": "avro", "registry": "default" } },
            } },
            "sinks": { "out": { "from": "keyed", "kafka": { "topic": to.name() }, "encode": { "codec": "json" } } },
        }),
    );
    wait_for_count(&to, 200);
    let mut rows: Vec<Value> =
        to.read_all().iter().map(|r| serde_json::from_slice(r.value.as_deref().unwrap()).unwrap()).collect();
    rows.sort_by_key(|row| row["id"].as_i64());
    for (n, row) in (0i64..).zip(rows) {
        assert_eq!(row, json!({ "id": n, "$key": { "shop": n % 7, "lane": "a" } }));
    }
}
