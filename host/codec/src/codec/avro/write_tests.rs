//! What rows become, by a schema of the columns or a given one, and which are refused with which words.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use serde_json::{Value, json};

use super::tests::{avro, bytes, errors, one, record};
use super::{AvroEncoder, AvroReader, columns};
use crate::codec::framed::ReadWritten as _;
use crate::codec::registered::RegisteredSchema;
use crate::codec::rows::Rows;
use crate::codec::trip::records;
use crate::codec::{Codec, Encode, Encoded, Encoder};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn encode(rows: &RecordBatch, writer: &RegisteredSchema) -> Encoded {
    let mut out = Encoded::default();
    AvroEncoder::new(None, &rows.schema(), Some(writer), false).unwrap().encode(rows, &mut out);
    out
}

/// Why these columns cannot be written so.
fn refused(rows: &RecordBatch, writer: &RegisteredSchema) -> String {
    AvroEncoder::new(None, &rows.schema(), Some(writer), false).err().unwrap()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[test]
fn columns_are_written_by_name_and_alias_and_the_rest_by_default() {
    let writer = record(json!([
        { "name": "more", "type": { "type": "array", "items": "int" }, "default": [1] },
        { "name": "name", "type": ["null", "string"], "aliases": ["user"] },
        { "name": "id", "type": "int" },
        { "name": "state", "type": { "type": "enum", "name": "S", "symbols": ["OPEN", "PAID", "A"] } },
    ]));
    let rows = batch(vec![
        ("id", longs(&[1, 2, 1 << 40, 4])),
        ("user", texts(&[Some("ann"), None, None, None])),
        ("state", texts(&[Some("A"), Some("PAID"), Some("OPEN"), Some("LOST")])),
    ]);
    let encoded = encode(&rows, &writer);
    let default = bytes().long(1).long(1).long(0);
    assert_eq!(encoded.row(0), default.clone().long(1).text("ann").long(1).long(2).0);
    assert_eq!(encoded.row(1), default.long(0).long(2).long(1).0);
    insta::assert_snapshot!(errors(&encoded.errors), @r#"
    2 out-of-range: id: expected an int, which cannot hold 1099511627776
    3 type-mismatch: state: expected a symbol of the enum (A, OPEN, PAID), found "LOST"
    "#);
    assert_eq!((encoded.row(2), encoded.row(3)), (&b""[..], &b""[..]));
}

#[test]
fn everything_that_does_not_fit_is_named() {
    let writer = record(json!([
        { "name": "id", "type": "string" },
        { "name": "user", "type": ["null", "int", "boolean"] },
        { "name": "list", "type": { "type": "array", "items": { "type": "record", "name": "I", "fields": [
            { "name": "a", "type": "int" }, { "name": "b", "type": "int" },
        ] } } },
        { "name": "needed", "type": ["null", "int"] },
        { "name": "odd", "type": "int", "default": "x" },
    ]));
    let item: ArrayRef = Arc::new(StructArray::from(vec![(
        Arc::new(Field::new("a", DataType::Utf8, true)),
        texts(&[Some("x")]),
    )]));
    let list = ListArray::new(
        Arc::new(Field::new("item", item.data_type().clone(), true)),
        arrow::buffer::OffsetBuffer::from_lengths([1]),
        item,
        None,
    );
    let rows = batch(vec![
        ("id", longs(&[1])),
        ("user", texts(&[Some("a")])),
        ("list", Arc::new(list)),
        ("extra", longs(&[1])),
    ]);
    insta::assert_snapshot!(refused(&rows, &writer).replace("; ", "\n"), @r#"
    id: int64 cannot be written as string
    user: string cannot be written as int
    user: string cannot be written as boolean
    list[].a: string cannot be written as int
    list[].b: no column has this name, and the schema no default
    needed: no column has this name, and the schema no default
    odd: the default of odd: "x" is no int
    extra: the record R has no such field
    "#);
    insta::assert_snapshot!([
        refused(&rows, &avro(json!("int"))),
        refused(&rows, &avro(json!({ "type": "x" }))),
        refused(&batch(vec![("v", longs(&[1]))]), &one(json!(["null"]))),
    ].join("\n"), @r"
    the schema is one value (int), and there are 4 columns: choose one
    there is no type x
    v: the schema's union has no branch for values
    ");
    let none = ["nope".to_owned(), "id".to_owned()];
    let twice = ["id".to_owned(), "id".to_owned()];
    let names = |names| AvroEncoder::new(Some(names), &rows.schema(), None, false).err().unwrap();
    insta::assert_snapshot!([names(&none), names(&twice)].join("\n"), @r"
    nope: no such column; there are id, user, list, extra
    id: two columns have this name
    ");
}

#[test]
fn a_branch_is_chosen_by_its_type() {
    let written =
        |array: ArrayRef, union: Value| encode(&batch(vec![("v", array)]), &one(union)).row(0).to_vec();
    let all = json!(["null", "int", "long", "float", "double", "bytes", "string"]);
    assert_eq!(written(longs(&[3]), all.clone()), bytes().long(2).long(3).0);
    assert_eq!(written(Arc::new(Int16Array::from(vec![3])), all.clone()), bytes().long(1).long(3).0);
    assert_eq!(written(Arc::new(Float64Array::from(vec![0.5])), all.clone())[0], 8);
    assert_eq!(written(Arc::new(Float32Array::from(vec![0.5])), all.clone())[0], 6);
    assert_eq!(written(texts(&[Some("x")]), all.clone()), bytes().long(6).text("x").0);
    assert_eq!(written(texts(&[None]), all.clone()), bytes().long(0).0);
    assert_eq!(written(Arc::new(NullArray::new(1)), all), bytes().long(0).0);
    assert_eq!(written(longs(&[3]), json!(["int", "null"])), bytes().long(0).long(3).0);
}

#[test]
fn an_object_of_branches_is_a_union() {
    let union = json!(["null", "string", "long", { "type": "record", "name": "ns.Pair", "fields": [{ "name": "a", "type": "int" }] }]);
    let schema = one(union);
    let columns = columns(&schema).unwrap();
    let values =
        [bytes().long(1).text("x"), bytes().long(0), bytes().long(3).long(7), bytes().long(2).long(-5)];
    let values: Vec<Vec<u8>> = values.into_iter().map(|value| value.0).collect();
    let avro = AvroReader::new(&schema, &columns).unwrap();
    let rows = Rows::new(columns, avro).unwrap().decode(&records(&values)).rows;
    let encoded = encode(&rows, &schema);
    assert_eq!((0..4).map(|row| encoded.row(row).to_vec()).collect::<Vec<_>>(), values);

    let both: ArrayRef = Arc::new(StructArray::from(vec![
        (Arc::new(Field::new("string", DataType::Utf8, true)), texts(&[Some("x"), None])),
        (
            Arc::new(Field::new("long", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef,
        ),
    ]));
    let encoded = encode(&batch(vec![("v", Arc::clone(&both))]), &schema);
    assert_eq!(encoded.row(1), [0]);
    insta::assert_snapshot!(errors(&encoded.errors), @"0 type-mismatch: v: expected one branch of the union, found both string and long");
    let neither = encode(&batch(vec![("v", both)]), &one(json!(["string", "long"])));
    insta::assert_snapshot!(errors(&neither.errors), @r"
    0 type-mismatch: v: expected one branch of the union, found both string and long
    1 type-mismatch: v: null, and the field of the schema cannot be null
    ");
}

#[test]
fn values_that_the_schema_cannot_hold_are_refused_by_row() {
    let decimal = |size| json!({ "type": "fixed", "name": "D", "size": size, "logicalType": "decimal", "precision": 4, "scale": 1 });
    let writer = record(json!([
        { "name": "at", "type": { "type": "long", "logicalType": "timestamp-millis" } },
        { "name": "price", "type": decimal(2) },
        { "name": "key", "type": { "type": "fixed", "name": "U", "size": 16, "logicalType": "uuid" } },
        { "name": "raw", "type": { "type": "fixed", "name": "F", "size": 2 } },
        { "name": "big", "type": "long" },
    ]));
    let uuid = Some("a4818e1c-8e59-11eb-8dcd-0242ac130003");
    let rows = batch(vec![
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![5_000, 5_001, 0, 0, 0, 0, 0]))),
        ("price", {
            let digits = Decimal128Array::from(vec![-1_230, 0, 1_234, 999_910, 0, 0, 0]);
            Arc::new(digits.with_precision_and_scale(10, 2).unwrap())
        }),
        ("key", texts(&[uuid, uuid, uuid, uuid, Some("no"), uuid, None])),
        ("raw", Arc::new(BinaryArray::from(vec![&b"ab"[..], b"ab", b"ab", b"ab", b"ab", b"abc", b"ab"]))),
        ("big", Arc::new(UInt64Array::from(vec![1, 1, 1, 1, 1, 1, 1]))),
    ]);
    let encoded = encode(&rows, &writer);
    let key = 0xa4818e1c8e5911eb8dcd0242ac130003_u128.to_be_bytes();
    assert_eq!(encoded.row(0), bytes().long(5).raw(&[0xff, 0x85]).raw(&key).raw(b"ab").long(1).0);
    insta::assert_snapshot!(errors(&encoded.errors), @r#"
    1 out-of-range: at: 5001 has digits below the unit of the schema
    2 out-of-range: price: 1234 times 10^-1 is not whole, or has more than 4 digits
    3 out-of-range: price: 999910 times 10^-1 is not whole, or has more than 4 digits
    4 type-mismatch: key: expected a UUID, found "no"
    5 type-mismatch: raw: expected 2 bytes, found 3
    6 type-mismatch: key: null, and the field of the schema cannot be null
    "#);
    let far = batch(vec![("v", Arc::new(UInt64Array::from(vec![u64::MAX])))]);
    insta::assert_snapshot!([
        errors(&encode(&far, &one(json!("long"))).errors),
        errors(&encode(&far, &one(json!("int"))).errors),
        errors(&encode(&batch(vec![("v", Arc::new(TimestampSecondArray::from(vec![i64::MAX])))]),
            &one(json!({ "type": "long", "logicalType": "timestamp-millis" }))).errors),
    ].join("\n"), @r"
    0 out-of-range: v: expected a long, which cannot hold 18446744073709551615
    0 out-of-range: v: expected an int, which cannot hold 18446744073709551615
    0 out-of-range: v: expected a long, which cannot hold 9223372036854775807000
    ");
    assert_eq!(
        encode(&far, &one(json!({ "type": "bytes", "logicalType": "decimal", "precision": 20 }))).row(0)[0],
        18
    );
}

#[test]
fn rare_arrays_are_written_as_the_common_ones() {
    let words = ["ab", "", "a word that is longer than twelve"];
    let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(words));
    let dictionary: ArrayRef =
        Arc::new(words.iter().copied().map(Some).chain([None]).collect::<DictionaryArray<Int8Type>>());
    let blobs: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(words));
    for (array, of) in [(views, "string"), (dictionary, "string"), (blobs, "bytes")] {
        let encoded = encode(&batch(vec![("v", array)]), &one(json!(["null", of])));
        for (row, word) in words.iter().enumerate() {
            assert_eq!(encoded.row(row), bytes().long(1).text(word).0);
        }
        assert!(encoded.ends.len() == 3 || encoded.row(3) == [0]);
    }
    let halves: ArrayRef = Arc::new(Float16Array::from_iter_values(
        [0.5, -2.0].map(<Float16Type as ArrowPrimitiveType>::Native::from_f32),
    ));
    assert_eq!(encode(&batch(vec![("v", halves)]), &one(json!("double"))).row(1), (-2.0_f64).to_le_bytes());
    let sliced = batch(vec![("v", longs(&[1, 2, 3]))]).slice(1, 2);
    assert_eq!(encode(&sliced, &one(json!("long"))).bytes, [4, 6]);
    let small: ArrayRef = Arc::new(Decimal32Array::from(vec![15]).with_precision_and_scale(4, 1).unwrap());
    let decimal = json!({ "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 });
    assert_eq!(encode(&batch(vec![("v", small)]), &one(decimal)).row(0), [4, 0, 150]);
}

#[test]
fn a_duration_is_an_object() {
    let schema = one(json!({ "type": "fixed", "name": "D", "size": 12, "logicalType": "duration" }));
    let columns = columns(&schema).unwrap();
    let value = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0];
    let avro = AvroReader::new(&schema, &columns).unwrap();
    let rows = Rows::new(columns, avro).unwrap().decode(&records(&[value])).rows;
    assert_eq!(encode(&rows, &schema).row(0), value);
    let part = |name: &str, value| {
        (
            Arc::new(Field::new(name, DataType::Int32, false)),
            Arc::new(Int32Array::from(vec![value])) as ArrayRef,
        )
    };
    let negative = StructArray::from(vec![part("months", 1), part("days", -1), part("millis", 3)]);
    insta::assert_snapshot!(errors(&encode(&batch(vec![("v", Arc::new(negative))]), &schema).errors), @"0 out-of-range: v: expected a duration, which cannot hold -1");
}

#[test]
fn a_sink_takes_some_columns_and_says_its_schema() {
    let rows = batch(vec![("id", longs(&[1])), ("user", texts(&[None])), ("not a name", longs(&[1]))]);
    let columns = Some(vec!["user".to_owned(), "id".to_owned()]);
    let mut encoder = AvroEncoder::new(columns.as_deref(), &rows.schema(), None, false).unwrap();
    insta::assert_snapshot!(encoder.schema(), @r#"{"type":"record","name":"Row","fields":[{"name":"user","type":["null","string"],"default":null},{"name":"id","type":["null","long"],"default":null}]}"#);
    let mut out = Encoded::default();
    encoder.encode(&rows, &mut out);
    assert_eq!(out.row(0), [0, 2, 2]);
    // Rows of other columns are none that it was made for.
    encoder.encode(&batch(vec![("id", texts(&[None])), ("user", texts(&[None]))]), &mut out);
    insta::assert_snapshot!(errors(&out.errors), @"0 type-mismatch: id: expected Int64, found another schema");
    let all = Encoder::new(&Encode::plain(Codec::Avro), &rows.schema()).err().unwrap();
    insta::assert_snapshot!(all, @"not a name: `not a name` is no name of Avro (letters, digits and _, not beginning with a digit): rename the column");
}

#[test]
fn the_branch_of_the_same_meaning_is_taken_before_a_wider_one() {
    let logical = |of: &str, logical: &str| json!({ "type": of, "logicalType": logical });
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![20_000]));
    let instants: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from(vec![1_714_566_645_123_000]).with_timezone("UTC"));
    let union = |branches: Value| one(branches);
    let date = union(json!(["null", "long", logical("int", "date")]));
    assert_eq!(encode(&batch(vec![("v", dates)]), &date).row(0), bytes().long(2).long(20_000).0);
    let instant = union(json!(["int", logical("long", "timestamp-millis")]));
    let encoded = encode(&batch(vec![("v", instants)]), &instant);
    assert_eq!(
        (encoded.row(0), errors(&encoded.errors)),
        (&bytes().long(1).long(1_714_566_645_123).0[..], String::new())
    );
    let whole = union(json!([logical("long", "timestamp-millis"), "int"]));
    assert_eq!(encode(&batch(vec![("v", longs(&[7]))]), &whole).row(0), bytes().long(1).long(7).0);
}

#[test]
fn digits_may_be_more_than_128_bits_hold_on_the_way() {
    let five = Decimal128Array::from(vec![500]).with_precision_and_scale(20, 2).unwrap();
    let rows = batch(vec![("v", Arc::new(five) as ArrayRef)]);
    let writer = one(json!({ "type": "bytes", "logicalType": "decimal", "precision": 50, "scale": 40 }));
    let encoded = encode(&rows, &writer);
    assert_eq!(errors(&encoded.errors), "");
    let columns: SchemaRef = rows.schema();
    let mut reader = AvroReader::of_columns(&columns).unwrap();
    reader.use_writer(1, &writer).unwrap();
    let decoded = Rows::new(columns, reader).unwrap().decode(&records(&[encoded.row(0)]));
    assert_eq!((&decoded.rows, errors(&decoded.errors)), (&rows, String::new()));
}
