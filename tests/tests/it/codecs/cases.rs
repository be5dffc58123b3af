//! Sets of third parties through a whole pipeline, a good record before and behind each of theirs: what a set says is
//! to be refused is in the dead letters with its bytes, and the good records come out in order. The sets are data of
//! others and not in this repository: `SABOT_CASES` names their folder; without them the tests say so. The module below
//! has those whose records are of a schema.

mod schemas;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sabot_tests::broker::{Broker, unique};
use sabot_tests::host_process::HostProcess;
use serde_json::{Value, json};

use crate::support::*;

/// A case: its name, its bytes, and whether it has to be refused or taken, where the set says.
struct Case {
    name: String,
    bytes: Vec<u8>,
    refused: Option<bool>,
}

/// Where a file of a set is, if it is there.
fn path(set: &str, file: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases");
    let folder = std::env::var_os("SABOT_CASES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join(set).join(file);
    if path.is_file() {
        return Some(path);
    }
    println!("no cases at {}: set SABOT_CASES to their folder", folder.display());
    None
}

/// The cases in a file of a set, one a line.
fn cases(set: &str, file: &str, refused: impl Fn(&Value, &[u8]) -> Option<bool>) -> Vec<Case> {
    let Some(path) = path(set, file) else { return Vec::new() };
    let case = |line: &str| {
        let case: Value = serde_json::from_str(line).unwrap();
        let bytes = STANDARD.decode(case["b64"].as_str().unwrap()).unwrap();
        let refused = refused(&case, &bytes);
        Case { name: case["name"].as_str().unwrap().to_owned(), bytes, refused }
    };
    std::fs::read_to_string(path).unwrap().lines().map(case).collect()
}

/// Sends `good(n)`, case n, `good(n + 1)` … through `decode`, which has a column `good` that is null in the cases; gives
/// the code of each case that is refused.
fn run(
    broker: &Broker,
    host: &HostProcess,
    decode: &Value,
    good: impl Fn(i64) -> Vec<u8>,
    cases: &[Case],
) -> Vec<Option<String>> {
    if cases.is_empty() {
        return Vec::new();
    }
    let (from, to) = (broker.topic("cases", 1), broker.topic("out", 1));
    let count = cases.len() as i64;
    from.produce(
        (0..=2 * count).map(|n| if n % 2 == 0 { good(n) } else { cases[n as usize / 2].bytes.clone() }),
    );
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("letters.jsonl");
    let http = host.http();
    let name = unique("cases").to_lowercase();
    apply(
        &http,
        &json!({
            "name": name,
            "errors": { "min_records": 1_000_000 },
            "dead_letter": { "file": letters },
            "sources": {
                "cases": { "kafka": { "topic": from.name() }, "decode": decode, "on_error": "dead_letter" },
            },
            "steps": { "good": { "from": "cases", "filter": "good is not null" } },
            "sinks": { "out": { "from": "good", "kafka": { "topic": to.name() }, "encode": { "codec": "json", "columns": ["good"] } } },
        }),
    );
    wait_until_read(&http, &name, &from);
    http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);
    let out: Vec<Value> = to
        .read_all()
        .iter()
        .map(|record| serde_json::from_slice(record.value.as_deref().unwrap()).unwrap())
        .collect();
    let expected: Vec<Value> = (0..=count).map(|n| json!({ "good": 2 * n })).collect();
    assert_eq!(out, expected, "each good record comes out once, in order");
    // There is no file where nothing was refused.
    let letters = std::fs::read_to_string(letters).unwrap_or_default();
    let mut letters: HashMap<i64, Value> = letters
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|letter: Value| (letter["offset"].as_i64().unwrap(), letter))
        .collect();
    let mut codes = Vec::new();
    for (n, case) in cases.iter().enumerate() {
        let letter = letters.remove(&(2 * n as i64 + 1));
        if let Some(refused) = case.refused {
            assert_eq!(letter.is_some(), refused, "{}: {letter:?}", case.name);
        }
        if let Some(letter) = &letter {
            assert_eq!(letter["value"], STANDARD.encode(&case.bytes), "{}", case.name);
        }
        codes.push(letter.map(|letter| letter["code"].as_str().unwrap().to_owned()));
    }
    assert!(letters.is_empty(), "a good record is a dead letter: {letters:?}");
    codes
}

#[test]
fn every_file_of_the_json_suite_is_a_record_or_a_dead_letter_with_its_bytes() {
    let cases = cases("codec-json", "parsing.jsonl", |case, bytes| match case["expect"].as_str() {
        // What is no object is no row.
        Some("accept") => Some(!bytes.trim_ascii_start().starts_with(b"{")),
        Some("reject") => Some(true),
        _ => None,
    });
    assert!([0, 318].contains(&cases.len()), "{} files", cases.len());
    let Some(broker) = Broker::for_test("every_file_of_the_json_suite") else { return };
    let decode = json!({ "codec": "json", "schema": { "good": "int64" } });
    run(&broker, &host(&broker), &decode, |n| format!("{{\"good\":{n}}}").into_bytes(), &cases);
}

/// A stream of one batch with these numbers as the column `good`.
fn stream(numbers: Vec<i64>, compression: Option<CompressionType>) -> Vec<u8> {
    let column: ArrayRef = Arc::new(Int64Array::from(numbers));
    let rows = RecordBatch::try_from_iter_with_nullable([("good", column, true)]).unwrap();
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), rows.schema_ref(), options).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn what_crashed_readers_of_arrow_disturbs_no_pipeline() {
    let cases = cases("codec-arrow-ipc", "malformed.jsonl", |_, _| None);
    assert!([0, 77].contains(&cases.len()), "{} streams", cases.len());
    let Some(broker) = Broker::for_test("what_crashed_readers_of_arrow") else { return };
    let decode = json!({ "codec": "arrow", "schema": { "good": "int64" } });
    run(&broker, &host(&broker), &decode, |n| stream(vec![n], None), &cases);
}

#[test]
fn a_record_that_unpacks_to_a_thousand_times_itself_is_a_dead_letter() {
    let Some(broker) = Broker::for_test("a_record_that_unpacks_to_a_thousand_times_itself") else { return };
    let bomb = |name: &str, how| {
        let bytes = stream(vec![0; 9 << 20], Some(how));
        assert!(bytes.len() < 1 << 20, "{name}: {} bytes for 72 MiB", bytes.len());
        Case { name: name.to_owned(), bytes, refused: Some(true) }
    };
    let bombs = [bomb("zstd", CompressionType::ZSTD), bomb("lz4", CompressionType::LZ4_FRAME)];
    let decode = json!({ "codec": "arrow", "schema": { "good": "int64" } });
    run(&broker, &host(&broker), &decode, |n| stream(vec![n], None), &bombs);
}
