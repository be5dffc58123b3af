//! Values that name their schema, through a registry that is really asked: several writers in one run, schemas that
//! are not there, and a registry that is away.

use std::collections::BTreeMap;
use std::sync::Arc;

use sabot_test_registry::{Fault, TestRegistry};

use super::registry::{Registries, Settings};
use super::{Codec, Decode, Decoder, Framing, Meta, RegisteredSchema, SchemaKind, columns, wire};
use crate::batch::RawRecords;

fn object(required: &str) -> Arc<RegisteredSchema> {
    let text = format!(
        r#"{{"type":"object","title":"Order","properties":{{"id":{{"type":"integer"}},"user":{{"type":"string"}}}},"required":[{required}],"additionalProperties":false}}"#
    );
    Arc::new(RegisteredSchema::new(SchemaKind::Json, text))
}

struct Bench {
    server: TestRegistry,
    registries: Registries,
    ids: Vec<u32>,
}

/// A registry with two versions of a subject.
fn bench() -> Bench {
    let server = TestRegistry::start();
    let settings = Settings { urls: vec![server.url().to_string()], timeout_ms: 500, ..Settings::default() };
    let registries = Registries::new(&BTreeMap::from([("default".to_owned(), settings)])).unwrap();
    let client = registries.get("default").unwrap();
    let ids = [r#""id""#, r#""id","user""#]
        .map(|required| client.register("orders-value", &object(required)).unwrap())
        .to_vec();
    // Another client, so that nothing is in its cache yet.
    let settings = Settings { urls: vec![server.url().to_string()], timeout_ms: 500, ..Settings::default() };
    let registries = Registries::new(&BTreeMap::from([("default".to_owned(), settings)])).unwrap();
    Bench { server, registries, ids }
}

fn decoder(bench: &Bench) -> Decoder {
    let reader = object(r#""id""#);
    let decode = Decode {
        reader: Some(Arc::clone(&reader)),
        framing: Framing::Confluent { registry: "default".into() },
        include: vec![Meta::Offset],
        ..Decode::plain(Codec::JsonSchema, columns(Codec::JsonSchema, &reader).unwrap())
    };
    Decoder::new(&decode, &bench.registries).unwrap()
}

fn records(values: &[(u32, &str)]) -> RawRecords {
    let mut raw = RawRecords::with_capacity("orders".into(), 3, values.len(), 0);
    for (offset, (id, value)) in values.iter().enumerate() {
        let value = [&wire::naming(wire::SchemaId::Id(*id))[..], value.as_bytes()].concat();
        raw.push(100 + offset as i64, None, None, Some(&value));
    }
    raw
}

#[test]
fn several_writers_in_one_run_are_each_read_by_their_own_schema() {
    let bench = bench();
    let [one, two] = bench.ids[..] else { panic!("two versions") };
    let values = [
        (one, r#"{"id":1}"#),
        (two, r#"{"id":2}"#),
        (two, r#"{"id":3,"user":"a"}"#),
        (one, r#"{"id":4}"#),
        (77, r#"{"id":5}"#),
        (one, r#"{"id":6}"#),
    ];
    let mut raw = records(&values);
    raw.push(106, None, None, Some(br#"{"id":7}"#));
    let decoded = decoder(&bench).decode(&raw).unwrap();
    assert_eq!(decoded.records, Some(vec![0, 2, 3, 5]));
    let offsets = decoded.rows.column_by_name("$offset").unwrap();
    assert_eq!(format!("{offsets:?}").matches("10").count(), 4);
    let errors: Vec<_> = decoded.errors.iter().map(|error| (error.index, error.code)).collect();
    assert_eq!(errors, [(1, "schema-violation"), (4, "unknown-schema"), (6, "wrong-magic")]);
}

#[test]
fn a_long_reason_is_not_kept_for_every_record() {
    let bench = bench();
    // The reason why it cannot be used quotes the pattern.
    let long =
        format!(r#"{{"type":"object","properties":{{"id":{{"pattern":"({}"}}}}}}"#, "x".repeat(1 << 20));
    let client = bench.registries.get("default").unwrap();
    let id =
        client.register("other-value", &Arc::new(RegisteredSchema::new(SchemaKind::Json, long))).unwrap();
    let good = bench.ids[0];
    let values: Vec<_> =
        (0..200).map(|n| if n % 2 == 0 { (id, "{}") } else { (good, r#"{"id":1}"#) }).collect();
    let decoded = decoder(&bench).decode(&records(&values)).unwrap();
    assert_eq!((decoded.rows.num_rows(), decoded.errors.len()), (100, 100));
    for error in &decoded.errors {
        assert_eq!(error.code, "schema-mismatch");
        assert!(
            error.message.ends_with('…') && error.message.capacity() < 2048,
            "{}",
            error.message.capacity()
        );
    }
}

#[test]
fn a_registry_that_is_away_stalls_the_run_whole_and_later_nothing_is_lost() {
    let bench = bench();
    let (mut decoder, one) = (decoder(&bench), bench.ids[0]);
    let raw = records(&[(one, r#"{"id":1}"#), (one, "broken")]);
    let page = Fault::Body("<html>".into());
    for fault in
        [Fault::Down, Fault::Status(500), Fault::Status(503), page, Fault::Status(401), Fault::Status(404)]
    {
        bench.server.fail(fault, 1_000);
        let away = decoder.decode(&raw).unwrap_err();
        assert!(away.to_string().starts_with("registry `default`: the schema registry"), "{away}");
        bench.server.heal();
    }
    let decoded = decoder.decode(&raw).unwrap();
    assert_eq!((decoded.rows.num_rows(), decoded.errors.len()), (1, 1));
    // What is known needs no registry.
    bench.server.fail(Fault::Down, 1_000);
    assert_eq!(decoder.decode(&raw).unwrap().rows.num_rows(), 1);
}

#[test]
fn a_registry_that_the_host_does_not_have_is_named() {
    let decode = Decode {
        framing: Framing::Confluent { registry: "other".into() },
        ..Decode::plain(Codec::Json, Arc::new(arrow::datatypes::Schema::empty()))
    };
    let error = Decoder::new(&decode, &Registries::default()).err().unwrap();
    assert!(error.starts_with("the host has no registry `other` (it has none)"), "{error}");
}
