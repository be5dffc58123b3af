//! A schema registry that is away, wrong, slow or silent: its pipeline waits and says for what, its neighbours go on, and
//! nothing is lost. Writers that change their schema meanwhile, schemas that may not be, and secrets that stay where they
//! are. The modules below have schemas that come late, the subjects of sinks, what one partition costs the others, and TLS.

mod late;
mod partitions;
mod subjects;
mod tls;

use std::time::{Duration, Instant};

use sabot_test_registry::{Fault, TestRegistry};
use sabot_tests::broker::{Broker, unique};
use sabot_tests::http::Http;
use sabot_tests::topic::Topic;
use serde_json::{Value, json};

use crate::codecs::avro;
use crate::support::*;

/// The n-th writer's schema: it calls itself by its number, and the later ones have a field more.
fn writer(n: u32) -> Value {
    let mut fields = json!([{ "name": "id", "type": "long" }]);
    if n > 0 {
        let more =
            json!({ "name": "by", "type": "string", "default": "nobody", "doc": format!("writer {n}") });
        fields.as_array_mut().unwrap().push(more);
    }
    json!({ "type": "record", "name": "Order", "fields": fields })
}

/// Registers the n-th writer's schema and sends these orders by it.
fn send(registry: &TestRegistry, topic: &Topic, n: u32, ids: std::ops::Range<i64>) {
    let subject = format!("{}-value", topic.name());
    let id = register(registry, &subject, &json!({ "schema": writer(n).to_string() }));
    topic.produce(ids.map(|order| record(id, n, order)));
}

/// An order in the wire format.
fn record(id: u32, n: u32, order: i64) -> Vec<u8> {
    let schema = apache_avro::Schema::parse(&writer(n)).unwrap();
    let mut fields = vec![("id".to_owned(), apache_avro::types::Value::Long(order))];
    if n > 0 {
        fields.push(("by".to_owned(), apache_avro::types::Value::String(format!("writer {n}"))));
    }
    let datum = avro::write(&schema, apache_avro::types::Value::Record(fields));
    [&[0], id.to_be_bytes().as_slice(), &datum].concat()
}

fn reading(name: &str, from: &Topic, to: &Topic) -> Value {
    json!({
        "name": name,
        "checkpoint": { "every": "200ms" },
        "sources": { "orders": {
            "kafka": { "topic": from.name() },
            "decode": { "codec": "avro", "registry": "default" },
        } },
        "sinks": { "out": {
            "from": "orders", "kafka": { "topic": to.name() }, "encode": { "codec": "json", "columns": ["id"] },
        } },
    })
}

/// What is in a topic, in order.
fn ids(topic: &Topic) -> Vec<i64> {
    let read = |record: sabot_tests::record::Record| {
        let row: Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
        row["id"].as_i64().unwrap()
    };
    topic.read_all().into_iter().map(read).collect()
}

#[test]
fn whatever_the_registry_does_its_pipeline_waits_says_why_and_loses_nothing() {
    let Some(broker) = Broker::for_test("whatever_the_registry_does") else { return };
    let (registry, [from, to, plain, beside]) =
        (TestRegistry::start(), ["orders", "out", "plain", "beside"].map(|name| broker.topic(name, 1)));
    send(&registry, &from, 0, 0..100);
    let settings = json!({ "default": { "url": registry.url(), "timeout": "1s" } });
    let host = host_with_registries(&broker, &settings, &json!({}));
    let http = host.http();
    let (name, neighbour) = (unique("stalled").to_lowercase(), unique("neighbour").to_lowercase());
    apply(&http, &reading(&name, &from, &to));
    apply(&http, &orders_pipeline(&neighbour, &plain, json!({}), "orders", &beside));
    wait_for_count(&to, 100);

    // What each is called where it is shown. It is down for longest, as when it is deployed anew.
    let long = Duration::from_secs(60);
    let faults = [
        (Fault::Status(500), "500", 2),
        (Fault::Body("<html>not the registry</html>".into()), "is no schema registry", 2),
        (Fault::Status(403), "403", 2),
        (Fault::Status(404), "404", 2),
        (Fault::Delay(long), "does not answer within 1000 ms", 3),
        (Fault::Down, "not available", 30),
    ];
    for (n, (fault, word, seconds)) in (1u32..).zip(faults) {
        let before = to.len();
        let subject = format!("{}-value", from.name());
        let id = register(&registry, &subject, &json!({ "schema": writer(n).to_string() }));
        registry.fail(fault, usize::MAX);
        let (since, first) = (Instant::now(), i64::from(n) * 100);
        from.produce((first..first + 100).map(|order| record(id, n, order)));
        let status = wait(&http, &name, "waiting for the registry", |status| {
            status["reason"].as_str().is_some_and(|reason| reason.contains("registry `default`"))
        });
        assert_eq!(status["state"], "paused", "{status:#}");
        let shown = host.sabot(&["pipeline", "show", &name]).1;
        assert!(shown.contains("registry `default`") && shown.contains(word), "{word}: {shown}");
        plain.produce((0..50).map(|id| order(u64::from(n) * 50 + id)));
        wait_for_count(&beside, i64::from(n) * 50);
        std::thread::sleep(Duration::from_secs(seconds).saturating_sub(since.elapsed()));
        assert_eq!(to.len(), before, "nothing comes of what cannot be read yet");
        registry.heal();
        wait_for_count(&to, before + 100);
        let status = wait(&http, &name, "running again", |status| status["state"] == "running");
        assert_eq!((&status["restarts"], &status["dead_letters"]), (&json!(0), &json!(0)), "{status:#}");
    }
    assert_eq!(ids(&to), (0..700).collect::<Vec<_>>(), "each once, in their order");
}

#[test]
fn an_id_that_the_registry_does_not_know_is_a_dead_letter_until_it_does() {
    let Some(broker) = Broker::for_test("an_id_that_the_registry_does_not_know") else { return };
    let (registry, [from, to]) = (TestRegistry::start(), ["orders", "out"].map(|name| broker.topic(name, 1)));
    send(&registry, &from, 0, 0..10);
    // The next schema will get the next id.
    from.produce((10..20).map(|order| record(2, 1, order)));
    from.produce((20..30).map(|order| record(1, 0, order)));
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let name = unique("unknown").to_lowercase();
    apply(&host.http(), &reading(&name, &from, &to));
    wait_for_count(&to, 20);
    wait(&host.http(), &name, "through", |status| status["dead_letters"] == 10);
    let found = letters(&host.http(), &name);
    assert!(
        found.iter().all(|letter| letter["error"].as_str().unwrap_or_default().contains('2')),
        "{found:#?}"
    );

    let subject = format!("{}-value", from.name());
    assert_eq!(register(&registry, &subject, &json!({ "schema": writer(1).to_string() })), 2);
    // That there is none is remembered for a moment.
    let until = Instant::now() + LIMIT;
    while host.sabot(&["dead-letter", "replay", &name, "--all"]).0 != 0 {
        assert!(Instant::now() < until, "they do not come through");
        std::thread::sleep(Duration::from_millis(500));
    }
    let mut all = ids(&to);
    all.sort_unstable();
    assert_eq!(all, (0..30).collect::<Vec<_>>());
}

#[test]
fn a_sink_whose_schema_would_break_its_subject_is_refused_before_anything_is_stored() {
    let Some(broker) = Broker::for_test("a_sink_whose_schema_would_break_its_subject") else { return };
    let (registry, [from, to]) = (TestRegistry::start(), ["orders", "out"].map(|name| broker.topic(name, 1)));
    let other = json!({ "type": "record", "name": "out", "fields": [{ "name": "id", "type": "string" }] });
    let subject = format!("{}-value", to.name());
    register(&registry, &subject, &json!({ "schema": other.to_string() }));
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let http = host.http();
    let name = unique("breaks").to_lowercase();
    let spec = json!({
        "name": name,
        "sources": { "orders": {
            "kafka": { "topic": from.name() }, "decode": { "codec": "json", "schema": { "id": "int64!" } },
        } },
        "sinks": { "out": {
            "from": "orders", "kafka": { "topic": to.name() }, "encode": { "codec": "avro", "registry": "default" },
        } },
    });
    let refused = http.put(&format!("/v1/pipelines/{name}"), &spec).expect(422).json();
    let reasons = refused["reasons"].to_string();
    assert!(reasons.contains(&subject) && reasons.contains("sinks.out.encode"), "{refused:#}");
    http.get(&format!("/v1/pipelines/{name}")).expect(404);
    assert_eq!(Http::new(&registry.url()).get(&format!("/subjects/{subject}/versions")).json(), json!([1]));
}

#[test]
fn what_is_refused_leaves_nothing_in_the_registry() {
    let Some(broker) = Broker::for_test("what_is_refused_leaves_nothing") else { return };
    let (registry, [from, to]) = (TestRegistry::start(), ["orders", "out"].map(|name| broker.topic(name, 1)));
    let host = host_with_registries(&broker, &json!({ "default": { "url": registry.url() } }), &json!({}));
    let http = host.http();
    let name = unique("refused").to_lowercase();
    let sink = |encode: Value| json!({ "from": "orders", "kafka": { "topic": to.name() }, "encode": encode });
    // Its schema has a field that the rows have not, and the other sink is as it should be.
    let definition =
        json!({ "type": "record", "name": "out", "fields": [{ "name": "user", "type": "string" }] });
    let by = |subject: &str| json!({ "name": "default", "subject": subject });
    let spec = json!({
        "name": name,
        "sources": { "orders": {
            "kafka": { "topic": from.name() }, "decode": { "codec": "json", "schema": { "id": "int64!" } },
        } },
        "sinks": {
            "good": sink(json!({ "codec": "avro", "registry": by("good") })),
            "out": sink(json!({ "codec": "avro", "registry": by("out"), "definition": definition })),
        },
    });
    let refused = http.put(&format!("/v1/pipelines/{name}"), &spec).expect(422).json();
    assert!(refused["reasons"].to_string().contains("sinks.out.encode"), "{refused:#}");
    assert_eq!(Http::new(&registry.url()).get("/subjects").expect(200).json(), json!([]));
}

#[test]
fn the_secrets_of_a_registry_are_never_told() {
    let Some(broker) = Broker::for_test("the_secrets_of_a_registry_are_never_told") else { return };
    let (registry, [from, to]) = (TestRegistry::start(), ["orders", "out"].map(|name| broker.topic(name, 1)));
    send(&registry, &from, 0, 0..10);
    // `reader:hush-hush` in base64, as HTTP has it.
    registry.require("Basic cmVhZGVyOmh1c2gtaHVzaA==");
    let with = |password: &str| {
        let settings = json!({ "url": registry.url(), "user": "reader", "password": password });
        host_with_registries(&broker, &json!({ "default": settings }), &json!({}))
    };
    let name = unique("secret").to_lowercase();
    let spec = reading(&name, &from, &to);
    let wrong = with("whisper-whisper");
    let refused = wrong.http().put(&format!("/v1/pipelines/{name}"), &spec);
    assert!(refused.status >= 400 && refused.text().contains("401"), "{}", refused.text());
    let right = with("hush-hush");
    apply(&right.http(), &spec);
    wait_for_count(&to, 10);
    for (host, secret) in [(&wrong, "whisper-whisper"), (&right, "hush-hush")] {
        let mut told = host.stderr() + &refused.text();
        for path in ["/metrics", "/v1/pipelines", "/openapi.json"] {
            told += &host.http().get(path).text();
        }
        told += &host.http().get(&format!("/v1/pipelines/{name}")).text();
        told += &host.http().get(&format!("/v1/pipelines/{name}/logs")).text();
        assert!(!told.contains(secret) && !told.contains("cmVhZGVy"), "{told}");
    }
}
