//! What messages decode to and what is refused, with which words. What the other test files share is here too.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::*;
use arrow::util::display::array_value_to_string;

use super::{ProtobufEncoder, ProtobufReader, columns};
use crate::codec::json::JsonEncoder;
use crate::codec::rows::Rows;
use crate::codec::trip::records;
use crate::codec::{Decoded, Encoded, RecordError, RegisteredSchema, SchemaKind};

pub(super) fn schema(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

/// A schema as a specification gives it.
pub(super) fn proto(text: &str) -> RegisteredSchema {
    RegisteredSchema::new(SchemaKind::Protobuf, text)
}

/// As [`proto`], of this message.
pub(super) fn message(text: &str, name: &str) -> RegisteredSchema {
    RegisteredSchema { message: Some(name.to_owned()), ..proto(text) }
}

/// A proto3 file of one message with these fields (and what else is declared in it), which may import everything.
pub(super) fn with_fields(fields: &str) -> RegisteredSchema {
    let imports: String = ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"]
        .map(|name| format!("import \"google/protobuf/{name}.proto\";"))
        .concat();
    proto(&format!("syntax = \"proto3\"; {imports} message M {{ {fields} }}"))
}

pub(super) fn derive(schema: &RegisteredSchema) -> SchemaRef {
    columns(schema).unwrap()
}

/// Messages decoded into these columns: every column is valid, and no record is lost.
pub(super) fn decode_into<T: AsRef<[u8]>>(
    schema: &RegisteredSchema,
    columns: &SchemaRef,
    values: &[T],
) -> Decoded {
    let reader = ProtobufReader::new(schema, columns).unwrap();
    let decoded = Rows::new(Arc::clone(columns), reader).unwrap().decode(&records(values));
    assert_eq!(decoded.rows.num_rows() + decoded.errors.len(), values.len());
    for column in decoded.rows.columns() {
        column.to_data().validate_full().unwrap();
    }
    decoded
}

/// As [`decode_into`], into all columns of the message.
pub(super) fn decode<T: AsRef<[u8]>>(schema: &RegisteredSchema, values: &[T]) -> Decoded {
    decode_into(schema, &derive(schema), values)
}

pub(super) fn encode(writer: &RegisteredSchema, rows: &RecordBatch, framed: bool) -> Encoded {
    let mut out = Encoded::default();
    let mut encoder = ProtobufEncoder::new(None, &rows.schema(), Some(writer), framed).unwrap();
    out.prefix = encoder.indexes().to_vec();
    encoder.encode(rows, &mut out);
    out
}

pub(super) fn errors(errors: &[RecordError]) -> String {
    errors.iter().map(|e| format!("{} {}: {}", e.index, e.code, e.message)).collect::<Vec<_>>().join("\n")
}

/// Rows as JSON, one a line.
pub(super) fn lines(rows: &RecordBatch) -> String {
    let mut out = Encoded::default();
    JsonEncoder::new(None, &rows.schema()).unwrap().encode(rows, &mut out);
    assert_eq!(out.errors, vec![]);
    let row = |row| String::from_utf8(out.row(row).to_vec()).unwrap();
    (0..rows.num_rows()).map(row).collect::<Vec<_>>().join("\n")
}

/// What a message is when decoded, as JSON, or why it is refused; encoded again it decodes to the same.
pub(super) fn through(schema: &RegisteredSchema, value: &[u8]) -> String {
    let decoded = decode(schema, &[value]);
    if !decoded.errors.is_empty() {
        return errors(&decoded.errors).split_off(2);
    }
    let encoded = encode(schema, &decoded.rows, false);
    assert_eq!(encoded.errors, vec![]);
    assert_eq!(decode(schema, &[encoded.row(0)]).rows, decoded.rows);
    lines(&decoded.rows)
}

pub(super) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field that is a varint.
pub(super) fn v(number: u32, value: i64) -> Vec<u8> {
    [varint(u64::from(number << 3)), varint(value as u64)].concat()
}

/// A field behind its length, made of parts.
pub(super) fn l(number: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [varint(u64::from(number << 3 | 2)), varint(body.len() as u64), body].concat()
}

fn d(number: u32, value: f64) -> Vec<u8> {
    [varint(u64::from(number << 3 | 1)), value.to_le_bytes().to_vec()].concat()
}

#[test]
fn occurrences_of_an_embedded_message_merge_at_every_depth() {
    let schema = with_fields(
        "message In { int32 a = 1; repeated int32 b = 2; map<string, In2> c = 3; In2 d = 4; }
         message In2 { string x = 1; int32 y = 2; }
         In one = 1; repeated In many = 2; int32 after = 3;",
    );
    let entry = |key: &str, value: &[&[u8]]| l(3, &[&l(1, &[key.as_bytes()]), &l(2, value)]);
    let parts = [
        l(1, &[&v(1, 1), &v(2, 1), &entry("k", &[&l(1, &[b"x"])]), &l(4, &[&l(1, &[b"x"])])]),
        v(3, 7),
        l(1, &[]),
        l(1, &[&v(2, 2), &entry("l", &[&v(2, 5), &l(1, &[b"z"])]), &l(4, &[&v(2, 2)]), &v(1, 2)]),
        l(2, &[&v(1, 1)]),
        l(2, &[&v(2, 3), &l(4, &[&v(2, 1)]), &l(4, &[&l(1, &[b"w"])])]),
    ];
    insta::assert_snapshot!(through(&schema, &parts.concat()), @r#"{"one":{"a":2,"b":[1,2],"c":{"k":{"x":"x","y":0},"l":{"x":"z","y":5}},"d":{"x":"x","y":2}},"many":[{"a":1,"b":[],"c":{},"d":null},{"a":0,"b":[3],"c":{},"d":{"x":"w","y":1}}],"after":7}"#);
    let twice_a_value = l(1, &[&l(3, &[&l(1, &[b"k"]), &l(2, &[&l(1, &[b"x"])]), &l(2, &[&v(2, 9)])])]);
    insta::assert_snapshot!(through(&schema, &twice_a_value), @r#"{"one":{"a":0,"b":[],"c":{"k":{"x":"x","y":9}},"d":null},"many":[],"after":0}"#);
}

#[test]
fn the_last_member_of_a_oneof_clears_the_others() {
    let schema = with_fields(
        "message In { int32 a = 1; repeated int32 b = 2; }
         oneof pick { int32 n = 1; string s = 2; In m = 3; google.protobuf.Timestamp t = 4; }
         int32 other = 5;",
    );
    let texts = [
        [v(1, 1), l(2, &[b"s"])].concat(),
        [l(2, &[b"s"]), v(1, 0)].concat(),
        [l(3, &[&v(1, 1), &v(2, 1)]), l(3, &[&v(2, 2)])].concat(),
        [l(3, &[&v(1, 1), &v(2, 1)]), v(1, 1), l(3, &[&v(2, 2)])].concat(),
        [l(4, &[&v(1, 1)]), v(5, 3), l(3, &[])].concat(),
        vec![],
    ]
    .map(|value| through(&schema, &value));
    insta::assert_snapshot!(texts.join("\n"), @r#"
    {"n":null,"s":"s","m":null,"t":null,"other":0}
    {"n":0,"s":null,"m":null,"t":null,"other":0}
    {"n":null,"s":null,"m":{"a":1,"b":[1,2]},"t":null,"other":0}
    {"n":null,"s":null,"m":{"a":0,"b":[2]},"t":null,"other":0}
    {"n":null,"s":null,"m":{"a":0,"b":[]},"t":null,"other":3}
    {"n":null,"s":null,"m":null,"t":null,"other":0}
    "#);
    // A member that has no column takes the place of one that has.
    let columns = schema_of_names(&schema, &["s"]);
    let decoded = decode_into(&schema, &columns, &[[l(2, &[b"s"]), v(1, 1)].concat(), l(2, &[b"s"])]);
    assert_eq!(lines(&decoded.rows), "{\"s\":null}\n{\"s\":\"s\"}");
}

/// Some columns of a message.
fn schema_of_names(of: &RegisteredSchema, names: &[&str]) -> SchemaRef {
    let all = derive(of);
    schema(names.iter().map(|name| all.field_with_name(name).unwrap().clone()).collect())
}

#[test]
fn numbers_are_read_packed_and_not_and_cut_to_their_width() {
    let schema = with_fields(
        "repeated sint32 a = 1; repeated fixed64 b = 2; repeated bool c = 3; enum E { Z = 0; P = 5; N = -1; }
         repeated E d = 4; repeated float e = 5; uint32 f = 6; bool g = 7; E h = 8; sint64 i = 9;",
    );
    let value = [
        l(1, &[&varint(1), &varint(2)]),
        v(1, 3),
        l(1, &[]),
        l(2, &[&7_u64.to_le_bytes(), &u64::MAX.to_le_bytes()]),
        l(3, &[&[0], &[1], &varint(u64::MAX)]),
        l(4, &[&[0], &[5], &varint(-1_i64 as u64), &[9]]),
        l(5, &[&1.5_f32.to_le_bytes()]),
        v(6, (1 << 32) + 2),
        v(7, 1 << 40),
        v(8, (1 << 40) + 5),
        v(9, -1),
    ];
    insta::assert_snapshot!(through(&schema, &value.concat()), @r#"{"a":[-1,1,-2],"b":[7,18446744073709551615],"c":[false,true,true],"d":["Z","P","N","9"],"e":[1.5],"f":2,"g":true,"h":"P","i":-9223372036854775808}"#);
    let refused = [
        l(1, &[&[1, 2, 0x80]]),
        l(2, &[&[1, 2, 3]]),
        [l(3, &[&[1, 1]]), vec![0x1d, 0, 0, 0, 0]].concat(),
        l(6, &[b"7"]),
        d(9, 1.0),
    ]
    .map(|value| through(&schema, &value));
    insta::assert_snapshot!(refused.join("\n"), @r"
    truncated: a[2]: at byte 4: expected a varint, found the end of the message
    truncated: b[0]: at byte 2: expected 8 bytes, found 3 and the end of the message
    type-mismatch: c[2]: expected a varint field, found a 32-bit one
    type-mismatch: f: expected a varint field, found a length-delimited one
    type-mismatch: i: expected a varint field, found a 64-bit one
    ");
}

#[test]
fn entries_of_maps_have_defaults_and_their_last_fields_count() {
    let schema = with_fields(
        "message In { int32 a = 1; } enum E { Z = 0; P = 5; } map<string, In> m = 1; map<int32, E> e = 2;
         map<bool, bytes> b = 3; map<string, google.protobuf.Timestamp> t = 4;
         map<string, google.protobuf.Int32Value> w = 5; map<string, google.protobuf.Value> j = 6;",
    );
    let columns = derive(&schema);
    let value = [
        l(1, &[]),
        l(1, &[&l(1, &[b"k"]), &l(1, &[b"last"]), &l(2, &[&v(1, 1)]), &v(9, 1)]),
        l(2, &[&v(2, 5), &v(1, -3)]),
        l(3, &[&v(1, 1)]),
        l(4, &[&l(1, &[b"epoch"])]),
        l(5, &[&l(1, &[b"zero"])]),
        l(6, &[&l(1, &[b"null"])]),
    ]
    .concat();
    let decoded = decode_into(&schema, &columns, &[&value]);
    insta::assert_snapshot!(lines(&decoded.rows.project(&[0, 3, 4, 5]).unwrap()), @r#"{"m":{"":{"a":0},"last":{"a":1}},"t":{"epoch":0},"w":{"zero":0},"j":{"null":null}}"#);
    let text = |column| array_value_to_string(decoded.rows.column(column), 0).unwrap();
    assert_eq!((text(1), text(2)), ("{-3: P}".to_owned(), "{true: }".to_owned()));
    assert_eq!(decode(&schema, &[encode(&schema, &decoded.rows, false).row(0)]).rows, decoded.rows);
    let refused = [
        l(1, &[&l(2, &[&l(1, &[b"x"])])]),
        [l(2, &[]), l(2, &[&l(1, &[b"x"])])].concat(),
        v(1, 1),
        l(1, &[&l(1, &[b"\xff"])]),
    ]
    .map(|value| errors(&decode(&schema, &[value]).errors));
    insta::assert_snapshot!(refused.join("\n"), @r"
    0 type-mismatch: m[0].a: expected a varint field, found a length-delimited one
    0 type-mismatch: e[1]: expected a varint field, found a length-delimited one
    0 type-mismatch: m[0]: expected a length-delimited field, found a varint one
    0 not-utf8: m[0]: the text is not UTF-8 from its byte 0 on
    ");
}

const PROTO2: &str = "syntax = \"proto2\";
    message Old {
        required int64 id = 1;
        optional string name = 2 [default = \"it\\303\\251m\"];
        optional sint32 n = 3 [default = -7];
        optional Color color = 4 [default = GREEN];
        optional double ratio = 5;
        optional group Detail = 6 { optional int32 a = 1; repeated string b = 2; optional bytes raw = 3 [default = \"\\001\"]; }
        repeated group Item = 7 { required int32 sku = 1; }
        optional fixed32 f = 8 [default = 9];
        optional bool on = 9 [default = true];
        optional float low = 10 [default = -inf];
        enum Color { RED = 1; GREEN = 2; }
        map<string, Color> colors = 11;
        extensions 100 to 200;
    }
    extend Old { optional int32 more = 100; }";

#[test]
fn proto2_has_defaults_required_fields_and_groups() {
    let schema = proto(PROTO2);
    let columns =
        schema_of_names(&schema, &["id", "name", "n", "color", "ratio", "detail", "item", "f", "on"]);
    let group = |number: u32, parts: &[&[u8]]| {
        [varint(u64::from(number << 3 | 3)), parts.concat(), varint(u64::from(number << 3 | 4))].concat()
    };
    let values = [
        v(1, 1),
        [v(1, 2), v(4, 1), v(3, 0), l(2, &[b""]), v(100, 5), v(9, 0)].concat(),
        [v(1, 3), group(6, &[&v(1, 4), &l(2, &[b"x"])]), group(6, &[&l(2, &[b"y"])])].concat(),
        [v(1, 4), group(7, &[&v(1, 1)]), group(7, &[&group(3, &[&v(1, 1)]), &v(1, 2)])].concat(),
        [v(1, 5), v(4, 77)].concat(),
        v(3, 1),
        [v(1, 6), group(7, &[])].concat(),
        [v(1, 7), vec![0x33], v(1, 1)].concat(),
        [v(1, 8), vec![0x33], v(1, 1), vec![0x3c]].concat(),
        [v(1, 9), l(6, &[&v(1, 1)])].concat(),
        [v(1, 10), vec![0x34]].concat(),
    ];
    let decoded = decode_into(&schema, &columns, &values);
    insta::assert_snapshot!(lines(&decoded.rows), @r#"
    {"id":1,"name":"itém","n":-7,"color":"GREEN","ratio":null,"detail":null,"item":[],"f":9,"on":true}
    {"id":2,"name":"","n":0,"color":"RED","ratio":null,"detail":null,"item":[],"f":9,"on":false}
    {"id":3,"name":"itém","n":-7,"color":"GREEN","ratio":null,"detail":{"a":4,"b":["x","y"],"raw":"AQ=="},"item":[],"f":9,"on":true}
    {"id":4,"name":"itém","n":-7,"color":"GREEN","ratio":null,"detail":null,"item":[{"sku":1},{"sku":2}],"f":9,"on":true}
    {"id":5,"name":"itém","n":-7,"color":"77","ratio":null,"detail":null,"item":[],"f":9,"on":true}
    "#);
    insta::assert_snapshot!(errors(&decoded.errors), @r"
    5 missing-column: id: expected int64, found no such field
    6 missing-column: item[0].sku: expected int32, found no such field
    7 truncated: detail: at byte 5: expected the end of group 6, found the end of the message
    8 protobuf-syntax: detail: at byte 5: expected the end of group 6, found that of group 7
    9 type-mismatch: detail: expected a group field, found a length-delimited one
    10 protobuf-syntax: at byte 2: group 6 ends and was not begun
    ");
    let encoded = encode(&schema, &decoded.rows, false);
    let again: Vec<&[u8]> = (0..decoded.rows.num_rows()).map(|row| encoded.row(row)).collect();
    assert_eq!(decode_into(&schema, &columns, &again).rows, decoded.rows);
    let low = decode(&schema, &[[v(1, 1), l(11, &[&l(1, &[b"first"])])].concat()]).rows;
    assert_eq!(
        arrow::array::cast::AsArray::as_primitive::<Float32Type>(low.column(9)).value(0),
        f32::NEG_INFINITY
    );
    insta::assert_snapshot!(lines(&low.project(&[10]).unwrap()), @r#"{"colors":{"first":"RED"}}"#);
}

#[test]
fn columns_may_be_some_of_the_fields_and_of_other_types() {
    let schema = with_fields(
        "int32 a = 1; int64 b = 2; uint64 c = 3; string d = 4; bytes e = 5; repeated int32 f = 6; float g = 7;
         google.protobuf.Timestamp h = 8; enum E { Z = 0; P = 5; } E i = 9; int64 j = 10; int32 k = 11; string l = 12;
         google.protobuf.Int64Value m = 13; google.protobuf.Timestamp n = 14; map<string, int32> o = 15; string p = 16;",
    );
    let item = |t| Arc::new(Field::new("item", t, true));
    let parts =
        vec![Field::new("nanos", DataType::Int32, false), Field::new("seconds", DataType::Int64, false)];
    let entry =
        vec![Field::new("value", DataType::Int64, false), Field::new("key", DataType::LargeUtf8, true)];
    let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into();
    let columns = self::schema(vec![
        Field::new("n", DataType::Struct(parts.into()), true),
        Field::new("l", DataType::Decimal128(5, 2), true),
        Field::new("k", DataType::Date32, true),
        Field::new("j", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        Field::new("i", DataType::Int8, true),
        Field::new("h", DataType::Timestamp(TimeUnit::Second, None), true),
        Field::new("g", DataType::Float64, true),
        Field::new("f", DataType::FixedSizeList(item(DataType::Int8), 2), true),
        Field::new("e", DataType::FixedSizeBinary(2), false),
        Field::new("d", DataType::LargeUtf8, true),
        Field::new("c", DataType::Int64, true),
        Field::new("b", DataType::UInt8, true),
        Field::new("a", DataType::Int64, true),
        Field::new("m", DataType::Int32, true),
        Field::new("o", DataType::LargeList(item(DataType::Struct(entry.into()))), true),
        Field::new("p", DataType::Utf8, true).with_metadata(json),
    ]);
    let good = [
        [l(14, &[&v(1, 3), &v(2, 4)]), l(12, &[b"-123.4"]), v(11, 19_844), v(10, 1_714_566_645_123), v(9, 5)]
            .concat(),
        [l(8, &[&v(1, 5)]), vec![0x3d, 0, 0, 0, 0x3f], l(6, &[&[1, 2]]), l(4, &[b"d"])].concat(),
        [v(3, 7), v(2, 255), v(1, -1), l(13, &[&v(1, 8)]), l(15, &[&l(1, &[b"k"]), &v(2, 6)])].concat(),
        l(16, &[b" [1]"]),
    ]
    .concat();
    let with = |more: Vec<u8>| [good.clone(), l(5, &[b"ab"]), more].concat();
    let values = [
        with(vec![]),
        [l(5, &[b"ab"]), l(12, &[b"0"]), l(16, &[b"0"])].concat(),
        with(l(12, &[b"1234.5"])),
        with(l(12, &[b"many"])),
        with(v(9, 128)),
        with(l(8, &[&v(2, 1)])),
        with(l(6, &[&[3]])),
        with(l(6, &[&varint(300)])),
        with(l(5, &[b"abc"])),
        good.clone(),
        with(v(3, -1)),
        with(v(2, 256)),
        with(l(13, &[&v(1, 1 << 40)])),
        with(l(16, &[b"{"])),
    ];
    let decoded = decode_into(&schema, &columns, &values);
    insta::assert_snapshot!(lines(&decoded.rows), @r#"
    {"n":{"nanos":4,"seconds":3},"l":-123.40,"k":"2024-05-01","j":1714566645123,"i":5,"h":5,"g":0.5,"f":[1,2],"e":"YWI=","d":"d","c":7,"b":255,"a":-1,"m":8,"o":[{"value":6,"key":"k"}],"p": [1]}
    {"n":null,"l":0.00,"k":"1970-01-01","j":0,"i":0,"h":null,"g":0.0,"f":null,"e":"YWI=","d":"","c":0,"b":0,"a":0,"m":null,"o":[],"p":0}
    "#);
    insta::assert_snapshot!(errors(&decoded.errors), @r#"
    2 out-of-range: l: expected decimal(5, 2), which cannot hold 1234.5
    3 type-mismatch: l: expected decimal(5, 2), found string "many"
    4 out-of-range: i: expected int8, which cannot hold 128
    5 out-of-range: h: 5 seconds and 1 nanoseconds has digits below the unit of timestamp_s
    6 type-mismatch: f: expected 2 items, found 3
    7 out-of-range: f[2]: expected int8, which cannot hold 300
    8 type-mismatch: e: expected 2 bytes, found 3
    9 type-mismatch: e: expected 2 bytes, found 0
    10 out-of-range: c: expected int64, which cannot hold 18446744073709551615
    11 out-of-range: b: expected uint8, which cannot hold 256
    12 out-of-range: m: expected int32, which cannot hold 1099511627776
    13 json-syntax: p: at byte 1: expected a key, found the end of the record
    "#);
}

#[test]
fn columns_that_fields_cannot_fill_are_named() {
    let schema = with_fields(
        "message In { int32 a = 1; } string s = 1; In m = 2; repeated string r = 3; map<string, string> p = 4;
         google.protobuf.Timestamp t = 5; google.protobuf.Struct j = 6; double f = 7; uint32 u = 8; bool b = 9;",
    );
    let list = |t| DataType::List(Arc::new(Field::new("item", t, true)));
    let inner = |name: &str, t| DataType::Struct(vec![Field::new(name, t, true)].into());
    let texts = [
        ("x", DataType::Int32),
        ("s", DataType::Int32),
        ("s", inner("a", DataType::Int32)),
        ("m", DataType::Utf8),
        ("m", inner("a", DataType::Utf8)),
        ("m", inner("b", DataType::Utf8)),
        ("r", DataType::Utf8),
        ("r", list(DataType::Int64)),
        ("r", list(list(DataType::Utf8))),
        ("p", DataType::Utf8),
        ("t", DataType::Int64),
        ("t", DataType::Duration(TimeUnit::Second)),
        ("j", DataType::Binary),
        ("f", DataType::Float32),
        ("u", DataType::Boolean),
        ("b", DataType::Int8),
        ("b", DataType::Interval(IntervalUnit::DayTime)),
    ]
    .map(|(name, data_type)| {
        let columns = self::schema(vec![Field::new(name, data_type, true)]);
        ProtobufReader::new(&schema, &columns).err().unwrap()
    });
    insta::assert_snapshot!(texts.join("\n"), @r"
    x: the message M has no such field; it has s, m, r, p, t, j, f, u, b
    s: string in M cannot be read into a column of int32
    s: string in M cannot be read into a column of object
    m: M.In in M cannot be read into a column of string
    m: a: int32 in M.In cannot be read into a column of string
    m: b: the message M.In has no such field; it has a
    r: repeated string in M cannot be read into a column of string
    r: []: repeated string in M cannot be read into a column of int64
    r: []: repeated string in M cannot be read into a column of array
    p: a map in M cannot be read into a column of string
    t: google.protobuf.Timestamp in M cannot be read into a column of int64
    t: google.protobuf.Timestamp in M cannot be read into a column of duration_s
    j: google.protobuf.Struct in M cannot be read into a column of bytes
    f: double in M cannot be read into a column of float32
    u: uint32 in M cannot be read into a column of bool
    b: bool in M cannot be read into a column of int8
    b: bool in M cannot be read into a column of interval(daytime)
    ");
}

#[test]
fn fields_of_every_number_are_found() {
    let numbers = [1, 15, 16, 1_023, 1_024, 5_000, 18_999, 536_870_911];
    let fields: String = numbers.iter().map(|number| format!("int32 f{number} = {number};")).collect();
    let schema = with_fields(&fields);
    let value = numbers.iter().flat_map(|&number| v(number, i64::from(number)));
    let value: Vec<u8> = value.chain(v(17, 1)).chain(v(4_999, 1)).chain(v(536_870_910, 1)).collect();
    let expected: Vec<String> = numbers.iter().map(|number| format!("\"f{number}\":{number}")).collect();
    assert_eq!(through(&schema, &value), format!("{{{}}}", expected.join(",")));
}

#[test]
fn an_empty_record_is_the_message_of_defaults() {
    let schema = with_fields(
        "message In { int32 a = 1; } enum E { Z = 0; } int32 a = 1; string b = 2; bytes c = 3; E d = 4; double e = 5;
         bool f = 6; optional int32 g = 7; In h = 8; repeated In i = 9; map<string, string> j = 10;
         google.protobuf.Int32Value k = 11; google.protobuf.Any l = 12; google.protobuf.Empty m = 13;",
    );
    insta::assert_snapshot!(through(&schema, b""), @r#"{"a":0,"b":"","c":"","d":"Z","e":0.0,"f":false,"g":null,"h":null,"i":[],"j":{},"k":null,"l":null,"m":null}"#);
    insta::assert_snapshot!(through(&schema, &[l(8, &[]), l(9, &[]), l(11, &[]), l(12, &[]), l(13, &[])].concat()), @r#"{"a":0,"b":"","c":"","d":"Z","e":0.0,"f":false,"g":null,"h":{"a":0},"i":[{"a":0}],"j":{},"k":0,"l":{"type_url":"","value":""},"m":{}}"#);
}
