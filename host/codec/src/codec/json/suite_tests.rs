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
    let Some(text) = crate::codec::cases::read("codec-json", file) else { return Vec::new() };
    let text = String::from_utf8(text).unwrap();
    let cases: Vec<Case> = text
        .lines()
        .map(|line| {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let bytes =
                base64::engine::general_purpose::STANDARD.decode(case["b64"].as_str().unwrap()).unwrap();
            let expect = case.get("expect").and_then(|e| e.as_str()).map(str::to_owned);
            Case { name: case["name"].as_str().unwrap().to_owned(), expect, bytes }
        })
        .collect();
    let of = |expect: Option<&str>| cases.iter().filter(|case| case.expect.as_deref() == expect).count();
    let counts = [Some("accept"), Some("reject"), Some("either"), None].map(of);
    assert_eq!(counts, if file == "parsing.jsonl" { [95, 188, 35, 0] } else { [0, 0, 0, 22] }, "{file}");
    cases
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

/// What a value among others becomes in a text column of JSON: its text, or the code that refuses it.
fn outcomes(cases: &[Case]) -> String {
    let decoded = decode_among_good(cases, true, |bytes| [b"{\"v\":", bytes, b"}"].concat());
    let rows = decoded.records.clone().unwrap_or_default();
    let texts = decoded.rows.column(1).as_string::<i32>();
    let mut lines = Vec::new();
    for (n, case) in cases.iter().enumerate() {
        let outcome = match rows.iter().position(|&record| record as usize == 2 * n + 1) {
            Some(row) if texts.value(row).len() > 40 => format!("{} bytes", texts.value(row).len()),
            Some(row) => texts.value(row).to_owned(),
            None => format!("refused: {}", error_of(&decoded, n).unwrap().code),
        };
        lines.push(format!("{}: {outcome}", case.name));
    }
    lines.join("\n")
}

#[test]
fn where_the_suite_lets_the_parser_choose_the_choice_is_known() {
    let either: Vec<Case> =
        cases("parsing.jsonl").into_iter().filter(|case| case.expect.as_deref() == Some("either")).collect();
    if either.is_empty() {
        return;
    }
    insta::assert_snapshot!(outcomes(&either), @r#"
    i_number_double_huge_neg_exp.json: [123.456e-789]
    i_number_huge_exp.json: 137 bytes
    i_number_neg_int_huge_exp.json: [-1e+9999]
    i_number_pos_double_huge_exp.json: [1.5e+9999]
    i_number_real_neg_overflow.json: [-123123e100000]
    i_number_real_pos_overflow.json: [123123e100000]
    i_number_real_underflow.json: [123e-10000000]
    i_number_too_big_neg_int.json: [-123123123123123123123123123123]
    i_number_too_big_pos_int.json: [100000000000000000000]
    i_number_very_big_negative_int.json: 51 bytes
    i_object_key_lone_2nd_surrogate.json: refused: json-syntax
    i_string_1st_surrogate_but_2nd_missing.json: refused: json-syntax
    i_string_1st_valid_surrogate_2nd_invalid.json: refused: json-syntax
    i_string_UTF-16LE_with_BOM.json: refused: json-syntax
    i_string_UTF-8_invalid_sequence.json: refused: json-syntax
    i_string_UTF8_surrogate_U+D800.json: refused: json-syntax
    i_string_incomplete_surrogate_and_escape_valid.json: refused: json-syntax
    i_string_incomplete_surrogate_pair.json: refused: json-syntax
    i_string_incomplete_surrogates_escape_valid.json: refused: json-syntax
    i_string_invalid_lonely_surrogate.json: refused: json-syntax
    i_string_invalid_surrogate.json: refused: json-syntax
    i_string_invalid_utf-8.json: refused: json-syntax
    i_string_inverted_surrogates_U+1D11E.json: refused: json-syntax
    i_string_iso_latin_1.json: refused: json-syntax
    i_string_lone_second_surrogate.json: refused: json-syntax
    i_string_lone_utf8_continuation_byte.json: refused: json-syntax
    i_string_not_in_unicode_range.json: refused: json-syntax
    i_string_overlong_sequence_2_bytes.json: refused: json-syntax
    i_string_overlong_sequence_6_bytes.json: refused: json-syntax
    i_string_overlong_sequence_6_bytes_null.json: refused: json-syntax
    i_string_truncated-utf-8.json: refused: json-syntax
    i_string_utf16BE_no_BOM.json: refused: json-syntax
    i_string_utf16LE_no_BOM.json: refused: json-syntax
    i_structure_500_nested_arrays.json: refused: too-large
    i_structure_UTF-8_BOM_empty_object.json: refused: json-syntax
    "#);
    insta::assert_snapshot!(outcomes(&cases("transform.jsonl")), @r#"
    number_-9223372036854775808.json: [-9223372036854775808]
    number_-9223372036854775809.json: [-9223372036854775809]
    number_1.0.json: [1.0]
    number_1.000000000000000005.json: [1.000000000000000005]
    number_1000000000000000.json: [1000000000000000]
    number_10000000000000000999.json: [10000000000000000999]
    number_1e-999.json: [1E-999]
    number_1e6.json: [1E6]
    number_9223372036854775807.json: [9223372036854775807]
    number_9223372036854775808.json: [9223372036854775808]
    object_key_nfc_nfd.json: {"é":"NFC","é":"NFD"}
    object_key_nfd_nfc.json: {"é":"NFD","é":"NFC"}
    object_same_key_different_values.json: {"a":1,"a":2}
    object_same_key_same_value.json: {"a":1,"a":1}
    object_same_key_unclear_values.json: {"a":0, "a":-0}
    string_1_escaped_invalid_codepoint.json: refused: json-syntax
    string_1_invalid_codepoint.json: refused: json-syntax
    string_2_escaped_invalid_codepoints.json: refused: json-syntax
    string_2_invalid_codepoints.json: refused: json-syntax
    string_3_escaped_invalid_codepoints.json: refused: json-syntax
    string_3_invalid_codepoints.json: refused: json-syntax
    string_with_escaped_NULL.json: ["A\u0000B"]
    "#);
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
