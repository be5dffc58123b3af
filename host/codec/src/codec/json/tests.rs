//! What JSON decodes to, what it refuses and with which words, and that encoding leads back.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::*;

use crate::batch::RawRecords;
use crate::codec::registry::Registries;
use crate::codec::trip::{self, records};
use crate::codec::{Codec, Decode, Decoded, Decoder, Encode, Encoded, Encoder};

pub(super) fn schema(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

fn one(data_type: DataType) -> SchemaRef {
    schema(vec![Field::new("v", data_type, false)])
}

pub(super) fn decoder(schema: &SchemaRef) -> Decoder {
    Decoder::new(&Decode::plain(Codec::Json, Arc::clone(schema)), &Registries::default()).unwrap()
}

pub(super) fn decode<T: AsRef<[u8]>>(schema: &SchemaRef, values: &[T]) -> Decoded {
    decoder(schema).decode(&records(values)).unwrap()
}

fn encode(rows: &RecordBatch) -> Encoded {
    trip::encode(&Encode::plain(Codec::Json), rows)
}

fn encoder(schema: &SchemaRef, columns: Option<&[&str]>) -> Encoder {
    let columns = columns.map(|names| names.iter().map(|name| name.to_string()).collect());
    Encoder::new(&Encode { columns, ..Encode::plain(Codec::Json) }, schema).unwrap()
}

fn lines(encoded: &Encoded) -> String {
    let row = |i| String::from_utf8(encoded.row(i).to_vec()).unwrap();
    (0..encoded.ends.len()).map(row).collect::<Vec<_>>().join("\n")
}

pub(super) fn errors(errors: &[crate::codec::RecordError]) -> String {
    errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message)).collect::<Vec<_>>().join("\n")
}

/// What `value` is when decoded into a column of this type and encoded again, or why not.
fn through(data_type: DataType, value: &str) -> String {
    let decoded = decode(&one(data_type), &[format!("{{\"v\":{value}}}")]);
    match decoded.errors.first() {
        Some(error) => format!("{}: {}", error.code, error.message),
        None => {
            let text = lines(&encode(&decoded.rows));
            text.strip_prefix("{\"v\":").unwrap().strip_suffix('}').unwrap().to_owned()
        }
    }
}

fn orders() -> SchemaRef {
    schema(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("user", DataType::Utf8, true),
        Field::new("amount", DataType::Float64, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, None), true),
    ])
}

#[test]
fn a_bad_record_costs_its_neighbours_nothing() {
    let decoded = decode(
        &orders(),
        &[
            r#"{"id":1,"user":"a","amount":1.5,"at":1714566645123}"#,
            r#"{"id":2,"user":"b","amount":"abc","at":1}"#,
            r#"{"at":"2024-05-01T12:30:45.123Z","amount":3,"user":null,"id":3,"more":[{"x":[1,2]}]}"#,
            r#"{"id":4,"user":"d","amount":4.5"#,
            r#"{"user":"e","amount":5.5}"#,
            r#"[6]"#,
            r#" { "id" : 7 , "user" : "g" } "#,
            r#"{"id":8} trailing"#,
            "",
            r#"{"id":9,"user":"a\tb\u00e9\ud83d\udc0e","amount":-0}"#,
        ],
    );
    insta::assert_snapshot!(errors(&decoded.errors), @r#"
    1 type-mismatch: amount: expected float64, found string "abc"
    3 json-syntax: at byte 31: expected ',' or '}', found the end of the record
    4 missing-column: id: expected int64, found no such key
    5 type-mismatch: expected object, found array [6]
    7 json-syntax: at byte 9: expected the end of the record, found `trailing`
    8 json-syntax: at byte 0: expected a value, found an empty record
    "#);
    assert_eq!(decoded.records, Some(vec![0, 2, 6, 9]));
    insta::assert_snapshot!(lines(&encode(&decoded.rows)), @r#"
    {"id":1,"user":"a","amount":1.5,"at":1714566645123}
    {"id":3,"user":null,"amount":3.0,"at":1714566645123}
    {"id":7,"user":"g","amount":null,"at":null}
    {"id":9,"user":"a\tbé🐎","amount":-0.0,"at":null}
    "#);
}

#[test]
fn without_errors_row_i_is_record_i() {
    let decoded = decode(&orders(), &[r#"{"id":1}"#, r#"{"id":2}"#]);
    assert_eq!((decoded.rows.num_rows(), decoded.records), (2, None));
}

#[test]
fn a_decoder_is_reused_from_run_to_run() {
    let mut decoder = decoder(&orders());
    for run in 0..3 {
        let bad = records(&[r#"{"id":1,"user":"a"}"#, r#"{"id":1,"user":"b","amount":true}"#]);
        let decoded = decoder.decode(&bad).unwrap();
        assert_eq!(
            (decoded.rows.num_rows(), decoded.errors.len(), decoded.records),
            (1, 1, Some(vec![0])),
            "{run}"
        );
        assert_eq!(decoded.rows.column(1).as_string::<i32>().value(0), "a");
        assert!(decoded.rows.column(2).is_null(0));
    }
    assert_eq!(decoder.decode(&records::<&str>(&[])).unwrap().rows.num_rows(), 0);
}

#[test]
fn a_tombstone_is_a_row_of_nulls_where_it_can_be() {
    let mut raw = RawRecords::with_capacity("t".into(), 0, 1, 0);
    raw.push(0, None, Some(b"key"), None);
    let refused = decoder(&orders()).decode(&raw).unwrap();
    insta::assert_snapshot!(errors(&refused.errors), @"0 tombstone: the record has no value (a tombstone) and not every column may be null: set `tombstone: row` in `decode`");
    let nullable =
        schema(vec![Field::new("id", DataType::Int64, true), Field::new("s", DataType::Utf8, true)]);
    assert_eq!(lines(&encode(&decoder(&nullable).decode(&raw).unwrap().rows)), r#"{"id":null,"s":null}"#);
}

#[test]
fn the_last_of_a_repeated_key_counts() {
    let decoded = decode(&orders(), &[r#"{"id":1,"user":"a","id":2,"user":"bb"}"#, r#"{"id":1,"id":null}"#]);
    assert_eq!(lines(&encode(&decoded.rows)), r#"{"id":2,"user":"bb","amount":null,"at":null}"#);
    insta::assert_snapshot!(errors(&decoded.errors), @"1 type-mismatch: id: expected int64, found null");
}

#[test]
fn integers_hold_what_is_whole_and_fits() {
    for (data_type, value, text) in [
        (DataType::Int64, "-9223372036854775808", "-9223372036854775808"),
        (DataType::Int64, "9223372036854775807", "9223372036854775807"),
        (DataType::UInt64, "18446744073709551615", "18446744073709551615"),
        (DataType::Int8, "-128", "-128"),
        (DataType::UInt8, "-0", "0"),
        (DataType::Int32, "3.0", "3"),
        (DataType::Int32, "30e-1", "3"),
        (DataType::Int64, "1.5e3", "1500"),
        (DataType::Int64, "0.000000000000000000000000000000", "0"),
        (DataType::Int64, "123.00000000000000000000000000000000000000000000000", "123"),
    ] {
        assert_eq!(through(data_type, value), text);
    }
    let refused = [
        (DataType::Int8, "300"),
        (DataType::Int8, "-129"),
        (DataType::UInt16, "-1"),
        (DataType::Int64, "1.5"),
        (DataType::Int64, "9223372036854775808"),
        (DataType::Int64, "-9223372036854775809"),
        (DataType::UInt64, "18446744073709551616"),
        (DataType::Int64, "123456789012345678901234567890"),
        (DataType::Int64, "1e400"),
        (DataType::Int64, "\"1\""),
        (DataType::Int64, "true"),
        (DataType::Int64, "null"),
        (DataType::Boolean, "1"),
    ]
    .map(|(data_type, value)| through(data_type, value));
    insta::assert_snapshot!(refused.join("\n"), @r#"
    out-of-range: v: expected int8, which cannot hold 300
    out-of-range: v: expected int8, which cannot hold -129
    out-of-range: v: expected uint16, which cannot hold -1
    out-of-range: v: expected int64, which cannot hold 1.5
    out-of-range: v: expected int64, which cannot hold 9223372036854775808
    out-of-range: v: expected int64, which cannot hold -9223372036854775809
    out-of-range: v: expected uint64, which cannot hold 18446744073709551616
    out-of-range: v: expected int64, which cannot hold 123456789012345678901234567890
    out-of-range: v: expected int64, which cannot hold 1e400
    type-mismatch: v: expected int64, found string "1"
    type-mismatch: v: expected int64, found boolean true
    type-mismatch: v: expected int64, found null
    type-mismatch: v: expected bool, found number 1
    "#);
}

#[test]
fn floats_with_half_a_million_zeros_are_what_they_are() {
    let zeros = "0".repeat(700_000);
    for (text, value) in [(format!("0.{zeros}1e700001"), "1.0"), (format!("-15{zeros}e-700001"), "-1.5")] {
        assert_eq!(through(DataType::Float64, &text), value);
        assert_eq!(through(DataType::Float32, &text), value);
    }
}

#[test]
fn floats_take_the_nearest_value() {
    for (value, text) in [
        ("0.1", "0.1"),
        ("-0", "-0.0"),
        ("1", "1.0"),
        ("100000000000000000000", "1e+20"),
        ("9007199254740993", "9007199254740992.0"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("123456.789e-789", "0.0"),
        ("0.1000000000000000055511151231257827021181583404541015625", "0.1"),
        ("8.5", "8.5"),
        ("5e-324", "5e-324"),
        ("0e999999999999", "0.0"),
    ] {
        assert_eq!(through(DataType::Float64, value), text);
    }
    assert_eq!(through(DataType::Float32, "0.1"), "0.1");
    let refused = [through(DataType::Float64, "1e400"), through(DataType::Float32, "-1e39")];
    insta::assert_snapshot!(refused.join("\n"), @r"
    out-of-range: v: expected float64, which cannot hold 1e400
    out-of-range: v: expected float32, which cannot hold -1e39
    ");
}

#[test]
fn decimals_keep_every_digit_or_are_refused() {
    let decimal = DataType::Decimal128(10, 2);
    for (value, text) in [
        ("12345678.90", "12345678.90"),
        ("\"0.07\"", "0.07"),
        ("-1e-2", "-0.01"),
        ("1.100000000000000000000000000000", "1.10"),
        ("5", "5.00"),
    ] {
        assert_eq!(through(decimal.clone(), value), text);
    }
    let wide = "12345678901234567890123456789012345678";
    assert_eq!(through(DataType::Decimal128(38, 0), wide), wide);
    assert_eq!(through(DataType::Decimal128(38, -2), "1200"), "1200");
    assert_eq!(through(DataType::Decimal256(76, 10), "-0.0000000001"), "-0.0000000001");
    let refused = [
        through(decimal.clone(), "1.234"),
        through(decimal.clone(), "123456789"),
        through(decimal.clone(), "\"12 EUR\""),
        through(decimal.clone(), "1e999999999"),
        through(decimal, "true"),
        through(DataType::Decimal256(3, 0), "1000"),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r#"
    out-of-range: v: expected decimal(10, 2), which cannot hold 1.234
    out-of-range: v: expected decimal(10, 2), which cannot hold 123456789
    type-mismatch: v: expected decimal(10, 2), found string "12 EUR"
    out-of-range: v: expected decimal(10, 2), which cannot hold 1e999999999
    type-mismatch: v: expected decimal(10, 2), found boolean true
    out-of-range: v: expected decimal(3, 0), which cannot hold 1000
    "#);
}

#[test]
fn times_take_numbers_in_their_unit_and_text() {
    let ms = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    assert_eq!(through(ms.clone(), "1714566645123"), "1714566645123");
    assert_eq!(through(ms.clone(), "\"2024-05-01T14:30:45.123+02:00\""), "1714566645123");
    assert_eq!(through(DataType::Timestamp(TimeUnit::Second, None), "\"2024-05-01\""), "1714521600");
    assert_eq!(through(DataType::Date32, "\"2024-05-01\""), "\"2024-05-01\"");
    assert_eq!(through(DataType::Date32, "19844"), "\"2024-05-01\"");
    assert_eq!(through(DataType::Date64, "\"1969-12-31\""), "\"1969-12-31\"");
    assert_eq!(through(DataType::Time32(TimeUnit::Millisecond), "\"00:01:00.5\""), "60500");
    assert_eq!(through(DataType::Time64(TimeUnit::Microsecond), "\"23:59\""), "86340000000");
    assert_eq!(through(DataType::Duration(TimeUnit::Second), "90"), "90");
    let refused = [
        through(ms.clone(), "\"2024-05-01T12:30:45.123456Z\""),
        through(ms.clone(), "\"yesterday\""),
        through(ms, "1.5"),
        through(DataType::Timestamp(TimeUnit::Nanosecond, None), "\"9999-01-01\""),
        through(DataType::Date32, "\"2023-02-29\""),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r#"
    out-of-range: v: "2024-05-01T12:30:45.123456Z" has digits below the unit of timestamp_ms
    type-mismatch: v: expected timestamp_ms, found string "yesterday"
    out-of-range: v: expected timestamp_ms, which cannot hold 1.5
    out-of-range: v: "9999-01-01" is beyond the range of timestamp_ns
    type-mismatch: v: expected date, found string "2023-02-29"
    "#);
}

#[test]
fn bytes_are_base64() {
    assert_eq!(through(DataType::Binary, "\"AAH/\""), "\"AAH/\"");
    assert_eq!(through(DataType::LargeBinary, "\"AA\""), "\"AA==\"");
    assert_eq!(through(DataType::FixedSizeBinary(2), "\"AAE=\""), "\"AAE=\"");
    let refused = [through(DataType::Binary, "\"*\""), through(DataType::FixedSizeBinary(2), "\"AA==\"")];
    insta::assert_snapshot!(refused.join("\n"), @r#"
    type-mismatch: v: expected bytes (base64), found string "*"
    type-mismatch: v: expected 2 bytes (base64), found string "AA=="
    "#);
}

#[test]
fn nested_columns_name_the_place_of_a_mistake() {
    let item = DataType::Struct(
        vec![Field::new("sku", DataType::Utf8, false), Field::new("price", DataType::Float64, true)].into(),
    );
    let entries = DataType::Struct(
        vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Int32, true)].into(),
    );
    let nested = schema(vec![
        Field::new("items", DataType::List(Arc::new(Field::new("item", item.clone(), true))), true),
        Field::new("tags", DataType::Map(Arc::new(Field::new("entries", entries, false)), false), true),
        Field::new(
            "pair",
            DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Int8, true)), 2),
            true,
        ),
        Field::new("one", item, true),
    ]);
    let decoded = decode(
        &nested,
        &[
            r#"{"items":[{"sku":"a","price":1},null,{"sku":"b"}],"tags":{"x":1,"y":null},"pair":[1,2]}"#,
            r#"{"items":[{"sku":"a"},{"sku":"b","price":"cheap"}]}"#,
            r#"{"items":[],"tags":{},"pair":null,"one":{"price":2,"sku":"c"}}"#,
            r#"{"tags":{"x":{}}}"#,
            r#"{"pair":[1]}"#,
            r#"{"pair":[1,2,3]}"#,
            r#"{"pair":[1,300]}"#,
            r#"{"one":{"price":2}}"#,
            r#"{"items":{}}"#,
            r#"{"items":[{"sku":"a"}"#,
            r#"{"one":null}"#,
        ],
    );
    insta::assert_snapshot!(errors(&decoded.errors), @r#"
    1 type-mismatch: items[1].price: expected float64, found string "cheap"
    3 type-mismatch: tags.x: expected int32, found object {}
    4 type-mismatch: pair: expected an array of 2 items, found 1
    5 type-mismatch: pair: expected an array of 2 items, found 3
    6 out-of-range: pair[1]: expected int8, which cannot hold 300
    7 missing-column: one.sku: expected string, found no such key
    8 type-mismatch: items: expected array, found object {}
    9 json-syntax: items: at byte 21: expected ',' or ']', found the end of the record
    "#);
    insta::assert_snapshot!(lines(&encode(&decoded.rows)), @r#"
    {"items":[{"sku":"a","price":1.0},null,{"sku":"b","price":null}],"tags":{"x":1,"y":null},"pair":[1,2],"one":null}
    {"items":[],"tags":{},"pair":null,"one":{"sku":"c","price":2.0}}
    {"items":null,"tags":null,"pair":null,"one":null}
    "#);
}

#[test]
fn a_json_column_holds_any_value_as_text() {
    let json = Field::new("v", DataType::Utf8, true)
        .with_metadata([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into());
    let decoded =
        decode(&schema(vec![json.clone()]), &[r#"{"v": [1, {"a": "b"}] }"#, r#"{"v":null}"#, r#"{"v":1,}"#]);
    assert_eq!(decoded.rows.column(0).as_string::<i32>().value(0), r#"[1, {"a": "b"}]"#);
    assert_eq!(lines(&encode(&decoded.rows)), "{\"v\":[1, {\"a\": \"b\"}]}\n{\"v\":null}");
    assert_eq!(decoded.errors[0].code, "json-syntax");
    let text = Arc::new(arrow::array::StringArray::from(vec!["{", "1"]));
    let encoded = encode(&RecordBatch::try_new(schema(vec![json]), vec![text]).unwrap());
    assert_eq!((encoded.row(0), encoded.row(1)), (&b""[..], &br#"{"v":1}"#[..]));
    insta::assert_snapshot!(errors(&encoded.errors), @"0 json-syntax: v: at byte 1: expected a key, found the end of the record");
}

#[test]
fn limits_are_said() {
    let deep = format!("{{\"id\":1,\"x\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let deep_enough = format!("{{\"id\":1,\"x\":{}{}}}", "[".repeat(128), "]".repeat(128));
    let mut long = vec![b' '; crate::codec::rows::MAX_RECORD_BYTES];
    long.extend(br#"{"id":1}"#);
    let decoded =
        decode(&orders(), &[deep.as_bytes(), deep_enough.as_bytes(), &long, "[".repeat(100_000).as_bytes()]);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    0 too-large: at byte 141: nested deeper than 128 levels
    2 too-large: 16777224 bytes; a record may have 16777216: split it
    3 too-large: at byte 129: nested deeper than 128 levels
    ");
    assert_eq!(decoded.rows.num_rows(), 1);
}

#[test]
fn a_schema_that_json_cannot_hold_is_refused_by_column() {
    let mut deep = DataType::Int8;
    for _ in 0..100 {
        deep = DataType::List(Arc::new(Field::new("item", deep, true)));
    }
    let keys = DataType::Struct(
        vec![Field::new("keys", DataType::Int32, false), Field::new("values", DataType::Int32, true)].into(),
    );
    let map = DataType::Map(Arc::new(Field::new("entries", keys, false)), false);
    let texts: Vec<String> = [
        vec![Field::new("a", DataType::Interval(IntervalUnit::DayTime), true)],
        vec![Field::new("a", DataType::Int8, true), Field::new("a", DataType::Int8, true)],
        vec![Field::new("a", deep, true)],
        vec![Field::new("a", map, true)],
    ]
    .into_iter()
    .map(|fields| {
        let spec = Decode::plain(Codec::Json, schema(fields));
        let refused = Decoder::new(&spec, &Registries::default()).err().unwrap();
        format!(
            "{} | {}",
            refused.chars().rev().take(80).collect::<String>().chars().rev().collect::<String>(),
            {
                let encode = Encode::plain(Codec::Json);
                Encoder::new(&encode, &spec.schema).err().unwrap_or_default()
            }
        )
    })
    .collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    a: this codec cannot decode into Interval(DayTime): choose another type | a: JSON cannot hold Interval(DayTime): choose another type
    a: two columns have this name | a: two columns have this name
    []: []: []: []: []: columns are nested deeper than 64 levels: flatten the schema | a: nested deeper than 64 levels: flatten the column
    a: the keys of a map in JSON are strings: declare the key as string | a: the keys of a map in JSON are strings: make the key a string
    ");
    let missing = Encode { columns: Some(vec!["nope".into()]), ..Encode::plain(Codec::Json) };
    insta::assert_snapshot!(Encoder::new(&missing, &orders()).err().unwrap(), @"nope: no such column; there are id, user, amount, at");
}

#[test]
fn a_sink_may_take_some_columns_in_its_own_order() {
    let rows = decode(&orders(), &[r#"{"id":1,"user":"a"}"#, r#"{"id":2}"#]).rows;
    let mut out = Encoded::default();
    encoder(&orders(), Some(&["user", "id"])).encode(&rows.slice(1, 1), &mut out);
    assert_eq!(lines(&out), r#"{"user":null,"id":2}"#);
}

#[test]
fn a_row_that_cannot_be_written_has_no_bytes() {
    let fields = vec![Field::new("a", DataType::Float64, false), Field::new("b", DataType::Float32, false)];
    let a = Arc::new(arrow::array::Float64Array::from(vec![1.0, f64::NAN, 2.0]));
    let b = Arc::new(arrow::array::Float32Array::from(vec![1.0, 1.0, f32::NEG_INFINITY]));
    let encoded = encode(&RecordBatch::try_new(schema(fields), vec![a, b]).unwrap());
    assert_eq!(lines(&encoded), "{\"a\":1.0,\"b\":1.0}\n\n");
    insta::assert_snapshot!(errors(&encoded.errors), @r"
    1 out-of-range: a: JSON has no number for NaN
    2 out-of-range: b: JSON has no number for -inf
    ");
}

#[test]
fn rows_of_another_schema_are_refused() {
    let rows = decode(&one(DataType::Int8), &[r#"{"v":1}"#]).rows;
    let mut out = Encoded::default();
    encoder(&orders(), None).encode(&rows, &mut out);
    insta::assert_snapshot!(errors(&out.errors), @"0 type-mismatch: id: expected Int64, found another schema");
    assert_eq!(out.row(0), b"");
}
