//! What rows are written as, which rows are refused, and which columns a schema cannot take.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;

use super::tests::{
    decode, decode_into, derive, encode, errors, l, lines, message, proto, schema, v, with_fields,
};
use super::{ProtobufEncoder, schema_of};
use crate::codec::wire::SchemaId;
use crate::codec::{Codec, Encode, Encoded, Encoder};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn fields_are_in_the_order_of_their_numbers_and_defaults_are_left_out() {
    let writer = with_fields(
        "string b = 2; int64 a = 1; optional int64 c = 3; repeated int32 d = 40; google.protobuf.Int32Value e = 5;",
    );
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
        None,
        Some(vec![]),
        Some(vec![Some(1), Some(300)]),
    ]);
    let ints = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let rows = batch(vec![
        ("d", Arc::new(lists)),
        ("c", ints(vec![None, Some(0), Some(-1)])),
        ("b", strings(&[None, Some(""), Some("b")])),
        ("a", ints(vec![None, Some(0), Some(1)])),
        ("e", ints(vec![None, Some(0), Some(2)])),
    ]);
    let encoded = encode(&writer, &rows, false);
    assert_eq!(encoded.errors, vec![]);
    assert_eq!((encoded.row(0), encoded.row(1)), (&b""[..], &[v(3, 0), l(5, &[])].concat()[..]));
    let last = [v(1, 1), l(2, &[b"b"]), v(3, -1), l(5, &[&v(1, 2)]), l(40, &[&[1, 0xac, 2]])].concat();
    assert_eq!(encoded.row(2), last);
}

#[test]
fn lengths_of_every_size_are_written_in_the_fewest_bytes() {
    let writer =
        with_fields("In in = 1; message In { string s = 1; In2 in = 2; message In2 { string s = 1; } }");
    let columns = derive(&writer);
    let value = |len: usize| {
        let text = "x".repeat(len);
        l(1, &[&l(1, &[text.as_bytes()]), &l(2, &[&l(1, &[text.as_bytes()])])])
    };
    let values: Vec<Vec<u8>> =
        [0, 1, 60, 61, 62, 63, 121, 122, 123, 127, 128, 8_000, 16_382, 20_000, 2_100_000]
            .map(|len| if len == 0 { l(1, &[&l(2, &[])]) } else { value(len) })
            .into();
    let encoded = encode(&writer, &decode_into(&writer, &columns, &values).rows, false);
    for (row, value) in values.iter().enumerate() {
        assert_eq!(encoded.row(row), value);
    }
}

#[test]
fn rows_that_a_message_cannot_hold_are_refused_with_the_place() {
    let writer = with_fields(
        "int32 n = 1; uint64 u = 2; E e = 3; enum E { Z = 0; P = 5; ALSO_P = 5; option allow_alias = true; }
         oneof pick { string s = 4; bytes b = 5; } repeated string r = 6; map<string, int64> m = 7; fixed32 f = 8;",
    );
    let n = Int64Array::from(vec![
        Some(1),
        Some(1 << 40),
        None,
        None,
        None,
        None,
        None,
        None,
        Some(i64::from(i32::MIN)),
    ]);
    let u = Int32Array::from(vec![Some(1), None, Some(-1), None, None, None, None, None, Some(7)]);
    let e = [Some("P"), None, None, Some("Q"), None, None, None, None, Some("-3")];
    let s = [Some("s"), None, None, None, Some(""), None, None, None, None];
    let b = BinaryArray::from(vec![None, None, None, None, Some(&b""[..]), None, None, None, Some(b"b")]);
    let mut r = ListBuilder::new(StringBuilder::new());
    let mut m = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for row in 0..9 {
        r.values().append_value("x");
        r.values().append_option((row != 5).then_some("y"));
        r.append(true);
        m.keys().append_value("k");
        m.values().append_option((row != 6).then_some(row));
        m.append(true).unwrap();
    }
    let f = Float64Array::from(vec![0.0; 9]);
    let rows = batch(vec![
        ("n", Arc::new(n)),
        ("u", Arc::new(u)),
        ("e", strings(&e)),
        ("s", strings(&s)),
        ("b", Arc::new(b)),
        ("r", Arc::new(r.finish())),
        ("m", Arc::new(m.finish())),
        ("f", Arc::new(f)),
    ]);
    let refused = ProtobufEncoder::new(None, &rows.schema(), Some(&writer), false).err().unwrap();
    assert_eq!(refused, "f: a column of float64 cannot be written as fixed32 in M");
    let rows = rows.project(&[0, 1, 2, 3, 4, 5, 6]).unwrap();
    let encoded = encode(&writer, &rows, false);
    insta::assert_snapshot!(errors(&encoded.errors), @r#"
    1 out-of-range: n: expected int32, which cannot hold 1099511627776
    2 out-of-range: u: expected uint64, which cannot hold -1
    3 type-mismatch: e: expected a name of the enum or a number, found "Q"
    4 type-mismatch: expected one of oneof pick, found s and b
    5 type-mismatch: r[1]: null, which protobuf has not within lists and maps
    6 type-mismatch: m[0]: null, which protobuf has not within lists and maps
    "#);
    assert!((1..7).all(|row| encoded.row(row).is_empty()));
    insta::assert_snapshot!(lines(&decode(&writer, &[encoded.row(0), encoded.row(7), encoded.row(8)]).rows), @r#"
    {"n":1,"u":1,"e":"P","s":"s","b":null,"r":["x","y"],"m":{"k":0},"f":0}
    {"n":0,"u":0,"e":"Z","s":null,"b":null,"r":["x","y"],"m":{"k":7},"f":0}
    {"n":-2147483648,"u":7,"e":"-3","s":null,"b":"Yg==","r":["x","y"],"m":{"k":8},"f":0}
    "#);
}

#[test]
fn columns_that_a_schema_cannot_take_are_named() {
    let text =
        "syntax = \"proto2\"; message M { required int32 id = 1; optional string s = 2; repeated int32 r = 3;
        optional In in = 4; message In { required int32 a = 1; optional int32 b = 2; } map<string, In> m = 5;
        optional bool on = 6; optional double d = 7; optional float f = 8; }";
    let list = |t| DataType::List(Arc::new(Field::new("item", t, true)));
    let inner = |name: &str, t| DataType::Struct(vec![Field::new(name, t, true)].into());
    let texts = [
        ("x", DataType::Int32),
        ("id", DataType::Utf8),
        ("s", DataType::Int32),
        ("r", DataType::Int32),
        ("r", list(DataType::Utf8)),
        ("s", list(DataType::Utf8)),
        ("in", inner("b", DataType::Int32)),
        ("in", inner("c", DataType::Int32)),
        ("in", DataType::Utf8),
        ("m", DataType::Utf8),
        ("on", DataType::Int8),
        ("f", DataType::Float64),
        ("d", DataType::Null),
    ]
    .map(|(name, data_type)| {
        let mut fields = vec![Field::new(name, data_type, true)];
        if name != "id" {
            fields.push(Field::new("id", DataType::Int32, true));
        }
        ProtobufEncoder::new(None, &schema(fields), Some(&proto(text)), false).err().unwrap()
    });
    insta::assert_snapshot!(texts.join("\n"), @r"
    x: the message M has no such field; it has id, s, r, in, m, on, d, f
    id: a column of string cannot be written as int32 in M
    s: a column of int32 cannot be written as string in M
    r: a column of int32 cannot be written as repeated int32 in M
    r: []: a column of string cannot be written as repeated int32 in M
    s: a column of array cannot be written as string in M
    in: a: required in M.In, and there is no such column
    in: c: the message M.In has no such field; it has a, b
    in: a column of string cannot be written as M.In in M
    m: a column of string cannot be written as a map in M
    on: a column of int8 cannot be written as bool in M
    f: a column of float64 cannot be written as float in M
    d: a column of null cannot be written as double in M
    ");
    let without = schema(vec![Field::new("s", DataType::Utf8, true)]);
    let refused = ProtobufEncoder::new(None, &without, Some(&proto(text)), false).err().unwrap();
    assert_eq!(refused, "id: required in M, and there is no such column");
    let nameless = schema(vec![Field::new("a b", DataType::Utf8, true)]);
    let refused = ProtobufEncoder::new(None, &nameless, None, false).err().unwrap();
    assert_eq!(refused, "a b: not a name in protobuf, which has letters, digits and _: rename the column");
    let names = schema(vec![Field::new("a_b", DataType::Utf8, true), Field::new("aB", DataType::Utf8, true)]);
    insta::assert_snapshot!(ProtobufEncoder::new(None, &names, None, false).err().unwrap(), @"schema.proto:5:19: camel-case name of field 'a_b' conflicts with field 'aB'");
    let rows = batch(vec![("id", Arc::new(Int32Array::from(vec![None, Some(2)])))]);
    let encoded = encode(&proto(text), &rows, false);
    assert_eq!(
        (errors(&encoded.errors), encoded.row(1)),
        ("0 missing-column: id: required, and null".into(), &v(1, 2)[..])
    );
}

#[test]
fn dictionaries_and_views_are_written_as_what_they_hold() {
    let dictionary: DictionaryArray<Int8Type> = [Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    let views = StringViewArray::from(vec![
        Some("a view that is longer than twelve bytes"),
        None,
        Some(""),
        Some("v"),
    ]);
    let bytes = BinaryViewArray::from(vec![Some(&b"bytes"[..]), None, None, None]);
    let items = StringViewArray::from(vec!["x", "y"]);
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([0, 2, 0, 0]);
    let list = ListArray::new(
        Arc::new(Field::new("item", DataType::Utf8View, true)),
        offsets,
        Arc::new(items),
        None,
    );
    let fields = vec![Arc::new(Field::new("d", dictionary.data_type().clone(), true))];
    let nested = StructArray::new(fields.into(), vec![Arc::new(dictionary.clone())], None);
    let empty: DictionaryArray<Int8Type> = [None::<&str>; 4].into_iter().collect();
    let rows = batch(vec![
        ("d", Arc::new(dictionary)),
        ("v", Arc::new(views)),
        ("b", Arc::new(bytes)),
        ("l", Arc::new(list)),
        ("s", Arc::new(nested)),
        ("e", Arc::new(empty)),
    ]);
    let writer = schema_of(&rows.schema(), "Row").unwrap();
    let encoded = encode(&writer, &rows.slice(0, 3), false);
    let values: Vec<&[u8]> = (0..3).map(|row| encoded.row(row)).collect();
    insta::assert_snapshot!(lines(&decode(&writer, &values).rows), @r#"
    {"d":"a","v":"a view that is longer than twelve bytes","b":"Ynl0ZXM=","l":[],"s":{"d":"a"},"e":null}
    {"d":null,"v":null,"b":null,"l":["x","y"],"s":{"d":null},"e":null}
    {"d":"b","v":"","b":null,"l":[],"s":{"d":"b"},"e":null}
    "#);
}

#[test]
fn a_sink_may_take_some_columns_and_values_may_be_framed() {
    let writer = message(
        "syntax = \"proto3\"; message A {} message B { message C { int32 x = 1; string y = 2; } }",
        "B.C",
    );
    let rows = batch(vec![("y", strings(&[Some("y")])), ("x", Arc::new(Int32Array::from(vec![5])))]);
    let settings = Encode {
        columns: Some(vec!["x".into()]),
        writer: Some(Arc::new(writer)),
        schema_id: Some(SchemaId::Id(7)),
        ..Encode::plain(Codec::Protobuf)
    };
    let mut out = Encoded::default();
    Encoder::new(&settings, &rows.schema()).unwrap().encode(&rows, &mut out);
    assert_eq!(out.row(0), [&[0, 0, 0, 0, 7, 4, 2, 0][..], &v(1, 5)].concat());
    let in_header = Encode { schema_id: Some(SchemaId::Guid(*b"0123456789abcdef")), ..settings.clone() };
    let mut encoder = Encoder::new(&in_header, &rows.schema()).unwrap();
    encoder.encode(&rows, &mut out);
    assert_eq!(
        (encoder.header(), out.row(0)),
        (Some(&b"\x010123456789abcdef\x04\x02\x00"[..]), &v(1, 5)[..])
    );
    let refused = Encode { columns: Some(vec!["z".into()]), ..settings };
    assert_eq!(Encoder::new(&refused, &rows.schema()).err().unwrap(), "z: no such column; there are y, x");
    let mut encoder =
        ProtobufEncoder::new(None, &schema(vec![Field::new("y", DataType::Int8, true)]), None, false)
            .unwrap();
    encoder.encode(&rows, &mut out);
    assert_eq!(errors(&out.errors), "0 type-mismatch: y: expected Int8, found another schema");
}

#[test]
fn half_floats_and_days_in_milliseconds_are_written_as_protobuf_has_them() {
    let half = |value: f32| <Float16Type as ArrowPrimitiveType>::Native::from_f32(value);
    let rows = batch(vec![
        ("h", Arc::new(Float16Array::from(vec![half(1.5), half(f32::INFINITY)]))),
        ("d", Arc::new(Date64Array::from(vec![86_400_000 * 3, -1]))),
        ("n", Arc::new(Decimal64Array::from(vec![-12_345, 5]).with_precision_and_scale(8, 3).unwrap())),
    ]);
    let writer = schema_of(&rows.schema(), "Row").unwrap();
    let encoded = encode(&writer, &rows, false);
    let read = decode(&writer, &[encoded.row(0), encoded.row(1)]).rows;
    assert_eq!(read.column(0).as_primitive::<Float32Type>().values(), &[1.5, f32::INFINITY]);
    assert_eq!(read.column(1).as_primitive::<Int32Type>().values(), &[3, -1]);
    assert_eq!(
        read.column(2).as_string::<i32>().iter().collect::<Vec<_>>(),
        [Some("-12.345"), Some("0.005")]
    );
}
