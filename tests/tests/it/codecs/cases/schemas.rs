//! Sets whose records are of a schema: what is malformed in Avro and Protobuf, what the wire format of schema registries
//! refuses, and the suite of JSON Schema. Where values name their schemas, these are in a registry.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use flate2::read::GzDecoder;
use sabot_test_registry::TestRegistry;
use sabot_tests::broker::Broker;
use sabot_tests::host_process::HostProcess;
use serde_json::{Value, json};

use super::{Case, path, run};
use crate::support::*;

/// A file of a set that is one JSON value.
fn set(set: &str, file: &str) -> Option<Value> {
    let text = std::fs::read(path(set, file)?).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

fn list<'a>(set: &'a Value, name: &str) -> &'a [Value] {
    set[name].as_array().unwrap()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

fn bytes(case: &Value) -> Vec<u8> {
    let hex = text(case, "hex");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn zigzag(value: i64) -> Vec<u8> {
    varint(((value << 1) ^ (value >> 63)) as u64)
}

/// What a value of this schema begins with.
fn header(id: u32) -> Vec<u8> {
    [&[0], id.to_be_bytes().as_slice()].concat()
}

/// A host that knows this registry as `default`.
fn host_of(broker: &Broker, registry: &TestRegistry) -> HostProcess {
    host_with_registries(broker, &json!({ "default": { "url": registry.url() } }), &json!({}))
}

/// How values are decoded that name their schemas, into the columns of this subject's.
fn by_registry(codec: &str, subject: &str) -> Value {
    json!({ "codec": codec, "registry": { "name": "default", "subject": subject } })
}

#[test]
fn malformed_avro_is_a_dead_letter_whether_it_is_read_or_skipped() {
    let Some(set) = set("codec-avro", "malformed.json") else { return };
    let set = set.as_array().unwrap();
    assert_eq!(set.len(), 6);
    let Some(broker) = Broker::for_test("malformed_avro") else { return };
    let registry = TestRegistry::start();
    let host = host_of(&broker, &registry);
    let optional = json!({ "name": "good", "type": ["null", "long"] });
    let record = |fields: Value| json!({ "type": "record", "name": "Good", "fields": fields });
    // The bytes of a case end its record, behind a null.
    let case = |case: &Value, before: Vec<u8>| Case {
        name: case.to_string(),
        bytes: [before, vec![0], bytes(case)].concat(),
        refused: Some(case["expect"] == "error"),
    };

    let mut by_schema: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for case in set {
        by_schema.entry(case["schema"].to_string()).or_default().push(case);
    }
    for those in by_schema.values() {
        let definition = record(json!([optional, { "name": "v", "type": those[0]["schema"] }]));
        let cases: Vec<Case> = those.iter().map(|of| case(of, Vec::new())).collect();
        // Nothing of it, in all of these schemas.
        let good = |n| [vec![2], zigzag(n), vec![0]].concat();
        let decode = json!({ "codec": "avro", "definition": definition });
        let codes = run(&broker, &host, &decode, good, &cases);
        assert!(codes.iter().flatten().all(|code| code == "avro-syntax"), "{codes:?}");
    }

    // The reader has no such field.
    let id = register(&registry, "good", &json!({ "schema": record(json!([optional])).to_string() }));
    let skipped = |(n, of): (usize, &Value)| {
        let writer = record(json!([optional, { "name": "v", "type": of["schema"] }])).to_string();
        case(of, header(register(&registry, &format!("case-{n}"), &json!({ "schema": writer }))))
    };
    let cases: Vec<Case> = set.iter().enumerate().map(skipped).collect();
    let good = |n| [header(id), vec![2], zigzag(n)].concat();
    let codes = run(&broker, &host, &by_registry("avro", "good"), good, &cases);
    assert!(codes.iter().flatten().all(|code| code == "avro-syntax"), "{codes:?}");
}

#[test]
fn malformed_protobuf_is_a_dead_letter_and_every_other_encoding_a_row() {
    let Some(set) = set("codec-protobuf", "cases.json") else { return };
    let Some(broker) = Broker::for_test("malformed_protobuf") else { return };
    let registry = TestRegistry::start();
    let host = host_of(&broker, &registry);
    // The set's schema with one field more, which its messages have not.
    const GOOD: u64 = 1000;
    let outer = "message Outer {";
    let field = format!("{outer} optional int64 good = {GOOD};");
    let proto = text(&set, "schema_proto").replacen(outer, &field, 1);
    assert!(proto.contains(&field), "{proto}");

    let cases = |before: &[u8]| {
        let all = ["malformed", "values", "alternative_encodings"].map(|name| {
            let refused = name == "malformed";
            let those = list(&set, name).iter().filter(|case| {
                assert!(!refused || case["reference"] == "rejected", "{case}");
                // The others are messages that the pipelines do not read.
                refused || case["message"] == "acceptance.Outer"
            });
            let case = |case: &Value| Case {
                name: text(case, "name").to_owned(),
                bytes: [before, &bytes(case)].concat(),
                refused: Some(refused),
            };
            those.map(case).collect::<Vec<_>>()
        });
        assert_eq!(all.each_ref().map(Vec::len), [8, 32, 9]);
        all.into_iter().flatten().collect::<Vec<_>>()
    };
    let good = |n: i64| [varint(GOOD << 3), varint(n as u64)].concat();
    let decode = json!({ "codec": "protobuf", "definition": proto });
    run(&broker, &host, &decode, good, &cases(&[]));

    let body = json!({ "schemaType": "PROTOBUF", "schema": proto });
    // The first message of the file.
    let before = [header(register(&registry, "outer", &body)), vec![0]].concat();
    let framed = |n| [before.clone(), good(n)].concat();
    run(&broker, &host, &by_registry("protobuf", "outer"), framed, &cases(&before));
}

/// The body of the record with this number.
type Good<'a> = &'a dyn Fn(i64) -> Vec<u8>;

#[test]
fn what_names_no_schema_is_a_dead_letter_in_every_codec_that_asks_for_one() {
    let Some(set) = set("codec-registry-wire", "cases.json") else { return };
    let rejected = list(&set, "reject");
    assert_eq!(rejected.len(), 7);
    let Some(broker) = Broker::for_test("what_names_no_schema") else { return };
    let avro = r#"{"type":"record","name":"Good","fields":[{"name":"good","type":"long"}]}"#;
    let protobuf = "syntax = \"proto3\"; message Good { optional int64 good = 1; }";
    let json_schema = r#"{"type":"object","properties":{"good":{"type":"integer"}}}"#;
    let object = |n: i64| json!({ "good": n }).to_string().into_bytes();
    let message = |n: i64| [vec![0, 1 << 3], varint(n as u64)].concat();
    let codecs: [(&str, &str, &str, Good); 3] = [
        ("avro", "AVRO", avro, &zigzag),
        ("protobuf", "PROTOBUF", protobuf, &message),
        ("json_schema", "JSON", json_schema, &object),
    ];
    for (codec, kind, schema, good) in codecs {
        let registry = TestRegistry::start();
        // The set's records name schema 1.
        let body = json!({ "schemaType": kind, "schema": schema });
        assert_eq!(register(&registry, "good", &body), 1);
        let those = rejected.iter().filter(|case| {
            let of_protobuf = text(case, "why").starts_with("PROTOBUF");
            !of_protobuf || codec == "protobuf"
        });
        let case =
            |case: &Value| Case { name: text(case, "why").into(), bytes: bytes(case), refused: Some(true) };
        let cases: Vec<Case> = those.map(case).collect();
        let good = |n| [header(1), good(n)].concat();
        let host = host_of(&broker, &registry);
        let codes = run(&broker, &host, &by_registry(codec, "good"), good, &cases);
        let known = |code: &String| ["truncated", "wrong-magic"].contains(&code.as_str());
        assert!(codes.iter().flatten().all(known), "{codec}: {codes:?}");
    }
}

/// What a packed file holds.
fn unpacked(path: &Path) -> String {
    std::io::read_to_string(GzDecoder::new(File::open(path).unwrap())).unwrap()
}

/// Whether `format` is a remark and no rule, as 2020-12 says; these tests want it to be a rule.
fn is_remark(group: &Value) -> bool {
    group["draft"] == "draft2020-12" && text(group, "file").starts_with("optional/format/")
}

#[test]
fn every_value_of_the_suite_of_json_schema_is_a_row_or_a_dead_letter_by_its_own_schema() {
    let Some(packed) = path("codec-jsonschema", "cases.jsonl.gz") else { return };
    let remotes = set("codec-jsonschema", "remotes.json").unwrap();
    let Some(broker) = Broker::for_test("every_value_of_the_suite_of_json_schema") else { return };
    let registry = TestRegistry::start();
    let body = |schema: &Value, references: &Value| json!({ "schemaType": "JSON", "schema": schema.to_string(), "references": references });
    // What schemas of the suite refer to by URL are their references.
    let reference = |(n, (url, schema)): (usize, (&String, &Value))| {
        let subject = format!("remote-{n}");
        register(&registry, &subject, &body(schema, &json!([])));
        json!({ "name": url, "subject": subject, "version": 1 })
    };
    let references: Value = remotes.as_object().unwrap().iter().enumerate().map(reference).collect();
    let reader = json!({ "type": "object", "properties": { "good": { "type": "integer" } } });
    let id = register(&registry, "good", &body(&reader, &json!([])));

    let (mut cases, mut groups) = (Vec::new(), 0);
    for line in unpacked(&packed).lines() {
        let group: Value = serde_json::from_str(line).unwrap();
        let id = register(&registry, &format!("group-{groups}"), &body(&group["schema"], &references));
        groups += 1;
        for case in list(&group, "tests") {
            let taken = case["valid"] == true || is_remark(&group);
            let name = |of: &Value| text(of, "description").to_owned();
            cases.push(Case {
                name: format!("{} {}: {}: {}", group["draft"], group["file"], name(&group), name(case)),
                bytes: [header(id), case["data"].to_string().into_bytes()].concat(),
                // A record is an object, whatever the schema takes.
                refused: Some(!taken || !case["data"].is_object()),
            });
        }
    }
    assert_eq!((groups, cases.len()), (782, 3946));
    assert_eq!(cases.iter().filter(|case| case.refused == Some(false)).count(), 479);
    let good = |n: i64| [header(id), json!({ "good": n }).to_string().into_bytes()].concat();
    let host = host_of(&broker, &registry);
    let codes = run(&broker, &host, &by_registry("json_schema", "good"), good, &cases);
    let known = |code: &String| ["schema-violation", "type-mismatch"].contains(&code.as_str());
    assert!(codes.iter().flatten().all(known));
}
