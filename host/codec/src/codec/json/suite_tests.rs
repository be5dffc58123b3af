//! Third-party conformance: every file of the JSON parsing suite is one record among good ones. The cases are
//! data of others and not in this repository: `SABOT_CASES` names their folder; without them the test says so.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field};
use base64::Engine as _;

use super::tests::{decoder, schema};
use crate::codec::Decoded;
use crate::codec::trip::records;

/// A file of the suite.
struct Case {
    name: String,
    /// `accept`, `reject`, `either`; none where only survival is tested.
    expect: Option<String>,
    bytes: Vec<u8>,
}

fn cases(file: &str) -> Vec<Case> {
    let text = crate::codec::cases::read("codec-json", file).unwrap_or_default();
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .map(|line| {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let bytes =
                base64::engine::general_purpose::STANDARD.decode(case["b64"].as_str().unwrap()).unwrap();
            let expect = case.get("expect").and_then(|e| e.as_str()).map(str::to_owned);
            Case { name: case["name"].as_str().unwrap().to_owned(), expect, bytes }
        })
        .collect()
}

/// Decodes `id` and what else `more` says from the cases, wrapped, each after a good record and before another.
fn decode_among_good(cases: &[Case], json_column: bool, wrap: impl Fn(&[u8]) -> Vec<u8>) -> Decoded {
    let mut fields = vec![Field::new("good", DataType::Int64, true)];
    if json_column {
        let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into();
        fields.push(Field::new("v", DataType::Utf8, true).with_metadata(json));
    }
    let good = |n: usize| format!("{{\"good\":{n}}}").into_bytes();
    let mut values: Vec<Vec<u8>> = Vec::new();
    for (n, case) in cases.iter().enumerate() {
        values.push(good(n));
        values.push(wrap(&case.bytes));
    }
    values.push(good(cases.len()));
    let decoded = decoder(&schema(fields)).decode(&records(&values)).unwrap();
    assert_eq!(decoded.rows.num_rows() + decoded.errors.len(), values.len());
    let rows = decoded.records.clone().unwrap_or_else(|| (0..values.len() as u32).collect());
    for n in 0..=cases.len() {
        let row = rows.iter().position(|&record| record == 2 * n as u32).expect("a good record comes out");
        let column = decoded.rows.column(0).as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!((column.is_valid(row), column.value(row)), (true, n as i64));
    }
    decoded
}

fn error_of(decoded: &Decoded, case: usize) -> Option<&crate::codec::RecordError> {
    decoded.errors.iter().find(|error| error.index as usize == 2 * case + 1)
}

#[test]
fn as_a_record_each_file_is_taken_or_refused_as_the_suite_says() {
    let cases = cases("parsing.jsonl");
    let decoded = decode_among_good(&cases, false, |bytes| bytes.to_vec());
    for (n, case) in cases.iter().enumerate() {
        let error = error_of(&decoded, n);
        let object = case.bytes.trim_ascii_start().starts_with(b"{");
        match case.expect.as_deref() {
            Some("accept") if object => assert_eq!(error, None, "{}", case.name),
            // A record is an object: another value is well formed and still no row.
            Some("accept") => assert_eq!(error.map(|e| e.code), Some("type-mismatch"), "{}", case.name),
            Some("reject") => {
                let code = error.unwrap_or_else(|| panic!("{} is taken", case.name)).code;
                assert!(matches!(code, "json-syntax" | "too-large"), "{}: {code}", case.name);
            }
            _ => {}
        }
    }
}

#[test]
fn as_a_value_each_file_means_what_it_says() {
    let cases = cases("parsing.jsonl");
    let wrap = |bytes: &[u8]| [b"{\"v\":", bytes, b"}"].concat();
    let decoded = decode_among_good(&cases, true, wrap);
    let rows = decoded.records.clone().unwrap_or_default();
    for (n, case) in cases.iter().enumerate() {
        let error = error_of(&decoded, n);
        match case.expect.as_deref() {
            Some("accept") => assert_eq!(error, None, "{}", case.name),
            Some("reject") => assert!(error.is_some(), "{} is taken", case.name),
            _ => {}
        }
        let Some(row) = rows.iter().position(|&record| record as usize == 2 * n + 1) else { continue };
        let texts = decoded.rows.column(1).as_string::<i32>();
        let text = if texts.is_null(row) { "null" } else { texts.value(row) };
        let theirs = serde_json::from_slice::<serde_json::Value>(&case.bytes);
        match (serde_json::from_str::<serde_json::Value>(text), theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{}", case.name),
            // That parser has bounds of its own on numbers.
            (ours, theirs) => assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", case.name),
        }
    }
}

#[test]
fn odd_records_disturb_nobody() {
    let cases = cases("transform.jsonl");
    for json_column in [false, true] {
        decode_among_good(&cases, json_column, |bytes| bytes.to_vec());
        decode_among_good(&cases, json_column, |bytes| [b"{\"v\":", bytes, b"}"].concat());
    }
    assert!(cases.iter().all(|case| case.expect.is_none()));
}
