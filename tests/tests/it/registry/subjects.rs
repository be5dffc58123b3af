//! The subjects of a sink's schemas: which there are under each strategy, and what happens where one does not take the
//! schema.

use sabot_test_registry::TestRegistry;
use sabot_tests::broker::{Broker, unique};
use sabot_tests::http::Http;
use sabot_tests::topic::Topic;
use serde_json::{Map, Value, json};

use super::ids;
use crate::codecs::avro;
use crate::support::*;

const ORDERS: i64 = 50;

/// A record with a namespace, which is part of its name.
fn definition(id: &str) -> Value {
    json!({ "type": "record", "name": "Order", "namespace": "shop", "fields": [{ "name": "id", "type": id }] })
}

/// Orders that go to these sinks.
fn writing(name: &str, from: &Topic, sinks: Map<String, Value>) -> Value {
    json!({
        "name": name,
        "sources": { "orders": {
            "kafka": { "topic": from.name() }, "decode": { "codec": "json", "schema": { "id": "int64!" } },
        } },
        "sinks": sinks,
    })
}

fn sink(to: &Topic, encode: Value) -> Value {
    json!({ "from": "orders", "kafka": { "topic": to.name(), "key": ["id"] }, "encode": encode })
}

fn named(strategy: &str) -> Value {
    json!({ "name": "default", "strategy": strategy })
}

/// The newest version of a subject: the id of its schema, and the schema.
fn newest(http: &Http, subject: &str) -> (u32, apache_avro::Schema) {
    let found = http.get(&format!("/subjects/{subject}/versions/latest")).expect(200).json();
    let schema = apache_avro::Schema::parse_str(found["schema"].as_str().unwrap()).unwrap();
    (found["id"].as_u64().unwrap() as u32, schema)
}

/// What is in a topic, in order, where all values are of the newest schema of `subject`.
fn ids_by(http: &Http, subject: &str, topic: &Topic) -> Vec<i64> {
    let (id, schema) = newest(http, subject);
    let read = |record: sabot_tests::record::Record| {
        let value = record.value.unwrap();
        assert_eq!(value[..5], [&[0], id.to_be_bytes().as_slice()].concat(), "{subject}");
        match avro::value_of(&schema, &value[5..]) {
            apache_avro::types::Value::Record(fields) => match fields[..] {
                [(ref name, apache_avro::types::Value::Long(id))] if name == "id" => id,
                _ => panic!("{subject}: {fields:?}"),
            },
            other => panic!("{subject}: {other:?}"),
        }
    };
    topic.read_all().into_iter().map(read).collect()
}

#[test]
fn each_strategy_has_its_subject_and_there_is_no_other() {
    let Some(broker) = Broker::for_test("each_strategy_has_its_subject") else { return };
    let registry = TestRegistry::start();
    let from = broker.topic("orders", 1);
    from.produce((0..ORDERS).map(|id| format!("{{\"id\":{id}}}")));
    let topics = ["record", "topic-record", "derived", "keyed"].map(|name| broker.topic(name, 1));
    let [record, topic_record, derived, keyed] = &topics;
    let own =
        |strategy| json!({ "codec": "avro", "definition": definition("long"), "registry": named(strategy) });
    let mut sinks = Map::new();
    sinks.insert("by-record".into(), sink(record, own("record")));
    sinks.insert("by-topic-record".into(), sink(topic_record, own("topic_record")));
    // A schema that follows from the columns is called as its sink.
    let encode = json!({ "codec": "avro", "registry": named("topic_record") });
    sinks.insert("by-columns".into(), sink(derived, encode));
    let key = json!({ "codec": "avro", "registry": named("record") });
    sinks.insert(
        "paid".into(),
        sink(keyed, json!({ "codec": "avro", "registry": named("record"), "key": key })),
    );

    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    apply(&host.http(), &writing(&unique("subjects").to_lowercase(), &from, sinks));
    topics.iter().for_each(|topic| wait_for_count(topic, ORDERS));
    let http = Http::new(&registry.url());
    let (by_topic, by_columns) =
        (format!("{}-shop.Order", topic_record.name()), format!("{}-by_columns", derived.name()));
    let mut subjects = ["shop.Order", &by_topic, &by_columns, "paid", "paid_key"];
    subjects.sort_unstable();
    assert_eq!(http.get("/subjects").expect(200).json(), json!(subjects));
    for subject in subjects {
        assert_eq!(
            http.get(&format!("/subjects/{subject}/versions")).expect(200).json(),
            json!([1]),
            "{subject}"
        );
    }
    let all: Vec<i64> = (0..ORDERS).collect();
    let by = [("shop.Order", record), (&by_topic, topic_record), (&by_columns, derived), ("paid", keyed)];
    for (subject, topic) in by {
        assert_eq!(ids_by(&http, subject, topic), all, "{subject}");
    }
    let (id, _) = newest(&http, "paid_key");
    for record in keyed.read_all() {
        assert_eq!(record.key.unwrap()[..5], [&[0], id.to_be_bytes().as_slice()].concat());
    }

    // A source finds its columns under such a subject too.
    let read = ["record-read", "topic-record-read"].map(|name| broker.topic(name, 1));
    let (mut sources, mut sinks) = (Map::new(), Map::new());
    for ((subject, topic), to) in by.iter().zip(&read) {
        let decode = json!({ "codec": "avro", "registry": { "name": "default", "subject": subject } });
        let name = format!("read-{}", sources.len());
        sinks.insert(
            format!("out-{name}"),
            json!({ "from": name, "kafka": { "topic": to.name() }, "encode": { "codec": "json" } }),
        );
        sources.insert(name, json!({ "kafka": { "topic": topic.name() }, "decode": decode }));
    }
    let name = unique("read").to_lowercase();
    apply(&host.http(), &json!({ "name": name, "sources": sources, "sinks": sinks }));
    for topic in &read {
        wait_for_count(topic, ORDERS);
        assert_eq!(ids(topic), all);
    }
}

#[test]
fn a_schema_that_its_subject_does_not_take_is_refused_whatever_names_the_subject() {
    let Some(broker) = Broker::for_test("a_schema_that_its_subject_does_not_take") else { return };
    let (registry, [from, to]) = (TestRegistry::start(), ["orders", "out"].map(|name| broker.topic(name, 1)));
    from.produce((0..ORDERS).map(|id| format!("{{\"id\":{id}}}")));
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let (http, asked) = (host.http(), Http::new(&registry.url()));
    let by_topic = format!("{}-shop.Order", to.name());
    // Under the other strategy there is nothing to be against it, so each subject gets its schema just before.
    for (strategy, subject, there) in [
        ("record", "shop.Order", json!(["shop.Order"])),
        ("topic_record", &by_topic, json!(["shop.Order", by_topic])),
    ] {
        register(&registry, subject, &json!({ "schema": definition("string").to_string() }));
        let name = unique("refused").to_lowercase();
        let encode =
            json!({ "codec": "avro", "definition": definition("long"), "registry": named(strategy) });
        let mut sinks = Map::new();
        sinks.insert("out".into(), sink(&to, encode));
        let spec = writing(&name, &from, sinks);
        let refused = http.put(&format!("/v1/pipelines/{name}"), &spec).expect(422).json();
        let reasons = refused["reasons"].to_string();
        assert!(
            reasons.contains(&format!("`{subject}`")) && reasons.contains("sinks.out.encode"),
            "{refused:#}"
        );
        http.get(&format!("/v1/pipelines/{name}")).expect(404);
        assert_eq!(asked.get("/subjects").json(), there, "{strategy}");
        assert_eq!(asked.get(&format!("/subjects/{subject}/versions")).json(), json!([1]), "{strategy}");
    }
    assert!(to.is_empty(), "nothing has run");
}

/// A sink is refused whose schema does not follow what its subject has, and nothing is stored of it anywhere.
fn is_refused(test: &str, had: &Value, encode: &Value, why: &str) {
    let Some(broker) = Broker::for_test(test) else { return };
    let (registry, [from, to]) = (TestRegistry::start(), ["orders", "out"].map(|name| broker.topic(name, 1)));
    from.produce((0..ORDERS).map(|id| format!("{{\"id\":{id}}}")));
    let subject = format!("{}-value", to.name());
    register(&registry, &subject, had);
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let (http, asked) = (host.http(), Http::new(&registry.url()));
    let name = unique("refused").to_lowercase();
    let sinks = Map::from_iter([("out".to_owned(), sink(&to, encode.clone()))]);
    let refused =
        http.put(&format!("/v1/pipelines/{name}"), &writing(&name, &from, sinks)).expect(422).json();
    let reasons = refused["reasons"].to_string();
    for part in [&format!("`{subject}`"), "sinks.out.encode", why] {
        assert!(reasons.contains(part), "{part}: {refused:#}");
    }
    http.get(&format!("/v1/pipelines/{name}")).expect(404);
    assert_eq!(asked.get("/subjects").json(), json!([subject]));
    assert_eq!(asked.get(&format!("/subjects/{subject}/versions")).json(), json!([1]));
    assert!(to.is_empty(), "nothing has run");
}

#[test]
fn a_schema_of_protobuf_that_gives_a_field_number_another_type_is_refused() {
    const TEST: &str = "a_schema_of_protobuf_that_gives_a_field_number_another_type";
    let file = |fields: &str| format!("syntax = \"proto3\"; package shop; message Order {{ {fields} }}");
    let had = json!({ "schemaType": "PROTOBUF", "schema": file("string user = 1; int64 id = 2;") });
    let definition = file("int64 id = 1;");
    let encode = json!({ "codec": "protobuf", "definition": definition, "registry": "default" });
    is_refused(TEST, &had, &encode, "field 1 of Order: string is int64 now");
}

#[test]
fn a_json_schema_that_gives_a_property_another_type_or_needs_a_new_one_is_refused() {
    const TEST: &str = "a_json_schema_that_gives_a_property_another_type_or_needs_a_new_one";
    // The schema follows from the column: an integer that is always there.
    let encode = json!({ "codec": "json_schema", "registry": "default" });
    for (property, why) in [("id", "TYPE_CHANGED: id"), ("user", "REQUIRED_PROPERTY_ADDED: id")] {
        let schema = json!({ "type": "object", "properties": { property: { "type": "string" } } });
        let had = json!({ "schemaType": "JSON", "schema": schema.to_string() });
        is_refused(TEST, &had, &encode, why);
    }
}
