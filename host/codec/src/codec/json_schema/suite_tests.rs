//! Third-party conformance: the official suite of JSON Schema, drafts 7 and 2020-12, with what its schemas refer to
//! as their references. Each value is judged alone, and as a record among good ones.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use serde_json::Value;

use super::tape::Tape;
use super::validate::Validator;
use super::{JsonSchemaReader, columns};
use crate::codec::cases;
use crate::codec::framed::ReadWritten as _;
use crate::codec::problem::{Problem, code};
use crate::codec::registered::{RegisteredSchema, SchemaKind};
use crate::codec::rows::Rows;
use crate::codec::trip::records;
use crate::codec::{Codec, Decode, Decoded, Decoder};

/// What the suite has, and how much of it is said of `format` in 2020-12.
const GROUPS: usize = 782;
const CASES: usize = 3946;
const REMARKS: usize = 388;
/// Objects of the suite whose schema gives columns, and those of them that are refused.
const IN_OWN_COLUMNS: (usize, usize) = (404, 203);

/// A schema and the values that are tried with it.
struct Group {
    name: String,
    schema: RegisteredSchema,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    data: Value,
    /// Whether it is taken by the schema.
    taken: bool,
    /// Taken on purpose, where the suite wants it refused.
    remark: bool,
}

/// Where a case is taken on purpose that these tests want refused: `format` is a remark in 2020-12 and no rule, as
/// that draft and the required tests of the suite say; the optional ones want it to be a rule.
fn is_remark(draft: &str, file: &str) -> bool {
    draft == "draft2020-12" && file.starts_with("optional/format/")
}

fn groups() -> Vec<Group> {
    let Some(packed) = cases::read("codec-jsonschema", "cases.jsonl.gz") else { return Vec::new() };
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
    let remotes = remotes();
    let groups: Vec<Group> = text.lines().map(|line| group(line, &remotes)).collect();
    let all = || groups.iter().flat_map(|group| &group.cases);
    assert_eq!((groups.len(), all().count()), (GROUPS, CASES));
    assert_eq!(all().filter(|case| case.remark).count(), REMARKS);
    groups
}

fn group(line: &str, remotes: &[(String, Arc<RegisteredSchema>)]) -> Group {
    let group: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (draft, file) = (text(&group["draft"]), text(&group["file"]));
    let name = format!("{draft} {file}: {}", text(&group["description"]));
    let mut schema = RegisteredSchema::new(SchemaKind::Json, group["schema"].to_string());
    schema.references = remotes.to_vec();
    let case = |case: &Value| {
        let valid = case["valid"].as_bool().unwrap();
        let remark = is_remark(&draft, &file) && !valid;
        let name = format!("{name}: {}", text(&case["description"]));
        Case { name, data: case["data"].clone(), taken: valid || remark, remark }
    };
    let cases = group["tests"].as_array().unwrap().iter().map(case).collect();
    Group { name, schema, cases }
}

fn remotes() -> Vec<(String, Arc<RegisteredSchema>)> {
    let text = cases::read("codec-jsonschema", "remotes.json").unwrap_or_else(|| b"{}".to_vec());
    let remotes: BTreeMap<String, Value> = serde_json::from_slice(&text).unwrap();
    let schema = |value: Value| Arc::new(RegisteredSchema::new(SchemaKind::Json, value.to_string()));
    remotes.into_iter().map(|(name, value)| (name, schema(value))).collect()
}

#[test]
fn every_case_is_judged_as_the_suite_says() {
    let mut tape = Tape::default();
    for group in groups() {
        let validator = Validator::new(&group.schema).unwrap_or_else(|why| panic!("{}: {why}", group.name));
        for case in &group.cases {
            let data = case.data.to_string();
            let value = tape.read(data.as_bytes()).unwrap();
            assert_eq!(validator.check(value).is_ok(), case.taken, "{}", case.name);
        }
    }
}

/// The error of a record.
fn code_of(decoded: &Decoded, record: usize) -> Option<&'static str> {
    decoded.errors.iter().find(|error| error.index as usize == record).map(|error| error.code)
}

/// The row of a record.
fn row_of(decoded: &Decoded, record: usize) -> Option<RecordBatch> {
    let row = match &decoded.records {
        Some(records) => records.iter().position(|&of| of as usize == record)?,
        None => record,
    };
    Some(decoded.rows.slice(row, 1))
}

#[test]
fn written_by_a_schema_of_the_suite_a_record_is_taken_or_refused_as_that_says() {
    let reader = RegisteredSchema::new(SchemaKind::Json, r#"{"properties":{"good":{"type":"integer"}}}"#);
    let columns = columns(&reader).unwrap();
    let mut rows =
        Rows::new(Arc::clone(&columns), JsonSchemaReader::new(&reader, &columns).unwrap()).unwrap();
    for (n, group) in (1..).zip(groups()) {
        let good = |n: usize| format!("{{\"good\":{n}}}");
        let mut values = vec![good(0)];
        for (n, case) in group.cases.iter().enumerate() {
            values.extend([case.data.to_string(), good(n + 1)]);
        }
        let raw = records(&values);
        let decoded = rows.decode_with(&raw, |reading, record, bytes| {
            let (id, schema) = if record % 2 == 0 { (0, &reader) } else { (n, &group.schema) };
            let turned = reading.use_writer(id, schema);
            turned.map(|()| bytes).map_err(|why| Problem::new(code::SCHEMA_MISMATCH, why))
        });
        for (n, case) in group.cases.iter().enumerate() {
            let expected = match (case.taken, case.data.is_object()) {
                (true, true) => None,
                // A record is an object, whatever the schema takes.
                (true, false) => Some(code::TYPE_MISMATCH),
                (false, _) => Some(code::SCHEMA_VIOLATION),
            };
            assert_eq!(code_of(&decoded, 2 * n + 1), expected, "{}", case.name);
        }
        for n in 0..=group.cases.len() {
            let row = row_of(&decoded, 2 * n).expect("a good record comes out");
            let column = row.column(0).as_primitive::<Int64Type>();
            assert_eq!((column.is_valid(0), column.value(0)), (true, n as i64), "{}", group.name);
        }
    }
}

#[test]
fn in_the_columns_of_its_schema_a_record_is_taken_or_refused_as_the_suite_says() {
    let (groups, mut tried) = (groups(), (0, 0));
    for group in &groups {
        // Whatever it is, its columns are found or said not to be.
        let Ok(columns) = columns(&group.schema) else { continue };
        let objects: Vec<&Case> = group.cases.iter().filter(|case| case.data.is_object()).collect();
        let reader = Some(Arc::new(group.schema.clone()));
        let settings = Decode { reader, ..Decode::plain(Codec::JsonSchema, columns) };
        let mut decoder = Decoder::new(&settings, &Default::default()).unwrap();
        let mut decode = |values: &[String]| decoder.decode(&records(values)).unwrap();
        // The good record is one that the suite takes; a schema that takes none has none.
        let good = objects.iter().find(|case| case.taken).map(|case| case.data.to_string());
        let row = good.as_ref().map(|good| decode(std::slice::from_ref(good)).rows);
        let around = usize::from(good.is_some());
        let mut values: Vec<String> = good.iter().cloned().collect();
        for case in &objects {
            values.push(case.data.to_string());
            values.extend(good.clone());
        }
        let decoded = decode(&values);
        for (n, case) in objects.iter().enumerate() {
            let expected = (!case.taken).then_some(code::SCHEMA_VIOLATION);
            assert_eq!(code_of(&decoded, n * (1 + around) + around), expected, "{}", case.name);
            tried = (tried.0 + 1, tried.1 + usize::from(!case.taken));
        }
        for n in 0..(objects.len() + 1) * around {
            assert_eq!(row_of(&decoded, 2 * n), row, "{}", group.name);
        }
    }
    assert!(groups.is_empty() || tried == IN_OWN_COLUMNS, "{tried:?}");
}
