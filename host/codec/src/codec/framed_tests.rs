//! Values that name their schema, through a registry that is really asked: several writers in one run, schemas that
//! are not there, and a registry that is away.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use sabot_test_registry::{Fault, TestRegistry};

use super::registry::{Registries, Settings};
use super::{
    Codec, Decode, Decoder, Encode, Framing, Meta, RegisteredSchema, SchemaKind, columns, trip, wire,
};
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
fn a_run_asks_for_a_bounded_number_of_schemas_and_leaves_the_rest_to_the_next() {
    let bench = bench();
    let good = bench.ids[0];
    let values: Vec<_> =
        (0..100).map(|n| if n % 2 == 0 { (good, r#"{"id":1}"#) } else { (100 + n, "{}") }).collect();
    let (mut raw, mut decoder) = (records(&values), decoder(&bench));
    let (mut rows, mut runs) = (0, Vec::new());
    bench.server.requests();
    while !raw.is_empty() {
        let decoded = decoder.decode(&raw).unwrap();
        assert_eq!(decoded.rows.num_rows() + decoded.errors.len(), decoded.taken, "each is told once");
        rows += decoded.rows.num_rows();
        runs.push((decoded.taken, bench.server.requests().len()));
        raw = raw.rest(decoded.taken);
    }
    // The first one asks for the good schema too.
    assert_eq!((rows, runs), (50, vec![(31, 16), (32, 16), (32, 16), (5, 3)]));
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
        ..Decode::plain(Codec::Json, Arc::new(Schema::empty()))
    };
    let error = Decoder::new(&decode, &Registries::default()).err().unwrap();
    assert!(error.starts_with("the host has no registry `other` (it has none)"), "{error}");
}

/// A record of one number, and its key, which is a schema that is no record.
fn keyed(bench: &Bench, reader: &str, keys: &[(u32, &[u8])]) -> String {
    let framing = Framing::Confluent { registry: "default".into() };
    let own = Arc::new(RegisteredSchema::new(SchemaKind::Avro, reader));
    let found = columns(Codec::Avro, &own).unwrap();
    let key = Decode { reader: Some(own), framing, ..Decode::plain(Codec::Avro, found) };
    let fields = vec![Field::new("id", DataType::Int64, false)];
    let decode = Decode {
        key: Some(Box::new(key)),
        include: vec![Meta::Key],
        ..Decode::plain(Codec::Json, Arc::new(Schema::new(fields)))
    };
    let mut raw = RawRecords::with_capacity("orders".into(), 3, keys.len(), 0);
    for (offset, (id, key)) in keys.iter().enumerate() {
        let key = [&wire::naming(wire::SchemaId::Id(*id))[..], key].concat();
        let value = format!("{{\"id\":{offset}}}");
        raw.push(offset as i64, None, Some(&key), Some(value.as_bytes()));
    }
    raw.push(keys.len() as i64, None, None, Some(br#"{"id":-1}"#));
    let decoded = Decoder::new(&decode, &bench.registries).unwrap().decode(&raw).unwrap();
    // What is said of the column before anything is decoded holds.
    let field = Meta::Key.field(decode.key.as_deref());
    assert_eq!(decoded.rows.schema_ref().field(1), &field);
    let encoded = trip::encode(&Encode::plain(Codec::Json), &decoded.rows);
    let rows = (0..decoded.rows.num_rows()).map(|row| String::from_utf8_lossy(encoded.row(row)).into_owned());
    let errors = decoded.errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message));
    rows.chain(errors).collect::<Vec<_>>().join("\n")
}

/// Registers schemas of Avro; gives their ids.
fn register<const N: usize>(bench: &Bench, schemas: [&str; N]) -> [u32; N] {
    let client = bench.registries.get("default").unwrap();
    let mut subject = 0;
    schemas.map(|text| {
        subject += 1;
        let schema = Arc::new(RegisteredSchema::new(SchemaKind::Avro, text));
        client.register(&format!("of-{subject}"), &schema).unwrap()
    })
}

#[test]
fn a_key_whose_schema_is_no_record_is_that_value() {
    let bench = bench();
    let record = r#"{"type":"record","name":"K","fields":[{"name":"value","type":"string"}]}"#;
    let [string, long, int, maybe, of_record] =
        register(&bench, [r#""string""#, r#""long""#, r#"{"type":"int"}"#, r#"["null","string"]"#, record]);
    let texts = [
        (string, &b"\x02a"[..]),
        (maybe, b"\x02\x02b"),
        (maybe, b"\x00"),
        (long, b"\x02"),
        (of_record, b"\x02c"),
        (string, b"\x04d"),
    ];
    insta::assert_snapshot!(keyed(&bench, r#""string""#, &texts), @r#"
    {"id":0,"$key":"a"}
    {"id":1,"$key":"b"}
    {"id":-1,"$key":null}
    2 type-mismatch: key: value: null, which the reader's schema does not have here
    3 schema-mismatch: key: schema 4 of registry `default`: value: long cannot be read as string
    4 schema-mismatch: key: schema 7 of registry `default`: value: record K cannot be read as string
    5 avro-syntax: key: value: at byte 0: a length of 2 bytes, and 1 are left
    "#);
    insta::assert_snapshot!(keyed(&bench, r#"["null","string"]"#, &[(string, b"\x02a"), (maybe, b"\x00")]), @r#"
    {"id":0,"$key":"a"}
    {"id":1,"$key":null}
    {"id":-1,"$key":null}
    "#);
    insta::assert_snapshot!(keyed(&bench, r#""long""#, &[(long, b"\x02"), (int, b"\x04"), (string, b"\x02a")]), @r#"
    {"id":0,"$key":1}
    {"id":1,"$key":2}
    {"id":-1,"$key":null}
    2 schema-mismatch: key: schema 3 of registry `default`: value: string cannot be read as long
    "#);
    // One of several types is an object with a field for each; a record is one too, also of one field.
    insta::assert_snapshot!(keyed(&bench, r#"["string","long"]"#, &[(long, b"\x02"), (string, b"\x02a")]), @r#"
    {"id":0,"$key":{"string":null,"long":1}}
    {"id":1,"$key":{"string":"a","long":null}}
    {"id":-1,"$key":null}
    "#);
    insta::assert_snapshot!(keyed(&bench, record, &[(of_record, b"\x02a"), (string, b"\x02a")]), @r#"
    {"id":0,"$key":{"value":"a"}}
    {"id":-1,"$key":null}
    1 schema-mismatch: key: schema 3 of registry `default`: string cannot be read as record K
    "#);
}

#[test]
fn a_value_whose_schema_is_no_record_is_one_column() {
    let bench = bench();
    let [string] = register(&bench, [r#""string""#]);
    let own = Arc::new(RegisteredSchema::new(SchemaKind::Avro, r#""string""#));
    let decode = Decode {
        reader: Some(Arc::clone(&own)),
        framing: Framing::Confluent { registry: "default".into() },
        ..Decode::plain(Codec::Avro, columns(Codec::Avro, &own).unwrap())
    };
    let decoded =
        Decoder::new(&decode, &bench.registries).unwrap().decode(&records(&[(string, "\u{2}a")])).unwrap();
    let encoded = trip::encode(&Encode::plain(Codec::Json), &decoded.rows);
    assert_eq!((encoded.row(0), decoded.errors.len()), (&br#"{"value":"a"}"#[..], 0));
}
