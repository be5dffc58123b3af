//! What MessagePack decodes to, what it refuses and with which words, and that encoding leads back.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;

use crate::batch::RawRecords;
use crate::codec::trip;
use crate::codec::{Codec, Decode, Decoded, Decoder, Encode, Encoded, Encoder, RecordError};

pub(super) fn schema(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

pub(super) fn decode<T: AsRef<[u8]>>(schema: &SchemaRef, values: &[T]) -> Decoded {
    trip::decode(&Decode::plain(Codec::MessagePack, Arc::clone(schema)), values)
}

pub(super) fn encode(rows: &RecordBatch, arrays: bool) -> Encoded {
    trip::encode(&Encode { arrays, ..Encode::plain(Codec::MessagePack) }, rows)
}

pub(super) fn errors(errors: &[RecordError]) -> String {
    errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message)).collect::<Vec<_>>().join("\n")
}

/// Rows as the lines of JSON that they would be.
fn lines(rows: &RecordBatch) -> String {
    let encoded = trip::encode(&Encode::plain(Codec::Json), rows);
    let row = |i| String::from_utf8(encoded.row(i).to_vec()).unwrap();
    (0..encoded.ends.len()).map(row).collect::<Vec<_>>().join("\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What `value` is when decoded into a column of this type, as JSON, or why not.
fn through(data_type: DataType, value: &[u8]) -> String {
    let record = [b"\x81\xa1v", value].concat();
    let decoded = decode(&schema(vec![Field::new("v", data_type, false)]), &[record]);
    match decoded.errors.first() {
        Some(error) => format!("{}: {}", error.code, error.message),
        None => {
            let text = lines(&decoded.rows);
            text.strip_prefix("{\"v\":").unwrap().strip_suffix('}').unwrap().to_owned()
        }
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    super::write::text(text.as_bytes(), &mut out);
    out
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
            &b"\x84\xa2id\x01\xa4user\xa1a\xa6amount\xcb\x3f\xf8\0\0\0\0\0\0\xa2at\xd6\xff\0\0\0\x02"[..],
            b"\x82\xa2id\x02\xa6amount\xa3abc",
            b"\x94\x03\xc0\x05\xc0",
            b"\x83\xa2id\x04\xa4user\xa1d",
            b"\x81\xa4user\xa1e",
            b"\x06",
            b"\x91\x07",
            b"\x81\xa2id\x08\xc0\xc0",
            b"",
            b"\x95\x09\xa1i\x01\x02\x81\x01\x92\x03\x04",
            b"\x83\xa2id\x0a\x05\x06\xa5other\x92\x80\x91\xc0",
            b"\xc1",
            b"\x81\xa2id\xce\x00",
            b"\x92\x0d\xa2\xc3\x28",
            b"\x81\xa2id\xdf\xff\xff\xff\xff",
        ],
    );
    insta::assert_snapshot!(errors(&decoded.errors), @r#"
    1 type-mismatch: amount: expected float64, found string "abc"
    3 msgpack-syntax: at byte 12: expected a value, found the end of the record
    4 missing-column: id: expected int64, found no such key
    5 type-mismatch: expected object, found integer 6
    7 msgpack-syntax: at byte 5: expected the end of the record, found 2 more bytes
    8 msgpack-syntax: at byte 0: expected a value, found an empty record
    11 msgpack-syntax: at byte 0: expected a value, found byte 0xc1, which begins none
    12 msgpack-syntax: id: at byte 5: expected 4 more bytes, found 1 up to the end of the record
    13 not-utf8: user: the text is not UTF-8 from its byte 0 on
    14 msgpack-syntax: id: at byte 9: expected 4294967295 entries, found the end of the record
    "#);
    assert_eq!(decoded.records, Some(vec![0, 2, 6, 9, 10]));
    insta::assert_snapshot!(lines(&decoded.rows), @r#"
    {"id":1,"user":"a","amount":1.5,"at":2000}
    {"id":3,"user":null,"amount":5.0,"at":null}
    {"id":7,"user":null,"amount":null,"at":null}
    {"id":9,"user":"i","amount":1.0,"at":2}
    {"id":10,"user":null,"amount":null,"at":null}
    "#);
}

#[test]
fn a_tombstone_is_a_row_of_nulls_where_it_can_be() {
    let mut raw = RawRecords::with_capacity("t".into(), 0, 1, 0);
    raw.push(0, None, Some(b"key"), None);
    let mut decoder =
        Decoder::new(&Decode::plain(Codec::MessagePack, orders()), &Default::default()).unwrap();
    assert_eq!(decoder.decode(&raw).unwrap().errors[0].code, "tombstone");
    let nullable = schema(vec![Field::new("id", DataType::Int64, true)]);
    let mut decoder =
        Decoder::new(&Decode::plain(Codec::MessagePack, nullable), &Default::default()).unwrap();
    assert_eq!(lines(&decoder.decode(&raw).unwrap().rows), r#"{"id":null}"#);
}

#[test]
fn the_last_of_a_repeated_key_counts() {
    let twice = b"\x84\xa2id\x01\xa4user\xa1a\xa2id\x02\xa4user\xa2bb";
    let decoded = decode(&orders(), &[&twice[..], b"\x82\xa2id\x01\xa2id\xc0"]);
    assert_eq!(lines(&decoded.rows), r#"{"id":2,"user":"bb","amount":null,"at":null}"#);
    insta::assert_snapshot!(errors(&decoded.errors), @"1 type-mismatch: id: expected int64, found nil");
}

#[test]
fn integers_hold_what_is_whole_and_fits() {
    for (data_type, value, expected) in [
        (DataType::Int64, &b"\xd3\x80\0\0\0\0\0\0\0"[..], "-9223372036854775808"),
        (DataType::Int64, b"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", "9223372036854775807"),
        (DataType::UInt64, b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
        (DataType::Int8, b"\xd0\x80", "-128"),
        (DataType::UInt8, b"\xd3\0\0\0\0\0\0\0\xff", "255"),
        (DataType::UInt16, b"\xca\x45\x80\0\0", "4096"),
        (DataType::Int32, b"\xcb\xc0\x08\0\0\0\0\0\0", "-3"),
        (DataType::UInt32, b"\xcb\x80\0\0\0\0\0\0\0", "0"),
    ] {
        assert_eq!(through(data_type, value), expected);
    }
    let refused = [
        through(DataType::Int8, b"\xcc\xff"),
        through(DataType::UInt16, b"\xff"),
        through(DataType::Int64, b"\xcb\x3f\xf8\0\0\0\0\0\0"),
        through(DataType::Int64, b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
        through(DataType::UInt64, b"\xcb\x43\xf0\0\0\0\0\0\0"),
        through(DataType::Int64, b"\xca\x7f\xc0\0\0"),
        through(DataType::Int64, b"\xcb\x7f\xf0\0\0\0\0\0\0"),
        through(DataType::Int64, b"\xa11"),
        through(DataType::Int64, b"\xc3"),
        through(DataType::Int64, b"\xc0"),
        through(DataType::Int64, b"\xd4\x05\x01"),
        through(DataType::Int64, b"\x92\x01\x02"),
        through(DataType::Boolean, b"\x01"),
        through(DataType::Duration(TimeUnit::Second), b"\xc4\x01a"),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r#"
    out-of-range: v: expected int8, which cannot hold integer 255
    out-of-range: v: expected uint16, which cannot hold integer -1
    out-of-range: v: expected int64, which cannot hold float 1.5
    out-of-range: v: expected int64, which cannot hold integer 18446744073709551615
    out-of-range: v: expected uint64, which cannot hold float 1.8446744073709552e19
    out-of-range: v: expected int64, which cannot hold float NaN
    out-of-range: v: expected int64, which cannot hold float inf
    type-mismatch: v: expected int64, found string "1"
    type-mismatch: v: expected int64, found boolean true
    type-mismatch: v: expected int64, found nil
    type-mismatch: v: expected int64, found extension 5 of 1 bytes
    type-mismatch: v: expected int64, found an array of 2
    type-mismatch: v: expected bool, found integer 1
    type-mismatch: v: expected duration_s, found 1 bytes
    "#);
}

#[test]
fn floats_take_the_nearest_value() {
    for (data_type, value, expected) in [
        (DataType::Float64, &b"\xca\x3f\0\0\0"[..], "0.5"),
        (DataType::Float64, b"\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", "0.1"),
        (DataType::Float32, b"\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", "0.1"),
        (DataType::Float64, b"\xcf\0\x20\0\0\0\0\0\x01", "9007199254740992.0"),
        (DataType::Float32, b"\xd0\x80", "-128.0"),
    ] {
        assert_eq!(through(data_type, value), expected);
    }
    insta::assert_snapshot!([
        through(DataType::Float32, b"\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"),
        through(DataType::Float64, b"\xa3NaN"),
    ].join("\n"), @r#"
    out-of-range: v: expected float32, which cannot hold float 1.7976931348623157e308
    type-mismatch: v: expected float64, found string "NaN"
    "#);
    // What has no number in JSON has one here.
    let fields = vec![Field::new("a", DataType::Float64, false), Field::new("b", DataType::Float32, false)];
    let a = Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY]));
    let b = Arc::new(Float32Array::from(vec![f32::NEG_INFINITY, f32::NAN]));
    let rows = RecordBatch::try_new(schema(fields), vec![a, b]).unwrap();
    let encoded = encode(&rows, false);
    assert_eq!(decode(&rows.schema(), &[encoded.row(0), encoded.row(1)]).rows, rows);
}

#[test]
fn decimals_keep_every_digit_or_are_refused() {
    let decimal = DataType::Decimal128(10, 2);
    assert_eq!(through(decimal.clone(), &text("12345678.90")), "12345678.90");
    assert_eq!(through(decimal.clone(), &text("-1e-2")), "-0.01");
    assert_eq!(through(decimal.clone(), b"\x05"), "5.00");
    assert_eq!(through(decimal.clone(), b"\xd0\x80"), "-128.00");
    assert_eq!(through(DataType::Decimal128(38, -2), b"\xcd\x04\xb0"), "1200");
    assert_eq!(through(DataType::Decimal256(76, 10), &text("-0.0000000001")), "-0.0000000001");
    insta::assert_snapshot!([
        through(decimal.clone(), &text("1.234")),
        through(decimal.clone(), b"\xce\xff\xff\xff\xff"),
        through(decimal.clone(), &text("12 EUR")),
        through(decimal.clone(), b"\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"),
        through(decimal, b"\xc3"),
        through(DataType::Decimal256(3, 0), b"\xcd\x03\xe8"),
    ].join("\n"), @r#"
    out-of-range: v: expected decimal(10, 2), which cannot hold string "1.234"
    out-of-range: v: expected decimal(10, 2), which cannot hold integer 4294967295
    type-mismatch: v: expected decimal(10, 2), found string "12 EUR"
    type-mismatch: v: expected decimal(10, 2), found float 0.1
    type-mismatch: v: expected decimal(10, 2), found boolean true
    out-of-range: v: expected decimal(3, 0), which cannot hold integer 1000
    "#);
}

#[test]
fn times_take_the_extension_numbers_in_their_unit_and_text() {
    let ms = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let stamp = |nanos: u32, seconds: i64| {
        [&b"\xc7\x0c\xff"[..], &nanos.to_be_bytes(), &seconds.to_be_bytes()].concat()
    };
    assert_eq!(through(ms.clone(), &stamp(123_000_000, 1_714_566_645)), "1714566645123");
    assert_eq!(through(ms.clone(), &stamp(999_000_000, -1)), "-1");
    assert_eq!(through(ms.clone(), b"\xce\x65\0\0\0"), "1694498816");
    assert_eq!(through(ms.clone(), &text("2024-05-01T14:30:45.123+02:00")), "1714566645123");
    assert_eq!(through(DataType::Date32, &text("2024-05-01")), "\"2024-05-01\"");
    assert_eq!(through(DataType::Date32, b"\xcd\x4d\x84"), "\"2024-05-01\"");
    assert_eq!(through(DataType::Date64, &text("1969-12-31")), "\"1969-12-31\"");
    assert_eq!(through(DataType::Date64, b"\xff"), "\"1969-12-31\"");
    assert_eq!(through(DataType::Time32(TimeUnit::Millisecond), &text("00:01:00.5")), "60500");
    assert_eq!(through(DataType::Time64(TimeUnit::Microsecond), b"\x05"), "5");
    assert_eq!(through(DataType::Duration(TimeUnit::Second), b"\xcc\x90"), "144");
    insta::assert_snapshot!([
        through(ms.clone(), &stamp(123_456_000, 1)),
        through(ms.clone(), &stamp(0, i64::MAX)),
        through(ms.clone(), &stamp(1_000_000_000, 1)),
        through(ms.clone(), b"\xd5\xff\x00\x00"),
        through(ms.clone(), b"\xd6\x05\x00\x00\x00\x01"),
        through(ms.clone(), &text("yesterday")),
        through(ms.clone(), &text("2024-05-01T12:30:45.123456Z")),
        through(ms, b"\xca\x3f\0\0\0"),
        through(DataType::Date32, &text("2023-02-29")),
        through(DataType::Date64, b"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ].join("\n"), @r#"
    out-of-range: v: the timestamp of 1 s and 123456000 ns has digits below the unit of timestamp_ms
    out-of-range: v: the timestamp of 9223372036854775807 s and 0 ns is beyond the range of timestamp_ms
    msgpack-syntax: v: a timestamp has less than 1000000000 nanoseconds, found 1000000000
    msgpack-syntax: v: a timestamp has 4, 8 or 12 bytes, found 2
    type-mismatch: v: expected timestamp_ms, found extension 5 of 4 bytes
    type-mismatch: v: expected timestamp_ms, found string "yesterday"
    out-of-range: v: "2024-05-01T12:30:45.123456Z" has digits below the unit of timestamp_ms
    out-of-range: v: expected timestamp_ms, which cannot hold float 0.5
    type-mismatch: v: expected date, found string "2023-02-29"
    out-of-range: v: expected date, which cannot hold integer 9223372036854775807
    "#);
}

#[test]
fn strings_are_utf8_and_bytes_are_anything() {
    assert_eq!(through(DataType::LargeUtf8, &text("é")), "\"é\"");
    assert_eq!(through(DataType::Binary, b"\xc4\x02\x00\xff"), "\"AP8=\"");
    assert_eq!(through(DataType::LargeBinary, b"\xa2\x00\xff"), "\"AP8=\"");
    assert_eq!(through(DataType::FixedSizeBinary(2), b"\xc4\x02\x00\xff"), "\"AP8=\"");
    insta::assert_snapshot!([
        through(DataType::Utf8, b"\xa4ab\xc3\x28"),
        through(DataType::LargeUtf8, b"\xc4\x02ab"),
        through(DataType::FixedSizeBinary(2), b"\xc4\x03\x00\xff\x00"),
        through(DataType::Binary, b"\x01"),
    ].join("\n"), @r"
    not-utf8: v: the text is not UTF-8 from its byte 2 on
    type-mismatch: v: expected string, found 2 bytes
    type-mismatch: v: expected 2 bytes, found 3 bytes
    type-mismatch: v: expected bytes, found integer 1
    ");
}

#[test]
fn a_json_column_holds_json_as_text() {
    let json = Field::new("v", DataType::Utf8, true)
        .with_metadata([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into());
    let good = [b"\x81\xa1v", &text("[1, 2]")[..]].concat();
    let bad = [b"\x81\xa1v", &text("[1, 2")[..]].concat();
    let decoded = decode(&schema(vec![json]), &[good, bad]);
    assert_eq!(lines(&decoded.rows), "{\"v\":[1, 2]}");
    insta::assert_snapshot!(errors(&decoded.errors), @"1 json-syntax: v: at byte 5: expected ',' or ']', found the end of the record");
}

/// A map column.
fn map(key: DataType, value: DataType) -> DataType {
    let entries = vec![Field::new("keys", key, false), Field::new("values", value, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false)
}

fn nested() -> SchemaRef {
    let item = DataType::Struct(
        vec![Field::new("sku", DataType::Utf8, false), Field::new("price", DataType::Float64, true)].into(),
    );
    let list = |data_type| Arc::new(Field::new("item", data_type, true));
    schema(vec![
        Field::new("items", DataType::List(list(item)), true),
        Field::new("tags", map(DataType::Utf8, DataType::Int32), true),
        Field::new("pair", DataType::FixedSizeList(list(DataType::Int8), 2), true),
        Field::new("by", map(DataType::Int16, DataType::Utf8), true),
    ])
}

#[test]
fn nested_columns_name_the_place_of_a_mistake() {
    let decoded = decode(
        &nested(),
        &[
            &b"\x92\x93\x82\xa3sku\xa1a\xa5price\x01\xc0\x91\xa1b\x82\xa1x\x01\xa1y\xc0"[..],
            b"\x91\x92\x91\xa1a\x92\xa1b\xa5cheap",
            b"\x81\xa4tags\x81\xa1x\x80",
            b"\x81\xa4pair\x91\x01",
            b"\x81\xa4pair\x92\x01\xcd\x01\x2c",
            b"\x91\x91\x81\xa5price\x02",
            b"\x91\x81\x01\x02",
            b"\x91\x92\x91\xa1a",
            b"\x81\xa2by\x82\x01\xa3one\xff\xa1n",
            b"\x81\xa2by\x81\x01\x02",
            b"\x81\xa2by\x82\x01\xa1a\xa1b\xa1c",
            b"\x81\xa4pair\x92\xff\x01",
        ],
    );
    insta::assert_snapshot!(errors(&decoded.errors), @r#"
    1 type-mismatch: items[1].price: expected float64, found string "cheap"
    2 type-mismatch: tags.x: expected int32, found a map of 0
    3 type-mismatch: pair: expected an array of 2 items, found 1
    4 out-of-range: pair[1]: expected int8, which cannot hold integer 300
    5 missing-column: items[0].sku: expected string, found no such key
    6 type-mismatch: items: expected array, found a map of 1
    7 msgpack-syntax: items[1]: at byte 5: expected a value, found the end of the record
    9 type-mismatch: by.1: expected string, found integer 2
    10 type-mismatch: by[1].key: expected int16, found string "b"
    "#);
    assert_eq!(decoded.rows.num_rows(), 3);
    let by = decoded.rows.column(3).as_map();
    assert_eq!(by.keys().as_primitive::<Int16Type>().values()[..], [1, -1]);
    let without_by = decoded.rows.project(&[0, 1, 2]).unwrap();
    insta::assert_snapshot!(lines(&without_by), @r#"
    {"items":[{"sku":"a","price":1.0},null,{"sku":"b","price":null}],"tags":{"x":1,"y":null},"pair":null}
    {"items":null,"tags":null,"pair":null}
    {"items":null,"tags":null,"pair":[-1,1]}
    "#);
}

#[test]
fn an_extension_is_an_object_of_its_own() {
    let fields =
        vec![Field::new("ext_type", DataType::Int8, false), Field::new("ext_data", DataType::Binary, false)];
    let extension = schema(vec![Field::new("e", DataType::Struct(fields.into()), true)]);
    let values = [&b"\x81\xa1e\xd5\x07ab"[..], b"\x91\xc7\x03\x85abc", b"\x91\xc0", b"\x91\x92\x05\xc4\x01a"];
    let decoded = decode(&extension, &values);
    assert_eq!(errors(&decoded.errors), "");
    let encoded = encode(&decoded.rows, true);
    assert_eq!(
        (0..4).map(|row| hex(encoded.row(row))).collect::<Vec<_>>(),
        ["91d5076162", "91c70385616263", "91c0", "91d40561"]
    );
    insta::assert_snapshot!(errors(&decode(&orders(), &[b"\xd5\x07ab"]).errors), @"0 type-mismatch: expected object, found extension 7 of 2 bytes");
}

#[test]
fn values_are_written_in_their_shortest_form() {
    let rows =
        decode(&orders(), &[&b"\x94\xcf\0\0\0\0\0\0\0\x05\xdb\0\0\0\x01a\x01\xd6\xff\0\0\0\x01"[..]]).rows;
    assert_eq!(
        hex(encode(&rows, false).row(0)),
        "84a2696405a475736572a161a6616d6f756e74cb3ff0000000000000a26174d6ff00000001"
    );
    assert_eq!(hex(encode(&rows, true).row(0)), "9405a161cb3ff0000000000000d6ff00000001");
    for (value, expected) in [
        (0, "00"),
        (127, "7f"),
        (128, "cc80"),
        (256, "cd0100"),
        (65_536, "ce00010000"),
        (4_294_967_296, "cf0000000100000000"),
        (-1, "ff"),
        (-32, "e0"),
        (-33, "d0df"),
        (-129, "d1ff7f"),
        (-32_769, "d2ffff7fff"),
        (-2_147_483_649, "d3ffffffff7fffffff"),
        (i64::MIN, "d38000000000000000"),
    ] {
        let mut out = Vec::new();
        super::write::signed(value, &mut out);
        assert_eq!(hex(&out), expected);
    }
    for len in [0, 31, 32, 255, 256, 65_535, 65_536] {
        let rows = RecordBatch::try_from_iter([
            ("s", Arc::new(StringArray::from(vec!["x".repeat(len)])) as ArrayRef),
            ("b", Arc::new(BinaryArray::from(vec![&vec![0_u8; len][..]]))),
        ])
        .unwrap();
        let encoded = encode(&rows, false);
        assert_eq!(decode(&rows.schema(), &[encoded.row(0)]).rows, rows, "{len}");
    }
}

#[test]
fn dates_and_decimals_are_text_and_columns_may_be_chosen() {
    let fields = vec![
        Field::new("day", DataType::Date32, true),
        Field::new("price", DataType::Decimal128(10, 2), true),
        Field::new("code", DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)), true),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![Some(19_844), None])),
        Arc::new(Decimal128Array::from(vec![Some(-5), None]).with_precision_and_scale(10, 2).unwrap()),
        Arc::new([Some("x"), None].into_iter().collect::<DictionaryArray<Int8Type>>()),
    ];
    let rows = RecordBatch::try_new(schema(fields), columns).unwrap();
    let encoded = encode(&rows, true);
    assert_eq!(encoded.row(0), b"\x93\xaa2024-05-01\xa5-0.05\xa1x");
    assert_eq!(encoded.row(1), b"\x93\xc0\xc0\xc0");
    let columns = Some(vec!["price".to_owned(), "day".to_owned()]);
    let encoded = trip::encode(&Encode { columns, ..Encode::plain(Codec::MessagePack) }, &rows);
    assert_eq!(encoded.row(0), b"\x82\xa5price\xa5-0.05\xa3day\xaa2024-05-01");
}

#[test]
fn depth_costs_nothing_and_length_is_bounded() {
    // A million arrays, one in another, that no column takes.
    let mut deep = b"\x82\xa2id\x01\xa1x".to_vec();
    deep.extend(vec![0x91; 1_000_000]);
    deep.push(0xc0);
    let unfinished = &deep[..deep.len() - 1];
    let long = vec![0x90; crate::codec::rows::MAX_RECORD_BYTES + 1];
    let decoded = decode(&orders(), &[&deep[..], unfinished, &long]);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    1 msgpack-syntax: at byte 1000007: expected 1 items, found the end of the record
    2 too-large: 16777217 bytes; a record may have 16777216: split it
    ");
    assert_eq!(decoded.rows.num_rows(), 1);
}

#[test]
fn a_schema_that_messagepack_cannot_hold_is_refused_by_column() {
    let mut deep = DataType::Int8;
    for _ in 0..100 {
        deep = DataType::List(Arc::new(Field::new("item", deep, true)));
    }
    let interval = DataType::Interval(IntervalUnit::DayTime);
    let inner = DataType::Struct(vec![Field::new("b", interval.clone(), true)].into());
    let texts: Vec<String> = [
        vec![Field::new("a", interval, true)],
        vec![Field::new("a", inner, true)],
        vec![Field::new("a", DataType::Int8, true), Field::new("a", DataType::Int8, true)],
        vec![Field::new("a", deep, true)],
    ]
    .into_iter()
    .map(|fields| {
        let schema = schema(fields);
        let decode =
            Decoder::new(&Decode::plain(Codec::MessagePack, Arc::clone(&schema)), &Default::default())
                .err()
                .unwrap();
        let encode = Encoder::new(&Encode::plain(Codec::MessagePack), &schema).err().unwrap();
        format!("{} | {encode}", decode.replace("[]: ", ""))
    })
    .collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    a: this codec cannot decode into Interval(DayTime): choose another type | a: MessagePack cannot hold Interval(DayTime): choose another type
    a: b: this codec cannot decode into Interval(DayTime): choose another type | a: b: MessagePack cannot hold Interval(DayTime): choose another type
    a: two columns have this name | a: two columns have this name
    a: columns are nested deeper than 64 levels: flatten the schema | a: nested deeper than 64 levels: flatten the column
    ");
}
