//! The well-known types: timestamps, durations, wrappers, JSON; and that the others are messages like any other.

use arrow::array::AsArray;
use arrow::datatypes::*;
use prost_reflect::DynamicMessage;
use serde_json::json;

use super::Descriptor;
use super::tests::{decode, decode_into, encode, errors, l, lines, schema, through, v, with_fields};

#[test]
fn timestamps_and_durations_are_checked_for_their_range() {
    let message = with_fields("google.protobuf.Timestamp t = 1; google.protobuf.Duration d = 2;");
    let texts = [
        l(1, &[&v(1, 1_714_566_645), &v(2, 123_000_000)]),
        [l(1, &[&v(1, 5), &v(2, 6)]), l(1, &[&v(2, 7)])].concat(),
        l(1, &[&v(1, -1), &v(2, 999_999_999)]),
        l(1, &[]),
        l(2, &[&v(1, -1), &v(2, -500_000_000)]),
        l(2, &[&v(2, -1)]),
        l(1, &[&v(1, 253_402_300_799)]),
        l(1, &[&v(1, 253_402_300_800)]),
        l(1, &[&v(2, -1)]),
        l(1, &[&v(2, 1_000_000_000)]),
        l(2, &[&v(1, 1), &v(2, -1)]),
        l(2, &[&v(1, 315_576_000_000)]),
        l(2, &[&v(1, i64::MIN)]),
        l(1, &[&l(1, &[])]),
    ]
    .map(|value| through(&message, &value));
    insta::assert_snapshot!(texts.join("\n"), @r#"
    {"t":1714566645123000000,"d":null}
    {"t":5000000007,"d":null}
    {"t":-1,"d":null}
    {"t":0,"d":null}
    {"t":null,"d":-1500000000}
    {"t":null,"d":-1}
    out-of-range: t: 253402300799 seconds and 0 nanoseconds is beyond the range of timestamp_ns
    out-of-range: t: 253402300800 seconds and 0 nanoseconds is none: a timestamp is from 0001-01-01 to 9999-12-31 with 0 to 999999999 nanoseconds
    out-of-range: t: 0 seconds and -1 nanoseconds is none: a timestamp is from 0001-01-01 to 9999-12-31 with 0 to 999999999 nanoseconds
    out-of-range: t: 0 seconds and 1000000000 nanoseconds is none: a timestamp is from 0001-01-01 to 9999-12-31 with 0 to 999999999 nanoseconds
    out-of-range: d: 1 seconds and -1 nanoseconds is none: a duration is up to 315576000000 seconds and 999999999 nanoseconds of the same sign
    out-of-range: d: 315576000000 seconds and 0 nanoseconds is beyond the range of duration_ns
    out-of-range: d: -9223372036854775808 seconds and 0 nanoseconds is none: a duration is up to 315576000000 seconds and 999999999 nanoseconds of the same sign
    type-mismatch: t.seconds: expected a varint, found a length-delimited field
    "#);
}

#[test]
fn every_unit_takes_what_is_whole_in_it_and_is_written_back() {
    use TimeUnit::*;
    let message = with_fields("google.protobuf.Timestamp t = 1; google.protobuf.Duration d = 2;");
    for (unit, nanos, of_nanos) in
        [(Second, 0, 0), (Millisecond, 7_000_000, 7), (Microsecond, 7_000, 7), (Nanosecond, 7, 7)]
    {
        let columns = schema(vec![
            Field::new("t", DataType::Timestamp(unit, None), true),
            Field::new("d", DataType::Duration(unit), true),
        ]);
        let values = [
            [l(1, &[&v(1, -5), &v(2, nanos)]), l(2, &[&v(1, -5), &v(2, -nanos)])].concat(),
            l(1, &[&v(2, 1)]),
            vec![],
        ];
        let decoded = decode_into(&message, &columns, &values);
        let per: i64 = match unit {
            Second => 1,
            Millisecond => 1_000,
            Microsecond => 1_000_000,
            Nanosecond => 1_000_000_000,
        };
        let first = lines(&decoded.rows.slice(0, 1));
        assert_eq!(first, json!({ "t": -5 * per + of_nanos, "d": -5 * per - of_nanos }).to_string());
        assert_eq!(decoded.errors.len(), usize::from(unit != Nanosecond));
        let encoded = encode(&message, &decoded.rows, false);
        assert_eq!(decode_into(&message, &columns, &[encoded.row(0)]).rows, decoded.rows.slice(0, 1));
        let far = decode_into(&message, &columns, &[l(1, &[&v(1, 253_402_300_799)])]);
        assert_eq!(
            far.errors.len(),
            usize::from(unit == Nanosecond),
            "a unit may be too fine for the year 9999"
        );
    }
    // The range is that of protobuf also where the column has more.
    let columns = schema(vec![
        Field::new("t", DataType::Timestamp(Second, None), true),
        Field::new("d", DataType::Duration(Second), true),
    ]);
    let rows = arrow::array::RecordBatch::try_new(
        columns,
        vec![
            std::sync::Arc::new(arrow::array::TimestampSecondArray::from(vec![Some(253_402_300_800), None])),
            std::sync::Arc::new(arrow::array::DurationSecondArray::from(vec![None, Some(i64::MIN)])),
        ],
    );
    insta::assert_snapshot!(errors(&encode(&message, &rows.unwrap(), false).errors), @"");
}

#[test]
fn wrappers_are_scalars_that_may_be_null() {
    let message = with_fields(
        "google.protobuf.Int32Value a = 1; google.protobuf.StringValue b = 2; google.protobuf.BytesValue c = 3;
         google.protobuf.BoolValue d = 4; google.protobuf.DoubleValue e = 5; repeated google.protobuf.UInt64Value f = 6;
         google.protobuf.FloatValue g = 7;",
    );
    let texts = [
        [l(1, &[]), l(2, &[]), l(3, &[]), l(4, &[]), l(5, &[]), l(6, &[])].concat(),
        [l(1, &[&v(1, 1), &v(1, 2)]), l(2, &[&l(1, &[b"s"])]), l(6, &[&v(1, -1)]), l(6, &[&v(2, 1)])]
            .concat(),
        [l(1, &[&v(1, 3)]), l(1, &[]), l(2, &[&l(1, &[b"s"])]), l(2, &[&l(1, &[b"t"])])].concat(),
        l(1, &[&l(1, &[b"s"])]),
        l(2, &[&l(1, &[b"\xff"])]),
        v(1, 1),
    ]
    .map(|value| through(&message, &value));
    insta::assert_snapshot!(texts.join("\n"), @r#"
    {"a":0,"b":"","c":"","d":false,"e":0.0,"f":[0],"g":null}
    {"a":2,"b":"s","c":null,"d":null,"e":null,"f":[18446744073709551615,0],"g":null}
    {"a":3,"b":"t","c":null,"d":null,"e":null,"f":[],"g":null}
    type-mismatch: a: expected a varint field, found a length-delimited one
    not-utf8: b: the text is not UTF-8 from its byte 0 on
    type-mismatch: a: expected a length-delimited field, found a varint one
    "#);
}

/// A `Value` as its fields.
fn json_value(value: &serde_json::Value) -> Vec<u8> {
    use serde_json::Value::*;
    match value {
        Null => v(1, 0),
        Bool(value) => v(4, (*value).into()),
        Number(value) => [&[0x11][..], &value.as_f64().unwrap().to_le_bytes()].concat(),
        String(value) => l(3, &[value.as_bytes()]),
        Object(_) => l(5, &[&json_fields(value)]),
        Array(_) => l(6, &[&json_fields(value)]),
    }
}

/// A `Struct` or `ListValue` as its fields.
fn json_fields(value: &serde_json::Value) -> Vec<u8> {
    match value {
        serde_json::Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| l(1, &[&l(1, &[key.as_bytes()]), &l(2, &[&json_value(value)])]))
            .collect::<Vec<_>>()
            .concat(),
        serde_json::Value::Array(items) => {
            items.iter().map(|value| l(1, &[&json_value(value)])).collect::<Vec<_>>().concat()
        }
        _ => unreachable!("only these have fields"),
    }
}

const JSON: &str =
    "google.protobuf.Value v = 1; google.protobuf.Struct o = 2; google.protobuf.ListValue a = 3;
    repeated google.protobuf.Value r = 4;";

#[test]
fn json_comes_out_as_it_went_in() {
    let message = with_fields(JSON);
    let descriptor = Descriptor::new(&message).unwrap();
    for value in [
        json!(null),
        json!(true),
        json!(-0.5),
        json!(1e300),
        json!(""),
        json!("a \"quoted\" \\ žluťoučký 🐎 \u{1}"),
        json!([]),
        json!({}),
        json!([[], {}, [null, [1.0]], {"a": {"b": []}}]),
        json!({"k": {"l": [1.0, "two", {"m": null}]}, "": false, "x".repeat(200): ["y".repeat(300)]}),
    ] {
        let mut fields = [l(1, &[&json_value(&value)]), l(4, &[&json_value(&value)])].concat();
        match &value {
            serde_json::Value::Object(_) => fields.extend(l(2, &[&json_fields(&value)])),
            serde_json::Value::Array(_) => fields.extend(l(3, &[&json_fields(&value)])),
            _ => {}
        }
        let rows = decode(&message, &[&fields]).rows;
        for column in 0..3 {
            if rows.column(column).is_valid(0) {
                let text = rows.column(column).as_string::<i32>().value(0);
                assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap(), value);
            }
        }
        let encoded = encode(&message, &rows, false);
        assert_eq!(encoded.errors, vec![]);
        let read = |bytes: &[u8]| DynamicMessage::decode(descriptor.message().clone(), bytes).unwrap();
        assert_eq!(read(encoded.row(0)), read(&fields));
    }
}

#[test]
fn occurrences_of_json_merge_as_messages_do() {
    let message = with_fields(JSON);
    let object = |value: serde_json::Value| json_fields(&value);
    let texts = [
        [l(2, &[&object(json!({"a": 1}))]), v(9, 1), l(2, &[&object(json!({"b": []}))])].concat(),
        [l(3, &[&object(json!([1]))]), l(3, &[]), l(3, &[&object(json!([{}]))])].concat(),
        [l(1, &[&json_value(&json!({"a": 1}))]), l(1, &[&json_value(&json!({"b": 2}))])].concat(),
        [l(1, &[&json_value(&json!({"a": 1}))]), l(1, &[&json_value(&json!([2]))])].concat(),
        l(1, &[&json_value(&json!("gone")), &json_value(&json!([1])), &json_value(&json!([2])), &v(4, 1)]),
        l(
            2,
            &[&l(
                1,
                &[
                    &l(2, &[&json_value(&json!({"x": 1}))]),
                    &l(2, &[&json_value(&json!({"y": 2}))]),
                    &l(1, &[b"late"]),
                ],
            )],
        ),
        [l(1, &[]), l(2, &[]), l(3, &[]), l(4, &[])].concat(),
        l(2, &[&l(1, &[]), &v(2, 1)]),
        l(1, &[&v(7, 1)]),
    ]
    .map(|value| lines(&decode(&message, &[value]).rows));
    insta::assert_snapshot!(texts.join("\n"), @r#"
    {"v":null,"o":{"a":1.0,"b":[]},"a":null,"r":[]}
    {"v":null,"o":null,"a":[1.0,{}],"r":[]}
    {"v":{"a":1.0,"b":2.0},"o":null,"a":null,"r":[]}
    {"v":[2.0],"o":null,"a":null,"r":[]}
    {"v":true,"o":null,"a":null,"r":[]}
    {"v":null,"o":{"late":{"x":1.0,"y":2.0}},"a":null,"r":[]}
    {"v":null,"o":{},"a":[],"r":[null]}
    {"v":null,"o":{"":null},"a":null,"r":[]}
    {"v":null,"o":null,"a":null,"r":[]}
    "#);
}

#[test]
fn json_that_cannot_be_is_refused_both_ways() {
    let message = with_fields(JSON);
    let nested = |depth: usize| (0..depth).fold(json_value(&json!([])), |inner, _| l(6, &[&l(1, &[&inner])]));
    let refused = [
        l(1, &[&[0x11], &f64::NAN.to_le_bytes()]),
        l(1, &[&l(3, &[b"\xff"])]),
        l(2, &[&l(1, &[&l(1, &[b"\xff"])])]),
        l(1, &[&[0x2a, 9]]),
        l(1, &[&nested(64)]),
        l(1, &[&nested(3_000)]),
        v(1, 1),
    ]
    .map(|value| errors(&decode(&message, &[value]).errors));
    insta::assert_snapshot!(refused.join("\n"), @r"
    0 out-of-range: v: JSON has no number for NaN
    0 not-utf8: v: the text is not UTF-8 from its byte 0 on
    0 not-utf8: o: the text is not UTF-8 from its byte 0 on
    0 truncated: v: at byte 4: expected 9 bytes, found 0 and the end of the message
    0 too-large: v: JSON is nested deeper than 64 levels
    0 too-large: v: JSON is nested deeper than 64 levels
    0 type-mismatch: v: expected a length-delimited field, found a varint one
    ");
    assert_eq!(decode(&message, &[l(1, &[&nested(63)])]).errors, vec![]);

    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let texts = [
        "{",
        "[1,]",
        "",
        "1e999",
        "nul",
        "[1] 2",
        "{\"a\" 1}",
        "{1:2}",
        &deep(33),
        &deep(32),
        &deep(100_000),
        " {\"a\" : [ 1 , null ] } ",
    ];
    let column = |name: &str| {
        let columns = schema(vec![Field::new(name, DataType::Utf8, true)]);
        let texts = arrow::array::StringArray::from(texts.to_vec());
        let rows = arrow::array::RecordBatch::try_new(columns, vec![std::sync::Arc::new(texts)]).unwrap();
        errors(&encode(&message, &rows, false).errors)
    };
    insta::assert_snapshot!(column("v"), @r"
    0 json-syntax: v: at byte 1: expected a key, found the end of the record
    1 json-syntax: v: at byte 3: expected a value, found `]`
    2 json-syntax: v: at byte 0: expected a value, found an empty record
    3 out-of-range: v: expected a float64, which cannot hold 1e999
    4 json-syntax: v: at byte 0: expected null, found `nul`
    5 json-syntax: v: at byte 4: expected the end of the record, found `2`
    6 json-syntax: v: at byte 5: expected ':', found `1}`
    7 json-syntax: v: at byte 1: expected a key, found `1:2}`
    8 too-large: v: JSON is nested deeper than 32 levels
    10 too-large: v: JSON is nested deeper than 32 levels
    ");
    insta::assert_snapshot!(column("o"), @r"
    0 json-syntax: o: at byte 1: expected a key, found the end of the record
    1 type-mismatch: o: expected a JSON object, found [1,]
    2 type-mismatch: o: expected a JSON object, found 
    3 type-mismatch: o: expected a JSON object, found 1e999
    4 type-mismatch: o: expected a JSON object, found nul
    5 type-mismatch: o: expected a JSON object, found [1] 2
    6 json-syntax: o: at byte 5: expected ':', found `1}`
    7 json-syntax: o: at byte 1: expected a key, found `1:2}`
    8 type-mismatch: o: expected a JSON object, found [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]…
    9 type-mismatch: o: expected a JSON object, found [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]…
    10 type-mismatch: o: expected a JSON object, found [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[…
    ");
}

#[test]
fn other_messages_of_google_are_messages() {
    let message = with_fields(
        "google.protobuf.Any any = 1; google.protobuf.FieldMask mask = 2; google.protobuf.Empty empty = 3;",
    );
    let value = [
        l(1, &[&l(1, &[b"type.googleapis.com/acme.Order"]), &l(2, &[&v(1, 5)])]),
        l(2, &[&l(1, &[b"a.b"]), &l(1, &[b"c"])]),
        l(3, &[&v(9, 9)]),
    ];
    insta::assert_snapshot!(through(&message, &value.concat()), @r#"{"any":{"type_url":"type.googleapis.com/acme.Order","value":"CAU="},"mask":{"paths":["a.b","c"]},"empty":{}}"#);
}
