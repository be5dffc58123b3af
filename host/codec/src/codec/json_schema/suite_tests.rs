//! Third-party conformance: the official suite of JSON Schema, drafts 7 and 2020-12, with what its schemas refer to
//! as their references.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use serde_json::Value;

use super::tape::Tape;
use super::validate::Validator;
use crate::codec::cases;
use crate::codec::registered::{RegisteredSchema, SchemaKind};

/// Where a case is taken on purpose that these tests want refused: `format` is a remark in 2020-12 and no rule, as
/// that draft and the required tests of the suite say; the optional ones want it to be a rule.
fn is_remark(draft: &str, file: &str) -> bool {
    draft == "draft2020-12" && file.starts_with("optional/format/")
}

fn groups() -> Vec<Value> {
    let Some(packed) = cases::read("codec-jsonschema", "cases.jsonl.gz") else { return Vec::new() };
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn remotes() -> Vec<(String, Arc<RegisteredSchema>)> {
    let text = cases::read("codec-jsonschema", "remotes.json").unwrap_or_else(|| b"{}".to_vec());
    let remotes: BTreeMap<String, Value> = serde_json::from_slice(&text).unwrap();
    let schema = |value: Value| Arc::new(RegisteredSchema::new(SchemaKind::Json, value.to_string()));
    remotes.into_iter().map(|(name, value)| (name, schema(value))).collect()
}

#[test]
fn every_case_is_judged_as_the_suite_says() {
    let (groups, remotes) = (groups(), remotes());
    let (mut cases, mut remarks) = (0, 0);
    let mut tape = Tape::default();
    for group in &groups {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (draft, file) = (text(&group["draft"]), text(&group["file"]));
        let name = format!("{draft} {file}: {}", text(&group["description"]));
        let mut schema = RegisteredSchema::new(SchemaKind::Json, group["schema"].to_string());
        schema.references = remotes.clone();
        let validator = Validator::new(&schema).unwrap_or_else(|why| panic!("{name}: {why}"));
        for case in group["tests"].as_array().unwrap() {
            cases += 1;
            let data = case["data"].to_string();
            let value = tape.read(data.as_bytes()).unwrap();
            let (taken, valid) = (validator.check(value).is_ok(), case["valid"].as_bool().unwrap());
            if is_remark(&draft, &file) && !valid {
                remarks += 1;
                assert!(taken, "{name}: {}: a remark refuses nothing", text(&case["description"]));
            } else {
                assert_eq!(taken, valid, "{name}: {}", text(&case["description"]));
            }
        }
        // Whatever it is, its columns are found or said not to be.
        let _ = super::columns(&schema);
    }
    assert!(groups.is_empty() || (groups.len(), cases, remarks) == (782, 3946, 388), "{cases} {remarks}");
}
